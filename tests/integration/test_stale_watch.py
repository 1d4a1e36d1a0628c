"""The stale-call watch on a real MongoDB: what it finds, what it writes, and what wins."""

import random
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from bson import ObjectId
from support import deliveries as made
from support.deliveries import BEGUN, entries_of
from support.merging import merged
from support.server import LocalServer
from support.waiting import eventually

from callboard.clock import FixedClock, SystemClock
from callboard.domain.calls import shown_call
from callboard.domain.lattice import CallFact
from callboard.domain.stale import StaleRule, Word, word_on
from callboard.projection.watch import StaleWatch
from callboard.store.database import MongoDatabase
from callboard.store.facts import FactStore
from callboard.store.stale import OpenCalls

RULE = StaleRule()


def call_sid(number: int) -> str:
    """Return a made-up call SID."""
    return f"CA{number:032x}"


def heard(sid: str, status: str, sequence: int, second: int, **more: str) -> CallFact:
    """Return a status callback."""
    form = made.status_form_at(sid, status, sequence, second, **more)
    (entry,) = entries_of(made.callback(form, "campaignId=spring"))
    assert entry.fact is not None
    return entry.fact


def watch_of(database: MongoDatabase, clock: FixedClock) -> StaleWatch:
    """Return a watch over a database that leads and has led for long."""
    return StaleWatch(OpenCalls(database), clock, RULE, is_leading=lambda: True)


def word(document: dict[str, Any], seconds: float) -> Word:
    """Return what the watch says about a call so long after it began."""
    said = word_on(document, RULE.limits(None), BEGUN + timedelta(seconds=seconds))
    assert said is not None
    return said


def watch_facts(facts: list[CallFact]) -> list[CallFact]:
    """Return the flag and the closing of a call of which nothing more is heard."""
    call = merged(facts)
    flag = word(call, 90_000).fact
    return [flag, word(merged([flag], call), 180_000).fact]


HISTORIES = [
    [("ringing", 1, 3)],
    [("ringing", 1, 3), ("in-progress", 2, 9)],
    [("ringing", 1, 3), ("in-progress", 2, 9), ("completed", 3, 56)],
    [("in-progress", 2, 9), ("busy", 3, 9)],
]


@pytest.mark.parametrize(
    ("history", "silent_after"),
    [*((history, 1) for history in HISTORIES), *((history, 2) for history in HISTORIES[1:3])],
)
async def test_every_order_with_the_watchs_facts_ends_in_one_document(
    database: MongoDatabase, history: list[tuple[str, int, int]], silent_after: int
) -> None:
    def facts(number: int) -> list[CallFact]:
        told = [heard(call_sid(number), *event) for event in history]
        return [*told, *watch_facts(told[:silent_after])]

    orders = [*permutations(range(len(facts(0))))]
    stores = (FactStore(database), FactStore(database))
    for step in range(len(orders[0])):
        # All at once: groups, first documents, and those that a closed call refuses.
        batch = [facts(number)[order[step]] for number, order in enumerate(orders)]
        assert set(await stores[step % 2].merge(batch)) == {None}
    again = [facts(number)[order[0]] for number, order in enumerate(orders)]
    for fact in again:
        assert await stores[0].merge([fact]) == [None]
    ends: list[dict[str, Any]] = []
    async for document in database.calls.find():
        del document["_id"], document["sid"]
        if document not in ends:
            ends.append(document)
    (end,) = ends
    last = history[-1][0]
    newer = len(history) > silent_after
    ended = last in ("completed", "busy")
    assert end["status"] == (last if newer or ended else "unconfirmed")
    assert ("outcome" in end) == ("endTime" in end) == (ended or not newer)


async def test_a_group_with_closed_calls_ends_as_if_each_had_been_merged_by_itself(
    database: MongoDatabase,
) -> None:
    store, sids = FactStore(database), [call_sid(number) for number in range(40)]
    ringing = [heard(sid, "ringing", 1, 3) for sid in sids]
    assert set(await store.merge(ringing)) == {None}
    for fact in ringing[::4]:
        assert set(await store.merge(watch_facts([fact]))) == {None}
    assert await database.calls.count_documents({"status": "unconfirmed"}) == 10
    for event in (("initiated", 0, 0), ("in-progress", 2, 9)):
        assert set(await store.merge([heard(sid, *event) for sid in sids])) == {None}
        wanted = "ringing" if event[0] == "initiated" else "in-progress"
        found = await database.calls.count_documents({"status": wanted, "outcome": None})
        assert found == (30 if event[0] == "initiated" else 40)
    assert await database.calls.count_documents({"endTime": {"$exists": True}}) == 0


async def test_a_call_that_rang_and_went_silent_is_flagged_then_closed_then_corrected(
    database: MongoDatabase,
) -> None:
    sid, clock, store = call_sid(1), FixedClock(BEGUN), FactStore(database)
    watch = watch_of(database, clock)
    await store.merge([heard(sid, "ringing", 1, 0)])

    async def look_at(second: int) -> dict[str, Any]:
        clock.advance(BEGUN + timedelta(seconds=second) - clock.now())
        await watch.look()
        (document,) = await database.calls.find().to_list()
        return shown_call(document)

    assert "stale" not in await look_at(119)
    assert (await look_at(120))["stale"] is True
    assert (await look_at(899))["status"] == "ringing"
    closed = await look_at(900)
    assert (closed["status"], closed["outcome"]) == ("unconfirmed", "unconfirmed")
    assert closed["endTime"] == closed["startTime"] == "2026-03-26T08:15:00.000Z"
    before = await database.calls.find_one()
    await look_at(9_000)
    assert await database.calls.find_one() == before
    await store.merge([heard(sid, "completed", 3, 56, CallDuration="47")])
    corrected = await look_at(9_015)
    assert (corrected["status"], corrected["duration"]) == ("completed", 47)
    assert (corrected["outcome"], corrected["endTime"]) == (
        "answered_unknown",
        "2026-03-26T08:15:56.000Z",
    )


AGES_S = (1, 119, 120, 121, 899, 900, 1_800, 14_400, 86_519, 86_520, 87_300, 200_000, -9)
STATUSES = ("queued", "initiated", "ringing", "in-progress", "completed", "odd")


def some_call(rng: random.Random, now: datetime) -> dict[str, Any]:
    """Return a call that anybody may have written, with instants at the limits."""

    def instant() -> datetime:
        return now - timedelta(seconds=rng.choice(AGES_S))

    call: dict[str, Any] = {"_id": ObjectId(), "status": rng.choice(STATUSES)}
    odd: list[Any] = [None, "2026-03-26", 7]
    for name in ("updatedAt", "startTime", "answerTime"):
        if rng.random() < 0.4:
            call[name] = rng.choice([instant(), instant(), *odd])
    if rng.random() < 0.4:
        call["twilio"] = {"seen": {rng.choice(STATUSES[:4]): instant()}}
    if rng.random() < 0.2:
        call["elevenlabs"] = {"requestedAt": instant(), "conversation": {"startTime": instant()}}
    if rng.random() < 0.6:
        call["watch"] = {"flagged": {"v": rng.choice([instant(), None]), "at": now}}
    return call


async def test_what_is_found_is_what_the_rule_speaks_of(database: MongoDatabase) -> None:
    rng = random.Random(5)  # noqa: S311  (a seeded choice)
    now, limits = BEGUN + timedelta(days=3), RULE.limits(None)
    calls = [some_call(rng, now) for _ in range(3_000)]
    await database.calls.insert_many(calls)
    found = await OpenCalls(database).silent(limits, now, 5_000)
    words = {call["_id"]: said for call in calls if (said := word_on(call, limits, now))}
    assert {call["_id"]: word_on(call, limits, now) for call in found} == words
    assert len(words) > 500
    oldest = await OpenCalls(database).silent(limits, now, 10)
    assert [call["_id"] for call in oldest] == [call["_id"] for call in found[:10]]


async def test_other_programs_calls_and_child_legs_are_closed_and_deleted_ones_stay_away(
    database: MongoDatabase,
) -> None:
    theirs, deleted = ObjectId(), ObjectId()
    leg: dict[str, Any] = {
        "twilio": {"parentCallSid": call_sid(9)},
        "status": "ringing",
        "startTime": BEGUN,
    }
    await database.calls.insert_many(
        [
            {"_id": theirs, "sid": "their-1", "status": "in-progress", "startTime": BEGUN},
            {"_id": call_sid(3), "sid": call_sid(3), **leg},
            {"_id": "undated", "status": "ringing", "watch": None},
        ]
    )
    clock = FixedClock(BEGUN + timedelta(seconds=15_000))
    watch = watch_of(database, clock)
    for _ in range(3):
        await watch.look()
        clock.advance(timedelta(seconds=900))
    calls = {call["_id"]: call async for call in database.calls.find()}
    assert {call["status"] for call in calls.values()} == {"unconfirmed"}
    assert calls[theirs]["sid"] == "their-1"
    assert "sid" not in calls["undated"]
    assert calls["undated"]["endTime"] == BEGUN + timedelta(seconds=15_000)
    gone = {"_id": deleted, "status": "ringing", "startTime": BEGUN}
    assert await OpenCalls(database).say([word(gone, 9_000)]) == []
    assert await database.calls.count_documents({"_id": deleted}) == 0


async def test_a_closing_that_news_overtook_is_not_told_as_one(database: MongoDatabase) -> None:
    sid, store = call_sid(1), FactStore(database)
    ringing = heard(sid, "ringing", 1, 0)
    flag, close = watch_facts([ringing])
    await store.merge([ringing, heard(sid, "in-progress", 2, 9)])
    words = [Word(sid, flag, closes=False), Word(sid, close, closes=True)]
    assert await OpenCalls(database).say(words) == []
    (document,) = await database.calls.find().to_list()
    assert shown_call(document)["status"] == "in-progress"
    assert "stale" not in shown_call(document)


async def test_talks_of_recent_days_are_read_newest_first(database: MongoDatabase) -> None:
    assert await OpenCalls(database).talks_s(BEGUN) == []
    ended: dict[str, Any] = {"status": "completed", "startTime": BEGUN}
    odd: list[dict[str, Any]] = [{"duration": value} for value in (30, 40.5, None, "x", True)]
    old = {"startTime": BEGUN - timedelta(days=8), "duration": 9}
    await database.calls.insert_many([{**ended, **call} for call in (*odd, old)])
    await database.calls.insert_one({**ended, "status": "busy", "duration": 0})
    assert sorted(await OpenCalls(database).talks_s(BEGUN)) == [30, 40.5]


async def test_live_view_figures_and_lists_follow(server: LocalServer) -> None:
    sid, now = call_sid(7), SystemClock().now().replace(microsecond=0)
    form = made.status_form_at(sid, "ringing", 1, 0)
    form["Timestamp"] = now.strftime("%a, %d %b %Y %H:%M:%S +0000")
    assert (await server.webhook(form, "campaignId=spring")).status_code == 200

    async def live() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await server.read("/api/calls/active"))["active_calls"]
        return found

    clock = FixedClock(now)
    watch = watch_of(server.database, clock)
    await eventually(live, lambda calls: len(calls) == 1)
    clock.advance(timedelta(seconds=120))
    await watch.look()
    await eventually(live, lambda calls: calls[0].get("stale") is True)
    clock.advance(timedelta(seconds=780))
    await watch.look()
    await eventually(live, lambda calls: calls == [])

    async def summary() -> dict[str, Any]:
        found: dict[str, Any] = (await server.read("/api/dashboard/summary"))["summary"]
        return found

    seen = await eventually(summary, lambda seen: seen["byStatus"].get("unconfirmed") == 1)
    assert (seen["totalCalls"], seen["activeCalls"], seen["byStatus"]["ringing"]) == (1, 0, 0)
    assert seen["outcomes"]["unconfirmed"] == 1
    listed = (await server.read("/api/calls?status=unconfirmed"))["calls"]
    assert [call["sid"] for call in listed] == [sid]
    form |= {"CallStatus": "completed", "SequenceNumber": "3", "CallDuration": "47"}
    assert (await server.webhook(form)).status_code == 200
    seen = await eventually(summary, lambda seen: seen["byStatus"]["completed"] == 1)
    assert (seen["byStatus"]["unconfirmed"], seen["outcomes"]["unconfirmed"]) == (0, 0)
