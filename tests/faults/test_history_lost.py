"""MongoDB's history does not reach back to where the projector was: everything is folded anew."""

import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from bson import Timestamp
from integration.test_recovery import SIDS, assert_true, play_six_calls
from pydantic import SecretStr
from support.engines import Engines
from support.program import program
from support.remote import RemoteServer
from support.server import ADMIN_KEY, LocalServer, status_form
from support.small_oplog import SmallOplog
from support.waiting import eventually
from support.watcher import Watcher, watching

from callboard.clock import SystemClock
from callboard.store.database import MongoDatabase

pytestmark = pytest.mark.engines

CLOCK = SystemClock()
NEW = "CA" + "9" * 32
Tell = Callable[[str, float], None]


@pytest.fixture
async def mongo(tmp_path: Path) -> AsyncIterator[SmallOplog]:
    """A mongod of its own that forgets fast."""
    mongo = SmallOplog(tmp_path / "mongo", CLOCK)
    await mongo.start()
    yield mongo
    await mongo.stop()


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Print and record how long it took since an instant."""

    def tell(what: str, since_s: float) -> None:
        seconds = round(CLOCK.monotonic_s() - since_s, 2)
        record_property(f"{what}, s", seconds)
        print(f"\n{what}: {seconds} s")  # noqa: T201  (the report)

    return tell


async def checkpoint(database: MongoDatabase) -> dict[str, Any]:
    """Return where the figures are, once a resume token says so."""

    async def look() -> dict[str, Any]:
        return await database.state.find_one({"_id": "projection"}) or {}

    return await eventually(look, lambda state: state.get("token") is not None)


async def change_much(database: MongoDatabase) -> None:
    """Insert, change, replace and delete calls behind the projector's back."""
    noon = CLOCK.now().replace(hour=12)
    calls = database.calls
    foreign = {"status": "in-progress", "direction": "inbound", "startTime": noon}
    await calls.insert_many(
        {**foreign, "_id": f"foreign-{number}", "campaignId": f"camp_{number % 2}"}
        for number in range(7)
    )
    await calls.update_one(
        {"_id": SIDS[0]}, {"$set": {"status": "completed", "duration": 77, "campaignId": "camp_1"}}
    )
    done = {**foreign, "status": "completed", "duration": 13, "campaignId": "camp_0"}
    await calls.replace_one({"_id": "foreign-0"}, done)
    await calls.delete_many({"_id": {"$in": [SIDS[2], "foreign-1"]}})


async def assert_folded_anew(database: MongoDatabase, before: dict[str, Any]) -> None:
    """Check that the figures were folded from nothing, and every stored document by itself."""
    state = await checkpoint(database)
    assert state["after"] > before["after"]
    assert state["epoch"] > before["epoch"]
    by_key = {found["_id"]: found async for found in database.analytics.find()}
    day = CLOCK.now().date().isoformat()
    of_campaigns = [by_key[f"daily:{day}:camp_{number}"] for number in range(2)]
    whole = by_key[f"daily:{day}"]
    for name in ("total", "byStatus", "byHour", "byDirection"):
        pipeline = [{"$group": {"_id": _GROUPS[name], "n": {"$sum": 1}}}]
        cursor = await database.calls.aggregate(pipeline)
        truth = {row["_id"]: row["n"] async for row in cursor}
        assert _counted(whole["callVolume"][name]) == truth, name
        parts = [_counted(document["callVolume"][name]) for document in of_campaigns]
        assert {k: sum(part.get(k, 0) for part in parts) for k in truth} == truth, name


_GROUPS: dict[str, Any] = {
    "total": None,
    "byStatus": "$status",
    "byHour": {"$hour": "$startTime"},
    "byDirection": {"$arrayElemAt": [{"$split": ["$direction", "-"]}, 0]},
}


def _counted(value: Any) -> dict[Any, int]:
    """Return what a stored counter says, without zeros."""
    if isinstance(value, int):
        return {None: value}
    pairs = enumerate(value) if isinstance(value, list) else value.items()
    return {key: n for key, n in pairs if n}


async def resynced(client: Watcher, after: dict[str, Any]) -> None:
    """Wait until the client was told to start over at a later epoch."""
    told = await client.until(
        "resync",
        lambda told: told["view"] == "calls" and _epoch(told["position"]) > _epoch(after),
    )
    assert told["position"]["offset"] >= 0


def _epoch(position: dict[str, Any]) -> int:
    return int(position["epoch"])


async def test_a_server_that_was_away_for_longer_than_mongodb_remembers(
    engines: Engines, mongo: SmallOplog, tell: Tell
) -> None:
    server = LocalServer(engines, mongodb_url=SecretStr(mongo.url))
    await server.redis.flushall()
    await server.start()
    try:
        await server.ready()
        await play_six_calls(server)
        await assert_true(server)
        async with watching(server.url, token=ADMIN_KEY, subscribe=["calls"]) as client:
            position = (await client.until("subscribed:calls"))["position"]
        assert server.server is not None
        await server.server.stop()

        before = await checkpoint(server.database)
        await change_much(server.database)
        await mongo.forget(server.database, await mongo.newest(server.database))
        assert await mongo.has_forgotten(server.database, before["token"])

        began_s = CLOCK.monotonic_s()
        await server.start()
        await server.ready()
        await assert_true(server)
        tell(f"started {mongo.written_mb} MB later, all right after", began_s)
        await assert_folded_anew(server.database, before)
        async with watching(
            server.url, token=ADMIN_KEY, subscribe=["calls"], since=position
        ) as client:
            await resynced(client, position)
            await server.webhook(status_form(NEW, "ringing"), "campaignId=camp_1")
            assert (await client.until("call_update"))["document"]["sid"] == NEW
        await assert_true(server)
    finally:
        await server.stop()


@pytest.mark.parametrize("quiet", [False, True], ids=["calls changed", "nothing of ours happened"])
async def test_a_running_projector_that_was_paused_for_longer_than_mongodb_remembers(
    engines: Engines, mongo: SmallOplog, tmp_path: Path, tell: Tell, quiet: bool
) -> None:
    environment: dict[str, Any] = {
        "MONGODB_URL": mongo.url,
        "REDIS_URL": engines.valkey.url,
        "REDIS_PASSWORD": engines.valkey.password,
    }
    async with program(tmp_path / "data", "serve", "--port", "0", **environment) as running:
        server = RemoteServer(engines, running, mongodb_url=SecretStr(mongo.url))
        try:
            await server.ready()
            await play_six_calls(server)
            await assert_true(server)
            async with watching(server.url, token=ADMIN_KEY, subscribe=["calls"]) as client:
                position = (await client.until("subscribed:calls"))["position"]
                before = await checkpoint(server.database)
                os.kill(running.process.pid, signal.SIGSTOP)
                try:
                    await pass_over(mongo, server.database, quiet=quiet)
                    assert await mongo.has_forgotten(server.database, before["token"])
                finally:
                    began_s = CLOCK.monotonic_s()
                    os.kill(running.process.pid, signal.SIGCONT)
                await resynced(client, position)
                tell("paused, told to resync after", began_s)
                await assert_true(server)
                tell("paused, all right after", began_s)
                await server.webhook(status_form(NEW, "ringing"), "campaignId=camp_1")
                await client.until("call_update", lambda told: told["document"]["sid"] == NEW)
            await assert_true(server)
            await assert_folded_anew(server.database, before)
        finally:
            await server.stop()


async def pass_over(mongo: SmallOplog, database: MongoDatabase, *, quiet: bool) -> None:
    """Let the oplog go past where a paused projector reads."""
    if not quiet:
        await change_much(database)
    paused_at = await mongo.newest(database)
    # Its last `getMore` may wait in mongod for half a second more, and go on with the oplog.
    await mongo.forget(database, Timestamp(paused_at.time + 2, 0))
