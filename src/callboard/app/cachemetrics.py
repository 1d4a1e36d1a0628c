"""What `/metrics` tells of the cache and of the views, by keyspace."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Protocol

from prometheus_client.core import HistogramMetricFamily, Metric

from callboard.app.metrics import Part, counter, counters, gauge
from callboard.cache import Cache, Outcome
from callboard.keyspaces import Cached
from callboard.observe.cachestats import LOAD_BUCKETS_S, CacheStats

__all__ = ["RESULTS", "CacheLink", "LinkOf", "of_cache", "reads_of"]

RESULTS = ("l1", "l2", "missed", "joined", "waited", "loaded", "failed", "stale", "degraded")
"""What may become of a read; `docs/metrics.md` says what each means."""

_EVENTS = {
    "soft_hits": ("soft", "Hits past the soft TTL, which a refresh in the background followed"),
    "refused_fills": ("refused", "Loads not kept: an invalidation was newer, or a lease was lost"),
    "evictions": ("evicted", "Entries that left this process' memory for lack of room"),
}
_TOTALS = {
    "invalidations": (Outcome.INVALIDATED, "Invalidations that changed something"),
    "pushed_keys": (Outcome.PUSHED, "Keys that Redis told this process of: others wrote them"),
    "distrusts": (Outcome.DISTRUSTED, "How often this process gave up its memory as a whole"),
}


class CacheLink(Protocol):
    """How the cache and its Redis are."""

    @property
    def up(self) -> bool:
        """Whether Redis answers and is trusted."""

    @property
    def owed(self) -> int:
        """How many invalidations Redis has not been told of yet."""


def reads_of(stats: CacheStats, names: Sequence[str]) -> dict[tuple[str, str], int]:
    """Return what became of reads, by keyspace and result."""
    found: dict[tuple[str, str], int] = {}
    for name in names:
        figures = stats.of(name)
        found |= {(name, result): getattr(figures, result) for result in RESULTS}
    return found


def of_cache(stats: CacheStats, link: CacheLink, names: Sequence[str]) -> Part:
    """Return what tells of the cache; `names` are all keyspaces there are."""

    def collect() -> Iterable[Metric]:
        yield gauge("cache_up", "1 while the cache's Redis answers and is trusted", link.up)
        yield gauge("cache_owed", "Invalidations that Redis was not told of yet", link.owed)
        if stats.lag_s is not None:
            yield gauge(
                "cache_push_lag_seconds", "How late the newest push of another came", stats.lag_s
            )
        yield counters(
            "cache_reads",
            "What became of reads through the cache",
            ("keyspace", "result"),
            reads_of(stats, names).items(),
        )
        for event, (field, said) in _EVENTS.items():
            values = [((name,), getattr(stats.of(name), field)) for name in names]
            yield counters(f"cache_{event}", said, ("keyspace",), values)
        for event, (outcome, said) in _TOTALS.items():
            yield counter(f"cache_{event}", said, stats.total(outcome))
        yield _loads(stats, names)

    return collect


def _loads(stats: CacheStats, names: Sequence[str]) -> Metric:
    family = HistogramMetricFamily(
        "callboard_cache_load_seconds", "How long loads took", labels=["keyspace"]
    )
    bounds = [*(str(bound) for bound in LOAD_BUCKETS_S), "+Inf"]
    for name in names:
        loads = stats.loads(name)
        buckets = list(zip(bounds, accumulate(loads.buckets), strict=True))
        family.add_metric([name], buckets, loads.seconds)
    return family


class LinkOf:
    """A cache's link, seen from outside: by keys of every keyspace."""

    def __init__(self, cache: Cache, rows: Mapping[str, Cached]) -> None:
        self._cache = cache
        self._probes = [row.space.key("?") for row in rows.values()]

    @property
    def up(self) -> bool:
        """Whether Redis answers and is trusted; of a cluster every server that is asked."""
        return all(self._cache.trusts(probe) for probe in self._probes)

    @property
    def owed(self) -> int:
        """How many invalidations Redis has not been told of yet."""
        return self._cache.owed
