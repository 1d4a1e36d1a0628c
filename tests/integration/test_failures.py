"""How calls ended lately, as MongoDB counts it, against counting one call after another."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from support.builders import a_call, sid

from callboard.domain.failures import WINDOWS, Ended, shown_failures
from callboard.store.database import MongoDatabase
from callboard.store.failures import Endings

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FAILED = ("failed", "busy", "no-answer", "canceled")
ENDED = (*FAILED, "completed")
ODD: list[Any] = ["", "soon", 7, -1, 1.5, True, None, [486], {"v": 486}, float("nan"), 2**40]


def ago(**length: float) -> datetime:
    """Return an instant before now."""
    return NOW - timedelta(**length)


def made(rng: random.Random, number: int) -> dict[str, Any]:
    """Return a call as we or any other program may have stored it."""
    began = ago(seconds=rng.randrange(25 * 3_600))
    ended = began + timedelta(seconds=rng.choice([0, 5, 60, 3_600]))
    call = a_call(
        number,
        status=rng.choice(
            [*ENDED, *ENDED, "ringing", "queued", "unconfirmed", ["failed"], "lost"]
        ),
        startTime=rng.choice([began, began, began.isoformat()]),
        endTime=rng.choice([ended, ended, ended, ended.isoformat(), *ODD]),
        duration=rng.choice([0, 30, 45.5, *ODD]),
        campaignId=rng.choice(["spring", None]),
        twilio={
            "sipResponseCode": rng.choice([486, 487, 503, 486.0, 99, 700, *ODD]),
            "parentCallSid": rng.choice([None, None, None, "", "CA9"]),
        },
    )
    if rng.random() < 0.2:
        call |= {"_id": ObjectId(), "sid": rng.choice([sid(number), None, 7])}
    return call | ({"twilio": None} if rng.random() < 0.1 else {})


def end_of(call: Mapping[str, Any]) -> datetime | None:
    """Return when a call ended: as it says, else after it began and lasted."""
    for path in ("endTime", "startTime"):
        said = call[path]
        if isinstance(said, str):
            said = datetime.fromisoformat(said) if "T" in said else None
        if not isinstance(said, datetime):
            continue
        lasted = call["duration"] if path == "startTime" else 0
        fits = isinstance(lasted, (int, float)) and not isinstance(lasted, bool)
        return said + timedelta(seconds=lasted if fits and 0 <= lasted < 2**31 else 0)
    return None


def counted(calls: list[dict[str, Any]], campaign_id: str | None) -> dict[str, Any]:
    """Count in Python."""
    found: dict[tuple[str, int | None], list[tuple[datetime, Any, str]]] = {}
    for call in calls:
        status, said, end = call["status"], call["twilio"] or {}, end_of(call)
        if status not in ENDED or said.get("parentCallSid") or end is None:
            continue
        if campaign_id not in (None, call["campaignId"]) or not ago(hours=24) < end <= NOW:
            continue
        code = said.get("sipResponseCode")
        told = isinstance(code, int) and not isinstance(code, bool) and 100 <= code < 700
        kind = (status, code if told and status in FAILED else None)
        named = call["sid"] if isinstance(call["sid"], str) else str(call["_id"])
        order = (isinstance(call["_id"], ObjectId), call["_id"])
        found.setdefault(kind, []).append((end, order, named))
    endings = []
    for (status, code), alike in found.items():
        counts = [sum(end > NOW - window for end, *_ in alike) for window in WINDOWS.values()]
        last = max(alike)
        endings.append(Ended(status, code, tuple(counts), last[2], last[0]))
    return shown_failures(endings, NOW)


@pytest.mark.parametrize("seed", range(4))
async def test_mongodb_counts_what_counting_one_by_one_says(
    database: MongoDatabase, seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311  (a seeded history)
    calls = [made(rng, number) for number in range(1, 400)]
    await database.calls.insert_many(calls)
    stored = await database.calls.find().to_list()
    for campaign_id in (None, "spring", "nobody"):
        found, as_of = await Endings(database).recent(NOW, campaign_id)
        assert shown_failures(found, NOW) == counted(stored, campaign_id)
        assert as_of > 0


async def test_a_window_ends_now_and_begins_just_after_its_length_ago(
    database: MongoDatabase,
) -> None:
    ends = [NOW, ago(seconds=59.999), ago(seconds=60), ago(hours=24), NOW + timedelta(seconds=1)]
    calls = [
        a_call(number, status="busy", startTime=ago(hours=25), endTime=end)
        for number, end in enumerate(ends, 1)
    ]
    await database.calls.insert_many(calls)
    found, _ = await Endings(database).recent(NOW, None)
    assert found == [Ended("busy", None, (2, 3, 3, 3, 3, 3), sid(1), NOW)]


async def test_what_began_before_26_hours_is_not_looked_at(database: MongoDatabase) -> None:
    for number, hours in enumerate((25.9, 26.1), 1):
        call = a_call(number, status="busy", startTime=ago(hours=hours), endTime=ago(hours=1))
        await database.calls.insert_one(call)
    found, _ = await Endings(database).recent(NOW, None)
    assert [(ended.counts[-1], ended.last_sid) for ended in found] == [(1, sid(1))]


async def test_without_a_collection_nothing_has_ended(database: MongoDatabase) -> None:
    await database.drop_collection("calls")
    found, _ = await Endings(database).recent(NOW, None)
    assert found == []


class Recording:
    """A database that remembers its commands."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self.commands: list[dict[str, Any]] = []

    async def command(self, command: dict[str, Any]) -> Any:
        """Pass a command on."""
        self.commands.append(command)
        return await self._database.command(command)


@pytest.mark.parametrize("campaign_id", [None, "c1"])
async def test_only_calls_that_began_lately_are_read(
    database: MongoDatabase, campaign_id: str | None
) -> None:
    await database.calls.insert_many(
        [
            a_call(n, status="busy", startTime=ago(hours=n / 10), campaignId=f"c{n % 5}")
            for n in range(3_000)
        ]
    )
    recording: Any = Recording(database)
    await Endings(recording).recent(NOW, campaign_id)
    (command,) = recording.commands
    asked = {name: command[name] for name in ("aggregate", "pipeline", "cursor")}
    plan = await database.command({"explain": asked, "verbosity": "executionStats"})
    assert "COLLSCAN" not in str(plan)
    stats = plan.get("executionStats") or plan["stages"][0]["$cursor"]["executionStats"]
    assert stats["totalDocsExamined"] <= (261 if campaign_id is None else 53)
