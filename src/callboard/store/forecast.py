"""How a campaign has gone so far, read from its calls: what a forecast is made of.

How many contacts have been called is counted over the calls themselves, by `contactId` or else by
the number: a campaign's counters know calls only. Beyond 100,000 calls the newest 100,000 are
counted and stand for all, or it would cost MongoDB seconds.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from callboard.domain.buckets import Bucket, instant_of
from callboard.domain.forecast import ENDED_MAX, MINUTES, Course
from callboard.store.database import MongoDatabase, MongoDocument
from callboard.store.reads import Campaigns
from callboard.store.snapshots import aggregate_as_of, find_as_of

__all__ = ["Courses"]

_CALLS_MAX = 100_000
_NEWEST_MAX = 5_000
"""No index knows which calls ended last; among so many that began last they are looked for."""
_MINUTE_MS = 60_000
_ENDED = ["busy", "canceled", "completed", "failed", "no-answer"]
"""Of an unconfirmed call nobody knows when it ended."""


class Courses:
    """Reads of what a forecast needs."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._campaigns = Campaigns(database)

    async def of(
        self, campaign_id: str, now: datetime, after: int = 0
    ) -> tuple[Course | None, int]:
        """Return how a campaign has gone, None when no document and no call knows it; as of when.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        document, known_as_of = await self._campaigns.find(campaign_id, after)
        counted, counted_as_of = await self._counted(campaign_id, after)
        begun, begun_as_of = await self._begun(campaign_id, now, after)
        ended, ended_as_of = await self._ended(campaign_id, after)
        as_of = min(known_as_of, counted_as_of, begun_as_of, ended_as_of)
        if document is None and counted is None:
            return None, as_of
        document, counted = document or {}, counted or {}
        status, total = document.get("status"), document.get("totalContacts")
        first = instant_of(counted.get("first"))
        course = Course(
            status if isinstance(status, str) else "unknown",
            total if isinstance(total, int) else None,
            **{name: counted.get(name, 0) for name in _COUNTED},
            age_s=max((now - first).total_seconds(), 0.0) if first is not None else 0.0,
            begun=begun,
            ended=ended,
        )
        return course, as_of

    async def _counted(self, campaign_id: str, after: int) -> tuple[MongoDocument | None, int]:
        """Return how many contacts and attempts there are, None without a call."""
        found, as_of = await aggregate_as_of(
            self._database, "calls", _contacts_of(campaign_id), after=after
        )
        if not found or found[0]["calls"] < _CALLS_MAX:
            return next(iter(found), None), as_of
        bucket = {"_id": Bucket(None, campaign_id).key}
        figures, told_as_of = await find_as_of(self._database, "analytics", bucket, after=after)
        attempts = figures[0]["contact"]["attempts"] if figures else 0
        times = max(attempts / max(found[0]["attempts"], 1), 1.0)
        scaled = {name: round(found[0][name] * times) for name in _COUNTED if name != "queued"}
        return {**found[0], **scaled}, min(as_of, told_as_of)

    async def _begun(
        self, campaign_id: str, now: datetime, after: int
    ) -> tuple[Sequence[int], int]:
        """Return how many attempts began in each of the last minutes, the newest first."""
        since = now - timedelta(minutes=MINUTES)
        recent = {**_placed(campaign_id), "startTime": {"$gt": since}, "status": {"$ne": "queued"}}
        minute = {"$floor": {"$divide": [{"$subtract": [now, "$startTime"]}, _MINUTE_MS]}}
        pipeline = [{"$match": recent}, {"$group": {"_id": minute, "calls": {"$sum": 1}}}]
        found, as_of = await aggregate_as_of(self._database, "calls", pipeline, after=after)
        begun = [0] * MINUTES
        for counted in found:
            # A vendor's clock may be ahead of ours.
            begun[max(int(counted["_id"]), 0)] += counted["calls"]
        return begun, as_of

    async def _ended(
        self, campaign_id: str, after: int
    ) -> tuple[Sequence[tuple[float, float]], int]:
        """Return begin and end of the calls that ended last, of those that began last."""
        pipeline: list[Mapping[str, Any]] = [
            {"$match": {**_placed(campaign_id), "status": {"$in": _ENDED}}},
            {"$sort": {"startTime": -1}},
            {"$limit": _NEWEST_MAX},
            {"$sort": {"endTime": -1}},
            {"$limit": ENDED_MAX},
            {"$project": {"startTime": 1, "endTime": 1}},
        ]
        found, as_of = await aggregate_as_of(self._database, "calls", pipeline, after=after)
        spans = ((instant_of(c.get("startTime")), instant_of(c.get("endTime"))) for c in found)
        return [(b.timestamp(), e.timestamp()) for b, e in spans if b and e], as_of


_COUNTED = ("contacts", "attempted", "attempts", "squares", "queued")


def _placed(campaign_id: str) -> dict[str, Any]:
    """Return the filter of the calls a campaign has placed."""
    return {
        "campaignId": campaign_id,
        "direction": {"$ne": "inbound"},
        "twilio.parentCallSid": None,
    }


def _contacts_of(campaign_id: str) -> list[Mapping[str, Any]]:
    """Return the pipeline that counts contacts and their attempts; no document without a call."""
    closed = [{"$eq": ["$status", "unconfirmed"]}, {"$eq": ["$watch.closed.was", "queued"]}]
    waits = {"$eq": ["$status", "queued"]}
    attempt = {"$cond": [{"$or": [waits, {"$and": closed}]}, 0, 1]}
    contact = {"$ifNull": ["$contactId", {"$ifNull": ["$to", "$_id"]}]}
    of_contact = {
        "_id": contact,
        "calls": {"$sum": 1},
        "attempts": {"$sum": attempt},
        "queued": {"$sum": {"$cond": [waits, 1, 0]}},
        "first": {"$min": {"$cond": [{"$eq": [attempt, 1]}, "$startTime", None]}},
    }
    together = {
        "_id": None,
        "calls": {"$sum": "$calls"},
        "contacts": {"$sum": 1},
        "attempted": {"$sum": {"$cond": [{"$gt": ["$attempts", 0]}, 1, 0]}},
        "attempts": {"$sum": "$attempts"},
        "squares": {"$sum": {"$multiply": ["$attempts", "$attempts"]}},
        "queued": {"$sum": "$queued"},
        "first": {"$min": "$first"},
    }
    return [
        {"$match": _placed(campaign_id)},
        {"$sort": {"startTime": -1}},
        {"$limit": _CALLS_MAX},
        {"$group": of_contact},
        {"$group": together},
    ]
