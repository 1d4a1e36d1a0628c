"""The cache while Redis is away and when it is back, and what it tells of pushes and evictions."""

import asyncio

from support.memory_site import Party, Site, on_site

from callboard.cache import JSON, TEXT, Key, Keyspace, Outcome

CALLS = Keyspace(name="c", codec=TEXT, ttl_s=60, soft_ttl_s=20, jitter=0, negative_ttl_s=5)
FRESH_S = 0.001


async def filled(site: Site, key: Key[str]) -> None:
    """Load a value in process a, so that its memory holds it too."""
    await site.a.cache.get_or_load(key, site.loader("x", 10))
    await site.a.cache.get(key)
    await asyncio.sleep(FRESH_S)
    site.loads = 0


async def read(site: Site, party: Party, key: Key[str]) -> str:
    """Read, and return the answer in short."""
    answer = await party.cache.get_or_load(key, site.loader("y", 20))
    return f"{answer.value} {answer.source.value}"


@on_site
async def test_without_redis_the_loader_is_asked_once_a_second(site: Site) -> None:
    key = CALLS.key("1")
    site.server.go_down()
    assert site.a.outcomes() == {"distrusted": 1}
    for _ in range(3):
        assert await read(site, site.a, key) == "y degraded"
    assert site.loads == 1
    assert site.a.outcomes() == {"degraded": 3, "loaded": 1}
    await asyncio.sleep(1)
    await read(site, site.a, key)
    assert site.loads == 2
    assert await site.a.cache.get(key) is None


@on_site
async def test_what_redis_could_not_be_told_is_owed_and_repaid_before_it_is_believed(
    site: Site,
) -> None:
    key = CALLS.key("1")
    await filled(site, key)
    before = dict(site.server.values)
    site.server.go_down()
    site.a.records.clear()
    assert not await site.a.cache.invalidate(key, at=15)
    assert not await site.a.cache.invalidate_tag("all", at=15)
    assert site.a.outcomes() == {"owed": 2}
    assert site.a.cache.owed == 2
    await read(site, site.a, key)
    assert site.floors[-1] == 15, "the loader is told what is owed"
    site.server.come_up(before)
    site.server.incarnation -= 1  # a network that was split, not a restart
    await site.a.cache.settled()
    await asyncio.sleep(FRESH_S)
    assert site.a.cache.owed == 0
    assert site.a.cache.trusts(key)
    assert await site.b.cache.get(key) is None
    assert {it.detail for it in site.a.records if it.outcome is Outcome.RESTORED} == {"twin"}
    assert [it.count for it in site.a.records if it.outcome is Outcome.REPAID] == [2]


@on_site
async def test_entries_of_another_incarnation_are_not_believed(site: Site) -> None:
    key = CALLS.key("1")
    await filled(site, key)
    replica = dict(site.server.values)
    await site.a.cache.invalidate(key, at=15)
    site.server.go_down()
    site.server.come_up(replica)
    await asyncio.sleep(1)
    assert await site.a.cache.get(key) is None
    assert await read(site, site.b, key) == "y loader"


@on_site
async def test_without_redis_a_failing_loader_is_covered_by_what_memory_remembers(
    site: Site,
) -> None:
    key = CALLS.key("1")
    await filled(site, key)
    site.server.go_down()
    site.a.records.clear()
    answer = await site.a.cache.get_or_load(key, site.loader(KeyError("no")))
    assert (answer.value, answer.stale) == ("x", True)
    told = {"degraded": 1, "load_failed": 1, "stale_error": 1}
    assert site.a.outcomes() == told


# -- pushes and lag -------------------------------------------------------------------------


@on_site
async def test_pushes_are_counted_and_their_lateness_is_told(site: Site) -> None:
    await site.a.cache.invalidate(CALLS.key("1"), at=1)
    await asyncio.sleep(FRESH_S)
    assert [it.count for it in site.b.records if it.outcome is Outcome.PUSHED] == [1]
    await asyncio.sleep(2.5)
    lags = [it.seconds for it in site.b.records if it.outcome is Outcome.LAG]
    assert len(lags) >= 2
    assert max(lags) < 0.01


@on_site
async def test_evictions_are_told(site: Site) -> None:
    small = Keyspace(name="small", codec=JSON, ttl_s=60, l1_bytes=1_200)
    for id_ in "123":
        await site.a.cache.get_or_load(small.key(id_), site.loader([id_], 10))
        await site.a.cache.get(small.key(id_))
    evicted = [it.keyspace for it in site.a.records if it.outcome is Outcome.EVICTED]
    assert set(evicted) == {"small"}
