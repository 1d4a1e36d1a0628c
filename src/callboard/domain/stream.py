"""Positions, deltas and snapshots of a view: the arithmetic behind "no gap".

A view is a set of keyed items (live calls by call SID, statuses by campaign, summaries by
period). A *delta* replaces or removes one item and moves the offset by one; an *epoch* is an
unbroken history of offsets. The laws, held by property tests: a snapshot plus the deltas after
its position equals the later snapshot; coalescing deltas changes no end state.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

from callboard.errors import PositionLost

__all__ = ["Delta", "DeltaLog", "Head", "Position", "Snapshot", "Watermark", "coalesce", "diff"]


_EPOCH_DIGITS_MAX = 20  # Redis' stream ids are 64 bits wide


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a view's history: comparable only within one epoch."""

    epoch: int
    offset: int

    def as_json(self) -> dict[str, str | int]:
        """Return the wire form; the epoch is text because it is only ever compared."""
        return {"epoch": str(self.epoch), "offset": self.offset}

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """Read the wire form; None for anything else.

        >>> Position.from_json({"epoch": "3", "offset": 14})
        Position(epoch=3, offset=14)
        >>> Position.from_json({"epoch": "x"}) is None
        True
        """
        if not isinstance(value, Mapping):
            return None
        epoch, offset = value.get("epoch"), value.get("offset")
        if isinstance(epoch, str) and epoch.isdecimal() and len(epoch) <= _EPOCH_DIGITS_MAX:
            epoch = int(epoch)
        # By type, not isinstance: JSON's true is no number.
        if type(epoch) is not int or type(offset) is not int:
            return None
        return cls(epoch, offset)


class Watermark(NamedTuple):
    """Up to where a view has everything."""

    instant: str = ""
    """All that was committed before it is in the view, ISO-8601 UTC; empty while nobody knows,
    as when a new projector has not caught up yet."""
    commit: int = 0
    """All up to this commit time is: seconds << 32 | ordinal of MongoDB's cluster time."""


class Head(NamedTuple):
    """What the projector vouches for."""

    position: Position
    """Every shard is at least here."""
    at: str
    """When the view last moved, ISO-8601 UTC."""
    watermark: Watermark


@dataclass(frozen=True, slots=True)
class Delta:
    """The step from one snapshot of a view to the next."""

    position: Position
    """Where the view stands after this delta."""
    key: str
    """Which item."""
    change: str
    """What happened at the source: insert, update, replace or delete."""
    value: bytes
    """The item's JSON after the change; for `delete`, what identifies it."""
    keep: bool
    """Whether the item is in the view afterwards."""
    at: str
    """When the projector published it, ISO-8601 UTC; a snapshot's `last_updated`."""


class Snapshot:
    """A view's items at a position. Mutable: `apply` moves it along."""

    def __init__(self, items: Mapping[str, bytes], position: Position, at: str) -> None:
        self.items = dict(items)
        self.position = position
        self.at = at

    def apply(self, delta: Delta) -> bool:
        """Move on by one delta; False when it lies behind already.

        Raises:
            PositionLost: the delta is of another epoch or does not follow.
        """
        here, there = self.position, delta.position
        if there.epoch == here.epoch and there.offset <= here.offset:
            return False
        if there.epoch != here.epoch or there.offset != here.offset + 1:
            message = f"delta at {there} does not follow {here}"
            raise PositionLost(message)
        if delta.keep:
            self.items[delta.key] = delta.value
        else:
            self.items.pop(delta.key, None)
        self.position, self.at = there, delta.at
        return True

    def skip(self) -> None:
        """Move on without a delta: whoever stands at the last position must load anew."""
        self.position = Position(self.position.epoch, self.position.offset + 1)


class DeltaLog:
    """The last deltas of a view, for those who come back with a position."""

    def __init__(self, length_max: int) -> None:
        self._deltas: deque[Delta] = deque(maxlen=length_max)

    def __iter__(self) -> Iterator[Delta]:
        """Iterate from the oldest kept delta to the newest."""
        return iter(self._deltas)

    def append(self, delta: Delta) -> None:
        """Add the next delta; the oldest falls out when the log is full."""
        self._deltas.append(delta)

    def clear(self) -> None:
        """Forget everything; the next reader with a position must resync."""
        self._deltas.clear()

    def since(self, position: Position, current: Position) -> list[Delta]:
        """Return every delta after `position` up to `current`.

        Raises:
            PositionLost: another epoch, a position ahead of us, or one the log has forgotten.
        """
        missing = current.offset - position.offset
        if position.epoch != current.epoch or missing < 0 or missing > len(self._deltas):
            message = f"no unbroken history from {position} to {current}"
            raise PositionLost(message)
        if not missing:
            return []
        return list(self._deltas)[-missing:]


def diff(old: Snapshot, new: Mapping[str, bytes], at: str) -> list[Delta]:
    """Return the deltas that turn a snapshot's items into `new`, following its position."""
    deltas: list[Delta] = []
    for key in sorted(old.items.keys() | new.keys()):
        if old.items.get(key) == new.get(key):
            continue
        position = Position(old.position.epoch, old.position.offset + len(deltas) + 1)
        if key not in new:
            deltas.append(Delta(position, key, "delete", b"null", keep=False, at=at))
        else:
            change = "update" if key in old.items else "insert"
            deltas.append(Delta(position, key, change, new[key], keep=True, at=at))
    return deltas


def coalesce(deltas: Iterable[Delta]) -> list[Delta]:
    """Return the newest delta of each key by position: the same end state in fewer steps."""
    newest = {delta.key: delta for delta in deltas}
    return sorted(newest.values(), key=lambda delta: delta.position)
