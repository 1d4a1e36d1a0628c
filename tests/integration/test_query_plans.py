"""Every query of `store.reads` and `store.orphans` has its index; MongoDB says so itself."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pymongo import AsyncMongoClient, monitoring
from support import deliveries as made
from support.engines import Engines

from callboard.domain.calls import ACTIVE_STATUSES, TERMINAL_STATUSES
from callboard.domain.queries import CallQuery
from callboard.domain.stale import StaleRule
from callboard.domain.webhooks import CALL_STATUS, ELEVENLABS, INITIATION, TWILIO_EVENTS
from callboard.errors import CallNotFound
from callboard.store.database import MongoDatabase
from callboard.store.orphans import Orphans
from callboard.store.reads import Calls
from callboard.store.stale import OpenCalls
from callboard.store.timeline import Timelines

ENDED = sorted(TERMINAL_STATUSES)
LIMIT = 10


def call_sid(number: int) -> str:
    """Return a made-up call SID."""
    return f"CA{number:032x}"


@pytest.fixture
async def crowded(database: MongoDatabase) -> MongoDatabase:
    """Hold 4,000 calls, most of them completed, and 40 orphans."""
    statuses = sorted({*TERMINAL_STATUSES, *ACTIVE_STATUSES})
    calls: list[dict[str, Any]] = []
    for number in range(4_000):
        status = statuses[number // 20 % len(statuses)] if number % 20 == 0 else "completed"
        call: dict[str, Any] = {"_id": call_sid(number), "sid": call_sid(number), "status": status}
        call |= {"startTime": made.at(number), "campaignId": f"c{number % 5}"}
        call |= {"conversationId": f"conv_{number}", "context": {"callId": f"own-{number}"}}
        calls.append(call)
    for number in range(40):
        orphan: dict[str, Any] = {
            "_id": f"conv_o{number}",
            "orphan": True,
            "updatedAt": made.at(number),
        }
        orphan |= {"conversationId": f"conv_o{number}", "context": {"callId": f"own-o{number}"}}
        calls.append({"status": "completed", "startTime": made.at(number), **orphan})
    await database.calls.insert_many(calls)
    return database


class Finds(monitoring.CommandListener):
    """Remembers every `find`."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Remember a query without the session it ran in."""
        if event.command_name == "find":
            kept = ("find", "filter", "sort", "limit", "projection")
            self.commands.append({k: event.command[k] for k in kept if k in event.command})

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to remember."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to remember."""


def stages(plan: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the stages of a plan with the index each uses."""
    found = {(str(plan["stage"]), str(plan.get("indexName", "")))} if "stage" in plan else set()
    for inner in plan.values():
        for one in inner if isinstance(inner, list) else [inner]:
            if isinstance(one, dict):
                found |= stages(one)
    return found


class Explained:
    """What the queries of one action did."""

    def __init__(self, plans: list[dict[str, Any]]) -> None:
        chosen = [stages(plan["queryPlanner"]["winningPlan"]) for plan in plans]
        self.indexes = [{index for _, index in one if index} for one in chosen]
        self.scans = [plan for plan, one in zip(plans, chosen, strict=True) if _scans(one)]
        self.sorts = [one for one in chosen if "SORT" in {stage for stage, _ in one}]
        self.examined = [plan["executionStats"]["totalDocsExamined"] for plan in plans]


def _scans(stages_of_plan: set[tuple[str, str]]) -> bool:
    return "COLLSCAN" in {stage for stage, _ in stages_of_plan}


async def explained(
    database: MongoDatabase, engines: Engines, act: Callable[[MongoDatabase], Any]
) -> Explained:
    """Do something on a client of its own; have MongoDB explain every query it made."""
    finds = Finds()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        engines.mongo_url(database.name), tz_aware=True, event_listeners=[finds]
    )
    await act(client[database.name])
    await client.close()
    assert finds.commands
    plans = [
        await database.command({"explain": command, "verbosity": "executionStats"})
        for command in finds.commands
    ]
    return Explained(plans)


async def page(database: MongoDatabase, engines: Engines, **wanted: Any) -> Explained:
    """Explain a page of a list."""
    query = CallQuery(limit=LIMIT, **wanted)
    return await explained(database, engines, lambda there: Calls(there).page(query))


@pytest.mark.parametrize("status", ENDED)
async def test_a_list_of_ended_calls_reads_its_page_only(
    crowded: MongoDatabase, engines: Engines, status: str
) -> None:
    said = await page(crowded, engines, statuses=(status,))
    assert said.indexes == [{"over"}]
    assert said.examined == [LIMIT + 1]


@pytest.mark.parametrize("statuses", [("busy", "failed"), tuple(ENDED)])
async def test_a_list_of_several_ends_reads_its_page_only(
    crowded: MongoDatabase, engines: Engines, statuses: tuple[str, ...]
) -> None:
    said = await page(crowded, engines, statuses=statuses)
    assert said.indexes == [{"over"}]
    # One call more of each status, to merge them by their start.
    assert LIMIT + 1 <= said.examined[0] <= LIMIT + len(statuses)
    assert said.sorts == []


async def test_a_conversations_calls_are_found_by_their_index(
    crowded: MongoDatabase, engines: Engines
) -> None:
    said = await page(crowded, engines, conversation_id="conv_7", statuses=("completed",))
    assert said.indexes == [{"conversationId_1"}]
    assert said.examined == [1]


@pytest.mark.parametrize("status", sorted(ACTIVE_STATUSES))
async def test_a_list_of_active_calls_reads_active_calls_only(
    crowded: MongoDatabase, engines: Engines, status: str
) -> None:
    said = await page(crowded, engines, statuses=(status,))
    assert said.indexes == [{"open"}]
    assert said.examined[0] <= 200


async def test_the_active_calls_are_found_by_their_index(
    crowded: MongoDatabase, engines: Engines
) -> None:
    said = await explained(crowded, engines, lambda there: Calls(there).active())
    assert said.indexes == [{"open"}]


async def test_silent_calls_are_found_by_their_index(
    crowded: MongoDatabase, engines: Engines
) -> None:
    limits, now = StaleRule().limits(None), made.at(10**6)
    await crowded.calls.update_many({"status": "in-progress"}, {"$set": {"status": "queued"}})
    said = await explained(
        crowded, engines, lambda there: OpenCalls(there).silent(limits, now, 99)
    )
    assert said.indexes == [{"open"}]
    assert said.examined[0] <= 99
    said = await explained(crowded, engines, lambda there: OpenCalls(there).talks_s(made.at(9)))
    assert said.indexes == [{"over"}]


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"campaign_id": "c1"},
        {"since": made.at(5)},
        {"statuses": ("queued",), "campaign_id": "c1"},
        {"statuses": ("queued", "busy")},
        {"outcome": "human"},
        {"sip_code": 486},
        {"number": "+34600000001"},
        {"number": "+34600000001", "campaign_id": "c1", "success": True},
        {"min_duration_s": 60, "number": "+34600000001"},
    ],
)
async def test_no_list_scans_the_collection(
    crowded: MongoDatabase, engines: Engines, wanted: dict[str, Any]
) -> None:
    said = await page(crowded, engines, **wanted)
    assert said.scans == []
    # In the order of an index: nothing is sorted in memory, however many calls there are.
    assert said.sorts == []


async def test_a_conversation_is_located_without_a_scan(
    crowded: MongoDatabase, engines: Engines
) -> None:
    for known in (("conv_7", None), ("conv_none", "own-9"), ("conv_o3", "own-none")):
        said = await explained(crowded, engines, lambda there, k=known: Orphans(there).call_of(*k))  # type: ignore[misc]  # binds the loop's value
        indexes = [{"conversationId_1"}, {"context.callId_1"}][: 1 if known[1] is None else 2]
        assert said.indexes == indexes
        assert max(said.examined) <= 1


async def test_orphans_are_found_by_their_index(crowded: MongoDatabase, engines: Engines) -> None:
    said = await explained(crowded, engines, lambda there: Orphans(there).sweep())
    assert said.indexes[0] == {"orphans"}
    assert said.scans == []
    ids = [f"conv_{number}" for number in range(4_000)], [f"own-{n}" for n in range(500)]
    said = await explained(crowded, engines, lambda there: Orphans(there).join(*ids))
    assert said.scans == []
    # Of 4,500 ids noted under load none is an orphan; the calls they name are not read.
    assert said.examined[0] <= 40


async def test_one_call_is_found_without_a_scan(crowded: MongoDatabase, engines: Engines) -> None:
    said = await explained(crowded, engines, lambda there: Calls(there).one(call_sid(3)))
    assert said.scans == []


async def test_an_unknown_call_is_not_found_without_a_scan(
    crowded: MongoDatabase, engines: Engines
) -> None:
    async def look(there: MongoDatabase) -> None:
        with pytest.raises(CallNotFound):
            await Calls(there).one("CA-unknown")

    assert (await explained(crowded, engines, look)).scans == []


async def test_a_timeline_reads_its_own_webhooks_only(
    database: MongoDatabase, engines: Engines
) -> None:
    webhooks: list[dict[str, Any]] = []
    for number in range(1_000):
        sid = call_sid(number)
        common = {"query": "", "body": b"{}", "receivedAt": made.at(number), "callSid": sid}
        for key, path, more in (
            (f"twilio:{sid}:status:1:ringing", CALL_STATUS, {}),
            (f"twilio:event:{number}", TWILIO_EVENTS, {}),
            (f"elevenlabs:conv_{number}:x:1", ELEVENLABS, {"conversationId": f"conv_{number}"}),
            (f"elevenlabs:{sid}:initiation", INITIATION, {}),
        ):
            vendor = key.partition(":")[0]
            webhooks.append(
                {"_id": key, "vendor": vendor, "kind": "x", "path": path} | common | more
            )
    await database.webhooks.insert_many(webhooks)
    found: list[str] = []

    async def look(there: MongoDatabase) -> None:
        events = await Timelines(there).of(call_sid(7), "conv_7")
        found.extend(event.event_key for event in events)

    said = await explained(database, engines, look)
    assert said.scans == []
    assert said.examined[0] <= 8  # of 4,000; two ways may lead to one webhook
    assert {"timeline", "conversationId_1"} <= said.indexes[0]
    assert sorted(found) == sorted(hook["_id"] for hook in webhooks[28:32])
