"""Concurrency and failures from the running server: right by its calls, and cached."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.builders import a_call, sid
from support.engines import Engines
from support.server import LocalServer
from support.waiting import eventually

from callboard.clock import SystemClock, isoformat_z
from callboard.domain.buckets import day_of

UTC_ZONE = ZoneInfo("UTC")
CONCURRENCY, FAILURES = "/api/analytics/concurrency", "/api/analytics/failures"


def now() -> datetime:
    """Return the time, as MongoDB keeps it."""
    return SystemClock().now().replace(microsecond=0)


def yesterday() -> datetime:
    """Return the beginning of yesterday."""
    return now().replace(hour=0, minute=0, second=0) - timedelta(days=1)


def over(number: int, began: datetime, lasted_s: int, **fields: Any) -> dict[str, Any]:
    """Return a call that is over."""
    ended = began + timedelta(seconds=lasted_s)
    return a_call(number, status="completed", startTime=began, endTime=ended, **fields)


async def stored(server: LocalServer, *calls: dict[str, Any]) -> None:
    """Store calls as another program, and return when they are counted."""
    await server.database.calls.insert_many(calls)

    async def total() -> int:
        found = await server.read("/api/campaigns")
        return sum(campaign["totalCalls"] for campaign in found["campaigns"])

    await eventually(total, lambda seen: seen == len(calls))


async def test_the_curve_of_a_day_and_its_peak_are_those_of_its_calls(server: LocalServer) -> None:
    noon = yesterday() + timedelta(hours=12)
    calls = [
        over(1, noon, 600),
        over(2, noon + timedelta(seconds=599), 400, campaignId="autumn"),
        over(3, noon + timedelta(seconds=870), 60),
    ]
    await stored(server, *calls)
    day = day_of(noon, UTC_ZONE)
    found = await server.read(f"{CONCURRENCY}?day={day}")
    named = {name: found[name] for name in ("day", "timezone", "campaignId", "limit")}
    assert named == {"day": day, "timezone": "UTC", "campaignId": None, "limit": None}
    assert len(found["quarters"]) == 96
    busy = {q["at"][11:16]: (q["peak"], q["end"]) for q in found["quarters"] if q["peak"]}
    assert busy == {"12:00": (2, 2), "12:15": (2, 0)}
    peak_at = isoformat_z(noon + timedelta(seconds=599))
    assert (found["peak"], found["at"]) == (2, peak_at)
    days = (await server.read(f"/api/analytics/daily?from={day}&to={day}"))["days"]
    assert days[0]["concurrency"] == {"peak": 2, "at": peak_at}
    spring = await server.read(f"{CONCURRENCY}?day={day}&campaignId=spring")
    assert (spring["campaignId"], spring["peak"]) == ("spring", 1)
    assert spring["quarters"][49] == {
        "at": isoformat_z(noon + timedelta(minutes=15)),
        "peak": 1,
        "end": 0,
    }
    nobody = await server.read(f"{CONCURRENCY}?day={day}&campaignId=nobody")
    assert (nobody["peak"], {quarter["peak"] for quarter in nobody["quarters"]}) == (None, {0})


async def test_today_goes_up_to_now_and_follows_what_happens(server: LocalServer) -> None:
    day = day_of(now(), UTC_ZONE)

    async def look() -> Any:
        return await server.read(f"{CONCURRENCY}?day={day}")

    empty = await look()
    assert 0 < len(empty["quarters"]) <= 96
    assert empty["quarters"][-1]["at"] <= isoformat_z(SystemClock().now())
    await server.database.calls.insert_one(a_call(1, status="ringing", startTime=now()))
    found = await eventually(look, lambda seen: seen["peak"] == 1)
    assert found["quarters"][-1]["end"] == 1
    tomorrow = day_of(now() + timedelta(days=1), UTC_ZONE)
    assert (await server.read(f"{CONCURRENCY}?day={tomorrow}"))["quarters"] == []


async def test_attempts_and_people_are_told_by_hour_also_of_figures_counted_before(
    server: LocalServer,
) -> None:
    noon = yesterday() + timedelta(hours=12)
    await stored(server, over(1, noon, 60, outcome="human"), over(2, noon, 9, outcome="voicemail"))
    # As a version that did not count them left it.
    gone = {"callVolume.attemptsByHour": "", "callVolume.humanByHour": ""}
    await server.database.analytics.update_many({}, {"$unset": gone})
    state = server.database.state
    await state.update_one({"_id": "projection"}, {"$inc": {"version": -1}})
    await server.restart()
    day = day_of(noon, UTC_ZONE)

    async def told_of_day() -> Any:
        (found,) = (await server.read(f"/api/analytics/daily?from={day}&to={day}"))["days"]
        return found

    # Views that were vouched for before the restart are so for seconds; the fold comes meanwhile.
    found = await eventually(told_of_day, lambda seen: "attemptsByHour" in seen["callVolume"])
    summary = (await server.read("/api/dashboard/summary?period=yesterday"))["summary"]
    for told in (found["callVolume"], summary):
        assert told["attemptsByHour"] == [0] * 12 + [2] + [0] * 11
        assert told["humanByHour"] == [0] * 12 + [1] + [0] * 11
    status = await server.read("/api/campaigns/spring/status")
    assert not [name for name in status if "Hour" in name]


async def test_the_limit_is_the_one_that_is_set(engines: Engines) -> None:
    server = LocalServer(engines, concurrency=7)
    await server.redis.flushall()
    await server.start()
    try:
        assert (await server.read(f"{CONCURRENCY}?day=2026-03-26"))["limit"] == 7
    finally:
        await server.stop()


async def test_failures_are_told_by_cause_and_window(server: LocalServer) -> None:
    def failed(number: int, ago_s: int, status: str, code: int | None) -> dict[str, Any]:
        ended = now() - timedelta(seconds=ago_s)
        twilio = {} if code is None else {"sipResponseCode": code}
        began = ended - timedelta(seconds=9)
        return a_call(number, status=status, startTime=began, endTime=ended, twilio=twilio)

    calls = [
        failed(1, 600, "failed", 503),
        failed(2, 2_000, "failed", 503),
        failed(3, 9_000, "busy", None),
        failed(4, 40_000, "failed", 404) | {"campaignId": "autumn"},
        over(5, now() - timedelta(seconds=300), 100),
        a_call(6, status="in-progress", startTime=now(), endTime=now().isoformat()),
    ]
    await stored(server, *calls)
    found = await server.read(FAILURES)
    assert found["windows"] == ["1m", "5m", "15m", "1h", "6h", "24h"]
    assert found["ended"] == [0, 1, 2, 3, 4, 5]
    assert [(c["cause"], c["status"], c["sipCode"], c["counts"]) for c in found["causes"]] == [
        ("sip:503", "failed", 503, [0, 0, 1, 2, 2, 2]),
        ("busy", "busy", None, [0, 0, 0, 0, 1, 1]),
        ("sip:404", "failed", 404, [0, 0, 0, 0, 0, 1]),
    ]
    assert found["causes"][0]["lastSid"] == sid(1)
    assert found["causes"][0]["lastAt"] == isoformat_z(calls[0]["endTime"])
    autumn = await server.read(f"{FAILURES}?campaignId=autumn")
    assert autumn["ended"] == [0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("path", [f"{CONCURRENCY}?day=2026-03-26", FAILURES])
async def test_both_are_kept_and_told_as_unchanged(server: LocalServer, path: str) -> None:
    first = await server.client.get(path)
    assert first.status_code == 200, first.text

    async def again() -> Any:
        answer = await server.client.get(path)
        return answer.headers["x-cache"], answer.headers["etag"]

    _, tag = await eventually(again, lambda seen: seen[0] == "HIT")
    same = await server.client.get(path, headers={"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (CONCURRENCY, "day"),
        (f"{CONCURRENCY}?day=yesterday", "day"),
        (f"{CONCURRENCY}?day=20260326", "day"),
        (f"{CONCURRENCY}?day=2026-03-26&from=2026-03-26", "from"),
        (f"{FAILURES}?day=2026-03-26", "day"),
        (f"{FAILURES}?campaignId={'x' * 201}", "campaignId"),
    ],
)
async def test_a_wrong_question_is_told_what_is_wrong(
    server: LocalServer, path: str, field: str
) -> None:
    refused = await server.client.get(path)
    assert refused.status_code == 400
    assert [error["field"] for error in refused.json()["errors"]] == [field]


async def test_who_has_no_key_is_told_nothing(server: LocalServer) -> None:
    for path in (f"{CONCURRENCY}?day=2026-03-26", FAILURES):
        answer = await server.client.get(path, headers={"Authorization": ""})
        assert answer.status_code == 401
