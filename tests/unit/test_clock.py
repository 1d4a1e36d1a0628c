"""Time as a value."""

from datetime import UTC, datetime, timedelta, timezone

from support.builders import START

from callboard.clock import FixedClock, SystemClock, isoformat_z


def test_a_fixed_clock_stands_still_until_it_is_moved() -> None:
    clock = FixedClock(START)
    assert (clock.now(), clock.monotonic_s()) == (START, 0)
    clock.advance(timedelta(milliseconds=1_500))
    assert (clock.now(), clock.monotonic_s()) == (START + timedelta(seconds=1.5), 1.5)


def test_the_systems_clock_is_aware_and_never_goes_back() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic_s() <= clock.monotonic_s()


def test_an_instant_is_written_in_utc_whatever_its_zone() -> None:
    there = datetime(2026, 3, 26, 10, 15, tzinfo=timezone(timedelta(hours=2)))
    assert isoformat_z(there) == isoformat_z(START) == "2026-03-26T08:15:00.000Z"
