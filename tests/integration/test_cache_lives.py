"""What happens to the cache when its server forgets, dies, comes back, or hangs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import redis
from support.redis_servers import Flavour, RedisServer, say
from support.turnstile import Truth
from support.waiting import eventually

from callboard.cache import (
    TEXT,
    Answer,
    Cache,
    Key,
    Keyspace,
    Loaded,
    Loader,
    Outcome,
    Record,
    Source,
    open_links,
)
from callboard.cache.entry import stamp
from callboard.cache.scripts import FLOOR
from callboard.clock import SystemClock

pytestmark = pytest.mark.engines

THINGS = Keyspace(name="thing", codec=TEXT, ttl_s=60, tags=lambda id_: (f"of-{id_}",))
KEY = THINGS.key("1")
CLOCK = SystemClock()
FLAVOURS: tuple[Flavour, ...] = ("valkey", "redis7")


class Reader:
    """A cache with the links' ordinary timeouts."""

    def __init__(self, url: str, truth: Truth) -> None:
        self.truth = truth
        self.records: list[Record] = []
        self.cache = Cache(open_links(url), hook=self.records.append)
        self.loads = 0

    def loader(self, key: Key[str]) -> Loader[str]:
        """Return a loader that counts."""

        async def load(floor: int) -> Loaded[str]:
            assert floor <= self.truth.commits
            self.loads += 1
            return Loaded(str(self.truth.versions[key.id]), self.truth.commits)

        return load

    async def answer(self, key: Key[str] = KEY) -> Answer[str]:
        """Read through the cache."""
        return await self.cache.get_or_load(key, self.loader(key))

    async def read(self, key: Key[str] = KEY) -> int:
        """Read through the cache; return the version."""
        return int((await self.answer(key)).value or 0)

    async def in_memory(self, key: Key[str] = KEY) -> None:
        """Read until memory serves it."""
        await eventually(lambda: self.answer(key), lambda answer: answer.source is Source.L1)

    def count(self, outcome: Outcome) -> int:
        """Return how often something was reported."""
        return sum(record.outcome is outcome for record in self.records)


@pytest.fixture(params=FLAVOURS)
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RedisServer]:
    server = RedisServer(tmp_path / "server", request.param)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def two(server: RedisServer) -> AsyncIterator[tuple[Reader, Reader]]:
    truth = Truth()
    truth.write(KEY.id)
    two = (Reader(server.url, truth), Reader(server.url, truth))
    for reader in two:
        await reader.cache.start()
    yield two
    for reader in two:
        await reader.cache.close()


async def test_memory_does_not_serve_what_a_push_that_lies_unread_has_ended(
    server: RedisServer, two: tuple[Reader, Reader]
) -> None:
    reader, _ = two
    await reader.in_memory()
    at = reader.truth.write(KEY.id)
    # A blocking client: our loop gets no turn between the invalidation and the read.
    with redis.Redis(port=server.port) as other:
        words: list[Any] = [FLOOR.source, 1, KEY.raw, b"\0" * 4, b"0", stamp(at), b"60000"]
        assert other.eval(*words) == 1
        other.ping()
        assert await reader.read() == 2


async def test_memory_is_not_served_when_the_end_of_its_connection_lies_unread(
    server: RedisServer, two: tuple[Reader, Reader]
) -> None:
    reader, _ = two
    await reader.in_memory()
    at = reader.truth.write(KEY.id)
    with redis.Redis(port=server.port) as other:
        assert other.client_kill_filter(_type="normal", skipme=True) >= 2
        words: list[Any] = [FLOOR.source, 1, KEY.raw, b"\0" * 4, b"0", stamp(at), b"60000"]
        assert other.eval(*words) == 1  # nobody is told: there is no connection to push to
        other.ping()
        assert await reader.read() == 2


@pytest.mark.parametrize("command", ["FLUSHALL", "FLUSHDB"])
async def test_memory_is_given_up_when_all_keys_are_removed(
    server: RedisServer, two: tuple[Reader, Reader], command: str
) -> None:
    reader, _ = two
    await reader.in_memory()
    async with server.admin() as admin:
        await say(admin, command)
    await eventually(lambda: _count(reader, Outcome.DISTRUSTED))
    assert await reader.read() == 1
    assert reader.loads == 2


async def test_memory_is_given_up_when_the_link_is_cut_and_used_again_afterwards(
    server: RedisServer, two: tuple[Reader, Reader]
) -> None:
    reader, writer = two
    await reader.in_memory()
    async with server.admin() as admin:
        assert await admin.client_kill_filter(_type="normal", skipme=True) >= 1
    await eventually(lambda: _count(reader, Outcome.DISTRUSTED))
    await eventually(lambda: _trusts(writer))
    assert await writer.cache.invalidate(KEY, at=reader.truth.write(KEY.id))
    await eventually(lambda: _trusts(reader))
    assert await reader.read() == 2
    await reader.in_memory()


async def test_a_hanging_server_ends_memory_and_holds_nobody_up(
    server: RedisServer, two: tuple[Reader, Reader]
) -> None:
    reader, _ = two
    await reader.in_memory()
    server.freeze()
    try:
        began_s = CLOCK.monotonic_s()
        answer = await eventually(reader.answer, lambda answer: answer.source is Source.DEGRADED)
        assert CLOCK.monotonic_s() - began_s < 0.75, "an idle link is asked, and given up"
        assert answer.value == "1"
        loads = reader.loads
        for _ in range(50):
            assert (await reader.answer()).source is Source.DEGRADED
        assert reader.loads <= loads + 1, "one load per key and second"
    finally:
        server.thaw()
    await eventually(reader.answer, lambda answer: answer.source is Source.L1)


async def test_what_a_restart_from_an_old_dump_brings_back_is_not_believed(
    server: RedisServer, two: tuple[Reader, Reader]
) -> None:
    reader, writer = two
    assert [await reader.read(), await reader.read()] == [1, 1]
    async with server.admin() as admin:
        await admin.save()
    assert await writer.cache.invalidate(KEY, at=reader.truth.write(KEY.id))
    assert await reader.read() == 2
    await server.kill()
    await server.restart()
    async with server.admin() as admin:
        assert (await admin.get(KEY.raw) or b"")[-1:] == b"1", "the dump has the old value"
    for one in two:
        await eventually(lambda one=one: _trusts(one))  # type: ignore[misc]  # binds the loop's value
        assert await one.read() == 2


async def test_what_could_not_be_told_is_told_before_anything_is_believed(
    server: RedisServer, two: tuple[Reader, Reader]
) -> None:
    reader, writer = two
    assert await reader.read() == 1
    server.freeze()
    try:
        await eventually(lambda: _trusts(writer), lambda trusts: not trusts)
        assert not await writer.cache.invalidate(KEY, at=writer.truth.write(KEY.id))
        assert writer.cache.owed == 1
        assert await writer.read() == 2
    finally:
        server.thaw()
    assert await writer.read() == 2
    async with asyncio.timeout(5):
        await writer.cache.settled()
    assert writer.cache.owed == 0
    assert writer.count(Outcome.REPAID) == 1
    await eventually(lambda: _trusts(reader))
    assert await reader.read() == 2
    assert await writer.read() == 2


async def test_too_much_that_could_not_be_told_becomes_one_floor_for_all(
    server: RedisServer, two: tuple[Reader, Reader]
) -> None:
    reader, writer = two
    writer.cache._owed._limit = 5
    keys = [THINGS.key(f"many-{number}") for number in range(20)]
    for key in keys:
        writer.truth.write(key.id)
        await reader.read(key)
    server.freeze()
    try:
        await eventually(lambda: _trusts(writer), lambda trusts: not trusts)
        for key in keys:
            await writer.cache.invalidate(key, at=writer.truth.write(key.id))
        assert writer.cache.owed < len(keys)
        tag = writer.truth.write(KEY.id)
        await writer.cache.invalidate_tag(f"of-{KEY.id}", at=tag)
    finally:
        server.thaw()
    async with asyncio.timeout(5):
        await writer.cache.settled()
    await eventually(lambda: _trusts(reader))
    for one in two:
        assert [await one.read(key) for key in [KEY, *keys]] == [2] * 21


@pytest.mark.parametrize("how", ["full", "replica"])
async def test_a_server_that_refuses_writes_is_as_good_as_away(
    server: RedisServer, two: tuple[Reader, Reader], how: str
) -> None:
    reader, _ = two
    async with server.admin() as admin:
        if how == "full":
            await admin.config_set("maxmemory-policy", "noeviction")
            await admin.config_set("maxmemory", "1")
        else:
            await say(admin, "REPLICAOF", "127.0.0.1", "1")
            await admin.config_set("replica-serve-stale-data", "yes")
        for _ in range(20):
            assert (await reader.answer()).value == "1"
        await reader.cache.invalidate(KEY, at=reader.truth.write(KEY.id))
        assert await reader.read() == 2
        assert reader.loads <= 3
        if how == "full":
            await admin.config_set("maxmemory", "0")
        else:
            await say(admin, "REPLICAOF", "NO", "ONE")
    await eventually(reader.answer, lambda answer: answer.source is Source.L1)
    async with asyncio.timeout(5):
        await reader.cache.settled()
    assert await reader.read() == 2


async def test_a_server_that_was_never_there_is_used_when_it_comes(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "server")
    truth = Truth()
    truth.write(KEY.id)
    reader = Reader(server.url, truth)
    await reader.cache.start()
    try:
        assert (await reader.answer()).source is Source.DEGRADED
        assert not await reader.cache.invalidate(KEY, at=truth.write(KEY.id))
        await server.start()
        async with asyncio.timeout(5):
            await reader.cache.settled()
        await eventually(reader.answer, lambda answer: answer.source is Source.L1)
        assert await reader.read() == 2
    finally:
        await reader.cache.close()
        await server.stop()


async def _trusts(reader: Reader) -> bool:
    return reader.cache.trusts(KEY)


async def _count(reader: Reader, outcome: Outcome) -> int:
    return reader.count(outcome)
