"""The one projector: change stream in, figures and views out.

Two loops: one shows the live calls of each batch as soon as it is read; the other takes all that
was read meanwhile, folds the differences of contributions, commits them with the resume token in
one transaction, and then moves the views that show figures. Dying anywhere in between is
harmless: figures and token move together, and a new projector begins a new epoch of the views
from a snapshot of MongoDB, which tells every reader to take a snapshot too.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import structlog

from callboard.clock import Clock, isoformat_z
from callboard.domain.calls import call_key
from callboard.domain.changes import Change, ChangeBatch, ClusterTime
from callboard.domain.contributions import Contribution, add, expanded
from callboard.domain.figures import FigureWrite
from callboard.domain.stream import Watermark
from callboard.errors import HistoryLost, LeaseLost, StoreUnavailable, ViewsUnavailable
from callboard.projection.batches import Uncounted, ahead, breathe, coalesced, without_zeros
from callboard.projection.board import Board
from callboard.projection.fold import fold
from callboard.projection.ports import (
    Checkpoint,
    Figures,
    Invalidation,
    Lease,
    NoCache,
    Source,
    ViewPublisher,
)
from callboard.projection.recount import Recounts
from callboard.tasks import together

__all__ = ["Projector"]

_log = structlog.get_logger(__name__)

_VOUCH_EVERY_S = 1.0
"""Well below the shortest view TTL (15 s): a living projector never lets a view expire."""
_RENEW_EVERY_S = 1.5
_STANDBY_S = 1.0
_IDLE_COMMIT_S = 10.0
_TICK_S = 0.015
"""Commits begin at least so far apart, and a dear one is followed by a pause half as long: ingest
comes first. The first change after a pause waits for nothing."""
_LIVE_TICKS = 3
"""How many batches of live calls are shown in the time of one commit: they cost little."""


class Projector:
    """Leads when it can get the lease, stands by otherwise."""

    def __init__(
        self,
        source: Source,
        figures: Figures,
        lease: Lease,
        board: Board,
        clock: Clock,
        invalidation: Invalidation | None = None,
    ) -> None:
        self._tick_s = _TICK_S
        self._invalidation = invalidation or NoCache()
        self._source = source
        self._figures = figures
        self._lease = lease
        self._board = board
        self._book = board.book
        self._publishers = board.publishers
        self._clock = clock
        self._committed_at_s = 0.0
        self._committed: Mapping[str, Any] | None = None
        self._seen_at: dict[str, ClusterTime] = {}
        self._lost: set[ViewPublisher] = set()
        self._flushing = {view: asyncio.Lock() for view in board.publishers.all()}
        self._leading = asyncio.Event()
        self._current_at: datetime | None = None
        self._reached: ClusterTime = (0, 0)
        self.recounts = Recounts(source, figures, board)
        """Days that are being counted anew beside the fold."""

    @property
    def leading(self) -> asyncio.Event:
        """Return the event that is set while this process projects."""
        return self._leading

    @property
    def current_at(self) -> datetime | None:
        """Return an instant before which every commit is in figures and views.

        None when this process does not project. While it catches up only MongoDB's clock tells
        how far it is, to the second.
        """
        if not self._leading.is_set():
            return None
        return self._current_at or datetime.fromtimestamp(self._reached[0], UTC)

    @property
    def _watermark(self) -> Watermark:
        if self._current_at is None:
            return Watermark()
        seconds, ordinal = self._reached
        return Watermark(isoformat_z(self._current_at), (seconds << 32) + ordinal)

    async def run(self) -> None:
        """Project until cancelled; a lost lease or store means standing by, then trying anew."""
        while True:
            try:
                if await self._lease.acquire():
                    await self._lead()
            except (LeaseLost, StoreUnavailable) as error:
                _log.warning("projection.interrupted", reason=str(error))
            except HistoryLost as error:
                _log.warning("projection.history_lost", reason=str(error))
            finally:
                self._leading.clear()
                self.recounts.abandon()
            await asyncio.sleep(_STANDBY_S)

    async def _lead(self) -> None:
        """Project for as long as the lease is ours."""
        try:
            await together(self._project(), self._keep_lease())
        finally:
            await asyncio.shield(self._lease.release())

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_EVERY_S)
            await self._lease.renew()

    async def _project(self) -> None:
        checkpoint = await self._figures.checkpoint()
        if checkpoint is None:
            await self._refold()
            checkpoint = await self._figures.checkpoint()
        if checkpoint is None:
            message = "the refold left no checkpoint"
            raise StoreUnavailable(message)
        self._committed = checkpoint.token
        await self._begin_epoch(checkpoint)
        _log.info("projection.leading", epoch=self._lease.epoch)
        feed = self._source.changes(checkpoint.token, checkpoint.after)
        try:
            await together(self._follow(feed), self._keep_vouching())
        except HistoryLost:
            # Folded anew while the lease is still ours; a new epoch then begins from there.
            await self._refold()
            raise

    async def _begin_epoch(self, checkpoint: Checkpoint) -> None:
        """Set the views up from MongoDB as of now; older changes then only move figures."""
        # Figures may be hours behind: nothing is promised before the feed was read to its end.
        self._current_at = None
        self._reached = checkpoint.after or (0, 0)
        calls_at, calls = await self._source.active_calls()
        active = {call_key(document): document async for document in calls}
        campaigns_at, found = await self._source.campaigns()
        campaigns = {str(document["_id"]): document async for document in found}
        self._seen_at = {"calls": calls_at, "campaigns": campaigns_at}
        today = self._board.today()
        await self._book.open([today])
        self._board.restart(self._lease.epoch, today[0] or "", active, campaigns)
        await self._invalidation.began(calls_at)
        await self._flush(*self._publishers.all())
        self._leading.set()

    async def _follow(self, feed: AsyncIterator[ChangeBatch]) -> None:
        uncounted = Uncounted()
        await together(self._show(feed, uncounted), self._count(uncounted))

    async def _show(self, feed: AsyncIterator[ChangeBatch], uncounted: Uncounted) -> None:
        """Show the live calls of each batch; a live call holds no figure, so it waits for none."""
        async with aclosing(ahead(feed)) as batches:
            async for batch in batches:
                begun_s = self._clock.monotonic_s()
                calls = [change for change in batch.changes if change.collection == "calls"]
                # Before the batch may be committed: whoever follows after us does not tell of it.
                told = self._invalidation.changed(batch.changes)
                await asyncio.gather(self._show_calls(calls), told)
                await uncounted.put(batch)
                if batch.complete:
                    await self._pause(begun_s, self._tick_s / _LIVE_TICKS)

    async def _show_calls(self, changes: Iterable[Change]) -> None:
        if await self._stage_calls(changes):
            await self._flush(self._publishers.live)

    async def _stage_calls(self, changes: Iterable[Change]) -> bool:
        """Stage the deltas of calls; tell whether there are any."""
        number = 0
        for number, change in enumerate(coalesced(self._unseen(changes)), 1):
            self._board.stage_call(change)
            await breathe(number)
        return number > 0

    def _unseen(self, changes: Iterable[Change]) -> Iterator[Change]:
        """Yield what was not in the snapshot that the views began with."""
        return (change for change in changes if change.at > self._seen_at[change.collection])

    async def _count(self, uncounted: Uncounted) -> None:
        """Count what was shown, again and again, all that there is at once."""
        while True:
            batches = await uncounted.take()
            begun_s = self._clock.monotonic_s()
            if await self._take(batches):
                self._board.stage_summary()
                await self._flush(*self._publishers.all())
            if batches[-1].complete:
                # What happens meanwhile becomes one commit: its cost is mostly per commit.
                await self._pause(begun_s, self._tick_s)

    async def _pause(self, begun_s: float, tick_s: float) -> None:
        took_s = self._clock.monotonic_s() - begun_s
        await asyncio.sleep(max(tick_s - took_s, took_s / 2))

    async def _take(self, batches: Sequence[ChangeBatch]) -> bool:
        """Bring the figures on by batches; tell whether the views may look different now."""
        last = batches[-1]
        changes = [change for batch in batches for change in batch.changes]
        if changes:
            await self._fold(changes, last.token)
        elif self._clock.monotonic_s() - self._committed_at_s > _IDLE_COMMIT_S:
            # Nothing of ours happened: the token moves on so that it never leaves the oplog.
            await self._commit(last.token, [])
        if last.complete:
            self._current_at = last.asked_at
        self._reached = last.reached

        async def commit(writes: list[FigureWrite]) -> None:
            await self._commit(last.token, writes)

        repaired = await self.recounts.settle(last, commit)
        if repaired:
            self._board.stage_campaigns(self._book.campaigns())
        turned = self._board.day_turned()
        if turned:
            await self._book.load([self._board.today()])
        return bool(changes) or repaired or turned

    async def _fold(self, changes: Sequence[Change], token: Mapping[str, Any]) -> None:
        """Commit what changes do to the figures; then stage what shows figures."""
        moved: Contribution = {}
        for number, change in enumerate(changes, 1):
            if change.collection == "calls":
                contribution = self._board.contribution_of(change)
                self.recounts.note(change.at, contribution)
                add(moved, contribution)
            await breathe(number)
        moved = without_zeros(expanded(moved))
        await self._book.load((bucket.day, bucket.campaign_id) for bucket in moved)
        writes = self._book.take(moved)
        self._book.trim()
        changed = {bucket.campaign_id for bucket in moved if bucket.campaign_id is not None}
        campaigns = (change for change in changes if change.collection == "campaigns")
        changed.update(
            self._board.take_campaign(change) for change in coalesced(self._unseen(campaigns))
        )
        await self._commit(token, writes)
        self._board.stage_campaigns(changed)

    async def _commit(self, token: Mapping[str, Any], writes: list[FigureWrite]) -> None:
        """Move figures and token together."""
        at = await self._figures.commit(self._lease.epoch, self._committed, token, writes)
        self._committed = token
        self._committed_at_s = self._clock.monotonic_s()
        if writes:
            await self._invalidation.counted(writes, at)

    async def _keep_vouching(self) -> None:
        """Refresh the views' TTLs while nothing happens."""
        while True:
            await asyncio.sleep(_VOUCH_EVERY_S)
            await self._flush(*self._publishers.all(), vouch=True)

    async def _flush(self, *views: ViewPublisher, vouch: bool = False) -> None:
        """Write views; without Redis the figures go on and the views are restored later."""

        async def flush(view: ViewPublisher) -> None:
            async with self._flushing[view]:  # a view is never written twice at once
                await view.flush(self._watermark, vouch=vouch)

        # All of them end, also when one fails: nothing is left running behind a failure.
        flushed = await asyncio.gather(*map(flush, views), return_exceptions=True)
        lost_before = bool(self._lost)
        for view, failure in zip(views, flushed, strict=True):
            if failure is None:
                self._lost.discard(view)
            elif isinstance(failure, ViewsUnavailable):
                if not self._lost:
                    _log.warning("projection.views_unavailable", reason=str(failure))
                self._lost.add(view)
            else:
                raise failure
        if lost_before and not self._lost:
            _log.info("projection.views_restored")

    async def _refold(self) -> None:
        """Fold the figures of all calls from nothing, as of one cluster time."""
        folded_at, calls = await self._source.all_calls()
        documents, count = await fold(calls, self._board.zone)
        await self._figures.replace_all(self._lease.epoch, list(documents.values()), folded_at)
        _log.info("projection.refolded", calls=count, documents=len(documents))
