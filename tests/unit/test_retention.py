"""Calls older than they are kept: they took place, and their figures are settled."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.builders import START, MemoryView, a_call, a_change
from support.figures import StoredFigures

from callboard.clock import FixedClock
from callboard.domain.changes import Change
from callboard.domain.contributions import movement
from callboard.projection.board import Board, Publishers
from callboard.projection.book import Book

UTC_ZONE = ZoneInfo("UTC")
KEPT = timedelta(days=30)
SECOND = timedelta(seconds=1)


def a_board(kept: timedelta | None) -> Board:
    """Return a board that knows for how long calls are kept; it is `START` there."""
    publishers = Publishers(*(MemoryView(name) for name in ("live", "campaigns", "summary")))
    return Board(publishers, Book(StoredFigures(), UTC_ZONE), UTC_ZONE, FixedClock(START), kept)


def changes(started: Any) -> list[Change]:
    """Return an insert, an update and a delete of a call that began then."""
    ringing = a_call(startTime=started)
    ended = a_call(startTime=started, status="completed", duration=9)
    return [a_change(None, ringing), a_change(ringing, ended), a_change(ended, None)]


@pytest.mark.parametrize("age", [KEPT, KEPT + SECOND, timedelta(days=4_000)])
def test_a_call_older_than_calls_are_kept_moves_no_figures(age: timedelta) -> None:
    board = a_board(KEPT)
    assert [board.contribution_of(change) for change in changes(START - age)] == [{}, {}, {}]


@pytest.mark.parametrize("age", [KEPT - SECOND, timedelta(0), -KEPT])
def test_a_younger_call_moves_them(age: timedelta) -> None:
    board = a_board(KEPT)
    for change in changes(START - age):
        moved = board.contribution_of(change)
        assert moved == movement(change.before, change.after, UTC_ZONE)
        assert moved


def test_without_a_bound_every_call_moves_them() -> None:
    board = a_board(None)
    for change in changes(START - timedelta(days=4_000)):
        assert board.contribution_of(change)


@pytest.mark.parametrize("started", [None, "2001-01-01", 7])
def test_an_undated_call_never_expires_and_was_never_counted(started: Any) -> None:
    board = a_board(KEPT)
    assert [board.contribution_of(change) for change in changes(started)] == [{}, {}, {}]


def test_a_call_that_turns_out_to_be_old_is_judged_by_what_it_is_now() -> None:
    young, old = a_call(), a_call(startTime=START - 2 * KEPT)
    assert a_board(KEPT).contribution_of(a_change(young, old)) == {}
    assert a_board(KEPT).contribution_of(a_change(old, young))


def test_a_call_expires_as_time_goes_by() -> None:
    clock = FixedClock(START)
    publishers = Publishers(*(MemoryView(name) for name in ("live", "campaigns", "summary")))
    board = Board(publishers, Book(StoredFigures(), UTC_ZONE), UTC_ZONE, clock, KEPT)
    gone = a_change(a_call(), None)
    assert board.contribution_of(gone)
    clock.advance(KEPT)
    assert board.contribution_of(gone) == {}


def test_an_instant_without_a_zone_is_utc() -> None:
    naive: datetime = (START - KEPT).replace(tzinfo=None)
    assert a_board(KEPT).contribution_of(a_change(a_call(startTime=naive), None)) == {}
