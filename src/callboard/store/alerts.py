"""What alerts are made of and became: looks, the judge's state, what fired, and what was sent.

The state has a version, and moves together with what it tells in one transaction: of two
processes that judge at once one is told to look again, and nothing is told twice or half.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from callboard.store.database import MongoDatabase, MongoDocument
from callboard.store.faults import unavailable

__all__ = ["CLAIM", "AlertStore", "Outgoing", "Stored"]

_STATE = "alerts"
_LOOKS_KEPT_S = 30 * 24 * 3600
_TOLD_KEPT_S = 180 * 24 * 3600
_TALLIES_KEPT_S = 3600

CLAIM = timedelta(seconds=60)
"""Whoever takes a message has so long to say what came of it; then another may take it."""

_INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "readings": [IndexModel([("from", ASCENDING)], expireAfterSeconds=_LOOKS_KEPT_S)],
    "alerts": [IndexModel([("at", ASCENDING)], expireAfterSeconds=_TOLD_KEPT_S)],
    "outbox": [
        IndexModel([("at", ASCENDING)], expireAfterSeconds=_TOLD_KEPT_S),
        IndexModel([("target", ASCENDING), ("state", ASCENDING), ("at", ASCENDING)]),
        IndexModel([("alert", ASCENDING)]),
    ],
    "tallies": [IndexModel([("at", ASCENDING)], expireAfterSeconds=_TALLIES_KEPT_S)],
}


@dataclass(frozen=True, slots=True)
class Stored:
    """The judge's state as stored."""

    version: int
    document: MongoDocument | None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that its taker must send, and then say what came of it."""

    identity: str
    target: str
    title: str
    body: str
    attempts: int
    """This one included."""
    at: datetime
    """When what it tells of happened."""


class _Overtaken(Exception):  # noqa: N818  (no error: it ends a transaction)
    """Another process has moved the state."""


class AlertStore:
    """Reads and writes `readings`, `alerts`, `outbox`, `tallies`, and one document of `state`."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database

    async def prepare(self) -> None:
        """Make what is missing; idempotent.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        try:
            for name, indexes in _INDEXES.items():
                await self._database[name].create_indexes(list(indexes))
            await self._database.state.update_one(
                {"_id": _STATE}, {"$setOnInsert": {"version": 0, "held": None}}, upsert=True
            )
        except PyMongoError as error:
            raise unavailable(error) from error

    async def state(self) -> Stored:
        """Return the judge's state.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        try:
            found = await self._database.state.find_one({"_id": _STATE}) or {}
        except PyMongoError as error:
            raise unavailable(error) from error
        return Stored(int(found.get("version", 0)), found.get("held"))

    async def commit(
        self,
        version: int,
        document: Mapping[str, Any],
        told: Sequence[Mapping[str, Any]] = (),
        outgoing: Sequence[Mapping[str, Any]] = (),
    ) -> bool:
        """Move the state from a version to the next, with all it tells; False: somebody else did.

        Raises:
            StoreUnavailable: MongoDB does not answer; nothing, or all of it, was stored.
        """
        try:
            if not told:
                return await self._move(version, document, None)
            async with self._database.client.start_session() as session:
                await session.with_transaction(
                    lambda session: self._tell(session, version, document, (told, outgoing))
                )
        except _Overtaken:
            return False
        except PyMongoError as error:
            raise unavailable(error) from error
        return True

    async def _move(
        self, version: int, document: Mapping[str, Any], session: AsyncClientSession | None
    ) -> bool:
        moved = await self._database.state.update_one(
            {"_id": _STATE, "version": version},
            {"$set": {"version": version + 1, "held": document}},
            session=session,
        )
        return bool(moved.matched_count)

    async def _tell(
        self,
        session: AsyncClientSession,
        version: int,
        document: Mapping[str, Any],
        what: tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]],
    ) -> None:
        if not await self._move(version, document, session):
            raise _Overtaken
        for name, documents in zip(("alerts", "outbox"), what, strict=True):
            for one in documents:  # the same thing told again is no other thing
                await self._database[name].update_one(
                    {"_id": one["_id"]}, {"$setOnInsert": one}, upsert=True, session=session
                )

    async def keep(self, looks: Mapping[str, Any]) -> None:
        """Store some looks.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        try:
            await self._database.readings.insert_one({"from": looks["at"][0], **looks})
        except PyMongoError as error:
            raise unavailable(error) from error

    async def looks(self, since: datetime, until: datetime) -> AsyncIterator[MongoDocument]:
        """Yield documents of looks that begin in a stretch of time, oldest first.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        between = {"from": {"$gte": since, "$lt": until}}
        try:
            async for document in self._database.readings.find(between).sort("from", ASCENDING):
                yield document
        except PyMongoError as error:
            raise unavailable(error) from error

    async def tally(self, owner: str, at: datetime, counts: Mapping[str, float]) -> None:
        """Say what a process has counted since it began.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        pairs = [[name, value] for name, value in counts.items()]
        try:
            await self._database.tallies.update_one(
                {"_id": owner}, {"$set": {"at": at, "counts": pairs}}, upsert=True
            )
        except PyMongoError as error:
            raise unavailable(error) from error

    async def tallies(self) -> dict[str, dict[str, float]]:
        """Return what every process has counted since it began.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        try:
            found = await self._database.tallies.find().to_list()
        except PyMongoError as error:
            raise unavailable(error) from error
        return {str(each["_id"]): dict(each["counts"]) for each in found}

    async def take(self, target: str, now: datetime) -> Outgoing | None:
        """Take the oldest message to a target; None: none, or it is not its time yet.

        Messages to one target are sent in order. What its taker never came back for is taken
        again: a message is sent at least once.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        waiting = {"target": target, "state": "waiting"}
        order = [("at", ASCENDING), ("_id", ASCENDING)]
        try:
            first = await self._database.outbox.find_one(waiting, sort=order)
            if first is None or first["dueAt"] > now:
                return None
            taken = await self._database.outbox.find_one_and_update(
                {**waiting, "_id": first["_id"], "attempts": first["attempts"]},
                {"$inc": {"attempts": 1}, "$set": {"dueAt": now + CLAIM}},
                return_document=ReturnDocument.AFTER,
            )
        except PyMongoError as error:
            raise unavailable(error) from error
        return _outgoing(taken) if taken is not None else None

    async def sent(self, message: Outgoing, now: datetime) -> None:
        """Say that a message arrived.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        await self._settle(message.identity, {"state": "sent", "sentAt": now, "error": None})

    async def failed(self, message: Outgoing, error: str, due_at: datetime | None) -> None:
        """Say that a message did not arrive, and when it is tried again; None: never.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        later = {"dueAt": due_at} if due_at is not None else {"state": "failed"}
        await self._settle(message.identity, {"error": error, **later})

    async def _settle(self, identity: str, fields: Mapping[str, Any]) -> None:
        try:
            await self._database.outbox.update_one(
                {"_id": identity, "state": "waiting"}, {"$set": fields}
            )
        except PyMongoError as error:
            raise unavailable(error) from error

    async def recent(self, count_max: int) -> list[MongoDocument]:
        """Return what was told last, newest first, each with its messages as `sent`.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        newest = [("at", DESCENDING), ("_id", DESCENDING)]
        try:
            found = await self._database.alerts.find().sort(newest).limit(count_max).to_list()
            ids = [each["_id"] for each in found]
            messages = await self._database.outbox.find({"alert": {"$in": ids}}).to_list()
        except PyMongoError as error:
            raise unavailable(error) from error
        by_alert: dict[str, list[MongoDocument]] = {}
        for message in sorted(messages, key=lambda one: one["_id"]):
            by_alert.setdefault(message["alert"], []).append(message)
        return [{**each, "sent": by_alert.get(each["_id"], [])} for each in found]


def _outgoing(document: MongoDocument) -> Outgoing:
    return Outgoing(
        document["_id"],
        document["target"],
        document["title"],
        document["body"],
        document["attempts"],
        document["at"],
    )
