"""When a campaign will be done: the formula's parts, each by hand; why there may be no date."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from support.builders import START

from callboard.domain.forecast import Course, Limits, forecast

OPEN = Limits(calls_per_s=1.0, concurrency=None)
EACH_S = 30.0

RUNNING = Course(
    status="active",
    total_contacts=500,
    contacts=200,
    attempted=190,
    attempts=285,
    squares=475,
    queued=10,
    age_s=3_600.0,
    begun=(6,) * 15,
    ended=tuple((10.0 * number, 10.0 * number + EACH_S) for number in range(200)),
)
"""A campaign that begins six calls a minute, of half a minute each."""


def told(limits: Limits = OPEN, **changes: Any) -> dict[str, Any]:
    """Return the forecast of the running campaign with changes."""
    return forecast(replace(RUNNING, **changes), limits, START)


def minutes(said: dict[str, Any], name: str = "p50") -> float:
    """Return in how many minutes it is done."""
    return (datetime.fromisoformat(said["eta"][name]) - START).total_seconds() / 60


def test_what_remains_is_the_uncalled_times_their_attempts_and_the_queue() -> None:
    said = told()
    assert said["attemptsPerContact"] == 1.5
    assert said["remaining"] == {"attempts": 460, "uncalled": 300, "queued": 10}
    assert told(total_contacts=150)["remaining"]["uncalled"] == 0
    assert told(attempts=0, attempted=0, squares=0)["remaining"]["attempts"] == 310


def test_the_date_is_what_remains_over_the_pace_and_one_call_more() -> None:
    said = told()
    assert (said["because"], said["binding"], said["perMinute"]) == (None, "rate", 6.0)
    assert minutes(said) == pytest.approx(460 / 6 + EACH_S / 60)
    assert minutes(said, "p10") < minutes(said) < minutes(said, "p90")
    assert said["slotSeconds"] == {"mean": 30.0, "p50": 30.0, "p95": 30.0}
    assert said["sample"] == 200


def test_twilios_cps_bounds_the_pace() -> None:
    said = told(Limits(0.05, None))
    assert (said["binding"], said["perMinute"]) == ("cps", 3.0)
    assert said["caps"] == {"cps": 3.0, "concurrency": None}


def test_lines_bound_the_pace_by_littles_law() -> None:
    # Two lines, each held for half a minute: four calls a minute.
    said = told(Limits(1.0, 2))
    assert (said["binding"], said["perMinute"]) == ("concurrency", 4.0)
    assert said["caps"] == {"cps": 60.0, "concurrency": 4.0}
    assert minutes(said) == pytest.approx(460 / 4 + EACH_S / 60)


@pytest.mark.parametrize(
    ("changes", "because", "binding"),
    [
        ({"total_contacts": 150, "queued": 0}, "done", "list"),
        ({"status": "completed"}, "done", "list"),
        ({"status": "paused"}, "paused", "paused"),
        ({"status": "draft"}, "paused", "paused"),
        ({"total_contacts": None}, "no_list", "list"),
        ({"total_contacts": None, "status": "paused"}, "paused", "paused"),
        ({"ended": RUNNING.ended[:19]}, "too_few_calls", None),
        ({"ended": ()}, "too_few_calls", None),
        ({"begun": (0,) * 15}, "no_progress", "rate"),
    ],
)
def test_where_nothing_can_be_foretold_it_says_why(
    changes: dict[str, Any], because: str, binding: str | None
) -> None:
    said = told(**changes)
    assert (said["eta"], said["because"], said["binding"]) == (None, because, binding)


def test_twenty_calls_are_enough() -> None:
    assert told(ended=RUNNING.ended[:20])["eta"] is not None


def test_without_a_list_nothing_is_said_to_remain() -> None:
    said = told(total_contacts=None)
    assert said["remaining"] == {"attempts": None, "uncalled": None, "queued": 10}


def test_a_campaign_that_never_began() -> None:
    fresh = Course("active", 100, 0, 0, 0, 0, 0, 0.0, (0,) * 15, ())
    said = forecast(fresh, OPEN, START)
    assert said["because"] == "too_few_calls"
    assert said["remaining"] == {"attempts": 100, "uncalled": 100, "queued": 0}
    assert (said["attemptsPerContact"], said["slotSeconds"], said["perMinute"]) == (None, None, 0)


def test_minutes_before_it_began_are_no_minutes_without_calls() -> None:
    begun = (1, 0, 1, *[0] * 12)
    assert told(begun=begun, age_s=150.0)["recentPerMinute"] > 0.7
    assert told(begun=begun)["recentPerMinute"] < 0.4


def test_a_rest_the_campaign_has_come_back_from_is_no_pace() -> None:
    assert told(begun=(6, 6, 6, *[0] * 12))["recentPerMinute"] == pytest.approx(6.0)
    # Few calls in few minutes are a slow pace as well as a rest.
    for few in ((1, *[0] * 14), (2, 2, *[0] * 13), (0, 1, 1, 1, 0, 1, 0, 0, 1, *[0] * 6)):
        assert told(begun=few)["recentPerMinute"] < 1.0


def test_the_newest_minutes_weigh_most() -> None:
    rising, falling = (9, *[3] * 14), (*[3] * 14, 9)
    assert told(begun=rising)["recentPerMinute"] > told(begun=falling)["recentPerMinute"] > 3.0
    assert told(begun=rising)["observedPerMinute"] == 9


def test_bursts_widen_the_range() -> None:
    bursts = (0, 0, 18, 0, 0, 18, 0, 0, 18, 0, 0, 18, 0, 0, 18)
    even, uneven = told(begun=(6,) * 15), told(begun=bursts)
    assert _width(uneven) > _width(even)
    # Contacts of whom some need many attempts do too.
    assert _width(told(squares=1_500)) > _width(told())


def _width(said: dict[str, Any]) -> float:
    return minutes(said, "p90") / minutes(said, "p10")


def test_the_longest_calls_count_at_the_end() -> None:
    ended = tuple((0.0, 600.0 if number % 10 == 0 else 10.0) for number in range(200))
    # One of ten lasts ten minutes, and six a minute begin: when the last has begun, others go on.
    assert minutes(told(ended=ended)) > 460 / 6 + 5


def test_nothing_is_foretold_beyond_ten_years() -> None:
    said = told(Limits(1e-9, None), total_contacts=10_000_000)
    assert said["eta"]["p10"] == said["eta"]["p90"] == "2036-03-23T08:15:00.000Z"


def test_calls_that_end_before_they_begin_are_not_measured() -> None:
    said = told(ended=(*RUNNING.ended[:50], (100.0, 40.0)))
    assert (said["sample"], said["slotSeconds"]["mean"]) == (50, 30.0)
