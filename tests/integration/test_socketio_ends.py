"""Clients that go, stall or change their transport at the worst moment."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from support.eio_client import (
    NOOP,
    SEPARATOR,
    Polling,
    by_hand,
    event,
    message,
    target,
    websocket,
)
from support.realtime import FAST, SLOW, Site, serving
from support.waiting import eventually
from websockets.exceptions import ConnectionClosed

WAITS = ['{"wait":1}', '{"wait":1,"refuse":"not today"}']
"""The `connect` handler waits until somebody is let in, or refused."""

UNREAD_BYTES_MAX = 16 * 1024 * 1024
"""More than this nobody may leave unread, buffers of the kernel included."""
TEXT = "x" * 60_000


@pytest.fixture
async def slow() -> AsyncIterator[Site]:
    """A server whose timers end nothing while a test runs."""
    async with serving(**SLOW) as site:
        yield site


async def nothing_is_kept(site: Site) -> None:
    """Return when the server has forgotten everybody; nobody may leave twice."""
    await eventually(site.kept, lambda count: count == 0, within_s=3)
    assert len(site.departed) <= 1


# -- gone while the `connect` handler still runs


@pytest.mark.parametrize("goes", ["aborts", "closes", "sends garbage"])
@pytest.mark.parametrize("auth", WAITS)
async def test_a_websocket_that_goes_while_it_is_let_in(slow: Site, auth: str, goes: str) -> None:
    async with websocket(slow.url) as socket:
        await socket.opened()
        await socket.send(f"40{auth}")
        if goes == "aborts":
            socket.connection.transport.abort()
        elif goes == "closes":
            await socket.connection.close()
        else:
            await socket.send("9")
        slow.let_in.set()
        if goes == "sends garbage":
            assert len(await socket.ended()) <= 2
    await nothing_is_kept(slow)


@pytest.mark.parametrize("auth", WAITS)
async def test_polling_that_goes_while_it_is_let_in(slow: Site, auth: str) -> None:
    polling = Polling(slow.http)
    await polling.open()
    async with asyncio.TaskGroup() as group:
        post = group.create_task(polling.post(f"40{auth}"))
        await slow.waiting("POST")
        async with by_hand(slow.url, "GET", target("polling", polling.sid)) as poll:
            await slow.waiting("GET")
            poll.abort()
            await slow.waiting("GET", 0)
        slow.let_in.set()
    assert post.result().status_code in (200, 400)
    await nothing_is_kept(slow)


@pytest.mark.parametrize("auth", WAITS)
async def test_a_heartbeat_that_ends_while_a_client_is_let_in(auth: str) -> None:
    async with serving(**FAST) as site:
        async with websocket(site.url) as socket:
            await socket.opened()
            await socket.send(f"40{auth}")
            assert await socket.ended() == ["2"]
            site.let_in.set()
        await nothing_is_kept(site)


async def test_the_connect_timeout_is_not_for_who_is_being_let_in() -> None:
    async with serving(**FAST, connect_timeout_s=0.1) as site, websocket(site.url) as socket:
        await socket.opened()
        await socket.send('40{"wait":1}')
        assert await socket.hear() == "2"
        await socket.send("3")
        site.let_in.set()
        assert str(await socket.receive()).startswith("40{")
        assert event(await socket.receive())[0] == "auth"
        await socket.echo()


# -- nothing is kept without a bound


async def test_who_posts_and_never_polls_is_ended(slow: Site) -> None:
    polling = Polling(slow.http)
    await polling.enter()
    for _ in range(0, UNREAD_BYTES_MAX, len(TEXT)):
        if (await polling.post(message("message", TEXT))).status_code == 400:
            break
    assert await slow.departures() == [("/", "transport error")]
    assert len(slow.lines) == 1, slow.lines
    await nothing_is_kept(slow)


async def test_who_sends_and_never_reads_is_ended(slow: Site) -> None:
    async with websocket(slow.url, compression=None) as socket, asyncio.timeout(20):
        await socket.opened()
        await socket.enter()
        socket.connection.transport.pause_reading()
        many = [message("message", TEXT)] * (2 * UNREAD_BYTES_MAX // len(TEXT))
        with pytest.raises(ConnectionClosed):
            await socket.send(*many)
        assert await slow.departures() == [("/", "transport error")]
    assert len(slow.lines) == 1, slow.lines
    await nothing_is_kept(slow)


# -- rooms


@pytest.mark.parametrize("polls", [0, 1, 3])
async def test_nothing_of_a_room_is_lost_or_overtaken_during_an_upgrade(
    slow: Site, polls: int
) -> None:
    polling, count = Polling(slow.http), 300
    await polling.enter()
    await polling.post(message("follow"))
    heard: list[str] = []

    async def publish() -> None:
        for number in range(count):
            slow.server.publish("number", b"%d" % number, "room")
            # A request in between: time passes, and the server has to do.
            if number % 7 == 0:
                await slow.http.get("/")

    async with asyncio.TaskGroup() as group, asyncio.timeout(5):
        group.create_task(publish())
        for _ in range(polls):
            heard += (await polling.poll()).text.split(SEPARATOR)
        async with websocket(slow.url, polling.sid) as socket:
            await socket.send("2probe")
            heard += (await polling.poll()).text.split(SEPARATOR)
            assert await socket.receive() == "3probe"
            await socket.send("5")
            numbers = [event(packet)[1] for packet in heard if packet != NOOP]
            while len(numbers) < count:
                numbers.append(event(await socket.receive())[1])
            await socket.echo()
    assert numbers == list(range(count))
