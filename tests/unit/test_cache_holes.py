"""Single stories of the cache in which something old could come back; each was a hole once."""

import asyncio

import pytest
from support.memory_redis import ByHand, at_once
from support.memory_site import Site, on_site

from callboard.cache import TEXT, Keyspace, Outcome

CALLS = Keyspace(name="calls", codec=TEXT, ttl_s=60, negative_ttl_s=5)
PLAIN = Keyspace(name="plain", codec=TEXT, ttl_s=60, clocked=False)
FRESH_S = 0.001
"""Longer than memory is served without asking for pushes."""


@on_site
async def test_a_load_from_before_a_loss_of_memory_is_refused_although_others_load(
    site: Site,
) -> None:
    key = CALLS.key("1")
    old = asyncio.ensure_future(site.a.cache.get_or_load(key, site.loader("old", 10, takes_s=1.0)))
    await asyncio.sleep(0.1)
    assert await site.b.cache.invalidate(key, at=12)
    site.server.go_down()
    site.server.come_up()
    await asyncio.sleep(0.5)
    new = asyncio.ensure_future(site.b.cache.get_or_load(key, site.loader("new", 13, takes_s=2.0)))
    await old
    await asyncio.sleep(0.1)
    assert await site.b.cache.get(key) is None
    await new


@on_site
async def test_a_load_whose_floor_was_evicted_is_refused_although_others_load(site: Site) -> None:
    key = CALLS.key("1")
    old = asyncio.ensure_future(site.a.cache.get_or_load(key, site.loader("old", 10, takes_s=1.0)))
    await asyncio.sleep(0.1)
    assert await site.b.cache.invalidate(key, at=12)
    site.server.delete(key.raw)
    new = asyncio.ensure_future(site.b.cache.get_or_load(key, site.loader("new", 13, takes_s=2.0)))
    await old
    await asyncio.sleep(0.1)
    assert await site.b.cache.get(key) is None
    await new


@pytest.mark.parametrize("clocked", [True, False])
def test_what_a_refresh_found_gone_is_not_served_any_more(clocked: bool) -> None:
    space = Keyspace(name="s", codec=TEXT, ttl_s=60, soft_ttl_s=5, clocked=clocked)

    @on_site
    async def story(site: Site) -> None:
        key = space.key("1")
        await site.a.cache.get_or_load(key, site.loader("there", 10 if clocked else None))
        await asyncio.sleep(10)
        for _ in range(3):
            await site.a.cache.get_or_load(key, site.loader(None, 20 if clocked else None))
            await asyncio.sleep(2)
        assert await site.a.cache.get(key) is None

    story()


@on_site
async def test_an_invalidation_that_changes_nothing_waits_for_the_pushes_of_the_one_that_did(
    site: Site,
) -> None:
    key = CALLS.key("1")
    reader = await site.open()
    await reader.cache.get_or_load(key, site.loader("old", 10))
    await reader.cache.get(key)
    hand = ByHand()
    site.server._turn_ends = hand
    first = asyncio.ensure_future(site.a.cache.invalidate(key, at=12))
    second = asyncio.ensure_future(site.b.cache.invalidate(key, at=12))
    for _ in range(20):
        await asyncio.sleep(FRESH_S)
        if second.done():
            break
    assert not first.done()
    served = await reader.cache.get(key) if second.done() else None
    site.server._turn_ends = None
    hand.go()
    assert await first
    assert await second
    await reader.cache.close()
    assert served is None


@on_site
async def test_a_refresher_who_comes_after_another_has_refreshed_does_not_load(
    site: Site,
) -> None:
    space = Keyspace(name="s", codec=TEXT, ttl_s=60, soft_ttl_s=20)
    key = space.key("1")
    await site.a.cache.get_or_load(key, site.loader("x", 10))
    await asyncio.sleep(30)
    load = site.loader("y", 20)
    for party in (site.a, site.b):  # both see the old one; b asks after a has filled
        assert (await party.cache.get_or_load(key, load)).stale
    await asyncio.sleep(FRESH_S)
    assert site.loads == 2


@on_site
async def test_a_load_whose_entry_was_evicted_is_refused(site: Site) -> None:
    key = CALLS.key("1")
    old = asyncio.ensure_future(site.a.cache.get_or_load(key, site.loader("old", 10, takes_s=1.0)))
    await asyncio.sleep(0.1)
    assert await site.b.cache.invalidate(key, at=12)
    site.server.delete(key.raw)
    assert (await old).value == "old"
    assert await site.b.cache.get(key) is None
    refused = [it.detail for it in site.a.records if it.outcome is Outcome.REFUSED]
    assert refused == ["-1"]


@on_site
async def test_the_floors_of_another_incarnation_still_count(site: Site) -> None:
    key = CALLS.key("1")
    assert await site.b.cache.invalidate(key, at=12)
    replica = dict(site.server.values)
    site.server.go_down()
    site.server.come_up(replica)
    await asyncio.sleep(1)
    assert not await site.a.cache.put(key, "old", as_of=10)
    answer = await site.a.cache.get_or_load(key, site.loader("new", 13))
    assert answer.value == "new"
    assert site.floors == [12]
    site.server.go_down()
    site.server.come_up(replica)
    await asyncio.sleep(1)
    assert await site.b.cache.invalidate(key, at=11)
    assert not await site.a.cache.put(key, "old", as_of=11)
    assert await site.a.cache.put(key, "new", as_of=12)


@on_site
async def test_an_invalidation_whose_caller_is_cancelled_and_whose_link_is_lost_is_owed(
    site: Site,
) -> None:
    key = CALLS.key("1")
    await site.b.cache.get_or_load(key, site.loader("old", 10))
    hand = ByHand()
    site.a.transport.leaves = hand
    caller = asyncio.ensure_future(site.a.cache.invalidate(key, at=12))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.sleep(0)
    assert site.a.cache.owed == 0
    site.a.transport.leaves = at_once
    site.a.transport.cut()
    await asyncio.sleep(0)
    assert site.a.cache.owed == 1
    await site.a.cache.settled()
    await asyncio.sleep(FRESH_S)
    assert await site.b.cache.get(key) is None


@pytest.mark.parametrize("where", ["reader", "writer"])
def test_a_reply_from_before_an_invalidation_is_not_kept_after_it(where: str) -> None:
    """The reply is older than the push behind it: memory must be filled where it is read."""

    @on_site
    async def story(site: Site) -> None:
        key = CALLS.key("1")
        await site.b.cache.get_or_load(key, site.loader("old", 10))
        hand = ByHand()
        site.a.transport.is_read = hand
        reading = asyncio.ensure_future(site.a.cache.get(key))
        await asyncio.sleep(FRESH_S)
        writer = site.b if where == "reader" else site.a
        writing = asyncio.ensure_future(writer.cache.invalidate(key, at=12))
        for _ in range(10):
            await asyncio.sleep(FRESH_S)
            hand.go()
        assert await writing
        assert (await reading) is not None, "it began before"
        site.a.transport.is_read = at_once
        assert await site.a.cache.get(key) is None

    story()
