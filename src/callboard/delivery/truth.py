"""What the board's reads need of MongoDB; `callboard.app.adapters` provides it."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from callboard.domain.buckets import Bucket

__all__ = ["Truth"]

Document = dict[str, Any]


class Truth(Protocol):
    """MongoDB, for what no view holds and for when nobody vouches for one."""

    async def active_calls(self) -> list[Document]:
        """Return the calls alive now."""

    async def campaign(self, campaign_id: str) -> Document:
        """Return a campaign document; raises CampaignNotFound."""

    async def campaigns(self) -> tuple[Any, AsyncIterator[Document]]:
        """Return every campaign document."""

    async def days(
        self, first: str, last: str, campaign_id: str | None, after: int = 0
    ) -> tuple[Sequence[Document], int]:
        """Return daily figures, oldest first, and the commit time they are complete up to."""

    async def campaign_document(
        self, campaign_id: str, after: int = 0
    ) -> tuple[Document | None, int]:
        """Return a campaign document, None when there is none, and up to when that is so."""

    async def campaign_figures(self) -> dict[str, Document]:
        """Return every campaign's all-time counters."""

    async def figures(self, buckets: Sequence[Bucket]) -> dict[Bucket, Document]:
        """Return stored figures by bucket."""
