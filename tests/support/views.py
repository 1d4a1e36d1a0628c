"""The three views under a light load of changed calls, held against what MongoDB says.

A projector with a client of its own writes them; readers come in by a Redis user that may only
read, and follow them as a web process does.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from redis.asyncio import Redis
from support.truth import ACTIVE, campaign_truth, day_truth
from support.waiting import eventually

from callboard.app.projection import projector_of
from callboard.cache.transport import Transport
from callboard.clock import SystemClock
from callboard.delivery.replica import Replica
from callboard.errors import ViewsUnavailable
from callboard.keyspaces import VIEWS
from callboard.settings import Settings
from callboard.store.database import MongoDatabase
from callboard.tasks import end
from callboard.views import connection as redis
from callboard.views.reader import ViewReader

__all__ = ["READER", "Load", "Views", "attempts_to_write", "projected", "reader_config"]

CLOCK = SystemClock()
READER, _PASSWORD = "reader", "password-of-the-tests"
_MAY_ONLY_READ = f"{READER} on >{_PASSWORD} ~cb:* -@all +@read +@connection +info"
_MAY_ASK_THE_CLUSTER = "+cluster|slots +cluster|shards +cluster|nodes"
_STILL_S = 0.4
_SURE_S = 1.5
_ANSWER_S = 3.0
_PAUSE_S = 0.02
_ALIVE_MIN, _ALIVE_MAX = 10, 20

Shown = dict[str, Any]
"""By view: what its items say."""


def reader_config() -> dict[str, str]:
    """Return the line of a server's configuration that makes the reader known."""
    return {"user": f"{_MAY_ONLY_READ} {_MAY_ASK_THE_CLUSTER}"}


def reader_url(url: str) -> str:
    """Return the same servers for the user who may only read."""
    return url.replace("redis://", f"redis://{READER}:{_PASSWORD}@")


class Load:
    """Calls that begin, go on, end and are deleted, written straight into MongoDB."""

    def __init__(self, database: MongoDatabase, rng: random.Random) -> None:
        self._calls = database.calls
        self._rng = rng
        self._turn = asyncio.Lock()
        self._alive: list[str] = []
        self.written = 0

    async def run(self) -> None:
        """Write until cancelled, some forty times a second."""
        while True:
            async with self._turn:
                await self.write()
            await asyncio.sleep(_PAUSE_S)

    @contextlib.asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """Let nothing be written for the length of a block."""
        async with self._turn:
            yield

    async def more(self, count: int) -> None:
        """Return when so many more writes have been made."""
        wanted = self.written + count

        async def written() -> int:
            return self.written

        await eventually(written, lambda seen: seen >= wanted)

    async def write(self) -> None:
        """Change one call."""
        self.written += 1
        chance = self._rng.random()
        if len(self._alive) < _ALIVE_MIN or (chance < 0.2 and len(self._alive) < _ALIVE_MAX):
            await self._begin(f"CA{self.written:032x}")
            return
        sid = self._rng.choice(self._alive)
        if chance < 0.7:
            # A text of its own: whoever lags by one write is seen to.
            told = {"status": "in-progress", "contactName": f"at {self.written}"}
            await self._calls.update_one({"_id": sid}, {"$set": told})
            return
        self._alive.remove(sid)
        if chance > 0.95:
            await self._calls.delete_one({"_id": sid})
            return
        ended = {"status": "completed", "duration": self._rng.randrange(1, 90)}
        await self._calls.update_one({"_id": sid}, {"$set": ended})

    async def _begin(self, sid: str) -> None:
        call = {
            "_id": sid,
            "sid": sid,
            "status": "ringing",
            "direction": "outbound",
            "startTime": CLOCK.now(),
            "campaignId": f"camp_{self.written % 3}",
            "contactName": f"at {self.written}",
        }
        await self._calls.insert_one(call)
        self._alive.append(sid)


async def truth_of(database: MongoDatabase) -> Shown:
    """Return what the views must say now, from `calls` alone."""
    alive = database.calls.find({"status": {"$in": ACTIVE}})
    campaigns = await database.calls.distinct("campaignId")
    return {
        "live": {call["_id"]: _of_call(call) async for call in alive},
        "campaign": {name: await campaign_truth(database, name) for name in campaigns},
        "summary": await day_truth(database, CLOCK.now().date().isoformat()),
    }


def _of_call(call: Mapping[str, Any]) -> list[Any]:
    return [call[name] for name in ("status", "campaignId", "contactName")]


def _said(view: str, items: Mapping[str, Any]) -> Any:
    """Return what a view's decoded items say, in the words of `truth_of`."""
    if view == "live":
        return {sid: _of_call(call) for sid, call in items.items()}
    if view == "campaign":
        return {name: _totals(status) for name, status in items.items()}
    summary = items["today"]
    said = _totals(summary)
    said["byHour"] = {hour: n for hour, n in enumerate(summary["byHour"]) if n}
    for name in ("byStatus", "byDirection"):
        said[name] = {key: n for key, n in summary[name].items() if n}
    return said


def _totals(figures: Mapping[str, Any]) -> dict[str, Any]:
    names = ("totalCalls", "activeCalls", "completedCalls", "failedCalls", "totalDuration")
    return {name: figures[name] for name in names}


@dataclass
class Views:
    """Everything a test of faults needs."""

    database: MongoDatabase
    load: Load
    writing: Transport
    """The projector's connections."""
    reading: redis.RedisClient
    """Those of the user who may only read."""
    replicas: dict[str, Replica]

    async def loaded(self) -> Shown | str:
        """Return the views as somebody reads them who comes now, or why that does not work."""
        try:
            loads = (ViewReader(self.reading, space).load() for space in VIEWS)
            snapshots = await asyncio.gather(*loads)
        except ViewsUnavailable as error:
            return str(error)
        return {
            space.name: _said(
                space.name, {key: orjson.loads(item) for key, item in snapshot.items.items()}
            )
            for space, snapshot in zip(VIEWS, snapshots, strict=True)
        }

    async def followed(self) -> Shown | str:
        """Return the views as those see them who were there all the time."""
        for name, replica in self.replicas.items():
            if not replica.vouched:
                return f"nobody vouches for '{name}'"
        return {name: _said(name, replica.items) for name, replica in self.replicas.items()}

    async def until_right(self, within_s: float = 20.0) -> dict[str, float]:
        """Return after how many seconds the views, and the copies of readers, were right for good.

        For good is for two and a half seconds of load: readers look for what they have lost
        every second. The load holds its breath while they look, and goes on between two looks.
        """
        began_s = CLOCK.monotonic_s()
        since_s: dict[str, float] = {}
        wrong: dict[str, str] = {}

        async def look() -> bool:
            async with self.load.still():
                truth = await truth_of(self.database)
                for name, see in (("loaded", self.loaded), ("followed", self.followed)):
                    if (differs := await _compared(see, truth)) is None:
                        since_s.setdefault(name, CLOCK.monotonic_s() - began_s)
                    else:
                        wrong[name] = differs
                        since_s.pop(name, None)
            sure_s = CLOCK.monotonic_s() - began_s - _SURE_S
            return len(since_s) == 2 and max(since_s.values()) <= sure_s

        try:
            await eventually(look, within_s=within_s + _SURE_S)
        except AssertionError as error:
            message = f"not right within {within_s} s; right since {since_s}; last wrong: {wrong}"
            raise AssertionError(message) from error
        return {name: round(at_s, 2) for name, at_s in since_s.items()}


async def _compared(
    see: Callable[[], Coroutine[Any, Any, Shown | str]], truth: Shown
) -> str | None:
    """Look for a while: None as soon as the truth is seen, else how what was seen differs."""
    until_s = CLOCK.monotonic_s() + _STILL_S
    while True:
        looking = asyncio.ensure_future(see())
        await asyncio.wait({looking}, timeout=_ANSWER_S)
        if not looking.done():
            await end(looking)
            return f"no answer within {_ANSWER_S} s"
        if (seen := await looking) == truth:
            return None
        if CLOCK.monotonic_s() > until_s:
            return _difference(seen, truth)
        await asyncio.sleep(_PAUSE_S)


def _difference(seen: Shown | str, truth: Shown) -> str:
    """Say in which views and for which keys they differ."""
    if isinstance(seen, str):
        return seen
    return str(
        {
            view: {
                key: (seen[view].get(key), truth[view].get(key))
                for key in seen[view].keys() | truth[view].keys()
                if seen[view].get(key) != truth[view].get(key)
            }
            for view in truth
            if seen[view] != truth[view]
        }
    )


@contextlib.asynccontextmanager
async def projected(
    database: MongoDatabase, url: str, *, loaded: bool = True
) -> AsyncIterator[Views]:
    """Run a projector, readers and the load for the length of a block; all is right at first."""
    writing = await redis.connect_writer(url)
    reading = await redis.connect(reader_url(url))
    settings = Settings(_env_file=None).model_copy(update={"timezone": "UTC"})
    projector = projector_of(settings, CLOCK, database, writing)
    replicas = {
        space.name: Replica(space.name, ViewReader(reading, space), CLOCK, 1_000)
        for space in VIEWS
    }
    load = Load(database, random.Random(5))  # noqa: S311  (seeded)
    views = Views(database, load, writing, reading, replicas)
    for _ in range(_ALIVE_MIN):
        await load.write()
    running = [projector.run, *(replica.run for replica in replicas.values())]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run()) for run in running]
            if loaded:
                tasks.append(group.create_task(load.run()))
            try:
                await views.until_right()
                yield views
            finally:
                for task in tasks:
                    await end(task)
    finally:
        await writing.close()
        await reading.aclose()


async def attempts_to_write(node: Redis) -> list[Any]:
    """Return what a server has refused to the user who may only read."""
    log: Any = await node.acl_log()
    return [entry for entry in log if entry["username"] in (READER, READER.encode())]
