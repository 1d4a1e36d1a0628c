"""Ingest as one process runs it, without the web: inbox, batcher, joiner, and a mortal joiner."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, cast

from support.deliveries import entries_of

from callboard.domain.webhooks import TWILIO_EVENTS, InboxEntry, KeptWebhook
from callboard.ingest.accept import Inbox
from callboard.ingest.batcher import Batcher
from callboard.ingest.joiner import Joiner
from callboard.store.database import MongoDatabase
from callboard.store.facts import FactStore
from callboard.store.orphans import Orphans

__all__ = ["DELETE", "LOOK", "MERGE", "Killed", "Process", "Watched", "mortal", "running"]

LOOK, MERGE, DELETE, AGAIN = "look", "merge", "delete", "again"
"""The joiner's steps with one orphan, in order; AGAIN reads it once more."""

_LANES = 64
_BATCH_LENGTH_MAX = 100

BeforeStep = Callable[[str], Awaitable[None]]


class Killed(Exception):  # noqa: N818  (what happens to a process, not an error of ours)
    """The process dies here."""


class Watched:
    """A database that says which step the joiner is about to take."""

    def __init__(self, database: MongoDatabase, before: BeforeStep) -> None:
        self._database = database
        self._before = before

    @classmethod
    def orphans(cls, database: MongoDatabase, before: BeforeStep) -> Orphans:
        """Return orphans joined over a watched database."""
        return Orphans(cast("MongoDatabase", cls(database, before)))

    @property
    def calls(self) -> "Watched":
        """Return the collection: this very object stands in for it."""
        return self

    @property
    def webhooks(self) -> Any:
        """Return the inbox."""
        return self._database.webhooks

    def find(self, *arguments: Any) -> Any:
        """Pass on a search."""
        return self._database.calls.find(*arguments)

    async def command(self, command: Any) -> Any:
        """Say that a merge comes."""
        await self._before(MERGE)
        return await self._database.command(command)

    async def delete_one(self, wanted: Any) -> Any:
        """Say that a deletion comes."""
        await self._before(DELETE)
        return await self._database.calls.delete_one(wanted)

    async def find_one(self, wanted: Any) -> Any:
        """Say that an orphan is read again."""
        await self._before(AGAIN)
        return await self._database.calls.find_one(wanted)


def mortal(database: MongoDatabase, rng: random.Random, probability: float) -> Orphans:
    """Return orphans whose joiner dies at random steps."""

    async def before(step: str) -> None:
        del step
        if rng.random() < probability:
            raise Killed

    return Watched.orphans(database, before)


class Process:
    """One process' ingest; a joiner that dies is replaced by a new one that knows nothing."""

    def __init__(self, database: MongoDatabase, orphans: Orphans) -> None:
        self._orphans = orphans
        self.joiner = Joiner(orphans)
        self.deaths = 0
        self._batcher: Batcher[InboxEntry] = Batcher(
            FactStore(database).commit, batch_length_max=_BATCH_LENGTH_MAX, waiting_max=10_000
        )

    async def take(self, kept: KeptWebhook) -> None:
        """Take one request."""
        inbox = Inbox(self._batcher.submit, self._batcher.submit_all, self.joiner)
        entries = entries_of(kept)
        if kept.path == TWILIO_EVENTS:
            await inbox.keep_all(entries)
        else:
            (entry,) = entries
            await inbox.keep(entry)

    async def take_all(self, requests: Sequence[KeptWebhook]) -> None:
        """Take many requests in their order, some at once."""
        waiting = iter(requests)

        async def lane(mine: Iterable[KeptWebhook]) -> None:
            for kept in mine:
                await self.take(kept)

        await asyncio.gather(*(lane(waiting) for _ in range(_LANES)))

    async def run(self) -> None:
        """Commit and join until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._batcher.run())
            tasks.create_task(self._join())

    async def _join(self) -> None:
        while True:
            try:
                await self.joiner.run()
            except Killed:
                self.deaths += 1
                self.joiner = Joiner(self._orphans)


@contextlib.asynccontextmanager
async def running(*processes: Process) -> AsyncIterator[None]:
    """Run processes for the length of a block."""
    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(process.run()) for process in processes]
        yield
        for task in started:
            task.cancel()
