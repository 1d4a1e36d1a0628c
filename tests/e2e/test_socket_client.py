"""What the official npm Socket.IO client gets."""

from typing import Any

import pytest
from support.server import ADMIN_KEY, LocalServer, status_form
from support.waiting import eventually
from support.watcher import watching

SID = "CA" + "1" * 32
QUERY = "campaignId=camp_1"


@pytest.mark.parametrize("transports", [["polling", "websocket"], ["websocket"], ["polling"]])
async def test_a_client_gets_the_live_calls_and_then_each_update(
    server: LocalServer, transports: list[str]
) -> None:
    await server.webhook(status_form(SID, "initiated"), QUERY)
    await eventually(
        lambda: server.read("/api/calls/active"), lambda seen: seen["active_calls_count"] == 1
    )
    watch = watching(server.url, token=ADMIN_KEY, transports=transports, subscribe=["calls"])
    async with watch as client:
        shown = await client.until("active_calls")
        assert [call["status"] for call in shown["active_calls"]] == ["initiated"]
        assert shown["active_calls_count"] == 1
        if "subscribed:calls" not in [heard["event"] for heard in client.heard]:
            await client.until("subscribed:calls")
        assert (await server.webhook(status_form(SID, "ringing"), QUERY)).status_code == 200
        update = await client.until("call_update")
        assert update["type"] == "update"
        assert (update["document"]["sid"], update["document"]["status"]) == (SID, "ringing")
        assert update["position"]["epoch"] == shown["position"]["epoch"]
        assert update["position"]["offset"] == shown["position"]["offset"] + 1

        refused = await server.webhook(status_form(SID, "in-progress"), QUERY, signature=None)
        assert refused.status_code == 403
        await server.webhook(status_form("CA" + "2" * 32, "ringing"), QUERY)
        new = await client.until("call_update")
        assert (new["type"], new["document"]["sid"]) == ("insert", "CA" + "2" * 32)
        assert new["position"]["offset"] == update["position"]["offset"] + 1
    stored = await server.database.calls.find_one({"_id": SID})
    assert stored is not None
    assert stored["status"] == "ringing"


async def test_campaigns_and_summary_have_rooms_of_their_own(server: LocalServer) -> None:
    watch = watching(server.url, token=ADMIN_KEY, subscribe=["campaigns", "summary"])
    async with watch as client:
        await client.until("subscribed:summary")
        await server.webhook(status_form(SID, "ringing"), QUERY)
        campaign = await client.until("campaign_update")
        assert (campaign["campaignId"], campaign["activeCalls"]) == ("camp_1", 1)
        seen = client.events("summary_update")
        summary = seen[0] if seen else await client.until("summary_update")
        assert (summary["period"], summary["summary"]["activeCalls"]) == ("today", 1)
        await server.webhook(status_form(SID, "completed", 9, CallDuration="4"), QUERY)
        await client.until("summary_update", lambda told: told["summary"]["completedCalls"] == 1)
        assert client.events("call_update") == []


async def test_who_has_no_key_is_refused_before_anything_is_sent(server: LocalServer) -> None:
    async with watching(server.url, token="wrong-key-wrong-key") as client:
        assert await client.until("connect_error") == "unauthorized"
        assert [heard["event"] for heard in client.heard] == ["connect_error"]


async def test_who_comes_back_with_a_position_gets_what_was_missed(server: LocalServer) -> None:
    await server.webhook(status_form(SID, "initiated"), QUERY)
    seen = await eventually(
        lambda: server.read("/api/calls/active"), lambda seen: seen["active_calls_count"] == 1
    )
    since = seen["position"]
    for told, status in enumerate(("ringing", "in-progress"), start=1):
        # One by one: changes that one commit carries are one delta.
        await server.webhook(status_form(SID, status, 2 * told), QUERY)
        await eventually(
            lambda: server.read("/api/calls/active"),
            lambda seen, told=told: seen["position"]["offset"] == since["offset"] + told,  # type: ignore[misc]
        )
    watch = watching(server.url, token=ADMIN_KEY, subscribe=["calls"], since=since)
    async with watch as client:
        await client.until("subscribed:calls")
        missed: list[Any] = client.events("call_update")
        while len(missed) < 2:
            await client.until("call_update")
            missed = client.events("call_update")
        assert [update["document"]["status"] for update in missed] == ["ringing", "in-progress"]
        assert [update["position"]["offset"] - since["offset"] for update in missed] == [1, 2]

    foreign = {"epoch": "1", "offset": 5}
    async with watching(server.url, token=ADMIN_KEY, subscribe=["calls"], since=foreign) as client:
        told = await client.until("resync")
        assert told["view"] == "calls"
        await client.send("get:active_calls")
        fresh = await client.until("active_calls")
        assert fresh["active_calls"][0]["status"] == "in-progress"


async def test_batches_and_one_campaign_only(server: LocalServer) -> None:
    only = watching(
        server.url, token=ADMIN_KEY, subscribe=["calls"], wish={"campaignId": "camp_1"}
    )
    batched = watching(server.url, token=ADMIN_KEY, subscribe=["calls"], wish={"batch": True})
    async with only as narrow, batched as wide:
        await narrow.until("subscribed:calls")
        await wide.until("subscribed:calls")
        await server.webhook(status_form("CA" + "2" * 32, "ringing"), "campaignId=camp_2")
        await server.webhook(status_form(SID, "ringing"), QUERY)
        update = await narrow.until("call_update")
        assert update["document"]["sid"] == SID
        assert len(narrow.events("call_update")) == 1
        sids: set[str] = set()
        while sids != {SID, "CA" + "2" * 32}:
            batch = await wide.until("call_updates")
            sids |= {update["document"]["sid"] for update in batch["updates"]}
        assert wide.events("call_update") == []


@pytest.mark.parametrize("wish", [{}, {"campaignId": "camp_1"}, {"batch": True}])
async def test_clients_are_told_to_resync_when_a_new_epoch_begins(
    server: LocalServer, wish: dict[str, Any]
) -> None:
    watch = watching(server.url, token=ADMIN_KEY, subscribe=["calls"], wish=wish)
    async with watch as client:
        position = (await client.until("subscribed:calls"))["position"]
        # Another projector takes over: here, the lease is given to somebody else and runs out.
        await server.database.state.update_one(
            {"_id": "projector-lease"},
            [{"$set": {"owner": "somebody-else", "expiresAt": "$$NOW"}}],
        )
        told = await client.until("resync", lambda told: told["view"] == "calls")
        assert int(told["position"]["epoch"]) > int(position["epoch"])
