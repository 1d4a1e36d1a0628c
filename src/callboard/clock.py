"""Time as a value: everything that needs the time is handed a clock.

The real clock reads the system; tests hand in one they move by themselves.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "FixedClock", "SystemClock", "isoformat_z"]


class Clock(Protocol):
    """What the time is, twice: on the wall and as a steady count of seconds."""

    def now(self) -> datetime:
        """Return the wall time as an aware UTC datetime."""

    def monotonic_s(self) -> float:
        """Return seconds that never go back, from an arbitrary start."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Return the wall time as an aware UTC datetime."""
        return datetime.now(UTC)  # noqa: TID251  (the one place that may)

    def monotonic_s(self) -> float:
        """Return seconds that never go back, from an arbitrary start."""
        return time.monotonic()  # noqa: TID251  (the one place that may)


class FixedClock:
    """A clock that stands still until it is moved; for tests and scenarios."""

    def __init__(self, now: datetime) -> None:
        self._start = self._now = now

    def now(self) -> datetime:
        """Return the time last set."""
        return self._now

    def monotonic_s(self) -> float:
        """Return the seconds moved so far."""
        return (self._now - self._start).total_seconds()

    def advance(self, by: timedelta) -> None:
        """Move the clock forward."""
        self._now += by


def isoformat_z(instant: datetime) -> str:
    """Write an instant as ISO-8601 UTC with milliseconds and `Z`; a naive one is UTC already.

    >>> isoformat_z(datetime(2026, 3, 26, 8, 15, 0, 123456, tzinfo=UTC))
    '2026-03-26T08:15:00.123Z'
    """
    if instant.tzinfo is not None and instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.isoformat(timespec="milliseconds")[:23] + "Z"
