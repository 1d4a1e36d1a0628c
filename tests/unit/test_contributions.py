"""What one call adds to the figures: buckets, hours, days of 23 and 25 hours, odd documents."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.builders import START, a_call

from callboard.domain.calls import ACTIVE_STATUSES, is_active, is_child_leg
from callboard.domain.contributions import (
    Bucket,
    contribution,
    counters,
    day_of,
    difference,
    empty_counters,
    increments,
)

UTC_ZONE = ZoneInfo("UTC")
MADRID = ZoneInfo("Europe/Madrid")


def test_a_call_counts_for_its_day_its_campaign_and_its_campaigns_day() -> None:
    counted = contribution(a_call(), UTC_ZONE)
    day = "2026-03-26"
    assert set(counted) == {Bucket(day, None), Bucket(day, "spring"), Bucket(None, "spring")}
    assert set(contribution(a_call(campaignId=None), UTC_ZONE)) == {Bucket(day, None)}
    assert set(contribution(a_call(campaignId=""), UTC_ZONE)) == {Bucket(day, None)}
    assert set(contribution(a_call(campaignId=7), UTC_ZONE)) == {Bucket(day, None)}


def test_a_completed_call_moves_these_counters() -> None:
    call = a_call(status="completed", duration=47, outcome="human")
    assert contribution(call, UTC_ZONE)[Bucket(None, "spring")] == {
        "callVolume.total": 1,
        "callVolume.byHour.8": 1,
        "callVolume.byStatus.completed": 1,
        "callVolume.byDirection.outbound": 1,
        "duration.total": 47,
        "duration.count": 1,
        "outcomes.human": 1,
    }


def test_an_unanswered_call_is_no_talk_to_be_averaged_over() -> None:
    moved = counters(a_call(status="busy", duration=0, outcome="busy"), 8)
    assert (moved["duration.total"], moved["duration.count"]) == (0, 0)


@pytest.mark.parametrize("started", [None, "", "yesterday", 1_774_512_900, 1.5, True, [], {}])
def test_an_undated_call_counts_nowhere(started: object) -> None:
    assert contribution(a_call(startTime=started), UTC_ZONE) == {}
    assert contribution(None, UTC_ZONE) == {}


@pytest.mark.parametrize(
    "started",
    [
        START,
        START.replace(tzinfo=None),
        "2026-03-26T08:15:00Z",
        "2026-03-26T08:15:00",
        "2026-03-26T09:15:00+01:00",
    ],
)
def test_other_programs_may_write_instants_as_text_or_without_a_zone(started: object) -> None:
    assert contribution(a_call(startTime=started), MADRID) == contribution(a_call(), MADRID)


@pytest.mark.parametrize(
    ("field", "group"), [("status", "byStatus"), ("direction", "byDirection")]
)
@pytest.mark.parametrize("value", [None, "", "a.b", "$inc", 7, "COMPLETED"])
def test_what_we_do_not_know_is_counted_as_unknown(field: str, group: str, value: Any) -> None:
    moved = counters(a_call(**{field: value}), 8)
    assert moved[f"callVolume.{group}.unknown"] == 1


@pytest.mark.parametrize("duration", [None, "47", True, [47]])
def test_a_duration_that_is_no_number_counts_for_nothing(duration: object) -> None:
    assert "duration.total" not in counters(a_call(status="completed", duration=duration), 8)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 5, 1), 24)]
)
def test_a_local_day_has_as_many_hours_as_its_clocks_say(day: date, hours: int) -> None:
    begins = Bucket(day.isoformat(), None).starts_at(MADRID)
    ends = Bucket((day + timedelta(days=1)).isoformat(), None).starts_at(MADRID)
    assert begins is not None
    assert ends is not None
    assert ends - begins == timedelta(hours=hours)
    by_hour: Counter[str] = Counter()
    at = begins
    while at < ends:
        counted = contribution({"startTime": at}, MADRID)
        assert list(counted) == [Bucket(day.isoformat(), None)]
        by_hour.update(counted[Bucket(day.isoformat(), None)])
        at += timedelta(hours=1)
    assert by_hour["callVolume.total"] == hours
    assert by_hour["callVolume.byHour.2"] == {23: 0, 24: 1, 25: 2}[hours]


def test_days_back_are_counted_on_the_calendar() -> None:
    just_after_midnight = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)
    assert day_of(just_after_midnight, MADRID) == "2026-03-30"
    assert day_of(just_after_midnight, MADRID, days_back=1) == "2026-03-29"
    assert day_of(just_after_midnight, MADRID, days_back=30) == "2026-02-28"
    assert day_of(just_after_midnight, UTC_ZONE) == "2026-03-29"


def test_a_zone_that_skips_midnight_still_has_a_first_instant() -> None:
    santiago = ZoneInfo("America/Santiago")
    begins = Bucket("2026-09-06", None).starts_at(santiago)
    assert begins == datetime(2026, 9, 6, 4, tzinfo=UTC)
    assert day_of(begins, santiago) == "2026-09-06"


def test_every_bucket_has_a_key_of_its_own() -> None:
    buckets = [
        Bucket("2026-03-26", None),
        Bucket("2026-03-26", "spring"),
        Bucket("2026-03-27", "spring"),
        Bucket(None, "spring"),
        Bucket(None, "2026-03-26"),
        Bucket(None, "2026-03-26:spring"),
        Bucket("2026-03-26", "a:b"),
        Bucket("2026-03-26", "a"),
    ]
    assert len({bucket.key for bucket in buckets}) == len(buckets)
    assert {bucket.type for bucket in buckets} == {"daily", "campaign"}
    assert Bucket(None, "spring").starts_at(MADRID) is None


def test_a_call_that_moves_to_another_day_and_campaign_takes_its_counts_along() -> None:
    earlier = a_call(startTime=START - timedelta(days=1))
    later = a_call(campaignId="autumn", status="completed", duration=5)
    moved = difference(contribution(earlier, UTC_ZONE), contribution(later, UTC_ZONE))
    assert moved[Bucket("2026-03-25", None)]["callVolume.total"] == -1
    assert moved[Bucket("2026-03-26", None)]["callVolume.total"] == 1
    assert moved[Bucket(None, "spring")]["callVolume.byStatus.ringing"] == -1
    assert moved[Bucket(None, "autumn")]["duration.total"] == 5


def test_a_deleted_call_leaves_nothing_behind() -> None:
    document = empty_counters()
    call = contribution(a_call(status="completed", duration=9, outcome="human"), UTC_ZONE)
    day = Bucket("2026-03-26", None)
    increments(document, call[day].items())
    increments(document, difference(call, {})[day].items())
    assert document == empty_counters()


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param({"status": ["ringing"]}, id="status-list"),
        pytest.param({"status": {"name": "ringing"}}, id="status-document"),
        pytest.param({"duration": float("nan")}, id="duration-nan"),
        pytest.param({"duration": float("inf")}, id="duration-infinite"),
        pytest.param({"startTime": "0001-01-01T00:00:00Z"}, id="start-before-the-calendar"),
        pytest.param({"startTime": "9999-12-31T23:59:59-23:00"}, id="start-after-the-calendar"),
    ],
)
def test_no_document_another_program_writes_can_stop_the_fold(garbage: dict[str, Any]) -> None:
    contribution(a_call(**garbage), ZoneInfo("America/New_York"))


@pytest.mark.parametrize("status", [["ringing"], {"name": "ringing"}])
def test_a_status_of_any_type_is_active_or_not(status: object) -> None:
    assert not is_active(a_call(status=status))


CHILD = {"parentCallSid": "CA" + "9" * 32}


def test_a_leg_that_another_call_made_counts_nowhere() -> None:
    leg = a_call(status="completed", duration=56, outcome="human", twilio=CHILD)
    assert contribution(leg, UTC_ZONE) == {}
    assert is_child_leg(leg)


def test_a_call_that_turns_out_to_be_a_leg_takes_its_counts_back() -> None:
    document = empty_counters()
    day = Bucket("2026-03-26", None)
    before = contribution(a_call(), UTC_ZONE)
    increments(document, before[day].items())
    after = contribution(a_call(twilio=CHILD), UTC_ZONE)
    increments(document, difference(before, after)[day].items())
    assert document == empty_counters()


@pytest.mark.parametrize("status", sorted(ACTIVE_STATUSES))
def test_a_leg_is_never_live(status: str) -> None:
    assert is_active(a_call(status=status))
    assert not is_active(a_call(status=status, twilio=CHILD))


@pytest.mark.parametrize(
    "twilio",
    [None, "text", [], ["parentCallSid"], {}, {"parentCallSid": ""}, {"parentCallSid": None}],
)
def test_a_call_without_a_parent_is_no_leg(twilio: object) -> None:
    call = a_call(twilio=twilio)
    assert not is_child_leg(call)
    assert is_active(call)
    assert contribution(call, UTC_ZONE)


@pytest.mark.parametrize("document", [None, {}, {"_id": 1}, {"status": None}])
def test_what_is_no_call_is_not_live(document: dict[str, Any] | None) -> None:
    assert not is_active(document)
