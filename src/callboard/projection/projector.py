"""The one projector: change stream in, figures and views out.

For each batch: fold the differences of contributions, commit them with the resume token in one
transaction, then move the views. Dying anywhere in between is harmless: figures and token move
together, and a new projector begins a new epoch of the views from a snapshot of MongoDB, which
tells every reader to take a snapshot too.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import structlog

from callboard.clock import Clock
from callboard.domain.calls import call_key
from callboard.domain.changes import ChangeBatch, ClusterTime
from callboard.domain.contributions import (
    Bucket,
    Contribution,
    add,
    contribution,
    empty_counters,
    increments,
)
from callboard.errors import HistoryLost, LeaseLost, StoreUnavailable, ViewsUnavailable
from callboard.projection.board import Board
from callboard.projection.ports import Document, Figures, Lease, Source
from callboard.tasks import together

__all__ = ["Projector"]

_log = structlog.get_logger(__name__)

_VOUCH_EVERY_S = 2.0
"""Well below the shortest view TTL (15 s): a living projector never lets a view expire."""
_RENEW_EVERY_S = 1.5
_STANDBY_S = 1.0
_IDLE_COMMIT_S = 10.0
_AT_ONCE = 32
_TICK_S = 0.04
"""Batches begin at least so far apart; a dear one is followed by a pause as long, up to two
ticks: ingest comes first. The first change after a pause waits for nothing."""


class Projector:
    """Leads when it can get the lease, stands by otherwise."""

    def __init__(
        self,
        source: Source,
        figures: Figures,
        lease: Lease,
        board: Board,
        clock: Clock,
        *,
        tick_s: float = _TICK_S,
    ) -> None:
        self._tick_s = tick_s
        self._source = source
        self._figures = figures
        self._lease = lease
        self._board = board
        self._publishers = board.publishers
        self._clock = clock
        self._committed_at_s = 0.0
        self._committed: Mapping[str, Any] | None = None
        self._seen_at: dict[str, ClusterTime] = {}
        self._views_lost = False
        self._flush_lock = asyncio.Lock()
        self._leading = asyncio.Event()

    @property
    def leading(self) -> asyncio.Event:
        """Return the event that is set while this process projects."""
        return self._leading

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
        await self._begin_epoch()
        _log.info("projection.leading", epoch=self._lease.epoch)
        feed = self._source.changes(checkpoint.token, checkpoint.after)
        try:
            await together(self._follow(feed), self._keep_vouching())
        except HistoryLost:
            # Folded anew while the lease is still ours; a new epoch then begins from there.
            await self._refold()
            raise

    async def _begin_epoch(self) -> None:
        """Set the views up from MongoDB as of now; older changes then only move figures."""
        calls_at, calls = await self._source.active_calls()
        active = {call_key(document): document async for document in calls}
        campaigns_at, found = await self._source.campaigns()
        campaigns = {str(document["_id"]): document async for document in found}
        self._seen_at = {"calls": calls_at, "campaigns": campaigns_at}
        today = self._board.today()
        counted = await self._figures.read([today])
        for campaign_id, document in (await self._figures.campaigns()).items():
            counted[Bucket(None, campaign_id)] = document
        self._board.restart(self._lease.epoch, today, active, campaigns, counted)
        await self._flush()
        self._leading.set()

    async def _follow(self, feed: AsyncIterator[ChangeBatch]) -> None:
        async for batch in feed:
            begun_s = self._clock.monotonic_s()
            if batch.changes:
                await self._fold(batch)
            elif self._clock.monotonic_s() - self._committed_at_s > _IDLE_COMMIT_S:
                # Nothing of ours happened: the token moves on so that it never leaves the oplog.
                await self._commit(batch.token, {})
            if self._board.day_turned():
                today = self._board.today()
                self._board.load_day((await self._figures.read([today])).get(today))
                self._board.stage_summary()
                await self._flush()
            if batch.changes:
                # What happens meanwhile becomes one batch: its cost is mostly per batch.
                took_s = self._clock.monotonic_s() - begun_s
                await asyncio.sleep(max(self._tick_s - took_s, min(took_s, 2 * self._tick_s)))

    async def _fold(self, batch: ChangeBatch) -> None:
        """Commit a batch's figures, then move the views."""
        moved: Contribution = {}
        for number, change in enumerate(batch.changes, 1):
            if change.collection == "calls":
                add(moved, self._board.contribution_of(change))
            await _breathe(number)
        moved = _without_zeros(moved)
        await self._commit(batch.token, moved)
        self._board.apply(moved)
        campaigns = {bucket.campaign_id for bucket in moved if bucket.campaign_id is not None}
        for number, change in enumerate(batch.changes, 1):
            await _breathe(number)
            if change.at <= self._seen_at[change.collection]:
                continue  # the epoch's first snapshot shows it already
            if change.collection == "calls":
                self._board.stage_call(change)
            else:
                campaigns.add(self._board.take_campaign(change))
        self._board.stage_campaigns(campaigns)
        self._board.stage_summary()
        await self._flush()

    async def _commit(self, token: Mapping[str, Any], moved: Contribution) -> None:
        """Move figures and token together."""
        await self._figures.commit(self._lease.epoch, self._committed, token, moved)
        self._committed = token
        self._committed_at_s = self._clock.monotonic_s()

    async def _keep_vouching(self) -> None:
        """Refresh the views' TTLs while nothing happens."""
        while True:
            await asyncio.sleep(_VOUCH_EVERY_S)
            await self._flush(vouch=True)

    async def _flush(self, *, vouch: bool = False) -> None:
        """Write the views; without Redis the figures go on and the views are restored later."""
        async with self._flush_lock:
            # All of them end before the lock is given back: a view is never written twice at once.
            flushed = await asyncio.gather(
                *(view.flush(vouch=vouch) for view in self._publishers.all()),
                return_exceptions=True,
            )
        failures = [failure for failure in flushed if failure is not None]
        for failure in failures:
            if not isinstance(failure, ViewsUnavailable):
                raise failure
        if failures and not self._views_lost:
            _log.warning("projection.views_unavailable", reason=str(failures[0]))
        elif self._views_lost and not failures:
            _log.info("projection.views_restored")
        self._views_lost = bool(failures)

    async def _refold(self) -> None:
        """Fold the figures of all calls from nothing, as of one cluster time."""
        folded_at, calls = await self._source.all_calls()
        folded: dict[Bucket, Document] = {}
        count = 0
        async for document in calls:
            count += 1
            for bucket, steps in contribution(document, self._board.zone).items():
                increments(folded.setdefault(bucket, empty_counters()), steps.items())
        await self._figures.replace_all(self._lease.epoch, folded, folded_at)
        _log.info("projection.refolded", calls=count, buckets=len(folded))


async def _breathe(number: int) -> None:
    """Let webhooks be answered now and then in the middle of a long batch."""
    if number % _AT_ONCE == 0:
        await asyncio.sleep(0)


def _without_zeros(moved: Contribution) -> Contribution:
    """Drop what cancelled out within a batch."""
    kept: Contribution = {}
    for bucket, steps in moved.items():
        if left := {path: step for path, step in steps.items() if step}:
            kept[bucket] = left
    return kept
