"""What both halves of `bench_projection.py` stand on: engines, calls, writer, and the truth."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from bench_ingest import noon_zone
from projection_load import Population, batches
from projection_process import Where

from callboard.clock import SystemClock
from callboard.domain.lattice import CallFact
from callboard.embedded.mongod import EmbeddedMongo
from callboard.embedded.valkey import EmbeddedValkey
from callboard.keyspaces import LIVE
from callboard.store import database as mongo
from callboard.store.facts import FactStore
from callboard.views import connection as redis
from callboard.views.reader import ViewReader

__all__ = ["Bench", "Engines", "engines", "until"]

CLOCK = SystemClock()
_CATCH_UP_S = 60.0
_LOOK_EVERY_S = 0.005
_RIGHT_WITHIN_S = 5.0


@dataclass(frozen=True)
class Engines:
    """One mongod and one Valkey."""

    mongo: EmbeddedMongo
    valkey: EmbeddedValkey

    def pids(self) -> dict[str, int]:
        """Return their process ids."""
        assert self.mongo.pid is not None
        assert self.valkey.pid is not None
        return {"mongod": self.mongo.pid, "valkey": self.valkey.pid}


@asynccontextmanager
async def engines(folder: Path) -> AsyncIterator[Engines]:
    """Run both."""
    pair = Engines(EmbeddedMongo(folder, CLOCK), EmbeddedValkey(folder, CLOCK))
    try:
        await pair.mongo.start()
        await pair.valkey.start()
        yield pair
    finally:
        await pair.valkey.stop()
        await pair.mongo.stop()


async def until(
    reached: Callable[[], Awaitable[bool]], what: str, within_s: float = _RIGHT_WITHIN_S
) -> None:
    """Ask again and again."""
    deadline_s = CLOCK.monotonic_s() + within_s
    while not await reached():
        assert CLOCK.monotonic_s() < deadline_s, f"{what}: not within {within_s:.0f} s"
        await asyncio.sleep(_LOOK_EVERY_S)


class Bench:
    """A database of its own in which calls are alive, and nobody projects yet."""

    def __init__(self, where: Where, client: redis.RedisClient, live: int) -> None:
        self.where = where
        self.database = mongo.connect(where.mongo_url)
        self.population = Population(live, CLOCK.now())
        self.live = ViewReader(client, LIVE)
        self._store = FactStore(self.database)

    @classmethod
    @asynccontextmanager
    async def open(cls, pair: Engines, name: str, live: int) -> AsyncIterator["Bench"]:
        """Let calls stand in a new database; drop it afterwards."""
        url = pair.mongo.url.replace("/callboard?", f"/{name}?")
        where = Where(url, pair.valkey.url, pair.valkey.password, noon_zone(CLOCK.now()))
        client = await redis.connect(where.redis_url, where.redis_password)
        await client.flushall()
        bench = cls(where, client, live)
        await mongo.prepare(bench.database)
        try:
            for batch in batches(bench.population.standing()):
                await bench.write(batch)
            yield bench
        finally:
            await bench.database.client.drop_database(bench.database.name)
            await bench.database.client.close()
            await client.aclose()

    async def write(self, batch: Sequence[CallFact]) -> None:
        """Merge changes as ingest does; return when they are majority-committed."""
        failures = [failure for failure in await self._store.merge(batch) if failure is not None]
        assert not failures, failures[0]

    async def write_all(self, count: int) -> str:
        """Write so many changes; return the resume token of the last one, which sorts."""
        parts = [*batches(self.population.take(count))]
        only_tokens = [{"$project": {"_id": 1}}]
        seen, token = 0, ""
        async with await self.database.calls.watch(only_tokens, batch_size=1_000) as stream:
            for part in parts:
                await self.write(part)
            while (event := await stream.try_next()) is not None or seen < count:
                if event is not None:
                    seen, token = seen + 1, event["_id"]["_data"]
        assert seen == count, f"{count} facts made {seen} changes"
        return token

    async def folded(self, token: str) -> None:
        """Return when the figures' checkpoint has reached a token."""

        async def reached() -> bool:
            state = await self.database.state.find_one({"_id": "projection"}) or {}
            return bool(state.get("token")) and state["token"]["_data"] >= token

        await until(reached, "catching up", _CATCH_UP_S)

    async def commits(self) -> int:
        """Return how many transactions mongod has committed: a projector's batches."""
        status = await self.database.client.admin.command("serverStatus")
        count: int = status["transactions"]["totalCommitted"]
        return count

    async def deltas(self) -> int:
        """Return the offset of the view of live calls."""
        return (await self.live.head())[0].offset

    async def require_right(self) -> None:
        """Check the figures against the calls, and the view against what was written."""
        expected = self.population.shown()

        async def right() -> bool:
            items = (await self.live.load()).items
            return {key: orjson.loads(item)["contactName"] for key, item in items.items()} == (
                expected
            )

        await until(right, "the view of live calls")

        async def counted() -> bool:
            stored, counted = await self._totals()
            return stored == counted

        await until(counted, "figures that equal the calls")

    async def _totals(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return all and completed calls, as the days' figures say and as calls are counted."""
        days = await self.database.analytics.find({"type": "daily", "campaignId": None}).to_list()
        volumes = [day["callVolume"] for day in days]
        stored = {
            "all": sum(volume["total"] for volume in volumes),
            "completed": sum(volume["byStatus"]["completed"] for volume in volumes),
        }
        calls = self.database.calls
        counted = {
            "all": await calls.count_documents({}),
            "completed": await calls.count_documents({"status": "completed"}),
        }
        return stored, counted
