"""The stale-call watch: calls that are not heard of any more are flagged, later given up.

One process watches: the one that projects. What it says are facts that merge like a vendor's, so
that a webhook which comes at the same moment, or days later, ends in the same document
(docs/adr/0017).
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Protocol

import structlog

from callboard.clock import Clock
from callboard.domain.stale import Limit, StaleRule, Word, percentile_95, word_on
from callboard.errors import Unavailable

__all__ = ["OpenCalls", "StaleWatch"]

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 15.0
_CALLS_PER_LOOK = 500
_PATIENCE_S = 120.0
"""For so long a new watch closes nothing: what waited for us to come back may still arrive."""
_TALKS_EVERY_S = 600.0


class OpenCalls(Protocol):
    """Calls whose end nobody has told."""

    async def silent(
        self, limits: Sequence[Limit], now: datetime, count_max: int
    ) -> list[dict[str, Any]]:
        """Return calls of which there may be something to say, oldest first."""

    async def say(self, words: Collection[Word]) -> list[str]:
        """Merge what the watch says; return which of the calls are unconfirmed now."""

    async def talks_s(self, now: datetime) -> list[float]:
        """Return how long calls of recent days lasted."""


class StaleWatch:
    """Flags calls that are silent for too long, and closes them in the end."""

    def __init__(
        self, calls: OpenCalls, clock: Clock, rule: StaleRule, *, is_leading: Callable[[], bool]
    ) -> None:
        self._calls = calls
        self._clock = clock
        self._rule = rule
        self._is_leading = is_leading
        self._leading_since_s: float | None = None
        self._talks_at_s: float | None = None
        self._talk_p95_s: float | None = None

    async def run(self) -> None:
        """Look every few seconds until cancelled; while the store is away nothing is said."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                await self.look()
            except Unavailable as error:
                _log.warning("watch.interrupted", reason=str(error))

    async def look(self) -> None:
        """Flag and close what is due, if this process leads.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        now_s = self._clock.monotonic_s()
        if not self._is_leading():
            self._leading_since_s = None
            return
        if self._leading_since_s is None:
            self._leading_since_s = now_s
        patient = now_s - self._leading_since_s < _PATIENCE_S
        now = self._clock.now()
        limits = self._rule.limits(await self._talk(now, now_s))
        found = await self._calls.silent(limits, now, _CALLS_PER_LOOK)
        words = [word for call in found if (word := word_on(call, limits, now)) is not None]
        await self._say([word for word in words if not (word.closes and patient)])

    async def _talk(self, now: datetime, now_s: float) -> float | None:
        """Return the 95th percentile of recent talks, asked for now and then."""
        if self._talks_at_s is None or now_s - self._talks_at_s >= _TALKS_EVERY_S:
            self._talk_p95_s = percentile_95(await self._calls.talks_s(now))
            self._talks_at_s = now_s
        return self._talk_p95_s

    async def _say(self, words: Sequence[Word]) -> None:
        if not words:
            return
        for sid in await self._calls.say(words):
            _log.warning("watch.unconfirmed", sid=sid)
        if flagged := sum(not word.closes for word in words):
            _log.info("watch.flagged", calls=flagged)
