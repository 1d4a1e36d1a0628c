"""Figures from nothing: the same documents that following every change leads to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from zoneinfo import ZoneInfo

from callboard.domain.buckets import FIGURES, Bucket
from callboard.domain.contributions import contribution
from callboard.domain.extremes import Extremes
from callboard.domain.figures import Document, empty_document, is_empty, moved
from callboard.projection.book import bucket_of, derive

__all__ = ["finished", "fold"]

_AT_ONCE = 64


async def fold(
    calls: AsyncIterator[Document],
    zone: ZoneInfo,
    *,
    wanted: Callable[[Bucket], bool] = lambda _: True,
) -> tuple[dict[str, Document], int]:
    """Return the documents of these calls by key, and how many calls there were."""
    documents: dict[Bucket, Document] = {}
    count = 0
    async for call in calls:
        count += 1
        for bucket, steps in contribution(call, zone).items():
            if wanted(bucket):
                document = documents.get(bucket)
                if document is None:
                    document = documents[bucket] = empty_document(bucket, zone)
                moved(document, steps)
        if count % _AT_ONCE == 0:
            await asyncio.sleep(0)  # webhooks are answered meanwhile
    return finished(documents.values(), zone), count


def finished(documents: Iterable[Document], zone: ZoneInfo) -> dict[str, Document]:
    """Derive what follows from counters; leave out where nothing is counted."""
    pages: dict[tuple[str | None, str | None], dict[str, Document]] = {}
    for document in documents:
        bucket = bucket_of(document)
        if not is_empty(document):
            pages.setdefault((bucket.day, bucket.campaign_id), {})[bucket.series] = document
    for page in pages.values():
        if FIGURES in page:
            derive(page, Extremes(), zone)
    return {document["_id"]: document for page in pages.values() for document in page.values()}
