"""Loading ahead of need, a few keys at a time."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple, Protocol, TypeVar

from callboard.cache.answer import Answer, Loader
from callboard.cache.policy import Key
from callboard.cache.verdicts import Miss, Soft

__all__ = ["Warmable", "Warmed", "warm"]

T = TypeVar("T")


class Warmed(NamedTuple):
    """What warming did."""

    fresh: int
    """Were there already."""
    loaded: int
    failed: int


class Warmable(Protocol):
    """What warming needs of the cache."""

    async def find(self, key: Key[T], min_as_of: int = 0) -> Answer[T] | Soft | Miss:
        """Look in memory and Redis."""

    async def get_or_load(self, key: Key[T], loader: Loader[T]) -> Answer[T]:
        """Return a value, loaded if it must be."""


async def warm(
    cache: Warmable, keys: Iterable[Key[T]], loader: Loader[T], concurrency: int
) -> Warmed:
    """Load what is missing, refresh what is due; an error is counted and stops nothing."""
    fresh = loaded = failed = 0
    waiting = iter(keys)

    async def work() -> None:
        nonlocal fresh, loaded, failed
        for key in waiting:
            found = await cache.find(key)
            if isinstance(found, Answer):
                fresh += 1
                continue
            try:
                await cache.get_or_load(key, loader)
            except Exception:
                failed += 1
            else:
                loaded += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(max(1, concurrency)):
            group.create_task(work())
    return Warmed(fresh, loaded, failed)
