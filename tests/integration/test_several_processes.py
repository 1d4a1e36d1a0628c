"""Two servers on one MongoDB and one Redis; and one server on a Redis Cluster."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from integration.test_recovery import assert_true, play_six_calls
from pydantic import SecretStr
from support.cluster import Cluster
from support.engines import Engines
from support.server import ADMIN_KEY, LocalServer, status_form
from support.waiting import eventually
from support.watcher import watching

SID = "CA" + "7" * 32


async def active_at(server: LocalServer) -> Any:
    """Return what one server shows."""
    return await server.read("/api/calls/active")


async def test_every_server_shows_the_same_and_another_takes_over(
    server: LocalServer, engines: Engines
) -> None:
    other = LocalServer(engines, mongodb_url=SecretStr(server.mongo_url))
    await other.start()
    await other.ready()
    try:
        await play_six_calls(other)
        await assert_true(server)
        here = await active_at(server)
        there = await eventually(lambda: active_at(other), lambda seen: seen == here)
        assert there["active_calls_count"] == 2

        async with watching(other.url, token=ADMIN_KEY, subscribe=["calls"]) as client:
            await client.until("subscribed:calls")
            assert server.server is not None
            await server.server.stop()
            told = await client.until("resync", lambda told: told["view"] == "calls")
            assert int(told["position"]["epoch"]) > int(here["position"]["epoch"])
            await other.webhook(status_form(SID, "ringing"), "campaignId=camp_1")
            update = await client.until("call_update")
            assert update["document"]["sid"] == SID
        await assert_true(other)
    finally:
        await other.stop()


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """Three primaries of its own."""
    cluster = Cluster(tmp_path)
    await cluster.start()
    yield cluster
    await cluster.stop()


async def test_a_redis_cluster_serves_the_same_views(engines: Engines, cluster: Cluster) -> None:
    server = LocalServer(engines, redis_url=SecretStr(cluster.url), redis_password=None)
    await server.start()
    await server.ready()
    try:
        await play_six_calls(server)
        await assert_true(server)
        answer = await server.client.get("/api/calls/active")
        assert answer.headers["x-cache"] == "HIT"
        async with watching(server.url, token=ADMIN_KEY, subscribe=["calls"]) as client:
            await client.until("subscribed:calls")
            await server.webhook(status_form(SID, "ringing"), "campaignId=camp_1")
            assert (await client.until("call_update"))["document"]["sid"] == SID
    finally:
        await server.stop()
