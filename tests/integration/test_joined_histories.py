"""Both vendors tell of one call, in any order, twice, to two processes: one document.

The expected document is what the same facts make when they are merged in order under the call's
own SID, with nothing to join. A joiner may die at any step.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from bson import ObjectId
from support import deliveries as made
from support.deliveries import entries_of
from support.histories import History, histories, split, times_sent
from support.process import AGAIN, DELETE, MERGE, Killed, Process, Watched, mortal, running
from support.waiting import eventually

from callboard.domain.lattice import CallFact
from callboard.domain.webhooks import InboxEntry, KeptWebhook
from callboard.store.database import MongoDatabase
from callboard.store.facts import FactStore
from callboard.store.merge import update_statement
from callboard.store.orphans import Orphans

SID = "CA" + "1" * 32
TWILIO = made.callback(made.status_form_at(SID, "ringing", 1, 3), "callId=own-1")
TOLD = made.transcript("conv_1", 62, variables={"callboard_call_id": "own-1"})
AUDIO = made.audio("conv_1", 70)

Calls = Mapping[str, Mapping[str, Any]]


async def stored(database: MongoDatabase, collection: str = "calls") -> Calls:
    """Return every document by its id."""
    return {found["_id"]: found async for found in database[collection].find()}


async def canonical(database: MongoDatabase, whole: Sequence[History]) -> Calls:
    """Return the calls as the facts make them in order; in a collection of its own."""
    facts = [fact for history in whole for fact in history.facts()]
    for begin in range(0, len(facts), 500):
        updates = [update_statement(fact) for fact in facts[begin : begin + 500]]
        answer = await database.command({"update": "canonical", "updates": updates})
        assert "writeErrors" not in answer
    return await stored(database, "canonical")


def different(calls: Calls, expected: Calls) -> dict[str, Any]:
    """Return what differs, by call and field; all of it would fill the screen."""
    return {
        key: {
            name: (calls.get(key, {}).get(name), expected.get(key, {}).get(name))
            for name in {*calls.get(key, {}), *expected.get(key, {})}
            if calls.get(key, {}).get(name) != expected.get(key, {}).get(name)
        }
        for key in {*calls, *expected}
        if calls.get(key) != expected.get(key)
    }


async def play(
    halves: Sequence[Sequence[KeptWebhook]], processes: tuple[Process, Process]
) -> None:
    """Send each process its half, both at once."""
    await asyncio.gather(*(p.take_all(h) for p, h in zip(processes, halves, strict=True)))


@pytest.mark.parametrize("seed", range(2))
async def test_histories_split_over_two_processes_end_as_if_told_in_order(
    database: MongoDatabase, elsewhere: MongoDatabase, seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311  (seeded: a failure can be played again)
    whole = histories(350, seed)
    expected = await canonical(database, whole)
    processes = (
        Process(database, Orphans(database)),
        Process(elsewhere, Orphans(elsewhere)),
    )
    callless = {history.conversation_id for history in whole if history.sid is None}

    async def orphans() -> set[str]:
        return {call["_id"] async for call in database.calls.find({"orphan": True})}

    halves = split(whole, rng)
    async with running(*processes):
        await play(halves, processes)
        # What the joiners were told is enough: nobody has to sweep.
        await eventually(orphans, lambda left: left == callless)
    assert different(await stored(database), expected) == {}
    for process in (database, elsewhere):
        assert await Orphans(process).sweep() == 0
    assert different(await stored(database), expected) == {}
    inbox = {key: kept["deliveries"] for key, kept in (await stored(database, "webhooks")).items()}
    assert inbox == times_sent(halves)


async def test_joiners_that_die_at_random_lose_and_double_nothing(
    database: MongoDatabase, elsewhere: MongoDatabase
) -> None:
    rng = random.Random(9)  # noqa: S311  (seeded: a failure can be played again)
    whole = histories(210, 9)
    expected = await canonical(database, whole)
    processes = (
        Process(database, mortal(database, rng, 0.1)),
        Process(elsewhere, mortal(elsewhere, rng, 0.1)),
    )
    async with running(*processes):
        await play(split(whole, rng), processes)
    assert min(process.deaths for process in processes) > 0
    await Orphans(elsewhere).sweep()
    assert different(await stored(database), expected) == {}


def entry_of(kept: KeptWebhook) -> InboxEntry:
    """Return what a request means, not located: as if no call were known yet."""
    (entry,) = entries_of(kept)
    return entry


async def commit(database: MongoDatabase, *requests: KeptWebhook) -> None:
    """Commit requests whose senders knew of no call."""
    results = await FactStore(database).commit([entry_of(kept) for kept in requests])
    assert set(results) == {None}


async def one_history(database: MongoDatabase) -> Calls:
    """Return what the three requests come to, in order."""
    return await canonical(database, [History(SID, "conv_1", [TWILIO, TOLD, AUDIO])])


@pytest.mark.parametrize("step", [MERGE, DELETE, AGAIN])
async def test_a_joiner_that_dies_at_a_step_is_made_good_by_another(
    database: MongoDatabase, elsewhere: MongoDatabase, step: str
) -> None:
    await commit(database, TOLD, AUDIO, TWILIO)

    async def die(reached: str) -> None:
        if reached == step:
            raise Killed

    with pytest.raises(Killed):
        await Watched.orphans(database, die).join(["conv_1"], [])
    await Orphans(elsewhere).sweep()
    assert different(await stored(database), await one_history(database)) == {}


@pytest.mark.parametrize("step", [MERGE, DELETE, AGAIN])
async def test_a_fact_that_races_the_joiner_is_not_lost(
    database: MongoDatabase, elsewhere: MongoDatabase, step: str
) -> None:
    await commit(database, TOLD, TWILIO)
    raced: list[str] = []

    async def race(reached: str) -> None:
        if reached == step and not raced:
            raced.append(step)
            await commit(elsewhere, AUDIO)

    assert await Watched.orphans(database, race).join([], ["own-1"]) == 1
    assert raced
    assert different(await stored(database), await one_history(database)) == {}


@pytest.mark.parametrize("step", [MERGE, DELETE, AGAIN])
async def test_two_joiners_of_one_orphan_join_it_once(
    database: MongoDatabase, elsewhere: MongoDatabase, step: str
) -> None:
    await commit(database, TOLD, AUDIO, TWILIO)

    async def overtake(reached: str) -> None:
        if reached == step:
            await Orphans(elsewhere).sweep()

    await Watched.orphans(database, overtake).sweep()
    assert different(await stored(database), await one_history(database)) == {}


async def test_a_sweep_joins_an_orphan_behind_many_that_have_no_call(
    database: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await commit(database, TOLD, AUDIO, TWILIO)
    # Conversations in a browser, all of them later.
    await commit(database, *(made.transcript(f"conv_w{number}", 90) for number in range(6)))
    assert await Orphans(database).sweep() == 1


async def test_a_joiner_that_always_has_something_to_do_sweeps_all_the_same(
    database: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callboard.ingest.joiner._SWEEP_EVERY_S", 0.1)
    process = Process(database, Orphans(database))
    # What a process that crashed left apart, after this one's first sweep.
    left_by_another = (TOLD, TWILIO)

    async def joined() -> bool:
        process.joiner.note(_noted("conv_busy"))
        return await database.calls.count_documents({"orphan": True}) == 0

    async with running(process):
        await process.take(made.callback(made.status_form_at("CA" + "2" * 32, "ringing", 1, 3)))
        await commit(database, *left_by_another)
        await eventually(joined, within_s=1)


def _noted(conversation_id: str) -> CallFact:
    return CallFact(conversation_id, "made up", "made up", conversation_id=conversation_id)


async def test_a_conversation_joins_a_call_that_another_program_wrote(
    database: MongoDatabase,
) -> None:
    foreign = {"sid": SID, "status": "completed", "conversationId": "conv_1"}
    await database.calls.insert_one({"_id": ObjectId(), **foreign})
    await commit(database, AUDIO)
    await Orphans(database).sweep()
    assert await database.calls.count_documents({"sid": {"$nin": [SID, "conv_1"]}}) == 0
