"""Changes of the truth, as the projector reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

__all__ = ["Change", "ChangeBatch", "ClusterTime"]

ClusterTime = tuple[int, int]
"""MongoDB's logical clock: seconds and ordinal. Orders all writes of a replica set."""


@dataclass(frozen=True, slots=True)
class Change:
    """One document before and after one write."""

    collection: str
    """`calls` or `campaigns`."""
    kind: str
    """insert, update, replace or delete."""
    before: Mapping[str, Any] | None
    """The document as it was; None for an insert."""
    after: Mapping[str, Any] | None
    """The document as this very write left it; None for a delete."""
    at: ClusterTime
    """When it was committed."""
    paths: frozenset[str] | None = None
    """What an update set or removed, dotted; None: the whole document, or it is not known."""


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """The changes that arrived together, and where the feed stands after them."""

    changes: tuple[Change, ...]
    token: Mapping[str, Any]
    """The resume token after the batch, also when it is empty; opaque."""
    asked_at: datetime
    """When it was asked for: it holds all that was committed before, if it is `complete`."""
    complete: bool
    """Whether nothing was left behind for the next batch."""
    reached: ClusterTime = (0, 0)
    """All changes up to here have been delivered, if it is `complete`."""
