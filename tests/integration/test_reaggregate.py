"""Figures that somebody damaged, counted anew by the running server; and its metrics."""

import asyncio
from datetime import timedelta
from typing import Any

from integration.test_recovery import assert_true, play_six_calls
from prometheus_client.parser import text_string_to_metric_families
from support.server import LocalServer

from callboard.app.reaggregate import reaggregate_days
from callboard.clock import SystemClock
from callboard.store.reaggregation import Reaggregation


async def metrics(server: LocalServer) -> dict[tuple[str, str], float]:
    """Return samples by name and view."""
    answer = await server.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, sample.labels.get("view", "")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_damaged_figures_are_counted_anew_while_calls_go_on(server: LocalServer) -> None:
    await play_six_calls(server)
    await assert_true(server)
    today = SystemClock().now().date()
    key = f"daily:{today}"
    analytics = server.database.analytics
    await analytics.update_one({"_id": key}, {"$inc": {"callVolume.total": 40}})
    await analytics.delete_one({"_id": "campaign:camp_1"})
    await analytics.insert_one(
        {"_id": f"durations:{today}:nobody", "type": "durations"} | _of(today)
    )
    seen: list[Reaggregation] = []

    async def ask() -> None:
        async for progress in reaggregate_days(
            server.settings(), today - timedelta(days=2), today
        ):
            seen.append(progress)  # noqa: PERF401  (each as it comes)

    await asyncio.gather(ask(), play_six_calls(server))
    last = seen[-1]
    assert (last.days, last.counted, last.drifted, last.skipped) == (3, 3, 3, 0)
    await assert_true(server)
    assert await analytics.find_one({"_id": f"durations:{today}:nobody"}) is None
    found = await metrics(server)
    assert found["callboard_projection_leading", ""] == 1
    assert found["callboard_drifted_documents_total", ""] >= 3
    assert found["callboard_drift_documents", ""] == 3
    for view in ("live", "campaign", "summary"):
        assert found["callboard_view_vouched", view] == 1
        assert 0 <= found["callboard_staleness_bound_seconds", view] < 5


def _of(day: Any) -> dict[str, Any]:
    return {"day": str(day), "campaignId": "nobody", "seconds": {"9": 1}}


async def test_metrics_want_a_key(server: LocalServer) -> None:
    answer = await server.client.get("/metrics", headers={"Authorization": ""})
    assert answer.status_code == 401
