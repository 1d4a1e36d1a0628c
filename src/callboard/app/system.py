"""How this installation is, for everybody who may read: what the page's frame and System show."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callboard import __version__
from callboard.app.alerts import Engines
from callboard.app.feeds import Feeds
from callboard.app.metrics import bound_s
from callboard.app.traffic import Traffic
from callboard.clock import Clock, isoformat_z
from callboard.delivery.replica import Replica
from callboard.errors import StoreUnavailable
from callboard.observe.cachestats import CacheStats, ratio_of

__all__ = ["Seen", "System"]

_TOLD_FOR_S = 2.0
_SAMPLE_EVERY_S = 5.0
_MINUTE_S = 60.0
_SILENCE = "silence"


@dataclass(frozen=True)
class Seen:
    """The parts that are looked at."""

    feeds: Feeds
    traffic: Traffic
    stats: CacheStats
    replicas: Mapping[str, Replica]
    engines: Engines
    lag_s: Callable[[], float | None]
    """How far this process' projector is behind; None: another process projects."""
    drift: Callable[[], int | None]
    """Documents that the last comparison found wrong; None: nothing was compared here yet."""
    clients: Callable[[], int]
    """Socket.IO clients of this process."""
    limits: Mapping[str, float | None]
    has_cache: bool


class System:
    """Looks at the parts at most every two seconds, whoever asks and however often."""

    def __init__(self, seen: Seen, clock: Clock) -> None:
        self._seen = seen
        self._clock = clock
        self._started = isoformat_z(clock.now())
        self.firing: Callable[[], Awaitable[Sequence[tuple[str, str]]]] = _nothing_fires
        """Tells rule and label of what fires; raises StoreUnavailable."""
        self.warming: Callable[[], Mapping[str, Any]] = lambda: {"enabled": False, "lastAt": None}
        self._lock = asyncio.Lock()
        self._told: dict[str, Any] = {}
        self._told_s: float | None = None
        self._attempts: deque[tuple[float, str, int]] = deque()

    async def run(self) -> None:
        """Note the day's attempts until cancelled, so that their pace is known."""
        while True:
            self._sample()
            await asyncio.sleep(_SAMPLE_EVERY_S)

    async def told(self) -> Mapping[str, Any]:
        """Return how everything is; what cannot be known is None."""
        async with self._lock:
            now_s = self._clock.monotonic_s()
            if self._told_s is None or now_s - self._told_s >= _TOLD_FOR_S:
                self._told = await self._look()
                self._told_s = now_s
        return self._told

    async def _look(self) -> dict[str, Any]:
        seen = self._seen
        redis, mongodb = await asyncio.gather(
            seen.engines.redis_answers(), seen.engines.mongodb_answers()
        )
        ages = {name: bound_s(copy, self._clock) for name, copy in seen.replicas.items()}
        known = [age for age in ages.values() if age is not None]
        reads = seen.stats.all()
        return {
            "version": __version__,
            "startedAt": self._started,
            "serverTime": isoformat_z(self._clock.now()),
            "feeds": seen.feeds.told(await self._silent() if mongodb else frozenset()),
            "stalenessBoundS": round(max(known), 3) if len(known) == len(ages) else None,
            "views": {
                name: {"vouched": copy.vouched, "ageS": _rounded(ages[name])}
                for name, copy in seen.replicas.items()
            },
            "projector": {"lagS": _rounded(seen.lag_s()), "drift": seen.drift()},
            "redis": {"up": redis},
            "mongodb": {"up": mongodb},
            "sockets": {"connected": seen.clients()},
            "cache": {
                "enabled": seen.has_cache,
                "hitRatio": ratio_of(reads.hits, reads.missed),
                "notModifiedRatio": ratio_of(*seen.traffic.unchanged()),
            },
            "warming": dict(self.warming()),
            "limits": dict(seen.limits),
            "attemptsLastMinute": self._last_minute(),
        }

    async def _silent(self) -> frozenset[str]:
        """Return the vendors that an alert says are silent while calls are live."""
        try:
            firing = await self.firing()
        except StoreUnavailable:
            return frozenset()
        return frozenset(label for rule, label in firing if rule == _SILENCE)

    def _now(self) -> tuple[str, int] | None:
        """Return today, and the attempts of today."""
        today = self._seen.replicas["summary"].items.get("today")
        return (today["day"], today["contact"]["attempts"]) if today else None

    def _sample(self) -> None:
        now_s, found = self._clock.monotonic_s(), self._now()
        if found is not None:
            self._attempts.append((now_s, *found))
        while self._attempts and now_s - self._attempts[0][0] > _MINUTE_S + _SAMPLE_EVERY_S:
            self._attempts.popleft()

    def _last_minute(self) -> int | None:
        """Return the attempts of the last 60 to 65 seconds; None before a minute has passed."""
        found = self._now()
        if found is None or not self._attempts:
            return None
        since_s, day, before = self._attempts[0]
        if self._clock.monotonic_s() - since_s < _MINUTE_S - _SAMPLE_EVERY_S:
            return None
        # A new day begins at 0; what its first minute lacks is the old day's last.
        return max(found[1] - (before if day == found[0] else 0), 0)


async def _nothing_fires() -> Sequence[tuple[str, str]]:
    return ()


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
