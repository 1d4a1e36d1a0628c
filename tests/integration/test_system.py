"""How an installation tells of itself: feeds, views, engines, limits; rules; links for a wall."""

import httpx
import pytest
from support.server import LocalServer, status_form
from support.waiting import eventually

from callboard.alerts.rules import RULES

SID = "CA" + "1" * 32
DAY_S = 24 * 3600


async def test_it_tells_how_everything_is(server: LocalServer) -> None:
    await server.webhook(status_form(SID, "ringing"))
    assert (await server.webhook(status_form(SID, "ringing"), signature="bad")).status_code == 403

    async def told() -> dict[str, object]:
        found: dict[str, object] = (await server.client.get("/api/system")).json()
        return found

    def heard(found: dict[str, object]) -> bool:
        feeds = found["feeds"]
        assert isinstance(feeds, list)
        return bool(feeds[0]["lastAt"])

    found = await eventually(told, heard)
    feeds = found["feeds"]
    assert isinstance(feeds, list)
    twilio, elevenlabs = feeds
    assert twilio | {"lastAt": None} == {
        "vendor": "twilio",
        "configured": True,
        "lastAt": None,
        "lastMinute": 1,
        "lastHour": 1,
        "refused": 1,
        "silent": False,
    }
    assert (elevenlabs["lastAt"], elevenlabs["lastHour"]) == (None, 0)
    assert found["redis"] == found["mongodb"] == {"up": True}
    assert found["limits"] == {"callsPerS": 1.0, "concurrency": None}
    assert isinstance(found["views"], dict)
    assert all(view["vouched"] for view in found["views"].values())


async def test_everybody_together_costs_one_look(server: LocalServer) -> None:
    first = await server.client.get("/api/system")
    again = await server.client.get(
        "/api/system", headers={"If-None-Match": first.headers["etag"]}
    )
    assert (first.status_code, again.status_code) == (200, 304)


async def test_what_others_took_is_told_too(server: LocalServer) -> None:
    await server.webhook(status_form(SID, "ringing"))

    async def kept() -> int:
        return await server.database.tallies.count_documents({"_id": {"$regex": "^feeds-"}})

    await eventually(kept, within_s=20)
    await server.restart()
    body = (await server.client.get("/api/system")).json()
    assert body["feeds"][0]["lastAt"] is not None  # of the process before
    assert body["feeds"][0]["lastHour"] == 0


async def test_the_rules_in_force_are_told_in_words(server: LocalServer) -> None:
    body = (await server.client.get("/api/alerts/rules")).json()
    assert [rule["name"] for rule in body["rules"]] == [rule.name for rule in RULES]
    assert all(rule["condition"] for rule in body["rules"])
    (lag,) = (rule for rule in body["rules"] if rule["name"] == "lag")
    assert lag["condition"] == "figures are more than 30 s behind"
    assert (lag["forS"], lag["minimum"]) == (60.0, None)


async def test_a_link_for_the_wall_lets_look_only_and_for_weeks(server: LocalServer) -> None:
    made = await server.client.post("/api/session/links", json={"page": "wall", "minutes": 5})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    address, _, link = made.json()["url"].partition("#link=")
    assert address == f"{server.url}/wall"
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as screen:
        session = await screen.post("/api/session", json={"link": link})
        assert session.json()["scopes"] == ["read"]
        lasts_s = int(session.headers["set-cookie"].partition("Max-Age=")[2].partition(";")[0])
        assert 29 * DAY_S < lasts_s <= 30 * DAY_S
        assert (await screen.get("/api/dashboard/summary")).status_code == 200
        refused = await screen.post("/api/campaigns", json={"name": "x"})
        assert refused.status_code == 403
        assert (await screen.post("/api/session/links", json={})).status_code == 403
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as late:
        assert (await late.post("/api/session", json={"link": link})).status_code == 401


@pytest.mark.parametrize("body", [{"page": "x"}, {"minutes": 0}, {"minutes": "5"}, {"scope": "a"}])
async def test_a_link_is_asked_for_properly(server: LocalServer, body: dict[str, object]) -> None:
    answer = await server.client.post("/api/session/links", json=body)
    assert answer.status_code == 400
