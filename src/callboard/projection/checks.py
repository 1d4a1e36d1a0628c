"""Figures compared with the truth: every night, now and then, and when somebody asks.

Only the process that projects counts, one day at a time, beside the fold. What is found wrong is
put right at once and said aloud: `drift` is never hidden by a silent repair.
"""

import asyncio
import random
from datetime import date, datetime, time, timedelta
from typing import Protocol

import structlog

from callboard.clock import Clock
from callboard.errors import LeaseLost, StoreUnavailable
from callboard.projection.recount import Recounts

__all__ = ["NIGHTLY_AT", "Checks", "Wish", "Wishes"]

_log = structlog.get_logger(__name__)

NIGHTLY_AT = time(0, 5)
"""Local time: late enough for what was said just before midnight to have arrived."""
_POLL_S = 2.0
_NIGHTLY_DAYS = 2
"""Closed days that are counted every night: late facts come within two days."""
_RECENT_DAYS = 3


class Wish(Protocol):
    """Days that somebody wants to be counted anew."""

    @property
    def following(self) -> date:
        """The next day to count."""

    @property
    def finished(self) -> bool:
        """Whether nothing is left."""


class Wishes(Protocol):
    """Where wishes and what was done at night are kept."""

    async def progress(self) -> Wish | None:
        """Return what is wished for."""

    async def advance(self, day: date, *, drifted: int, skipped: bool) -> None:
        """Say that a day is done."""

    async def counted_nightly(self) -> str | None:
        """Return the last day closed by a nightly count."""

    async def close(self, day: str, at: datetime) -> None:
        """Remember that the nightly count is done up to a day."""


class Checks:
    """Decides which day is counted next; `run` it beside the projector."""

    def __init__(
        self,
        recounts: Recounts,
        wishes: Wishes,
        leading: asyncio.Event,
        clock: Clock,
        chance: random.Random,
    ) -> None:
        self._recounts = recounts
        self._wishes = wishes
        self._leading = leading
        self._clock = clock
        self._chance = chance
        self._sample_due = False
        self._night_due = True
        self.drift = 0
        """Documents that were wrong when figures were last compared."""
        self.drifted = 0
        """The same, of all comparisons since this process began."""
        self.compared = 0
        """Days compared since this process began."""

    def sample(self) -> None:
        """Let a day be compared soon: the scheduler's."""
        self._sample_due = True

    def night(self) -> None:
        """Let the closed days be counted soon: the scheduler's, at 00:05 local time."""
        self._night_due = True

    async def run(self) -> None:
        """Count what is due for as long as this process projects, until cancelled."""
        while True:
            await self._leading.wait()
            try:
                if await self.once():
                    continue
            except (LeaseLost, StoreUnavailable) as error:
                _log.warning("checks.interrupted", reason=str(error))
            await asyncio.sleep(_POLL_S)

    async def once(self) -> bool:
        """Count the day that is due first; False when none is."""
        wish = await self._wishes.progress()
        if wish is not None and not wish.finished:
            day = wish.following
            drifted = await self._compare(day)
            await self._wishes.advance(day, drifted=drifted or 0, skipped=drifted is None)
            return True
        if self._night_due and await self._close_days():
            return True
        if self._sample_due:
            self._sample_due = False
            return await self._compare_some_day()
        return False

    async def _close_days(self) -> bool:
        """Count the closed days, unless this was done since midnight, here or elsewhere."""
        now = self._clock.now().astimezone(self._recounts.zone)
        yesterday = now.date() - timedelta(days=1)
        if now.time() < NIGHTLY_AT:
            return False  # still due
        last = await self._wishes.counted_nightly()
        if last is not None and last >= yesterday.isoformat():
            self._night_due = False
            return False
        for days_back in reversed(range(_NIGHTLY_DAYS)):
            await self._compare(yesterday - timedelta(days=days_back))
        await self._wishes.close(yesterday.isoformat(), self._clock.now())
        self._night_due = False
        _log.info("checks.nightly", day=yesterday.isoformat(), drift=self.drift)
        return True

    async def _compare_some_day(self) -> bool:
        """Compare today or a day shortly before every other time, else any day there is."""
        days = await self._recounts.counted_days()
        if not days:
            return False
        recent = self._chance.random() < 0.5  # noqa: PLR2004  (every other time)
        await self._compare(
            date.fromisoformat(self._chance.choice(days[-_RECENT_DAYS:] if recent else days))
        )
        return True

    async def _compare(self, day: date) -> int | None:
        """Count a day anew; return how much was wrong, None when its calls are not kept."""
        if not self._recounts.covers(day.isoformat(), self._clock.now()):
            return None
        found = await self._recounts.recount(day.isoformat())
        self.drift = found.drifted
        self.drifted += found.drifted
        self.compared += 1
        return found.drifted
