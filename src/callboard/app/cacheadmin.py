"""The cache, for who runs callboard: what it did, how it is, forgetting and loading on demand."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from callboard.app.cachemetrics import LinkOf
from callboard.app.caching import Caching
from callboard.app.metrics import bound_s
from callboard.app.traffic import Traffic
from callboard.cache import Outcome
from callboard.clock import Clock, isoformat_z
from callboard.delivery.administration import WarmedPaths
from callboard.delivery.replica import Replica
from callboard.domain.buckets import day_of
from callboard.errors import MalformedPayload, Unavailable, ViewsUnavailable
from callboard.keyspaces import VIEWS, Cached, space_tag
from callboard.observe.cachestats import CacheStats, Loads, SpaceFigures, ratio_of
from callboard.views.keycounts import KeysCounted, ServerSaid
from callboard.warming.plan import plan_of

__all__ = ["Administered", "KeyCounts", "Observed", "RedisLook"]

_LOOK_EVERY_S = 10.0
_KEYS_MAX = 100_000
"""More are not counted: that would take Redis, and us, longer than a look is worth."""
_TOGETHER = 4
_CAMPAIGNS_MAX = 20
_OURS = "cb:"


class RedisLook(Protocol):
    """A look at Redis; `callboard.views.keycounts` provides it."""

    async def server(self) -> ServerSaid:
        """Return what it says of itself; raises ViewsUnavailable."""

    async def count(self, prefix: str, at_most: int) -> KeysCounted:
        """Count keys by keyspace; raises ViewsUnavailable."""


class KeyCounts:
    """Looks at Redis at most every ten seconds, whoever asks and however often."""

    def __init__(self, look: RedisLook, clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._looked_s: float | None = None
        self._seen: tuple[ServerSaid, KeysCounted] | None = None
        self._lock = asyncio.Lock()

    async def latest(self) -> tuple[ServerSaid, KeysCounted] | None:
        """Return what was seen last; None: Redis does not answer."""
        async with self._lock:
            now_s = self._clock.monotonic_s()
            if self._looked_s is None or now_s - self._looked_s >= _LOOK_EVERY_S:
                try:
                    self._seen = (
                        await self._look.server(),
                        await self._look.count(_OURS, _KEYS_MAX),
                    )
                except ViewsUnavailable:
                    self._seen = None
                self._looked_s = self._clock.monotonic_s()
            return self._seen


@dataclass(frozen=True)
class Observed:
    """What is looked at beside the cache itself."""

    stats: CacheStats
    traffic: Traffic
    replicas: Mapping[str, Replica]
    keys: KeyCounts
    drift: Callable[[], int]
    zone: ZoneInfo


class Administered:
    """One process' cache."""

    def __init__(self, caching: Caching, observed: Observed, clock: Clock) -> None:
        self._caching = caching
        self._observed = observed
        self._clock = clock
        self.ask: Callable[[str], Awaitable[bool]] | None = None
        """Asks one of our own paths, and tells whether it had to be loaded; once it is there."""
        self.warming: Callable[[], Mapping[str, Any]] | None = None
        """What loading ahead has done; once it is there."""

    # -- what it did -----------------------------------------------------------------------

    async def stats(self) -> dict[str, Any]:
        """Return what the cache did and how it is, as JSON."""
        seen = await self._observed.keys.latest()
        counted = seen[1].keys if seen is not None else None
        spaces = {name: self._cached(row, counted) for name, row in self._caching.rows.items()}
        spaces |= {view.name: self._view(view.name, counted) for view in VIEWS}
        hits, misses = (sum(space[of] for space in spaces.values()) for of in ("hits", "misses"))
        stats = self._observed.stats
        bounds = [bound_s(replica, self._clock) for replica in self._observed.replicas.values()]
        known = [bound for bound in bounds if bound is not None]
        return {
            "enabled": self._caching.cache is not None,
            "since": isoformat_z(stats.since),
            "hits": hits,
            "misses": misses,
            "ratio": ratio_of(hits, misses),
            "keys": sum(counted.values()) if counted is not None else None,
            "keysComplete": seen is not None and seen[1].complete,
            "memory": seen[0].memory if seen is not None else None,
            "uptime": seen[0].uptime_s if seen is not None else None,
            "stalenessBoundS": round(max(known), 3) if len(known) == len(bounds) else None,
            "drift": self._observed.drift(),
            "link": self._link(),
            "invalidations": stats.total(Outcome.INVALIDATED),
            "layers": self._layers(spaces, counted, seen),
            "keyspaces": spaces,
            "warming": self.warming() if self.warming is not None else None,
        }

    def _link(self) -> dict[str, Any]:
        cache, stats = self._caching.cache, self._observed.stats
        link = LinkOf(cache, self._caching.rows) if cache is not None else None
        up = link is not None and link.up
        return {
            "up": up,
            "since": isoformat_z(stats.link_since),
            "tracking": up,  # a link that is up is told of changes, or it would not be
            "owed": link.owed if link is not None else 0,
            "lagS": stats.lag_s,
            "distrusts": stats.total(Outcome.DISTRUSTED),
            "pushed": stats.total(Outcome.PUSHED),
        }

    def _layers(
        self,
        spaces: Mapping[str, Mapping[str, Any]],
        counted: Mapping[str, int] | None,
        seen: tuple[ServerSaid, KeysCounted] | None,
    ) -> dict[str, Any]:
        evicted = self._observed.stats.total(Outcome.EVICTED)
        return {
            "l1": {"hits": sum(space["l1"] for space in spaces.values()), "evicted": evicted},
            "l2": {
                "hits": sum(space["l2"] for space in spaces.values()),
                "keys": sum(counted.values()) if counted is not None else None,
                "memory": seen[0].memory if seen is not None else None,
            },
        }

    def _cached(self, row: Cached, counted: Mapping[str, int] | None) -> dict[str, Any]:
        stats = self._observed.stats
        return {
            "kind": "cached",
            "ttlS": row.space.ttl_s,
            "softTtlS": row.space.soft_ttl_s,
            "tags": row.tags,
            "sources": [f"{source.collection}: {source.fields}" for source in row.sources],
            "warmer": row.warmer,
            "shards": row.shards,
            **_figures(stats.of(row.name), stats.loads(row.name)),
            "keys": counted.get(row.name, 0) if counted is not None else None,
        }

    def _view(self, name: str, counted: Mapping[str, int] | None) -> dict[str, Any]:
        hits, misses = self._observed.traffic.view_reads(name)
        view = next(view for view in VIEWS if view.name == name)
        nothing = SpaceFigures(**dict.fromkeys(SpaceFigures.__dataclass_fields__, 0))
        return {
            "kind": "view",
            "ttlS": view.ttl_s,
            "softTtlS": None,
            "tags": "none: kept by the projector, change by change",
            "sources": ["calls, campaigns: whatever the figures are made of"],
            "warmer": "always there",
            "shards": f"{view.shards} slots",
            **_figures(nothing, Loads([])),
            "hits": hits,
            "misses": misses,
            "ratio": ratio_of(hits, misses),
            "l1": hits,
            "keys": counted.get(name, 0) if counted is not None else None,
        }

    # -- forgetting ------------------------------------------------------------------------

    async def invalidate_key(self, keyspace: str, id_: str) -> bool:
        """Make one entry unusable; False: Redis is away and will be told later.

        Raises:
            MalformedPayload: there is no such keyspace, or the id does not fit.
        """
        row = self._row(keyspace, "key")
        try:
            key = row.space.key(id_)
        except ValueError as error:
            raise MalformedPayload(str(error), field="key") from error
        cache = self._caching.cache
        return cache is None or await cache.invalidate(key)

    async def invalidate_tag(self, tag: str) -> bool:
        """Make every entry of a tag unusable; raises MalformedPayload when it is too long."""
        cache = self._caching.cache
        try:
            return cache is None or await cache.invalidate_tag(tag)
        except ValueError as error:
            raise MalformedPayload(str(error), field="tag") from error

    async def invalidate_keyspace(self, keyspace: str) -> bool:
        """Make a whole keyspace unusable; raises MalformedPayload when there is none."""
        return await self.invalidate_tag(space_tag(self._row(keyspace, "keyspace").name))

    def _row(self, keyspace: str, field: str) -> Cached:
        row = self._caching.rows.get(keyspace)
        if row is None:
            there_are = ", ".join(self._caching.rows)
            message = f"there is no keyspace '{keyspace[:100]}'; there are {there_are}"
            if any(keyspace == view.name for view in VIEWS):
                message = f"'{keyspace}' is a view: the projector keeps it; cached are {there_are}"
            raise MalformedPayload(message, field=field)
        return row

    # -- loading ---------------------------------------------------------------------------

    def paths_of(self, keyspace: str | None) -> Sequence[str]:
        """Return what is warmed of a keyspace, or at a start.

        Raises:
            MalformedPayload: there is no such keyspace, or its paths are not known.
        """
        today = self._today()
        campaigns = self._campaigns()
        if keyspace is None:
            rows = [(name, row.warmer) for name, row in self._caching.rows.items()]
            return plan_of(rows).at_start(campaigns, today)
        name = self._row(keyspace, "keyspace").name
        try:
            plan = plan_of([(name, "start, active campaigns")])
        except ValueError as error:
            message = f"nobody knows which '{name}' to warm: give 'paths'"
            raise MalformedPayload(message, field="keyspace") from error
        found = [*plan.at_start(campaigns, today), *plan.regular(campaigns, today)]
        return list(dict.fromkeys(found))

    def _today(self) -> date:
        return date.fromisoformat(day_of(self._clock.now(), self._observed.zone))

    def _campaigns(self) -> list[str]:
        rows = [
            row
            for row in self._observed.replicas["campaign"].items.values()
            if row.get("status") == "active"
        ]
        rows.sort(key=lambda row: (-row.get("totalCalls", 0), row["campaignId"]))
        return [row["campaignId"] for row in rows[:_CAMPAIGNS_MAX]]

    async def warm(self, paths: Sequence[str]) -> WarmedPaths:
        """Ask our own routes for some paths, a few at a time."""
        done: Counter[str] = Counter()
        waiting = iter(paths)

        async def work() -> None:
            for path in waiting:
                done[await self._warm(path)] += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(_TOGETHER):
                group.create_task(work())
        return WarmedPaths(done["fresh"], done["loaded"], done["failed"])

    async def _warm(self, path: str) -> str:
        if self.ask is None:
            return "failed"
        try:
            return "loaded" if await self.ask(path) else "fresh"
        except Unavailable:
            return "failed"


def _figures(figures: SpaceFigures, loads: Loads) -> dict[str, Any]:
    counted = asdict(figures)
    return {
        "hits": figures.hits,
        "misses": figures.misses,
        "ratio": figures.ratio,
        **{name: counted[name] for name in _SHOWN},
        "loads": figures.loaded,
        "loadSeconds": round(loads.seconds, 6),
        "failures": figures.failed,
    }


_SHOWN = (
    "l1",
    "l2",
    "joined",
    "waited",
    "stale",
    "soft",
    "degraded",
    "refused",
    "evicted",
)
