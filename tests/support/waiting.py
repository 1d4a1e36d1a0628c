"""Waiting for a condition with a deadline; tests never sleep for a while and hope."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from callboard.clock import SystemClock

__all__ = ["eventually", "running_time"]

Seen = TypeVar("Seen")

_EVERY_S = 0.02

_STEP_S = 0.01


async def eventually(
    look: Callable[[], Awaitable[Seen]],
    holds: Callable[[Seen], bool] = bool,
    *,
    within_s: float = 10.0,
) -> Seen:
    """Look again and again until it holds; the failure shows what was seen last."""
    clock = SystemClock()
    deadline_s = clock.monotonic_s() + within_s
    while True:
        seen = await look()
        if holds(seen):
            return seen
        if clock.monotonic_s() > deadline_s:
            message = f"not within {within_s} s; last seen: {seen!r}"
            raise AssertionError(message)
        await asyncio.sleep(_EVERY_S)


@contextlib.asynccontextmanager
async def running_time(limit_s: float) -> AsyncIterator[None]:
    """Like ``asyncio.timeout``, but only time in which this process got to run counts.

    What answers "within half a second" does so by timers of this very event loop. Where the
    machine is busy with others, loop and timers stand still together, and a deadline by the wall
    clock fails what is right; here such a pause is one step, however long it was.
    """
    async with asyncio.timeout(None) as timeout:

        async def count() -> None:
            for _ in range(round(limit_s / _STEP_S)):
                await asyncio.sleep(_STEP_S)
            timeout.reschedule(asyncio.get_running_loop().time())

        counting = asyncio.ensure_future(count())
        try:
            yield
        finally:
            counting.cancel()
