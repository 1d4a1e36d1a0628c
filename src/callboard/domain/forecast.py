"""When a campaign will be done: product.md 3.3, "ETA", "Throughput", and Little's law.

Remaining attempts over throughput. `N = uncalled x attempts per contact so far + queued` calls are
to begin; they begin at `min(caps, recent)` a minute, where

- `cps`: what the account may begin, `60 x CALLBOARD_CALLS_PER_S`;
- `concurrency`: Little's law, `L = lambda x W`: with `C` lines that each call holds for a mean of
  `S` seconds (dial, ring and talk of the last 200 that ended), `60 x C / S` can begin;
- `recent`: what did begin, by an exponentially weighted mean of the last 15 minutes.

Product.md would also take the calls of the last 60 s into the minimum. They are shown, but the
least of two noisy measures of one rate is too low by construction, so every date would be too
late; and a slow campaign begins none in many a minute.

The range is analytic: the time to `N` arrivals of a rate that was estimated from `n` is nearly
lognormal with variance `1/n + 1/N`. Both terms grow with the *index of dispersion* of the minutes
(their variance over their mean; 1 for a Poisson process, more for bursts), and how much contacts
differ in their number of attempts is added. After the last call has begun those that go on must
end; how long that takes follows from the same slots. A test replays campaigns whose end is known:
of those with a steady pace more than four of five end within the range, mostly near its middle.

What it does not know: hours in which nobody may be called, other campaigns on the same lines,
contacts added later, retries of contacts who were called already unless they are queued, and in
the first minutes the long calls, none of which has ended yet.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import ceil, exp, sqrt
from typing import Any

from callboard.clock import isoformat_z

__all__ = ["ENDED_MAX", "MINUTES", "Course", "Limits", "forecast"]

ENDED_MAX = 200
"""Over how many ended calls slots are measured."""
MINUTES = 15
"""Over how many minutes the recent rate is measured."""

_ENDED_MIN = 20
"""Fewer ended calls tell nothing."""
_HALF_LIFE_MIN = 5.0
"""What a minute weighs half as much as, that is so many minutes newer."""
_REST_CALLS = 5
"""Silence that would have held so many calls at the pace since is a rest; by chance it comes once
in fifty times at most."""
_MINUTES_MIN = 5
"""From so many whole minutes on their dispersion is measured."""
_Z = 1.2816
"""The normal quantile of 90 %."""
_HORIZON = timedelta(days=3_650)
"""Nothing is foretold for later than that."""
_WAITING = frozenset({"paused", "draft"})


@dataclass(frozen=True, slots=True)
class Course:
    """How a campaign has gone so far. Inbound calls and child legs are no part of it."""

    status: str
    """Its own document's; `unknown` without one."""
    total_contacts: int | None
    """How long its list is, None without one."""
    contacts: int
    """How many contacts have a call, also one that is queued."""
    attempted: int
    """How many contacts have an attempt: a call that left the queue."""
    attempts: int
    squares: int
    """The sum over contacts of their attempts, squared."""
    queued: int
    """Calls that wait in Twilio's queue."""
    age_s: float
    """How long ago the first attempt began."""
    begun: Sequence[int]
    """How many attempts began in each of the last 15 minutes, the newest first."""
    ended: Sequence[tuple[float, float]]
    """Begin and end of up to 200 calls that ended last, in Unix seconds. By their end: among the
    calls that began last the long ones have not ended yet."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator has told of the account."""

    calls_per_s: float
    concurrency: int | None


def forecast(course: Course, limits: Limits, now: datetime) -> dict[str, Any]:
    """Return when a campaign will be done, with its range, and what it depends on.

    Rates and caps are calls a minute, None for what is not known; the least of them binds.
    """
    slots_s = sorted(end - begin for begin, end in course.ended if end >= begin)
    each = course.attempts / course.attempted if course.attempted else None
    uncalled, remaining = _remaining(course, each)
    recent, effective = _recent(course)
    caps = {"cps": 60 * limits.calls_per_s, "concurrency": _by_little(slots_s, limits)}
    rates = {name: cap for name, cap in caps.items() if cap is not None} | {"rate": recent}
    least = min(rates, key=lambda name: rates[name])
    because = _because(course, remaining, len(slots_s), recent)
    eta = None
    if because is None and remaining is not None:
        spread = _spread(course, remaining, effective)
        # Calls that go on at the end began at the pace there is, whatever binds the rest.
        tail_s = partial(_tail, slots_s, recent / 60)
        eta = _eta(now, remaining / rates[least], spread, tail_s)
    return {
        "computedAt": isoformat_z(now),
        "eta": eta,
        "because": because,
        "remaining": {"attempts": remaining, "uncalled": uncalled, "queued": course.queued},
        "attemptsPerContact": _rounded(each),
        "perMinute": _rounded(rates[least]),
        "observedPerMinute": course.begun[0] if course.begun else 0,
        "recentPerMinute": _rounded(recent),
        "slotSeconds": _slots(slots_s),
        "caps": {name: _rounded(cap) for name, cap in caps.items()},
        "binding": _BINDING.get(because or "", least),
        "sample": len(slots_s),
    }


_BINDING: Mapping[str, str | None] = {
    "done": "list",
    "no_list": "list",
    "paused": "paused",
    "too_few_calls": None,
}


def _remaining(course: Course, each: float | None) -> tuple[int | None, int | None]:
    """Return how many contacts have no call yet, and how many attempts are to come."""
    if course.total_contacts is None:
        return None, None
    uncalled = max(course.total_contacts - course.contacts, 0)
    return uncalled, ceil(uncalled * (each or 1.0)) + course.queued


def _because(course: Course, remaining: int | None, sample: int, recent: float) -> str | None:
    """Return why nothing can be foretold, None if it can."""
    reasons = {
        "done": course.status == "completed" or remaining == 0,
        "paused": course.status in _WAITING,
        "no_list": remaining is None,
        "too_few_calls": sample < _ENDED_MIN,
        "no_progress": recent <= 0,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _recent(course: Course) -> tuple[float, float]:
    """Return the recent rate a minute, and how many calls it is as good as the mean of."""
    lived_min = _lived_min(course)
    weights = [0.5 ** (minute / _HALF_LIFE_MIN) for minute in range(len(course.begun))]
    lived = [min(max(lived_min - minute, 0.0), 1.0) for minute in range(len(course.begun))]
    exposure = sum(weight * part for weight, part in zip(weights, lived, strict=True))
    calls = sum(weight * count for weight, count in zip(weights, course.begun, strict=True))
    squares = sum(weight**2 * count for weight, count in zip(weights, course.begun, strict=True))
    return (calls / exposure, calls**2 / squares) if calls else (0.0, 0.0)


def _lived_min(course: Course) -> float:
    """Return of how many of the last minutes the calls tell the pace.

    Those before the first attempt are no minutes without calls; neither are those of a rest, a
    night or a pause, from which the campaign has come back.
    """
    lived_min = min(max(course.age_s / 60, 1.0), float(len(course.begun)))
    calls = sum(course.begun)
    back_min = max((minute for minute, count in enumerate(course.begun, 1) if count), default=0)
    if calls < _REST_CALLS or (calls - 1) / back_min * (lived_min - back_min) < _REST_CALLS:
        return lived_min
    return float(back_min)


def _by_little(slots_s: Sequence[float], limits: Limits) -> float | None:
    """Return how many calls a minute fit on the lines; None without a limit or a call."""
    total_s = sum(slots_s)
    if limits.concurrency is None or not total_s:
        return None
    return 60 * limits.concurrency * len(slots_s) / total_s


def _spread(course: Course, remaining: int, effective: float) -> float:
    """Return the standard deviation of the logarithm of the time that is left.

    The variance of one further attempt counts half as many attempts more than there are: else
    one contact more could bring the late end of the range nearer.
    """
    bursts = _dispersion(course)
    contacts, attempts = max(course.attempted, 1), max(course.attempts, 1)
    differ = max(course.squares * contacts / attempts**2 - 1, 0.0)
    each = bursts + differ * attempts / contacts
    ahead = each / (remaining + each / 2)
    return sqrt(bursts / effective + differ / contacts + ahead)


def _dispersion(course: Course) -> float:
    """Return the index of dispersion of the whole minutes, at least 1."""
    counts = course.begun[: int(_lived_min(course))]
    mean = sum(counts) / len(counts) if counts else 0.0
    if len(counts) < _MINUTES_MIN or not mean:
        return 1.0
    variance = sum((count - mean) ** 2 for count in counts) / (len(counts) - 1)
    return max(variance / mean, 1.0)


def _tail(slots_s: Sequence[float], per_s: float, chance: float) -> float:
    """Return within how many seconds every call is over with a chance, after the last began.

    The last must end, and of those before it none may go on: of calls that begin `per_s` a second
    those that are still held `x` seconds later are Poisson, `per_s x E[max(slot - x, 0)]` of them.
    """
    number, left_s = len(slots_s), sum(slots_s)
    for rank, slot_s in enumerate(slots_s, 1):
        left_s -= slot_s
        beyond_s = (left_s - slot_s * (number - rank)) / number
        if rank / number * exp(-per_s * beyond_s) >= chance:
            return slot_s
    return slots_s[-1]


def _eta(
    now: datetime, minutes: float, spread: float, tail_s: Callable[[float], float]
) -> dict[str, str]:
    """Return the range of when the last call has begun and every call is over.

    The quantiles of both are added: a little wider than their sum's.
    """
    found = {}
    for name, chance, quantile in (("p10", 0.1, -_Z), ("p50", 0.5, 0.0), ("p90", 0.9, _Z)):
        left_s = 60 * minutes * exp(quantile * spread) + tail_s(chance)
        found[name] = isoformat_z(now + timedelta(seconds=min(left_s, _HORIZON.total_seconds())))
    return found


def _slots(slots_s: Sequence[float]) -> dict[str, float] | None:
    """Return how long lines are held; percentiles by the nearest rank, of sorted seconds."""
    if not slots_s:
        return None
    ranks = {"p50": 0.5, "p95": 0.95}
    percentiles = {name: slots_s[ceil(of * len(slots_s)) - 1] for name, of in ranks.items()}
    return {"mean": round(sum(slots_s) / len(slots_s), 1), **percentiles}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
