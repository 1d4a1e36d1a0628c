"""Facts of one shape, merged by one statement on a real MongoDB: as if each had its own."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from support import deliveries as made
from support.deliveries import entries_of

from callboard.domain.calls import TWILIO_STATUSES
from callboard.domain.lattice import CallFact
from callboard.store.database import MongoDatabase
from callboard.store.facts import FactStore
from callboard.store.merge import Shape, group_statement, shape, update_statement

CALLS = 300
TWIN = 1_000_000
ODD = ("$status", "$$NOW", "$_said", "$_id", "$$REMOVE", "a.b", "{}", "é", "Ada", "\x00")
QUERY = "campaignId=%24status&contactName=%24%24NOW&callId=own&agentId=%24_said&agentName=Nova"

Calls = dict[str, dict[str, Any]]


def call_sid(number: int) -> str:
    """Return a made-up call SID."""
    return f"CA{number:032x}"


def number_of(key: str) -> int:
    """Return the number of a made-up call SID."""
    return int.from_bytes(bytes.fromhex(key[2:]))


def twin(fact: CallFact) -> CallFact:
    """Return the same fact about the call's twin."""
    return replace(fact, key=call_sid(number_of(fact.key) + TWIN))


def a_fact(number: int, rng: random.Random) -> CallFact:
    """Return what some callback says; there are not many shapes, and any values."""
    sid, kind = call_sid(number), rng.randrange(8)
    if kind == 0:
        form = made.amd_form(sid, rng.choice(["human", "machine_start", "fax", "unknown"]))
    elif kind == 1:
        form = made.recording_form(sid, rng.randrange(90))
        form |= {"RecordingSid": rng.choice(ODD), "RecordingUrl": rng.choice(ODD)}
    else:
        status = rng.choice(sorted(TWILIO_STATUSES))
        form = made.status_form_at(sid, status, rng.randrange(5), rng.randrange(60))
        form |= {"From": rng.choice(ODD), "To": rng.choice(ODD)}
        if kind == 2:
            form |= {"AnsweredBy": "human", "CallDuration": str(rng.randrange(90))}
    query = QUERY if rng.random() < 0.5 else ""
    (entry,) = entries_of(made.callback(form, query, rng.randrange(90)))
    assert entry.fact is not None
    return entry.fact


def by_shape(facts: Iterable[CallFact]) -> dict[Shape, list[CallFact]]:
    """Return facts by their shape, no call twice in one group."""
    groups: dict[Shape, dict[str, CallFact]] = {}
    for fact in facts:
        of = shape(fact)
        assert of is not None
        groups.setdefault(of, {})[fact.key] = fact
    return {of: [*group.values()] for of, group in groups.items()}


async def update(database: MongoDatabase, statements: Sequence[Mapping[str, Any]]) -> int:
    """Run update statements; return how many documents they found or made."""
    answer = await database.command({"update": "calls", "updates": statements})
    assert "writeErrors" not in answer
    return int(answer["n"])


async def both(database: MongoDatabase) -> tuple[Calls, Calls]:
    """Return the calls and their twins, both under the calls' ids."""
    calls: Calls = {}
    twins: Calls = {}
    async for found in database.calls.find():
        assert found["_id"] == found.pop("sid")
        number = number_of(found.pop("_id"))
        (calls if number < TWIN else twins)[call_sid(number % TWIN)] = found
    return calls, twins


async def begin(database: MongoDatabase, rng: random.Random) -> None:
    """Make calls and twins of which several things are known already; of some by ElevenLabs."""
    facts = [a_fact(number % CALLS, rng) for number in range(2 * CALLS)]
    for number in range(0, CALLS, 4):
        told = made.transcript(f"conv_{number}", 60, sid=call_sid(number))
        facts += [entry.fact for entry in entries_of(told) if entry.fact is not None]
    await update(database, [update_statement(fact) for fact in facts])
    await update(database, [update_statement(twin(fact)) for fact in facts])


async def test_a_group_ends_as_if_each_fact_had_been_merged_by_itself(
    database: MongoDatabase,
) -> None:
    rng = random.Random(11)  # noqa: S311  (a seeded choice)
    await begin(database, rng)
    for _ in range(5):
        groups = by_shape(a_fact(rng.randrange(CALLS), rng) for _ in range(CALLS))
        assert max(map(len, groups.values())) > 10
        alone = [update_statement(twin(fact)) for group in groups.values() for fact in group]
        found = await update(database, [group_statement(group) for group in groups.values()])
        assert found == await update(database, alone) == len(alone)
        calls, twins = await both(database)
        assert len(calls) == CALLS
        assert calls == twins


async def test_a_group_again_changes_nothing(database: MongoDatabase) -> None:
    rng = random.Random(12)  # noqa: S311  (a seeded choice)
    await begin(database, rng)
    groups = by_shape(a_fact(rng.randrange(CALLS), rng) for _ in range(CALLS))
    statements = [group_statement(group) for group in groups.values()]
    await update(database, statements)
    answer = await database.command({"update": "calls", "updates": statements})
    assert answer["nModified"] == 0


async def test_a_group_makes_no_calls(database: MongoDatabase) -> None:
    rng = random.Random(13)  # noqa: S311  (a seeded choice)
    groups = by_shape(a_fact(number, rng) for number in range(CALLS))
    assert await update(database, [group_statement(group) for group in groups.values()]) == 0
    assert await database.calls.count_documents({}) == 0


async def test_calls_that_are_missing_from_a_group_are_made_all_the_same(
    database: MongoDatabase,
) -> None:
    rng = random.Random(14)  # noqa: S311  (a seeded choice)
    await begin(database, rng)
    store = FactStore(database)
    known = [a_fact(number, rng) for number in range(CALLS)]
    assert set(await store.merge(known)) == {None}
    await update(database, [update_statement(twin(fact)) for fact in known])
    for lost in range(3):
        # Somebody deletes calls that this process still remembers.
        gone = [call_sid(number) for number in range(lost, CALLS, 7)]
        gone += [call_sid(number + TWIN) for number in range(lost, CALLS, 7)]
        await database.calls.delete_many({"_id": {"$in": gone}})
        facts = [a_fact(rng.randrange(CALLS), rng) for _ in range(CALLS)]
        assert set(await store.merge(facts)) == {None}
        await update(database, [update_statement(twin(fact)) for fact in facts])
        calls, twins = await both(database)
        assert calls == twins


async def test_a_store_that_knows_nothing_ends_in_the_same_calls(database: MongoDatabase) -> None:
    rng = random.Random(15)  # noqa: S311  (a seeded choice)
    facts = [a_fact(rng.randrange(CALLS), rng) for _ in range(3 * CALLS)]
    for at in range(0, len(facts), CALLS):
        # Another process made half of these calls meanwhile.
        batch = facts[at : at + CALLS]
        assert set(await FactStore(database).merge(batch[::2])) == {None}
        assert set(await FactStore(database).merge(batch)) == {None}
    await update(database, [update_statement(twin(fact)) for fact in facts])
    calls, twins = await both(database)
    assert calls == twins


async def test_one_call_twice_in_a_batch_is_merged_twice(database: MongoDatabase) -> None:
    rng = random.Random(16)  # noqa: S311  (a seeded choice)
    store = FactStore(database)
    for _ in range(3):
        facts = [a_fact(rng.randrange(5), rng) for _ in range(60)]
        assert set(await store.merge(facts)) == {None}
        await update(database, [update_statement(twin(fact)) for fact in facts])
    calls, twins = await both(database)
    assert len(calls) == 5
    assert calls == twins
