"""What Engine.IO's protocol, version 4, asks of a server: heartbeats, ends and upgrades."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from support.eio_client import (
    PING,
    PONG,
    SEPARATOR,
    Polling,
    Socket,
    event,
    message,
    target,
    websocket,
)
from support.realtime import FAST, SLOW, Site, serving
from support.waiting import eventually

from callboard.clock import SystemClock

MORE_S = 0.3
"""How much later than it should something may happen on a busy machine."""


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
async def polling(slow: Site) -> Polling:
    """A session by polling with the main namespace open."""
    client = Polling(slow.http)
    await client.enter()
    return client


# -- heartbeat


async def test_pings_come_by_polling(fast: Site) -> None:
    polling = Polling(fast.http)
    await polling.open()
    for _ in range(3):
        assert (await polling.poll()).text == PING
        assert (await polling.post(PONG)).status_code == 200


async def test_pings_come_by_websocket_and_not_too_soon(fast: Site) -> None:
    clock = SystemClock()
    async with websocket(fast.url) as socket:
        await socket.opened()
        for _ in range(3):
            before_s = clock.monotonic_s()
            assert await socket.hear() == PING
            assert FAST["ping_interval"] - 0.05 < clock.monotonic_s() - before_s
            await socket.send(PONG)


@pytest.mark.parametrize("polls", [0, 1])
async def test_who_sends_no_pong_by_polling_is_gone_in_time(fast: Site, polls: int) -> None:
    polling, clock = Polling(fast.http), SystemClock()
    await polling.enter()
    began_s = clock.monotonic_s()
    for _ in range(polls):
        assert (await polling.poll()).text == PING
    assert await fast.departures() == [("/", "ping timeout")]
    assert 0.4 < clock.monotonic_s() - began_s < 0.5 + MORE_S
    assert await polling.is_over()


async def test_who_sends_no_pong_by_websocket_is_closed_in_time(fast: Site) -> None:
    clock = SystemClock()
    async with websocket(fast.url) as socket:
        await socket.opened()
        await socket.enter()
        began_s = clock.monotonic_s()
        assert PING in await socket.ended()
        assert 0.4 < clock.monotonic_s() - began_s < 0.5 + MORE_S
    assert await fast.departures() == [("/", "ping timeout")]


# -- close


async def test_close_ends_a_waiting_poll_with_noop(slow: Site, polling: Polling) -> None:
    async with asyncio.timeout(2), asyncio.TaskGroup() as group:
        poll = group.create_task(polling.poll())
        await slow.waiting("GET")
        assert (await polling.post("1")).status_code == 200
    assert (poll.result().status_code, poll.result().text) == (200, "6")
    assert await polling.is_over()
    assert await slow.departures() == [("/", "client disconnect")]


async def test_close_by_websocket_closes_it(slow: Site) -> None:
    async with websocket(slow.url) as socket:
        await socket.opened()
        await socket.enter()
        await socket.send("1")
        assert await socket.ended() == []
    assert await slow.departures() == [("/", "client disconnect")]


@pytest.mark.parametrize("abort", [True, False])
async def test_a_websocket_that_goes_is_noticed_at_once(slow: Site, abort: bool) -> None:
    async with websocket(slow.url) as socket:
        await socket.opened()
        await socket.enter()
        if abort:
            socket.connection.transport.abort()
    assert await slow.departures(within_s=1) == [("/", "transport close")]


async def test_nothing_is_kept_of_sessions_that_ended(slow: Site) -> None:
    for _ in range(5):
        async with websocket(slow.url) as socket:
            await socket.opened()
        async with websocket(slow.url) as socket:
            await socket.opened()
            await socket.enter()
            await socket.enter("/custom")
            await socket.send(f"451-{message('message', {'_placeholder': True, 'num': 0})[2:]}")
        polling = Polling(slow.http)
        await polling.enter()
        await polling.post("1")
    await eventually(slow.kept, lambda count: count == 0)


# -- upgrade


@contextlib.asynccontextmanager
async def upgraded(site: Site, sid: str) -> AsyncIterator[Socket]:
    """Make a session's transport a WebSocket."""
    async with websocket(site.url, sid) as socket:
        await socket.send("2probe")
        assert await socket.receive() == "3probe"
        await socket.send("5")
        yield socket


async def test_an_upgrade_ends_the_waiting_poll_and_goes_on_by_websocket(
    slow: Site, polling: Polling
) -> None:
    async with asyncio.timeout(2), asyncio.TaskGroup() as group:
        poll = group.create_task(polling.poll())
        await slow.waiting("GET")
        async with websocket(slow.url, polling.sid) as socket:
            await socket.send("2probe")
            assert await socket.receive() == "3probe"
            await slow.waiting("GET", 0)
            await socket.send("5")
            await socket.echo()
    assert (poll.result().status_code, poll.result().text) == (200, "6")


async def test_a_poll_after_the_probe_ends_with_noop(slow: Site, polling: Polling) -> None:
    async with websocket(slow.url, polling.sid) as socket:
        await socket.send("2probe")
        assert await socket.receive() == "3probe"
        answer = await polling.poll()
        assert (answer.status_code, answer.text) == (200, "6")
        await socket.send("5")
        await socket.echo()


async def test_no_noop_comes_by_websocket(slow: Site, polling: Polling) -> None:
    async with upgraded(slow, polling.sid) as socket:
        await socket.send(message("message"))
        assert await socket.hear() == message("message-back")


async def test_payloads_are_taken_until_the_upgrade(slow: Site, polling: Polling) -> None:
    async with websocket(slow.url, polling.sid) as socket:
        await socket.send("2probe")
        assert await socket.receive() == "3probe"
        assert (await polling.post(message("message", 1))).status_code == 200
        await socket.send("5", message("message", 2))
        heard = [event(await socket.receive()) for _ in range(2)]
        assert heard == [["message-back", 1], ["message-back", 2]]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_polling_is_refused_after_an_upgrade(
    slow: Site, polling: Polling, method: str
) -> None:
    async with upgraded(slow, polling.sid) as socket:
        await socket.echo()
        where = target("polling", polling.sid)
        answer = await slow.http.request(method, where, content=message("message"))
        assert answer.status_code == 400
        await socket.echo()


@pytest.mark.parametrize("stage", ["opened by websocket", "probed", "upgraded"])
async def test_a_second_websocket_is_closed_and_the_first_lives_on(
    slow: Site, polling: Polling, stage: str
) -> None:
    by_websocket = stage == "opened by websocket"
    async with websocket(slow.url, None if by_websocket else polling.sid) as socket:
        if by_websocket:
            sid = (await socket.opened())["sid"]
            await socket.enter()
        else:
            sid = polling.sid
            await socket.send("2probe")
            assert await socket.receive() == "3probe"
        if stage == "upgraded":
            await socket.send("5")
            await socket.echo()
        # Closed, not refused: some clients take a refusal for a network error and try again.
        async with websocket(slow.url, sid) as second:
            assert await second.ended() == []
        if stage == "probed":
            await socket.send("5")
        await socket.echo()


@pytest.mark.parametrize(
    "packets", [["5"], ["2"], ["2other"], ["abc"], [b"2probe"], ["2probe", "6"], ["2probe", b"5"]]
)
async def test_a_failed_probe_leaves_polling_alone(
    slow: Site, polling: Polling, packets: list[str | bytes]
) -> None:
    async with websocket(slow.url, polling.sid) as socket:
        await socket.send(*packets)
        assert await socket.ended() in ([], ["3probe"])
    await polling.echo()
    # Nor does it spoil another try.
    async with upgraded(slow, polling.sid) as socket:
        await socket.echo()


async def test_a_websocket_that_goes_during_the_probe_leaves_polling_alone(
    slow: Site, polling: Polling
) -> None:
    async with websocket(slow.url, polling.sid) as socket:
        await socket.send("2probe")
        assert await socket.receive() == "3probe"
        assert (await polling.post(message("message", "kept"))).status_code == 200
        socket.connection.transport.abort()
    await slow.waiting("websocket", 0)
    assert event(await polling.receive()) == ["message-back", "kept"]
    await polling.echo()


async def test_an_upgrade_of_a_closed_session_is_closed(slow: Site, polling: Polling) -> None:
    async with websocket(slow.url, polling.sid) as socket:
        await socket.send("2probe")
        assert await socket.receive() == "3probe"
        await polling.post("1")
        await socket.send("5")
        assert await socket.ended() == []
    assert await slow.departures() == [("/", "client disconnect")]


async def test_pings_go_on_after_an_upgrade(fast: Site) -> None:
    polling = Polling(fast.http)
    await polling.open()
    async with upgraded(fast, polling.sid) as socket:
        for _ in range(3):
            assert await socket.hear() == PING
            await socket.send(PONG)


@pytest.mark.parametrize("polls", [0, 1, 2, 5])
async def test_nothing_is_lost_or_overtaken_during_an_upgrade(
    slow: Site, polling: Polling, polls: int
) -> None:
    count = 400
    assert (await polling.post(message("count", count))).status_code == 200
    heard: list[str] = []
    for _ in range(polls):
        heard += (await polling.poll()).text.split(SEPARATOR)
    async with websocket(slow.url, polling.sid) as socket, asyncio.timeout(5):
        await socket.send("2probe")
        heard += (await polling.poll()).text.split(SEPARATOR)
        assert await socket.receive() == "3probe"
        heard += (await polling.poll()).text.split(SEPARATOR)
        await socket.send("5")
        numbers = [event(packet)[1] for packet in heard if packet != "6"]
        while len(numbers) < count:
            numbers.append(event(await socket.receive())[1])
        await socket.echo()
    assert numbers == list(range(count))
