"""What one call adds to each bucket of figures, and how additions are taken back.

A *contribution* is a map from bucket to counters. It depends on the stored call alone, so the
difference between a call's contributions before and after a change is what the change adds:
folding differences one by one equals folding all calls from nothing (a property test holds it).

A call belongs to the local day and hour in which it was initiated, in the reporting zone;
later facts update the same bucket. `duration` is Twilio's: answer to hang-up, whole seconds.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import isfinite
from typing import Any, TypeGuard
from zoneinfo import ZoneInfo

from callboard.domain.calls import STATUS_RANK, is_child_leg

__all__ = [
    "Bucket",
    "Contribution",
    "add",
    "contribution",
    "counters",
    "day_of",
    "difference",
    "empty_counters",
    "increments",
    "instant_of",
    "movement",
]

UNKNOWN = "unknown"
OUTCOMES = (
    "human",
    "voicemail",
    "answered_unknown",
    "no_answer",
    "busy",
    "failed",
    "canceled",
    "unconfirmed",
)
_DIRECTIONS = ("inbound", "outbound")
_HOURS = 24


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """One `analytics` document: a day, a campaign, or a campaign's day."""

    day: str | None
    """Local date `YYYY-MM-DD`, or None for all time."""
    campaign_id: str | None
    """Campaign, or None for all calls."""

    @property
    def key(self) -> str:
        """Return the document's `_id`.

        >>> Bucket("2026-11-22", None).key, Bucket(None, "c1").key, Bucket("2026-11-22", "c1").key
        ('daily:2026-11-22', 'campaign:c1', 'daily:2026-11-22:c1')
        """
        if self.day is None:
            return f"campaign:{self.campaign_id}"
        suffix = f":{self.campaign_id}" if self.campaign_id is not None else ""
        return f"daily:{self.day}{suffix}"

    @property
    def type(self) -> str:
        """Return `daily` or `campaign`."""
        return "campaign" if self.day is None else "daily"

    def starts_at(self, zone: ZoneInfo) -> datetime | None:
        """Return the first instant of the bucket's local day."""
        if self.day is None:
            return None
        midnight = datetime.fromisoformat(self.day).replace(tzinfo=zone)
        # A zone may skip midnight: the round trip through UTC lands on a real instant.
        return midnight.astimezone(UTC)


Counters = Mapping[str, int]
"""Counter path, dots between levels (`callVolume.byHour.13`), to its value."""

Contribution = dict[Bucket, dict[str, int]]


def contribution(call: Mapping[str, Any] | None, zone: ZoneInfo) -> Contribution:
    """Return what a stored call adds to every bucket.

    Nothing for None, for an undated call, and for a child leg: it is a part of its parent.
    """
    buckets, counted = _placed(call, zone)
    return {bucket: dict(counted) for bucket in buckets}


def movement(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, zone: ZoneInfo
) -> Contribution:
    """Return `difference(contribution(before), contribution(after))`, and faster.

    Most changes leave a call in its day and campaign, and move the same in each bucket. The
    counters of several buckets may then be one and the same object: do not change them.
    """
    left, taken = _placed(before, zone)
    entered, given = _placed(after, zone)
    if left != entered:
        return difference(
            {bucket: dict(taken) for bucket in left}, {bucket: dict(given) for bucket in entered}
        )
    if taken == given:
        return {}
    moved = _steps(taken, given)
    return dict.fromkeys(entered, moved)


def _placed(
    call: Mapping[str, Any] | None, zone: ZoneInfo
) -> tuple[tuple[Bucket, ...], dict[str, int]]:
    """Return the buckets a call belongs to, and the counters it moves in each of them."""
    started = instant_of(call.get("startTime")) if call is not None else None
    if call is None or started is None or is_child_leg(call):
        return (), {}
    try:
        local = started.astimezone(zone)
    except OverflowError:  # at the very ends of the calendar
        return (), {}
    campaign_id = call.get("campaignId")
    named = campaign_id if isinstance(campaign_id, str) and campaign_id else None
    return _buckets(local.date(), named), counters(call, local.hour)


@lru_cache(maxsize=4_096)
def _buckets(day: date, campaign_id: str | None) -> tuple[Bucket, ...]:
    text = day.isoformat()
    if campaign_id is None:
        return (Bucket(text, None),)
    return Bucket(text, None), Bucket(text, campaign_id), Bucket(None, campaign_id)


def counters(call: Mapping[str, Any], hour: int) -> dict[str, int]:
    """Return the counters one call moves, each with how far."""
    status = _one_of(STATUS_RANK, call.get("status"))
    moved = {
        "callVolume.total": 1,
        f"callVolume.byHour.{hour}": 1,
        f"callVolume.byStatus.{status}": 1,
        f"callVolume.byDirection.{_one_of(_DIRECTIONS, call.get('direction'))}": 1,
    }
    duration = call.get("duration")
    if _is_number(duration):
        moved["duration.total"] = int(duration)
        # Unanswered calls report 0 s: they are no talk to be averaged over.
        moved["duration.count"] = int(status == "completed")
    outcome = _one_of(OUTCOMES, call.get("outcome"))
    if outcome != UNKNOWN:
        moved[f"outcomes.{outcome}"] = 1
    return moved


def _one_of(known: Collection[str], value: Any) -> str:
    """Return a word we count by; anything other programs may have stored is `unknown`."""
    return value if isinstance(value, str) and value in known else UNKNOWN


def _is_number(value: Any) -> TypeGuard[float]:
    """Tell a finite number; NaN and infinity cannot be added and taken back."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def difference(before: Contribution, after: Contribution) -> Contribution:
    """Return `after - before` without the zeros: retract the old, add the new.

    >>> day = Bucket("2026-11-22", None)
    >>> difference({day: {"a": 1, "b": 1}}, {day: {"a": 1, "c": 1}})[day]
    {'b': -1, 'c': 1}
    """
    changed: Contribution = {}
    for bucket in before.keys() | after.keys():
        if moved := _steps(before.get(bucket, {}), after.get(bucket, {})):
            changed[bucket] = moved
    return changed


def _steps(old: Counters, new: Counters) -> dict[str, int]:
    """Return how far each counter moves, without the zeros."""
    return {
        path: step
        for path in sorted(old.keys() | new.keys())
        if (step := new.get(path, 0) - old.get(path, 0))
    }


def add(total: Contribution, more: Contribution) -> None:
    """Add `more` to `total` in place; associative and commutative, `{}` changes nothing."""
    for bucket, moved in more.items():
        into = total.setdefault(bucket, {})
        for path, step in moved.items():
            into[path] = into.get(path, 0) + step


def empty_counters() -> dict[str, Any]:
    """Return the counters of a bucket in which nothing has happened."""
    return {
        "callVolume": {
            "total": 0,
            "byStatus": dict.fromkeys(STATUS_RANK, 0),
            "byHour": [0] * _HOURS,
            "byDirection": dict.fromkeys(_DIRECTIONS, 0),
        },
        "duration": {"total": 0, "count": 0},
        "outcomes": dict.fromkeys(OUTCOMES, 0),
    }


def increments(document: dict[str, Any], steps: Iterable[tuple[str, int]]) -> None:
    """Apply counter steps to an `analytics` document in memory, as MongoDB's `$inc` does."""
    for path, step in steps:
        *parents, leaf = path.split(".")
        node: Any = document
        for name in parents:
            node = node[name]
        if isinstance(node, list):
            node[int(leaf)] += step
        else:
            node[leaf] = node.get(leaf, 0) + step


def instant_of(value: Any) -> datetime | None:
    """Read a stored instant; other programs may have written ISO text."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def day_of(instant: datetime, zone: ZoneInfo, *, days_back: int = 0) -> str:
    """Return the local date of an instant, or of so many days before it."""
    return (instant.astimezone(zone).date() - timedelta(days=days_back)).isoformat()
