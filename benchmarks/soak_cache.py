"""Does a cache ever answer with less than a writer was promised?

Two processes on one Redis and one MongoDB: 4 writers, 30 readers (4 of them without a pause),
20 keys. A read is stale when it began after the invalidation of a newer version had returned to
its writer, in whichever process. `left` counts keys, per process, whose cache was still older
than MongoDB 2 s after the last write: those stay wrong until their TTL. The row without a cache
shows that MongoDB itself and the measuring count nothing; every cache runs with its own JSON or
orjson, as in `bench_cache.py`, on its own fresh Valkey. It fails if ours is ever stale.

Shorter: `CALLBOARD_SOAK_S` is how long ours runs; the others run a quarter of it.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from cache_process import LOOP
from cache_server import Server
from contenders import CONTENDERS
from report import write_report
from soak import Order, Outcome, soak

from callboard.clock import SystemClock
from callboard.embedded.mongod import EmbeddedMongo

SECONDS = float(os.environ.get("CALLBOARD_SOAK_S", "60"))
UNCACHED = "no cache"
OURS = ("callboard L1+L2", "callboard L2")
OTHERS = (
    UNCACHED,
    "redis-py cache-aside",
    "cashews",
    "cashews client_side",
    "aiocache",
    "fastapi-redis-sdk",
    "cachefence",
)


def row(name: str, seconds: float, mongo_url: str, folder: Path) -> dict[str, Any]:
    """Soak one contender on a Valkey and a database of its own."""
    folder.mkdir()
    server = Server(folder)
    server.start()
    entry = CONTENDERS.get(name)
    try:
        order = Order(entry, server.url, mongo_url, seconds, folder / "board")
        outcome = soak(order)
        engine = server.version()
    finally:
        server.stop()
    said = {"cache": name, "version": entry.version() if entry else "", "seconds": seconds}
    row = {**said, **_figures(outcome), "engine": engine, "loop": LOOP}
    print(row, file=sys.stderr, flush=True)
    return row


def _figures(outcome: Outcome) -> dict[str, Any]:
    return {
        "reads": outcome.reads,
        "writes": outcome.writes,
        "loads": outcome.loads,
        "stale reads": outcome.stale,
        "per million": round(outcome.stale / outcome.reads * 1e6),
        "worst ms": round(outcome.worst_s * 1e3, 2),
        "left": outcome.left,
    }


def measure(folder: Path, names: list[str]) -> list[dict[str, Any]]:
    """Soak one after the other; ours first."""
    mongo = EmbeddedMongo(folder, SystemClock())
    asyncio.run(mongo.start())
    try:
        rows = []
        for number, name in enumerate(names):
            url = mongo.url.replace("/callboard?", f"/soak_{number}?")
            seconds = SECONDS if name in OURS else SECONDS / 4
            rows.append(row(name, seconds, url, folder / f"soak-{number}"))
    finally:
        asyncio.run(mongo.stop())
    return rows


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        rows = measure(Path(scratch), sys.argv[1:] or [*OURS, *OTHERS])
        write_report("soak_cache", __doc__, rows)
        wrong = [
            r for r in rows if r["cache"] in (*OURS, UNCACHED) and r["stale reads"] + r["left"]
        ]
        assert not wrong, wrong
