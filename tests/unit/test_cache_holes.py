"""Single stories of the cache in which something old could come back; each was a hole once."""

import asyncio

import pytest
from support.memory_redis import ByHand
from support.memory_site import Site, on_site

from callboard.cache import TEXT, Keyspace

CALLS = Keyspace(name="calls", codec=TEXT, ttl_s=60, negative_ttl_s=5)
PLAIN = Keyspace(name="plain", codec=TEXT, ttl_s=60, clocked=False)
FRESH_S = 0.001
"""Longer than memory is served without asking for pushes."""


@pytest.mark.xfail(strict=True, reason="bug 3: FILL under a lease that was lost")
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


@pytest.mark.xfail(strict=True, reason="bug 3: the same after an eviction")
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


@pytest.mark.xfail(strict=True, reason="bug 4: nothing found, and nothing said")
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


@pytest.mark.xfail(strict=True, reason="bug 5: unchanged is told too early")
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
