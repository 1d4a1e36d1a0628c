"""A demo's figures, at its end, equal an aggregation over its calls.

`CALLBOARD_SOAK_S=300 .venv/bin/pytest tests/faults/test_demo_figures.py` is the long run:
50 concurrent calls at true speed for five minutes.
"""

import os
from datetime import timedelta
from typing import Any

import httpx
from support.server import SECRET, TOKEN, LocalServer
from support.truth import campaign_truth, day_truth
from support.waiting import eventually

from callboard.clock import SystemClock
from callboard.domain.webhooks import CALL_STATUS, ELEVENLABS
from callboard.simulator.driver import Driver
from callboard.simulator.posts import ElevenLabsPosts, TwilioPosts
from callboard.simulator.scenario import Scenario, ScenarioOptions

_SOAK_S = float(os.environ.get("CALLBOARD_SOAK_S", "0"))


async def test_summary_campaigns_and_analytics_equal_an_aggregation(server: LocalServer) -> None:
    clock = SystemClock()
    speed, seconds = (1.0, _SOAK_S) if _SOAK_S else (20.0, 6.0)
    options = ScenarioOptions(
        seed=11,
        concurrent_calls=50,
        speed=speed,
        duplicate_rate=0.05,
        disorder_rate=0.05,
        elevenlabs=True,
    )
    scenario = Scenario(options, clock.now())
    for campaign in scenario.campaigns:
        body = {"id": campaign.id, "name": campaign.name, "totalContacts": 200}
        await server.client.post("/api/campaigns", json=body)
    async with httpx.AsyncClient(trust_env=False, timeout=15) as client:
        url = server.url + CALL_STATUS
        driver = Driver(
            client,
            TwilioPosts(url, url, TOKEN),
            clock,
            elevenlabs=ElevenLabsPosts(server.url + ELEVENLABS, SECRET, clock),
        )
        # Not drained: calls are still alive at the end, and the figures must hold for them too.
        report = await driver.play(scenario.deliveries(), until_s=seconds, drain=False)
    assert report.started_calls > 50
    assert (report.failed, report.refused) == (0, {})
    assert report.accepted == report.sent

    figures = await figures_of(server)
    print(f"\n{report}\n{figures}")  # noqa: T201  (the soak's report)
    assert figures["totalCalls"] == report.started_calls


async def figures_of(server: LocalServer) -> dict[str, Any]:
    """Check everything shown against MongoDB and return the day's truth."""
    clock = SystemClock()
    days = {(clock.now() - timedelta(days=back)).date().isoformat() for back in (0, 1)}
    total: dict[str, Any] = {"totalCalls": 0}
    for day in sorted(days):
        truth = await day_truth(server.database, day)
        if "totalCalls" not in truth:
            continue
        total["totalCalls"] += truth["totalCalls"]

        async def stored(day: str = day) -> dict[str, Any]:
            document = await server.database.analytics.find_one({"_id": f"daily:{day}"})
            return document or {"callVolume": {"total": 0}}

        expected = truth["totalCalls"]
        document = await eventually(stored, lambda d, n=expected: d["callVolume"]["total"] == n)  # type: ignore[misc]  # the default binds the loop's value
        nonzero = {k: n for k, n in document["callVolume"]["byStatus"].items() if n}
        assert nonzero == truth["byStatus"]
        assert {h: n for h, n in enumerate(document["callVolume"]["byHour"]) if n} == truth[
            "byHour"
        ]
        directions = {k: n for k, n in document["callVolume"]["byDirection"].items() if n}
        assert directions == truth["byDirection"]
        assert document["duration"]["total"] == truth["totalDuration"]
        if day == clock.now().date().isoformat():
            names = ("totalCalls", "activeCalls", "completedCalls", "failedCalls", "totalDuration")
            await shows(
                server, "/api/dashboard/summary", {name: truth[name] for name in names}, "summary"
            )
            total |= truth
    async for campaign in server.database.campaigns.find():
        truth = await campaign_truth(server.database, campaign["_id"])
        status = await shows(server, f"/api/campaigns/{campaign['_id']}/status", truth)
        ended = truth["completedCalls"] + truth["failedCalls"]
        assert status["successRate"] == round(100 * truth["completedCalls"] / ended, 1)
    return total


async def shows(
    server: LocalServer, path: str, expected: dict[str, Any], part: str | None = None
) -> dict[str, Any]:
    """Return an answer once it shows the expected figures: views follow the figures at once."""

    async def look() -> dict[str, Any]:
        body: dict[str, Any] = await server.read(path)
        return body[part] if part else body

    return await eventually(
        look, lambda seen: {name: seen.get(name) for name in expected} == expected
    )
