"""The documents that counters live in.

`moved` applies steps as MongoDB would, and says which paths have which value now. Counters that
every document has stay at 0; those that come and go (a SIP code, a currency, a second) are
dropped at 0, so that a document after any history equals one folded from nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from callboard.domain.buckets import FIGURES, Bucket, is_steps
from callboard.domain.calls import STATUS_RANK
from callboard.domain.counting import BUCKET_NAMES, DIRECTIONS, OUTCOMES

__all__ = [
    "GONE",
    "FigureWrite",
    "average_of",
    "counted",
    "empty_counters",
    "empty_document",
    "is_empty",
    "moved",
    "summed",
]

Document = dict[str, Any]
_HOURS = 24


GONE: Final = object()
"""In the place of a value: the counter is 0 and stored no more."""


@dataclass(frozen=True, slots=True)
class FigureWrite:
    """What becomes of one stored document."""

    key: str
    """Its `_id`."""
    document: Document | None
    """All of it as it is now; None when it goes."""
    changed: Mapping[str, Any] | None = None
    """Paths with their values now, `GONE` where a path goes; None when the document is new."""


def empty_counters() -> Document:
    """Return the counters of a bucket in which nothing has happened."""
    return {
        "callVolume": {
            "total": 0,
            "byStatus": dict.fromkeys(STATUS_RANK, 0),
            "byHour": [0] * _HOURS,
            "attemptsByHour": [0] * _HOURS,
            "humanByHour": [0] * _HOURS,
            "byDirection": dict.fromkeys(DIRECTIONS, 0),
        },
        "duration": {
            "total": 0,
            "count": 0,
            "average": None,
            "buckets": dict.fromkeys(BUCKET_NAMES, 0),
        },
        "outcomes": dict.fromkeys(OUTCOMES, 0),
        "contact": {"attempts": 0, "answered": 0, "human": 0, "voicemail": 0},
        "failures": {"total": 0, "bySipCode": {}},
        "evaluation": {"success": 0, "failure": 0, "unknown": 0},
        "cost": {"twilio": {}, "elevenlabs": {}},
    }


def empty_document(bucket: Bucket, zone: ZoneInfo) -> Document:
    """Return a bucket's whole document, `_id` included, with nothing counted."""
    named: Document = {
        "_id": bucket.key,
        "type": bucket.type,
        "day": bucket.day,
        "campaignId": bucket.campaign_id,
    }
    if bucket.series != FIGURES:
        # There from the beginning, or it would be there or not by what has come and gone.
        return named | {"net" if is_steps(bucket.series) else "seconds": {}}
    named |= {"date": bucket.starts_at(zone), "timezone": zone.key, **empty_counters()}
    if bucket.day is not None:
        named["duration"]["max"] = None
        named["concurrency"] = {"peak": None, "at": None}
    return named


def _members(tree: Mapping[str, Any] | list[Any]) -> Iterable[tuple[str | int, Any]]:
    return tree.items() if isinstance(tree, Mapping) else enumerate(tree)


def _paths_of(tree: Mapping[str, Any] | list[Any], prefix: str = "") -> Iterable[str]:
    """Yield the path of every number in a document."""
    for name, value in _members(tree):
        if isinstance(value, (dict, list)):
            yield from _paths_of(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


_LASTING = frozenset(_paths_of(empty_counters()))
"""Counters that stay when they are 0."""
_DERIVED = frozenset({"duration.average", "duration.max", "concurrency.peak"})
_IDENTITY = frozenset({"_id", "type", "day", "campaignId"})


def moved(document: Document, steps: Mapping[str, int]) -> dict[str, Any]:
    """Apply steps to a document; return each path's value now, `GONE` where there is none."""
    now: dict[str, Any] = {}
    for path, step in steps.items():
        *parents, leaf = path.split(".")
        node: Any = document
        for name in parents:
            node = node.setdefault(name, {})
        if isinstance(node, list):
            node[int(leaf)] += step
            now[path] = node[int(leaf)]
            continue
        value = node.get(leaf, 0) + step
        if value or path in _LASTING:
            node[leaf] = now[path] = value
        else:
            node.pop(leaf, None)
            now[path] = GONE
    return now


def counted(document: Mapping[str, Any] | list[Any], prefix: str = "") -> dict[str, int]:
    """Return the counters of a document by path; what is derived is none.

    >>> counted({"_id": "x", "failures": {"total": 1, "bySipCode": {"404": 1}}})
    {'failures.total': 1, 'failures.bySipCode.404': 1}
    """
    steps: dict[str, int] = {}
    for name, value in _members(document):
        if isinstance(value, (Mapping, list)):
            steps |= counted(value, f"{prefix}{name}.")
        elif isinstance(value, int) and f"{prefix}{name}" not in _DERIVED:
            # Not `type(value) is int`: beyond 31 bits drivers return an integer of their own.
            steps[f"{prefix}{name}"] = value
    return steps


def summed(documents: Iterable[Mapping[str, Any]], into: Document) -> Document:
    """Add the counters of several documents of figures to one, and derive its average."""
    for document in documents:
        moved(into, counted(document))
    into["duration"]["average"] = average_of(into["duration"])
    return into


def is_empty(document: Mapping[str, Any]) -> bool:
    """Tell whether nothing is counted in a document (any more)."""
    if "callVolume" in document:
        return bool(document["callVolume"]["total"] == 0)
    # A series: whatever is not its name is a counter, or an empty map of them.
    return not any(value for name, value in document.items() if name not in _IDENTITY)


def average_of(duration: Mapping[str, Any]) -> float | None:
    """Return talk seconds by completed calls, one decimal; None when there was none."""
    return round(duration["total"] / duration["count"], 1) if duration["count"] else None
