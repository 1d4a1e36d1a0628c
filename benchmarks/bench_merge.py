"""What does it cost MongoDB to merge a webhook into its call, by each way of writing it?

Side by side in one run, on the embedded engine, majority-committed: a plain `$set` (wrong under
disorder, the floor), classic operators (`$max`/`$min`: right, but `status` is no plain field),
and callboard's pipeline update (right, shown fields plain). Whole lifecycles of four webhooks.
"""

import asyncio
import os
import statistics
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from report import cpu_s, write_report

from callboard.clock import SystemClock
from callboard.domain.lattice import CallFact
from callboard.embedded.mongod import EmbeddedMongo
from callboard.store.database import MongoDatabase, connect, prepare
from callboard.store.merge import quick_statement
from callboard.vendors.twilio.callbacks import parse_callback

CALLS = 1_500
ROUNDS = 5
BATCHES = (1, 16, 64, 256)
START = datetime(2026, 3, 26, 8, 15, tzinfo=UTC)
QUERY = [("campaignId", "camp_1"), ("contactName", "Ada Lovelace")]
LIFE = (("initiated", 0), ("ringing", 3), ("in-progress", 9), ("completed", 56))

Statement = Callable[[CallFact], dict[str, Any]]


def plain(fact: CallFact) -> dict[str, Any]:
    """Overwrite: last write wins."""
    most = fact.most
    fields: dict[str, Any] = {"status": most["twilio.state"]["s"], "sid": fact.key}
    fields |= {name: most[name] for name in ("updatedAt", "campaignId", "contactName")}
    if "twilio.callDuration" in most:
        fields["duration"] = most["twilio.callDuration"]
    return {"q": {"_id": fact.key}, "u": {"$set": fields}, "upsert": True}


def classic(fact: CallFact) -> dict[str, Any]:
    """Merge by `$max` and `$min`; the status is the name inside a pair."""
    update = {"$max": dict(fact.most), "$min": dict(fact.least)}
    return {"q": {"_id": fact.key}, "u": update, "upsert": True}


WAYS: dict[str, Statement] = {
    "plain $set": plain,
    "classic operators": classic,
    "pipeline (callboard)": quick_statement,
}


def facts(prefix: str) -> list[CallFact]:
    """Return the lifecycles of many calls, interleaved as concurrent calls are."""
    return [
        parse_callback(form(f"CA{prefix}{number:08x}", sequence, status, second), QUERY, START)
        for sequence, (status, second) in enumerate(LIFE)
        for number in range(CALLS)
    ]


def form(sid: str, sequence: int, status: str, second: int) -> list[tuple[str, str]]:
    """Return a status callback."""
    fields = [
        ("CallSid", sid),
        ("CallStatus", status),
        ("SequenceNumber", str(sequence)),
        ("Timestamp", format_datetime(START + timedelta(seconds=second))),
        ("Direction", "outbound-api"),
        ("From", "+14155550100"),
        ("To", "+13605550142"),
    ]
    return [*fields, ("CallDuration", "47")] if status == "completed" else fields


async def run(database: MongoDatabase, pid: int, way: Statement, batch: int, prefix: str) -> Any:
    """Write one round; return facts/s, and µs of CPU per fact here and in mongod."""
    todo = facts(prefix)
    if batch == 1:
        todo = todo[: len(LIFE) * CALLS // 4]
    clock = SystemClock()
    begun_s, mongod_s, here_s = clock.monotonic_s(), cpu_s(pid), cpu_s(os.getpid())
    for start in range(0, len(todo), batch):
        statements = [way(fact) for fact in todo[start : start + batch]]
        answer = await database.command(
            {
                "update": "calls",
                "updates": statements,
                "ordered": False,
                "writeConcern": {"w": "majority"},
            }
        )
        assert not answer.get("writeErrors"), answer
    took_s = clock.monotonic_s() - begun_s
    per_fact = 1e6 / len(todo)
    return (
        len(todo) / took_s,
        (cpu_s(os.getpid()) - here_s) * per_fact,
        (cpu_s(pid) - mongod_s) * per_fact,
    )


async def measure(folder: Path) -> list[dict[str, Any]]:
    """Interleave the ways over the rounds, so that drift hits all alike."""
    engine = EmbeddedMongo(folder, SystemClock())
    await engine.start()
    try:
        assert engine.pid is not None
        database = connect(engine.url)
        await prepare(database)
        seen: dict[tuple[str, int], list[Any]] = {}
        for round_number in range(ROUNDS):
            for batch in BATCHES:
                for index, (name, way) in enumerate(WAYS.items()):
                    prefix = f"{round_number:04x}{batch:08x}{index:012x}"
                    result = await run(database, engine.pid, way, batch, prefix)
                    seen.setdefault((name, batch), []).append(result)
            await database.calls.delete_many({})
        await database.client.close()
    finally:
        await engine.stop()
    return [
        {
            "way": name,
            "batch": batch,
            "facts/s": round(statistics.median(r[0] for r in results)),
            "client µs/fact": round(statistics.median(r[1] for r in results), 1),
            "mongod µs/fact": round(statistics.median(r[2] for r in results), 1),
        }
        for (name, batch), results in sorted(seen.items(), key=lambda item: item[0][1])
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        write_report("merge", __doc__, asyncio.run(measure(Path(scratch))))
