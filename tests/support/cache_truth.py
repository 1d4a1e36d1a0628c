"""What caches are checked against: a versioned store with a commit clock, and its loaders."""

import asyncio
import random
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from support.simloop import SimLoop

from callboard.cache import Key, Loaded

__all__ = ["Load", "Reads", "Truth", "Unreadable", "id_of", "serial_of"]

_EPOCH_MS = 1_800_000_000_000
_SHIFT = 16
"""A stamp is its time in milliseconds and a count: far beyond 2**53."""


class Unreadable(Exception):  # noqa: N818  (no error of ours)
    """The store could not be read."""


class Load(NamedTuple):
    """One value that was read, or written."""

    id: str
    version: int | None
    as_of: int
    at_s: float
    """When it was handed to the cache."""


class Truth:
    """Every version of every id."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self._last = 0
        self._stamps: dict[str, list[int]] = {}
        self._versions: dict[str, list[int | None]] = {}
        self.handed: list[Load] = []
        """Every value given to a cache; a value tells its place here."""

    def now(self) -> int:
        """Return a stamp later than all before."""
        ms = _EPOCH_MS + int(self._loop.time() * 1000)
        self._last = max(self._last + 1, ms << _SHIFT)
        return self._last

    def seconds_of(self, stamp: int) -> float:
        """Return when a stamp was given, about."""
        return ((stamp >> _SHIFT) - _EPOCH_MS) / 1000

    def earlier(self, stamp: int, by_s: float) -> int:
        """Return a stamp of some time before."""
        return stamp - (int(by_s * 1000) << _SHIFT)

    def write(self, ids: Sequence[str], *, nothing: bool = False) -> int:
        """Commit a new version of some ids, or their end; returns the commit time."""
        stamp = self.now()
        for id_ in ids:
            self._stamps.setdefault(id_, []).append(stamp)
            versions = self._versions.setdefault(id_, [])
            versions.append(None if nothing else len(versions) + 1)
        return stamp

    def at(self, id_: str, stamp: int) -> int | None:
        """Return the version as of a stamp."""
        count = bisect_right(self._stamps.get(id_, []), stamp)
        return self._versions[id_][count - 1] if count else None

    def hand(self, key: Key[Any], as_of: int) -> Any:
        """Return the value as of a stamp, as its keyspace wants it; remembered."""
        version = self.at(key.id, as_of)
        self.handed.append(Load(key.id, version, as_of, self._loop.time()))
        if version is None:
            return None
        told = f"{key.id}|{version}|{len(self.handed) - 1}"
        return told if key.space.codec.immutable else told.split("|")


def serial_of(value: Any) -> int:
    """Return the place of a value among those handed out."""
    return int((value.split("|") if isinstance(value, str) else value)[2])


def id_of(value: Any) -> str:
    """Return whose value it is."""
    return str((value.split("|") if isinstance(value, str) else value)[0])


@dataclass(slots=True)
class Reads:
    """How the store is read: how long it takes, how far behind, how often it fails.

    Args:
        begun: told when a load of a key begins, and what to call when it has ended.
    """

    truth: Truth
    rng: random.Random
    begun: Callable[[Key[Any]], Callable[[], None]]
    delays_s: Sequence[float] = (0.0,)
    behind_s: float = 0.0
    """Reads go to a secondary that lags so much, unless the floor asks for more."""
    failing: float = 0.0
    failed_at_s: dict[str, float] = field(default_factory=dict)

    def one(self, key: Key[Any]) -> Callable[[int], Awaitable[Loaded[Any]]]:
        """Return the loader of a key."""
        return lambda floor: self._load(key, floor)

    async def _load(self, key: Key[Any], floor: int) -> Loaded[Any]:
        ended = self.begun(key)
        try:
            return await self._read(key, floor)
        except (asyncio.CancelledError, Unreadable):
            self._failed([key.id])
            raise
        finally:
            ended()

    def many(
        self, keys: Mapping[str, Key[Any]]
    ) -> Callable[[Sequence[str], int], Awaitable[dict[str, Loaded[Any]]]]:
        """Return the loader of several keys."""

        async def load(ids: Sequence[str], floor: int) -> dict[str, Loaded[Any]]:
            loop, limit_s = asyncio.get_running_loop(), keys[ids[0]].space.loader_timeout_s
            late = loop.call_later(limit_s, self._failed, ids)
            try:
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(self._load(keys[id_], floor)) for id_ in ids]
            except* Unreadable as group_error:
                self._failed(ids)
                raise Unreadable(ids) from group_error
            finally:
                late.cancel()
            return {id_: task.result() for id_, task in zip(ids, tasks, strict=True)}

        return load

    def _failed(self, ids: Sequence[str]) -> None:
        for id_ in ids:
            self.failed_at_s[id_] = asyncio.get_running_loop().time()

    async def _read(self, key: Key[Any], floor: int) -> Loaded[Any]:
        before_s, after_s = self.rng.choice(self.delays_s), self.rng.choice(self.delays_s)
        await asyncio.sleep(before_s)
        if self.rng.random() < self.failing:
            raise Unreadable(key.id)
        now = self.truth.now()
        assert floor <= now, "a floor from the future"
        as_of = max(floor, self.truth.earlier(now, self.behind_s * self.rng.random()))
        version = self.truth.at(key.id, as_of)
        await asyncio.sleep(after_s)
        value = self.truth.hand(key, as_of)
        assert (value is None) == (version is None)
        return Loaded(value, as_of if key.space.clocked else None)
