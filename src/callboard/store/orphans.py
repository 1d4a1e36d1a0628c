"""Conversations whose call is not known yet, and what makes them one with it.

An orphan is a call document under the conversation's id. Once a call names the conversation, or
the caller's own id, all the orphan's leaves are merged into that call and the orphan is deleted,
but only if it has not changed since it was read: no leaf is ever outside both documents, so
dying anywhere in between loses nothing, and doing it twice changes nothing.
"""

from collections.abc import Collection
from typing import Any

from pymongo.errors import PyMongoError

from callboard.domain.lattice import leaves_of
from callboard.store.database import MongoDatabase, MongoDocument
from callboard.store.faults import unavailable
from callboard.store.merge import update_statement

__all__ = ["Orphans"]

_ATTEMPTS = 5
# Other programs' calls may have ids of the driver's own making, which no webhook can name.
_CALL = {"orphan": None, "_id": {"$type": "string"}}
_COMPARED = (
    *("elevenlabs", "context", "watch"),
    *("campaignId", "contactId", "contactName", "updatedAt"),
)


class Orphans:
    """Finds conversations' calls."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database

    async def call_of(self, conversation_id: str | None, call_id: str | None) -> str | None:
        """Return the call SID of a conversation, None while no call names it.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        wanted: list[dict[str, Any]] = []
        if conversation_id:
            wanted.append({"conversationId": conversation_id})
        if call_id:
            wanted.append({"context.callId": call_id})
        try:
            for known in wanted:
                # One own id may have served several attempts: the latest is meant.
                newest = self._database.calls.find({**known, **_CALL}, {"_id": 1})
                for found in await newest.sort("startTime", -1).limit(1).to_list():
                    return str(found["_id"])
        except PyMongoError as error:
            raise unavailable(error) from error
        return None

    async def join(self, conversation_ids: Collection[str], call_ids: Collection[str]) -> int:
        """Join the orphans among these to their calls; return how many found theirs.

        Raises:
            StoreUnavailable: MongoDB does not answer; what was joined stays joined.
        """
        named: list[dict[str, Any]] = []
        if conversation_ids:
            named.append({"_id": {"$in": list(conversation_ids)}})
        if call_ids:
            named.append({"context.callId": {"$in": list(call_ids)}})
        return await self._join({"orphan": True, "$or": named}) if named else 0

    async def sweep(self) -> int:
        """Join whatever can be joined; return how many found their call.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        return await self._join({"orphan": True})

    async def _join(self, wanted: dict[str, Any]) -> int:
        joined = 0
        try:
            async for orphan in self._database.calls.find(wanted).sort("updatedAt", -1):
                joined += await self._adopt(orphan)
        except PyMongoError as error:
            raise unavailable(error) from error
        return joined

    async def _adopt(self, orphan: MongoDocument) -> bool:
        """Merge an orphan into its call, if that is known, until nothing of it is left behind."""
        found: MongoDocument | None = orphan
        for _ in range(_ATTEMPTS):
            if found is None:
                return True
            fact = leaves_of(found)
            sid = await self.call_of(fact.conversation_id, fact.call_id)
            if sid is None:
                return False
            merged = await self._database.command(
                {
                    "update": "calls",
                    "updates": [update_statement(fact.of_call(sid))],
                    "writeConcern": {"w": "majority"},
                }
            )
            if merged.get("writeErrors"):
                return False
            # The inbox says what became of each webhook.
            await self._database.webhooks.update_many(
                {"conversationId": fact.conversation_id, "callSid": None},
                {"$set": {"callSid": sid}},
            )
            unchanged = {name: found.get(name) for name in _COMPARED}
            await self._database.calls.delete_one(
                {"_id": found["_id"], "orphan": True, **unchanged}
            )
            found = await self._database.calls.find_one({"_id": found["_id"], "orphan": True})
        return False
