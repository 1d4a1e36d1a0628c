"""Warming in one process: what is loaded ahead, by whom it is told, and what it may cost.

Only the process that projects does the regular rounds and saves what was learned; every process
guesses for its own visitors.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import structlog

from callboard.clock import Clock, isoformat_z
from callboard.delivery.replica import Replica
from callboard.keyspaces import CAMPAIGNS, Cached
from callboard.tasks import together
from callboard.warming.budget import Budget, LoopLag, Strain
from callboard.warming.keeping import Keeper, Saved
from callboard.warming.pages import opaque
from callboard.warming.plan import plan_of
from callboard.warming.predictive import Predictor
from callboard.warming.statistics import WarmingStats
from callboard.warming.warmer import Reader, Warmer

__all__ = ["Around", "Warming", "warming_of"]

_log = structlog.get_logger(__name__)

_TOLD_PER_S_MAX = 200
"""Of more reads in a second nothing is learned: at 30 µs each it would cost those who read."""
_VIEWS_S = 10.0
"""How long a start waits for the views, which say which campaigns are active."""
_CAMPAIGNS_MAX = 200


@dataclass(frozen=True, slots=True)
class Around:
    """What warming needs to know of its process."""

    views: Mapping[str, Replica]
    is_leading: Callable[[], bool]
    people_waiting: Callable[[], int]
    """How many reads wait for a load now, those of warming included."""
    today: Callable[[], date]
    secret: bytes
    """By which people are called by names that tell nothing."""
    keeps: bool
    """Whether anything that is loaded is kept; otherwise nothing is loaded ahead."""


@dataclass(frozen=True, slots=True)
class _Campaigns:
    """Which campaigns are warmed, by the view."""

    view: Replica
    leading: Callable[[], bool]

    def active(self) -> list[str]:
        """Return the ids of the active campaigns, those with the most calls first."""
        rows = [row for row in self.view.items.values() if row["status"] == "active"]
        rows.sort(key=lambda row: (-row["totalCalls"], row["campaignId"]))
        return [row["campaignId"] for row in rows[:_CAMPAIGNS_MAX]]

    def is_leading(self) -> bool:
        """Tell whether this process projects."""
        return self.leading()


class Warming:
    """Everything that loads ahead in this process; `run` it."""

    def __init__(
        self,
        warmer: Warmer,
        predictor: Predictor,
        lag: LoopLag,
        keeper: Keeper,
        around: Around,
    ) -> None:
        self.warmer = warmer
        self.is_ready = False
        """Whether the start has done what it is waited for, or has given up."""
        self._predictor = predictor
        self._lag = lag
        self._keeper = keeper
        self._around = around
        self._clock = warmer.budget.clock
        self._second = self._told = 0
        self._loaded_at: datetime | None = None
        warmer.on_done.append(self._loaded)

    def opened(self, name: str, address: str, page: object) -> None:
        """Take in that somebody says which page they look at."""
        if self._has_room():
            self._predictor.opened(opaque(name, address, self._around.secret), page)

    def read(self, name: str, address: str, target: str) -> None:
        """Take in that somebody has read a path of the API."""
        if self._has_room():
            self._predictor.read(opaque(name, address, self._around.secret), target)

    def _has_room(self) -> bool:
        second = int(self._clock.monotonic_s())
        if second != self._second:
            self._second, self._told = second, 0
        self._told += 1
        return self._told <= _TOLD_PER_S_MAX

    def told(self) -> dict[str, Any]:
        """Return whether anything is loaded ahead here, and when that was last."""
        at = self._loaded_at
        return {
            "enabled": self._around.keeps,
            "lastAt": isoformat_z(at) if at is not None else None,
        }

    def _loaded(self, _path: str, _took_s: float) -> None:
        self._loaded_at = self._clock.now()

    def stats(self) -> WarmingStats:
        """Return what was done so far."""
        return self._predictor.stats()

    async def run(self) -> None:
        """Warm for the first visitors, then whatever is wanted, until cancelled."""
        if not self._around.keeps:
            self.is_ready = True
            return
        saving = self._keeper.run(self._predictor.model)
        await together(self._lag.run(), self._begin_and_go_on(), saving)

    async def _begin_and_go_on(self) -> None:
        try:
            # Without the views there is no telling what to load, and it would not be served.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_VIEWS_S):
                    for view in self._around.views.values():
                        await view.ready.wait()
            started = await self.warmer.at_start()
            _log.info("warming.started", **started._asdict())
        finally:
            self.is_ready = True
        await self.warmer.run()


async def warming_of(
    reader: Reader,
    rows: Mapping[str, Cached],
    habits: Saved,
    clock: Clock,
    around: Around,
    *,
    predicts: bool,
) -> Warming:
    """Return warming with what was learned before."""
    lag = LoopLag(clock)
    warmer: Warmer

    def strain() -> Strain:
        waiting = max(0, around.people_waiting() - warmer.budget.running)
        is_up = all(view.vouched for view in around.views.values())
        return Strain(lag.seconds, waiting, is_up)

    plan = plan_of((row.name, row.warmer) for row in rows.values())
    campaigns = _Campaigns(around.views[CAMPAIGNS.name], around.is_leading)
    warmer = Warmer(reader, campaigns, plan, Budget(strain, clock), around.today)
    keeper = Keeper(habits, around.is_leading)
    predictor = Predictor(
        await keeper.load(), warmer, clock, around.today, enabled=predicts and around.keeps
    )
    return Warming(warmer, predictor, lag, keeper, around)
