"""What is no Socket.IO: it closes its own connection, says so once, and harms nobody else."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.eio_client import Polling, Socket, message, websocket
from support.realtime import SLOW, Site, serving
from support.waiting import eventually
from websockets.exceptions import ConnectionClosed

ATTACHED = '["message",{"_placeholder":true,"num":0}]'

Packets = list[str | bytes]


@pytest.fixture
async def slow() -> AsyncIterator[Site]:
    """A server whose timers end nothing while a test runs."""
    async with serving(**SLOW) as site:
        yield site


@pytest.fixture
async def entered(slow: Site) -> AsyncIterator[Socket]:
    """A WebSocket in the main namespace."""
    async with websocket(slow.url) as socket:
        await socket.opened()
        await socket.enter()
        yield socket


INVALID: list[Packets] = [
    ["4"],
    ["4abc"],
    ["4²"],
    ["49"],
    ["42"],
    ["42{}"],
    ["42[]"],
    ["42[{}]"],
    ["42null"],
    ['42"message"'],
    ['42["message"'],
    ['42["message"]trailing'],
    ['42["message",NaN]'],
    ['42abc["message-with-ack",1]'],
    ['42-1["message-with-ack",1]'],
    ['421.5["message-with-ack",1]'],
    ["42" + "1" * 5_000 + '["message-with-ack",1]'],
    ["42" + "[" * 20_000],
    ["431"],
    ["431{}"],
    ["43[]"],
    ['44{"message":"mine"}'],
    ['42["connect"]'],
    ['42["disconnect","client disconnect"]'],
    [message("message", namespace="/custom")],
    ["40/custom,[1]"],
    ['40/custom,"token"'],
    [b"\x01\x02"],
    ["45" + ATTACHED],
    ["45-" + ATTACHED],
    ["450-" + ATTACHED],
    ["4599999999999-" + ATTACHED],
    ["451-" + ATTACHED, message("message")],
    ["451-" + ATTACHED.replace("0", "7"), b"\x01"],
    ["451-" + ATTACHED.replace("0", "-1"), b"\x01"],
    ["451-" + ATTACHED.replace("0", '"0"'), b"\x01"],
    ["451-[]", b"\x01"],
    ['451-[{"_placeholder":true,"num":0}]', b"message"],
]


@pytest.mark.parametrize("packets", INVALID, ids=lambda packets: str(packets)[:60])
async def test_what_is_no_packet_closes_the_connection_at_once(
    slow: Site, entered: Socket, packets: Packets
) -> None:
    async with websocket(slow.url) as other:
        await other.opened()
        await other.enter()
        await entered.send(*packets)
        assert await entered.ended() == []
        assert await slow.departures() == [("/", "transport error")]
        await other.echo()
    assert len(slow.lines) == 1, slow.lines
    assert len(slow.lines[0]) < 500


@pytest.mark.parametrize("packet", ["4abc", "42{}", '42abc["message-with-ack"]'])
async def test_what_is_no_packet_ends_polling_at_once(slow: Site, packet: str) -> None:
    polling = Polling(slow.http)
    await polling.enter()
    answer = await polling.post(message("message"), packet, message("message"))
    assert answer.status_code in (200, 400)
    assert await polling.is_over()
    assert len(slow.lines) == 1, slow.lines


# -- anything at all


def mostly(usual: st.SearchStrategy[str], *seldom: str) -> st.SearchStrategy[str]:
    """Draw what is usual, and now and then something else."""
    return st.one_of(usual, usual, usual, st.sampled_from(seldom), st.text(max_size=5))


NAMES = ["message", "message-with-ack", "ask", "leave", "connect", "disconnect", "x", ""]
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.text(max_size=8),
        st.builds(lambda num: {"_placeholder": True, "num": num}, st.integers(-1, 2)),
    ),
    lambda some: st.one_of(
        st.lists(some, max_size=3), st.dictionaries(st.text(max_size=4), some, max_size=3)
    ),
    max_leaves=6,
)
BODIES = st.builds(
    lambda name, data: message(name, *data)[2:], st.sampled_from(NAMES), st.lists(VALUES)
)
NEARLY: st.SearchStrategy[str] = st.tuples(
    mostly(st.just("4"), "0", "1", "2", "3", "5", "6", "b", ""),
    mostly(st.sampled_from("0123456"), "7", "9", "²", "-", ""),
    mostly(st.just(""), "1-", "2-", "-", "0-", "11-", "00001-"),
    mostly(st.just(""), "/,", "/custom,", "/custom", "/random,", ",", "//,", "/custom?a=b,"),
    mostly(st.just(""), "0", "7", "\u0661", "9" * 101, "-1"),
    mostly(BODIES, "", "{}", "[]", "null", '{"token":1}', "[" * 3_000, "NaN", '{"refuse":1}'),
).map("".join)
FRAMES: st.SearchStrategy[str | bytes] = st.one_of(
    NEARLY, NEARLY, NEARLY, st.text(max_size=20), st.binary(max_size=20)
)
TRIES = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@TRIES
@given(enters=st.booleans(), frames=st.lists(FRAMES, min_size=1, max_size=12))
async def test_frames_of_any_kind_harm_nobody_else(
    slow: Site, entered: Socket, enters: bool, frames: Packets
) -> None:
    async with websocket(slow.url) as socket:
        await socket.opened()
        if enters:
            await socket.enter()
        with contextlib.suppress(ConnectionClosed):
            await socket.send(*frames)
        # The one who watches is answered after all that came before.
        await entered.echo()
    await only_one_is_left(slow)


@TRIES
@given(enters=st.booleans(), payloads=st.lists(st.lists(FRAMES, max_size=6), max_size=4))
async def test_payloads_of_any_kind_harm_nobody_else(
    slow: Site, entered: Socket, enters: bool, payloads: list[Packets]
) -> None:
    polling = Polling(slow.http)
    await (polling.enter() if enters else polling.open())
    for payload in payloads:
        answer = await polling.post(*payload)
        assert answer.status_code in (200, 400), answer.text
        await entered.echo()
    await polling.post("1")
    await only_one_is_left(slow)


async def only_one_is_left(site: Site) -> None:
    """Return when the server has forgotten everybody but one; no traceback may be logged."""

    async def look() -> int:
        return len(site.server.eio.sockets)

    await eventually(look, lambda seen: seen == 1)
    assert site.tracebacks == []
