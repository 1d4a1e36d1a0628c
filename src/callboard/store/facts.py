"""The durable end of ingest: a batch of webhooks becomes one majority-committed write.

The inbox keeps what was received, once per event key; the calls take the facts. A webhook is
acknowledged only after both are committed. One poisoned fact fails alone.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError, WriteConcernError

from callboard.domain.webhooks import InboxEntry
from callboard.errors import CallboardError, InvariantViolated, StoreUnavailable
from callboard.store.database import MongoDatabase
from callboard.store.faults import unavailable
from callboard.store.merge import update_statement

__all__ = ["FactStore"]

_WRITE_TIMEOUT_MS = 5_000


class FactStore:
    """Commits batches of webhooks."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database

    async def commit(self, entries: Sequence[InboxEntry]) -> list[CallboardError | None]:
        """Write a batch; the answer says for each entry None or why it was not stored.

        Never raises for the store's sake: an unreachable store fails each entry with
        `StoreUnavailable`, which the sender may retry.
        """
        inbox = [_inbox_statement(entry) for entry in entries]
        with_fact = [index for index, entry in enumerate(entries) if entry.fact is not None]
        facts = [update_statement(fact) for entry in entries if (fact := entry.fact) is not None]
        kept, merged = await asyncio.gather(
            self._update("webhooks", inbox), self._update("calls", facts)
        )
        results = kept
        for index, failure in zip(with_fact, merged, strict=True):
            results[index] = results[index] or failure
        return results

    async def _update(
        self, collection: str, statements: list[dict[str, Any]]
    ) -> list[CallboardError | None]:
        """Run one unordered `update` command; one result per statement."""
        if not statements:
            return []
        try:
            answer = await self._database.command(
                {
                    "update": collection,
                    "updates": statements,
                    "ordered": False,
                    "writeConcern": {"w": "majority", "wtimeout": _WRITE_TIMEOUT_MS},
                }
            )
        except (ConnectionFailure, WriteConcernError) as error:
            return [unavailable(error)] * len(statements)
        except OperationFailure as error:
            retryable = error.has_error_label("RetryableWriteError")
            failure = unavailable(error) if retryable else InvariantViolated(str(error))
            return [failure] * len(statements)
        except PyMongoError as error:
            return [unavailable(error)] * len(statements)
        return _results(answer, len(statements))


def _results(answer: dict[str, Any], length: int) -> list[CallboardError | None]:
    """Spread an `update` command's answer over its statements."""
    if concern := answer.get("writeConcernError"):
        return [StoreUnavailable(str(concern))] * length
    results: list[CallboardError | None] = [None] * length
    for error in answer.get("writeErrors", ()):
        results[error["index"]] = InvariantViolated(str(error.get("errmsg")))
    return results


def _inbox_statement(entry: InboxEntry) -> dict[str, Any]:
    """Keep the first copy of a webhook and count the rest."""
    kept = {
        "vendor": entry.vendor,
        "kind": entry.kind,
        "callSid": entry.fact.call_sid if entry.fact else None,
        "query": entry.query,
        "body": entry.body,
        "receivedAt": entry.received_at,
        "problem": entry.problem,
    }
    return {
        "q": {"_id": entry.event_key},
        "u": {"$setOnInsert": kept, "$inc": {"deliveries": 1}},
        "upsert": True,
    }
