"""The counts of the cache: what each record adds to, and how long loads took."""

from datetime import timedelta

import pytest
from support.builders import START

from callboard.cache import Outcome, Record
from callboard.clock import FixedClock
from callboard.observe.cachestats import LOAD_BUCKETS_S, CacheStats, ratio_of


def told(*records: Record) -> CacheStats:
    """Return the counts of some records."""
    stats = CacheStats(FixedClock(START))
    for record in records:
        stats(record)
    return stats


def test_each_keyspace_has_its_own_counts_and_all_have_their_sum() -> None:
    stats = told(
        Record(Outcome.HIT_L1, "call"),
        Record(Outcome.HIT_L1, "call"),
        Record(Outcome.HIT_L2, "call"),
        Record(Outcome.MISS, "call"),
        Record(Outcome.HIT_L1, "calls"),
        Record(Outcome.DEGRADED, "calls"),
    )
    call, calls, everything = stats.of("call"), stats.of("calls"), stats.all()
    assert (call.hits, call.misses, call.ratio) == (3, 1, 75.0)
    assert (calls.hits, calls.misses, calls.ratio) == (1, 1, 50.0)
    assert (everything.l1, everything.l2, everything.hits, everything.misses) == (3, 1, 4, 2)
    assert stats.of("nothing").ratio is None


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (0.001, 0), (0.0011, 1), (0.1, 3), (2.5, 5), (2.6, len(LOAD_BUCKETS_S))],
)
def test_a_load_is_in_the_bucket_whose_bound_it_does_not_exceed(
    seconds: float, bucket: int
) -> None:
    loads = told(Record(Outcome.LOADED, "call", seconds)).loads("call")
    assert loads.buckets.index(1) == bucket
    assert (loads.count, loads.seconds) == (1, seconds)


def test_a_load_that_failed_has_no_time() -> None:
    stats = told(Record(Outcome.LOAD_FAILED, "call", 3.0))
    assert (stats.of("call").failed, stats.loads("call").count) == (1, 0)


def test_counts_of_one_record_are_added() -> None:
    stats = told(Record(Outcome.PUSHED, count=7), Record(Outcome.PUSHED, count=3))
    assert stats.total(Outcome.PUSHED) == 10


def test_the_link_is_as_old_as_what_was_last_told_of_it() -> None:
    clock = FixedClock(START)
    stats = CacheStats(clock)
    clock.advance(timedelta(seconds=5))
    stats(Record(Outcome.LAG, seconds=0.003))
    assert (stats.link_since, stats.lag_s) == (START, 0.003)
    stats(Record(Outcome.DISTRUSTED, detail="lost"))
    assert stats.link_since == START + timedelta(seconds=5)
    assert stats.uptime_s == 5


def test_nothing_has_no_ratio() -> None:
    assert (ratio_of(0, 0), ratio_of(0, 1), ratio_of(1, 0)) == (None, 0.0, 100.0)
