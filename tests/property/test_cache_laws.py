"""Laws of the cache, for any order of events in any number of processes.

Whoever reads after an invalidation or a put was acknowledged, in whatever process, gets an answer
from no earlier than its commit time, unless it is marked stale because the loader failed or
within a coalescing window. While Redis is away an answer lacks at most what others wrote in the
last moments, and nothing of what this process itself was told. An answer is the truth as of its
stamp, and contains what `min_as_of` asked for. Nothing is served past its hard TTL, but for a
loader that fails. Of one key one load is in flight over all processes, while leases can be kept
and nobody has waited ten seconds for one. A put older than the newest is never served. A value
that can be changed is nobody else's. When all is quiet every process says the truth for every
key, and holds nothing it need not.

Each story is drawn from a seed: two or three caches over the twin of Redis, in simulated time.
A failure names its seed; `told(WEATHERS[name], seed).told` is what happened.
"""

import pytest
from support.cache_story import tags_of, told
from support.cache_world import Weather

from callboard.cache import JSON, TEXT, Keyspace

STORIES = 9
"""For each kind of weather; a hunt takes thousands."""


def space(**more: object) -> Keyspace[str]:
    """Return a keyspace whose times fit the stories."""
    figures = {
        "name": "s",
        "codec": TEXT,
        "ttl_s": 20.0,
        "negative_ttl_s": 4.0,
        "loader_timeout_s": 2.0,
        "lease_s": 1.0,
        "floor_ttl_s": 6.0,
        "stale_if_error_s": 40.0,
        "degraded_ttl_s": 0.5,
    } | more
    return Keyspace(**figures)  # type: ignore[arg-type]  # checked by Keyspace itself


WEATHERS = {
    "calm": Weather(space=space()),
    "crowded": Weather(space=space(soft_ttl_s=5.0), processes=3, ids=1, steps=80),
    "without memory": Weather(space=space(l1_bytes=0)),
    "little memory": Weather(space=space(l1_bytes=1300), ids=5),
    "outages": Weather(space=space(soft_ttl_s=5.0), outages=True),
    "cut off": Weather(space=space(), outages=True, deaths=False, alone=0.6),
    "cut off and lagging": Weather(
        space=space(), outages=True, deaths=False, alone=0.6, behind_s=2.0
    ),
    "told of others alone": Weather(space=space(), noloop=True, alone=0.6),
    "lagging": Weather(space=space(negative_ttl_s=0.0), behind_s=2.0),
    "purges": Weather(space=space(), purges=True),
    "no clock": Weather(space=space(codec=JSON, clocked=False), purges=True),
    "no clock, outages": Weather(space=space(clocked=False), purges=True, outages=True),
    "tags": Weather(space=space(tags=tags_of), tagged=True, ids=4, outages=True),
    "lagging tags": Weather(space=space(tags=tags_of), tagged=True, ids=4, behind_s=2.0),
    "tag purges": Weather(space=space(tags=tags_of, codec=JSON), tagged=True, purges=True),
    "coalescing": Weather(space=space(coalesce_s=0.25)),
    "failing": Weather(space=space(soft_ttl_s=5.0), failing=0.4),
    "slow": Weather(space=space(), delays_s=(0.0, 0.9, 1.5), batches=False),
    "slow batches": Weather(space=space(), delays_s=(0.0, 0.9, 1.5)),
    "far": Weather(space=space(), far=True, processes=3),
    "wrong clocks": Weather(space=space(soft_ttl_s=5.0), clocks_wrong_s=0.1),
}


@pytest.mark.parametrize("weather", WEATHERS)
def test_the_laws_hold_in(weather: str) -> None:
    for seed in range(STORIES):
        broken = told(WEATHERS[weather], seed).broken
        assert not broken, f"told(WEATHERS[{weather!r}], {seed}): {broken[:3]}"
