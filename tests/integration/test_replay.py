"""`callboard replay` on real engines: the inbox becomes the calls again, and no more."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr
from support import deliveries as made
from support.deliveries import entries_of
from support.engines import Engines
from support.histories import histories
from support.program import Program, program, run_to_end
from support.server import TOKEN, status_form
from support.waiting import eventually

from callboard.app.replay import replay_inbox
from callboard.clock import SystemClock
from callboard.domain.webhooks import CALL_STATUS, TWILIO_EVENTS, InboxEntry
from callboard.errors import ConfigurationError
from callboard.ingest.replay import ReplayReport
from callboard.settings import Settings
from callboard.store.database import MongoDatabase, connect
from callboard.store.facts import FactStore
from callboard.store.inbox import InboxSelection
from callboard.store.orphans import Orphans
from callboard.vendors.twilio.signature import sign

ALL = InboxSelection()
PROBLEMS = InboxSelection(problems_only=True)
SID = "CA" + "7" * 32


class Replays:
    """Replays the inbox of a database."""

    def __init__(self, engines: Engines, database: MongoDatabase) -> None:
        url = SecretStr(engines.mongo_url(database.name))
        self._settings = Settings(_env_file=None).model_copy(update={"mongodb_url": url})
        self.database = database

    async def __call__(
        self, selection: InboxSelection = ALL, *, dry_run: bool = False
    ) -> ReplayReport:
        """Do it."""
        return await replay_inbox(self._settings, SystemClock(), selection, dry_run=dry_run)

    async def stored(self) -> dict[str, dict[str, Any]]:
        """Return every call and every webhook by its id."""
        return {
            name: {found["_id"]: found async for found in self.database[name].find()}
            for name in ("calls", "webhooks")
        }


@pytest.fixture
def replays(engines: Engines, database: MongoDatabase) -> Replays:
    """Replay over a database of its own."""
    return Replays(engines, database)


async def committed(database: MongoDatabase, entries: Sequence[InboxEntry]) -> None:
    """Take webhooks one by one, as they would come on a quiet day."""
    store = FactStore(database)
    for entry in entries:
        assert await store.commit([entry]) == [None]
    await Orphans(database).sweep()


async def both_vendors(database: MongoDatabase, count: int = 21) -> None:
    """Take everything that both vendors send about some calls, some of it twice."""
    sent = [kept for history in histories(count, seed=5) for kept in history.sent]
    entries = [entry for kept in sent for entry in entries_of(kept)]
    await committed(database, [*entries, *entries[::5]])


def kept_raw(number: int, **fields: Any) -> dict[str, Any]:
    """Return an inbox document about a ringing call that could not be understood once."""
    form = made.status_form_at(f"CA{number:032x}", "ringing", 1, 3)
    return {
        "_id": f"twilio:raw:{number}",
        "vendor": "twilio",
        "kind": "unknown",
        "path": CALL_STATUS,
        "query": "campaignId=c1",
        "body": urlencode(form).encode(),
        "receivedAt": made.at(number),
        "deliveries": 3,
        "problem": "'CallStatus' was not known then",
        **fields,
    }


async def test_deleted_calls_come_back_equal_from_the_inbox(replays: Replays) -> None:
    await both_vendors(replays.database)
    before = await replays.stored()
    assert len(before["calls"]) == 21
    await replays.database.calls.delete_many({})
    report = await replays()
    assert await replays.stored() == before
    assert (report.read, report.failed) == (len(before["webhooks"]), 0)
    assert (report.understood_now, report.not_understood) == (0, 0)


async def test_one_deleted_call_comes_back_beside_the_others(replays: Replays) -> None:
    await both_vendors(replays.database)
    before = await replays.stored()
    gone = min(before["calls"])
    await replays.database.calls.delete_one({"_id": gone})
    await replays()
    assert (await replays.stored())["calls"][gone] == before["calls"][gone]


async def test_replaying_twice_changes_nothing(replays: Replays) -> None:
    await both_vendors(replays.database)
    await replays.database.webhooks.insert_one(kept_raw(9_999))
    await replays()
    once = await replays.stored()
    assert max(found["deliveries"] for found in once["webhooks"].values()) == 3
    again = await replays()
    assert await replays.stored() == once
    assert again.understood_now == 0


async def test_what_can_be_understood_now_is_merged_and_loses_its_problem(
    replays: Replays,
) -> None:
    still = {"_id": "twilio:raw:2", "body": b"\xff", "problem": "no form"}
    await replays.database.webhooks.insert_many([kept_raw(1), {**kept_raw(2), **still}])
    report = await replays()
    assert (report.read, report.merged, report.understood_now) == (2, 1, 1)
    assert (report.not_understood, report.failed) == (1, 0)
    stored = await replays.stored()
    (call,) = stored["calls"].values()
    assert (call["status"], call["campaignId"]) == ("ringing", "c1")
    expected = {**kept_raw(1), "kind": "status", "callSid": call["_id"]}
    del expected["problem"]
    assert stored["webhooks"]["twilio:raw:1"] == expected
    assert stored["webhooks"]["twilio:raw:2"]["problem"] == "no form"


async def test_what_cannot_be_understood_any_more_says_so(replays: Replays) -> None:
    await replays.database.webhooks.insert_one(
        {**kept_raw(1), "kind": "status", "problem": None, "body": b"\xff"}
    )
    report = await replays()
    assert (report.understood_now, report.not_understood) == (0, 1)
    (kept,) = (await replays.stored())["webhooks"].values()
    assert kept["kind"] == "unknown"
    assert "urlencoded" in kept["problem"]


async def test_an_event_of_a_stream_is_replayed_under_its_own_key(replays: Replays) -> None:
    form = made.status_form_at(SID, "ringing", 1, 3)
    await committed(replays.database, entries_of(made.stream([made.event("EZ1", form)])))
    before = await replays.stored()
    assert [kept["path"] for kept in before["webhooks"].values()] == [TWILIO_EVENTS]
    await replays.database.calls.delete_many({})
    await replays.database.webhooks.update_one({}, {"$set": {"problem": "was none"}})
    await replays()
    assert await replays.stored() == before


async def test_documents_of_the_first_version_are_read(replays: Replays) -> None:
    first = {name: value for name, value in kept_raw(1).items() if name != "path"}
    await replays.database.webhooks.insert_one(first, bypass_document_validation=True)
    report = await replays()
    assert (report.merged, report.understood_now) == (1, 1)
    (kept,) = (await replays.stored())["webhooks"].values()
    assert "problem" not in kept
    assert await replays.database.calls.count_documents({"status": "ringing"}) == 1


async def test_a_dry_run_says_what_would_be_done_and_changes_nothing(replays: Replays) -> None:
    await both_vendors(replays.database, count=7)
    await replays.database.webhooks.insert_one(kept_raw(9_999))
    await replays.database.calls.delete_many({})
    before = await replays.stored()
    told = await replays(dry_run=True)
    assert await replays.stored() == before
    assert told.understood_now == 1
    assert told == await replays()


async def test_only_what_is_selected_is_read(replays: Replays) -> None:
    await replays.database.webhooks.insert_many(
        [
            kept_raw(1, problem=None),
            kept_raw(2),
            kept_raw(3, vendor="elevenlabs"),
            {name: value for name, value in kept_raw(4).items() if name != "problem"},
        ]
    )
    second = timedelta(seconds=1)
    for selection, calls in (
        (InboxSelection(vendor="elevenlabs"), 1),
        (InboxSelection(vendor="twilio"), 3),
        (PROBLEMS, 2),
        (InboxSelection(since=made.at(2)), 3),
        (InboxSelection(until=made.at(2)), 1),
        (InboxSelection(since=made.at(2), until=made.at(3)), 1),
        (InboxSelection(since=made.at(4) + second), 0),
        (InboxSelection(vendor="twilio", problems_only=True, until=made.at(9)), 1),
    ):
        told = await replays(selection, dry_run=True)
        assert (told.read, told.merged) == (calls, calls), selection
    await replays(PROBLEMS)
    stored = await replays.stored()
    assert set(stored["calls"]) == {f"CA{number:032x}" for number in (2, 3)}


async def test_a_fact_that_mongodb_refuses_keeps_its_problem(replays: Replays) -> None:
    full = {"_id": f"CA{1:032x}", "note": "x" * (16 * 1024 * 1024 - 100)}
    await replays.database.calls.insert_one(full)
    await replays.database.webhooks.insert_many([kept_raw(1), kept_raw(2)])
    report = await replays()
    assert (report.failed, report.merged, report.understood_now) == (1, 1, 1)
    stored = await replays.stored()
    assert stored["webhooks"]["twilio:raw:1"] == kept_raw(1)
    assert stored["calls"][full["_id"]] == full
    assert "problem" not in stored["webhooks"]["twilio:raw:2"]


async def post(running: Program, form: dict[str, str]) -> None:
    """Send a callback to a running program."""
    async with running.client() as client:
        signature = sign(running.url + CALL_STATUS, form.items(), TOKEN)
        headers = {
            "X-Twilio-Signature": signature,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = await client.post(CALL_STATUS, content=urlencode(form), headers=headers)
        assert answer.status_code == 200, answer.text


async def shown(running: Program) -> Any:
    """Return the summary's total."""
    async with running.client() as client:
        found = await client.get("/api/dashboard/summary", headers={"Cache-Control": "no-cache"})
        return found.json()["summary"]["totalCalls"]


async def delete_call(data: Path) -> None:
    """Delete our call in the embedded MongoDB of a running program."""
    port = (data / "mongod" / "port").read_text()
    database = connect(f"mongodb://127.0.0.1:{port}/callboard?directConnection=true")
    assert (await database.calls.delete_one({"_id": SID})).deleted_count == 1
    await database.client.close()


async def test_beside_a_running_server_and_after_it_on_its_own_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = Settings(_env_file=None).model_copy(update={"data_dir": data})
    async with program(data, "serve", "--port", "0") as running:
        await post(running, status_form(SID, "ringing"))
        await eventually(lambda: shown(running), lambda total: total == 1)
        await delete_call(data)
        await eventually(lambda: shown(running), lambda total: total == 0)
        report = await replay_inbox(settings, SystemClock(), ALL, dry_run=False)
        assert report == ReplayReport(read=1, merged=1)
        # The server that runs sees it too.
        await eventually(lambda: shown(running), lambda total: total == 1)
    code, out, _ = await run_to_end(data, "replay", "--vendor", "twilio", "--dry-run")
    assert code == 0
    assert out == (
        "would merge 1 of 1 webhooks; 0 newly understood, 0 not understood, 0 refused by MongoDB\n"
    )


async def test_without_any_data_it_says_what_to_set(tmp_path: Path) -> None:
    settings = Settings(_env_file=None).model_copy(update={"data_dir": tmp_path / "none"})
    with pytest.raises(ConfigurationError, match=r"no callboard data in .*CALLBOARD_DATA_DIR"):
        await replay_inbox(settings, SystemClock(), ALL, dry_run=False)
    assert not (tmp_path / "none").exists()
