"""Batches of changes on their way: read ahead, coalesced, and those shown but not counted yet."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Any

from callboard.domain.changes import Change, ChangeBatch
from callboard.domain.contributions import Contribution
from callboard.tasks import end

__all__ = ["Uncounted", "ahead", "breathe", "coalesced", "without_zeros"]

_AT_ONCE = 32
_UNCOUNTED_MAX = 2_000
"""Changes that may be shown and not counted yet; beyond it reading waits."""


class Uncounted:
    """Batches that were shown and wait to be counted."""

    def __init__(self) -> None:
        self._batches: list[ChangeBatch] = []
        self._moved = asyncio.Condition()

    async def put(self, batch: ChangeBatch) -> None:
        """Add a batch; waits while there is too much."""
        async with self._moved:
            await self._moved.wait_for(self._has_room)
            self._batches.append(batch)
            self._moved.notify_all()

    def _has_room(self) -> bool:
        return sum(len(batch.changes) for batch in self._batches) < _UNCOUNTED_MAX

    async def take(self) -> list[ChangeBatch]:
        """Return all there is, once there is something."""
        async with self._moved:
            await self._moved.wait_for(lambda: bool(self._batches))
            batches, self._batches = self._batches, []
            self._moved.notify_all()
            return batches


async def ahead(feed: AsyncIterator[ChangeBatch]) -> AsyncGenerator[ChangeBatch, None]:
    """Yield batches, the next one asked for meanwhile when it is known to be there."""

    async def read() -> ChangeBatch:
        return await anext(feed)

    following: asyncio.Task[ChangeBatch] | None = None
    try:
        while True:
            batch = await (following if following is not None else read())
            following = None
            if not batch.complete:
                following = asyncio.get_running_loop().create_task(read())
            yield batch
    finally:
        if following is not None:
            await end(following)
            if not following.cancelled():
                following.exception()  # of a batch that nobody wants any more


def coalesced(changes: Iterable[Change]) -> list[Change]:
    """Return one change for each document: from before its first to after its last.

    A live view needs no state that was over before anybody could have seen it.
    """
    by_document: dict[tuple[str, Any], Change] = {}
    for change in changes:
        document = change.after if change.after is not None else change.before or {}
        key = (change.collection, str(document.get("_id")))
        first = by_document.pop(key, None)
        by_document[key] = change if first is None else _joined(first, change)
    return list(by_document.values())


def _joined(first: Change, last: Change) -> Change:
    """Return two changes of one document as one."""
    kind = last.kind
    if first.kind == "insert" and last.after is not None:
        kind = "insert"
    before = first.before if first.before is not None else last.before
    known = first.paths is not None and last.paths is not None
    paths = (first.paths or frozenset()) | (last.paths or frozenset()) if known else None
    return Change(last.collection, kind, before, last.after, last.at, paths)


async def breathe(number: int) -> None:
    """Let webhooks be answered now and then in the middle of a long batch."""
    if number % _AT_ONCE == 0:
        await asyncio.sleep(0)


def without_zeros(moved: Contribution) -> Contribution:
    """Drop what cancelled out within a batch."""
    kept: Contribution = {}
    for bucket, steps in moved.items():
        if left := {path: step for path, step in steps.items() if step}:
            kept[bucket] = left
    return kept
