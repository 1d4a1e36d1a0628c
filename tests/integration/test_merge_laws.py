"""The law of the call document, held by MongoDB itself: order and repetition do not matter.

Every permutation of a call's webhooks, with every one of them repeated, ends in one document;
so does every random shuffle with duplicates, split over two writers at once.
"""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from typing import Any

import pytest
from support import deliveries as made
from support.deliveries import BEGUN, entries_of

from callboard.domain.calls import TWILIO_STATUSES
from callboard.domain.lattice import CallFact
from callboard.domain.webhooks import InboxEntry
from callboard.store.database import MongoDatabase
from callboard.store.facts import FactStore
from callboard.store.merge import DERIVE_ALL, update_statement

QUERY = "campaignId=c1&contactName=%24gt&callId=own-1"
EVENTS = 6


def life(sid: str) -> list[InboxEntry]:
    """Return the six webhooks of a call's life, in order; one did not carry the query."""
    ended = {"CallDuration": "47", "SipResponseCode": "200"}
    forms = (
        made.status_form_at(sid, "initiated", 0, 0),
        made.status_form_at(sid, "ringing", 1, 3),
        made.status_form_at(sid, "in-progress", 2, 9),
        made.amd_form(sid, "machine_end_beep"),
        made.status_form_at(sid, "completed", 3, 56, **ended),
        made.recording_form(sid, 47),
    )
    return [
        entry
        for step, form in enumerate(forms)
        for entry in entries_of(made.callback(form, QUERY if step != 1 else "", step))
    ]


def call_sid(number: int) -> str:
    """Return a made-up call SID."""
    return f"CA{number:032x}"


def without_ids(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call without what tells it from another of the same history."""
    state = {name: value for name, value in document.items() if name not in ("_id", "sid")}
    twilio = {k: v for k, v in state.get("twilio", {}).items() if "recordingSid" not in k}
    twilio.pop("recordingUrl", None)
    return state | {"twilio": twilio}


async def ends(database: MongoDatabase) -> list[dict[str, Any]]:
    """Return the distinct end states of all calls, ids taken out."""
    found: list[dict[str, Any]] = []
    async for document in database.calls.find():
        state = without_ids(document)
        if state not in found:
            found.append(state)
    return found


async def commit(store: FactStore, entries: Sequence[InboxEntry]) -> None:
    """Write entries with one command."""
    assert set(await store.commit(entries)) <= {None}


async def test_every_order_of_a_six_event_life_ends_in_one_document(
    database: MongoDatabase, elsewhere: MongoDatabase
) -> None:
    stores = (FactStore(database), FactStore(elsewhere))
    orders = list(permutations(range(EVENTS)))
    assert len(orders) == 720
    lives = [life(call_sid(number)) for number in range(len(orders))]
    for step in range(EVENTS):
        batch = [one[order[step]] for one, order in zip(lives, orders, strict=True)]
        await commit(stores[step % 2], batch)
    # Each comes again, the last ones first.
    for step in reversed(range(EVENTS)):
        batch = [one[order[step]] for one, order in zip(lives, orders, strict=True)]
        await commit(stores[step % 2], batch)
    assert await database.calls.count_documents({}) == len(orders)
    (end,) = await ends(database)
    assert (end["status"], end["duration"], end["outcome"]) == ("completed", 47, "voicemail")
    assert (end["answeredBy"], end["contactName"]) == ("machine_end_beep", "$gt")
    assert end["twilio"]["recordingDuration"] == 47
    assert (end["startTime"], end["endTime"]) == (BEGUN, made.at(56))
    assert await database.webhooks.count_documents({"deliveries": {"$ne": 2}}) == 0


async def test_two_writers_at_once_with_duplicates_end_in_the_same_document(
    database: MongoDatabase, elsewhere: MongoDatabase
) -> None:
    rng = random.Random(7)  # noqa: S311  (a seeded shuffle)
    stores = (FactStore(database), FactStore(elsewhere))
    halves: tuple[list[InboxEntry], list[InboxEntry]] = ([], [])
    for number in range(200):
        whole = life(call_sid(number))
        for one in [*whole, *rng.choices(whole, k=3)]:
            halves[rng.randrange(2)].append(one)

    async def write(store: FactStore, half: list[InboxEntry]) -> None:
        rng.shuffle(half)
        for begin in range(0, len(half), 100):
            await commit(store, half[begin : begin + 100])

    await asyncio.gather(*(write(s, half) for s, half in zip(stores, halves, strict=True)))
    assert await database.calls.count_documents({}) == 200
    assert len(await ends(database)) == 1


def random_facts(sid: str, rng: random.Random, *, units_once: bool) -> Iterable[CallFact]:
    """Yield facts that need not make sense together; of a call ElevenLabs speaks once or often."""
    for _ in range(rng.randrange(1, 5)):
        form = made.status_form_at(
            sid, rng.choice(sorted(TWILIO_STATUSES)), rng.randrange(9), rng.randrange(60)
        )
        form |= rng.choice([{}, {"AnsweredBy": rng.choice(["unknown", "human", "fax"])}])
        form |= rng.choice([{}, {"CallDuration": str(rng.randrange(90))}, {"Timestamp": ""}])
        yield from facts_of(made.callback(form, rng.choice(["", QUERY]), rng.randrange(90)))
    if rng.random() < 0.3:
        yield from facts_of(made.callback(made.amd_form(sid, "machine_start")))
    if rng.random() < 0.3:
        yield from facts_of(made.initiation(sid, rng.randrange(90)))
    phone = {"phone_call": {"call_sid": sid}}
    verdict = {"call_successful": "success", "transcript_summary": "Fine."}
    for second in range(1 if units_once else 3):
        if rng.random() < 0.6:
            analysis = rng.choice([None, verdict])
            status = rng.choice(["done", "failed", "in-progress", "?"])
            told: dict[str, Any] = rng.choice([{}, {"metadata": {}}, {"metadata": phone}])
            variables = {"system__call_sid": sid, "agentId": rng.choice(["", "Nova"])}
            yield from facts_of(
                made.transcript(
                    "conv_1",
                    60 + second,
                    variables=variables,
                    analysis=analysis,
                    status=status,
                    **told,
                )
            )
    yield from said_by_the_watch(sid, rng)
    if rng.random() < 0.2:
        forwarded = made.status_form_at(sid, "busy", 2, 30)
        yield from facts_of(made.failure("conv_1", 59, "busy", forwarded))


def said_by_the_watch(sid: str, rng: random.Random) -> Iterable[CallFact]:
    """Yield what the watch may say of a call, at any time."""
    for kind in ("flagged", "closed"):
        if rng.random() < 0.3:
            unit = {"v": made.at(rng.randrange(90)), "at": made.at(900), "was": "ringing"}
            said = {f"watch.{kind}": unit}
            yield CallFact(key=sid, event_key=f"callboard:{sid}:{kind}", kind=kind, most=said)


def facts_of(kept: Any) -> list[CallFact]:
    """Return the facts of a delivery."""
    return [entry.fact for entry in entries_of(kept) if entry.fact is not None]


async def merged_in_random_order(database: MongoDatabase, *, units_once: bool) -> None:
    """Merge random facts about 600 calls."""
    rng = random.Random(3)  # noqa: S311  (a seeded choice)
    facts: list[CallFact] = []
    for number in range(600):
        facts += random_facts(call_sid(number), rng, units_once=units_once)
    rng.shuffle(facts)
    for begin in range(0, len(facts), 500):
        updates = [update_statement(fact) for fact in facts[begin : begin + 500]]
        answer = await database.command({"update": "calls", "updates": updates})
        assert "writeErrors" not in answer


async def test_deriving_everything_anew_changes_nothing(database: MongoDatabase) -> None:
    await merged_in_random_order(database, units_once=False)
    again = await database.calls.update_many({}, [{"$set": DERIVE_ALL}])
    assert again.matched_count == 600
    assert again.modified_count == 0


async def derived_from_leaves_alone(database: MongoDatabase) -> None:
    """Compare every call with one derived from its leaves after its shown fields are gone."""
    before = {call["_id"]: call async for call in database.calls.find()}
    await database.calls.update_many({}, [{"$unset": [*DERIVE_ALL]}, {"$set": DERIVE_ALL}])
    after = {call["_id"]: call async for call in database.calls.find()}
    wrong = {
        key: {
            name: (call.get(name), after[key].get(name))
            for name in DERIVE_ALL
            if call.get(name) != after[key].get(name)
        }
        for key, call in before.items()
        if call != after[key]
    }
    assert wrong == {}


async def test_what_is_shown_follows_from_the_leaves_alone(database: MongoDatabase) -> None:
    await merged_in_random_order(database, units_once=True)
    await derived_from_leaves_alone(database)


async def test_it_does_so_when_a_newer_transcript_says_less(database: MongoDatabase) -> None:
    await merged_in_random_order(database, units_once=False)
    await derived_from_leaves_alone(database)


async def test_the_end_of_an_undated_call_is_its_first_arrival(database: MongoDatabase) -> None:
    form = made.status_form_at(call_sid(1), "completed", 3, 0, CallDuration="47")
    del form["Timestamp"]
    store = FactStore(database)
    await commit(store, entries_of(made.callback(form, received=60)))
    first = await database.calls.find_one({})
    await commit(store, entries_of(made.callback(form, received=75)))
    assert await database.calls.find_one({}) == first


@pytest.mark.parametrize("field", ["contactName", "campaignId"])
async def test_a_poisoned_fact_fails_alone(database: MongoDatabase, field: str) -> None:
    await database.command(
        "collMod", "calls", validator={field: {"$ne": "poison"}}, validationAction="error"
    )
    (good,) = entries_of(
        made.callback(made.status_form_at(call_sid(1), "ringing", 1, 3), f"{field}=fine")
    )
    (bad,) = entries_of(
        made.callback(made.status_form_at(call_sid(2), "ringing", 1, 3), f"{field}=poison")
    )
    results = await FactStore(database).commit([good, bad])
    assert results[0] is None
    assert results[1] is not None
    assert await database.calls.count_documents({"_id": call_sid(1)}) == 1
    assert await database.calls.count_documents({"_id": call_sid(2)}) == 0
    assert await database.webhooks.count_documents({"_id": bad.event_key}) == 1
