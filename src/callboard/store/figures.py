"""The pre-computed figures: `analytics` documents that move exactly once per change.

A batch's figures, the resume token and the projector's epoch are committed in one transaction
that only goes through if nobody else moved the token: a projector that was replaced, or that
died after its commit, can neither count twice nor skip.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from bson import Timestamp
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure, PyMongoError

from callboard.domain.buckets import Bucket
from callboard.domain.changes import ClusterTime
from callboard.domain.figures import GONE, FigureWrite
from callboard.errors import LeaseLost
from callboard.store.database import MongoDatabase, MongoDocument
from callboard.store.faults import unavailable
from callboard.store.snapshots import commit_time, find_as_of

__all__ = ["Checkpoint", "FigureStore", "snapshot_of"]

_CHECKPOINT = "projection"
_SESSION = "projection:session"
_ANALYTICS = "analytics"
_TYPES = ["daily", "campaign", "durations", "steps"]
_WRITES_PER_COMMAND = 1_000
_DAYS_MAX = 1_000
"""Local days that are read at once: more than anybody may ask for."""
_VERSION = 4
"""Of what is counted, and how: figures of another version are folded anew."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Up to where the figures have been folded."""

    token: Mapping[str, Any] | None
    """Resume token after the last committed batch; None right after a refold."""
    after: ClusterTime | None
    """Cluster time of the last refold: where reading starts without a token."""


class FigureStore:
    """Reads and moves the figures on behalf of the one projector."""

    def __init__(self, database: MongoDatabase, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone
        self._session: AsyncClientSession | None = None

    async def checkpoint(self) -> Checkpoint | None:
        """Return where the figures are, None when they were never folded.

        A changed reporting zone moves every bucket, so it counts as never folded; so does a
        database whose figures an earlier version of callboard has counted.
        """
        try:
            await self._take_over()
            state = await self._database.state.find_one({"_id": _CHECKPOINT})
        except PyMongoError as error:
            raise unavailable(error) from error
        if state is None or state.get("timezone") != self._zone.key:
            return None
        if state.get("version") != _VERSION:
            return None
        token, after = state.get("token"), state.get("after")
        return Checkpoint(token, (after.time, after.inc) if after is not None else None)

    async def _take_over(self) -> None:
        """End what a projector that died has left open, and say which session is ours.

        Its last transaction would hold its locks for a minute, and the figures would stand still.
        """
        state = self._database.state
        if self._session is not None:
            await self._session.end_session()
        self._session = self._database.client.start_session()
        ours = {"_id": _SESSION, "lsid": self._session.session_id}
        found = await state.find_one({"_id": _SESSION})
        if found is not None:
            # Where we may not, the transaction ends by itself.
            with contextlib.suppress(OperationFailure):
                await self._database.client.admin.command({"killSessions": [found["lsid"]]})
        # Only now: who dies before it leaves the name of what is still to be ended.
        await state.replace_one({"_id": _SESSION}, ours, upsert=True)

    async def _transaction(self, write: Callable[[AsyncClientSession], Awaitable[None]]) -> int:
        """Run a transaction in our session; return a commit time that contains it.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        try:
            if self._session is None:
                await self._take_over()
            if self._session is None:
                return 0
            await self._session.with_transaction(write)
        except PyMongoError as error:
            raise unavailable(error) from error
        at = self._session.operation_time
        return commit_time(at) if at is not None else 0

    async def commit(
        self,
        epoch: int,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any],
        writes: Sequence[FigureWrite],
    ) -> int:
        """Move the figures and the token together, exactly once; return the commit time.

        Raises:
            LeaseLost: the token is not at `before`, or a later epoch has been here.
            StoreUnavailable: MongoDB does not answer; the outcome is then read back from it.
        """

        async def write(session: AsyncClientSession) -> None:
            moved_on = await self._database.state.update_one(
                {"_id": _CHECKPOINT, "token": before, "epoch": {"$lte": epoch}},
                {"$set": {"token": dict(after), "epoch": epoch}},
                session=session,
            )
            if not moved_on.matched_count:
                message = "the figures' checkpoint was moved by another projector"
                raise LeaseLost(message)
            await self._write(writes, session)

        return await self._transaction(write)

    async def _write(self, writes: Sequence[FigureWrite], session: AsyncClientSession) -> None:
        """Store documents as they are now."""
        gone = [write.key for write in writes if write.document is None]
        if gone:
            deletes = [{"q": {"_id": {"$in": gone}}, "limit": 0}]
            await self._database.command(
                {"delete": _ANALYTICS, "deletes": deletes}, session=session
            )
        kept = [write for write in writes if write.document is not None]
        for start in range(0, len(kept), _WRITES_PER_COMMAND):
            batch = kept[start : start + _WRITES_PER_COMMAND]
            # Raw commands cost a third of the driver's bulk writes.
            command = {"update": _ANALYTICS, "updates": [_update_of(write) for write in batch]}
            answer = await self._database.command(command, session=session)
            if answer["n"] < len(batch):
                # Somebody deleted a document: what is held in memory is all of it.
                command["updates"] = [_replacement_of(write) for write in batch]
                await self._database.command(command, session=session)

    async def replace_all(
        self, epoch: int, documents: Sequence[MongoDocument], folded_at: ClusterTime
    ) -> None:
        """Put figures folded from nothing in the place of all others, in one transaction.

        Nobody sees a half, and of two projectors that fold at once only the later epoch's stay.

        Raises:
            LeaseLost: a later epoch has been here.
            StoreUnavailable: MongoDB does not answer; nothing was changed.
        """
        state, analytics = self._database.state, self._database.analytics
        checkpoint = {
            "epoch": epoch,
            "token": None,
            "after": Timestamp(*folded_at),
            "timezone": self._zone.key,
            "version": _VERSION,
        }

        async def write(session: AsyncClientSession) -> None:
            found = await state.find_one({"_id": _CHECKPOINT}, session=session)
            if found is not None and found.get("epoch", 0) > epoch:
                message = f"epoch {found['epoch']} projects now, not {epoch}"
                raise LeaseLost(message)
            await state.update_one(
                {"_id": _CHECKPOINT}, {"$set": checkpoint}, upsert=True, session=session
            )
            await analytics.delete_many({"type": {"$in": _TYPES}}, session=session)
            for start in range(0, len(documents), _WRITES_PER_COMMAND):
                await analytics.insert_many(
                    documents[start : start + _WRITES_PER_COMMAND], session=session
                )

        await self._transaction(write)

    async def documents(
        self, scopes: Iterable[tuple[str | None, str | None]]
    ) -> list[MongoDocument]:
        """Return every document of these days and campaigns, series included; perhaps more."""
        pairs = set(scopes)
        return await self._find(
            {
                "type": {"$in": ["daily", "durations", "steps"]},
                "day": {"$in": sorted({day for day, _ in pairs if day is not None})},
                "campaignId": {"$in": list({campaign for _, campaign in pairs})},
            }
        )

    async def of_day(self, day: str) -> list[MongoDocument]:
        """Return every document of a day: figures and series, of all calls and each campaign."""
        return await self._find({"type": {"$in": ["daily", "durations", "steps"]}, "day": day})

    async def counted_days(self) -> list[str]:
        """Return the days for which anything is counted, oldest first."""
        found = await self._find({"type": "daily", "campaignId": None})
        return [document["day"] for document in found]

    async def read(self, buckets: Sequence[Bucket]) -> dict[Bucket, MongoDocument]:
        """Return the stored documents of these buckets; missing ones are left out."""
        by_key = {bucket.key: bucket for bucket in buckets}
        found = await self._find({"_id": {"$in": list(by_key)}})
        return {by_key[document["_id"]]: document for document in found}

    async def campaign_documents(self) -> list[MongoDocument]:
        """Return every campaign's all-time figures."""
        return await self._find({"type": "campaign"})

    async def campaigns(self) -> dict[str, MongoDocument]:
        """Return every campaign's all-time figures by campaign id."""
        return {document["campaignId"]: document for document in await self.campaign_documents()}

    async def days(self, first: str, last: str, campaign_id: str | None) -> list[MongoDocument]:
        """Return the daily documents from `first` to `last` (local dates), oldest first."""
        return await self._find(_range_of("daily", first, last, campaign_id))

    async def days_as_of(
        self, series: str, first: str, last: str, campaign_id: str | None, after: int
    ) -> tuple[Sequence[MongoDocument], int]:
        """Return a range's documents, oldest first, and the commit time they are complete up to.

        `series` is `daily`, `durations` or `steps`; `after` is what the answer must contain.
        """
        return await find_as_of(
            self._database,
            _ANALYTICS,
            _range_of(series, first, last, campaign_id),
            after=after,
            limit=_DAYS_MAX,
            options={"sort": {"day": 1}},
        )

    async def _find(self, wanted: Mapping[str, Any]) -> list[MongoDocument]:
        """Return stored figures, days in order.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        try:
            return await self._database.analytics.find(wanted).sort("day", 1).to_list()
        except PyMongoError as error:
            raise unavailable(error) from error


def _range_of(series: str, first: str, last: str, campaign_id: str | None) -> MongoDocument:
    """Return the filter of one series' documents from one local day to another."""
    return {"type": series, "day": {"$gte": first, "$lte": last}, "campaignId": campaign_id}


def _update_of(write: FigureWrite) -> MongoDocument:
    """Return the statement that brings a stored document to what it is now."""
    if write.changed is None:
        return _replacement_of(write)
    changed = {path: value for path, value in write.changed.items() if value is not GONE}
    gone = dict.fromkeys(write.changed.keys() - changed.keys(), "")
    update = {"$set": changed} if changed else {}
    if gone:
        update["$unset"] = gone
    return {"q": {"_id": write.key}, "u": update}


def _replacement_of(write: FigureWrite) -> MongoDocument:
    return {"q": {"_id": write.key}, "u": write.document, "upsert": True}


async def snapshot_of(
    database: MongoDatabase,
    collection: str,
    wanted: Mapping[str, Any],
    at: ClusterTime | None = None,
    order: Mapping[str, int] | None = None,
) -> tuple[ClusterTime, AsyncIterator[MongoDocument]]:
    """Read documents as they all were at one cluster time, and say which.

    `operationTime` of a read is no version (cache.md): only a snapshot's `atClusterTime` is.

    Raises:
        StoreUnavailable: MongoDB does not answer.
    """
    concern: dict[str, Any] = {"level": "snapshot"}
    if at is not None:
        concern["atClusterTime"] = Timestamp(*at)
    session = database.client.start_session(causal_consistency=False)
    command = {"find": collection, "filter": dict(wanted), "readConcern": concern}
    if order is not None:
        command["sort"] = dict(order)
    try:
        answer = await database.command({**command, "batchSize": 1_000}, session=session)
    except PyMongoError as error:
        await session.end_session()
        raise unavailable(error) from error
    stamp: Timestamp = answer["cursor"]["atClusterTime"]
    documents = _drain(database, session, collection, answer["cursor"])
    return (stamp.time, stamp.inc), documents


async def _drain(
    database: MongoDatabase,
    session: AsyncClientSession,
    collection: str,
    cursor: Mapping[str, Any],
) -> AsyncIterator[MongoDocument]:
    """Yield a raw cursor's documents to the end, then give its session back."""
    try:
        batch = cursor["firstBatch"]
        while True:
            for document in batch:
                yield document
            if not cursor["id"]:
                return
            command = {"getMore": cursor["id"], "collection": collection, "batchSize": 1_000}
            answer = await database.command(command, session=session)
            cursor = answer["cursor"]
            batch = cursor["nextBatch"]
    except PyMongoError as error:
        raise unavailable(error) from error
    finally:
        await session.end_session()
