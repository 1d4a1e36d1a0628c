"""What a keyspace's policy promises, over real servers and two processes."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from support.redis_servers import RedisServer
from support.turnstile import Truth
from support.waiting import eventually

from callboard.cache import (
    JSON,
    TEXT,
    Answer,
    Cache,
    Key,
    Keyspace,
    Loaded,
    LoadTimeout,
    Outcome,
    Record,
    Source,
    open_links,
)
from callboard.clock import SystemClock

pytestmark = pytest.mark.engines

SOFT = Keyspace(name="soft", codec=TEXT, ttl_s=60, soft_ttl_s=30, negative_ttl_s=20)
BUSY = Keyspace(name="busy", codec=TEXT, ttl_s=60, coalesce_s=10)
SHORT = Keyspace(name="short", codec=TEXT, ttl_s=60, lease_s=0.2, loader_timeout_s=5)
NUMBERS = itertools.count()


class Shifted:
    """The machine's clocks, moved ahead by hand."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self._clock = SystemClock()

    def now(self) -> datetime:
        """Return the moved wall time."""
        return self._clock.now() + timedelta(seconds=self._ahead_s)

    def monotonic_s(self) -> float:
        """Return the moved steady time."""
        return self._clock.monotonic_s() + self._ahead_s

    def advance(self, by_s: float) -> None:
        """Move both ahead."""
        self._ahead_s += by_s


class Reader:
    """One process."""

    def __init__(self, url: str, truth: Truth, clock: Shifted) -> None:
        self.truth = truth
        self.records: list[Record] = []
        # The link keeps its own time: it would take a jump for silence.
        self.links = open_links(url)
        self.cache = Cache(self.links, clock, hook=self.records.append)
        self.loads = 0
        self.slow: asyncio.Event | None = None
        self.broken: Exception | None = None

    async def answer(self, key: Key[str]) -> Answer[str]:
        """Read through the cache."""

        async def load(floor: int) -> Loaded[str]:
            self.loads += 1
            assert floor <= self.truth.commits
            if self.slow is not None:
                await self.slow.wait()
            if self.broken is not None:
                raise self.broken
            version = self.truth.versions.get(key.id)
            return Loaded(None if version is None else str(version), self.truth.commits)

        return await self.cache.get_or_load(key, load)

    def count(self, outcome: Outcome) -> int:
        """Return how often something was reported."""
        return sum(record.outcome is outcome for record in self.records)


@pytest.fixture(scope="module", params=["valkey", "redis7"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp(request.param), request.param)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
def clock() -> Shifted:
    return Shifted()


@pytest.fixture
async def two(server: RedisServer, clock: Shifted) -> AsyncIterator[tuple[Reader, Reader]]:
    truth = Truth()
    two = (Reader(server.url, truth, clock), Reader(server.url, truth, clock))
    for reader in two:
        await reader.cache.start()
    yield two
    for reader in two:
        await reader.cache.close()


def a_key(space: Keyspace[str], truth: Truth, *, written: bool = True) -> Key[str]:
    """Return a key nobody has used."""
    key = space.key(f"{next(NUMBERS)}")
    if written:
        truth.write(key.id)
    return key


async def test_past_the_soft_ttl_everybody_is_served_and_one_process_reloads(
    two: tuple[Reader, Reader], clock: Shifted
) -> None:
    key = a_key(SOFT, two[0].truth)
    for reader in two:
        await eventually(lambda r=reader: r.answer(key), lambda a: a.source is Source.L1)  # type: ignore[misc]  # binds the loop's value
    clock.advance(31)
    for reader in two:
        reader.slow = asyncio.Event()
    answers = await asyncio.gather(*(reader.answer(key) for reader in two for _ in range(50)))
    assert {(answer.value, answer.stale) for answer in answers} == {("1", True)}
    await eventually(lambda: _total(two, Outcome.REFRESHED))
    two[0].truth.versions[key.id] = 2  # nobody says so; only the refresh can find it
    for reader in two:
        assert reader.slow is not None
        reader.slow.set()
    for reader in two:
        await eventually(
            lambda r=reader: r.answer(key),  # type: ignore[misc]  # as above
            lambda a: (a.value, a.stale) == ("2", False),
        )
    assert sum(reader.loads for reader in two) == 2
    assert await _total(two, Outcome.REFRESHED) == 1


async def test_after_an_invalidation_nobody_is_served_the_old_value_while_it_reloads(
    two: tuple[Reader, Reader], clock: Shifted
) -> None:
    reader, other = two
    key = a_key(SOFT, reader.truth)
    await reader.answer(key)
    clock.advance(31)
    await other.cache.invalidate(key, at=reader.truth.write(key.id))
    assert [(await one.answer(key))[:1] for one in two] == [("2",), ("2",)]
    assert await _total(two, Outcome.REFRESHED) == 0


async def test_what_is_not_there_is_remembered_for_its_own_time(
    two: tuple[Reader, Reader], clock: Shifted
) -> None:
    reader, other = two
    key = a_key(SOFT, reader.truth, written=False)
    for one in (*two, *two):
        assert (await one.answer(key)).value is None
    assert reader.loads + other.loads == 1
    clock.advance(21)
    assert (await other.answer(key)).value is None
    assert reader.loads + other.loads == 2
    assert await other.cache.invalidate(key, at=reader.truth.write(key.id))
    assert (await reader.answer(key)).value == "1"


async def test_a_coalescing_keyspace_serves_the_old_value_so_long_and_reloads_once(
    two: tuple[Reader, Reader], clock: Shifted
) -> None:
    reader, writer = two
    key = a_key(BUSY, reader.truth)
    await reader.answer(key)
    first = reader.truth.write(key.id)
    await writer.cache.invalidate(key, at=first)
    for _ in range(9):
        clock.advance(1)
        await writer.cache.invalidate(key, at=reader.truth.write(key.id))
        for one in two:
            answer = await one.answer(key)
            assert (answer.value, answer.stale) == ("1", True)
    assert (await _needing(reader, key, first)).value == "11", "who needs the write gets it"
    await writer.cache.invalidate(key, at=reader.truth.write(key.id))
    clock.advance(10.1)
    answers = await asyncio.gather(*(one.answer(key) for one in two for _ in range(20)))
    assert {(answer.value, answer.stale) for answer in answers} == {("12", False)}
    assert reader.loads + writer.loads <= 3


async def _needing(reader: Reader, key: Key[str], stamp: int) -> Answer[str]:
    async def load(_: int) -> Loaded[str]:
        reader.loads += 1
        return Loaded(str(reader.truth.versions[key.id]), reader.truth.commits)

    return await reader.cache.get_or_load(key, load, min_as_of=stamp)


async def test_when_the_loader_fails_the_last_good_value_is_served_marked_and_not_for_ever(
    two: tuple[Reader, Reader], clock: Shifted
) -> None:
    reader, other = two
    key = a_key(replace(SOFT, name="erring", stale_if_error_s=300), reader.truth)
    await reader.answer(key)
    for one in two:
        one.broken = OSError("the database is away")
    clock.advance(61)
    for one in two:
        answer = await one.answer(key)
        assert (answer.value, answer.stale) == ("1", True)
    loads = reader.loads
    for _ in range(20):
        assert (await reader.answer(key)).stale
    assert reader.loads == loads, "the loader is left alone for a while"
    await other.cache.invalidate(key, at=reader.truth.write(key.id))
    assert (await reader.answer(key)).stale, "rather the old value, marked, than none"
    clock.advance(300)
    for one in two:
        with pytest.raises(OSError, match="the database is away"):
            await one.answer(key)
    for one in two:
        one.broken = None
        assert (await one.answer(key)).value == "2"


async def test_an_error_reaches_everybody_who_waits_and_the_next_one_loads_again(
    two: tuple[Reader, Reader],
) -> None:
    reader, other = two
    key = a_key(SOFT, reader.truth)
    reader.broken, reader.slow = ValueError("odd"), asyncio.Event()
    waiting = [asyncio.ensure_future(reader.answer(key)) for _ in range(10)]
    await eventually(lambda: _loads(reader))
    reader.slow.set()
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(error) for error in errors] == ["odd"] * 10
    assert reader.loads == 1
    assert (await other.answer(key)).value == "1"
    reader.broken = None
    assert (await reader.answer(key)).value == "1"


async def test_a_loader_that_takes_too_long_is_given_up(two: tuple[Reader, Reader]) -> None:
    reader, _ = two
    key = a_key(replace(SHORT, loader_timeout_s=0.05), reader.truth)
    reader.slow = asyncio.Event()
    with pytest.raises(LoadTimeout, match=r"not loaded within 0.05 s"):
        await reader.answer(key)
    reader.slow = None
    assert (await reader.answer(key)).value == "1"


async def test_a_lease_is_renewed_while_its_loader_lives(two: tuple[Reader, Reader]) -> None:
    reader, other = two
    key = a_key(SHORT, reader.truth)
    reader.slow = asyncio.Event()
    first = asyncio.ensure_future(reader.answer(key))
    await eventually(lambda: _loads(reader))
    second = asyncio.ensure_future(other.answer(key))
    # Four leases long: had it not been renewed, the other would have loaded.
    await asyncio.wait([second], timeout=0.8)
    assert not second.done()
    assert other.loads == 0
    reader.slow.set()
    assert [(await first).value, (await second).value] == ["1", "1"]
    assert other.loads == 0


async def test_the_lease_of_a_process_that_died_is_taken_over_when_it_ends(
    two: tuple[Reader, Reader],
) -> None:
    reader, other = two
    key = a_key(SHORT, reader.truth)
    reader.slow = asyncio.Event()
    first = asyncio.ensure_future(reader.answer(key))
    await eventually(lambda: _loads(reader))
    await reader.links.close()  # as if killed: it can neither renew nor give back
    assert (await other.answer(key)).value == "1"
    assert other.loads == 1
    reader.slow.set()
    assert (await first).value == "1", "what was loaded is given to who waits"


async def test_a_cache_that_is_closed_gives_its_leases_back(two: tuple[Reader, Reader]) -> None:
    reader, other = two
    key = a_key(replace(SHORT, lease_s=4), reader.truth)
    reader.slow = asyncio.Event()
    first = asyncio.ensure_future(reader.answer(key))
    await eventually(lambda: _loads(reader))
    await reader.cache.close()
    async with asyncio.timeout(2):
        assert (await other.answer(key)).value == "1"
    await asyncio.gather(first, return_exceptions=True)


async def test_many_readers_in_two_processes_cause_one_load_and_nobody_asks_in_a_loop(
    server: RedisServer, two: tuple[Reader, Reader]
) -> None:
    key = a_key(SOFT, two[0].truth)
    for reader in two:
        reader.slow = asyncio.Event()
    async with server.admin() as admin:
        await admin.config_resetstat()
        waiting = [asyncio.ensure_future(reader.answer(key)) for reader in two for _ in range(200)]
        await asyncio.wait(waiting, timeout=0.2)
        for reader in two:
            assert reader.slow is not None
            reader.slow.set()
        assert {(await answer).value for answer in waiting} == {"1"}
        stats = await admin.info("commandstats")
    assert sum(reader.loads for reader in two) == 1
    # TAKE of each, FILL, and a TAKE each 50 ms as a net: four turns of one process.
    assert stats["cmdstat_evalsha"]["calls"] <= 12


async def test_a_mutable_value_is_everybodys_own(two: tuple[Reader, Reader]) -> None:
    reader, _ = two
    space: Keyspace[dict[str, int]] = Keyspace(name="own", codec=JSON, ttl_s=60)
    key = space.key(f"{next(NUMBERS)}")

    async def load(_: int) -> Loaded[dict[str, int]]:
        return Loaded({"a": 1}, 1)

    seen = await asyncio.gather(*(reader.cache.get_or_load(key, load) for _ in range(5)))
    for _ in range(4):
        seen.append(await reader.cache.get_or_load(key, load))
    for answer in seen:
        assert answer.value == {"a": 1}
        answer.value["a"] = 2


async def _total(two: tuple[Reader, Reader], outcome: Outcome) -> int:
    return sum(reader.count(outcome) for reader in two)


async def _loads(reader: Reader) -> int:
    return reader.loads
