"""What must hold at any step of a miss besides what `test_cache_races` forces.

A read stands still at each of its steps; there somebody is cancelled, or the entry is evicted.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
from support.redis_servers import RedisServer
from support.turnstile import STEPS, Process, Truth

from callboard.cache import TEXT, Key, Keyspace, Loaded, Outcome

pytestmark = pytest.mark.engines

PLAIN = Keyspace(name="plain", codec=TEXT, ttl_s=60)
TAGGED = Keyspace(name="tagged", codec=TEXT, ttl_s=60, tags=lambda id_: (f"of-{id_}",))
CLOCKLESS = Keyspace(name="clockless", codec=TEXT, ttl_s=60, clocked=False)
NUMBERS = itertools.count()


async def at_commit(process: Process, key: Key[str]) -> bool:
    return await process.cache.invalidate(key, at=process.truth.write(key.id))


@pytest.fixture(scope="module", params=["valkey", "redis7"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp(request.param), request.param)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
async def pair(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Process, Process]]:
    monkeypatch.setattr("callboard.cache.engine._BEAT_S", 1_000)  # it would be held as well
    truth = Truth()
    pair = (Process(server.url, truth), Process(server.url, truth))
    for process in pair:
        await process.cache.start()
    yield pair
    for process in pair:
        process.go_on()
        await process.cache.close()


def a_key(space: Keyspace[str], truth: Truth) -> Key[str]:
    """Return a key nobody has used, with a first version."""
    key = space.key(f"{next(NUMBERS)}")
    truth.write(key.id)
    return key


@pytest.mark.parametrize("step", STEPS)
async def test_whoever_is_cancelled_takes_nobody_along(
    pair: tuple[Process, Process], step: str
) -> None:
    reader, other = pair
    key = a_key(PLAIN, reader.truth)
    first = await reader.stand_at(step, key)
    joined = [asyncio.get_running_loop().create_task(reader.read(key)) for _ in range(5)]
    elsewhere = [asyncio.get_running_loop().create_task(other.read(key)) for _ in range(5)]
    for _ in range(3):
        await asyncio.sleep(0)
    for task in (first, joined[1], joined[4], elsewhere[0]):
        task.cancel()
    reader.go_on()
    done = await asyncio.gather(first, *joined, *elsewhere, return_exceptions=True)
    assert [type(result) for result in done].count(asyncio.CancelledError) == 4
    assert [result for result in done if isinstance(result, int)] == [1] * 7
    assert reader.loads + other.loads == 1


@pytest.mark.parametrize("step", STEPS[3:7])
@pytest.mark.parametrize("space", [PLAIN, CLOCKLESS], ids=lambda space: space.name)
async def test_a_floor_that_is_evicted_early_takes_the_lease_along_and_nothing_is_filled(
    server: RedisServer, pair: tuple[Process, Process], step: str, space: Keyspace[str]
) -> None:
    reader, writer = pair
    key = a_key(space, reader.truth)
    first = await reader.stand_at(step, key)
    assert await at_commit(writer, key)
    async with server.admin() as admin:
        assert await admin.delete(key.raw) == 1
    reader.go_on()
    assert await first in (1, 2)
    assert [await process.read(key) for process in (*pair, *pair)] == [2] * 4
    assert reader.count(Outcome.REFUSED) == 1


async def test_the_second_telling_of_a_write_costs_no_reload_and_no_push(
    pair: tuple[Process, Process],
) -> None:
    reader, writer = pair
    key = a_key(PLAIN, reader.truth)
    await reader.read(key)
    for version in range(2, 12):
        at = reader.truth.write(key.id)
        await writer.cache.invalidate(key, at=at)
        assert await reader.read(key) == version
        assert await reader.read(key) == version
        pushes = reader.count(Outcome.PUSHED)
        await reader.cache.invalidate(key, at=at)
        assert await writer.cache.invalidate(key, at=at)
        assert await reader.read(key) == version
        assert reader.count(Outcome.PUSHED) == pushes
    assert reader.loads + writer.loads == 11


async def test_a_put_that_comes_late_does_not_replace_a_newer_one(
    pair: tuple[Process, Process],
) -> None:
    one, other = pair
    key = a_key(PLAIN, one.truth)
    older = one.truth.write(key.id)
    newer = one.truth.write(key.id)
    assert await other.cache.put(key, "3", as_of=newer)
    assert not await one.cache.put(key, "2", as_of=older)
    assert [await process.read(key) for process in pair] == [3, 3]
    assert one.loads + other.loads == 0


async def test_the_loader_is_told_what_it_must_contain_at_least(
    pair: tuple[Process, Process],
) -> None:
    reader, writer = pair
    key = a_key(TAGGED, reader.truth)
    floors: list[int] = []

    async def load(floor: int) -> Loaded[str]:
        floors.append(floor)
        return Loaded("x", reader.truth.commits)

    by_key = reader.truth.write(key.id)
    await writer.cache.invalidate(key, at=by_key)
    await reader.cache.get_or_load(key, load)
    by_tag_ = reader.truth.write(key.id)
    await writer.cache.invalidate_tag(f"of-{key.id}", at=by_tag_)
    await reader.cache.get_or_load(key, load)
    token = reader.truth.write(key.id)
    await reader.cache.get_or_load(key, load, min_as_of=token)
    assert floors == [by_key, by_tag_, token]
