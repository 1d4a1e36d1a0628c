"""A database under load and those that project it, and what must hold whatever befell them."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from support.calls_load import CallsLoad
from support.engines import Engines
from support.figures_oracle import assert_figures
from support.projector_process import LEADING, ProjectorProcess, projector_process
from support.views_truth import assert_views
from support.waiting import eventually

from callboard.domain.stream import Position
from callboard.errors import ViewsUnavailable
from callboard.keyspaces import VIEWS
from callboard.store.database import MongoDatabase, connect, prepare
from callboard.tasks import end
from callboard.views.connection import RedisClient
from callboard.views.connection import connect as connect_redis
from callboard.views.reader import ViewReader

__all__ = ["INTERRUPTED", "Commit", "Site", "site_under_load"]

ZONE = ZoneInfo("Europe/Madrid")
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
INTERRUPTED = "projection.interrupted"
EXPECTED = {
    "process.ready",
    LEADING,
    INTERRUPTED,
    "projection.leading",
    "projection.refolded",
    "projection.views_unavailable",
    "projection.views_restored",
}


class Commit(NamedTuple):
    """A batch's figures and its token, committed."""

    epoch: int
    session: bytes


@dataclass
class Site:
    """A database under load, and who projects it."""

    database: MongoDatabase
    redis: RedisClient
    load: CallsLoad
    start: Callable[[], AbstractAsyncContextManager[ProjectorProcess]]
    rng: random.Random
    all_started: list[ProjectorProcess] = field(default_factory=list)
    heads: dict[str, list[Position]] = field(default_factory=dict)
    """Where each view was seen, in the order it was looked at."""

    async def commits(self) -> list[Commit]:
        """Return every transaction that moved the checkpoint, oldest first, from the oplog."""
        state = f"{self.database.name}.state"
        wanted = {"lsid": {"$exists": True}, "o.applyOps.ns": state}
        oplog = self.database.client.get_database("local")["oplog.rs"]
        found: list[Commit] = []
        async for entry in oplog.find(wanted, {"lsid": 1, "o.applyOps": 1}).sort("$natural", 1):
            written = next(op["o"] for op in entry["o"]["applyOps"] if op["ns"] == state)
            # The first is stored whole, of the others only what has changed.
            changed = {**written, **(changes := written.get("diff", {})).get("i", {})}
            changed |= changes.get("u", {})
            epoch = changed.get("epoch", found[-1].epoch if found else 0)
            found.append(Commit(int(epoch), bytes(entry["lsid"]["id"])))
        return found

    async def open_transactions(self) -> int:
        """Return how many transactions have begun and not ended."""
        status = await self.database.client.admin.command("serverStatus")
        return int(status["transactions"]["currentOpen"])

    async def free_lease(self) -> None:
        """Let a dead one's lease run out now."""
        await self.database.state.update_one(
            {"_id": "projector-lease"}, {"$set": {"expiresAt": LONG_AGO}}
        )

    async def renewed(self) -> None:
        """Wait until whoever leads has just renewed its lease."""

        async def expires() -> datetime:
            lease = await self.database.state.find_one({"_id": "projector-lease"})
            return lease["expiresAt"] if lease is not None else LONG_AGO

        before = await expires()
        await eventually(expires, lambda seen: seen > before)

    async def holder(self) -> ProjectorProcess:
        """Return the process that has the lease."""
        lease = await self.database.state.find_one({"_id": "projector-lease"})
        assert lease is not None
        pid = int(lease["owner"].split(":")[1])
        return next(process for process in self.all_started if process.process.pid == pid)

    async def caught_up(self, within_s: float = 30) -> None:
        """Write a last call and wait until it is counted: so is then all before it."""
        last = await self.load.last()

        async def counted() -> Any:
            return await self.database.analytics.find_one({"_id": last}, {"_id": 1})

        await eventually(counted, within_s=within_s)

    async def written(self) -> dict[str, Any]:
        """Return everything that a projector writes, in MongoDB and in Redis."""
        redis: Any = self.redis
        seen: dict[str, Any] = {
            "token": await self.database.state.find_one({"_id": "projection"}),
            "figures": await self.database.analytics.find().sort("_id", 1).to_list(),
        }
        for space in VIEWS:
            seen[space.head_key] = await redis.get(space.head_key)
            for shard in range(space.shards):
                seen[space.items_key(shard)] = await redis.hgetall(space.items_key(shard))
                seen[space.log_key(shard)] = await redis.xrange(space.log_key(shard))
        return seen

    async def at_rest(self) -> dict[str, Any]:
        """Return the same once it does not change any more: what was under way has arrived."""
        seen = [await self.written()]

        async def again() -> bool:
            seen.append(await self.written())
            return bool(seen[-1] == seen[-2])

        await eventually(again, within_s=1)
        return seen[-1]

    async def watch(self) -> None:
        """Look where the views are, until cancelled."""
        while True:
            for space in VIEWS:
                with contextlib.suppress(ViewsUnavailable):
                    head = await ViewReader(self.redis, space).head()
                    self.heads.setdefault(space.name, []).append(head.position)
            await asyncio.sleep(0.02)

    async def assert_true(self) -> None:
        """Without load, hold every figure and view to the calls, and history to its order."""
        await self.caught_up(60)
        await assert_figures(self.database, ZONE)
        await assert_views(self.database, self.redis, ZONE)
        turns = [turn for turn, _ in groupby(await self.commits())]
        epochs = [turn.epoch for turn in turns]
        # Whoever had been replaced would commit under an epoch that is over, or within another's.
        assert epochs == sorted(set(epochs)), turns
        for name, seen in self.heads.items():
            assert seen == sorted(seen), f"one that had been replaced has written view {name}"
        said = [entry for process in self.all_started for entry in process.log]
        # Only the first may fold from nothing: what has drifted must not be mended unseen.
        assert [entry["event"] for entry in said].count("projection.refolded") == 1
        unexpected = [str(entry) for entry in said if entry["event"] not in EXPECTED]
        assert not unexpected, "\n".join(unexpected)


@asynccontextmanager
async def site_under_load(engines: Engines, folder: Path, seed: int) -> AsyncIterator[Site]:
    """Prepare a database that is written to until its load is stopped, or the block ends."""
    database = connect(engines.mongo_url())
    await prepare(database)
    redis = await connect_redis(engines.valkey.url, engines.valkey.password)
    # One Redis serves one installation; the one of the test before is gone.
    await redis.flushall()
    load = CallsLoad(database, ZONE, seed)

    @asynccontextmanager
    async def start() -> AsyncIterator[ProjectorProcess]:
        async with projector_process(engines, database.name, ZONE.key, folder) as process:
            site.all_started.append(process)
            yield process

    site = Site(database, redis, load, start, random.Random(seed))  # noqa: S311  (seeded)
    loop = asyncio.get_running_loop()
    tasks = (loop.create_task(load.run()), loop.create_task(site.watch()))
    try:
        yield site
        for task in tasks:
            assert task.cancelled() or not task.done() or task.exception() is None
    finally:
        await end(*tasks)
        await redis.aclose()
        # A test that failed may have left a transaction whose locks would hold this up.
        await database.client.admin.command({"killAllSessions": []})
        await database.client.drop_database(database.name)
        await database.client.close()
