"""Write-through: whoever writes a campaign reads it next, everywhere in the process that wrote."""

from typing import Any

from support.engines import Engines
from support.server import LocalServer
from support.waiting import eventually


async def shown(server: LocalServer, campaign_id: str) -> dict[str, Any]:
    """Return what every route of campaigns says of one, without asking for the newest."""
    found: dict[str, Any] = {}
    for name, path in (("details", f"/api/campaigns/{campaign_id}"), ("list", "/api/campaigns")):
        found[name] = (await server.client.get(path)).json()
    status = await server.client.get(f"/api/campaigns/{campaign_id}/status")
    listed = [row for row in found["list"]["campaigns"] if row["campaignId"] == campaign_id]
    return {
        "status": status.json().get("status"),
        "details": (found["details"].get("details") or {}).get("status"),
        "list": [row["status"] for row in listed],
    }


async def test_the_next_read_sees_what_was_written(server: LocalServer) -> None:
    for number in range(30):
        campaign_id = f"wave_{number}"
        assert (await server.client.get(f"/api/campaigns/{campaign_id}")).status_code == 404
        body = {"id": campaign_id, "name": "Wave", "status": "draft"}
        assert (await server.client.post("/api/campaigns", json=body)).status_code == 201
        everywhere = {"status": "draft", "details": "draft", "list": ["draft"]}
        assert await shown(server, campaign_id) == everywhere
        for status in ("active", "paused", "completed"):
            path = f"/api/campaigns/{campaign_id}"
            change = await server.client.patch(path, json={"status": status})
            assert change.status_code == 200
            everywhere = {"status": status, "details": status, "list": [status]}
            assert await shown(server, campaign_id) == everywhere, (number, status)


async def test_the_view_takes_over_again(server: LocalServer) -> None:
    body = {"id": "wave", "name": "Wave"}
    assert (await server.client.post("/api/campaigns", json=body)).status_code == 201

    async def said() -> str:
        found: str = (await server.client.get("/api/campaigns/wave/status")).headers["x-cache"]
        return found

    assert await said() in ("BYPASS", "HIT")
    await eventually(said, lambda cache: cache == "HIT")


async def test_other_processes_see_it_a_moment_later(
    engines: Engines, server: LocalServer
) -> None:
    other = LocalServer(engines)
    other.mongo_url = server.mongo_url
    await other.start()
    try:
        await other.ready()
        assert (await other.client.get("/api/campaigns/wave")).status_code == 404
        body = {"id": "wave", "name": "Wave", "status": "draft"}
        assert (await server.client.post("/api/campaigns", json=body)).status_code == 201

        async def there() -> dict[str, Any]:
            return await shown(other, "wave")

        def is_there(found: dict[str, Any]) -> bool:
            return found == {"status": "draft", "details": "draft", "list": ["draft"]}

        await eventually(there, is_there)
    finally:
        await other.client.aclose()
        assert other.server is not None
        await other.server.stop()
        await other.database.client.close()
        await other.redis.aclose()
