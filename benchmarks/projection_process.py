"""One projector in a process of its own, that can be paused in its tracks."""

import asyncio
import cProfile
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import uvloop

from callboard.app.caching import caching_of
from callboard.app.projection import projector_of
from callboard.cache.records import ignore
from callboard.clock import SystemClock
from callboard.observe.logs import configure_logs
from callboard.settings import Settings
from callboard.store import database as mongo
from callboard.tasks import end
from callboard.views import connection as redis

__all__ = ["Projection", "Where", "projecting"]

PROFILE = os.environ.get("CALLBOARD_BENCH_PROFILE", "")
"""A folder that gets cProfile's figures by database; what is profiled is dearer than without."""
_START_S = 30.0
_STOP_S = 10.0
_LEASE_MS = 120_000
"""Longer than any pause: a projector that was paused still leads."""


@dataclass(frozen=True)
class Where:
    """The engines a projector works on."""

    mongo_url: str
    redis_url: str
    redis_password: str
    timezone: str


class Projection:
    """The parent's end of a projector's process."""

    def __init__(self, process: SpawnProcess) -> None:
        assert process.pid is not None
        self.pid = process.pid

    def freeze(self) -> None:
        """Stop it in its tracks: connections stand, nothing is read."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)


@asynccontextmanager
async def projecting(where: Where) -> AsyncIterator[Projection]:
    """Run a projector; yield when it leads and its views are written, end it in order."""
    spawning = multiprocessing.get_context("spawn")
    here, there = spawning.Pipe()
    process = spawning.Process(target=_child, args=(where, there), daemon=True)
    process.start()
    there.close()
    try:
        assert await asyncio.to_thread(here.poll, _START_S), "no projector leads"
        assert here.recv() == "leading"
        yield Projection(process)
        here.send("stop")
        await asyncio.to_thread(process.join, _STOP_S)
        assert process.exitcode == 0, f"the projector ended with {process.exitcode}"
    finally:
        process.kill()
        process.join()


def _child(where: Where, pipe: Connection) -> None:
    configure_logs("console", "warning")
    uvloop.run(_project(where, pipe))


async def _project(where: Where, pipe: Connection) -> None:
    """Project from now until the parent says stop, or is gone."""
    values: dict[str, Any] = {"timezone": where.timezone, "lease_ms": _LEASE_MS}
    settings = Settings(_env_file=None).model_copy(update=values)
    database = mongo.connect(where.mongo_url)
    await mongo.prepare(database)
    writer = await redis.connect_writer(where.redis_url, where.redis_password)
    clock = SystemClock()
    caching = caching_of(settings, clock, where.redis_url, where.redis_password, ignore)
    await caching.start()
    invalidator = caching.invalidator
    assert invalidator is not None
    projector = projector_of(settings, clock, database, writer, invalidator)
    flooring = asyncio.ensure_future(invalidator.run())
    running = asyncio.ensure_future(projector.run())
    leading = asyncio.ensure_future(projector.leading.wait())
    await asyncio.wait((running, leading), return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    profile = cProfile.Profile()
    if PROFILE:
        profile.enable()
    pipe.send("leading")
    told = asyncio.Event()
    # No thread that waits for a word: nothing may outlive a projector that fails.
    asyncio.get_running_loop().add_reader(pipe.fileno(), told.set)
    hearing = asyncio.ensure_future(told.wait())
    await asyncio.wait((running, hearing), return_when=asyncio.FIRST_COMPLETED)
    if PROFILE:
        profile.disable()
        profile.dump_stats(Path(PROFILE) / f"{database.name}.prof")
    if running.done():
        running.result()
    await end(running, hearing, flooring)
    await caching.stop()
    await writer.close()
    await database.client.close()
