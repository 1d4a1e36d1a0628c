"""Alerts on a real MongoDB: once, whoever judges, dies or is cut off."""

import asyncio
import contextlib
from datetime import timedelta

import pytest
from support.alert_process import Noted, Process, down, told
from support.alerting import EVERY, NOON, UTC_ZONE, Figures, healthy, looks

from callboard.alerts.backtest import backtest
from callboard.alerts.readings import looks_of
from callboard.alerts.rules import RULES
from callboard.app.alert_readings import Collector, Parts
from callboard.app.alerts import AlertsShown
from callboard.clock import SystemClock
from callboard.store.alerts import CLAIM, AlertStore
from callboard.store.database import MongoDatabase

pytestmark = pytest.mark.engines


async def test_what_fires_is_recorded_and_sent_once_each_way(database: MongoDatabase) -> None:
    target = Noted()
    process = Process(database, looks(down(10, 40), 60), target)
    await process.look(60)
    assert await told(database) == [
        ("redis_down", "fired", NOON + 12 * EVERY),
        ("redis_down", "cleared", NOON + 43 * EVERY),
    ]
    assert [title for title, _ in target.got] == [
        "callboard critical: Redis does not answer",
        "callboard cleared: Redis does not answer",
    ]
    states = [one["state"] for one in await database.outbox.find().to_list()]
    assert states == ["sent", "sent"]


async def test_a_process_that_takes_over_at_any_look_goes_on(
    database: MongoDatabase, elsewhere: MongoDatabase
) -> None:
    target = Noted()
    readings = [*looks(down(10, 20), 35)]
    for number, look in enumerate(readings):
        process = Process(database if number % 2 else elsewhere, [look], target)
        await process.look()
    assert [kind for _, kind, _ in await told(database)] == ["fired", "cleared"]
    assert len(target.got) == 2


async def test_two_that_judge_at_once_tell_once(
    database: MongoDatabase, elsewhere: MongoDatabase
) -> None:
    target = Noted()
    both = [
        Process(place, looks(down(10, 20), 45, NOON + shift), target)
        for place, shift in ((database, timedelta(0)), (elsewhere, timedelta(seconds=1)))
    ]
    for _ in range(45):
        await asyncio.gather(*(process.look() for process in both))
    assert [kind for _, kind, _ in await told(database)] == ["fired", "cleared"]
    assert len(target.identities) == len(set(target.identities)) == 2


async def test_a_standby_judges_nothing(database: MongoDatabase) -> None:
    target = Noted()
    process = Process(database, looks(down(0, 60), 60), target, leading=False)
    await process.look(60)
    assert await told(database) == []
    assert process.alerting.firing == {}


async def test_a_crash_before_sending_loses_nothing(
    database: MongoDatabase, elsewhere: MongoDatabase
) -> None:
    target = Noted()
    first = Process(database, looks(down(0, 60), 5), target)
    await first.look(5, send=False)  # and now it is gone
    second = Process(elsewhere, looks(down(0, 60), 2, NOON + 5 * EVERY), target)
    await second.look(2)
    assert len(target.got) == 1


async def test_a_crash_between_sending_and_noting_sends_again_and_no_more(
    database: MongoDatabase, elsewhere: MongoDatabase
) -> None:
    """At least once: the message has the same id both times."""
    target = Noted()
    target.dies = True
    first = Process(database, looks(down(0, 60), 3), target)
    with contextlib.suppress(asyncio.CancelledError):
        await first.look(3)
    target.dies = False
    assert len(target.got) == 1
    second = Process(elsewhere, [], target)
    taken_at = NOON + 2 * EVERY
    second.clock.advance(taken_at + CLAIM - timedelta(seconds=1) - second.clock.now())
    await second.sending.pump()
    assert len(target.got) == 1  # it may still be on its way
    second.clock.advance(timedelta(seconds=1))
    await second.sending.pump()
    await second.sending.pump()
    assert len(target.got) == 2
    assert len(set(target.identities)) == 1


async def test_what_is_not_taken_is_sent_again_in_order_with_growing_pauses(
    database: MongoDatabase,
) -> None:
    target = Noted()
    target.fails = 3
    process = Process(database, looks(down(0, 5), 12), target)
    await process.look(12, send=False)
    await process.sending.pump()
    tried_at = []
    for second in range(60):
        left = target.fails
        await process.sending.pump()
        if target.fails != left or target.got:
            tried_at.append(second)
        if target.got:
            break
        process.clock.advance(timedelta(seconds=1))
    assert tried_at == [5, 15, 35]
    assert [title.split()[1] for title, _ in target.got] == ["critical:", "cleared:"]
    found = await database.outbox.find_one({"attempts": 4})
    assert found is not None
    assert found["state"] == "sent"


async def test_what_is_not_taken_for_a_day_is_given_up(database: MongoDatabase) -> None:
    target = Noted()
    target.fails = 2
    process = Process(database, looks(down(0, 50), 3), target)
    await process.look(3)
    process.clock.advance(timedelta(hours=25))
    await process.sending.pump()
    found = await database.outbox.find_one()
    assert found is not None
    assert (found["state"], found["error"]) == ("failed", "not today")
    assert process.alerting.results == {"sent": 0, "retried": 1, "failed": 1}


@pytest.mark.parametrize("other_leads", [False, True])
async def test_mongodb_away_is_told_once_each_way(
    database: MongoDatabase, elsewhere: MongoDatabase, other_leads: bool
) -> None:
    """The process that judged last tells, and what another one judged meanwhile stays."""
    target = Noted()
    first = Process(database, looks(down(5, 20, "mongodb_up"), 40), target)
    second = Process(elsewhere, looks(healthy, 40), target, leading=False)
    for number in range(40):
        if other_leads and number == 10:
            first.leading, second.leading = False, True
        await first.look()
        await second.look()
    recorded = await told(database)
    assert [(rule, kind) for rule, kind, _ in recorded] == [
        ("mongodb_down", "fired"),
        ("mongodb_down", "cleared"),
    ]
    assert len(target.identities) == len(set(target.identities)) == 2
    assert {one["state"] for one in await database.outbox.find().to_list()} == {"sent"}


async def test_looks_of_an_outage_are_written_afterwards(database: MongoDatabase) -> None:
    process = Process(database, looks(down(5, 20, "mongodb_up"), 40), Noted())
    await process.look(40)
    await process.end()
    stored = [
        look async for d in process.store.looks(NOON, NOON + EVERY * 99) for look in looks_of(d)
    ]
    assert stored == [*looks(down(5, 20, "mongodb_up"), 40)]


async def test_a_back_test_tells_what_was_told_live(database: MongoDatabase) -> None:
    def figures(number: int) -> Figures:
        found: Figures = down(30, 60)(number)
        if 100 <= number < 250:
            found["calls_failed"] = {"": 2.0}
        return found

    process = Process(database, looks(figures, 400), Noted())
    await process.look(400, send=False)
    await process.end()
    documents = process.store.looks(NOON, NOON + timedelta(days=1))
    stored = [look async for document in documents for look in looks_of(document)]
    assert stored == [*looks(figures, 400)]
    assert await database.readings.count_documents({}) == 67
    found = backtest(RULES, UTC_ZONE, stored)
    live = await told(database)
    assert [rule for rule, kind, _ in live if kind == "fired"] == ["redis_down", "failures"]
    assert sorted(
        [(one.rule, "fired", one.fired_at) for one in found.episodes]
        + [(one.rule, "cleared", one.cleared_at) for one in found.episodes if one.cleared_at]
    ) == sorted(live)


async def test_what_is_shown_is_what_fires_and_what_was_told(database: MongoDatabase) -> None:
    target = Noted()
    process = Process(database, looks(down(0, 60), 5), target)
    shown = AlertsShown(process.store, RULES)
    assert await shown.payload() == {"judgedAt": None, "firing": [], "recent": []}
    await process.look(5)
    found = await shown.payload()
    (firing,) = found["firing"]
    assert (firing["rule"], firing["since"]) == ("redis_down", "2026-11-23T12:00:20.000Z")
    (recent,) = found["recent"]
    assert recent["id"] == target.identities[0]
    assert recent["sent"][0]["state"] == "sent"


async def test_totals_of_every_process_are_added_up(
    database: MongoDatabase, elsewhere: MongoDatabase
) -> None:
    totals = [{("twilio", "accepted"): 5.0}, {("twilio", "accepted"): 7.0}]

    async def yes() -> bool:
        return True

    def collector(number: int, place: MongoDatabase) -> Collector:
        parts = Parts(
            views={},
            current_at=lambda: None,
            drift=lambda: None,
            redis=yes,
            mongodb=yes,
            vendors=["twilio"],
            webhooks=lambda: totals[number],
        )
        return Collector(parts, AlertStore(place), f"process-{number}", SystemClock())

    one, other = collector(0, database), collector(1, elsewhere)
    assert (await one._grown(), await other._grown(), await one._grown()) == (
        None,
        None,
        {"webhooks|twilio|accepted": 0.0},
    )
    totals[0] = {("twilio", "accepted"): 6.0, ("twilio", "bad_signature"): 2.0}
    totals[1] = {("twilio", "accepted"): 10.0}
    await other._grown()
    assert await one._grown() == {
        "webhooks|twilio|accepted": 4.0,
        "webhooks|twilio|bad_signature": 2.0,
    }
