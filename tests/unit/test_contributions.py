"""What one call adds to the figures: buckets, hours, days of 23 and 25 hours, odd documents."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import bson
import pytest
from support.builders import START, a_call

from callboard.domain.buckets import DURATIONS, Bucket, day_of
from callboard.domain.calls import ACTIVE_STATUSES, is_active, is_child_leg
from callboard.domain.contributions import Contribution, contribution, difference
from callboard.domain.counting import counters
from callboard.domain.figures import counted, empty_counters, moved

UTC_ZONE = ZoneInfo("UTC")
MADRID = ZoneInfo("Europe/Madrid")


def figures(call: dict[str, Any]) -> set[Bucket]:
    """Return the buckets of figures, without series, that a call counts in."""
    return {bucket for bucket in contribution(call, UTC_ZONE) if bucket.figures == bucket}


def test_a_call_counts_for_its_day_its_campaign_and_its_campaigns_day() -> None:
    day = "2026-03-26"
    assert figures(a_call()) == {Bucket(day, None), Bucket(day, "spring"), Bucket(None, "spring")}
    assert figures(a_call(campaignId=None)) == {Bucket(day, None)}
    assert figures(a_call(campaignId="")) == {Bucket(day, None)}
    assert figures(a_call(campaignId=7)) == {Bucket(day, None)}


def test_a_completed_call_moves_these_counters() -> None:
    call = a_call(status="completed", duration=47, outcome="human")
    assert contribution(call, UTC_ZONE)[Bucket(None, "spring")] == {
        "callVolume.total": 1,
        "callVolume.byHour.8": 1,
        "callVolume.attemptsByHour.8": 1,
        "callVolume.humanByHour.8": 1,
        "callVolume.byStatus.completed": 1,
        "callVolume.byDirection.outbound": 1,
        "duration.total": 47,
        "duration.count": 1,
        "duration.buckets.30-60": 1,
        "outcomes.human": 1,
        "contact.attempts": 1,
        "contact.answered": 1,
        "contact.human": 1,
    }


def test_an_unanswered_call_is_no_talk_to_be_averaged_over() -> None:
    counted = counters(a_call(status="busy", duration=0, outcome="busy"), 8)
    assert counted["duration.total"] == 0
    assert "duration.count" not in counted


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
    counted = counters(a_call(**{field: value}), 8)
    assert counted[f"callVolume.{group}.unknown"] == 1


@pytest.mark.parametrize("duration", [None, "47", True, [47], -1, 1e300, float("nan")])
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
    series = [Bucket("2026-03-26", "a", DURATIONS), Bucket("2026-03-26", "a", "steps-07")]
    keys = {bucket.key for bucket in [*buckets, *series]}
    assert len(keys) == len(buckets) + len(series)
    assert {b.type for b in buckets} == {"daily", "campaign"}
    assert [b.type for b in series] == ["durations", "steps"]
    assert Bucket(None, "spring").starts_at(MADRID) is None


def test_a_call_that_moves_to_another_day_and_campaign_takes_its_counts_along() -> None:
    earlier = a_call(startTime=START - timedelta(days=1))
    later = a_call(campaignId="autumn", status="completed", duration=5)
    steps = difference(contribution(earlier, UTC_ZONE), contribution(later, UTC_ZONE))
    assert steps[Bucket("2026-03-25", None)]["callVolume.total"] == -1
    assert steps[Bucket("2026-03-26", None)]["callVolume.total"] == 1
    assert steps[Bucket(None, "spring")]["callVolume.byStatus.ringing"] == -1
    assert steps[Bucket(None, "autumn")]["duration.total"] == 5


def test_a_deleted_call_leaves_nothing_behind() -> None:
    document = empty_counters()
    call = contribution(a_call(status="completed", duration=9, outcome="human"), UTC_ZONE)
    day = Bucket("2026-03-26", None)
    moved(document, call[day])
    moved(document, difference(call, {})[day])
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
    moved(document, before[day])
    after = contribution(a_call(twilio=CHILD), UTC_ZONE)
    moved(document, difference(before, after)[day])
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


def steps_of(call: dict[str, Any], zone: ZoneInfo = UTC_ZONE) -> dict[str, dict[str, int]]:
    """Return the steps of concurrency a call makes, of all campaigns, by key."""
    found: Contribution = contribution(call, zone)
    return {
        bucket.key: steps
        for bucket, steps in found.items()
        if bucket.type == "steps" and bucket.campaign_id is None
    }


def test_a_line_is_held_from_the_start_to_the_end() -> None:
    ended = a_call(status="completed", endTime=START + timedelta(seconds=65), duration=9)
    assert steps_of(ended) == {"steps-33:2026-03-26": {"net.29700": 1, "net.29765": -1}}
    without_end = a_call(status="completed", duration=9)
    assert steps_of(without_end) == {"steps-33:2026-03-26": {"net.29700": 1, "net.29709": -1}}
    assert steps_of(a_call(status="queued")) == {}
    assert steps_of(a_call(status="nonsense")) == {}
    assert steps_of(a_call(status="completed", endTime=START)) == {}


def test_a_call_that_goes_on_is_carried_into_the_next_day() -> None:
    begun, carried = {"net.29700": 1}, {"base": 1}
    expected = {"steps-33:2026-03-26": begun, "steps-00:2026-03-27": carried}
    assert steps_of(a_call(status="in-progress")) == expected
    late = a_call(status="completed", endTime=START + timedelta(hours=16))
    assert steps_of(late) == {
        "steps-33:2026-03-26": begun,
        "steps-00:2026-03-27": carried,
        "steps-01:2026-03-27": {"net.900": -1},
    }
    at_midnight = a_call(status="completed", endTime=datetime(2026, 3, 27, tzinfo=UTC))
    assert steps_of(at_midnight) == {"steps-33:2026-03-26": begun}
    for_days = a_call(status="completed", endTime=START + timedelta(days=9))
    assert steps_of(for_days) == expected


@pytest.mark.parametrize(
    ("fields", "path", "step"),
    [
        ({"status": "failed", "twilio": {"sipResponseCode": 404}}, "failures.bySipCode.404", 1),
        ({"status": "failed", "twilio": {"sipResponseCode": 42}}, "failures.bySipCode.unknown", 1),
        ({"status": "failed"}, "failures.bySipCode.unknown", 1),
        ({"success": True}, "evaluation.success", 1),
        ({"success": False}, "evaluation.failure", 1),
        (
            {"elevenlabs": {"conversation": {"callSuccessful": "unknown"}}},
            "evaluation.unknown",
            1,
        ),
        ({"elevenlabs": {"conversation": {"cost": 70}}}, "cost.elevenlabs.credits", 70_000_000),
        ({"elevenlabs": {"conversation": {"costUsd": 0.1}}}, "cost.elevenlabs.USD", 100_000),
        ({"twilio": {"price": "-0.014", "priceUnit": "USD"}}, "cost.twilio.USD", 14_000),
        ({"status": "completed", "duration": 180}, "duration.buckets.180+", 1),
        ({"status": "completed", "duration": 9}, "duration.buckets.0-10", 1),
        ({"status": "completed", "duration": 10}, "duration.buckets.10-30", 1),
    ],
)
def test_what_else_a_call_counts_for(fields: dict[str, Any], path: str, step: int) -> None:
    assert counters(a_call(**fields), 8)[path] == step


@pytest.mark.parametrize(
    "fields",
    [
        {"twilio": {"price": "-0.014", "priceUnit": "dollars"}},
        {"twilio": {"price": "-0.014", "priceUnit": "a.b"}},
        {"twilio": {"price": "much", "priceUnit": "USD"}},
        {"twilio": {"price": "1e999", "priceUnit": "USD"}},
        {"twilio": {"price": "sNaN", "priceUnit": "USD"}},
        {"twilio": {"price": float("nan"), "priceUnit": "USD"}},
        {"elevenlabs": {"conversation": {"cost": True, "costUsd": "0.1.2"}}},
        {"elevenlabs": {"conversation": "gone"}},
        {"elevenlabs": "gone"},
    ],
)
def test_money_that_cannot_be_read_counts_for_nothing(fields: dict[str, Any]) -> None:
    assert not [path for path in counters(a_call(**fields), 8) if path.startswith("cost")]


def test_an_inbound_call_is_no_attempt() -> None:
    counted = counters(a_call(direction="inbound", status="completed", outcome="human"), 8)
    of_attempts = ("contact", "callVolume.attempts", "callVolume.human")
    assert not [path for path in counted if path.startswith(of_attempts)]


@pytest.mark.parametrize(
    ("fields", "attempts", "human"),
    [
        ({"status": "queued"}, 0, 0),
        ({"status": "ringing"}, 1, 0),
        ({"status": "busy", "outcome": "busy"}, 1, 0),
        ({"status": "completed", "outcome": "voicemail"}, 1, 0),
        ({"status": "completed", "outcome": "human"}, 1, 1),
        ({"status": "completed", "outcome": "human", "direction": "inbound"}, 0, 0),
        ({"status": "completed", "outcome": "human", "direction": None}, 1, 1),
    ],
)
def test_attempts_and_people_are_counted_by_the_hour_the_call_began_in(
    fields: dict[str, Any], attempts: int, human: int
) -> None:
    counted = counters(a_call(**fields), 23)
    assert counted.get("callVolume.attemptsByHour.23", 0) == attempts
    assert counted.get("callVolume.humanByHour.23", 0) == human
    assert counted.get("contact.attempts", 0) == attempts
    assert counted.get("contact.human", 0) == human


@pytest.mark.parametrize(("was", "attempts"), [("queued", 0), ("ringing", 1)])
def test_a_call_that_was_given_up_in_the_queue_was_never_placed(was: str, attempts: int) -> None:
    call = a_call(
        status="unconfirmed",
        endTime=START + timedelta(seconds=9),
        watch={"closed": {"was": was}},
    )
    assert counters(call, 8).get("contact.attempts", 0) == attempts
    assert len(steps_of(call)) == attempts


def test_sums_beyond_32_bits_are_counted_as_they_come_back_from_mongodb() -> None:
    spent = {"cost": {"elevenlabs": {"credits": 470_678_000_000}}}
    assert counted(bson.decode(bson.encode(spent))) == {"cost.elevenlabs.credits": 470_678_000_000}
