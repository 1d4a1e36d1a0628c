"""What the projector needs of the world, in memory: stores, lease, views, and the projector."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from support.builders import START, MemoryView, settle, until
from support.figures import StoredFigures

from callboard.clock import FixedClock
from callboard.domain.buckets import Bucket, instant_of
from callboard.domain.calls import is_active
from callboard.domain.changes import Change, ChangeBatch, ClusterTime
from callboard.domain.figures import FigureWrite, empty_counters
from callboard.errors import LeaseLost
from callboard.projection.board import Board, Publishers
from callboard.projection.book import Book
from callboard.projection.projector import Projector

Document = dict[str, Any]
Seen = list[tuple[str, Any]]


@dataclass(frozen=True)
class Mark:
    """A checkpoint in memory."""

    token: Mapping[str, Any] | None
    after: ClusterTime | None


class Truth:
    """Calls, campaigns and the feed of their changes."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.calls: list[Document] = []
        self.documents: list[Document] = []
        self.now: ClusterTime = (50, 0)
        self.feed: asyncio.Queue[ChangeBatch | Exception] = asyncio.Queue()

    async def all_calls(self) -> tuple[ClusterTime, AsyncIterator[Document]]:
        """Return every call."""
        self.seen.append(("all_calls", None))
        return self.now, _each(self.calls)

    async def calls_between(
        self, since: datetime, until: datetime
    ) -> tuple[ClusterTime, AsyncIterator[Document]]:
        """Return the calls that began in a stretch of time."""
        self.seen.append(("calls_between", (since, until)))
        found = [
            call
            for call in self.calls
            if (at := instant_of(call.get("startTime"))) is not None and since <= at < until
        ]
        return self.now, _each(found)

    async def active_calls(self) -> tuple[ClusterTime, AsyncIterator[Document]]:
        """Return the calls alive."""
        return self.now, _each(filter(is_active, self.calls))

    async def campaigns(self) -> tuple[ClusterTime, AsyncIterator[Document]]:
        """Return every campaign document."""
        return self.now, _each(self.documents)

    async def changes(
        self, token: Mapping[str, Any] | None, after: ClusterTime | None
    ) -> AsyncIterator[ChangeBatch]:
        """Yield what is put on the feed."""
        self.seen.append(("changes", (token, after)))
        while True:
            item = await self.feed.get()
            if isinstance(item, Exception):
                raise item
            yield item


class Ledger(StoredFigures):
    """Figures and their checkpoint."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen
        self.mark: Mark | None = None
        self.failure: Exception | None = None
        self._epoch = 0

    async def checkpoint(self) -> Mark | None:
        """Return where the figures are."""
        return self.mark

    async def commit(
        self,
        epoch: int,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any],
        writes: Sequence[FigureWrite],
    ) -> int:
        """Move figures and token together, or fail once."""
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        self._fence(epoch)
        assert self.mark is not None
        assert before == self.mark.token
        self.mark = replace(self.mark, token=after)
        self.write(writes)
        self.seen.append(("commit", after["n"]))
        return len(self.seen)

    async def replace_all(
        self, epoch: int, documents: Sequence[Document], folded_at: ClusterTime
    ) -> None:
        """Store figures folded from nothing."""
        self._fence(epoch)
        self.stored = {document["_id"]: deepcopy(document) for document in documents}
        self.mark = Mark(None, folded_at)

    def _fence(self, epoch: int) -> None:
        """Refuse the writes of an earlier epoch."""
        if epoch < self._epoch:
            message = f"epoch {self._epoch} projects now"
            raise LeaseLost(message)
        self._epoch = epoch


class Claim:
    """A lease that can be taken away."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.epoch = 0
        self.free = True
        self.lost = False

    async def acquire(self) -> bool:
        """Take the lease if it is free."""
        self.epoch += self.free
        self.seen.append(("acquire", self.free))
        return self.free

    async def renew(self) -> None:
        """Hold on, unless it was taken."""
        if self.lost:
            self.lost = False
            message = "somebody else leads"
            raise LeaseLost(message)

    async def release(self) -> None:
        """Let go."""
        self.seen.append(("release", None))


class MemoryWorld:
    """Stores and views in memory, and the projector that joins them."""

    def __init__(self) -> None:
        self.seen: Seen = []
        self.truth, self.ledger, self.lease = Truth(self.seen), Ledger(self.seen), Claim(self.seen)
        self.clock = FixedClock(START)
        names = ("live", "campaign", "summary")
        self.live, self.campaigns, self.summary = (MemoryView(name, self.seen) for name in names)
        publishers = Publishers(self.live, self.campaigns, self.summary)
        zone = ZoneInfo("UTC")
        board = Board(publishers, Book(self.ledger, zone), zone, self.clock)
        self.projector = Projector(self.truth, self.ledger, self.lease, board, self.clock)
        self.projector._tick_s = 0
        self.run: asyncio.Future[None] | None = None
        self._batches = 0

    async def until(self, holds: Callable[[], object]) -> None:
        """Let the projector go on until something holds; its own end is an error."""
        await until(lambda: holds() or (self.run is not None and self.run.done()))
        if self.run is not None and self.run.done():
            await self.run

    async def through(self, *changes: Change, complete: bool = True) -> None:
        """Put a batch on the feed and wait until it is committed and published."""
        self._batches += 1
        reached = max((change.at for change in changes), default=self.truth.now)
        batch = ChangeBatch(changes, {"n": self._batches}, self.clock.now(), complete, reached)
        self.truth.feed.put_nowait(batch)
        await until(self.truth.feed.empty)
        await settle()

    def happened(self, name: str) -> list[Any]:
        """Return what was seen of one kind."""
        return [value for kind, value in self.seen if kind == name]

    def total_of(self, key: str) -> int:
        """Return how many calls a stored document knows."""
        return int(self.ledger.stored[key]["callVolume"]["total"])

    def total(self, bucket: Bucket) -> int:
        """Return how many calls the stored figures know."""
        found = self.ledger.stored.get(bucket.key, empty_counters())
        return int(found["callVolume"]["total"])


async def _each(documents: Iterable[Document]) -> AsyncIterator[Document]:
    for document in documents:
        yield deepcopy(document)


@asynccontextmanager
async def leading(world: MemoryWorld) -> AsyncIterator[MemoryWorld]:
    """Run the projector until the block ends; it leads when the block begins."""
    world.run = asyncio.ensure_future(world.projector.run())
    try:
        await world.until(lambda: world.happened("changes"))
        yield world
    finally:
        world.run.cancel()
        await asyncio.gather(world.run, return_exceptions=True)
