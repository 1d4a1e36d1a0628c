"""What the board should say, aggregated by MongoDB from `calls` alone.

Deliberately shares no code with the projection: it is the second opinion.
"""

from typing import Any

from callboard.store.database import MongoDatabase

__all__ = ["campaign_truth", "day_truth"]

ACTIVE = ["initiated", "ringing", "in-progress"]
COUNTED: dict[str, Any] = {"twilio.parentCallSid": {"$in": [None, ""]}}
"""A child leg is a part of its parent."""
FAILED = ["busy", "failed", "no-answer", "canceled"]


def _count(values: list[str]) -> dict[str, Any]:
    return {"$sum": {"$cond": [{"$in": ["$status", values]}, 1, 0]}}


async def _totals(database: MongoDatabase, match: dict[str, Any]) -> dict[str, Any]:
    pipeline: list[dict[str, Any]] = [
        {"$match": {**match, **COUNTED}},
        {
            "$group": {
                "_id": None,
                "totalCalls": {"$sum": 1},
                "activeCalls": _count(ACTIVE),
                "completedCalls": _count(["completed"]),
                "failedCalls": _count(FAILED),
                "totalDuration": {"$sum": "$duration"},
            }
        },
    ]
    cursor = await database.calls.aggregate(pipeline)
    found = await cursor.to_list()
    totals: dict[str, Any] = found[0] if found else {}
    totals.pop("_id", None)
    return totals


async def day_truth(database: MongoDatabase, day: str) -> dict[str, Any]:
    """Return a UTC day's figures: totals, by status, by hour, by direction."""
    cohort = {"$eq": [{"$dateToString": {"date": "$startTime", "format": "%Y-%m-%d"}}, day]}
    match = {"$expr": cohort}
    truth = await _totals(database, match)
    active = await _totals(database, {})
    truth["activeCalls"] = active.get("activeCalls", 0)
    for name, key in (
        ("byStatus", "$status"),
        ("byHour", {"$hour": "$startTime"}),
        ("byDirection", "$direction"),
    ):
        cursor = await database.calls.aggregate(
            [{"$match": {**match, **COUNTED}}, {"$group": {"_id": key, "n": {"$sum": 1}}}]
        )
        truth[name] = {row["_id"]: row["n"] async for row in cursor}
    return truth


async def campaign_truth(database: MongoDatabase, campaign_id: str) -> dict[str, Any]:
    """Return a campaign's all-time figures."""
    return await _totals(database, {"campaignId": campaign_id})
