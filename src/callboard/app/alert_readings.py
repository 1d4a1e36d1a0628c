"""Collects readings for alerts: from this process' parts, and what every process has counted.

Webhooks and cached reads arrive at any process, so each tells its own totals, and whoever judges
adds up by how much all of them have grown.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from callboard.alerts import readings as names
from callboard.alerts.readings import Figure, Readings, looks_of
from callboard.clock import Clock
from callboard.domain.calls import TERMINAL_STATUSES
from callboard.errors import StoreUnavailable
from callboard.store.alerts import AlertStore

__all__ = ["Collector", "Counts", "Parts", "Reads", "View"]

Counts = Callable[[], Mapping[tuple[str, str], float]]
"""Totals since the process began, by vendor and outcome as in metrics."""
Reads = Callable[[], tuple[float, float]]
"""Totals since the process began: hits, and misses while Redis answered."""

_HITS, _MISSES = "cache|hits", "cache|misses"
_RUNNING = frozenset({"active", "running", "in_progress"})
_USUAL_DAYS = 7
_USUAL_ABOUT = timedelta(minutes=30)
_USUAL_EVERY = timedelta(minutes=15)


class View(Protocol):
    """A process' copy of a view; `callboard.delivery.replica` provides it."""

    @property
    def vouched(self) -> bool:
        """Tell whether somebody vouches for it."""

    @property
    def items(self) -> Mapping[str, Any]:
        """Return the decoded items by key."""

    @property
    def current_at(self) -> datetime | None:
        """Return an instant before which every commit is in it."""


@dataclass(frozen=True)
class Parts:
    """What is looked at."""

    views: Mapping[str, View]
    """`live`, `campaign` and `summary`."""
    current_at: Callable[[], datetime | None]
    """Before which everything is counted; None: not known here."""
    drift: Callable[[], int | None]
    """Documents that were wrong; None: nothing was compared yet."""
    redis: Callable[[], Awaitable[bool]]
    mongodb: Callable[[], Awaitable[bool]]
    vendors: Sequence[str]
    """Those whose webhooks are expected."""
    webhooks: Counts | None = None
    """By vendor and outcome; None: nobody counts."""
    cache_reads: Reads | None = None
    """None: nobody counts, or there is no cache."""


class Collector:
    """Looks at the parts, each time with the look before in mind."""

    def __init__(self, parts: Parts, store: AlertStore, owner: str, clock: Clock) -> None:
        self._parts = parts
        self._store = store
        self._owner = owner
        self._clock = clock
        self._totals: dict[str, dict[str, float]] | None = None
        self._today: tuple[str, int, int] | None = None
        self._usual: Mapping[str, Figure] = {}
        self._usual_at: datetime | None = None

    async def look(self) -> Readings:
        """Return what is seen now; what cannot be seen is None, not an error."""
        mongodb = await self._parts.mongodb()
        figures: dict[str, Figure] = {
            names.MONGODB: {"": float(mongodb)},
            names.REDIS: {"": float(await self._parts.redis())},
        }
        grown = await self._grown() if mongodb else None
        at = self._clock.now()
        figures |= self._projection(at)
        figures |= self._traffic(grown)
        figures |= self._calls()
        figures |= self._campaigns()
        if mongodb:
            await self._learn_usual(at)
        figures |= self._usual
        return Readings(at, figures).bounded()

    def _projection(self, at: datetime) -> dict[str, Figure]:
        ages = {
            name: _age_s(at, view.current_at) if view.vouched else None
            for name, view in self._parts.views.items()
        }
        drift = self._parts.drift()
        return {
            names.LAG: {"": _age_s(at, self._parts.current_at())},
            names.STALENESS: ages,
            names.DRIFT: {"": None if drift is None else float(drift)},
        }

    async def _grown(self) -> dict[str, float] | None:
        """Return by how much all processes' totals have grown since the look before."""
        own: dict[str, float] = {}
        if self._parts.webhooks is not None:
            for (vendor, outcome), total in self._parts.webhooks().items():
                own[f"webhooks|{vendor}|{outcome}"] = float(total)
        if self._parts.cache_reads is not None:
            hits, misses = self._parts.cache_reads()
            own |= {_HITS: float(hits), _MISSES: float(misses)}
        try:
            await self._store.tally(self._owner, self._clock.now(), own)
            found = await self._store.tallies()
        except StoreUnavailable:
            return None
        before, self._totals = self._totals, found
        return _growth(before, found) if before is not None else None

    def _traffic(self, grown: Mapping[str, float] | None) -> dict[str, Figure]:
        found: dict[str, Figure] = {}
        if self._parts.webhooks is not None:
            for name, outcome in ((names.ACCEPTED, "accepted"), (names.REFUSED, "bad_signature")):
                found[name] = {
                    vendor: _of(grown, f"webhooks|{vendor}|{outcome}")
                    for vendor in self._parts.vendors
                }
        if self._parts.cache_reads is not None:
            hits, misses = _of(grown, _HITS), _of(grown, _MISSES)
            reads = None if hits is None or misses is None else hits + misses
            found |= {names.HITS: {"": hits}, names.READS: {"": reads}}
        return found

    def _calls(self) -> dict[str, Figure]:
        live, summary = self._parts.views["live"], self._parts.views["summary"]
        today = summary.items.get("today") if summary.vouched else None
        ended, failed = self._since_before(today)
        return {
            names.LIVE: {"": float(len(live.items)) if live.vouched else None},
            names.ENDED: {"": ended},
            names.FAILED: {"": failed},
        }

    def _since_before(self, today: Mapping[str, Any] | None) -> tuple[float | None, float | None]:
        """Return how many of today's calls have ended, and failed, since the look before."""
        if today is None:
            return None, None
        by_status = today["byStatus"]
        ended = sum(by_status.get(status, 0) for status in TERMINAL_STATUSES)
        failed = today["failures"]["total"]
        before, self._today = self._today, (today["day"], ended, failed)
        if before is None:
            return None, None
        if before[0] != today["day"]:
            return float(ended), float(failed)
        return float(max(ended - before[1], 0)), float(max(failed - before[2], 0))

    def _campaigns(self) -> dict[str, Figure]:
        view = self._parts.views["campaign"]
        begun: dict[str, float | None] = {}
        left: dict[str, float | None] = {}
        active: dict[str, float | None] = {}
        for name, item in view.items.items():
            contacts = item["totalContacts"]
            if item["status"] not in _RUNNING or contacts is None:
                continue
            waiting = max(contacts - item["totalCalls"], 0)
            queued = item["queuedCalls"] - waiting
            known = view.vouched
            begun[name] = float(item["totalCalls"] - queued) if known else None
            left[name] = float(item["queuedCalls"]) if known else None
            active[name] = float(item["activeCalls"]) if known else None
        return {names.BEGUN: begun, names.LEFT: left, names.ACTIVE: active}

    async def _learn_usual(self, at: datetime) -> None:
        """Add up the same hour of the last seven days, now and then."""
        if self._usual_at is not None and at - self._usual_at < _USUAL_EVERY:
            return
        ended = failed = 0.0
        try:
            for days in range(1, _USUAL_DAYS + 1):
                middle = at - timedelta(days=days)
                stored = self._store.looks(middle - _USUAL_ABOUT, middle + _USUAL_ABOUT)
                async for document in stored:
                    for look in looks_of(document):
                        ended += look.one(names.ENDED) or 0.0
                        failed += look.one(names.FAILED) or 0.0
        except StoreUnavailable:
            return
        self._usual_at = at
        self._usual = {names.USUAL_ENDED: {"": ended}, names.USUAL_FAILED: {"": failed}}


def _growth(
    before: Mapping[str, Mapping[str, float]], after: Mapping[str, Mapping[str, float]]
) -> dict[str, float]:
    """Return how much totals have grown; a process that was not there before counts from now."""
    grown: dict[str, float] = {}
    for owner in before.keys() & after.keys():
        for key, total in after[owner].items():
            grown[key] = grown.get(key, 0.0) + max(total - before[owner].get(key, 0.0), 0.0)
    return grown


def _of(grown: Mapping[str, float] | None, key: str) -> float | None:
    return None if grown is None else grown.get(key, 0.0)


def _age_s(at: datetime, instant: datetime | None) -> float | None:
    return None if instant is None else max((at - instant).total_seconds(), 0.0)
