"""The law of the call document, held by MongoDB itself: order and repetition do not matter.

Every permutation of a call's webhooks, with every one of them repeated, ends in one document;
so does every random shuffle with duplicates, split over two writers at once.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from support.engines import Engines
from support.server import status_form

from callboard.domain.webhooks import InboxEntry
from callboard.store.database import MongoDatabase, connect, prepare
from callboard.store.facts import FactStore
from callboard.vendors.twilio.callbacks import parse_callback

RECEIVED = datetime(2026, 3, 26, 8, 15, tzinfo=UTC)

LIFE: tuple[tuple[str, int, dict[str, str]], ...] = (
    ("initiated", 0, {}),
    ("ringing", 3, {}),
    ("in-progress", 9, {}),
    ("completed", 56, {"CallDuration": "47", "SipResponseCode": "200"}),
)
AMD = {"AnsweredBy": "machine_end_beep", "MachineDetectionDuration": "5120"}


@pytest.fixture
async def database(engines: Engines) -> AsyncIterator[MongoDatabase]:
    """A prepared database of its own."""
    database = connect(engines.mongo_url())
    await prepare(database)
    yield database
    await database.client.drop_database(database.name)
    await database.client.close()


def entry(sid: str, index: int) -> InboxEntry:
    """Return one webhook of the life of a call; index 4 is the asynchronous AMD verdict."""
    if index == len(LIFE):
        form = {"CallSid": sid, "AccountSid": "AC0", **AMD, "Timestamp": LIFE_AT_12}
    else:
        status, second, more = LIFE[index]
        form = status_form(sid, status, second, **more)
    query = [("campaignId", "c1"), ("contactName", "$gt")] if index != 1 else []
    fact = parse_callback(list(form.items()), query, RECEIVED)
    return InboxEntry(fact.event_key, "twilio", fact.kind, "", b"", RECEIVED, fact)


LIFE_AT_12 = status_form("", "ringing", 12)["Timestamp"]


async def ends(database: MongoDatabase) -> list[dict[str, Any]]:
    """Return the distinct end states of all calls, ids taken out."""
    found: list[dict[str, Any]] = []
    async for document in database.calls.find():
        state = {name: value for name, value in document.items() if name not in ("_id", "sid")}
        if state not in found:
            found.append(state)
    return found


async def commit(store: FactStore, entries: Sequence[InboxEntry]) -> None:
    """Write entries one after the other."""
    for one in entries:
        assert await store.commit([one]) == [None]


async def test_every_order_and_repetition_of_a_life_ends_in_one_document(
    database: MongoDatabase,
) -> None:
    store = FactStore(database)
    orders = list(permutations(range(len(LIFE) + 1)))
    lanes = 16

    async def lane(number: int) -> None:
        for index in range(number, len(orders), lanes):
            sid = f"CA{index:032x}"
            life = [entry(sid, step) for step in orders[index]]
            await commit(store, [*life, life[0], life[-1]])

    await asyncio.gather(*(lane(number) for number in range(lanes)))
    assert await database.calls.count_documents({}) == len(orders)
    (end,) = await ends(database)
    assert (end["status"], end["duration"], end["outcome"]) == ("completed", 47, "voicemail")
    assert end["contactName"] == "$gt"


async def test_two_writers_at_once_with_duplicates_end_in_the_same_document(
    database: MongoDatabase,
) -> None:
    other = connect(f"mongodb://{await _address(database)}/{database.name}?directConnection=true")
    rng = random.Random(7)  # noqa: S311  (a seeded shuffle)
    stores = (FactStore(database), FactStore(other))
    for index in range(40):
        sid = f"CA{index:032x}"
        life = [entry(sid, step) for step in range(len(LIFE) + 1)]
        halves: tuple[list[InboxEntry], list[InboxEntry]] = ([], [])
        for one in [*life, *rng.choices(life, k=3)]:
            halves[rng.randrange(2)].append(one)
        for half in halves:
            rng.shuffle(half)
        await asyncio.gather(*(commit(s, half) for s, half in zip(stores, halves, strict=True)))
    await other.client.close()
    assert len(await ends(database)) == 1


async def test_a_poisoned_fact_fails_alone(database: MongoDatabase) -> None:
    sid = "CA" + "a" * 32
    await database.calls.insert_one({"_id": sid, "twilio": "not a sub-document"})
    await database.command(
        "collMod", "calls", validator={"contactName": {"$ne": "poison"}}, validationAction="error"
    )
    good = entry("CA" + "b" * 32, 1)
    fact = parse_callback(
        list(status_form("CA" + "c" * 32, "ringing").items()),
        [("contactName", "poison")],
        RECEIVED,
    )
    bad = InboxEntry(fact.event_key, "twilio", "status", "", b"", RECEIVED, fact)
    results = await FactStore(database).commit([good, bad])
    assert results[0] is None
    assert results[1] is not None
    assert await database.calls.count_documents({"_id": good.event_key.split(":")[1]}) == 1
    assert await database.webhooks.count_documents({"_id": bad.event_key}) == 1


async def _address(database: MongoDatabase) -> str:
    address = await database.client.address
    assert address is not None
    return f"{address[0]}:{address[1]}"
