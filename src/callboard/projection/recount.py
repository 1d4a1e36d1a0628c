"""A day counted anew from its calls, beside the fold and without stopping it.

The calls are read as of one cluster time; what changes of that day meanwhile is noted, and added
when the fold has come as far. The two must then agree to the byte. Where they do not, the day has
*drifted*: what was counted anew takes its place, in one commit with the projector's position.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from callboard.domain.buckets import FIGURES, Bucket, midnight_s
from callboard.domain.changes import ChangeBatch, ClusterTime
from callboard.domain.contributions import Contribution, expanded
from callboard.domain.figures import (
    Document,
    FigureWrite,
    empty_document,
    is_empty,
    moved,
    summed,
)
from callboard.errors import LeaseLost
from callboard.projection.board import Board
from callboard.projection.book import bucket_of
from callboard.projection.fold import finished, fold
from callboard.projection.ports import Figures, Source

__all__ = ["Recounted", "Recounts"]

_log = structlog.get_logger(__name__)

Commit = Callable[[list[FigureWrite]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Recounted:
    """What counting a day anew has shown."""

    day: str
    calls: int
    """How many calls were read."""
    documents: int
    """How many documents the day has."""
    drifted: int
    """How many of them, or of the campaigns' all-time figures, were wrong, and are right now."""


@dataclass(slots=True)
class _Job:
    day: str
    settled: asyncio.Future[Recounted]
    noted: list[tuple[ClusterTime, Contribution]] = field(default_factory=list)
    as_of: ClusterTime = (0, 0)
    calls: int = 0
    documents: dict[str, Document] | None = None
    """None until the calls have been read."""


class Recounts:
    """One day at a time, between the batches of the projector."""

    def __init__(self, source: Source, figures: Figures, board: Board) -> None:
        self._source = source
        self._figures = figures
        self._board = board
        self._job: _Job | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone whose days are counted."""
        return self._board.zone

    async def counted_days(self) -> list[str]:
        """Return the days for which anything is counted, oldest first."""
        return await self._figures.counted_days()

    async def recount(self, day: str) -> Recounted:
        """Count a local day anew, repair what is wrong, and say what was.

        Raises:
            LeaseLost: this process projects no more.
            StoreUnavailable: MongoDB does not answer.
        """
        zone = self._board.zone
        async with self._one_at_a_time:
            self._job = job = _Job(day, asyncio.get_running_loop().create_future())
            try:
                # Whoever calls on the day before may still call on this one.
                since, until = (
                    datetime.fromtimestamp(midnight_s(date.fromisoformat(day), zone, days), UTC)
                    for days in (-1, 1)
                )
                job.as_of, calls = await self._source.calls_between(since, until)
                documents, job.calls = await fold(
                    calls, zone, wanted=lambda bucket: bucket.day == day
                )
                job.documents = documents
                return await job.settled
            finally:
                self._job = None

    def covers(self, day: str, now: datetime) -> bool:
        """Tell whether all calls of a day are still kept, so that it can be counted anew."""
        return self._board.keeps(midnight_s(date.fromisoformat(day), self._board.zone, -1), now)

    def abandon(self) -> None:
        """Give up: somebody else projects now."""
        if self._job is not None and not self._job.settled.done():
            message = "this process projects no more"
            self._job.settled.set_exception(LeaseLost(message))

    def note(self, at: ClusterTime, contribution: Contribution) -> None:
        """Remember what a change adds to the day that is being counted anew."""
        job = self._job
        if job is None:
            return
        of_day = {b: steps for b, steps in contribution.items() if b.day == job.day}
        if of_day:
            spread = expanded(of_day).items()
            job.noted.append((at, {b: steps for b, steps in spread if b.day == job.day}))

    async def settle(self, batch: ChangeBatch, commit: Commit) -> bool:
        """Compare when the fold has come as far as the count; tell whether figures changed.

        To be called between batches: what is stored is then what is held in the book.
        """
        job = self._job
        if job is None or job.documents is None or job.settled.done():
            return False
        if batch.reached < job.as_of or (batch.reached == job.as_of and not batch.complete):
            return False
        expected = self._expected(job, job.documents)
        wrong = await self._wrong(job.day, expected)
        if wrong:
            _log.error(
                "projection.drift",
                day=job.day,
                documents=len(wrong),
                example=min(bucket.key for bucket in wrong),
            )
            await commit(self._board.book.replace(wrong))
        if not job.settled.done():  # its caller may be gone
            job.settled.set_result(Recounted(job.day, job.calls, len(expected), len(wrong)))
        return bool(wrong)

    def _expected(self, job: _Job, counted: Mapping[str, Document]) -> dict[Bucket, Document]:
        """Return the day as it must be now: as it was read, and what came later."""
        documents = {bucket_of(document): document for document in counted.values()}
        zone = self._board.zone
        for at, contribution in job.noted:
            if at <= job.as_of:
                continue
            for bucket, steps in contribution.items():
                if bucket not in documents:
                    documents[bucket] = empty_document(bucket, zone)
                moved(documents[bucket], steps)
        done = finished(documents.values(), zone)
        return {bucket_of(document): document for document in done.values()}

    async def _wrong(
        self, day: str, expected: Mapping[Bucket, Document]
    ) -> dict[Bucket, Document | None]:
        """Return what has to be put in the place of what, None where it has to go."""
        stored = {bucket_of(found): found for found in await self._figures.of_day(day)}
        await self._board.book.load({(bucket.day, bucket.campaign_id) for bucket in stored})
        held = self._board.book.held(day)
        wrong: dict[Bucket, Document | None] = {
            bucket: expected.get(bucket)
            for bucket in expected.keys() | stored.keys() | held.keys()
            if expected.get(bucket) != stored.get(bucket)
            or (bucket in held and held[bucket] != expected.get(bucket))
        }
        campaigns = {bucket.campaign_id for bucket in expected.keys() | stored.keys()}
        for campaign_id in sorted(name for name in campaigns if name is not None):
            bucket = Bucket(None, campaign_id)
            whole = await self._all_time(day, campaign_id, expected)
            found = (await self._figures.read([bucket])).get(bucket)
            if not whole == found == self._board.book.figures(None, campaign_id):
                wrong[bucket] = whole
        return wrong

    async def _all_time(
        self, day: str, campaign_id: str, expected: Mapping[Bucket, Document]
    ) -> Document | None:
        """Return a campaign's all-time figures: the sum of its days."""
        days = await self._figures.days("0000-00-00", "9999-99-99", campaign_id)
        others: list[Mapping[str, Any]] = [found for found in days if found["day"] != day]
        today = expected.get(Bucket(day, campaign_id, FIGURES))
        whole = summed(
            [*others, *([today] if today is not None else [])],
            empty_document(Bucket(None, campaign_id), self._board.zone),
        )
        return None if is_empty(whole) else whole
