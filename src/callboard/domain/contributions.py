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
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from callboard.domain.buckets import (
    DURATIONS,
    FIGURES,
    Bucket,
    instant_of,
    midnight_s,
    steps_series,
)
from callboard.domain.calls import ACTIVE_STATUSES, STATUS_RANK, is_child_leg
from callboard.domain.counting import counters, left_the_queue, whole_seconds

__all__ = ["Contribution", "add", "contribution", "difference", "expanded", "movement"]

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
    return expanded(_own(_reckon(call, zone), zone))


def movement(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, zone: ZoneInfo
) -> Contribution:
    """Return what a change adds, in the narrowest buckets: of the call's own campaign and day.

    `expanded` spreads it over the others; it may wait until many changes have been added up.
    `expanded(movement(before, after))` is `difference(contribution(before), contribution(after))`.
    """
    old, new = _reckon(before, zone), _reckon(after, zone)
    if old is None or new is None or old[:2] != new[:2]:
        return difference(_own(old, zone), _own(new, zone))
    moved: Contribution = {}
    if steps := _steps(old.counted, new.counted):
        moved[_bucket(new.day, new.campaign_id, FIGURES)] = steps
    if old.lasted_s != new.lasted_s:
        moved |= difference(_talk(old), _talk(new))
    if old.line != new.line:
        moved |= difference(_line(old, zone), _line(new, zone))
    return moved


def expanded(narrow: Contribution) -> Contribution:
    """Return steps of the narrowest buckets spread over all that they belong to."""
    spread: Contribution = {}
    for bucket, steps in narrow.items():
        for wider in _wider(bucket):
            into = spread.get(wider)
            if into is None:
                spread[wider] = dict(steps)
            else:
                for path, step in steps.items():
                    into[path] = into.get(path, 0) + step
    return spread


@lru_cache(maxsize=16_384)
def _wider(bucket: Bucket) -> tuple[Bucket, ...]:
    """Return the buckets that count what a narrowest one counts, itself included."""
    day, campaign_id, series = bucket
    if campaign_id is None:
        return (bucket,)
    if series == FIGURES:
        return bucket, Bucket(day, None), Bucket(None, campaign_id)
    return bucket, Bucket(day, None, series)


@lru_cache(maxsize=16_384)
def _bucket(day: date, campaign_id: str | None, series: str) -> Bucket:
    return Bucket(day.isoformat(), campaign_id, series)


def _reckon(call: Mapping[str, Any] | None, zone: ZoneInfo) -> _Reckoned | None:
    started = call.get("startTime") if call is not None else None
    if call is None or not isinstance(started, (datetime, str)) or is_child_leg(call):
        return None
    began = _beginning(started, zone)
    if began is None:
        return None
    campaign_id = call.get("campaignId")
    named = campaign_id if isinstance(campaign_id, str) and campaign_id else None
    counted = counters(call, began.hour)
    lasted_s = whole_seconds(call.get("duration")) if "duration.count" in counted else None
    ended_s = _end_of(call, began.second, began.limit)
    first = began.second - began.midnight
    line = (first, ended_s - began.midnight) if ended_s > began.second else None
    return _Reckoned(began.day, named, counted, lasted_s, line)


class _Beginning(NamedTuple):
    """When a call was initiated."""

    day: date
    hour: int
    second: int
    """Unix seconds."""
    midnight: int
    """At which its local day began."""
    limit: int
    """At which the following local day ends."""


@lru_cache(maxsize=16_384)  # a call's start is read for every change of it
def _beginning(started: datetime | str, zone: ZoneInfo) -> _Beginning | None:
    """Return where a stored start lies; None for what is none, or beyond the calendar."""
    instant = instant_of(started)
    if instant is None:
        return None
    try:
        local = instant.astimezone(zone)
        day = local.date()
        midnight, limit = midnight_s(day, zone), midnight_s(day, zone, 2)
    except OverflowError:
        return None
    return _Beginning(day, local.hour, int(instant.timestamp() // 1), midnight, limit)


def _end_of(call: Mapping[str, Any], begun_s: int, limit_s: int) -> int:
    """Return the Unix second at which a call's line was free again; its start if it held none.

    While it goes on it is counted until the end of the following day: the next day then knows
    what is carried in, and Twilio ends every call within 24 hours.
    """
    status = call.get("status")
    if not isinstance(status, str) or status not in STATUS_RANK or not left_the_queue(call):
        return begun_s
    if status in ACTIVE_STATUSES:
        return limit_s
    ended = instant_of(call.get("endTime"))
    if ended is None:
        return min(begun_s + (whole_seconds(call.get("duration")) or 0), limit_s)
    return min(int(ended.timestamp() // 1), limit_s)


def _own(reckoned: _Reckoned | None, zone: ZoneInfo) -> Contribution:
    """Return all that a call adds, in the narrowest buckets."""
    if reckoned is None:
        return {}
    figures = _bucket(reckoned.day, reckoned.campaign_id, FIGURES)
    return {figures: reckoned.counted} | _talk(reckoned) | _line(reckoned, zone)


def _talk(reckoned: _Reckoned) -> Contribution:
    """Return what a completed call adds to the durations of its day."""
    if reckoned.lasted_s is None:
        return {}
    bucket = _bucket(reckoned.day, reckoned.campaign_id, DURATIONS)
    return {bucket: {f"seconds.{reckoned.lasted_s}": 1}}


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
        moved.setdefault(_bucket(of_day, campaign_id, series), {})[path] = step
    return moved


def difference(before: Contribution, after: Contribution) -> Contribution:
    """Return `after - before` without the zeros: retract the old, add the new.

    >>> day = Bucket("2026-11-22", None)
    >>> difference({day: {"a": 1, "b": 1}}, {day: {"a": 1, "c": 1}})[day]
    {'c': 1, 'b': -1}
    """
    changed: Contribution = {}
    for bucket in before.keys() | after.keys():
        if moved := _steps(before.get(bucket, {}), after.get(bucket, {})):
            changed[bucket] = moved
    return changed


def _steps(old: Counters, new: Counters) -> dict[str, int]:
    """Return how far each counter moves, without the zeros."""
    if old == new:
        return {}
    steps = {path: step for path, value in new.items() if (step := value - old.get(path, 0))}
    for path, value in old.items():
        if path not in new and value:
            steps[path] = -value
    return steps


def add(total: Contribution, more: Contribution) -> None:
    """Add `more` to `total` in place; associative and commutative, `{}` changes nothing."""
    for bucket, moved in more.items():
        into = total.get(bucket)
        if into is None:
            total[bucket] = dict(moved)
            continue
        for path, step in moved.items():
            into[path] = into.get(path, 0) + step
