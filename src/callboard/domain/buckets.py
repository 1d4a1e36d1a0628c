"""Where figures are kept: one document of `analytics` for each bucket.

A bucket is a local day, a campaign, or a campaign's day. Beside the figures that people read, a
day has two *series* that make its maxima exact (docs/adr/0016): how long calls lasted, and the
steps of concurrency by quarters of an hour.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

__all__ = [
    "DURATIONS",
    "FIGURES",
    "QUARTER_S",
    "Bucket",
    "day_of",
    "instant_of",
    "is_steps",
    "midnight_s",
    "quarter_of",
    "steps_series",
]

FIGURES = "figures"
DURATIONS = "durations"
_STEPS = "steps"
QUARTER_S = 900
_DAY = timedelta(days=1)


class Bucket(NamedTuple):
    """One `analytics` document. A tuple, because it is hashed for every change of a call."""

    day: str | None
    """Local date `YYYY-MM-DD`, or None for all time."""
    campaign_id: str | None
    """Campaign, or None for all calls."""
    series: str = FIGURES
    """`figures`, `durations`, or `steps-<quarter>`."""

    @property
    def key(self) -> str:
        """Return the document's `_id`.

        >>> Bucket("2026-11-22", None).key, Bucket(None, "c1").key, Bucket("2026-11-22", "c1").key
        ('daily:2026-11-22', 'campaign:c1', 'daily:2026-11-22:c1')
        >>> Bucket("2026-11-22", "c1", steps_series(7 * 3600)).key
        'steps-28:2026-11-22:c1'
        """
        if self.day is None:
            return f"campaign:{self.campaign_id}"
        prefix = "daily" if self.series == FIGURES else self.series
        suffix = f":{self.campaign_id}" if self.campaign_id is not None else ""
        return f"{prefix}:{self.day}{suffix}"

    @property
    def type(self) -> str:
        """Return `daily`, `campaign`, `durations` or `steps`."""
        if self.day is None:
            return "campaign"
        return "daily" if self.series == FIGURES else self.series.partition("-")[0]

    @property
    def figures(self) -> "Bucket":
        """Return the bucket of figures that this series belongs to."""
        return self if self.series == FIGURES else Bucket(self.day, self.campaign_id)

    def starts_at(self, zone: ZoneInfo) -> datetime | None:
        """Return the first instant of the bucket's local day."""
        if self.day is None:
            return None
        return datetime.fromtimestamp(midnight_s(date.fromisoformat(self.day), zone), UTC)


def steps_series(second: int) -> str:
    """Return the series of a second since local midnight; a day of 25 hours has a hundred.

    >>> steps_series(0), steps_series(899), steps_series(25 * 3600 - 1)
    ('steps-00', 'steps-00', 'steps-99')
    """
    return f"{_STEPS}-{second // QUARTER_S:02d}"


def is_steps(series: str) -> bool:
    """Tell the steps of concurrency from other series."""
    return series.startswith(_STEPS)


def quarter_of(series: str) -> int:
    """Return which quarter of an hour since local midnight steps are of.

    >>> quarter_of("steps-28")
    28
    """
    return int(series.partition("-")[2])


@lru_cache(maxsize=4_096)
def midnight_s(day: date, zone: ZoneInfo, days_later: int = 0) -> int:
    """Return the Unix second at which a local day begins, or one so many days later.

    Raises:
        OverflowError: at the very ends of the calendar.
    """
    begins = datetime.combine(day + days_later * _DAY, datetime.min.time(), zone)
    # A zone may skip midnight: the round trip through UTC lands on a real instant.
    return int(begins.astimezone(UTC).timestamp())


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
