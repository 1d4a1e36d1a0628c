"""A warmer with routes that load in memory, in simulated time."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from support.simloop import SimClock, SimLoop, simulated

from callboard.keyspaces import CACHED
from callboard.warming.budget import Budget, Rates, Strain
from callboard.warming.model import Model
from callboard.warming.plan import Plan, plan_of
from callboard.warming.predictive import Predictor, Thresholds
from callboard.warming.warmer import Times, Warmer

__all__ = ["CALM", "PLAN", "TODAY", "WarmingSite", "habit", "played"]

TODAY = date(2026, 3, 26)
CALM = Strain(0.0, 0, is_up=True)
PLAN: Plan = plan_of((row.name, row.warmer) for row in CACHED)


@dataclass
class WarmingSite:
    """Everything warming asks for, and what it was asked."""

    loop: SimLoop
    takes_s: float = 0.01
    strain: Strain = CALM
    campaigns: list[str] = field(default_factory=lambda: ["c1", "c2"])
    leads: bool = False
    rates: Rates = field(default_factory=Rates)
    times: Times = field(default_factory=lambda: Times(seed=1))
    thresholds: Thresholds = field(default_factory=Thresholds)
    enabled: bool = True

    def __post_init__(self) -> None:
        self.asked: list[tuple[float, str]] = []
        """When each load began."""
        self.failing: set[str] = set()
        self.kept: set[str] = set()
        """What is warm already."""
        self.at_a_time = self.most_at_a_time = 0
        self.clock = SimClock(self.loop)
        self.budget = Budget(lambda: self.strain, self.clock, self.rates)
        self.model = Model()
        self.warmer = Warmer(self, self, PLAN, self.budget, lambda: TODAY, self.times)
        self.predictor = Predictor(
            self.model,
            self.warmer,
            self.clock,
            lambda: TODAY,
            self.thresholds,
            enabled=self.enabled,
        )

    @property
    def paths(self) -> list[str]:
        """Return what was asked for."""
        return [path for _, path in self.asked]

    def active(self) -> Sequence[str]:
        """Return the active campaigns."""
        return self.campaigns

    def is_leading(self) -> bool:
        """Tell whether this process leads."""
        return self.leads

    async def warm(self, path: str) -> bool:
        """Load in simulated time."""
        self.asked.append((self.loop.time(), path))
        self.at_a_time += 1
        self.most_at_a_time = max(self.most_at_a_time, self.at_a_time)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.at_a_time -= 1
        if path in self.failing:
            message = "no"
            raise RuntimeError(message)
        needed = path not in self.kept
        self.kept.add(path)
        return needed

    async def running(self, seconds: float) -> None:
        """Let the warmer run so long."""
        task = self.loop.create_task(self.warmer.run())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait([task])


def played(play: Callable[[WarmingSite], Coroutine[Any, Any, None]], **made: Any) -> None:
    """Play in simulated time."""
    simulated(lambda loop: play(WarmingSite(loop, **made)))


async def habit(site: WarmingSite, person: str, *pages: str, rounds: int = 8) -> None:
    """Let somebody do the same again and again."""
    for _ in range(rounds):
        for page in pages:
            site.predictor.opened(person, page)
            await asyncio.sleep(5)
    await asyncio.sleep(3_600)
    await site.running(30)
    site.asked.clear()
    site.kept.clear()
