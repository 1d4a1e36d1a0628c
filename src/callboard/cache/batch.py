"""Several keys at once: one pipeline to look, one call of the loader for what is missing.

Each missing key goes through a miss of its own, with its own lease, floor and flight; only the
calls of the loader that fall into the same moment are made as one, at the highest floor.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from callboard.cache.answer import Answer, BatchLoader, Loaded, Loader
from callboard.cache.policy import Key

__all__ = ["Gathering", "Readable", "load_many"]

T = TypeVar("T")


class Readable(Protocol):
    """What a batch needs of the cache."""

    async def get_or_load(
        self, key: Key[T], loader: Loader[T], *, min_as_of: int = 0
    ) -> Answer[T]:
        """Return a value, loaded if it must be."""


async def load_many(
    cache: Readable, keys: Sequence[Key[T]], loader: BatchLoader[T], min_as_of: int
) -> dict[str, Answer[T]]:
    """Return a value for every key, by id. Raises what the loader raises."""
    gathering = Gathering(loader, clocked=bool(keys) and keys[0].space.clocked)
    distinct = {key.id: key for key in keys}

    async def one(key: Key[T]) -> Answer[T]:
        return await cache.get_or_load(
            key, lambda floor: gathering.load(key.id, floor), min_as_of=min_as_of
        )

    answers = await asyncio.gather(*(one(key) for key in distinct.values()))
    return dict(zip(distinct, answers, strict=True))


class Gathering(Generic[T]):
    """Puts loads of single ids together that were asked for in the same moment."""

    def __init__(self, loader: BatchLoader[T], *, clocked: bool) -> None:
        self._loader = loader
        self._clocked = clocked
        self._next: tuple[_Call, asyncio.Task[dict[str, Loaded[T]]]] | None = None

    async def load(self, id_: str, floor: int) -> Loaded[T]:
        """Load one id together with the others of this moment."""
        if self._next is None:
            begun = _Call()
            self._next = begun, asyncio.get_running_loop().create_task(self._load(begun))
        call, task = self._next
        call.ids.append(id_)
        call.floor = max(call.floor, floor)
        call.waiting += 1
        try:
            return (await asyncio.shield(task))[id_]
        finally:
            call.waiting -= 1
            if not call.waiting:
                task.cancel()  # nobody wants it any more; no effect on one that has ended

    async def _load(self, call: "_Call") -> dict[str, Loaded[T]]:
        # Leases asked for in one pipeline are answered in one read: their loads meet here.
        await asyncio.sleep(0)
        self._next = None
        found = dict(await self._loader(call.ids, call.floor))
        # What it left out it looked for together with the rest, and in any case at the floor.
        as_of = min((one.as_of or call.floor for one in found.values()), default=call.floor)
        for id_ in call.ids:
            found.setdefault(id_, Loaded(None, as_of if self._clocked else None))
        return found


@dataclass(slots=True)
class _Call:
    """One call of the loader, while ids are still being added and until it has ended."""

    ids: list[str] = field(default_factory=list)
    floor: int = 0
    waiting: int = 0
