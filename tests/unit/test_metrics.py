"""The figures people are shown, against numbers worked out by hand."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from callboard.domain.figures import empty_counters
from callboard.domain.metrics import campaign_status, percentage, summary, total_of


def counted(
    by_status: dict[str, int], talked_s: int = 0, by_direction: dict[str, int] | None = None
) -> dict[str, Any]:
    """Return counters with these calls by status."""
    document = empty_counters()
    document["callVolume"]["byStatus"] |= by_status
    document["callVolume"]["total"] = sum(by_status.values())
    document["callVolume"]["byDirection"] |= by_direction or {}
    document["duration"] |= {"total": talked_s, "count": by_status.get("completed", 0)}
    return document


def test_the_summary_of_the_caching_document_comes_out_to_the_digit() -> None:
    day = counted(
        {"completed": 1200, "failed": 15, "busy": 20, "no-answer": 10, "ringing": 5}, 98400
    )
    shown = summary(day, 5)
    assert {name: shown[name] for name in list(shown)[:7]} == {
        "totalCalls": 1250,
        "activeCalls": 5,
        "completedCalls": 1200,
        "failedCalls": 45,
        "totalDuration": 98400,
        "averageDuration": 82,
        "successRate": 96.4,
    }


def test_every_end_but_completed_is_a_failed_call() -> None:
    ends = {"completed": 1, "busy": 1, "failed": 1, "no-answer": 1, "canceled": 1}
    shown = summary(counted({**ends, "queued": 3, "unknown": 2}), 0)
    assert (shown["totalCalls"], shown["completedCalls"], shown["failedCalls"]) == (10, 1, 4)
    assert shown["successRate"] == 20.0


def test_nothing_to_divide_is_null_and_never_zero() -> None:
    empty = summary(empty_counters(), 0)
    assert (empty["successRate"], empty["averageDuration"]) == (None, None)
    ringing = summary(counted({"ringing": 4}), 4)
    assert (ringing["successRate"], ringing["averageDuration"]) == (None, None)
    failed = summary(counted({"busy": 4}), 0)
    assert (failed["successRate"], failed["averageDuration"]) == (0.0, None)
    assert campaign_status("c", None, None)["successRate"] is None


@pytest.mark.parametrize(
    ("numerator", "denominator", "percent"),
    [(0, 0, None), (0, 3, 0.0), (1, 3, 33.3), (2, 3, 66.7), (3, 3, 100.0), (1199, 1200, 99.9)],
)
def test_a_rate_has_one_decimal(numerator: int, denominator: int, percent: float | None) -> None:
    assert percentage(numerator, denominator) == percent


def test_the_summary_carries_the_hours_the_directions_and_the_outcomes() -> None:
    day = counted({"completed": 3}, by_direction={"inbound": 1, "outbound": 2})
    day["callVolume"]["byHour"][8] = 3
    day["callVolume"]["attemptsByHour"][8] = 2
    day["callVolume"]["humanByHour"][9] = 1
    day["outcomes"]["human"] = 2
    shown = summary(day, 0)
    assert len(shown["byHour"]) == 24
    assert shown["byHour"][8] == 3
    assert shown["attemptsByHour"] == [0] * 8 + [2] + [0] * 15
    assert shown["humanByHour"] == [0] * 9 + [1] + [0] * 14
    assert shown["byDirection"] == {"inbound": 1, "outbound": 2}
    assert shown["outcomes"]["human"] == 2
    shown["byHour"][8] = shown["byStatus"]["completed"] = 0
    assert day["callVolume"]["byHour"][8] == day["callVolume"]["byStatus"]["completed"] == 3


def test_a_campaign_like_the_caching_documents_comes_out_as_worked_out() -> None:
    calls = counted({"completed": 82, "busy": 5, "in-progress": 2, "ringing": 1, "queued": 4}, 900)
    document = {"_id": "c", "name": "Spring", "status": "active", "totalContacts": 105}
    shown = campaign_status("c", calls, document)
    assert shown["activeCalls"] == 3
    assert shown["queuedCalls"] == 15
    assert shown["completedCalls"] == 82
    assert shown["successRate"] == round(100 * 82 / 87, 1) == 94.3
    assert (shown["name"], shown["status"], shown["totalContacts"]) == ("Spring", "active", 105)
    assert (shown["totalCalls"], shown["failedCalls"], shown["totalDuration"]) == (94, 5, 900)


def test_a_campaign_without_a_document_or_without_calls_is_still_a_campaign() -> None:
    calls_only = campaign_status("c", counted({"completed": 2}), None)
    assert (calls_only["name"], calls_only["status"], calls_only["totalContacts"]) == (
        "c",
        "unknown",
        None,
    )
    assert calls_only["queuedCalls"] == 0
    assert not [name for name in calls_only if "Hour" in name]
    document_only = campaign_status("c", None, {"name": "Spring", "totalContacts": 40})
    assert (document_only["queuedCalls"], document_only["totalCalls"]) == (40, 0)


def test_more_calls_than_contacts_leave_nobody_waiting() -> None:
    assert (
        campaign_status("c", counted({"completed": 9}), {"totalContacts": 5})["queuedCalls"] == 0
    )


@pytest.mark.parametrize("contacts", [None, "40", 40.5, [40]])
def test_a_number_of_contacts_that_is_none_is_unknown(contacts: object) -> None:
    assert campaign_status("c", None, {"totalContacts": contacts})["totalContacts"] is None


def test_the_total_of_days_is_their_sum_and_skips_what_names_them() -> None:
    first = counted({"completed": 2, "busy": 1}, 100)
    second = counted({"completed": 3, "unknown": 1}, 50)
    first["callVolume"]["byHour"][0] = 3
    second["callVolume"]["byHour"][23] = 4
    named = {
        "_id": "daily:2026-03-26",
        "day": "2026-03-26",
        "date": datetime(2026, 3, 26, tzinfo=UTC),
    } | {
        "type": "daily",
        "campaignId": None,
        "timezone": "UTC",
    }
    total = total_of([{**named, **first}, {**named, **second}])
    assert total["callVolume"]["byStatus"] == {
        **empty_counters()["callVolume"]["byStatus"],
        "completed": 5,
        "busy": 1,
        "unknown": 1,
    }
    assert total["callVolume"]["byHour"] == [3, *[0] * 22, 4]
    assert (total["duration"]["total"], total["duration"]["count"]) == (150, 5)
    assert total["duration"]["average"] == 30.0
    assert set(total) == {*empty_counters(), "concurrency"}
    assert first["callVolume"]["total"] == 3


def test_the_total_of_nothing_is_nothing() -> None:
    nothing = total_of([])
    assert nothing["concurrency"] == {"peak": None, "at": None}
    assert nothing["callVolume"] == empty_counters()["callVolume"]
    assert (nothing["duration"]["average"], nothing["duration"]["max"]) == (None, None)


@pytest.mark.parametrize("field", ["name", "status"])
@pytest.mark.parametrize("value", [7, object(), ["x"]], ids=["number", "id", "list"])
def test_name_and_status_of_a_campaign_are_text_whoever_wrote_them(
    field: str, value: object
) -> None:
    shown = campaign_status("c", None, {field: value})
    assert isinstance(shown[field], str)
    assert orjson.dumps(shown)
