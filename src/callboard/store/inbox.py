"""Reading the inbox again: every webhook as it came, oldest first."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.errors import PyMongoError

from callboard.domain.webhooks import CALL_STATUS, InboxEntry, KeptWebhook
from callboard.store.database import MongoDatabase
from callboard.store.faults import unavailable

__all__ = ["InboxReader", "InboxSelection", "Stored", "stored_webhook"]

_BATCH = 500


@dataclass(frozen=True, slots=True)
class InboxSelection:
    """Which webhooks; None means all."""

    since: datetime | None = None
    until: datetime | None = None
    vendor: str | None = None
    problems_only: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """One document of the inbox."""

    event_key: str
    kept: KeptWebhook
    problem: str | None
    deliveries: int = 1


class InboxReader:
    """Reads kept webhooks, and writes down what they mean by today's rules."""

    def __init__(self, database: MongoDatabase) -> None:
        self._webhooks = database.webhooks

    async def batches(self, selection: InboxSelection) -> AsyncIterator[list[Stored]]:
        """Yield the selected webhooks in the order they came.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        batch: list[Stored] = []
        try:
            # No index on the instant, which every webhook would pay for: this sorts on disk.
            cursor = self._webhooks.find(_filter(selection)).sort("receivedAt", 1)
            async for document in cursor.allow_disk_use(allow_disk_use=True):
                batch.append(stored_webhook(document))
                if len(batch) == _BATCH:
                    yield batch
                    batch = []
        except PyMongoError as error:
            raise unavailable(error) from error
        if batch:
            yield batch

    async def rewrite(self, entries: Sequence[InboxEntry]) -> None:
        """Write down what webhooks mean now, under the event keys they already have.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        for entry in entries:
            try:
                await self._webhooks.update_one({"_id": entry.event_key}, _meaning(entry))
            except PyMongoError as error:
                raise unavailable(error) from error


def _filter(selection: InboxSelection) -> dict[str, Any]:
    window = {"$gte": selection.since, "$lt": selection.until}
    bounds = {name: value for name, value in window.items() if value is not None}
    wanted: dict[str, Any] = {"receivedAt": bounds} if bounds else {}
    if selection.vendor is not None:
        wanted["vendor"] = selection.vendor
    if selection.problems_only:
        wanted["problem"] = {"$ne": None}
    return wanted


def stored_webhook(document: Mapping[str, Any]) -> Stored:
    """Return a document of the inbox as it is read."""
    kept = KeptWebhook(
        path=str(document.get("path", CALL_STATUS)),  # the only route of the first version
        query=str(document["query"]),
        body=bytes(document["body"]),
        received_at=document["receivedAt"],
    )
    deliveries = document.get("deliveries", 1)
    return Stored(str(document["_id"]), kept, document.get("problem"), int(deliveries))


def _meaning(entry: InboxEntry) -> dict[str, Any]:
    """Return the update that replaces what an entry was taken to mean."""
    fact = entry.fact
    said = {
        "kind": entry.kind,
        "callSid": fact.key if fact is not None and not fact.orphan else None,
        "conversationId": fact.conversation_id if fact is not None else None,
        "problem": entry.problem,
    }
    known = {name: value for name, value in said.items() if value is not None}
    gone = dict.fromkeys(said.keys() - known.keys(), "")
    return {"$set": known, "$unset": gone} if gone else {"$set": known}
