"""The durable end of ingest on a real MongoDB: what fails alone, what is counted and kept."""

import asyncio
from typing import Any

import pytest
from pymongo import AsyncMongoClient, monitoring
from support import deliveries as made
from support.deliveries import entries_of
from support.engines import Engines

from callboard.domain.lattice import CallFact
from callboard.domain.webhooks import CALL_STATUS, InboxEntry, KeptWebhook
from callboard.errors import InvariantViolated, MalformedPayload, StoreUnavailable
from callboard.store.database import MongoDatabase, connect, prepare
from callboard.store.facts import FactStore
from callboard.store.schema import OBSOLETE_INDEXES

MB = 1024 * 1024


def call_sid(number: int) -> str:
    """Return a made-up call SID."""
    return f"CA{number:032x}"


def ringing(number: int, query: str = "") -> InboxEntry:
    """Return the first webhook of a call."""
    form = made.status_form_at(call_sid(number), "ringing", 1, 3)
    (entry,) = entries_of(made.callback(form, query))
    return entry


def saying(number: int, leaf: Any, body: bytes = b"made up") -> InboxEntry:
    """Return an entry whose fact says anything at all."""
    sid = call_sid(number)
    fact = CallFact(sid, f"twilio:{sid}:made-up", "status", most={"twilio.madeUp": leaf})
    kept = KeptWebhook(CALL_STATUS, "", body, made.BEGUN)
    return InboxEntry(fact.event_key, "twilio", "status", kept, fact)


async def stored(database: MongoDatabase, collection: str) -> dict[str, Any]:
    """Return every document by its id."""
    return {found["_id"]: found async for found in database[collection].find()}


@pytest.mark.parametrize("leaf", [1 << 70, {1: "a name that is no text"}, object()])
async def test_a_fact_that_cannot_be_encoded_fails_alone_and_is_kept_raw(
    database: MongoDatabase, leaf: Any
) -> None:
    batch = [ringing(1), saying(2, leaf), ringing(3)]
    before, failure, after = await FactStore(database).commit(batch)
    assert (before, after) == (None, None)
    assert isinstance(failure, MalformedPayload)
    assert set(await stored(database, "calls")) == {call_sid(1), call_sid(3)}
    inbox = await stored(database, "webhooks")
    assert len(inbox) == 3
    assert "cannot be stored" in inbox[batch[1].event_key]["problem"]


async def test_a_fact_too_large_for_a_document_fails_alone(database: MongoDatabase) -> None:
    batch = [ringing(1), saying(2, "x" * (17 * MB)), ringing(3)]
    before, failure, after = await FactStore(database).commit(batch)
    assert (before, after) == (None, None)
    assert failure is not None
    assert set(await stored(database, "calls")) == {call_sid(1), call_sid(3)}
    assert len(await stored(database, "webhooks")) == 3


async def test_a_call_that_outgrows_a_document_fails_alone(database: MongoDatabase) -> None:
    await database.calls.insert_one({"_id": call_sid(2), "note": "x" * (10 * MB)})
    batch = [ringing(1), saying(2, "x" * (7 * MB)), ringing(3)]
    before, failure, after = await FactStore(database).commit(batch)
    assert (before, after) == (None, None)
    assert isinstance(failure, InvariantViolated)
    assert len(await stored(database, "webhooks")) == 3


async def test_a_webhook_too_large_for_the_inbox_fails_alone(database: MongoDatabase) -> None:
    batch = [ringing(1), saying(2, 1, b"x" * (17 * MB)), ringing(3)]
    before, failure, after = await FactStore(database).commit(batch)
    assert (before, after) == (None, None)
    assert failure is not None
    assert {call_sid(1), call_sid(3)} <= set(await stored(database, "calls"))


@pytest.mark.parametrize("vendor", ["twilio", "elevenlabs", "context"])
@pytest.mark.parametrize("foreign", ["text", 5])
async def test_what_another_program_stored_in_our_place_harms_no_other_call(
    database: MongoDatabase, vendor: str, foreign: Any
) -> None:
    await database.command("collMod", "calls", validationLevel="off")
    await database.calls.insert_one({"_id": call_sid(2), vendor: foreign})
    await database.command("collMod", "calls", validationLevel="moderate")
    batch = [ringing(number, "callId=own&agentId=a") for number in (1, 2, 3)]
    results = await FactStore(database).commit(batch)
    assert results[0::2] == [None, None]
    calls = await stored(database, "calls")
    assert calls[call_sid(1)]["status"] == calls[call_sid(3)]["status"] == "ringing"
    assert calls[call_sid(2)].get("status") in (None, "ringing")


async def test_other_programs_cannot_store_what_would_break_merging(
    database: MongoDatabase,
) -> None:
    result = await database.command(
        {"insert": "calls", "documents": [{"_id": "CA", "twilio": "text"}], "ordered": False}
    )
    assert [error["code"] for error in result["writeErrors"]] == [121]


class Written(monitoring.CommandListener):
    """Remembers the size of every write command's documents."""

    def __init__(self) -> None:
        self.sizes: list[tuple[str, int]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Remember a write."""
        documents = event.command.get("documents") or event.command.get("updates")
        if documents:
            size = sum(len(document.raw) for document in documents)
            self.sizes.append((event.command_name, size))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to remember."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to remember."""


async def test_a_batch_larger_than_a_command_is_split(
    database: MongoDatabase, engines: Engines
) -> None:
    written = Written()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        engines.mongo_url(database.name), tz_aware=True, event_listeners=[written]
    )
    batch = [saying(n, "y" * MB, b"x" * (3 * MB)) for n in range(9)] + [
        saying(9, "y" * (13 * MB), b"x" * (13 * MB))
    ]
    assert set(await FactStore(client[database.name]).commit(batch)) == {None}
    await client.close()
    for command, limit in (("insert", 4), ("update", 2)):
        sizes = [size for name, size in written.sizes if name == command]
        assert len(sizes) == limit
        # The largest is the one that goes alone.
        assert sorted(sizes)[-2] <= 12 * MB < max(sizes)
    assert len(await stored(database, "calls")) == 10
    assert await database.webhooks.count_documents({}) == 10


async def test_deliveries_are_counted_within_a_batch_and_across(database: MongoDatabase) -> None:
    store = FactStore(database)
    batches = ([ringing(1), ringing(1), ringing(2)], [ringing(1)], [ringing(2), ringing(1)])
    for batch in batches:
        assert set(await store.commit(batch)) == {None}
    inbox = await stored(database, "webhooks")
    assert [inbox[ringing(n).event_key]["deliveries"] for n in (1, 2)] == [4, 2]
    assert inbox[ringing(1).event_key]["lastReceivedAt"] == made.BEGUN


async def test_without_a_store_every_entry_may_be_sent_again() -> None:
    database = connect("mongodb://127.0.0.1:1/none?directConnection=true", timeout_ms=50)
    results = await FactStore(database).commit([ringing(1), ringing(2)])
    await database.client.close()
    assert [type(result) for result in results] == [StoreUnavailable] * 2


async def expiry(database: MongoDatabase, collection: str) -> dict[str, int]:
    """Return the TTL indexes of a collection and their seconds."""
    found = await database[collection].index_information()
    return {
        name: index["expireAfterSeconds"]
        for name, index in found.items()
        if "expireAfterSeconds" in index
    }


async def test_retention_is_made_changed_left_and_removed(database: MongoDatabase) -> None:
    day_s = 24 * 3600
    for days in (30, 7, 7):
        await prepare(database, {"webhooks": ("receivedAt", days), "calls": ("startTime", None)})
        assert await expiry(database, "webhooks") == {"expire_receivedAt": days * day_s}
        assert await expiry(database, "calls") == {}
    await prepare(database)
    assert await expiry(database, "webhooks") == {"expire_receivedAt": 7 * day_s}
    await prepare(database, {"webhooks": ("receivedAt", None), "calls": ("startTime", 20_000)})
    assert await expiry(database, "webhooks") == {}
    assert await expiry(database, "calls") == {"expire_startTime": 20_000 * day_s}


async def test_servers_that_change_the_retention_at_once_all_start(
    database: MongoDatabase,
) -> None:
    for days in (30, 7, 14, 3):
        wanted = {"webhooks": ("receivedAt", days), "calls": ("startTime", days)}
        await asyncio.gather(*(prepare(database, wanted) for _ in range(4)))
        assert await expiry(database, "calls") == {"expire_startTime": days * 24 * 3600}


async def test_indexes_of_earlier_versions_are_dropped(database: MongoDatabase) -> None:
    await database.calls.create_index([("status", 1), ("startTime", -1), ("_id", -1)])
    await database.webhooks.create_index([("callSid", 1), ("receivedAt", 1)])
    newest = [("startTime", -1), ("_id", -1)]
    for index, key, statuses in (
        ("ended", [("status", 1), *newest], ["busy", "canceled", "completed"]),
        ("active", newest, ["in-progress", "initiated", "ringing"]),
    ):
        of_some = {"status": {"$in": statuses}}
        await database.calls.create_index(key, name=index, partialFilterExpression=of_some)
    for name, obsolete in OBSOLETE_INDEXES.items():
        assert set(obsolete) <= set(await database[name].index_information())
    await prepare(database)
    for name, obsolete in OBSOLETE_INDEXES.items():
        assert not set(obsolete) & set(await database[name].index_information())
