"""What goes into the cache and what comes out.

A *stamp* is a commit time as one integer, larger is later: for MongoDB's timestamps
`(seconds << 32) + increment`. 0 stands for "no stamp".
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

__all__ = ["Answer", "BatchLoader", "Loaded", "Loader", "Source"]

T = TypeVar("T")


class Source(Enum):
    """Where an answer came from."""

    L1 = "l1"
    """This process' memory."""
    L2 = "l2"
    """Redis."""
    LOADER = "loader"
    """The loader, in this very call or in one it joined."""
    DEGRADED = "degraded"
    """The loader, while Redis could not be trusted."""


class Answer(NamedTuple, Generic[T]):
    """A value and what is known about it."""

    value: T | None
    """None: the loader said that there is nothing (and that was remembered, or just asked)."""
    as_of: int
    """The stamp of the state it was read from; 0 for a loader without a clock."""
    stale: bool
    """Served past its soft TTL, within a coalescing window, or because the loader failed."""
    source: Source


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T]):
    """What a loader returns."""

    value: T | None
    """None: there is nothing under this id."""
    as_of: int | None = None
    """The commit time up to which the value is complete (MongoDB: `atClusterTime` of a snapshot
    read, never an ordinary read's `operationTime`). None: the loader has no clock."""
    tags: tuple[str, ...] = ()
    """Tags known only from the value, besides those of the keyspace; need a clock."""


Loader = Callable[[int], Awaitable[Loaded[T]]]
"""Given the floor, the oldest commit time the answer must contain (0: any), returns the value."""

BatchLoader = Callable[[Sequence[str], int], Awaitable[Mapping[str, Loaded[T]]]]
"""The same for several ids at once; an id it leaves out has nothing."""
