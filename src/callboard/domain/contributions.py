"""What one call adds to each bucket of figures, and how additions are taken back.

A *contribution* is a map from bucket to steps of counters. It depends on the stored call alone,
so the difference between a call's contributions before and after a change is what the change
adds: folding differences one by one equals folding all calls from nothing (a property test
holds it).

A call belongs to the local day and hour in which it was initiated, in the reporting zone; later
facts update the same bucket. Concurrency alone belongs to the days in which it happens.
`duration` is Twilio's: answer to hang-up, whole seconds.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from callboard.domain.buckets import DURATIONS, Bucket, instant_of, midnight_s, steps_series
from callboard.domain.calls import ACTIVE_STATUSES, STATUS_RANK, is_child_leg
from callboard.domain.counting import counters, whole_seconds

__all__ = ["Contribution", "add", "contribution", "difference", "movement"]

Counters = Mapping[str, int]
"""Counter path, dots between levels (`callVolume.byHour.13`), to how far it moves."""

Contribution = dict[Bucket, dict[str, int]]

_DAY = timedelta(days=1)


class _Reckoned(NamedTuple):
    """One call, read for counting."""

    day: date
    campaign_id: str | None
    counted: dict[str, int]
    lasted_s: int | None
    """Talk of a completed call."""
    line: tuple[int, int] | None
    """First second and end of the line it held, since its local midnight; half open."""


def contribution(call: Mapping[str, Any] | None, zone: ZoneInfo) -> Contribution:
    """Return what a stored call adds to every bucket.

    Nothing for None, for an undated call, and for a child leg: it is a part of its parent.
    """
    return _spread(_reckon(call, zone), zone)


def movement(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, zone: ZoneInfo
) -> Contribution:
    """Return `difference(contribution(before), contribution(after))`, and faster.

    Most changes leave a call in its day and campaign, and move the same in each bucket. The
    counters of several buckets may then be one and the same object: do not change them.
    """
    old, new = _reckon(before, zone), _reckon(after, zone)
    if old is None or new is None or old[:2] != new[:2]:
        return difference(_spread(old, zone), _spread(new, zone))
    moved: Contribution = {}
    if steps := _steps(old.counted, new.counted):
        moved = dict.fromkeys(_buckets(new.day, new.campaign_id), steps)
    if old.lasted_s != new.lasted_s:
        moved |= difference(_talk(old), _talk(new))
    if old.line != new.line:
        moved |= difference(_line(old, zone), _line(new, zone))
    return moved


def _reckon(call: Mapping[str, Any] | None, zone: ZoneInfo) -> _Reckoned | None:
    started = instant_of(call.get("startTime")) if call is not None else None
    if call is None or started is None or is_child_leg(call):
        return None
    try:
        local = started.astimezone(zone)
        day = local.date()
        midnight, limit = midnight_s(day, zone), midnight_s(day, zone, 2)
    except OverflowError:  # at the very ends of the calendar
        return None
    campaign_id = call.get("campaignId")
    named = campaign_id if isinstance(campaign_id, str) and campaign_id else None
    counted = counters(call, local.hour)
    lasted_s = whole_seconds(call.get("duration")) if "duration.count" in counted else None
    begun_s = int(started.timestamp() // 1)
    ended_s = _end_of(call, begun_s, limit)
    line = (begun_s - midnight, ended_s - midnight) if ended_s > begun_s else None
    return _Reckoned(day, named, counted, lasted_s, line)


def _end_of(call: Mapping[str, Any], begun_s: int, limit_s: int) -> int:
    """Return the Unix second at which a call's line was free again; its start if it held none.

    While it goes on it is counted until the end of the following day: the next day then knows
    what is carried in, and Twilio ends every call within 24 hours.
    """
    status = call.get("status")
    if not isinstance(status, str) or status == "queued" or status not in STATUS_RANK:
        return begun_s
    if status in ACTIVE_STATUSES:
        return limit_s
    ended = instant_of(call.get("endTime"))
    if ended is None:
        return min(begun_s + (whole_seconds(call.get("duration")) or 0), limit_s)
    return min(int(ended.timestamp() // 1), limit_s)


def _spread(reckoned: _Reckoned | None, zone: ZoneInfo) -> Contribution:
    """Return all that a call adds."""
    if reckoned is None:
        return {}
    spread = {b: dict(reckoned.counted) for b in _buckets(reckoned.day, reckoned.campaign_id)}
    return spread | _talk(reckoned) | _line(reckoned, zone)


@lru_cache(maxsize=4_096)
def _buckets(day: date, campaign_id: str | None) -> tuple[Bucket, ...]:
    """Return the buckets of figures that a call belongs to."""
    text = day.isoformat()
    if campaign_id is None:
        return (Bucket(text, None),)
    return Bucket(text, None), Bucket(text, campaign_id), Bucket(None, campaign_id)


@lru_cache(maxsize=16_384)
def _series(day: date, campaign_id: str | None, series: str) -> tuple[Bucket, ...]:
    """Return a series of a day, and the campaign's own."""
    text = day.isoformat()
    if campaign_id is None:
        return (Bucket(text, None, series),)
    return Bucket(text, None, series), Bucket(text, campaign_id, series)


def _talk(reckoned: _Reckoned) -> Contribution:
    """Return what a completed call adds to the durations of its day."""
    if reckoned.lasted_s is None:
        return {}
    steps = {f"seconds.{reckoned.lasted_s}": 1}
    return dict.fromkeys(_series(reckoned.day, reckoned.campaign_id, DURATIONS), steps)


def _line(reckoned: _Reckoned, zone: ZoneInfo) -> Contribution:
    """Return the steps of concurrency that a call makes, on its day and on the next."""
    if reckoned.line is None:
        return {}
    day, campaign_id = reckoned.day, reckoned.campaign_id
    first, end = reckoned.line
    midnight = midnight_s(day, zone)
    length = midnight_s(day, zone, 1) - midnight
    whole = midnight_s(day, zone, 2) - midnight
    steps = [(day, steps_series(first), f"net.{first}", 1)]
    if end < length:
        steps.append((day, steps_series(end), f"net.{end}", -1))
    elif end > length:
        steps.append((day + _DAY, steps_series(0), "base", 1))
        if end < whole:
            late = end - length
            steps.append((day + _DAY, steps_series(late), f"net.{late}", -1))
    moved: Contribution = {}
    for of_day, series, path, step in steps:
        for bucket in _series(of_day, campaign_id, series):
            moved.setdefault(bucket, {})[path] = step
    return moved


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
