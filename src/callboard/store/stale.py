"""What the stale-call watch reads and writes of the calls."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo.errors import PyMongoError

from callboard.domain.calls import UNCONFIRMED, call_key
from callboard.domain.stale import Limit, Word
from callboard.store.database import MongoDatabase, MongoDocument
from callboard.store.faults import unavailable
from callboard.store.merge import watch_statement

__all__ = ["OpenCalls"]

_TALKS_MAX = 1_000
_RECENT = timedelta(days=7)
_ELEVENLABS = ("elevenlabs.requestedAt", "elevenlabs.conversation.startTime")
_READ = (
    "sid",
    "status",
    "updatedAt",
    "startTime",
    "answerTime",
    "twilio.seen",
    "watch",
    *_ELEVENLABS,
)
_PROJECTION = dict.fromkeys(_READ, 1)
_OLDEST_FIRST = [("startTime", 1), ("_id", 1)]
_INDEX = "open"

_INSTANTS = [
    *("$elevenlabs.requestedAt", "$elevenlabs.conversation.startTime"),
    *("$updatedAt", "$startTime", "$answerTime"),
    *(f"$twilio.seen.{status}" for status in ("queued", "initiated", "ringing", "in-progress")),
]
# As `last_news` and `silence_flagged` in callboard.domain.calls, but for instants that are texts.
_HEARD = {
    "$let": {
        "vars": {"at": {"$max": _INSTANTS}},
        "in": {"$cond": [{"$eq": [{"$type": "$$at"}, "date"]}, "$$at", None]},
    }
}
_FLAGGED = {
    "$and": [
        {"$gt": ["$watch.flagged.v", None]},
        {"$gte": ["$watch.flagged.v", "$$heard"]},
    ]
}


class OpenCalls:
    """Calls whose end nobody has told."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database

    async def silent(
        self, limits: Sequence[Limit], now: datetime, count_max: int
    ) -> list[MongoDocument]:
        """Return calls that have been silent for too long, oldest first.

        Only those of which there is something new to say: a flagged call comes again when it
        is to be given up.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        statuses = sorted(status for limit in limits for status in limit.statuses)
        due = {"$or": [_due(limit, now) for limit in limits]}
        wanted = {"status": {"$in": statuses}, "$expr": due}
        try:
            found = self._database.calls.find(wanted, _PROJECTION, hint=_INDEX)
            return await found.sort(_OLDEST_FIRST).limit(count_max).to_list()
        except PyMongoError as error:
            raise unavailable(error) from error

    async def say(self, words: Collection[Word]) -> list[str]:
        """Merge what the watch says; return which of the calls are unconfirmed now.

        Raises:
            StoreUnavailable: MongoDB does not answer; saying it again does no harm.
        """
        closed = [word.identity for word in words if word.closes]
        try:
            await self._database.command(
                {
                    "update": "calls",
                    "updates": [watch_statement(word.identity, word.fact) for word in words],
                    "ordered": False,
                    "writeConcern": {"w": "majority"},
                }
            )
            given_up = {"_id": {"$in": closed}, "status": UNCONFIRMED}
            found = (
                await self._database.calls.find(given_up, {"sid": 1}).to_list() if closed else []
            )
        except PyMongoError as error:
            raise unavailable(error) from error
        return [call_key(document) for document in found]

    async def talks_s(self, now: datetime) -> list[float]:
        """Return how long the last completed calls of recent days lasted.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        recent = {"status": "completed", "startTime": {"$gte": now - _RECENT}}
        try:
            found = self._database.calls.find(recent, {"_id": 0, "duration": 1})
            lasted = [call.get("duration") async for call in found.sort(_NEWEST).limit(_TALKS_MAX)]
        except PyMongoError as error:
            raise unavailable(error) from error
        return [s for s in lasted if isinstance(s, (int, float)) and not isinstance(s, bool)]


_NEWEST = [("startTime", -1), ("_id", -1)]


def _due(limit: Limit, now: datetime) -> dict[str, Any]:
    """Return whether a call is to be flagged, or, if it is flagged, to be given up."""
    silence: dict[str, Any] = {
        "$cond": [
            _FLAGGED,
            {"$lte": ["$watch.flagged.v", now - limit.close_after]},
            {"$lte": ["$$heard", now - limit.flag_after]},
        ]
    }
    return {
        "$and": [
            {"$in": ["$status", sorted(limit.statuses)]},
            {"$let": {"vars": {"heard": _HEARD}, "in": silence}},
        ]
    }
