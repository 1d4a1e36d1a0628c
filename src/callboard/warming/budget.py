"""How much may be loaded ahead: never at the cost of those who are waiting now.

A bucket of tokens whose rate follows the load: halved while the event loop lags or people wait
for loads, and back up step by step (AIMD), as many connections share a line. Nothing is loaded
while MongoDB or Redis is away: what was loaded could not be kept.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from callboard.clock import Clock

__all__ = ["Budget", "LoopLag", "Rates", "Strain"]


class Strain(NamedTuple):
    """How busy the process is, and whether loading makes sense."""

    lag_s: float
    """How late the event loop is."""
    waiting: int
    """Reads of people that wait for a load now."""
    is_up: bool
    """Whether MongoDB and Redis both answer."""


@dataclass(frozen=True, slots=True)
class Rates:
    """The bounds of a budget."""

    most_per_s: float = 20.0
    least_per_s: float = 0.5
    more_per_s: float = 2.0
    """How much more after each look at which nothing was strained."""
    burst: int = 10
    at_a_time: int = 4
    look_every_s: float = 0.5
    lag_max_s: float = 0.025
    waiting_max: int = 4
    price_ms: float = 0.25
    """How many milliseconds a load must be expected to save somebody, while nothing strains."""


class Budget:
    """Says when the next load may begin.

    Args:
        strain: how busy the process is; asked once in `look_every_s`, must not wait.
    """

    def __init__(
        self, strain: Callable[[], Strain], clock: Clock, rates: Rates | None = None
    ) -> None:
        self.rates = rates or Rates()
        self._strain = strain
        self.clock = clock
        self._tokens = float(self.rates.burst)
        self._at_s = self._looked_s = clock.monotonic_s()
        self._running = 0
        self.per_s = self.rates.most_per_s
        """The rate now."""
        self.paused = False
        """Whether nothing may be loaded at all."""

    @property
    def running(self) -> int:
        """Return how many loads are under way."""
        return self._running

    @property
    def price_ms(self) -> float:
        """Return how much waiting a load must be expected to save to be worth its place."""
        if self.paused:
            return float("inf")
        return self.rates.price_ms * self.rates.most_per_s / self.per_s

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until one more load may run, and count it until it has ended."""
        while (wait_s := self._wait_s()) > 0:  # noqa: ASYNC110  (what it waits for is the time)
            await asyncio.sleep(wait_s)
        self._tokens -= 1
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    def _wait_s(self) -> float:
        """Return how long to wait before asking again, 0: the load may begin."""
        self.look()
        share = self.per_s / self.rates.most_per_s
        if self.paused or self._running >= max(1, int(self.rates.at_a_time * share)):
            return self.rates.look_every_s / 5
        lacking = 1.0 - self._tokens
        return max(lacking / self.per_s, 0.001) if lacking > _NEARLY else 0.0

    def look(self) -> None:
        """Bring rate and tokens up to now."""
        now_s = self.clock.monotonic_s()
        passed_s, self._at_s = now_s - self._at_s, now_s
        if not self.paused:
            gained = self._tokens + passed_s * self.per_s
            self._tokens = min(gained, float(self.rates.burst))
        if now_s - self._looked_s >= self.rates.look_every_s:
            self._looked_s = now_s
            self._adjust(self._strain())

    def _adjust(self, strain: Strain) -> None:
        rates = self.rates
        self.paused = not strain.is_up
        if self.paused or strain.lag_s > rates.lag_max_s or strain.waiting > rates.waiting_max:
            self.per_s = max(rates.least_per_s, self.per_s / 2)
            self._tokens = min(self._tokens, 1.0)
        else:
            self.per_s = min(rates.most_per_s, self.per_s + rates.more_per_s)


_NEARLY = 1e-9


class LoopLag:
    """How late the event loop is, measured by sleeping; the worst of the last second counts."""

    _EVERY_S = 0.1
    _KEPT = 10

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._late_s: deque[float] = deque(maxlen=self._KEPT)

    @property
    def seconds(self) -> float:
        """Return how late it was."""
        return max(self._late_s, default=0.0)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            due_s = self._clock.monotonic_s() + self._EVERY_S
            await asyncio.sleep(self._EVERY_S)
            self._late_s.append(max(0.0, self._clock.monotonic_s() - due_s))
