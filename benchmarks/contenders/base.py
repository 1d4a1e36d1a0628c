"""What is asked of a contender, and the record they all keep."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from callboard.cache.answer import Loaded

__all__ = ["CONNECTIONS_MAX", "RECORD", "TTL_S", "Contender", "Load"]

TTL_S = 120
"""Longer than any run: nothing expires meanwhile."""
CONNECTIONS_MAX = 1_000
"""For pools that raise when they are empty: redis-py's default of 100 would fail a stampede."""

Load = Callable[[str, int], Awaitable[Loaded[Any]]]
"""Read a record from the truth: its key, and the oldest commit time it must contain."""

RECORD: dict[str, Any] = {
    "id": "CA0123456789abcdef0123456789abcdef",
    "conversationId": "conv_5301k3q6m1r7e9dvcx8wz2hb4n",
    "campaignId": "camp_0123456789abcdef01234567",
    "campaignName": "Renewals, north-east, spring",
    "contactId": "contact_0123456789abcdef01234567",
    "contactName": "Ada Okafor",
    "agentId": "agent_2101k2n4b8fexm5rcv4m0ztwpq",
    "agentName": "Agent for renewals",
    "phoneFrom": "+14155550100",
    "phoneTo": "+13605550142",
    "direction": "outbound",
    "status": "completed",
    "disposition": "appointment",
    "answeredBy": "human",
    "startedAt": "2026-03-26T08:15:00.123Z",
    "answeredAt": "2026-03-26T08:15:11.456Z",
    "endedAt": "2026-03-26T08:16:02.789Z",
    "updatedAt": "2026-03-26T08:16:03.012Z",
    "durationS": 51,
    "costUsd": 0.0421,
    "recordingUrl": "https://recordings.invalid/RE0123456789abcdef0123456789abcdef",
    "summary": "Asked about the renewal price; accepted it, and took the appointment on Friday.",
    "evaluation": {"renewal_discussed": "success", "price_named": "success"},
    "tags": ["renewal", "north-east"],
    "legs": [{"sid": "CA0123456789abcdef0123456789abcdef", "status": "completed", "s": 51}],
}
"""A call as the board shows it: about 1 KiB of JSON."""

assert 950 < len(orjson.dumps(RECORD)) < 1100, len(orjson.dumps(RECORD))


class Contender(ABC):
    """A read-through cache of call records.

    What can take another JSON codec is given orjson, as ours is, so that the caches are compared
    and not their codecs. Else each is left as it comes, its timeouts and retries above all.
    """

    @abstractmethod
    async def open(self, url: str, load: Load) -> None:
        """Connect to the server, and take the loader for what is missing."""

    @abstractmethod
    async def get(self, key: str) -> Any:
        """Return the record, from the cache or the loader."""

    async def look(self, key: str) -> tuple[Any, bool | None]:
        """Return the record and whether Redis was trusted with it, None where nobody says."""
        return await self.get(key), None

    @abstractmethod
    async def invalidate(self, key: str, at: int) -> None:
        """Forget the record: it changed, at this commit time."""

    @abstractmethod
    async def close(self) -> None:
        """Disconnect."""
