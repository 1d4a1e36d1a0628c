"""The forecast of a campaign, from stored calls to the answer."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from support.builders import a_call
from support.engines import Engines
from support.server import LocalServer
from support.waiting import eventually

from callboard.clock import SystemClock
from callboard.delivery.api.forecast_schemas import Forecast
from callboard.domain.forecast import MINUTES, Course
from callboard.store import forecast as store
from callboard.store.database import MongoDatabase
from callboard.store.forecast import Courses

PATH = "/api/campaigns/spring/forecast"
NOW = SystemClock().now()


def placed(number: int, minutes: float, now: datetime = NOW, **fields: Any) -> dict[str, Any]:
    """Return a completed call of half a minute that began so many minutes ago."""
    begun = now - timedelta(minutes=minutes)
    said: dict[str, Any] = {"status": "completed", "contactId": f"c{number}"}
    said |= {"startTime": begun, "endTime": begun + timedelta(seconds=30)}
    return a_call(number, **(said | fields))


def thirty() -> list[dict[str, Any]]:
    """Return thirty calls to thirty contacts, one each half minute, the last a minute ago."""
    now = SystemClock().now()
    return [placed(number, 1.0 + number / 2, now) for number in range(30)]


@pytest.fixture
async def bounded(engines: Engines) -> AsyncIterator[LocalServer]:
    """Yield a server that was told what the account may do."""
    server = LocalServer(engines, calls_per_s=0.5, concurrency=1, predictive_warming="off")
    await server.redis.flushall()
    await server.start()
    await server.ready()
    yield server
    await server.stop()


async def test_a_running_campaign_is_foretold(bounded: LocalServer) -> None:
    database = bounded.database
    await database.campaigns.insert_one({"_id": "spring", "status": "active", "totalContacts": 90})
    await database.calls.insert_many(thirty())
    said = await bounded.read(PATH)
    Forecast.model_validate(said)
    assert said["remaining"] == {"attempts": 60, "uncalled": 60, "queued": 0}
    assert said["slotSeconds"] == {"mean": 30.0, "p50": 30.0, "p95": 30.0}
    assert said["caps"] == {"cps": 30.0, "concurrency": 2.0}
    assert said["recentPerMinute"] <= 2.0
    assert (said["campaignId"], said["because"], said["sample"]) == ("spring", None, 30)
    assert said["eta"]["p10"] < said["eta"]["p50"] < said["eta"]["p90"]
    assert said["computedAt"] < said["eta"]["p10"]


async def test_what_a_campaign_cannot_be_foretold_without_is_named(bounded: LocalServer) -> None:
    missing = await bounded.client.get(PATH)
    assert (missing.status_code, missing.json()["detail"]) == (404, "no campaign 'spring'")
    await bounded.database.calls.insert_many(thirty())
    alone = await bounded.read(PATH)  # calls know it, no document does
    assert (alone["because"], alone["binding"], alone["eta"]) == ("no_list", "list", None)
    await bounded.database.campaigns.insert_one(
        {"_id": "spring", "status": "paused", "totalContacts": 90}
    )
    assert (await bounded.read(PATH))["because"] == "paused"
    for path in (f"{PATH}?colour=red", "/api/campaigns//forecast"):
        assert (await bounded.client.get(path)).status_code in (400, 404)


async def test_it_is_kept_and_made_old_by_calls_and_by_the_campaign(bounded: LocalServer) -> None:
    database = bounded.database
    await database.campaigns.insert_one({"_id": "spring", "status": "active", "totalContacts": 90})
    await database.calls.insert_many(thirty())
    first = await bounded.client.get(PATH)
    again = await bounded.client.get(PATH, headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code) == (200, 304)

    async def because() -> Any:
        return (await bounded.client.get(PATH)).json()["because"]

    await database.campaigns.update_one({"_id": "spring"}, {"$set": {"status": "paused"}})
    await eventually(because, lambda said: said == "paused")


async def test_a_coming_call_is_counted(bounded: LocalServer) -> None:
    await bounded.database.campaigns.insert_one(
        {"_id": "spring", "status": "active", "totalContacts": 5}
    )
    await bounded.database.calls.insert_one(placed(1, 2))
    assert (await bounded.read(PATH))["remaining"]["uncalled"] == 4
    await bounded.database.calls.insert_one(placed(2, 1, status="queued"))
    assert (await bounded.read(PATH))["remaining"] == {"attempts": 4, "uncalled": 3, "queued": 1}


async def course_of(database: MongoDatabase) -> Course:
    """Return the course of the campaign."""
    found, as_of = await Courses(database).of("spring", NOW)
    assert as_of > 0
    assert found is not None
    return found


async def test_contacts_are_counted_over_the_calls(database: MongoDatabase) -> None:
    await database.calls.insert_many(
        [
            placed(1, 30),
            placed(2, 29, contactId="c1"),  # once more
            placed(3, 28, contactId=None, to="+34600000003"),  # by its number
            placed(4, 27, contactId=None, to="+34600000003"),
            placed(5, 26, status="queued"),
            placed(6, 25, status="unconfirmed", watch={"closed": {"was": "queued"}}),
            placed(7, 24, direction="inbound"),
            placed(8, 23, twilio={"parentCallSid": "CA1"}),
            placed(9, 22, campaignId="autumn"),
            placed(10, 21, contactId="c5"),
        ]
    )
    course = await course_of(database)
    assert (course.contacts, course.attempted, course.queued) == (4, 3, 1)
    assert (course.attempts, course.squares) == (5, 9)
    assert course.age_s == pytest.approx(30 * 60, abs=0.01)
    assert (course.status, course.total_contacts) == ("unknown", None)
    assert (await Courses(database).of("winter", NOW))[0] is None


async def test_minutes_are_counted_from_now_back(database: MongoDatabase) -> None:
    minutes = (-0.1, 0.0, 0.5, 0.99, 1.01, 14.98, 15.01, 400.0)
    calls = [placed(number, minute) for number, minute in enumerate(minutes)]
    queued = placed(99, 0.5, status="queued")
    await database.calls.insert_many([*calls, queued])
    course = await course_of(database)
    assert list(course.begun) == [4, 1, *[0] * (MINUTES - 3), 1]


async def test_slots_are_of_the_calls_that_ended_last(
    database: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = placed(1, 60, endTime=NOW - timedelta(minutes=1))
    going_on = placed(2, 1, status="ringing")
    words: dict[str, Any] = {
        "startTime": "2026-03-26T08:15:00Z",
        "endTime": "2026-03-26T08:16:00Z",
    }
    theirs = placed(3, 0, **words), placed(4, 0, endTime=None)
    await database.calls.insert_many([long, placed(5, 20), placed(6, 5), going_on, *theirs])
    lasted = [round(end - begin) for begin, end in (await course_of(database)).ended]
    assert lasted == [59 * 60, 30, 30, 60]
    monkeypatch.setattr(store, "ENDED_MAX", 2)
    lasted = [round(end - begin) for begin, end in (await course_of(database)).ended]
    assert lasted == [59 * 60, 30]


async def test_beyond_the_calls_that_are_counted_they_stand_for_all(
    database: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_CALLS_MAX", 10)
    calls = [placed(number, 40 - number, contactId=f"c{number // 2}") for number in range(30)]
    await database.calls.insert_many([*calls, placed(99, 0.1, status="queued")])
    # Nine of the newest ten are attempts; the campaign's figures know of 27.
    figures = {"_id": "campaign:spring", "contact": {"attempts": 27}}
    await database.analytics.insert_one(figures)
    course = await course_of(database)
    assert (course.attempts, course.contacts, course.attempted) == (27, 18, 15)
    assert course.queued == 1


class Recording:
    """A database that remembers its commands."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self.commands: list[dict[str, Any]] = []

    async def command(self, command: dict[str, Any]) -> Any:
        """Pass a command on."""
        self.commands.append(command)
        return await self._database.command(command)


async def test_no_read_scans_the_collection_or_sorts_without_bound(
    database: MongoDatabase,
) -> None:
    await database.calls.insert_many(
        [placed(number, number / 10, campaignId=f"c{number % 9}") for number in range(3_000)]
    )
    recording: Any = Recording(database)
    await Courses(recording).of("c1", NOW)
    aggregates = [command for command in recording.commands if "aggregate" in command]
    assert len(aggregates) == 3
    for command in aggregates:
        asked = {name: command[name] for name in ("aggregate", "pipeline", "cursor")}
        plan = await database.command({"explain": asked, "verbosity": "queryPlanner"})
        said = str(plan)
        assert "'indexName': 'campaignId_1_startTime_-1__id_-1'" in said
        assert "COLLSCAN" not in said
        # The newest come in the order of the index; only so many of them are sorted by their end.
        assert "'stage': 'SORT'" not in said
