"""What the three views in Redis must show, from `calls`, `campaigns` and reckoned figures."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from support.figures_oracle import ACTIVE, figures_of
from support.waiting import eventually

from callboard.clock import SystemClock
from callboard.domain.calls import shown_call
from callboard.errors import ViewsUnavailable
from callboard.keyspaces import CAMPAIGNS, LIVE, SUMMARY
from callboard.store.database import MongoDatabase
from callboard.views.connection import RedisClient
from callboard.views.reader import ViewReader

__all__ = ["assert_views"]

Items = dict[str, Any]

FAILED = ("busy", "failed", "no-answer", "canceled")
"""Of an unconfirmed call nobody knows how it ended."""


async def assert_views(database: MongoDatabase, client: RedisClient, zone: ZoneInfo) -> None:
    """Wait until the views say what is true; nothing is written to the truth meanwhile."""
    calls = await database.calls.find().to_list()
    documents = await database.campaigns.find().to_list()
    figures = figures_of(calls, zone)
    live = _live(calls)
    statuses = _statuses(figures, {str(found["_id"]): found for found in documents})
    readers = [ViewReader(client, space) for space in (LIVE, CAMPAIGNS, SUMMARY)]

    async def wrong() -> list[str]:
        day = SystemClock().now().astimezone(zone).date().isoformat()
        today = {"day": day, "timezone": zone.key, "activeCalls": len(live)}
        today |= _totals(figures.get(f"daily:{day}"))
        expected = (live, statuses, {"today": today})
        found: list[str] = []
        for reader, should in zip(readers, expected, strict=True):
            try:
                view = await reader.load()
            except ViewsUnavailable as error:
                return [str(error)]
            shown = {key: orjson.loads(value) for key, value in view.items.items()}
            found += [f"{reader.space.name}: {line}" for line in _different(shown, should)]
        return found

    await eventually(wrong, lambda lines: not lines, within_s=15)


def _live(calls: list[Items]) -> Items:
    """Return the calls that go on, as they are shown."""
    live: Items = {}
    for call in calls:
        twilio = call.get("twilio")
        is_leg = isinstance(twilio, Mapping) and bool(twilio.get("parentCallSid"))
        if call.get("status") in ACTIVE and not is_leg:
            live[call.get("sid") or str(call["_id"])] = orjson.loads(
                orjson.dumps(shown_call(call))
            )
    return live


def _statuses(figures: Mapping[str, Items], documents: Mapping[str, Items]) -> Items:
    """Return the status of each campaign that has a document or a counted call."""
    counted = {
        figure["campaignId"]: figure for figure in figures.values() if figure["type"] == "campaign"
    }
    return {
        campaign_id: _status(campaign_id, counted.get(campaign_id), documents.get(campaign_id, {}))
        for campaign_id in counted.keys() | documents.keys()
    }


def _status(campaign_id: str, counted: Items | None, document: Items) -> Items:
    totals = _totals(counted)
    by_status = totals.pop("byStatus")
    contacts = document.get("totalContacts")
    waiting = max(contacts - totals["totalCalls"], 0) if contacts is not None else 0
    return {
        "campaignId": campaign_id,
        "name": document.get("name", campaign_id),
        "status": document.get("status", "unknown"),
        "totalContacts": contacts,
        "activeCalls": sum(by_status.get(name, 0) for name in ACTIVE),
        "queuedCalls": by_status.get("queued", 0) + waiting,
        "totalCalls": totals["totalCalls"],
        "completedCalls": totals["completedCalls"],
        "failedCalls": totals["failedCalls"],
        "totalDuration": totals["totalDuration"],
    }


def _totals(counted: Items | None) -> Items:
    """Return the totals of a period; all 0 when nothing was counted."""
    if counted is None:
        names = ("totalCalls", "completedCalls", "failedCalls", "totalDuration")
        return {**dict.fromkeys(names, 0), "byStatus": {}}
    by_status = counted["callVolume"]["byStatus"]
    return {
        "totalCalls": counted["callVolume"]["total"],
        "completedCalls": by_status["completed"],
        "failedCalls": sum(by_status[name] for name in FAILED),
        "totalDuration": counted["duration"]["total"],
        "byStatus": {name: count for name, count in by_status.items() if count},
    }


def _different(shown: Items, should: Items) -> list[str]:
    """Return what is missing, what is too much, and which of the expected fields differ."""
    lines = [f"{key} is missing" for key in sorted(should.keys() - shown.keys())]
    lines += [f"{key} should not be shown" for key in sorted(shown.keys() - should.keys())]
    for key in sorted(shown.keys() & should.keys()):
        for name, value in should[key].items():
            is_ = shown[key].get(name)
            if name == "byStatus":
                is_ = {status: count for status, count in is_.items() if count}
            if is_ != value:
                lines.append(f"{key}.{name} is {is_!r}, should be {value!r}")
    return lines
