"""Several keys at once, and loading ahead of need."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from support.memory_site import Site, on_site

from callboard.cache import TEXT, Answer, Cache, Keyspace, Loaded, Source, TierUnavailable, Warmed
from callboard.cache.answer import BatchLoader

CALLS = Keyspace(name="c", codec=TEXT, ttl_s=60, soft_ttl_s=20, jitter=0, negative_ttl_s=5)
PLAIN = Keyspace(name="p", codec=TEXT, ttl_s=60, clocked=False, negative_ttl_s=5)
KEYS = [CALLS.key(id_) for id_ in "12345"]


def batch(
    calls: list[tuple[list[str], int]],
    values: Mapping[str, str],
    as_of: int | None = 10,
    *,
    takes_s: float = 0.0,
) -> BatchLoader[str]:
    """Return a loader of several ids, which notes what it was asked."""

    async def load(ids: Sequence[str], floor: int) -> dict[str, Loaded[str]]:
        calls.append((sorted(ids), floor))
        await asyncio.sleep(takes_s)
        return {id_: Loaded(values[id_], as_of) for id_ in ids if id_ in values}

    return load


@on_site
async def test_what_is_missing_is_loaded_in_one_call(site: Site) -> None:
    await site.a.cache.get_or_load(KEYS[0], site.loader("there", 5))
    calls: list[tuple[list[str], int]] = []
    found = await site.b.cache.get_many([*KEYS, *KEYS], batch(calls, dict.fromkeys("12345", "v")))
    assert list(found) == list("12345")
    assert found["1"] == Answer("there", 5, False, Source.L2)
    assert found["5"] == Answer("v", 10, False, Source.LOADER)
    assert calls == [(list("2345"), 0)]


@on_site
async def test_an_id_left_out_has_nothing_as_of_the_oldest_of_the_rest(site: Site) -> None:
    calls: list[tuple[list[str], int]] = []
    found = await site.a.cache.get_many(KEYS[:2], batch(calls, {"1": "v"}))
    assert found["2"] == Answer(None, 10, False, Source.LOADER)
    assert await site.b.cache.get(KEYS[1]) == Answer(None, 10, False, Source.L2)


@on_site
async def test_if_all_are_left_out_they_are_nothing_as_of_the_floor(site: Site) -> None:
    await site.b.cache.invalidate(KEYS[0], at=7)
    found = await site.a.cache.get_many(KEYS[:2], batch([], {}))
    assert found["1"] == Answer(None, 7, False, Source.LOADER)
    plain = await site.a.cache.get_many([PLAIN.key("1")], batch([], {}, None))
    assert plain["1"] == Answer(None, 0, False, Source.LOADER)


@on_site
async def test_the_batch_is_loaded_at_the_highest_floor(site: Site) -> None:
    await site.b.cache.invalidate(KEYS[0], at=7)
    await site.b.cache.invalidate(KEYS[1], at=9)
    calls: list[tuple[list[str], int]] = []
    await site.a.cache.get_many(KEYS, batch(calls, dict.fromkeys("12345", "v")), min_as_of=3)
    assert calls == [(list("12345"), 9)]


@on_site
async def test_no_keys_are_no_work(site: Site) -> None:
    assert await site.a.cache.get_many([], batch([], {})) == {}


@on_site
async def test_two_processes_share_the_loads_of_a_batch(site: Site) -> None:
    calls: list[tuple[list[str], int]] = []
    load = batch(calls, dict.fromkeys("12345", "v"), takes_s=0.2)
    first, second = await asyncio.gather(
        site.a.cache.get_many(KEYS[:3], load), site.b.cache.get_many(KEYS[1:], load)
    )
    loaded = [id_ for ids, _ in calls for id_ in ids]
    assert sorted(loaded) == list("12345"), "each once"
    assert {answer.value for answer in (first | second).values()} == {"v"}


@on_site
async def test_a_batch_that_fails_is_heard_and_gives_its_leases_back(site: Site) -> None:
    async def fail(ids: Sequence[str], floor: int) -> dict[str, Loaded[str]]:
        raise KeyError(floor)

    with pytest.raises(KeyError):
        await site.a.cache.get_many(KEYS, fail)
    await asyncio.sleep(0.1)
    calls: list[tuple[list[str], int]] = []
    began_s = site.loop.time()
    await site.b.cache.get_many(KEYS, batch(calls, dict.fromkeys("12345", "v")))
    assert site.loop.time() - began_s < 0.1


# -- warming --------------------------------------------------------------------------------


@on_site
async def test_warming_loads_what_is_missing_and_refreshes_what_is_due(site: Site) -> None:
    await site.b.cache.get_or_load(KEYS[0], site.loader("due", 5))
    await asyncio.sleep(25)
    await site.b.cache.get_or_load(KEYS[1], site.loader("fresh", 5))
    site.loads = 0
    assert await site.a.cache.warm(KEYS, site.loader("v", 10)) == Warmed(1, 4, 0)
    await asyncio.sleep(0.1)
    assert site.loads == 4
    answers = [await site.b.cache.get(key) for key in KEYS]
    assert [answer.value for answer in answers if answer] == ["v", "fresh", "v", "v", "v"]


@on_site
async def test_an_error_is_counted_and_stops_nothing(site: Site) -> None:
    async def load(floor: int) -> Loaded[str]:
        site.loads += 1
        if site.loads == 2:
            raise KeyError(floor)
        return Loaded("v", 10)

    assert await site.a.cache.warm(KEYS, load, concurrency=1) == Warmed(0, 4, 1)


@pytest.mark.parametrize(("concurrency", "at_once"), [(0, 1), (1, 1), (3, 3), (99, 5)])
def test_only_so_many_are_loaded_at_once(concurrency: int, at_once: int) -> None:
    @on_site
    async def story(site: Site) -> None:
        running = most = 0

        async def load(floor: int) -> Loaded[str]:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.1)
            running -= 1
            return Loaded("v", 10)

        await site.a.cache.warm(KEYS, load, concurrency=concurrency)
        assert most == at_once

    story()


# -- walking --------------------------------------------------------------------------------


@on_site
async def test_the_keys_of_a_keyspace_can_be_walked_over(site: Site) -> None:
    for key in (*KEYS, PLAIN.key("other")):
        await site.a.cache.get_or_load(key, site.loader("v", 10 if key.space.clocked else None))
    assert sorted([key.id async for key in site.b.cache.keys(CALLS)]) == list("12345")
    site.server.go_down()
    with pytest.raises(TierUnavailable):
        await _walk(site.b.cache)


async def _walk(cache: Cache) -> None:
    async for _ in cache.keys(CALLS):
        pass


@on_site
async def test_peeking_shows_memory_and_redis_apart(site: Site) -> None:
    key = KEYS[0]
    assert await site.a.cache.peek(key) == []
    await site.a.cache.get_or_load(key, site.loader("v", 10))
    assert [it.source for it in await site.b.cache.peek(key)] == [Source.L2]
    await site.b.cache.get(key)
    assert [it.source for it in await site.b.cache.peek(key)] == [Source.L1, Source.L2]
    site.server.go_down()
    assert await site.b.cache.peek(key) == []
