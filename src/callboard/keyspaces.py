"""The one table of what is kept in Redis: key pattern, TTL, shards. Every key begins with `cb:`.

A view's items and its delta log share a hash tag, so that one script moves both on one slot,
on a single node and on a cluster alike. The shard is a stable hash of the id's bytes: reading
24 hex digits as a number would lose the low ones.
"""

from binascii import crc32
from dataclasses import dataclass

__all__ = ["CAMPAIGNS", "LIVE", "SUMMARY", "VIEWS", "ViewSpace"]


@dataclass(frozen=True, slots=True)
class ViewSpace:
    """One maintained view: where it lives and how long it is vouched for."""

    name: str
    """What deltas and metrics call it."""
    ttl_s: int
    """How long the view outlives the last sign of life of its projector."""
    shards: int
    """Over how many slots its items are spread."""
    log_length_max: int
    """How many deltas each shard keeps for readers that were away."""

    def shard_of(self, key: str) -> int:
        """Return the shard an item lives in.

        >>> LIVE.shard_of("CA0123456789abcdef0123456789abcdef") == LIVE.shard_of(
        ...     "CA0123456789abcdef0123456789abcdef")
        True
        """
        return crc32(key.encode()) % self.shards

    def items_key(self, shard: int) -> str:
        """Return the hash of a shard's items.

        >>> LIVE.items_key(7)
        'cb:live:{07}'
        """
        return f"cb:{self.name}:{{{shard:02d}}}"

    @property
    def head_key(self) -> str:
        """Return the string that names the position all shards have reached.

        >>> LIVE.head_key
        'cb:live:head'
        """
        return f"cb:{self.name}:head"

    def log_key(self, shard: int) -> str:
        """Return the stream of a shard's deltas, on the slot of its items."""
        return f"{self.items_key(shard)}:log"


# TTLs: the caching document, section 1 (live calls 15 s, summary 60 s, campaign status 30 s).
LIVE = ViewSpace(name="live", ttl_s=15, shards=8, log_length_max=2_000)
CAMPAIGNS = ViewSpace(name="campaign", ttl_s=30, shards=4, log_length_max=500)
SUMMARY = ViewSpace(name="summary", ttl_s=60, shards=1, log_length_max=100)

VIEWS = (LIVE, CAMPAIGNS, SUMMARY)
