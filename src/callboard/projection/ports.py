"""What the projector needs of the world; `callboard.store` and `callboard.views` provide it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from callboard.domain.buckets import Bucket
from callboard.domain.changes import Change, ChangeBatch, ClusterTime
from callboard.domain.figures import Document, FigureWrite
from callboard.domain.stream import Position, Watermark
from callboard.projection.book import FigureReads

__all__ = ["Checkpoint", "Figures", "Invalidation", "Lease", "NoCache", "Source", "ViewPublisher"]


class Checkpoint(Protocol):
    """Up to where the figures have been folded."""

    @property
    def token(self) -> Mapping[str, Any] | None:
        """Resume token after the last committed batch."""

    @property
    def after(self) -> ClusterTime | None:
        """Cluster time of the last refold."""


class Source(Protocol):
    """The truth and its changes."""

    async def all_calls(self) -> tuple[ClusterTime, AsyncIterator[Document]]:
        """Return every call as of one cluster time."""

    async def calls_between(
        self, since: datetime, until: datetime
    ) -> tuple[ClusterTime, AsyncIterator[Document]]:
        """Return the calls that began in a stretch of time, as of one cluster time."""

    async def active_calls(self) -> tuple[ClusterTime, AsyncIterator[Document]]:
        """Return the calls alive at one cluster time."""

    async def campaigns(self) -> tuple[ClusterTime, AsyncIterator[Document]]:
        """Return every campaign as of one cluster time."""

    def changes(
        self, token: Mapping[str, Any] | None, after: ClusterTime | None
    ) -> AsyncIterator[ChangeBatch]:
        """Yield change batches after a token or a cluster time; raises ResumeTokenExpired."""


class Figures(FigureReads, Protocol):
    """The stored figures."""

    async def checkpoint(self) -> Checkpoint | None:
        """Return where the figures are, None when they must be folded from nothing."""

    async def commit(
        self,
        epoch: int,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any],
        writes: Sequence[FigureWrite],
    ) -> int:
        """Move figures and token together; return the commit time.

        Raises:
            LeaseLost: somebody else moved them.
        """

    async def replace_all(
        self, epoch: int, documents: Sequence[Document], folded_at: ClusterTime
    ) -> None:
        """Store figures folded from nothing."""

    async def read(self, buckets: Sequence[Bucket]) -> dict[Bucket, Document]:
        """Return stored documents by bucket."""

    async def days(self, first: str, last: str, campaign_id: str | None) -> list[Document]:
        """Return the daily figures from one day to another, oldest first."""

    async def of_day(self, day: str) -> list[Document]:
        """Return every document of a day, series included."""

    async def counted_days(self) -> list[str]:
        """Return the days for which anything is counted, oldest first."""


class Lease(Protocol):
    """The claim to be the one projector."""

    epoch: int

    async def acquire(self) -> bool:
        """Take the lease if it is free."""

    async def renew(self) -> None:
        """Hold on; raises LeaseLost."""

    async def release(self) -> None:
        """Let go."""


class ViewPublisher(Protocol):
    """The pen that moves one view."""

    @property
    def items(self) -> Mapping[str, bytes]:
        """Return the items, staged deltas included."""

    @property
    def position(self) -> Position:
        """Return the position, staged deltas included."""

    def reset(self, items: Mapping[str, bytes], epoch: int, at: str) -> None:
        """Begin an epoch."""

    def stage(self, key: str, change: str, value: bytes, *, keep: bool, at: str) -> None:
        """Move on by one delta."""

    async def flush(self, watermark: Watermark, *, vouch: bool = False) -> None:
        """Write it, with `vouch` for another TTL; raises ViewsUnavailable, LeaseLost.

        Whatever was committed up to the watermark is in it.
        """


class Invalidation(Protocol):
    """Makes what is cached old when what it was made from has changed."""

    async def changed(self, changes: Sequence[Change]) -> None:
        """Take in changes of the truth; what was told returns before they count as seen."""

    async def counted(self, writes: Sequence[FigureWrite], at: int) -> None:
        """Take in figures that were written by the commit `at`."""

    async def began(self, at: ClusterTime) -> None:
        """Everything read before `at` may be old: a projector that is gone may owe its word."""


class NoCache:
    """Nothing is cached."""

    async def changed(self, changes: Sequence[Change]) -> None:
        """Nothing is old."""

    async def counted(self, writes: Sequence[FigureWrite], at: int) -> None:
        """Nothing is old."""

    async def began(self, at: ClusterTime) -> None:
        """Nothing is old."""
