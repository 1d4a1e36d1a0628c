"""The cache over a real MongoDB: fills fenced by commit time, and an auditor that can fail."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.engines import Engines

from callboard.cache import (
    JSON,
    Auditor,
    Cache,
    Keyspace,
    Loaded,
    Outcome,
    Record,
    Source,
    open_links,
    sample,
)
from callboard.clock import FixedClock, SystemClock
from callboard.store import database as db
from callboard.store.snapshots import commit_time, find_as_of

pytestmark = pytest.mark.engines

CALLS: Keyspace[Any] = Keyspace(name="audited", codec=JSON, ttl_s=60, negative_ttl_s=10)


class Desk:
    """One collection, and a cache over it."""

    def __init__(self, database: db.MongoDatabase, cache: Cache) -> None:
        self.database = database
        self.cache = cache
        self.loads = 0

    async def write(self, id_: str, version: int) -> int:
        """Write a document; return the commit time."""
        async with self.database.client.start_session() as session:
            await self.database.things.update_one(
                {"_id": id_}, {"$set": {"version": version}}, upsert=True, session=session
            )
            assert session.operation_time is not None
            return commit_time(session.operation_time)

    def loader(self, id_: str) -> Any:
        """Return the loader of an id."""

        async def load(floor: int) -> Loaded[Any]:
            self.loads += 1
            found, as_of = await find_as_of(self.database, "things", {"_id": id_}, after=floor)
            return Loaded(found[0]["version"] if found else None, as_of)

        return load

    async def read(self, id_: str, **options: int) -> Any:
        """Read through the cache."""
        key = CALLS.key(id_)
        return await self.cache.get_or_load(key, self.loader(id_), **options)


@pytest.fixture
async def desk(engines: Engines) -> AsyncIterator[Desk]:
    database = db.connect(engines.mongo_url())
    cache = Cache(open_links(engines.valkey.url, engines.valkey.password), SystemClock())
    await cache.start()
    async for key in cache.keys(CALLS):
        await cache.invalidate(key)
    yield Desk(database, cache)
    await cache.close()
    await database.client.drop_database(database.name)
    await database.client.close()


async def test_a_value_carries_the_commit_time_it_is_complete_up_to(desk: Desk) -> None:
    written = await desk.write("a", 1)
    answer = await desk.read("a")
    assert answer.value == 1
    assert answer.as_of >= written


async def test_an_invalidation_at_the_writes_commit_time_forces_a_read_that_contains_it(
    desk: Desk,
) -> None:
    for version in range(1, 30):
        written = await desk.write("b", version)
        assert await desk.cache.invalidate(CALLS.key("b"), at=written)
        answer = await desk.read("b")
        assert (answer.value, answer.as_of >= written) == (version, True)


async def test_the_change_streams_second_invalidation_of_a_write_costs_nothing(desk: Desk) -> None:
    for version in range(1, 10):
        written = await desk.write("c", version)
        await desk.cache.invalidate(CALLS.key("c"), at=written)
        await desk.read("c")
        await desk.cache.invalidate(CALLS.key("c"), at=written)
        assert (await desk.read("c")).value == version
    assert desk.loads == 9


async def test_a_reader_with_the_writes_token_sees_the_write_although_nobody_invalidated(
    desk: Desk,
) -> None:
    await desk.write("d", 1)
    await desk.read("d")
    written = await desk.write("d", 2)
    assert (await desk.read("d")).value == 1
    assert (await desk.read("d", min_as_of=written)).value == 2
    assert (await desk.read("d")).value == 2


async def test_what_is_not_there_is_remembered_until_it_is_written(desk: Desk) -> None:
    assert (await desk.read("none")).value is None
    assert (await desk.read("none")).source in (Source.L1, Source.L2)
    assert desk.loads == 1
    await desk.cache.put(CALLS.key("none"), 7, as_of=await desk.write("none", 7))
    assert (await desk.read("none")).value == 7
    assert desk.loads == 1


async def test_the_auditor_finds_a_value_that_nobody_invalidated_and_says_how_old_it_is(
    desk: Desk,
) -> None:
    clock = FixedClock(datetime(2026, 3, 26, tzinfo=UTC))
    records: list[Record] = []
    auditor = Auditor(desk.cache, desk.loader, clock, ages_s=(1, 10), hook=records.append)
    for number in range(5):
        await desk.write(f"k{number}", 1)
        await desk.read(f"k{number}")
    keys = await sample(desk.cache, CALLS, 100, random.Random(1))  # noqa: S311  (seeded)
    assert {key.id for key in keys} >= {f"k{number}" for number in range(5)}
    assert len(await sample(desk.cache, CALLS, 2, random.Random(1))) == 2  # noqa: S311  (seeded)

    found = await auditor.look(keys)
    assert (found.behind, found.violations.total()) == (0, 0)
    assert found.equal == found.compared > 0

    await desk.write("k3", 2)  # and nobody tells the cache
    found = await auditor.look(keys)
    assert found.behind > 0
    assert found.violations.total() == 0, "a difference just seen is no violation yet"
    clock.advance(timedelta(seconds=2))
    await auditor.look([])  # suspects are looked at again without being asked for
    assert auditor.audited.violations[1] > 0
    assert auditor.audited.violations[10] == 0
    clock.advance(timedelta(seconds=10))
    await auditor.look([])
    await auditor.look([])
    assert auditor.audited.violations[10] == auditor.audited.violations[1], "each age counts once"
    told = [record for record in records if record.outcome is Outcome.VIOLATION]
    assert {record.detail.partition(" ")[0] for record in told} == {"k3"}


async def test_the_auditor_forgives_what_is_put_right_in_time(desk: Desk) -> None:
    clock = FixedClock(datetime(2026, 3, 26, tzinfo=UTC))
    auditor = Auditor(desk.cache, desk.loader, clock, ages_s=(1,))
    await desk.write("x", 1)
    await desk.read("x")
    written = await desk.write("x", 2)
    await auditor.look([CALLS.key("x")])
    await desk.cache.invalidate(CALLS.key("x"), at=written)
    await desk.read("x")
    clock.advance(timedelta(seconds=5))
    await auditor.look([])
    assert auditor.audited.violations.total() == 0
