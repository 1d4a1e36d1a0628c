"""Waiting for a condition with a deadline; tests never sleep for a while and hope."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from callboard.clock import SystemClock

__all__ = ["eventually"]

Seen = TypeVar("Seen")

_EVERY_S = 0.02


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
