"""Warming in a whole server: what is read first is there already."""

from typing import Any

import pytest
from support.server import LocalServer, status_form
from support.waiting import eventually

pytestmark = pytest.mark.engines


async def warming_of(server: LocalServer) -> dict[str, Any]:
    """Return what warming tells of itself."""
    answer = await server.client.get("/api/admin/cache-stats")
    shown: dict[str, Any] = answer.json()["warming"]
    return shown


def done(warming: dict[str, Any]) -> int:
    """Return how many reads were warmed, needed or not."""
    reads: int = warming["warmed"] + warming["already_warm"]
    return reads


async def campaign(server: LocalServer, id_: str) -> None:
    """Make a campaign with a call."""
    made = {"id": id_, "name": id_}
    answer = await server.client.post("/api/campaigns", json=made)
    assert answer.status_code == 201, answer.text
    form = status_form(f"CA{1:032x}", "completed", 3)
    await server.webhook(form, f"campaignId={id_}")


async def test_after_a_start_the_first_dashboard_waits_for_nothing(server: LocalServer) -> None:
    await server.ready()
    await campaign(server, "spring")
    await server.restart()

    async def look() -> dict[str, Any]:
        return await warming_of(server)

    # Six by the start; those, and three more of the campaign, when the projector leads.
    await eventually(look, lambda seen: done(seen) >= 15)
    for path in ("/api/calls?limit=50", "/api/campaigns/spring"):
        answer = await server.client.get(path)
        assert (answer.status_code, answer.headers["X-Cache"]) == (200, "HIT"), path


async def test_what_a_person_opens_next_is_there_before_they_do(server: LocalServer) -> None:
    await server.ready()
    await campaign(server, "spring")
    before = done(await warming_of(server))
    await server.client.get("/api/campaigns/spring/status")

    async def look() -> dict[str, Any]:
        return await warming_of(server)

    # Its details, its contacts and its calls.
    await eventually(look, lambda seen: done(seen) >= before + 3)
    answer = await server.client.get("/api/campaigns/spring/contacts")
    assert (answer.status_code, answer.headers["X-Cache"]) == (200, "HIT")
    seen = await warming_of(server)
    assert (seen["hits"], seen["foreseen"]) == (1, 1)
    assert seen["precision"] is not None
    assert seen["latency_p95_ms"] > 0
