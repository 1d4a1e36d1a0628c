"""The projector's board: what each change stages, and what an epoch begins with."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from support.builders import START, MemoryView, a_call, a_change, sid
from support.figures import StoredFigures

from callboard.clock import FixedClock
from callboard.domain.changes import Change
from callboard.domain.contributions import expanded
from callboard.projection.board import Board, Publishers
from callboard.projection.book import Book

UTC_ZONE = ZoneInfo("UTC")


class Desk:
    """A board that writes to views in memory."""

    def __init__(self, zone: ZoneInfo = UTC_ZONE) -> None:
        self.clock = FixedClock(START)
        self.live, self.campaigns, self.summary = (MemoryView(n) for n in ("l", "c", "s"))
        publishers = Publishers(self.live, self.campaigns, self.summary)
        self.board = Board(publishers, Book(StoredFigures(), zone), zone, self.clock)

    def begin(
        self,
        calls: list[dict[str, Any]] | None = None,
        campaigns: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        """Begin an epoch."""
        active = {call["_id"]: call for call in calls or []}
        day, _ = self.board.today()
        assert day is not None
        self.board.restart(1, day, active, campaigns or {})

    def take(self, change: Change) -> None:
        """Do with one change what the projector does."""
        moved = self.board.contribution_of(change)
        self.board.book.take(expanded(moved))
        self.board.stage_call(change)
        self.board.stage_campaigns({b.campaign_id for b in moved if b.campaign_id is not None})
        self.board.stage_summary()


def test_an_epoch_begins_with_what_mongodb_says() -> None:
    desk = Desk()
    desk.board.book.take(expanded(desk.board.contribution_of(a_change(None, a_call()))))
    desk.begin([a_call()], {"autumn": {"name": "Autumn"}})
    assert list(desk.live.items) == [sid()]
    assert list(desk.campaigns.items) == ["autumn", "spring"]
    assert list(desk.summary.items) == ["today"]
    assert {view.position.offset for view in desk.board.publishers.all()} == {0}


def test_a_call_that_ends_leaves_the_live_view_but_is_still_told_of() -> None:
    desk = Desk()
    desk.begin()
    desk.take(a_change(None, a_call()))
    desk.take(a_change(a_call(), a_call(status="completed", duration=9)))
    assert desk.live.changes() == [(sid(), "insert"), (sid(), "update")]
    assert not desk.live.items
    assert b'"completed"' in desk.live.deltas[-1].value


def test_a_queued_call_is_told_of_but_not_live() -> None:
    desk = Desk()
    desk.begin()
    desk.take(a_change(None, a_call(status="queued")))
    assert (len(desk.live.deltas), len(desk.live.items)) == (1, 0)


def test_a_live_call_whose_shown_id_changes_is_not_shown_twice() -> None:
    desk = Desk()
    desk.begin()
    foreign = {**a_call(), "_id": "64f0"}
    desk.take(a_change(None, foreign))
    desk.take(a_change(foreign, {**foreign, "sid": sid(2)}))
    assert list(desk.live.items) == [sid(2)]


def test_a_campaign_that_looks_the_same_is_not_staged() -> None:
    desk = Desk()
    desk.begin([], {"spring": {"name": "Spring"}})
    desk.board.stage_campaigns({"spring", "nobody's"})
    assert desk.campaigns.deltas == []


def test_a_campaign_comes_changes_and_goes_with_its_document() -> None:
    desk = Desk()
    desk.begin()
    spring, may = {"_id": "c", "name": "Spring"}, {"_id": "c", "name": "May"}
    for before, after in ((None, spring), (spring, may), (may, None)):
        change = a_change(before, after, collection="campaigns")
        desk.board.stage_campaigns({desk.board.take_campaign(change)})
    assert desk.campaigns.changes() == [("c", "insert"), ("c", "update"), ("c", "delete")]
    assert not desk.campaigns.items


def test_a_campaign_without_a_document_lives_as_long_as_its_calls() -> None:
    desk = Desk()
    desk.begin()
    desk.take(a_change(None, a_call()))
    assert list(desk.campaigns.items) == ["spring"]
    desk.take(a_change(a_call(), None))
    assert list(desk.campaigns.items) == []


def test_a_new_epoch_shows_the_campaigns_the_last_one_showed() -> None:
    desk = Desk()
    desk.begin()
    desk.take(a_change(None, a_call()))
    desk.take(a_change(a_call(), None))
    before = dict(desk.campaigns.items)
    desk.begin()
    assert dict(desk.campaigns.items) == before


def test_only_today_is_counted_in_memory() -> None:
    desk = Desk()
    desk.begin()
    desk.take(a_change(None, a_call(startTime=START - timedelta(days=1))))
    assert b'"totalCalls":0' in desk.summary.items["today"]
    assert b'"totalCalls":1' in desk.campaigns.items["spring"]
    desk.take(a_change(None, a_call(2)))
    assert b'"totalCalls":1' in desk.summary.items["today"]


def test_today_is_the_reporting_zones() -> None:
    desk = Desk(ZoneInfo("Pacific/Kiritimati"))
    desk.begin()
    assert desk.board.today() == ("2026-03-26", None)
    desk.clock.advance(timedelta(hours=2))
    assert desk.board.today() == ("2026-03-27", None)
    assert b'"timezone":"Pacific/Kiritimati"' in desk.summary.items["today"]


def test_a_day_turns_once() -> None:
    desk = Desk()
    desk.begin()
    assert not desk.board.day_turned()
    desk.clock.advance(timedelta(days=1))
    assert desk.board.day_turned()
    assert not desk.board.day_turned()


def test_a_summary_that_looks_the_same_is_not_staged() -> None:
    desk = Desk()
    desk.begin()
    desk.board.stage_summary()
    assert desk.summary.deltas == []


def test_a_midnight_between_reading_and_beginning_is_noticed() -> None:
    desk = Desk()
    read_for, _ = desk.board.today()
    assert read_for is not None
    desk.clock.advance(timedelta(days=1))
    desk.board.restart(1, read_for, {}, {})
    assert desk.board.day_turned()
    assert not desk.board.day_turned()
