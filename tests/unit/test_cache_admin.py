"""Forgetting and loading on demand, also while Redis is away."""

from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.builders import START
from support.memory_site import Site, on_site

from callboard.app.cacheadmin import Administered, KeyCounts, Observed
from callboard.app.cachemetrics import LinkOf, reads_of
from callboard.app.caching import Caching, table
from callboard.app.traffic import Traffic
from callboard.cache import Loaded
from callboard.clock import FixedClock
from callboard.domain.stream import Watermark
from callboard.errors import MalformedPayload, StoreUnavailable, ViewsUnavailable
from callboard.keyspaces import CACHED, VIEWS
from callboard.observe.cachestats import CacheStats
from callboard.views.keycounts import KeysCounted, ServerSaid

CAMPAIGNS = {
    "small": {"campaignId": "small", "status": "active", "totalCalls": 1},
    "big": {"campaignId": "big", "status": "active", "totalCalls": 9},
    "over": {"campaignId": "over", "status": "completed", "totalCalls": 99},
}


class Look:
    """What Redis says, if it is there."""

    def __init__(self) -> None:
        self.away = False

    async def server(self) -> ServerSaid:
        """Say something."""
        if self.away:
            message = "down"
            raise ViewsUnavailable(message)
        return ServerSaid(1 << 20, 60)

    async def count(self, prefix: str, at_most: int) -> KeysCounted:
        """Count."""
        del prefix, at_most
        return KeysCounted({"call": 3, "live": 9, "#": 2}, complete=True)


class Desk:
    """The administration of one process of a site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.rows = table({})
        self.look = Look()
        clock = FixedClock(START)
        self.stats = CacheStats(clock)
        site.a.records.clear()
        watermark = Watermark("2026-03-26T08:14:58Z", 0)
        replicas: Any = {
            view.name: SimpleNamespace(vouched=True, watermark=watermark, items={})
            for view in VIEWS
        }
        replicas["campaign"].items = CAMPAIGNS
        self.replicas = replicas
        keys = KeyCounts(self.look, clock)
        observed = Observed(
            self.stats, Traffic(), replicas, keys, lambda: 0, ZoneInfo("Europe/Madrid")
        )
        self.admin = Administered(Caching(self.rows, site.a.cache, None), observed, clock)

    async def read(self) -> int:
        """Read one call; return how many loads there have been."""
        key = self.rows["call"].space.key("CA1")
        await self.site.a.cache.get_or_load(key, self.site.loader(b"{}", 5))
        return self.site.loads

    def count(self) -> None:
        """Let the records so far be counted."""
        for record in self.site.a.records:
            self.stats(record)
        self.site.a.records.clear()


def desk(test: Callable[[Desk], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test at a desk."""

    async def on(site: Site) -> None:
        await test(Desk(site))

    on.__name__ = test.__name__
    return on_site(on)


@desk
async def test_what_is_forgotten_is_loaded_anew_and_nothing_else(desk: Desk) -> None:
    assert (await desk.read(), await desk.read()) == (1, 1)
    assert await desk.admin.invalidate_key("call", "CA2")
    assert await desk.admin.invalidate_keyspace("calls")
    assert await desk.read() == 1
    assert await desk.admin.invalidate_key("call", "CA1")
    assert await desk.read() == 2
    assert await desk.admin.invalidate_keyspace("call")
    assert await desk.read() == 3
    assert await desk.admin.invalidate_tag("all")
    assert await desk.read() == 4


@desk
async def test_while_redis_is_away_it_is_owed_and_said_to_be(desk: Desk) -> None:
    await desk.read()
    desk.site.a.transport.cut()
    assert not await desk.admin.invalidate_key("call", "CA1")
    link = LinkOf(desk.site.a.cache, desk.rows)
    assert (link.up, link.owed) == (False, 1)
    desk.count()
    desk.look.away = True
    stats = await desk.admin.stats()
    assert stats["link"]["up"] is False
    assert stats["link"]["owed"] == 1
    assert (stats["keys"], stats["memory"], stats["uptime"]) == (None, None, None)
    assert stats["keyspaces"]["call"]["keys"] is None
    loads = desk.site.loads
    assert await desk.read() == loads + 1, "what is owed is not served"


@desk
async def test_counts_are_those_of_the_records(desk: Desk) -> None:
    for _ in range(4):
        await desk.read()
    desk.count()
    stats = await desk.admin.stats()
    call = stats["keyspaces"]["call"]
    assert (call["hits"], call["misses"], call["ratio"], call["loads"]) == (3, 1, 75.0, 1)
    assert (stats["hits"], stats["misses"], stats["ratio"]) == (3, 1, 75.0)
    assert (stats["keys"], call["keys"], stats["keyspaces"]["live"]["keys"]) == (14, 3, 9)
    assert stats["stalenessBoundS"] == 2.0
    names = [row.name for row in CACHED]
    reads = reads_of(desk.stats, names)
    told = (reads["call", "missed"], reads["call", "loaded"], reads["call", "l1"])
    assert told == (1, 1, call["l1"])
    assert sum(reads.values()) == 3 + 1 + 1


@desk
async def test_a_view_that_nobody_vouches_for_has_no_bound(desk: Desk) -> None:
    desk.replicas["summary"].vouched = False
    assert (await desk.admin.stats())["stalenessBoundS"] is None


@desk
async def test_a_start_warms_what_the_table_says_busiest_campaigns_first(desk: Desk) -> None:
    paths = list(desk.admin.paths_of(None))
    assert "/api/calls?limit=50" in paths
    assert "/api/dashboard/summary?period=30d" in paths
    assert paths.index("/api/campaigns/big") < paths.index("/api/campaigns/small")
    assert "/api/campaigns/over" not in paths
    week = "from=2026-03-20&to=2026-03-26"
    assert f"/api/analytics/daily?{week}" in desk.admin.paths_of("analytics-today")
    for wrong, said in (("call", "give 'paths'"), ("live", "is a view"), ("x", "there is no")):
        with pytest.raises(MalformedPayload, match=said):
            desk.admin.paths_of(wrong)


@desk
async def test_what_fails_to_load_is_counted_and_stops_nothing(desk: Desk) -> None:
    asked: list[str] = []

    async def ask(path: str) -> bool:
        asked.append(path)
        if path == "/bad":
            message = "down"
            raise StoreUnavailable(message)
        return path == "/new"

    desk.admin.ask = ask
    done = await desk.admin.warm(["/new", "/bad", "/kept", "/new", "/kept", "/kept"])
    assert (done.loaded, done.failed, done.fresh) == (2, 1, 3)
    assert len(asked) == 6


@desk
async def test_a_load_that_was_forgotten_meanwhile_is_not_kept(desk: Desk) -> None:
    key = desk.rows["call"].space.key("CA1")

    async def load(floor: int) -> Loaded[bytes]:
        desk.site.loads += 1
        if desk.site.loads == 1:
            await desk.admin.invalidate_tag("all")
        return Loaded(b"{}", max(floor, 5))

    await desk.site.a.cache.get_or_load(key, load)
    await desk.site.a.cache.get_or_load(key, load)
    assert desk.site.loads == 2
