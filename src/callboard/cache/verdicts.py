"""What looking for an entry, and asking for the right to load it, can come to."""

from typing import Any, NamedTuple

from callboard.cache.answer import Answer
from callboard.cache.entry import NO_TOKEN

__all__ = ["MISS", "Busy", "Miss", "Soft", "Verdict", "Win"]


class Miss(NamedTuple):
    """There is nothing usable."""

    unknown: tuple[str, ...] = ()
    """Tags whose floors must be known before that is certain."""
    floor: int = 0
    """What the entry's tags were invalidated for."""
    rejected: int | None = None
    """The mark of an entry that the server thinks valid and we know better about."""
    token: bytes = NO_TOKEN
    """Of the lease on it."""
    stored_floor: int = 0
    """The entry's own floor."""


class Soft(NamedTuple):
    """Usable, and somebody should reload it."""

    answer: Answer[Any]


class Win(NamedTuple):
    """You load."""

    floor: int


class Busy(NamedTuple):
    """Somebody loads already."""

    until_ms: int


MISS = Miss()

Verdict = Answer[Any] | Soft | Miss | Win | Busy
"""What asking for the right to load comes to."""
