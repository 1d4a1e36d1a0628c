"""What people and the projector read of calls and campaigns."""

import base64
import binascii
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from bson import ObjectId, Timestamp
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from callboard.domain.calls import ACTIVE_STATUSES, TERMINAL_STATUSES
from callboard.domain.changes import ClusterTime
from callboard.domain.queries import CallPage, CallQuery
from callboard.domain.stale import UNENDED_STATUSES
from callboard.errors import CallNotFound, CampaignExists, CampaignNotFound, MalformedPayload
from callboard.store.database import MongoDatabase, MongoDocument
from callboard.store.faults import unavailable
from callboard.store.figures import snapshot_of
from callboard.store.snapshots import commit_time, find_as_of

__all__ = ["Calls", "Campaigns", "ids_of"]


class Calls:
    """Reads of the `calls` collection."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database

    async def page(self, query: CallQuery, after: int = 0) -> CallPage:
        """Return one page, complete up to `after` at least.

        Raises:
            MalformedPayload: the cursor is not one of ours.
            StoreUnavailable: MongoDB does not answer.
        """
        found, as_of = await find_as_of(
            self._database,
            "calls",
            _filter(query),
            after=after,
            limit=query.limit + 1,
            options={"sort": {"startTime": -1, "_id": -1}},
        )
        page = found[: query.limit]
        following = _cursor_of(page[-1]) if len(found) > query.limit else None
        return CallPage(page, following, as_of)

    async def find(self, sid: str, after: int = 0) -> tuple[MongoDocument | None, int]:
        """Return a call by its SID, None when there is none, and up to when that is so."""
        wanted = {"$or": [{"_id": sid}, {"sid": sid}]}
        found, as_of = await find_as_of(self._database, "calls", wanted, after=after, limit=2)
        # Two only if another program has named one call as another is called.
        chosen = next((call for call in found if call["_id"] == sid), None)
        return chosen or next(iter(found), None), as_of

    async def one(self, sid: str) -> MongoDocument:
        """Return a call by its SID.

        Raises:
            CallNotFound: there is none.
            StoreUnavailable: MongoDB does not answer.
        """
        found, _ = await self.find(sid)
        if found is None:
            message = f"no call '{sid}'"
            raise CallNotFound(message)
        return found

    async def active(self) -> list[MongoDocument]:
        """Return the calls alive now."""
        try:
            return await self._database.calls.find(_ACTIVE).sort(_ACTIVE_ORDER).to_list()
        except PyMongoError as error:
            raise unavailable(error) from error

    async def active_snapshot(self) -> tuple[ClusterTime, AsyncIterator[MongoDocument]]:
        """Return the calls alive at one cluster time."""
        return await snapshot_of(self._database, "calls", _ACTIVE, order=_ACTIVE_ORDER)

    async def begun_between(
        self, since: datetime, until: datetime
    ) -> tuple[ClusterTime, AsyncIterator[MongoDocument]]:
        """Return the calls begun in a stretch of time, as of one cluster time; perhaps more.

        Other programs may have written `startTime` as text: those all come along.
        """
        wanted = [{"startTime": {"$gte": since, "$lt": until}}, {"startTime": {"$gte": ""}}]
        return await snapshot_of(self._database, "calls", {"$or": wanted})

    async def all_snapshot(self) -> tuple[ClusterTime, AsyncIterator[MongoDocument]]:
        """Return every call as of one cluster time."""
        return await snapshot_of(self._database, "calls", {})


class Campaigns:
    """The `campaigns` collection."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database

    async def snapshot(self) -> tuple[ClusterTime, AsyncIterator[MongoDocument]]:
        """Return every campaign as of one cluster time."""
        return await snapshot_of(self._database, "campaigns", {})

    async def one(self, campaign_id: str) -> MongoDocument:
        """Return a campaign by its id.

        Raises:
            CampaignNotFound: there is none.
        """
        found, _ = await self.find(campaign_id)
        if found is None:
            message = f"no campaign '{campaign_id}'"
            raise CampaignNotFound(message)
        return found

    async def find(self, campaign_id: str, after: int = 0) -> tuple[MongoDocument | None, int]:
        """Return a campaign by its id, None when there is none, and up to when that is so."""
        ids = ids_of(campaign_id)
        found, as_of = await find_as_of(
            self._database, "campaigns", {"_id": {"$in": ids}}, after=after, limit=len(ids)
        )
        chosen = next((campaign for campaign in found if campaign["_id"] == campaign_id), None)
        return chosen or next(iter(found), None), as_of

    async def create(
        self, campaign_id: str, fields: Mapping[str, Any], now: datetime
    ) -> tuple[MongoDocument, int]:
        """Store a new campaign; return it, and the commit time.

        Raises:
            CampaignExists: the id is taken.
        """
        document = {"_id": campaign_id, **fields, "createdAt": now, "updatedAt": now}
        try:
            async with self._database.client.start_session() as session:
                await self._database.campaigns.insert_one(document, session=session)
                return document, commit_time(session.operation_time or Timestamp(0, 0))
        except DuplicateKeyError as error:
            message = f"campaign '{campaign_id}' exists already"
            raise CampaignExists(message) from error
        except PyMongoError as error:
            raise unavailable(error) from error

    async def change(
        self, campaign_id: str, fields: Mapping[str, Any], now: datetime
    ) -> tuple[MongoDocument, int]:
        """Change some fields of a campaign; return it as it is then, and the commit time.

        Raises:
            CampaignNotFound: there is none.
        """
        try:
            async with self._database.client.start_session() as session:
                changed = await self._database.campaigns.find_one_and_update(
                    {"_id": {"$in": ids_of(campaign_id)}},
                    {"$set": {**fields, "updatedAt": now}},
                    sort={"_id": 1},  # a text sorts before an ObjectId: ours before theirs
                    return_document=ReturnDocument.AFTER,
                    session=session,
                )
                committed = commit_time(session.operation_time or Timestamp(0, 0))
        except PyMongoError as error:
            raise unavailable(error) from error
        if changed is None:
            message = f"no campaign '{campaign_id}'"
            raise CampaignNotFound(message)
        return changed, committed


def ids_of(campaign_id: str) -> list[str | ObjectId]:
    """Return what a campaign may be stored under: other programs use the driver's own ids."""
    if ObjectId.is_valid(campaign_id):
        return [campaign_id, ObjectId(campaign_id)]
    return [campaign_id]


_ACTIVE = {
    "status": {
        # The very words of the partial index `open`: MongoDB does not see that fewer would do.
        "$in": sorted(UNENDED_STATUSES),
        "$nin": sorted(UNENDED_STATUSES - ACTIVE_STATUSES),
    },
    "twilio.parentCallSid": None,
}
_ACTIVE_ORDER = {"startTime": -1}
"""What names the key of the partial index `open`: without, MongoDB reads every call."""


def _filter(query: CallQuery) -> dict[str, Any]:
    """Return MongoDB's filter for a list; the cursor bounds it from above."""
    exact = {
        "status": _status_filter(query),
        "campaignId": query.campaign_id,
        "direction": query.direction,
        "from": query.from_number,
        "to": query.to_number,
        "conversationId": query.conversation_id,
        "outcome": query.outcome,
        "twilio.sipResponseCode": query.sip_code,
        "success": query.success,
        "startTime": _range(query.since, query.until),
        "duration": _range(query.min_duration_s, query.max_duration_s),
    }
    wanted: dict[str, Any] = {name: value for name, value in exact.items() if value is not None}
    if query.number is not None:
        # No index has it: the calls are read by their start, newest first, until a page is full.
        wanted["$or"] = [{"from": query.number}, {"to": query.number}]
    if query.before is not None:
        started, sid = _read_cursor(query.before)
        earlier = {
            "$or": [{"startTime": {"$lt": started}}, {"startTime": started, "_id": {"$lt": sid}}]
        }
        wanted = {"$and": [wanted, earlier]}
    return wanted


def _range(least: object, limit: object) -> dict[str, object] | None:
    """Return a filter of what is at least `least` and below `limit`, None without both."""
    bounds = {"$gte": least, "$lt": limit}
    return {name: value for name, value in bounds.items() if value is not None} or None


def _status_filter(query: CallQuery) -> Any:
    """Return the filter of the status, None for any.

    Also where none is asked for: durations are completed calls', and what is stored of the outcome
    of a call that goes on is not shown.
    """
    wanted = set(query.statuses)
    if query.min_duration_s is not None or query.max_duration_s is not None:
        wanted = wanted & _COMPLETED if wanted else set(_COMPLETED)
    elif query.outcome is not None:
        if not wanted:
            return {"$nin": sorted(ACTIVE_STATUSES)}
        wanted -= ACTIVE_STATUSES
    elif not wanted:
        return None
    if len(wanted) == 1:
        return next(iter(wanted))
    if wanted and wanted <= TERMINAL_STATUSES:
        # The very words of the partial index `over`: it then merges one range for each status.
        return {"$in": sorted(TERMINAL_STATUSES), "$nin": sorted(TERMINAL_STATUSES - wanted)}
    return {"$in": sorted(wanted)}


_COMPLETED = frozenset({"completed"})


def _cursor_of(document: Mapping[str, Any]) -> str:
    """Return where a page ends: the last call's start in milliseconds and its id."""
    started = document.get("startTime")
    started_ms = round(started.timestamp() * 1000) if isinstance(started, datetime) else 0
    return base64.urlsafe_b64encode(orjson.dumps([started_ms, str(document["_id"])])).decode()


def _read_cursor(text: str) -> tuple[datetime, str]:
    try:
        started_ms, sid = orjson.loads(base64.urlsafe_b64decode(text.encode()))
        return datetime.fromtimestamp(started_ms / 1000, UTC), str(sid)
    except (ValueError, TypeError, OSError, OverflowError, binascii.Error) as error:
        message = "'before' must be the 'next' of an earlier answer"
        raise MalformedPayload(message, field="before") from error
