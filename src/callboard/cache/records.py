"""What the cache reports: frozen records to one hook, from which metrics are made.

The core knows no logger and no metrics library. A hook is called on the event loop's thread,
must be quick and must not raise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

__all__ = ["Hook", "Outcome", "Record", "ignore"]


class Outcome(Enum):
    """What happened. The comment behind each says what `seconds` and `count` mean."""

    HIT_L1 = "hit_l1"
    HIT_L2 = "hit_l2"
    MISS = "miss"  # neither tier had a usable entry
    WIN = "win"  # a miss that got the lease: this process loads
    WAIT = "wait"  # a miss somebody else loads; seconds: waited
    JOINED = "joined"  # a miss that joined a load of this process
    LOADED = "loaded"  # seconds: the loader's time
    LOAD_FAILED = "load_failed"  # seconds: until it failed
    FILLED = "filled"  # a load or a put was accepted
    REFUSED = "refused"  # a load or a put was older than an invalidation, or its lease was lost
    STALE_SOFT = "stale_soft"  # served past the soft TTL or within a coalescing window
    STALE_ERROR = "stale_error"  # served because the loader failed
    REFRESHED = "refreshed"  # a refresh in the background was started by this process
    DEGRADED = "degraded"  # answered without Redis
    INVALIDATED = "invalidated"  # an invalidation changed something
    UNCHANGED = "unchanged"  # an invalidation found nothing older than itself
    OWED = "owed"  # an invalidation Redis could not be told of yet; count: owed now
    REPAID = "repaid"  # count: owed invalidations replayed
    PUSHED = "pushed"  # count: keys told of by one push
    LAG = "lag"  # seconds: how late pushes of another process' writes reach this one
    DISTRUSTED = "distrusted"  # memory was given up as a whole; detail: why
    RESTORED = "restored"  # a server is trusted again; detail: which
    VIOLATION = "violation"  # the auditor saw the truth `seconds` ago, and it is not served yet
    EVICTED = "evicted"  # count: entries evicted from memory for lack of room


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that happened."""

    outcome: Outcome
    keyspace: str = ""
    """Empty where it concerns no single keyspace."""
    seconds: float = 0.0
    count: int = 1
    detail: str = ""


Hook = Callable[[Record], None]


def ignore(record: Record) -> None:
    """Take a record and do nothing: the default hook."""
