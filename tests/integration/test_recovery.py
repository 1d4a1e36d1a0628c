"""Parts fail and come back; what people are shown becomes true again by itself."""

import asyncio
import os
import signal
from typing import Any

import pytest
from support.engines import Engines
from support.server import LocalServer, status_form
from support.truth import campaign_truth, day_truth
from support.waiting import eventually

from callboard.clock import SystemClock
from callboard.store.database import connect, prepare

SIDS = [f"CA{number:032x}" for number in range(6)]


async def play_six_calls(server: LocalServer) -> None:
    """Six calls of two campaigns: two alive, two completed, one busy, one canceled."""
    ends = ("", "", "completed", "completed", "busy", "canceled")
    for number, (sid, end) in enumerate(zip(SIDS, ends, strict=True)):
        query = f"campaignId=camp_{number % 2}"
        await server.webhook(status_form(sid, "initiated", number), query)
        await server.webhook(status_form(sid, "ringing", number + 1), query)
        if end:
            await server.webhook(status_form(sid, end, 30, CallDuration=str(number * 10)), query)


async def assert_true(server: LocalServer) -> None:
    """Compare everything shown with an aggregation over `calls`, until it agrees."""

    async def wrong() -> AssertionError | None:
        try:
            await assert_true_now(server)
        except AssertionError as error:
            return error
        return None

    await eventually(wrong, lambda error: error is None)


async def assert_true_now(server: LocalServer) -> None:
    """Compare everything shown with an aggregation over `calls`."""
    day = SystemClock().now().date().isoformat()
    truth = await day_truth(server.database, day)
    summary: dict[str, Any] = (await server.read("/api/dashboard/summary"))["summary"]
    named = [name for name in truth if not name.startswith("by")]
    assert {name: summary[name] for name in named} == {name: truth[name] for name in named}
    assert {k: n for k, n in summary["byStatus"].items() if n} == truth["byStatus"]
    assert {h: n for h, n in enumerate(summary["byHour"]) if n} == truth["byHour"]
    stored = await server.database.analytics.find_one({"_id": f"daily:{day}"})
    assert stored is not None
    assert stored["callVolume"]["total"] == truth["totalCalls"]
    assert stored["callVolume"]["byStatus"] == summary["byStatus"]
    assert stored["duration"]["total"] == truth["totalDuration"]
    for campaign_id in ("camp_0", "camp_1"):
        expected = await campaign_truth(server.database, campaign_id)
        status = await server.read(f"/api/campaigns/{campaign_id}/status")
        assert {name: status[name] for name in expected} == expected
    active = await server.read("/api/calls/active")
    alive = {"status": {"$in": ["initiated", "ringing", "in-progress"]}}
    in_truth = {call["_id"] async for call in server.database.calls.find(alive)}
    assert {call["sid"] for call in active["active_calls"]} == in_truth


async def test_a_restart_keeps_every_figure_and_begins_a_new_epoch(server: LocalServer) -> None:
    await play_six_calls(server)
    await assert_true(server)
    before = await server.read("/api/calls/active")
    await server.restart()
    await assert_true(server)
    after = await server.read("/api/calls/active")
    assert after["active_calls"] == before["active_calls"]
    assert int(after["position"]["epoch"]) > int(before["position"]["epoch"])


async def test_an_emptied_redis_is_filled_again_by_the_projector(server: LocalServer) -> None:
    await play_six_calls(server)
    await assert_true(server)
    await server.redis.flushall()
    await eventually(lambda: server.redis.exists("cb:live:head"))
    await server.ready()
    await assert_true(server)
    await server.webhook(
        status_form(SIDS[0], "completed", 40, CallDuration="9"), "campaignId=camp_0"
    )
    await assert_true(server)


async def test_without_redis_reads_come_from_mongodb_and_webhooks_are_still_taken(
    server: LocalServer, engines: Engines
) -> None:
    await play_six_calls(server)
    await assert_true(server)
    pid = engines.valkey.pid
    assert pid is not None

    async def cache_says() -> str:
        return (await server.client.get("/api/calls/active")).headers["x-cache"]

    os.kill(pid, signal.SIGSTOP)
    try:
        await eventually(cache_says, lambda said: said == "BYPASS")
        taken = await server.webhook(status_form(SIDS[1], "in-progress", 50), "campaignId=camp_1")
        assert taken.status_code == 200
        active = (await server.client.get("/api/calls/active")).json()
        assert {call["sid"]: call["status"] for call in active["active_calls"]} == {
            SIDS[0]: "ringing",
            SIDS[1]: "in-progress",
        }
    finally:
        os.kill(pid, signal.SIGCONT)
    await eventually(cache_says, lambda said: said == "HIT")
    await assert_true(server)


async def test_what_other_programs_write_is_treated_the_same(server: LocalServer) -> None:
    await play_six_calls(server)
    calls = server.database.calls
    noon = SystemClock().now().replace(hour=12)
    foreign = {"sid": "CAforeign", "status": "in-progress", "direction": "inbound"}
    await calls.insert_one({**foreign, "startTime": noon, "campaignId": "camp_0"})
    await assert_true_with_foreign(server, "CAforeign")
    ended = {**foreign, "status": "completed", "duration": 12, "startTime": noon}
    await calls.replace_one({"sid": "CAforeign"}, ended)
    await assert_true(server)
    await calls.update_one({"_id": SIDS[0]}, {"$set": {"campaignId": "camp_1"}})
    await assert_true(server)
    await calls.delete_many({"_id": {"$in": [SIDS[1], SIDS[2]]}})
    await assert_true(server)


async def assert_true_with_foreign(server: LocalServer, sid: str) -> None:
    """A call without a call SID as `_id` is shown by its `sid`."""
    active = await eventually(
        lambda: server.read("/api/calls/active"),
        lambda seen: sid in {call["sid"] for call in seen["active_calls"]},
    )
    assert active["active_calls_count"] == 3


async def test_lost_history_leads_to_a_refold_and_true_figures(server: LocalServer) -> None:
    await play_six_calls(server)
    await assert_true(server)
    # Somebody emptied the figures and the checkpoint: as after a history that was lost.
    await server.database.state.delete_one({"_id": "projection"})
    await server.database.analytics.delete_many({})
    await server.restart()
    await assert_true(server)
    await server.webhook(
        status_form(SIDS[0], "completed", 40, CallDuration="9"), "campaignId=camp_0"
    )
    await assert_true(server)


async def test_a_dropped_collection_is_survived(
    server: LocalServer, capsys: pytest.CaptureFixture[str]
) -> None:
    await play_six_calls(server)
    await assert_true(server)
    await server.database.calls.drop()
    await server.webhook(status_form(SIDS[5], "ringing", 1), "campaignId=camp_1")
    seen = await eventually(
        lambda: server.read("/api/calls/active"), lambda seen: seen["active_calls_count"] == 1
    )
    assert seen["active_calls"][0]["sid"] == SIDS[5]
    await server.webhook(status_form(SIDS[5], "busy", 9), "campaignId=camp_1")
    await eventually(
        lambda: server.read("/api/calls/active"), lambda seen: seen["active_calls_count"] == 0
    )
    assert "service.failed" not in capsys.readouterr().out


async def test_servers_that_start_at_once_on_an_empty_database_all_start(
    engines: Engines,
) -> None:
    database = connect(engines.mongo_url())
    await asyncio.gather(*(prepare(database) for _ in range(6)))
    assert set(await database.list_collection_names()) >= {"calls", "campaigns", "webhooks"}
    await database.client.drop_database(database.name)
    await database.client.close()
