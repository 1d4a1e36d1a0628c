"""Simulated time: an event loop whose clock jumps to the next timer instead of waiting.

Hours take milliseconds, the order is the same in every run, and a program in which everybody
waits for nothing fails at once instead of hanging. It has no sockets.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

__all__ = ["SimClock", "SimLoop", "simulated"]

T = TypeVar("T")

_START = datetime(2026, 3, 26, 8, 15, tzinfo=UTC)


class _Jump(selectors.SelectSelector):
    """Waits by moving the time."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return nothing, later."""
        if timeout is None:
            message = "everybody waits, and nothing will ever happen"
            raise RuntimeError(message)
        self.now_s += max(timeout, 0.0)
        return []


class SimLoop(asyncio.SelectorEventLoop):
    """An event loop with a time of its own."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        """Return the simulated time in seconds."""
        return self._jump.now_s

    def advance(self, seconds: float) -> None:
        """Let time pass without anything happening: a loop that is held up."""
        self._jump.now_s += seconds


class SimClock:
    """The clock of one process; their walls may disagree.

    Args:
        loop: where the time comes from.
        wrong_s: how far its wall time is ahead.
    """

    def __init__(self, loop: SimLoop, wrong_s: float = 0.0) -> None:
        self._loop = loop
        self._start = _START + timedelta(seconds=wrong_s)

    def now(self) -> datetime:
        """Return the wall time."""
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic_s(self) -> float:
        """Return the steady time."""
        return self._loop.time()


def simulated(main: Callable[[SimLoop], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine function on a loop of its own and return its result."""
    made: list[SimLoop] = []

    def make() -> SimLoop:
        made.append(SimLoop())
        return made[0]

    with asyncio.Runner(loop_factory=make) as runner:
        runner.get_loop()
        return runner.run(main(made[0]))
