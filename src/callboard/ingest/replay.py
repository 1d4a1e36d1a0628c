"""Understanding the inbox anew: after a bug was mended, or for a call somebody deleted.

Merging a fact again changes nothing, so replaying is safe at any time, beside a running server.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from callboard.domain.lattice import CallFact
from callboard.domain.webhooks import TWILIO_EVENTS, InboxEntry, KeptWebhook
from callboard.errors import CallboardError, Unavailable
from callboard.ingest.understand import understand

__all__ = ["ReplayReport", "replay"]


@dataclass
class ReplayReport:
    """What a replay did."""

    read: int = 0
    merged: int = 0
    """Webhooks whose fact was merged into its call."""
    understood_now: int = 0
    """Webhooks that could not be understood when they came."""
    not_understood: int = 0
    failed: int = 0
    """Facts that MongoDB refused."""


class _Stored(Protocol):
    @property
    def event_key(self) -> str: ...

    @property
    def kept(self) -> KeptWebhook: ...

    @property
    def problem(self) -> str | None: ...


class _Merge(Protocol):
    async def merge(self, facts: Sequence[CallFact]) -> list[CallboardError | None]: ...


class _Rewrite(Protocol):
    async def rewrite(self, entries: Sequence[InboxEntry]) -> None: ...


class _Joiner(Protocol):
    async def located(self, fact: CallFact) -> CallFact: ...


async def replay(
    batches: AsyncIterator[Sequence[_Stored]],
    *,
    merge: _Merge | None,
    rewrite: _Rewrite,
    joiner: _Joiner,
) -> ReplayReport:
    """Understand and merge what the inbox holds; `merge` None only tells what would be done.

    Raises:
        Unavailable: the store does not answer; replay again from the beginning.
    """
    report = ReplayReport()
    async for stored in batches:
        entries = [await _understood(one, joiner) for one in stored]
        facts = [entry.fact for entry in entries if entry.fact is not None]
        failures = await merge.merge(facts) if merge is not None else [None] * len(facts)
        for failure in failures:
            if isinstance(failure, Unavailable):
                raise failure
        refused = {id(fact) for fact, why in zip(facts, failures, strict=True) if why is not None}
        changed = [
            entry
            for entry, one in zip(entries, stored, strict=True)
            if (entry.problem is None) != (one.problem is None) and id(entry.fact) not in refused
        ]
        if merge is not None:
            await rewrite.rewrite(changed)
        report.read += len(stored)
        report.failed += sum(failure is not None for failure in failures)
        report.merged += sum(failure is None for failure in failures)
        report.understood_now += sum(entry.problem is None for entry in changed)
        report.not_understood += sum(entry.problem is not None for entry in entries)
    return report


async def _understood(stored: _Stored, joiner: _Joiner) -> InboxEntry:
    """Return what a stored webhook means by today's rules, under the key it has."""
    own_key = stored.event_key if stored.kept.path == TWILIO_EVENTS else ""
    entry = replace(understand(stored.kept, event_key=own_key), event_key=stored.event_key)
    if entry.fact is None:
        return entry
    return replace(entry, fact=await joiner.located(entry.fact))
