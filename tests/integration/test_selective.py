"""Selective invalidation on real engines: one field changes, and exactly the table's rows go.

Whoever writes: these are writes of another program, straight to MongoDB.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.builders import a_call, sid
from support.engines import Engines
from support.server import LocalServer
from support.waiting import eventually

from callboard.app import caching
from callboard.app.caching import table
from callboard.clock import SystemClock
from callboard.domain.buckets import day_of, is_steps
from callboard.domain.calls import shows
from callboard.domain.contributions import expanded, movement
from callboard.keyspaces import CACHED, Cached
from callboard.settings import Settings

UTC = ZoneInfo("UTC")
NOW = SystemClock().now().replace(microsecond=0) - timedelta(minutes=1)
TODAY = day_of(NOW, UTC)
RANGE = f"from={TODAY}&to={TODAY}&campaignId=spring"
ROWS = {
    "call": f"/api/calls/{sid(1)}",
    "other call": f"/api/calls/{sid(2)}",
    "calls": "/api/calls?campaignId=spring",
    "other calls": "/api/calls?campaignId=autumn",
    "details": "/api/campaigns/spring",
    "other details": "/api/campaigns/autumn",
    "forecast": "/api/campaigns/spring/forecast",
    "other forecast": "/api/campaigns/autumn/forecast",
    "contacts": "/api/campaigns/spring/contacts",
    "other contacts": "/api/campaigns/autumn/contacts",
    "analytics-today": f"/api/analytics/daily?{RANGE}",
    "durations": f"/api/analytics/durations?{RANGE}",
    "concurrency": f"/api/analytics/concurrency?day={TODAY}&campaignId=spring",
    "other concurrency": f"/api/analytics/concurrency?day={TODAY}&campaignId=autumn",
    "failures": "/api/analytics/failures?campaignId=spring",
    "other failures": "/api/analytics/failures?campaignId=autumn",
}
CALL_CHANGES: dict[str, Any] = {
    "status": "failed",
    "direction": "inbound",
    "from": "+34600000001",
    "to": "+34600000002",
    "startTime": NOW - timedelta(seconds=30),
    "answerTime": NOW,
    "endTime": NOW,
    "duration": 41,
    "contactId": "c9",
    "contactName": "Ada",
    "agentId": "agent_9",
    "agentName": "Grace",
    "answeredBy": "human",
    "outcome": "human",
    "success": "success",
    "cost": 0.5,
    "conversationId": "conv_9",
    "updatedAt": NOW,
    "orphan": True,
    "notes": "theirs",
    "tags": ["a"],
    "tags.0": "b",
    "watch.flagged": {"v": NOW},
    "watch.closed": {"was": "ringing"},
    "context.callId": "x9",
    "twilio.price": -0.02,
    "twilio.priceUnit": "USD",
    "twilio.sipResponseCode": 486,
    "twilio.state.ended": 1,
    "twilio.answered": {"v": 1},
    "twilio.seen.ringing": NOW,
    "elevenlabs.conversation": {"cost": 300, "callSuccessful": "success"},
    "elevenlabs.conversation.costUsd": 0.25,
    "elevenlabs.state": {"v": 2},
    "somethingNew.deep.inside": 3,
}
CAMPAIGN_CHANGES: dict[str, Any] = {
    "name": "Spring",
    "status": "paused",
    "totalContacts": 12,
    "contactsUpdatedAt": NOW,
    "updatedAt": NOW,
    "theirs.deep": 1,
}


class Site:
    """A server with two campaigns and two calls, and whoever writes beside it."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        self.sentinels = 0

    async def fill(self) -> None:
        """Store what is going to be changed."""
        database = self.server.database
        for number, name in enumerate(("spring", "autumn"), 1):
            await database.campaigns.insert_one({"_id": name, "name": name, "totalContacts": 3})
            # Over: a call that goes on comes from the live view, which is never old.
            over = {"status": "completed", "campaignId": name, "startTime": NOW, "tags": ["x"]}
            call = a_call(number, **over)
            await database.calls.insert_one(call)
        await self.counted()

    async def counted(self) -> None:
        """Return when everything written so far was told of: figures are told of last."""
        self.sentinels += 1
        other = a_call(1_000 + self.sentinels, campaignId="sentinel", startTime=NOW)
        await self.server.database.calls.insert_one(other)
        told = self.sentinels

        async def seen() -> int:
            body = await self.server.read("/api/campaigns/sentinel/status")
            found: int = body["totalCalls"]
            return found

        async def exists() -> int:
            answer = await self.server.client.get("/api/campaigns/sentinel/status")
            return await seen() if answer.status_code == 200 else 0

        await eventually(exists, lambda found: found == told)

    async def kept(self) -> dict[str, str]:
        """Return where each row's answer comes from."""
        found = {}
        for row, path in ROWS.items():
            answer = await self.server.client.get(path)
            assert answer.status_code == 200, (path, answer.text)
            found[row] = answer.headers["x-cache"]
        return found

    async def gone_after(self, collection: str, id_: str, update: dict[str, Any]) -> set[str]:
        """Write as another program, and return the rows that had to be loaded again."""

        async def all_kept() -> set[str]:
            return set((await self.kept()).values())

        await eventually(all_kept, lambda said: said == {"HIT"})
        found = await self.server.database[collection].update_one({"_id": id_}, update)
        assert found.modified_count == 1, update
        await self.counted()
        return {row for row, said in (await self.kept()).items() if said != "HIT"}


@pytest.fixture
async def site(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    """Yield a server that tells of tags at once: no window makes one change look like another.

    Nothing grows old by itself either.
    """

    def at_once(_: Settings) -> dict[str, Cached]:
        lasting = table({row.name: 3_600.0 for row in CACHED})
        return {name: replace(row, window_s=0.0) for name, row in lasting.items()}

    monkeypatch.setattr(caching, "rows_of", at_once)
    # Nothing is loaded but what is asked for here.
    server = LocalServer(engines, predictive_warming="off")
    await server.redis.flushall()
    await server.start()
    try:
        await server.ready()
        made = Site(server)
        await made.fill()
        yield made
    finally:
        await server.stop()


def figures_moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Return the rows of figures that a change of a call moves."""
    moved = expanded(movement(before, after, UTC))
    of_spring = {b.series for b, steps in moved.items() if b.campaign_id == "spring" and b.day}
    rows = {"analytics-today"} if of_spring else set()
    rows |= {"concurrency"} if any(map(is_steps, of_spring)) else set()
    return rows | ({"durations"} if "durations" in of_spring else set())


async def test_a_field_of_a_call_makes_exactly_the_tables_rows_old(site: Site) -> None:
    calls = site.server.database.calls
    for path, value in CALL_CHANGES.items():
        before = await calls.find_one({"_id": sid(1)})
        gone = await site.gone_after("calls", sid(1), {"$set": {path: value}})
        after = await calls.find_one({"_id": sid(1)})
        assert before is not None
        assert after is not None
        of_call = {"call", "calls", "failures", "forecast"} if shows(path) else set()
        assert gone == of_call | figures_moved(before, after), path
    gone = await site.gone_after("calls", sid(1), {"$unset": {"contactName": ""}})
    assert gone == {"call", "calls", "failures", "forecast"}
    assert await site.gone_after("calls", sid(1), {"$unset": {"notes": ""}}) == set()


async def test_a_field_of_a_campaign_makes_exactly_the_tables_rows_old(site: Site) -> None:
    for path, value in CAMPAIGN_CHANGES.items():
        gone = await site.gone_after("campaigns", "spring", {"$set": {path: value}})
        of_contacts = {"contacts"} if path in ("totalContacts", "contactsUpdatedAt") else set()
        of_forecast = {"forecast"} if path in ("status", "totalContacts") else set()
        assert gone == {"details"} | of_contacts | of_forecast, path
