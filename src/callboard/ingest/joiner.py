"""Joins conversations to their calls, soon after either vendor names the other.

Commits tell it which ids may have met; a sweep now and then finds what a crash left apart.
"""

import asyncio
from collections.abc import Collection
from typing import Protocol

import structlog

from callboard.domain.lattice import CallFact
from callboard.errors import Unavailable

__all__ = ["Joiner"]

_log = structlog.get_logger(__name__)

_SWEEP_EVERY_S = 60.0
_RETRY_S = 1.0


class _Orphans(Protocol):
    async def call_of(self, conversation_id: str | None, call_id: str | None) -> str | None: ...

    async def join(self, conversation_ids: Collection[str], call_ids: Collection[str]) -> int: ...

    async def sweep(self) -> int: ...


class Joiner:
    """Remembers which ids may have met, and joins them in the background."""

    def __init__(self, orphans: _Orphans) -> None:
        self._orphans = orphans
        self._conversations: set[str] = set()
        self._calls: set[str] = set()
        self._noted = asyncio.Event()

    async def located(self, fact: CallFact) -> CallFact:
        """Return the fact as one about its call, if a call already names the conversation.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        if not fact.orphan:
            return fact
        sid = await self._orphans.call_of(fact.conversation_id, fact.call_id)
        return fact.of_call(sid) if sid is not None else fact

    def note(self, fact: CallFact) -> None:
        """Take note of a committed fact that may bring an orphan and its call together."""
        if fact.conversation_id:
            self._conversations.add(fact.conversation_id)
        if fact.call_id:
            self._calls.add(fact.call_id)
        if fact.conversation_id or fact.call_id:
            self._noted.set()

    async def run(self) -> None:
        """Join until cancelled; while the store is away what was noted is kept."""
        loop = asyncio.get_running_loop()
        sweep_at_s = loop.time()
        while True:
            try:
                async with asyncio.timeout_at(sweep_at_s):
                    await self._noted.wait()
            except TimeoutError:
                pass  # time to look at all of them
            sweep = loop.time() >= sweep_at_s
            if not await self._attempt(sweep=sweep):
                await asyncio.sleep(_RETRY_S)
            elif sweep:
                sweep_at_s = loop.time() + _SWEEP_EVERY_S

    async def _attempt(self, *, sweep: bool) -> bool:
        """Join what was noted, and everything else if asked; tell whether the store answered."""
        self._noted.clear()
        conversations, self._conversations = self._conversations, set()
        calls, self._calls = self._calls, set()
        try:
            joined = await self._orphans.join(conversations, calls)
            if sweep:
                joined += await self._orphans.sweep()
        except Unavailable as error:
            self._conversations |= conversations
            self._calls |= calls
            self._noted.set()
            _log.warning("ingest.join_failed", reason=str(error))
            return False
        if joined:
            _log.debug("ingest.joined", conversations=joined)
        return True
