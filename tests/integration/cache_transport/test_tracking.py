"""What transports with tracking tell of changes; and, for all of them, slots on the move."""

import asyncio
import contextlib
from typing import Any

import pytest
from redis.crc import key_slot
from support.cache_sites import TRACKING, Listening, Open, Site, blocking_client, healed, reply
from support.cluster import Step
from support.redis_servers import say
from support.waiting import eventually

from callboard.cache.errors import TierUnavailable
from callboard.cache.transport import Script, Transport

pytestmark = pytest.mark.engines

WRITE = Script("return redis.call('SET', KEYS[1], ARGV[2])")
LOOK = Script("return redis.call('GET', KEYS[1])")


tracked = pytest.mark.parametrize("opened", TRACKING, indirect=True)


async def told(listener: Listening, kind: str, what: Any) -> None:
    """Wait until the listener was told something."""

    async def look() -> list[Any]:
        return listener.told(kind)

    await eventually(look, lambda seen: what in seen)


@tracked
async def test_writes_of_others_under_the_prefix_are_told_and_no_more(
    opened: Open, site: Site, key: bytes
) -> None:
    transport, listener = await opened()
    outside = key.removeprefix(b"cb:c:")
    async with await site.admin(key) as other:
        await other.set(outside, b"1")
        await other.set(key + b":1", b"1")
        await transport.get(key + b":1", reply)
        await transport.run(LOOK, key + b":1", (), reply)
        await other.set(key + b":2", b"1")
        await other.delete(key + b":1")
        await other.set(key + b":last", b"1")
        await told(listener, "changed", key + b":last")
    expected = [key + b":1", key + b":2", key + b":1", key + b":last"]
    assert listener.told("changed") == expected
    assert listener.told("distrusted") == []


@tracked
async def test_an_own_write_is_not_told_before_its_reply(
    opened: Open, site: Site, key: bytes
) -> None:
    """Servers tell of what our own scripts write, although NOLOOP was asked for.

    NOLOOP compares the writer with us, and inside a script the writer is the script's own
    client (seen: Valkey 9.1, Redis 7.0). So a push may be an echo; it follows its reply.
    """
    transport, listener = await opened()

    def see(got: bytes, _: int) -> None:
        listener.events.append(("reply", got))

    listener.events.clear()
    await transport.run(WRITE, key, (b"1",), see)
    async with await site.admin(key) as other:
        await other.set(key + b":last", b"1")
        await told(listener, "changed", key + b":last")
    echo = ("changed", key)
    assert [event for event in listener.events if event != echo] == [
        ("reply", b"OK"),
        ("changed", key + b":last"),
    ]
    assert listener.events[0] == ("reply", b"OK")


@tracked
async def test_every_server_tells_of_its_keys(opened: Open, site: Site) -> None:
    _, listener = await opened()
    keys = [b"cb:c:t:%d" % number for number in range(50)]
    for each in keys:
        async with await site.admin(each) as other:
            await other.set(each, b"1")
    for each in keys:
        await told(listener, "changed", each)


@tracked
async def test_an_expired_key_is_told(opened: Open, site: Site, key: bytes) -> None:
    _, listener = await opened()

    async def look() -> int:
        return listener.told("changed").count(key)

    async with await site.admin(key) as other:
        await other.set(key, b"1", px=50)
        await eventually(look, lambda count: count >= 2)


@tracked
async def test_a_reply_older_than_a_push_is_seen_before_it(
    opened: Open, site: Site, key: bytes
) -> None:
    """The loop is held up until both lie unread in the socket, in the server's order."""
    transport, listener = await opened()
    async with await site.admin(key) as other:
        await other.set(key, b"old")
        await told(listener, "changed", key)

    def see(got: bytes, _: int) -> None:
        listener.events.append(("reply", got))

    with contextlib.closing(blocking_client(await site.server_of(key))) as client:
        counted = _gets(client)
        listener.events.clear()
        future = transport.get(key, see)
        await asyncio.sleep(0)  # one turn: it is sent, and nothing is read yet
        assert any(_gets(client) > counted for _ in range(10_000))
        client.set(key, b"new")
        client.ping()
        assert transport.unread()
        assert listener.events == []
    await future
    await told(listener, "changed", key)
    assert listener.events == [("reply", b"old"), ("changed", key)]
    assert not transport.unread()


def _gets(client: Any) -> int:
    """Return how many GETs a server has answered."""
    seen = client.info("commandstats").get("cmdstat_get", {"calls": 0})
    return int(seen["calls"])


@tracked
async def test_a_lost_connection_is_told_and_tracking_begins_anew(
    opened: Open, site: Site, key: bytes
) -> None:
    transport, listener = await opened()
    async with await site.admin(key) as other:
        await say(other, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

        async def look() -> list[Any]:
            return listener.told("distrusted")

        await eventually(look)
        await healed(transport, key)
        listener.events.clear()
        await other.set(key, b"1")
        await told(listener, "changed", key)


@pytest.mark.parametrize("command", ["FLUSHALL", "FLUSHDB"])
@tracked
async def test_a_flushed_server_is_told(
    opened: Open, site: Site, key: bytes, command: str
) -> None:
    transport, listener = await opened()
    await transport.run(WRITE, key, (b"1",), reply)
    async with await site.admin(key) as other:
        await say(other, command)

        async def look() -> list[Any]:
            return listener.told("distrusted")

        await eventually(look)
    assert await transport.get(key, reply) is None
    assert transport.up(key)


# -- slots on the move: every transport -----------------------------------------------------


@pytest.mark.parametrize("site", ["cluster"], indirect=True)
async def test_a_moving_slot_is_followed(opened: Open, site: Site, key: bytes) -> None:
    assert site.cluster is not None
    transport, listener = await opened()
    written: dict[bytes, bytes | None] = {key + b":%d" % number: None for number in range(3)}
    steps: list[str] = []

    async def at(step: Step) -> None:
        steps.append(step)
        await _read_and_write(transport, written, b"%d" % len(steps))

    for each in written:
        await _write(transport, written, each, b"0")
    source = await site.cluster.owner(key_slot(key))
    target = (source + 1) % 3
    try:
        await site.cluster.move_slot(key_slot(key), source, target, at)
        await site.cluster.settled()
        assert steps == ["marked", "key", "key", "key", "emptied", "half"]
        await _read_and_write(transport, written, b"last")
        if transport.tracking:
            assert listener.told("distrusted") != []
    finally:
        await site.cluster.move_slot(
            key_slot(key), await site.cluster.owner(key_slot(key)), source
        )


async def _read_and_write(
    transport: Transport, written: dict[bytes, bytes | None], value: bytes
) -> None:
    """Read and write every key: nothing that was acknowledged may be lost."""
    for key, last in list(written.items()):
        try:
            assert await transport.get(key, reply) == last
            await _write(transport, written, key, value)
        except TierUnavailable:  # allowed, while it moves; the write may have been done
            await healed(transport, key)
            written[key] = await transport.get(key, reply)


async def _write(
    transport: Transport, written: dict[bytes, bytes | None], key: bytes, value: bytes
) -> None:
    assert await transport.run(WRITE, key, (value,), reply) == b"OK"
    written[key] = value
