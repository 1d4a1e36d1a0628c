"""What Socket.IO's protocol, version 5, asks of a server."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.eio_client import PING, PONG, Polling, Socket, event, message, websocket
from support.realtime import FAST, SLOW, Site, serving

PLACEHOLDER = {"_placeholder": True, "num": 0}
ATTACHED = '["message",{"_placeholder":true,"num":0}]'


@pytest.fixture
async def fast() -> AsyncIterator[Site]:
    """A server that pings after 0.3 s and waits 0.2 s for the pong."""
    async with serving(**FAST) as site:
        yield site


@pytest.fixture
async def slow() -> AsyncIterator[Site]:
    """A server whose timers end nothing while a test runs."""
    async with serving(**SLOW) as site:
        yield site


@pytest.fixture
async def opened(slow: Site) -> AsyncIterator[Socket]:
    """A WebSocket that has opened no namespace yet."""
    async with websocket(slow.url) as socket:
        await socket.opened()
        yield socket


@pytest.fixture
async def entered(opened: Socket) -> Socket:
    """A WebSocket in the main namespace."""
    await opened.enter()
    return opened


# -- connect


@pytest.mark.parametrize("auth", [None, {}, {"token": "123", "of": ["naïve 😀"]}])
@pytest.mark.parametrize("namespace", ["/", "/custom"])
async def test_a_namespace_opens(opened: Socket, namespace: str, auth: Any) -> None:
    assert await opened.enter(namespace, auth)
    await opened.echo("hello", namespace)


async def test_a_custom_namespace_needs_no_comma(opened: Socket) -> None:
    await opened.send("40/custom")
    answer = await opened.receive_text()
    assert answer.startswith("40/custom,{")
    assert set(json.loads(answer.removeprefix("40/custom,"))) == {"sid"}


async def test_every_namespace_has_an_id_of_its_own(slow: Site) -> None:
    async with websocket(slow.url) as socket, websocket(slow.url) as other:
        sids = [(await each.opened())["sid"] for each in (socket, other)]
        for each in (socket, other):
            sids += [await each.enter(), await each.enter("/custom")]
        assert len(set(sids)) == 6
        await socket.echo()
        await socket.echo("as well", "/custom")


async def test_an_unknown_namespace_is_refused(opened: Socket) -> None:
    await opened.send("40/random")
    answer = await opened.receive_text()
    assert answer.startswith("44/random,")
    assert json.loads(answer.removeprefix("44/random,")) == {"message": "Invalid namespace"}
    await opened.enter()
    await opened.echo()


async def test_a_refused_client_is_told_why_and_gets_nothing_else(
    slow: Site, opened: Socket
) -> None:
    await opened.send('40{"refuse":"not today"}')
    answer = await opened.receive_text()
    assert answer.startswith("44{")
    assert json.loads(answer[2:])["message"] == "not today"
    await opened.send("40")
    assert (await opened.receive_text()).startswith("40{")
    assert event(await opened.receive()) == ["auth", {}]


@pytest.mark.parametrize(
    "packet",
    [
        message("message"),
        message("message-with-ack", ack=1),
        message("message", namespace="/custom"),
        "41",
        "431[]",
        f"451-{ATTACHED}",
    ],
)
async def test_whatever_comes_before_connect_closes_the_connection(
    slow: Site, opened: Socket, packet: str
) -> None:
    await opened.send(packet)
    assert await opened.ended() == []
    assert len(slow.lines) == 1, slow.lines


@pytest.mark.parametrize("does", ["nothing", "polls", "is refused"])
async def test_who_opens_no_namespace_in_time_is_closed(does: str) -> None:
    async with serving(**SLOW, connect_timeout_s=0.3) as site:
        if does == "polls":
            polling = Polling(site.http)
            await polling.open()
            async with asyncio.timeout(1.5):
                await polling.poll()
            assert await polling.is_over()
        else:
            async with websocket(site.url) as socket:
                await socket.opened()
                if does == "is refused":
                    await socket.send('40{"refuse":"not today"}', "40/random")
                assert len(await socket.ended()) == 2 * (does == "is refused")
        assert len(site.lines) == 1, site.lines


@pytest.mark.parametrize("namespace", ["/", "/custom"])
async def test_who_opens_a_namespace_in_time_stays(namespace: str) -> None:
    async with serving(**FAST, connect_timeout_s=0.3) as site, websocket(site.url) as socket:
        await socket.opened()
        await socket.enter(namespace)
        for _ in range(2):
            assert await socket.hear() == PING
            await socket.send(PONG)
        await socket.echo("still here", namespace)


@pytest.mark.parametrize("packet", ['40/custom,{"refuse":"not today"}', "40/random,"])
async def test_who_is_in_one_namespace_may_be_refused_in_another(packet: str) -> None:
    async with serving(**FAST, connect_timeout_s=0.1) as site, websocket(site.url) as socket:
        await socket.opened()
        await socket.enter()
        await socket.send(packet)
        assert str(await socket.receive()).startswith("44/")
        for _ in range(2):
            assert await socket.hear() == PING
            await socket.send(PONG)
        await socket.echo()


async def test_connecting_twice_makes_no_second_session(slow: Site, entered: Socket) -> None:
    """The text leaves open what happens; only that nobody is told things twice is sure."""
    await entered.send("40", message("message"), "1")
    heard = await entered.ended()
    assert heard.count(message("message-back")) <= 1
    assert len(await slow.departures()) == 1


# -- disconnect


async def test_leaving_the_main_namespace_keeps_the_connection(fast: Site) -> None:
    async with websocket(fast.url) as socket:
        await socket.opened()
        first = await socket.enter()
        await socket.send("41")
        # Nothing is answered; the heartbeat goes on.
        assert await socket.hear() == PING
        await socket.send(PONG)
        assert await fast.departures() == [("/", "client disconnect")]
        assert await socket.enter() != first
        await socket.echo()


async def test_leaving_a_custom_namespace_keeps_the_others(slow: Site, entered: Socket) -> None:
    await entered.enter("/custom")
    await entered.send("41/custom,")
    await entered.echo()
    assert await slow.departures() == [("/custom", "client disconnect")]
    await entered.enter("/custom")
    await entered.echo("hello", "/custom")


async def test_leaving_the_main_namespace_keeps_the_others(slow: Site, entered: Socket) -> None:
    await entered.enter("/custom")
    await entered.send("41")
    await entered.echo("hello", "/custom")
    assert await slow.departures() == [("/", "client disconnect")]


async def test_a_client_is_told_when_the_server_ends_a_namespace(
    slow: Site, entered: Socket
) -> None:
    await entered.enter("/custom")
    await entered.send(message("leave", namespace="/custom"))
    assert await entered.receive() in ("41/custom,", "41/custom")
    assert await slow.departures() == [("/custom", "server disconnect")]
    await entered.echo()


# -- events


@pytest.mark.parametrize(
    "data",
    [
        [],
        [None],
        [1, "2", {"3": [True]}],
        [-1.5, 2**53 - 1, "", " ", {}, [], [[]]],
        ['"\\\x1e\x00\n', "naïve 😀 \u2028", "51-", "/custom,"],
    ],
)
@pytest.mark.parametrize("namespace", ["/", "/custom"])
async def test_an_event_is_answered(opened: Socket, namespace: str, data: list[Any]) -> None:
    await opened.enter(namespace)
    await opened.send(message("message", *data, namespace=namespace))
    assert event(await opened.receive(), namespace) == ["message-back", *data]


@pytest.mark.parametrize("ack", ["0", "456", str(2**53)])
@pytest.mark.parametrize("namespace", ["/", "/custom"])
@pytest.mark.parametrize("data", [[], [1, "2", {"3": [False]}], [["one list"]]])
async def test_an_event_is_acknowledged(
    opened: Socket, namespace: str, ack: str, data: list[Any]
) -> None:
    await opened.enter(namespace)
    await opened.send(message("message-with-ack", *data, namespace=namespace, ack=ack))
    head = f"43{'' if namespace == '/' else '/custom,'}{ack}"
    answer = await opened.receive_text()
    assert answer.startswith(f"{head}[")
    assert json.loads(answer.removeprefix(head)) == data


@pytest.mark.parametrize("namespace", ["/", "/custom"])
async def test_a_client_acknowledges_an_event(opened: Socket, namespace: str) -> None:
    await opened.enter(namespace)
    of = "" if namespace == "/" else "/custom,"
    await opened.send(message("ask", namespace=namespace))
    question = await opened.receive_text()
    ack = question.removeprefix(f"42{of}").removesuffix('["question"]')
    assert ack.isdigit()
    answer = f'43{of}{ack}["fine",1]'
    # The second is of nothing that was asked, as is any other number.
    await opened.send(answer, answer, f"43{of}{ack}9[]")
    assert event(await opened.receive(), namespace) == ["answered", "fine", 1]
    await opened.echo("still here", namespace)


async def test_an_event_nobody_handles_is_ignored(entered: Socket) -> None:
    await entered.send(message("nobody:handles", 1), message("nobody:handles", ack=7))
    await entered.echo()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_events_are_answered_in_their_order(slow: Site, transport: str) -> None:
    client: Socket | Polling
    events = [message("message", number) for number in range(200)]
    async with websocket(slow.url) as socket:
        if transport == "polling":
            client = Polling(slow.http)
            await client.enter()
            for number in range(0, 200, 10):
                assert (await client.post(*events[number : number + 10])).status_code == 200
        else:
            client = socket
            await client.opened()
            await client.enter()
            await client.send(*events)
        heard = [event(await client.receive())[1] for _ in events]
    assert heard == list(range(200))


# -- binary


@pytest.mark.parametrize("namespace", ["/", "/custom"])
async def test_an_event_with_attachments_is_answered(opened: Socket, namespace: str) -> None:
    await opened.enter(namespace)
    of = "" if namespace == "/" else "/custom,"
    data = json.dumps([{"of": [PLACEHOLDER]}, {**PLACEHOLDER, "num": 1}])[1:-1]
    await opened.send(f'452-{of}["message",{data}]', b"\x01\x02\x03", b"")
    head = f"452-{of}"
    answer = await opened.receive_text()
    assert answer.startswith(head)
    assert json.loads(answer.removeprefix(head)) == ["message-back", *json.loads(f"[{data}]")]
    assert [await opened.receive(), await opened.receive()] == [b"\x01\x02\x03", b""]
    await opened.echo("still here", namespace)


async def test_an_event_with_attachments_is_acknowledged(entered: Socket) -> None:
    await entered.send('451-789["message-with-ack",{"_placeholder":true,"num":0}]', b"\x01\x02")
    answer = await entered.receive_text()
    assert answer.startswith("461-789")
    assert json.loads(answer.removeprefix("461-789")) == [PLACEHOLDER]
    assert await entered.receive() == b"\x01\x02"


async def test_a_client_acknowledges_with_an_attachment(entered: Socket) -> None:
    await entered.send(message("ask"))
    ack = (await entered.receive_text()).removeprefix("42").removesuffix('["question"]')
    await entered.send(f'461-{ack}[{{"_placeholder":true,"num":0}}]', b"\x01\x02")
    assert str(await entered.receive()) == '451-["answered",{"_placeholder":true,"num":0}]'
    assert await entered.receive() == b"\x01\x02"
