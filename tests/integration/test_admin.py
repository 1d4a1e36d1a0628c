"""The admin routes and the metrics of a running server: what is counted is what happened."""

import asyncio
import re
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.engines import Engines
from support.server import READ_KEY, LocalServer, status_form
from support.visitors import browser_at
from support.waiting import eventually

from callboard.delivery.templates import template_of
from callboard.keyspaces import CACHED, VIEWS

SID = "CA" + "1" * 32
STATS = "/api/admin/cache-stats"
INVALIDATE = "/api/admin/cache/invalidate"
WARM = "/api/admin/cache/warm"


async def ended_call(server: LocalServer) -> None:
    """Let one call come and go, and wait until it is shown as it ended."""
    await server.webhook(status_form(SID, "in-progress"), "campaignId=camp_1")
    await server.webhook(status_form(SID, "completed", 50, CallDuration="47"), "campaignId=camp_1")
    await eventually(
        lambda: server.read(f"/api/calls/{SID}"), lambda call: call["status"] == "completed"
    )


async def stats_of(server: LocalServer) -> dict[str, Any]:
    """Return what the cache says it did."""
    answer = await server.client.get(STATS)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


async def kept(server: LocalServer, path: str) -> str:
    """Read once; return where it came from."""
    answer = await server.client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-cache"]


async def warm_reads(server: LocalServer, path: str) -> None:
    """Read until it is kept."""
    await eventually(lambda: kept(server, path), lambda said: said == "HIT")


async def samples(server: LocalServer) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return the metrics by name and values of labels."""
    text = (await server.client.get("/metrics")).text
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_every_keyspace_and_view_is_told_of(server: LocalServer) -> None:
    stats = await stats_of(server)
    names = {row.name for row in CACHED} | {view.name for view in VIEWS}
    assert set(stats["keyspaces"]) == names
    assert stats["link"]["up"]
    assert stats["link"]["owed"] == 0
    assert stats["memory"] > 100_000
    assert stats["uptime"] >= 0
    assert stats["keys"] > 0
    assert stats["keysComplete"]
    assert stats["keyspaces"]["live"]["keys"] > 0
    assert stats["keyspaces"]["call"]["ttlS"] == 300
    assert stats["warming"] is not None


async def test_hits_and_misses_are_those_that_were(server: LocalServer) -> None:
    await ended_call(server)
    path = "/api/calls?status=busy"
    before = (await stats_of(server))["keyspaces"]
    said = [await kept(server, path) for _ in range(5)]
    after = (await stats_of(server))["keyspaces"]
    grown = {of: after["calls"][of] - before["calls"][of] for of in ("hits", "misses", "loads")}
    assert grown == {"hits": said.count("HIT"), "misses": said.count("MISS"), "loads": 1}
    assert said[0] == "MISS"
    for _ in range(3):
        assert await kept(server, "/api/calls/active") == "HIT"
    live = (await stats_of(server))["keyspaces"]["live"]
    assert live["hits"] - after["live"]["hits"] == 3


async def test_metrics_tell_the_same(server: LocalServer) -> None:
    await ended_call(server)
    for _ in range(3):
        await warm_reads(server, f"/api/calls/{SID}")
    await server.webhook(status_form(SID, "ringing"), signature="wrong")
    await server.client.get("/nothing/of/ours")
    stats, told = await stats_of(server), await samples(server)
    call = stats["keyspaces"]["call"]
    assert told["callboard_cache_reads_total", ("call", "l1")] == call["l1"] > 0
    assert told["callboard_cache_load_seconds_count", ("call",)] == call["loads"]
    assert told["callboard_cache_up", ()] == 1
    assert told["callboard_webhooks_total", ("accepted", "twilio")] == 2
    assert told["callboard_webhooks_total", ("bad_signature", "twilio")] == 1
    assert told["callboard_webhooks_total", ("accepted", "elevenlabs")] == 0
    assert told["callboard_http_requests_total", ("/api/calls/{sid}", "2xx")] >= 2
    assert told["callboard_http_requests_total", ("other", "4xx")] == 1
    assert told["callboard_http_requests_total", ("/webhook/call-status", "4xx")] == 1


@pytest.mark.parametrize(
    "body",
    [{"key": f"call:{SID}"}, {"tag": "all"}, {"tag": "space:call"}, {"keyspace": "call"}],
    ids=lambda body: next(iter(body)) + ":" + next(iter(body.values()))[:10],
)
async def test_what_is_invalidated_is_loaded_anew(
    server: LocalServer, body: dict[str, str]
) -> None:
    await ended_call(server)
    path = f"/api/calls/{SID}"
    await warm_reads(server, path)
    answer = await server.client.post(INVALIDATE, json=body)
    assert (answer.status_code, answer.json()) == (200, {"invalidated": body, "known": True})
    assert await kept(server, path) == "MISS"
    assert await kept(server, path) == "HIT"


async def test_invalidating_one_leaves_the_others(server: LocalServer) -> None:
    await ended_call(server)
    path = f"/api/calls/{SID}"
    await warm_reads(server, path)
    await server.client.post(INVALIDATE, json={"keyspace": "durations"})
    await server.client.post(INVALIDATE, json={"key": f"call:{SID[:-1]}2"})
    assert await kept(server, path) == "HIT"


async def test_what_is_warmed_is_kept(server: LocalServer) -> None:
    await ended_call(server)
    await server.client.post("/api/campaigns", json={"id": "camp_2", "name": "Two"})
    path = f"/api/calls/{SID}"
    await server.client.post(INVALIDATE, json={"tag": "all"})
    answer = await server.client.post(WARM, json={"paths": [path, "/api/calls?limit=7"]})
    assert answer.json() == {
        "paths": [path, "/api/calls?limit=7"],
        "fresh": 0,
        "loaded": 2,
        "failed": 0,
    }
    assert await kept(server, path) == "HIT"
    assert await kept(server, "/api/calls?limit=7") == "HIT"
    again = (await server.client.post(WARM, json={"paths": [path]})).json()
    assert (again["fresh"], again["loaded"]) == (1, 0)


async def test_a_keyspace_or_a_start_is_warmed(server: LocalServer) -> None:
    for body in ({"keyspace": "period"}, {}):
        answer = await server.client.post(WARM, json=body)
        done = answer.json()
        assert answer.status_code == 200, done
        assert done["failed"] == 0
        assert done["fresh"] + done["loaded"] == len(done["paths"]) > 0
    assert await kept(server, "/api/dashboard/summary?period=30d") == "HIT"


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    (INVALIDATE, {}, "", "exactly one of"),
    (INVALIDATE, {"tag": "all", "keyspace": "call"}, "", "exactly one of"),
    (INVALIDATE, {"tag": None}, "", "exactly one of"),
    (INVALIDATE, {"key": "CA1"}, "key", "pattern"),
    (INVALIDATE, {"key": "call:"}, "key", "an id has 1 to 512 characters"),
    (INVALIDATE, {"key": "cal:CA1"}, "key", "there is no keyspace 'cal'; there are call, recent"),
    (INVALIDATE, {"keyspace": "live"}, "keyspace", "'live' is a view"),
    (INVALIDATE, {"tag": "x" * 300}, "tag", "a tag has 1 to 255 bytes"),
    (INVALIDATE, {"colour": "red"}, "colour", "Extra inputs"),
    (WARM, {"paths": []}, "paths", "at least 1 item"),
    (WARM, {"paths": ["/api/calls", "/metrics"]}, "paths", "number 2, '/metrics'"),
    (WARM, {"paths": ["https://example.org/api/calls"]}, "paths", "number 1"),
    (WARM, {"paths": ["/api/calls"], "keyspace": "call"}, "", "either"),
    (WARM, {"keyspace": None}, "", "leave it out"),
    (WARM, {"keyspace": "call"}, "keyspace", "give 'paths'"),
    (WARM, {"keyspace": "nothing"}, "keyspace", "there is no keyspace"),
]


async def test_what_is_wrong_is_named(server: LocalServer) -> None:
    for path, body, field, said in WRONG:
        answer = await server.client.post(path, json=body)
        problem = answer.json()
        assert answer.status_code == 400, (body, problem)
        assert answer.headers["content-type"] == "application/problem+json"
        assert said in problem["detail"], (body, problem)
        assert (problem.get("field") or "") == field, (body, problem)


async def test_only_who_may_do_everything_is_let_in(server: LocalServer) -> None:
    reader = {"Authorization": f"Bearer {READ_KEY}"}
    for method, path in (("GET", STATS), ("POST", INVALIDATE), ("POST", WARM)):
        body = {"tag": "all"} if path == INVALIDATE else {}
        sent = {"json": body} if method == "POST" else {}
        answer = await server.client.request(method, path, headers=reader, **sent)  # type: ignore[arg-type]  # a body
        assert answer.status_code == 403, path
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as nobody:
            assert (await nobody.request(method, path, **sent)).status_code == 401  # type: ignore[arg-type]  # a body


async def test_another_sites_page_changes_nothing(server: LocalServer) -> None:
    async with browser_at(server.url) as browser:
        key = server.client.headers["authorization"].removeprefix("Bearer ")
        assert (await browser.post("/api/session", json={"key": key})).status_code == 200
        assert (await browser.post(INVALIDATE, json={"tag": "all"})).status_code == 200
        foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        for path in (INVALIDATE, WARM):
            answer = await browser.post(path, json={"tag": "all"}, headers=foreign)
            assert answer.status_code == 403


async def test_without_a_cache_there_is_nothing_old_to_forget(engines: Engines) -> None:
    server = LocalServer(engines, cache="off")
    await server.redis.flushall()
    await server.start()
    try:
        await server.ready()
        stats = await stats_of(server)
        assert (stats["enabled"], stats["link"]["up"]) == (False, False)
        done = await server.client.post(INVALIDATE, json={"tag": "all"})
        assert done.json()["known"]
        assert ("callboard_cache_up", ()) not in await samples(server)
    finally:
        await server.stop()


async def test_many_who_ask_look_at_redis_once(server: LocalServer) -> None:
    commands = await server.redis.info("commandstats")
    before = commands.get("cmdstat_scan", {}).get("calls", 0)
    await asyncio.gather(*(stats_of(server) for _ in range(20)))
    commands = await server.redis.info("commandstats")
    once = commands["cmdstat_scan"]["calls"] - before
    await asyncio.gather(*(stats_of(server) for _ in range(20)))
    commands = await server.redis.info("commandstats")
    assert commands["cmdstat_scan"]["calls"] - before == once


async def test_every_route_has_a_name_of_its_own_in_metrics(server: LocalServer) -> None:
    for path in (await server.client.get("/openapi.json")).json()["paths"]:
        named = template_of(re.sub(r"\{\w+\}", "x", path))
        assert named == path or path.startswith(named.removesuffix("…")), path
