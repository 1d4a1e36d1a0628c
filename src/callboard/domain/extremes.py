"""The longest call and the peak of concurrency of a day, from its series, after every change.

What has not moved is remembered: of a day's 86,400 seconds a batch of changes touches a few, so
only their minutes are looked at again, then their quarters of an hour, then the day.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from callboard.domain.buckets import QUARTER_S, is_steps, quarter_of, steps_series

__all__ = ["Extremes", "Peak"]

_MINUTE_S = 60


class Peak(NamedTuple):
    """The greatest number of calls at one time."""

    height: int
    at: datetime
    """The first second at which it was reached."""


class _Stretch(NamedTuple):
    """What the steps of a stretch of time come to."""

    net: int
    """How much higher the line is at its end."""
    height: int | None
    """How much higher than at its beginning it ever was; None without a step."""
    second: int
    """The first second at which it was so high, since local midnight."""


_LEVEL = _Stretch(0, None, 0)


class Extremes:
    """Of one day, of all calls or of one campaign's."""

    def __init__(self) -> None:
        self._minutes: dict[int, _Stretch] = {}
        self._quarters: dict[str, _Stretch] = {}
        self._longest: int | None = None

    def moved(self, series: str, paths: Iterable[str]) -> None:
        """Look again at what these counters of a series tell."""
        if not is_steps(series):
            # A talk that is gone is noticed by `longest`; a new one may be the longest.
            if self._longest is not None:
                talks = (int(path.partition(".")[2]) for path in paths)
                self._longest = max(self._longest, *talks)
            return
        self._quarters.pop(series, None)
        for path in paths:
            _, _, second = path.partition(".")
            if second:
                self._minutes.pop(int(second) // _MINUTE_S, None)

    def forget(self) -> None:
        """Look at everything again."""
        self._minutes.clear()
        self._quarters.clear()
        self._longest = None

    def longest(self, durations: Mapping[str, Any] | None) -> int | None:
        """Return the longest talk of a series of durations, in seconds."""
        seconds = (durations or {}).get("seconds")
        if not seconds:
            self._longest = None
        elif self._longest is None or str(self._longest) not in seconds:
            self._longest = max(map(int, seconds))
        return self._longest

    def peak(self, documents: Mapping[str, Mapping[str, Any]], midnight_s: int) -> Peak | None:
        """Return the exact maximum of the step function of a day; None when no line was held.

        `documents` are the day's by series; the base of the first quarter is what the day before
        carried in.
        """
        first = documents.get(steps_series(0))
        level = height = int(first.get("base", 0)) if first is not None else 0
        at = 0
        for series in sorted(filter(is_steps, documents)):
            found = self._quarters.get(series)
            if found is None:
                found = self._quarters[series] = self._quarter(series, documents[series])
            if found.height is not None and level + found.height > height:
                height, at = level + found.height, found.second
            level += found.net
        return Peak(height, datetime.fromtimestamp(midnight_s + at, UTC)) if height else None

    def _quarter(self, series: str, steps: Mapping[str, Any]) -> _Stretch:
        net = steps.get("net")
        if not net:
            return _LEVEL
        begins = quarter_of(series) * QUARTER_S
        level, height, at = 0, None, 0
        for minute in range(begins // _MINUTE_S, (begins + QUARTER_S) // _MINUTE_S):
            found = self._minutes.get(minute)
            if found is None:
                found = self._minutes[minute] = _minute(minute, net)
            if found.height is not None and (height is None or level + found.height > height):
                height, at = level + found.height, found.second
            level += found.net
        return _Stretch(level, height, at)


def _minute(minute: int, net: Mapping[str, int]) -> _Stretch:
    """Return what a minute's steps come to; the steps of one second happen at once."""
    level, height, at = 0, None, 0
    for second in range(minute * _MINUTE_S, (minute + 1) * _MINUTE_S):
        step = net.get(str(second))
        if step is None:
            continue
        level += step
        if height is None or level > height:
            height, at = level, second
    return _Stretch(level, height, at)
