"""The durable end of ingest: a batch of webhooks becomes two majority-committed commands.

The inbox keeps what was received, once per event key; the calls take the facts. A webhook is
acknowledged only after both are committed. One poisoned fact fails alone: each statement is
encoded by itself, and the commands are unordered.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError, WriteConcernError

from callboard.domain.lattice import CallFact
from callboard.domain.webhooks import InboxEntry
from callboard.errors import (
    CallboardError,
    InvariantViolated,
    MalformedPayload,
    PayloadTooLarge,
    StoreUnavailable,
)
from callboard.store.database import MongoDatabase
from callboard.store.faults import unavailable
from callboard.store.first import KnownCalls, first_statement
from callboard.store.merge import (
    GIVEN_UP,
    Shape,
    group_statement,
    quick_statement,
    shape,
    update_statement,
)

__all__ = ["FactStore"]

_WRITE_TIMEOUT_MS = 5_000
_COMMAND_BYTES_MAX = 12 * 1024 * 1024
"""MongoDB takes 16 MB; a statement larger than this goes alone."""
_DUPLICATE_KEY = 11_000
_CHEAP_FROM = 8
"""Below it one command of single statements is cheaper than two commands."""

_NOT_ENCODABLE = (BSONError, OverflowError, ValueError)

Result = CallboardError | None


class FactStore:
    """Commits batches of webhooks."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._known = KnownCalls()

    async def commit(self, entries: Sequence[InboxEntry]) -> list[Result]:
        """Write a batch; the answer says for each entry None or why it was not stored.

        Never raises for the store's sake: an unreachable store fails each entry with
        `StoreUnavailable`, which the sender may retry.
        """
        facts = {i: entry.fact for i, entry in enumerate(entries) if entry.fact is not None}
        plan = self._plan(facts)
        problems = {
            index: str(plan.refused.get(index) or entry.problem or "")
            for index, entry in enumerate(entries)
        }
        inbox = {
            index: _encoded(_inbox_document(entry, problems[index]))
            for index, entry in enumerate(entries)
        }
        kept, merged = await asyncio.gather(self._keep(inbox, entries), self._merge(facts, plan))
        results: list[Result] = [None] * len(entries)
        for index, failure in [*kept.items(), *merged.items()]:
            results[index] = results[index] or failure
        return results

    async def merge(self, facts: Sequence[CallFact]) -> list[Result]:
        """Merge facts alone; the answer says for each None or why it was not stored."""
        numbered = dict(enumerate(facts))
        failures = await self._merge(numbered, self._plan(numbered))
        return [failures.get(index) for index in numbered]

    def _plan(self, facts: Mapping[int, CallFact]) -> "_Plan":
        """Choose the cheapest statement for each fact: all of them end in the same calls."""
        plan = _Plan()
        known = self._known
        cheap = len(facts) >= _CHEAP_FROM
        taken: set[str] = set()
        for index, fact in facts.items():
            try:
                if cheap and fact.key in known and fact.key not in taken and (of := shape(fact)):
                    # Encoded alone too: what BSON cannot hold must not fail its group.
                    bson.encode({"most": fact.most, "least": fact.least})
                    plan.groups.setdefault(of, []).append(index)
                    taken.add(fact.key)
                elif cheap and fact.key not in known and (first := first_statement(fact)):
                    plan.first[index] = _encoded(first)
                else:
                    plan.single[index] = _encoded(quick_statement(fact))
            except _NOT_ENCODABLE as error:
                message = f"it cannot be stored in its call: {error}"
                plan.refused[index] = MalformedPayload(message, field="body")
        return plan

    async def _merge(
        self, facts: Mapping[int, CallFact], plan: "_Plan"
    ) -> dict[int, CallboardError]:
        """Merge facts into their calls; what a cheaper way missed is merged by itself."""
        statements = plan.first | plan.single
        for indexes in plan.groups.values():
            # A group goes by its first index, which no other statement has.
            grouped = [facts[index] for index in indexes]
            statements[indexes[0]] = _encoded(group_statement(grouped))
        written = await self._write_all("update", "calls", statements)
        failures: dict[int, CallboardError] = {**plan.refused, **written.failures}
        # Calls that were there already, and groups if any of their calls was not.
        # (A duplicate key may also be another writer's upsert at the same moment.)
        missed = [index for index in plan.first if index not in written.made | failures.keys()]
        missed += [index for index in plan.single if index in written.known]
        grouped_indexes = [index for indexes in plan.groups.values() for index in indexes]
        if written.unreachable is not None:
            failures |= dict.fromkeys(grouped_indexes, written.unreachable)
        elif written.matched < len(plan.first) + len(plan.single) + len(grouped_indexes):
            missed += grouped_indexes
        failures = {i: failure for i, failure in failures.items() if i not in missed}
        failures |= await self._merge_missed({index: facts[index] for index in sorted(missed)})
        for index, fact in facts.items():
            if index in failures:
                self._known.discard(fact.key)
            else:
                self._known.add(fact.key)
        return failures

    async def _merge_missed(self, facts: Mapping[int, CallFact]) -> dict[int, CallboardError]:
        """Merge facts each by itself; by the whole rule where a short one will not do."""
        failures: dict[int, CallboardError] = {}
        for statement_of in (quick_statement, update_statement):
            again = {index: _encoded(statement_of(fact)) for index, fact in facts.items()}
            written = await self._write_all("update", "calls", again)
            failures |= written.failures
            facts = {index: facts[index] for index in written.known}
        return failures | {i: InvariantViolated(why) for i, why in written.known.items()}

    async def _keep(
        self, documents: dict[int, RawBSONDocument], entries: Sequence[InboxEntry]
    ) -> dict[int, CallboardError]:
        """Put webhooks into the inbox; of one that is there already only the repetition."""
        inserted = await self._write_all("insert", "webhooks", documents)
        repeated = {index: _repetition(entries[index]) for index in inserted.known}
        counted = await self._write_all("update", "webhooks", repeated)
        return inserted.failures | counted.failures

    async def _write_all(
        self, verb: str, collection: str, documents: Mapping[int, RawBSONDocument]
    ) -> "_Written":
        """Run unordered write commands, as many as their sizes need."""
        written = _Written()
        field = "documents" if verb == "insert" else "updates"
        for part in _parts(documents):
            command = {verb: collection, field: list(part.values()), "ordered": False}
            await self._write(command, list(part), written)
        return written

    async def _write(
        self, command: dict[str, Any], indexes: Sequence[int], written: "_Written"
    ) -> None:
        """Run one write command and note what became of its statements."""
        concern = {"w": "majority", "wtimeout": _WRITE_TIMEOUT_MS}
        try:
            answer = await self._database.command({**command, "writeConcern": concern})
        except (ConnectionFailure, WriteConcernError) as error:
            failure: CallboardError = unavailable(error)
        except OperationFailure as error:
            retryable = error.has_error_label("RetryableWriteError")
            failure = unavailable(error) if retryable else InvariantViolated(str(error))
        except PyMongoError as error:
            failure = unavailable(error)
        except BSONError as error:
            # One document that is larger than MongoDB takes; it went alone (`_parts`).
            failure = PayloadTooLarge(str(error))
        else:
            written.note(answer, indexes)
            return
        written.failures |= dict.fromkeys(indexes, failure)
        if isinstance(failure, StoreUnavailable):
            written.unreachable = failure


@dataclass
class _Plan:
    """How a batch of facts is to be merged, each by the index of its entry."""

    first: dict[int, RawBSONDocument] = field(default_factory=dict)
    """Statements that make calls nobody has heard of, and leave those alone that are there."""
    groups: dict[Shape, list[int]] = field(default_factory=dict)
    """Facts of one shape about calls that are known, each call once."""
    single: dict[int, RawBSONDocument] = field(default_factory=dict)
    """Statements of the other facts."""
    refused: dict[int, MalformedPayload] = field(default_factory=dict)
    """Facts that BSON cannot hold."""


@dataclass
class _Written:
    """What became of the statements of some write commands."""

    failures: dict[int, CallboardError] = field(default_factory=dict)
    known: dict[int, str] = field(default_factory=dict)
    """Statements that met a duplicate key or a closed call, and what MongoDB said of it."""
    made: set[int] = field(default_factory=set)
    """Updates that found nothing and made a document."""
    matched: int = 0
    unreachable: StoreUnavailable | None = None
    """Set when a command had no answer: its statements one by one would have none either."""

    def note(self, answer: Mapping[str, Any], indexes: Sequence[int]) -> None:
        """Spread a command's answer over its statements."""
        self.matched += answer.get("n", 0)
        self.made |= {indexes[made["index"]] for made in answer.get("upserted", ())}
        if concern := answer.get("writeConcernError"):
            self.unreachable = StoreUnavailable(str(concern))
            self.failures |= dict.fromkeys(indexes, self.unreachable)
        for error in answer.get("writeErrors", ()):
            index = indexes[error["index"]]
            if error.get("code") in (_DUPLICATE_KEY, GIVEN_UP):
                self.known[index] = str(error.get("errmsg"))
            else:
                self.failures[index] = InvariantViolated(str(error.get("errmsg")))


def _encoded(document: dict[str, Any]) -> RawBSONDocument:
    return RawBSONDocument(bson.encode(document))


def _parts(documents: Mapping[int, RawBSONDocument]) -> Iterator[dict[int, RawBSONDocument]]:
    """Split what would be larger than MongoDB takes in one command."""
    part: dict[int, RawBSONDocument] = {}
    size = 0
    for index, document in documents.items():
        length = len(document.raw)
        if part and size + length > _COMMAND_BYTES_MAX:
            yield part
            part, size = {}, 0
        part[index] = document
        size += length
    if part:
        yield part


def _inbox_document(entry: InboxEntry, problem: str) -> dict[str, Any]:
    """Return a webhook as it is kept; absent means nothing to say."""
    kept, fact = entry.kept, entry.fact
    document: dict[str, Any] = {
        "_id": entry.event_key,
        "vendor": entry.vendor,
        "kind": entry.kind,
        "path": kept.path,
        "query": kept.query,
        "body": kept.body,
        "receivedAt": kept.received_at,
        "deliveries": 1,
    }
    if fact is not None and not fact.orphan:
        document["callSid"] = fact.key
    if fact is not None and fact.conversation_id:
        document["conversationId"] = fact.conversation_id
    if problem:
        document["problem"] = problem
    return document


def _repetition(entry: InboxEntry) -> RawBSONDocument:
    """Count another delivery of what the inbox holds."""
    return _encoded(
        {
            "q": {"_id": entry.event_key},
            "u": {"$inc": {"deliveries": 1}, "$max": {"lastReceivedAt": entry.kept.received_at}},
        }
    )
