"""How many calls went on at one time, by quarters of an hour: from the steps a day is kept as.

Exact, as the day's peak is (docs/adr/0016): every step of every second is looked at, so a quarter
shows its peak however short it was.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from callboard.clock import isoformat_z
from callboard.domain.buckets import QUARTER_S, midnight_s
from callboard.domain.extremes import Peak

__all__ = ["Curve", "Quarter", "curve_of", "shown_curve"]


class Quarter(NamedTuple):
    """A quarter of an hour of a local day; the last of a day may be shorter."""

    at: datetime
    """Its first instant."""
    peak: int
    """The most calls at one time within it, those that went on when it began included."""
    end: int
    """How many went on in its last second, or go on now."""


class Curve(NamedTuple):
    """How the number of calls rose and fell on a day."""

    quarters: tuple[Quarter, ...]
    """Those that have begun, in order."""
    peak: Peak | None
    """The day's; None when no line was held."""


def curve_of(
    documents: Iterable[Mapping[str, Any]], day: date, zone: ZoneInfo, now: datetime
) -> Curve:
    """Return the curve of a local day from its `steps` documents, in any order.

    Of a day that has not begun, and of one beyond the calendar, there is nothing to tell.
    """
    try:
        midnight, following = midnight_s(day, zone), midnight_s(day, zone, 1)
    except OverflowError:
        return Curve((), None)
    if midnight > now.timestamp():
        return Curve((), None)
    level, steps = _steps_of(documents)
    quarters: list[Quarter] = []
    highest: Peak | None = None
    for begins in range(0, following - midnight, QUARTER_S):
        # The level it begins with counts only if nobody hangs up in its first second.
        moves = {begins: 0} | steps.get(begins // QUARTER_S, {})
        peak = 0
        for second in sorted(moves):
            level += moves[second]
            peak = max(peak, level)
            if level > (highest.height if highest is not None else 0):
                highest = Peak(level, _instant(midnight + second))
        quarters.append(Quarter(_instant(midnight + begins), peak, level))
    # A step that lies ahead counts for the day's peak as it does in the day's figures.
    quarters = [quarter for quarter in quarters if quarter.at <= now]
    return Curve(tuple(quarters), highest)


def _steps_of(documents: Iterable[Mapping[str, Any]]) -> tuple[int, dict[int, dict[int, int]]]:
    """Return what the day before carried in, and the steps by quarter and second."""
    base = 0
    steps: dict[int, dict[int, int]] = {}
    for document in documents:
        base += document.get("base", 0)
        for second, step in document.get("net", {}).items():
            steps.setdefault(int(second) // QUARTER_S, {})[int(second)] = step
    return base, steps


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def shown_curve(curve: Curve) -> dict[str, Any]:
    """Return a curve as people read it."""
    peak = curve.peak
    return {
        "quarters": [
            {"at": isoformat_z(quarter.at), "peak": quarter.peak, "end": quarter.end}
            for quarter in curve.quarters
        ],
        "peak": peak.height if peak is not None else None,
        "at": isoformat_z(peak.at) if peak is not None else None,
    }
