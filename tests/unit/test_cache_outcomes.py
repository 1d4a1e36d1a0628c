"""What the cache tells its hook on each path, and what a reader gets on it."""

import asyncio

import pytest
from support.memory_site import Party, Site, on_site

from callboard.cache import (
    TEXT,
    Answer,
    Key,
    Keyspace,
    Loaded,
    LoadTimeout,
    Outcome,
    Source,
)

CALLS = Keyspace(name="c", codec=TEXT, ttl_s=60, soft_ttl_s=20, jitter=0, negative_ttl_s=5)
BARE = Keyspace(name="b", codec=TEXT, ttl_s=60, l1_bytes=0)
TAGGED = Keyspace(name="t", codec=TEXT, ttl_s=60, tags=lambda _: ("all",))
PLAIN = Keyspace(name="p", codec=TEXT, ttl_s=60, clocked=False)
WINDOW = Keyspace(name="w", codec=TEXT, ttl_s=60, coalesce_s=0.25)
FRESH_S = 0.001


async def filled(site: Site, key: Key[str], as_of: int | None = 10) -> None:
    """Load a value in process a, so that its memory holds it too."""
    await site.a.cache.get_or_load(key, site.loader("x", as_of))
    await site.a.cache.get(key)
    await asyncio.sleep(FRESH_S)
    for party in (site.a, site.b):
        party.records.clear()
    site.loads = 0


async def read(site: Site, party: Party, key: Key[str], value: str = "y", at: int = 20) -> str:
    """Read, and return the answer in short."""
    answer = await party.cache.get_or_load(key, site.loader(value, at))
    return f"{answer.value} {answer.source.value}{' stale' * answer.stale}"


# -- hits and misses ------------------------------------------------------------------------


@on_site
async def test_a_miss_a_hit_in_redis_and_a_hit_in_memory(site: Site) -> None:
    key = CALLS.key("1")
    assert await read(site, site.a, key) == "y loader"
    assert site.a.outcomes() == {"miss": 1, "win": 1, "loaded": 1, "filled": 1}
    assert await read(site, site.b, key) == "y l2"
    assert site.b.outcomes() == {"hit_l2": 1}
    assert await read(site, site.b, key) == "y l1"
    assert site.b.outcomes() == {"hit_l1": 1}
    assert site.loads == 1


@on_site
async def test_a_keyspace_without_memory_is_answered_by_redis(site: Site) -> None:
    key = BARE.key("1")
    await filled(site, key)
    for _ in range(2):
        assert await read(site, site.a, key) == "x l2"
    assert site.a.outcomes() == {"hit_l2": 2}


@on_site
async def test_a_transport_that_hears_of_no_changes_keeps_nothing_in_memory(site: Site) -> None:
    party = await site.open(tracking=False)
    key = CALLS.key("1")
    await filled(site, key)
    for _ in range(2):
        assert await read(site, party, key) == "x l2"
    await party.cache.close()


@on_site
async def test_who_waits_for_another_process_says_how_long(site: Site) -> None:
    key = CALLS.key("1")
    load = site.loader("x", 10, takes_s=0.2)
    a, b = (party.cache.get_or_load(key, load) for party in (site.a, site.b))
    first, second = await asyncio.gather(a, b)
    assert (first.source, second.source) == (Source.LOADER, Source.L2)
    waited = [it for it in site.b.records if it.outcome is Outcome.WAIT]
    assert [it.keyspace for it in waited] == ["c"]
    assert 0.19 < waited[0].seconds < 0.25
    loaded = [it for it in site.a.records if it.outcome is Outcome.LOADED]
    assert loaded[0].seconds == pytest.approx(0.2, abs=0.01)
    assert site.b.outcomes() == {"miss": 1, "wait": 1}


@on_site
async def test_who_joins_a_load_of_his_own_process_says_so(site: Site) -> None:
    key, load = CALLS.key("1"), site.loader("x", 10, takes_s=0.2)
    await asyncio.gather(*(site.a.cache.get_or_load(key, load) for _ in range(3)))
    assert site.a.outcomes() == {"miss": 3, "joined": 2, "win": 1, "loaded": 1, "filled": 1}


# -- soft TTL, windows, errors --------------------------------------------------------------


@on_site
async def test_past_its_soft_ttl_everybody_is_served_and_one_reloads(site: Site) -> None:
    key = CALLS.key("1")
    await filled(site, key)
    await asyncio.sleep(21)
    slow = site.loader("y", 20, takes_s=0.1)
    answers = [await party.cache.get_or_load(key, slow) for party in (site.a, site.b) * 2]
    assert [answer.value for answer in answers] == ["x"] * 4
    assert all(answer.stale for answer in answers)
    await asyncio.sleep(0.2)
    assert site.loads == 1
    told = site.a.outcomes() | {}
    assert told.pop("hit_l1") + told.pop("hit_l2", 0) == 2
    assert told == {"stale_soft": 2, "refreshed": 1, "win": 1, "loaded": 1, "filled": 1}
    assert site.b.outcomes()["stale_soft"] == 2
    assert await read(site, site.b, key) == "y l2"


@on_site
async def test_within_a_window_the_old_value_is_served_and_loaded_once_after_it(
    site: Site,
) -> None:
    key = WINDOW.key("1")
    await filled(site, key)
    for at in (11, 12, 13):
        assert await site.b.cache.invalidate(key, at=at)
        assert await read(site, site.a, key) == "x l2 stale"
    assert await read(site, site.a, key) == "x l1 stale"
    assert site.loads == 0
    await asyncio.sleep(0.26)
    assert await read(site, site.a, key) == "y loader"
    assert site.floors[-1] == 13


@on_site
async def test_when_the_loader_fails_what_was_good_last_is_served_and_it_is_left_alone(
    site: Site,
) -> None:
    key, broken = CALLS.key("1"), site.loader(KeyError("no"))
    await filled(site, key)
    await site.a.cache.invalidate(key, at=15)
    site.a.outcomes()
    for _ in range(3):
        answer = await site.a.cache.get_or_load(key, broken)
        assert answer == Answer("x", 10, True, Source.L2)
    assert site.loads == 1
    assert site.a.outcomes() == {"miss": 3, "win": 1, "load_failed": 1, "stale_error": 3}
    await asyncio.sleep(CALLS.degraded_ttl_s)
    assert await read(site, site.a, key) == "y loader"


@on_site
async def test_a_loader_that_fails_with_nothing_to_serve_is_heard(site: Site) -> None:
    key = CALLS.key("1")
    with pytest.raises(KeyError, match="no"):
        await site.a.cache.get_or_load(key, site.loader(KeyError("no")))
    failed = [it for it in site.a.records if it.outcome is Outcome.LOAD_FAILED]
    assert failed[0].detail == "KeyError('no')"
    assert await read(site, site.b, key) == "y loader", "the lease was given back"


@on_site
async def test_a_loader_that_takes_too_long_is_cancelled(site: Site) -> None:
    with pytest.raises(LoadTimeout, match=r"not loaded within 5\.0 s"):
        await site.a.cache.get_or_load(CALLS.key("1"), site.loader("x", 1, takes_s=9))
    assert site.loop.time() == pytest.approx(5.0, abs=0.1)


@on_site
async def test_a_timeout_of_the_loaders_own_is_told_as_it_is(site: Site) -> None:
    with pytest.raises(TimeoutError, match="the database"):
        await site.a.cache.get_or_load(CALLS.key("1"), site.loader(TimeoutError("the database's")))


@pytest.mark.parametrize(
    ("space", "loaded", "why"),
    [
        (CALLS, "bare", "must return Loaded"),
        (CALLS, Loaded("x"), "told no as_of"),
        (PLAIN, Loaded("x", tags=("a",)), "may have tags"),
        (BARE, Loaded("x", 1, ("a",)), "may have tags"),
    ],
)
def test_a_loader_that_does_not_keep_to_its_keyspace_is_told(
    space: Keyspace[str], loaded: Loaded[str], why: str
) -> None:
    @on_site
    async def story(site: Site) -> None:
        async def load(floor: int) -> Loaded[str]:
            return loaded

        with pytest.raises(TypeError, match=why):
            await site.a.cache.get_or_load(space.key("1"), load)

    story()


# -- invalidating and putting ---------------------------------------------------------------


@on_site
async def test_the_second_invalidation_of_a_write_changes_nothing(site: Site) -> None:
    key = CALLS.key("1")
    await filled(site, key)
    assert await site.a.cache.invalidate(key, at=15)
    assert site.a.outcomes() == {"invalidated": 1}
    assert await read(site, site.b, key) == "y loader"
    assert await site.b.cache.invalidate(key, at=15)
    assert site.b.outcomes()["unchanged"] == 1
    assert await read(site, site.a, key) == "y l2"


@on_site
async def test_a_load_overtaken_by_an_invalidation_is_refused(site: Site) -> None:
    key = CALLS.key("1")
    load = asyncio.ensure_future(
        site.a.cache.get_or_load(key, site.loader("old", 10, takes_s=0.1))
    )
    await asyncio.sleep(0.05)
    await site.b.cache.invalidate(key, at=15)
    assert (await load).value == "old", "who began before may have it"
    refused = [it for it in site.a.records if it.outcome is Outcome.REFUSED]
    assert [it.detail for it in refused] == ["0"]
    assert await site.b.cache.get(key) is None


@on_site
async def test_a_put_is_stored_and_an_older_one_refused(site: Site) -> None:
    key = CALLS.key("1")
    await filled(site, key)
    assert await site.b.cache.put(key, "new", as_of=20)
    assert site.b.outcomes() == {"filled": 1}
    assert await read(site, site.a, key) == "new l2"
    assert not await site.a.cache.put(key, "older", as_of=15)
    assert site.a.outcomes()["refused"] == 1
    assert await read(site, site.a, key) == "new l2"
    assert site.loads == 0


@on_site
async def test_putting_nothing_is_remembered_or_is_an_invalidation(site: Site) -> None:
    key, bare = CALLS.key("1"), BARE.key("1")
    assert await site.a.cache.put(key, None, as_of=20)
    assert await site.b.cache.get(key) == Answer(None, 20, False, Source.L2)
    await filled(site, bare)
    assert await site.a.cache.put(bare, None, as_of=20)
    assert await site.b.cache.get(bare) is None


@on_site
async def test_a_put_needs_a_stamp_where_there_is_a_clock(site: Site) -> None:
    with pytest.raises(ValueError, match="needs the commit time"):
        await site.a.cache.put(CALLS.key("1"), "x")
    with pytest.raises(ValueError, match="nothing can be promised"):
        await site.a.cache.get(PLAIN.key("1"), min_as_of=1)
    assert await site.a.cache.put(PLAIN.key("1"), "x")
    assert await site.b.cache.get(PLAIN.key("1")) == Answer("x", 0, False, Source.L2)


@on_site
async def test_a_tag_reaches_what_is_in_memory_and_what_is_being_loaded(site: Site) -> None:
    one, two = TAGGED.key("1"), TAGGED.key("2")
    await filled(site, one)
    load = asyncio.ensure_future(
        site.a.cache.get_or_load(two, site.loader("old", 10, takes_s=0.1))
    )
    await asyncio.sleep(0.05)
    assert await site.b.cache.invalidate_tag("all", at=15)
    await load
    for key in (one, two):
        assert await site.a.cache.get(key) is None
        assert await read(site, site.b, key) == "y loader"
    assert site.floors[-2:] == [15, 15]


@on_site
async def test_tags_may_come_with_the_value(site: Site) -> None:
    key = TAGGED.key("1")
    await site.a.cache.get_or_load(key, site.loader("x", 10, tags=("other",)))
    assert await read(site, site.b, key) == "x l2"
    assert await site.b.cache.invalidate_tag("other", at=15)
    assert await read(site, site.a, key) == "y loader"
