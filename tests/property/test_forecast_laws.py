"""Laws of the forecast, for any course of any campaign.

The range is in order. One contact more is never done sooner, a higher cap never later. What binds
is the least of what bounds the pace. Below twenty calls, without a list, when paused, when nobody
is left or nothing moves, there is no date, and otherwise there is one.
"""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.builders import START

from callboard.domain.forecast import Course, Limits, forecast

NAMES = ("p10", "p50", "p90")


@st.composite
def courses(draw: st.DrawFn) -> Course:
    """Draw a course that calls could have taken."""
    tries = draw(st.lists(st.integers(0, 9), max_size=30))
    attempted = [number for number in tries if number]
    slots = draw(st.lists(st.floats(0, 3_600), max_size=200) | st.just([30.0] * 60))
    return Course(
        status=draw(st.sampled_from(["active", "active", "paused", "draft", "completed", "x"])),
        total_contacts=draw(st.none() | st.integers(0, 100_000)),
        contacts=len(tries),
        attempted=len(attempted),
        attempts=sum(attempted),
        squares=sum(number**2 for number in attempted),
        queued=draw(st.integers(0, 50)),
        age_s=draw(st.floats(0, 1e6)),
        begun=draw(st.lists(st.integers(0, 500), min_size=15, max_size=15)),
        ended=[(1_000.0, 1_000.0 + slot_s) for slot_s in slots],
    )


LIMITS = st.builds(Limits, st.floats(0.001, 1_000), st.none() | st.integers(1, 1_000))


@given(courses(), LIMITS)
def test_the_range_is_in_order_and_later_than_now(course: Course, limits: Limits) -> None:
    eta = forecast(course, limits, START)["eta"]
    if eta is not None:
        found = [eta[name] for name in NAMES]
        assert found == sorted(found)
        assert found[0] >= "2026-03-26T08:15:00.000Z"


def _not_later(one: dict[str, Any], other: dict[str, Any]) -> bool:
    if one["eta"] is None or other["eta"] is None:
        return True
    return all(one["eta"][name] <= other["eta"][name] for name in NAMES)


@given(courses(), LIMITS, st.integers(1, 1_000))
def test_more_that_remains_is_never_done_sooner(course: Course, limits: Limits, more: int) -> None:
    said = forecast(course, limits, START)
    total = course.total_contacts
    if total is not None:
        longer = replace(course, total_contacts=total + more)
        assert _not_later(said, forecast(longer, limits, START))
    queued = replace(course, queued=course.queued + more)
    assert _not_later(said, forecast(queued, limits, START))


@given(courses(), LIMITS, st.floats(1, 100), st.integers(0, 100))
def test_higher_caps_are_never_done_later(
    course: Course, limits: Limits, times: float, lines: int
) -> None:
    said = forecast(course, limits, START)
    wider = Limits(
        limits.calls_per_s * times,
        None if limits.concurrency is None or not lines else limits.concurrency + lines,
    )
    assert _not_later(forecast(course, wider, START), said)


@given(courses(), LIMITS)
def test_the_least_bound_binds(course: Course, limits: Limits) -> None:
    said = forecast(course, limits, START)
    bounds = {**said["caps"], "rate": said["recentPerMinute"]}
    known = {name: bound for name, bound in bounds.items() if bound is not None}
    assert said["perMinute"] == min(known.values())
    if said["because"] is None:
        assert known[said["binding"]] == min(known.values())


@given(courses(), LIMITS)
def test_there_is_a_date_or_a_reason(course: Course, limits: Limits) -> None:
    said = forecast(course, limits, START)
    assert (said["eta"] is None) != (said["because"] is None)
    hopeless = (
        len(course.ended) < 20
        or course.total_contacts is None
        or course.status in ("paused", "draft", "completed")
        or said["remaining"]["attempts"] == 0
        or sum(course.begun) == 0
    )
    assert (said["eta"] is None) == hopeless
    remaining = said["remaining"]
    if remaining["attempts"] is not None:
        assert remaining["attempts"] >= remaining["uncalled"] + remaining["queued"]
