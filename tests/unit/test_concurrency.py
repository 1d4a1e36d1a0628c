"""The curve of concurrency of a day, counted by hand."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callboard.domain.concurrency import Quarter, curve_of, shown_curve

MADRID = ZoneInfo("Europe/Madrid")
UTC_ZONE = ZoneInfo("UTC")
DAY = date(2026, 3, 26)
MIDNIGHT = datetime(2026, 3, 26, tzinfo=UTC)
LATER = MIDNIGHT + timedelta(days=9)


def steps(base: int = 0, **net: int) -> list[dict[str, Any]]:
    """Return a day's documents; `s900=-1` is a step at its second 900."""
    first: dict[str, Any] = {"net": {}} | ({"base": base} if base else {})
    return [first, *({"net": {name[1:]: step}} for name, step in net.items())]


def test_a_quarter_has_its_peak_and_what_went_on_at_its_end() -> None:
    found = curve_of(steps(2, s10=1, s20=-2, s899=1, s900=-1, s1000=3), DAY, UTC_ZONE, LATER)
    assert [quarter[1:] for quarter in found.quarters[:3]] == [(3, 2), (4, 4), (4, 4)]
    assert found.quarters[1].at == MIDNIGHT + timedelta(minutes=15)
    assert found.peak == (4, MIDNIGHT + timedelta(seconds=1_000))


def test_who_hangs_up_as_a_quarter_begins_is_not_in_it() -> None:
    found = curve_of(steps(0, s0=5, s900=-5), DAY, UTC_ZONE, LATER)
    assert found.quarters[:2] == (
        Quarter(MIDNIGHT, 5, 5),
        Quarter(MIDNIGHT + timedelta(minutes=15), 0, 0),
    )


@pytest.mark.parametrize(
    ("day", "quarters"),
    [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100), (date(2026, 5, 1), 96)],
)
def test_a_day_has_as_many_quarters_as_its_clocks_say(day: date, quarters: int) -> None:
    found = curve_of(steps(1), day, MADRID, LATER + timedelta(days=365)).quarters
    assert len(found) == quarters
    assert {quarter[1:] for quarter in found} == {(1, 1)}
    assert {after.at - before.at for before, after in pairwise(found)} == {timedelta(minutes=15)}


def test_of_today_there_is_what_has_begun_and_of_tomorrow_nothing() -> None:
    noon = MIDNIGHT + timedelta(hours=12)
    assert len(curve_of(steps(1), DAY, UTC_ZONE, noon).quarters) == 49
    assert len(curve_of(steps(1), DAY, UTC_ZONE, noon - timedelta(seconds=1)).quarters) == 48
    assert curve_of(steps(1), DAY + timedelta(days=1), UTC_ZONE, noon) == ((), None)


def test_a_day_without_a_call_is_flat() -> None:
    found = curve_of([], DAY, UTC_ZONE, LATER)
    assert len(found.quarters) == 96
    assert {quarter[1:] for quarter in found.quarters} == {(0, 0)}
    assert shown_curve(found) | {"quarters": []} == {"quarters": [], "peak": None, "at": None}


@pytest.mark.parametrize("zone", [UTC_ZONE, MADRID, ZoneInfo("America/Santiago")])
@pytest.mark.parametrize("day", [date.min, date.max])
def test_the_ends_of_the_calendar_stop_nothing(day: date, zone: ZoneInfo) -> None:
    assert curve_of([], day, zone, LATER).peak is None


def test_a_curve_is_shown_with_instants_as_text() -> None:
    shown = shown_curve(curve_of(steps(0, s910=1), DAY, UTC_ZONE, MIDNIGHT + timedelta(hours=1)))
    assert shown["quarters"][1] == {"at": "2026-03-26T00:15:00.000Z", "peak": 1, "end": 1}
    assert (shown["peak"], shown["at"]) == (1, "2026-03-26T00:15:10.000Z")
    assert len(shown["quarters"]) == 5
