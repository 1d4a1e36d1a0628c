"""Loads paths ahead: at the start, every five minutes for active campaigns, and on a forecast.

Loads wait in one queue, forecasts before the regular round, each path once, and run when the
budget says so. Nobody waits for anything here but the start, and that for a bounded time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import NamedTuple, Protocol

import structlog

from callboard.tasks import together
from callboard.warming.budget import Budget
from callboard.warming.plan import Plan
from callboard.warming.statistics import Latencies

__all__ = ["Campaigns", "Reader", "Started", "Times", "Warmer"]

_log = structlog.get_logger(__name__)


class Reader(Protocol):
    """The routes, asked from within."""

    async def warm(self, path: str) -> bool:
        """Ask for a path; tell whether it had to be loaded."""


class Campaigns(Protocol):
    """Which campaigns there are, and whether this process looks after them."""

    def active(self) -> Sequence[str]:
        """Return the ids of the active ones."""

    def is_leading(self) -> bool:
        """Tell whether the regular rounds are this process' business."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long and how often."""

    start_s: float = 5.0
    """How long a start may be waited for."""
    round_s: float = 300.0
    jitter: float = 0.1
    """By which share of itself a round comes earlier or later."""
    look_s: float = 1.0
    """How often it is looked whether this process leads."""
    again_s: float = 10.0
    """A path that was just asked for is not asked for again on a forecast."""
    forecast_s: float = 15.0
    """A forecast that had to wait longer is worth nothing any more."""
    load_s: float = 10.0
    """A load is given up after so long."""
    queue_max: int = 2_000
    seed: int | None = None
    """Of the jitter; None: every process its own."""


class _Job(NamedTuple):
    path: str
    asked_s: float | None
    """When the page was opened from which it was foretold; None: a regular load."""


class Started(NamedTuple):
    """What a start did."""

    loaded: int
    failed: int
    left: int
    """What was not done in time; it is done soon after."""


class Warmer:
    """Warms by a plan, under a budget.

    Args:
        reader: asks for paths.
        campaigns: which are active, and who leads.
        plan: what is loaded ahead.
        budget: when.
        today: returns the local day.
    """

    def __init__(
        self,
        reader: Reader,
        campaigns: Campaigns,
        plan: Plan,
        budget: Budget,
        today: Callable[[], date],
        times: Times | None = None,
    ) -> None:
        self.plan = plan
        self.budget = budget
        self.times = times or Times()
        self.latencies = Latencies()
        self.on_done: list[Callable[[str, float], None]] = []
        """Told of a path that had to be loaded, and in how many seconds."""
        self.warmed = self.already_warm = self.failed = self.dropped = 0
        self._reader = reader
        self._campaigns = campaigns
        self._clock = budget.clock
        self._today = today
        self._random = Random(self.times.seed)  # noqa: S311  (spreads rounds, keeps no secret)
        self._foretold: OrderedDict[str, _Job] = OrderedDict()
        self._regular: OrderedDict[str, _Job] = OrderedDict()
        self._running: set[str] = set()
        self._asked: OrderedDict[str, float] = OrderedDict()
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Return how many loads wait for their turn."""
        return len(self._foretold) + len(self._regular)

    # -- what is wanted

    async def at_start(self) -> Started:
        """Load what the first visitors need; return when it is there, or when it is too late.

        Nobody is served yet, so only the number at a time is bounded. What is left over is done
        in the background.
        """
        paths = iter(self.plan.at_start(self._active(), self._today()))
        before = self.warmed + self.already_warm, self.failed
        under_way: set[str] = set()

        async def work() -> None:
            for path in paths:
                under_way.add(path)
                await self._load(_Job(path, None))
                under_way.discard(path)

        try:
            async with asyncio.timeout(self.times.start_s), asyncio.TaskGroup() as group:
                for _ in range(self.budget.rates.at_a_time):
                    group.create_task(work())
        except TimeoutError:
            left = [*under_way, *paths]
            self._want_regular(left)
        else:
            left = []
        loaded = self.warmed + self.already_warm - before[0]
        return Started(loaded, self.failed - before[1], len(left))

    def predicted(self, paths: Iterable[str], asked_s: float) -> int:
        """Take in what may be wanted soon; return how many of it is new. Never waits."""
        taken = 0
        for path in paths:
            if path in self._foretold or path in self._running or self._is_recent(path):
                continue
            if len(self._foretold) >= self.times.queue_max:
                self._foretold.popitem(last=False)
                self.dropped += 1
            self._foretold[path] = _Job(path, asked_s)
            taken += 1
        if taken:
            self._wake.set()
        return taken

    def _want_regular(self, paths: Iterable[str]) -> None:
        for path in paths:
            if len(self._regular) >= self.times.queue_max:
                self.dropped += 1
            elif path not in self._running:
                self._regular.setdefault(path, _Job(path, None))
        if self._regular:
            self._wake.set()

    def _is_recent(self, path: str) -> bool:
        asked_s = self._asked.get(path)
        return asked_s is not None and self._clock.monotonic_s() - asked_s < self.times.again_s

    # -- doing it

    async def run(self) -> None:
        """Load what is wanted, and see to the regular rounds, until cancelled."""
        workers = (self._work() for _ in range(self.budget.rates.at_a_time))
        await together(self._rounds(), *workers)

    async def _rounds(self) -> None:
        """Keep active campaigns warm in the process that leads.

        Who takes the lead has made everything old that was cached, so it is all loaded anew.
        """
        led, due_s = False, self._next_round_s()
        while True:
            await asyncio.sleep(self.times.look_s)
            leads, is_due = self._campaigns.is_leading(), self._clock.monotonic_s() >= due_s
            takes_over = leads and not led
            led = leads
            if takes_over:
                self._want_regular(self.plan.at_start(self._active(), self._today()))
            if takes_over or (leads and is_due):
                self._want_regular(self.plan.regular(self._active(), self._today()))
            if takes_over or is_due:
                due_s = self._next_round_s()

    def _active(self) -> list[str]:
        return list(self._campaigns.active())

    def _next_round_s(self) -> float:
        spread = self._random.uniform(-self.times.jitter, self.times.jitter)
        return self._clock.monotonic_s() + self.times.round_s * (1 + spread)

    async def _work(self) -> None:
        while True:
            while not self.waiting:
                self._wake.clear()
                await self._wake.wait()
            async with self.budget.turn():
                # Only now: what was foretold while we waited for our turn goes first.
                job = self._next()
                if job is not None:
                    await self._load(job)

    def _next(self) -> _Job | None:
        """Return what is to be loaded next; a forecast that has waited too long is not."""
        now_s = self._clock.monotonic_s()
        while self._foretold:
            _, job = self._foretold.popitem(last=False)
            if job.asked_s is None or now_s - job.asked_s <= self.times.forecast_s:
                return job
            self.dropped += 1
        return self._regular.popitem(last=False)[1] if self._regular else None

    async def _load(self, job: _Job) -> None:
        """Ask for a path; what goes wrong is counted and stops nothing."""
        path, began_s = job.path, self._clock.monotonic_s()
        self._running.add(path)
        try:
            async with asyncio.timeout(self.times.load_s):
                needed = await self._reader.warm(path)
        except Exception as error:
            self.failed += 1
            _log.debug("warming.failed", path=path, reason=str(error) or type(error).__name__)
            return
        finally:
            self._running.discard(path)
        done_s = self._clock.monotonic_s()
        self._remember(path, done_s)
        self.warmed += needed
        self.already_warm += not needed
        if job.asked_s is not None:
            self.latencies.add(done_s - job.asked_s)
        if needed:
            for tell in self.on_done:
                tell(path, done_s - began_s)

    def _remember(self, path: str, now_s: float) -> None:
        self._asked[path] = now_s
        self._asked.move_to_end(path)
        if len(self._asked) > self.times.queue_max:
            self._asked.popitem(last=False)
