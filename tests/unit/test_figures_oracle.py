"""The second opinion itself, against cases that were counted by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.builders import START, a_call
from support.figures_oracle import figures_of
from support.same_documents import assert_same_documents

UTC_ZONE = ZoneInfo("UTC")
MADRID = ZoneInfo("Europe/Madrid")

Document = dict[str, Any]


def at(text: str) -> datetime:
    """Return an instant of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ended(number: int, begun: str, end: str, **fields: Any) -> Document:
    """Return a completed call from one instant of UTC to another."""
    said = {"status": "completed", "startTime": at(begun), "endTime": at(end)}
    return a_call(number, **(said | fields))


def peak(calls: list[Document], day: str, zone: ZoneInfo = UTC_ZONE) -> tuple[int, datetime]:
    """Return a day's greatest number of calls at once, and since when."""
    found = figures_of(calls, zone)[f"daily:{day}"]["concurrency"]
    return found["peak"], found["at"]


WHOLE_DAY: Document = {
    "_id": "daily:2026-03-26:spring",
    "type": "daily",
    "day": "2026-03-26",
    "date": datetime(2026, 3, 25, 23, tzinfo=UTC),
    "timezone": "Europe/Madrid",
    "campaignId": "spring",
    "callVolume": {
        "total": 4,
        "byStatus": {
            "queued": 0,
            "initiated": 0,
            "ringing": 1,
            "in-progress": 0,
            "completed": 2,
            "busy": 0,
            "failed": 1,
            "no-answer": 0,
            "canceled": 0,
            "unconfirmed": 0,
        },
        "byHour": [0] * 9 + [4] + [0] * 14,
        "attemptsByHour": [0] * 9 + [3] + [0] * 14,
        "humanByHour": [0] * 9 + [1] + [0] * 14,
        "byDirection": {"inbound": 1, "outbound": 2, "unknown": 1},
    },
    "duration": {
        "total": 95,
        "count": 2,
        "average": 47.5,
        "max": 60,
        "buckets": {"0-10": 0, "10-30": 0, "30-60": 1, "60-120": 1, "120-180": 0, "180+": 0},
    },
    "outcomes": {
        "human": 1,
        "voicemail": 1,
        "answered_unknown": 0,
        "no_answer": 0,
        "busy": 0,
        "failed": 0,
        "canceled": 0,
        "unconfirmed": 0,
    },
    "contact": {"attempts": 3, "answered": 1, "human": 1, "voicemail": 0},
    "failures": {"total": 1, "bySipCode": {"404": 1}},
    "evaluation": {"success": 1, "failure": 0, "unknown": 1},
    "cost": {
        "twilio": {"USD": 21_000},
        "elevenlabs": {"credits": 318_000_000, "USD": 64_100},
    },
    "concurrency": {"peak": 3, "at": START},
}


def a_whole_day() -> list[Document]:
    """Return four calls that count, and one of each kind that does not."""
    conversation = {"cost": 318, "costUsd": 0.0641, "callSuccessful": "success"}
    return [
        a_call(1),
        a_call(
            2,
            status="completed",
            duration=60,
            outcome="human",
            success=True,
            elevenlabs={"conversation": conversation},
            twilio={"price": "-0.0140", "priceUnit": "USD"},
        ),
        a_call(
            3,
            status="completed",
            direction="inbound",
            duration=35.9,
            outcome="voicemail",
            elevenlabs={"conversation": {"callSuccessful": "unknown"}},
            twilio={"price": -0.007, "priceUnit": "USD"},
        ),
        a_call(
            4,
            status="failed",
            direction="sideways",
            duration=0,
            outcome="lost",
            twilio={"sipResponseCode": 404, "price": -0.0, "priceUnit": "USD"},
        ),
        a_call(5, twilio={"parentCallSid": "CA" + "9" * 32}),
        a_call(6, startTime=None),
        a_call(7, startTime="yesterday"),
    ]


def test_a_whole_day_of_a_campaign_as_counted_by_hand() -> None:
    found = figures_of(a_whole_day(), MADRID)
    assert set(found) == {"daily:2026-03-26", "daily:2026-03-26:spring", "campaign:spring"}
    assert found["daily:2026-03-26:spring"] == WHOLE_DAY
    named = {"_id": "daily:2026-03-26", "campaignId": None}
    assert found["daily:2026-03-26"] == WHOLE_DAY | named
    named |= {"_id": "campaign:spring", "type": "campaign", "campaignId": "spring"}
    all_time = WHOLE_DAY | named | {"day": None, "date": None}
    all_time["duration"] = {k: v for k, v in WHOLE_DAY["duration"].items() if k != "max"}
    del all_time["concurrency"]
    assert found["campaign:spring"] == all_time


def test_where_nothing_is_counted_there_is_no_document() -> None:
    assert figures_of([], MADRID) == {}
    assert figures_of([a_call(startTime=7), a_call(twilio={"parentCallSid": "CA9"})], MADRID) == {}
    assert set(figures_of([a_call(campaignId="")], MADRID)) == {"daily:2026-03-26"}


@pytest.mark.parametrize(
    ("day", "begins", "hours"),
    [
        ("2026-03-29", "2026-03-28T23:00", 23),
        ("2026-10-25", "2026-10-24T22:00", 25),
        ("2026-05-01", "2026-04-30T22:00", 24),
    ],
)
def test_a_day_of_23_and_of_25_hours(day: str, begins: str, hours: int) -> None:
    calls = [
        a_call(n, startTime=at(begins) + timedelta(hours=n), status="queued")
        for n in range(hours + 1)
    ]
    found = figures_of(calls, MADRID)
    of_day = found[f"daily:{day}"]
    assert of_day["date"] == at(begins)
    assert of_day["callVolume"]["total"] == hours
    by_hour = [1] * 24
    by_hour[2] = hours - 23
    assert of_day["callVolume"]["byHour"] == by_hour
    assert of_day["callVolume"]["attemptsByHour"] == [0] * 24
    placed = figures_of([call | {"status": "busy"} for call in calls], MADRID)
    assert placed[f"daily:{day}"]["callVolume"]["attemptsByHour"] == by_hour
    following = found[f"daily:{(at(day) + timedelta(days=1)).date()}"]
    assert following["callVolume"]["byHour"] == [1] + [0] * 23


def test_a_zone_that_skips_midnight_begins_its_day_at_one() -> None:
    santiago = ZoneInfo("America/Santiago")
    found = figures_of([a_call(startTime=at("2026-09-06T04:00"))], santiago)
    assert found["daily:2026-09-06"]["date"] == at("2026-09-06T04:00")
    assert found["daily:2026-09-06"]["callVolume"]["byHour"][1] == 1


def test_a_call_over_midnight_is_carried_into_the_day_that_has_a_call_of_its_own() -> None:
    late = ended(1, "2026-03-26T23:50:00", "2026-03-27T00:10:00")
    assert set(figures_of([late], UTC_ZONE)) == {
        "daily:2026-03-26",
        "daily:2026-03-26:spring",
        "campaign:spring",
    }
    assert peak([late], "2026-03-26") == (1, at("2026-03-26T23:50:00"))
    noon = ended(2, "2026-03-27T12:00:00", "2026-03-27T12:00:30")
    assert peak([late, noon], "2026-03-27") == (1, at("2026-03-27T00:00:00"))
    early = ended(3, "2026-03-27T00:09:59", "2026-03-27T00:30:00")
    assert peak([late, noon, early], "2026-03-27") == (2, at("2026-03-27T00:09:59"))
    touching = ended(4, "2026-03-27T00:10:00", "2026-03-27T00:30:00")
    assert peak([late, touching], "2026-03-27") == (1, at("2026-03-27T00:00:00"))


def test_over_midnight_on_the_day_the_clocks_change() -> None:
    # Local midnight of 2026-10-25 is 22:00 UTC; that of 2026-10-26, after 25 hours, 23:00 UTC.
    alive = a_call(1, status="in-progress", startTime=at("2026-10-25T22:30"))
    late = ended(2, "2026-10-25T22:59:59", "2026-10-25T23:00:01")
    after = ended(3, "2026-10-25T23:00:00", "2026-10-25T23:10:00")
    assert peak([alive, late, after], "2026-10-25", MADRID) == (2, at("2026-10-25T22:59:59"))
    assert peak([alive, late, after], "2026-10-26", MADRID) == (3, at("2026-10-25T23:00:00"))


def test_a_call_that_goes_on_is_counted_until_the_end_of_the_following_day() -> None:
    alive = a_call(1, status="ringing", startTime=at("2026-03-26T08:00"))
    days = [
        ended(2, f"2026-03-{day}T12:00:00", f"2026-03-{day}T12:01:00", campaignId=None)
        for day in (27, 28)
    ]
    assert peak([alive, *days], "2026-03-27") == (2, at("2026-03-27T12:00:00"))
    assert peak([alive, *days], "2026-03-28") == (1, at("2026-03-28T12:00:00"))
    assert peak([alive | {"status": "queued"}, *days], "2026-03-27")[0] == 1


def test_lines_are_held_for_whole_seconds_and_an_end_comes_before_a_beginning() -> None:
    first = ended(1, "2026-03-26T08:00:00.900", "2026-03-26T08:00:05.100")
    same_second = ended(2, "2026-03-26T08:00:05.900", "2026-03-26T08:00:09")
    assert peak([first, same_second], "2026-03-26") == (1, at("2026-03-26T08:00:00"))
    overlapping = ended(3, "2026-03-26T08:00:08.999", "2026-03-26T08:00:20")
    assert peak([first, same_second, overlapping], "2026-03-26") == (2, at("2026-03-26T08:00:08"))
    of_no_length = ended(4, "2026-03-26T08:00:00.100", "2026-03-26T08:00:00.900")
    assert figures_of([of_no_length], UTC_ZONE)["daily:2026-03-26"]["concurrency"] == {
        "peak": None,
        "at": None,
    }


def test_a_late_correction_moves_the_peak_and_the_longest_talk() -> None:
    first = ended(1, "2026-03-26T08:00:00", "2026-03-26T08:10:00", duration=600)
    second = ended(2, "2026-03-26T08:05:00", "2026-03-26T08:06:00", duration=60)
    assert peak([first, second], "2026-03-26") == (2, at("2026-03-26T08:05:00"))
    # What ended was told wrong, and the duration too.
    first |= {"endTime": at("2026-03-26T08:04:00"), "duration": 9}
    assert peak([first, second], "2026-03-26") == (1, at("2026-03-26T08:00:00"))
    lasted = figures_of([first, second], UTC_ZONE)["daily:2026-03-26"]["duration"]
    assert (lasted["max"], lasted["total"], lasted["average"]) == (60, 69, 34.5)
    # Without an end, talk is all that is known of how long the line was held.
    first |= {"endTime": None, "duration": 301}
    assert peak([first, second], "2026-03-26") == (2, at("2026-03-26T08:05:00"))


def test_what_differs_is_named_with_its_type() -> None:
    right: dict[str, Document] = {"a": {"_id": "a", "n": 1, "x": {"y": None}}, "b": {"_id": "b"}}
    assert_same_documents({"a": {"x": {"y": None}, "n": 1, "_id": "a"}, "b": {"_id": "b"}}, right)
    with pytest.raises(AssertionError) as failure:
        assert_same_documents({"a": {"_id": "a", "n": 1.0, "x": {}}, "c": {"_id": "c"}}, right)
    said = str(failure.value)
    assert "b: is missing" in said
    assert "c: should not be there" in said
    assert "a: n is 1.0 (BSON 0x01), should be 1 (BSON 0x10)" in said
    assert "a: x.y is absent, should be None (BSON 0x0a)" in said
