"""What the projector needs of the world; `callboard.store` and `callboard.views` provide it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from callboard.domain.changes import ChangeBatch, ClusterTime
from callboard.domain.contributions import Bucket, Contribution
from callboard.domain.stream import Position

__all__ = ["Checkpoint", "Document", "Figures", "Lease", "Source", "ViewPublisher"]

Document = dict[str, Any]


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

    async def active_calls(self) -> tuple[ClusterTime, AsyncIterator[Document]]:
        """Return the calls alive at one cluster time."""

    async def campaigns(self) -> tuple[ClusterTime, AsyncIterator[Document]]:
        """Return every campaign as of one cluster time."""

    def changes(
        self, token: Mapping[str, Any] | None, after: ClusterTime | None
    ) -> AsyncIterator[ChangeBatch]:
        """Yield change batches after a token or a cluster time; raises ResumeTokenExpired."""


class Figures(Protocol):
    """The stored figures."""

    async def checkpoint(self) -> Checkpoint | None:
        """Return where the figures are, None when they must be folded from nothing."""

    async def commit(
        self,
        epoch: int,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any],
        moved: Contribution,
    ) -> None:
        """Move figures and token together; raises LeaseLost when somebody else did."""

    async def replace_all(
        self, epoch: int, folded: Mapping[Bucket, Document], folded_at: ClusterTime
    ) -> None:
        """Store figures folded from nothing."""

    async def read(self, buckets: Sequence[Bucket]) -> dict[Bucket, Document]:
        """Return stored documents by bucket."""

    async def campaigns(self) -> dict[str, Document]:
        """Return every campaign's all-time counters."""


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

    async def flush(self, *, vouch: bool = False) -> None:
        """Write it, with `vouch` for another TTL; raises ViewsUnavailable, LeaseLost."""
