"""The cache on a cluster of three primaries, while slots move and a node dies.

Two caches with links of their own read and write as two processes would. The truth is a store
with a commit clock in this process: what a read that began after an acknowledged invalidation
must contain at least is known exactly, and so is what every key must show in the end.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from redis.crc import key_slot
from support.cluster import Cluster
from support.waiting import eventually

from callboard.cache import (
    TEXT,
    Cache,
    Key,
    Keyspace,
    Loaded,
    Loader,
    Outcome,
    Record,
    Source,
    open_links,
)
from callboard.clock import SystemClock

CLOCK = SystemClock()
pytestmark = pytest.mark.engines

THINGS = Keyspace(name="thing", codec=TEXT, ttl_s=30)
KEYS = [THINGS.key(f"{number}") for number in range(12)]


class Truth:
    """Versions with commit times, and which of them every process has been told of."""

    def __init__(self) -> None:
        self.commits = 0
        self.stored: dict[str, tuple[int, int]] = {key.id: (0, 0) for key in KEYS}
        self._acknowledged: dict[str, list[tuple[float, int]]] = {key.id: [] for key in KEYS}

    def write(self, id_: str) -> tuple[int, int]:
        """Commit the next version; return it and its commit time."""
        self.commits += 1
        self.stored[id_] = (self.stored[id_][0] + 1, self.commits)
        return self.stored[id_]

    def acknowledge(self, id_: str, version: int) -> None:
        """Note that an invalidation for a version has returned True just now."""
        self._acknowledged[id_].append((CLOCK.monotonic_s(), version))

    def acknowledged(self, id_: str, before_s: float) -> int:
        """Return the newest version of which the invalidation had returned at an instant."""
        told = self._acknowledged[id_]
        return max((version for at_s, version in told if at_s <= before_s), default=0)

    def loader(self, id_: str, rng: random.Random) -> Loader[str]:
        """Return the loader of an id: a snapshot, told late."""

        async def load(floor: int) -> Loaded[str]:
            assert floor <= self.commits, "nobody may be asked for what is not committed yet"
            version, as_of = self.stored[id_][0], self.commits
            await asyncio.sleep(rng.random() * 0.01)
            return Loaded(str(version), as_of)

        return load


class Trial:
    """Readers and writers over two caches, and what they saw."""

    def __init__(self, caches: list[Cache], outcomes: Counter[Outcome]) -> None:
        self.truth = Truth()
        self.caches = caches
        self.outcomes = outcomes
        self.reads = 0
        self.stale: list[str] = []
        self._over = False

    async def during(self, trouble: Callable[[], Awaitable[None]]) -> None:
        """Read and write until the trouble is over and a little longer."""
        async with asyncio.TaskGroup() as group:
            for number in range(12):
                group.create_task(self._read(self.caches[number % 2], random.Random(number)))  # noqa: S311  (seeded)
            for number in range(3):
                group.create_task(self._write(self.caches[number % 2], random.Random(99 + number)))  # noqa: S311  (seeded)
            try:
                await trouble()
                seen = self.reads
                await eventually(self._reads, lambda reads: reads > seen + 500)
            finally:
                self._over = True

    async def _reads(self) -> int:
        return self.reads

    async def _read(self, cache: Cache, rng: random.Random) -> None:
        while not self._over:
            key = rng.choice(KEYS)
            began_s = CLOCK.monotonic_s()
            answer = await cache.get_or_load(key, self.truth.loader(key.id, rng))
            self.reads += 1
            # A process cut off from Redis cannot know what others were told; it says so
            # (DEGRADED), and asks the truth again after `degraded_ttl_s`.
            late_s = THINGS.degraded_ttl_s + 0.2 if answer.source is Source.DEGRADED else 0.0
            must = self.truth.acknowledged(key.id, began_s - late_s)
            if int(answer.value or 0) < must:
                self.stale.append(f"{key.id}: {answer} although {must} was acknowledged")
            await asyncio.sleep(rng.random() * 0.002)

    async def _write(self, cache: Cache, rng: random.Random) -> None:
        while not self._over:
            key = rng.choice(KEYS)
            version, at = self.truth.write(key.id)
            await asyncio.sleep(rng.random() * 0.003)
            if await cache.invalidate(key, at=at):
                self.truth.acknowledge(key.id, version)
            await asyncio.sleep(rng.random() * 0.01)

    async def wrong_at_the_end(self) -> list[str]:
        """Return the keys that do not show the truth once everything owed was told."""
        for cache in self.caches:
            async with asyncio.timeout(10):
                await cache.settled()
        # The push of the last write may be on its way to the other cache.
        return await eventually(self._wrong, lambda wrong: not wrong)

    async def _wrong(self) -> list[str]:
        wrong = []
        for key in KEYS:
            for cache in self.caches:
                loader = self.truth.loader(key.id, random.Random(1))  # noqa: S311  (seeded)
                answer = await cache.get_or_load(key, loader)
                if answer.value != str(self.truth.stored[key.id][0]):
                    wrong.append(f"{key.id}: {answer}, truth {self.truth.stored[key.id]}")
        return wrong


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        asyncio.run(cluster.start())
        yield cluster
    finally:
        asyncio.run(cluster.stop())


@pytest.fixture
async def trial(cluster: Cluster) -> AsyncIterator[Trial]:
    await cluster.healthy()
    outcomes: Counter[Outcome] = Counter()

    def count(record: Record) -> None:
        outcomes[record.outcome] += record.count

    caches = [Cache(open_links(cluster.url), hook=count) for _ in range(2)]
    for cache in caches:
        await cache.start()
    yield Trial(caches, outcomes)
    for cache in caches:
        await cache.close()


async def test_slots_that_move_under_load_make_nothing_stale(
    cluster: Cluster, trial: Trial
) -> None:
    async def move() -> None:
        for key in KEYS[:6]:
            slot = key_slot(key.raw)
            home = await cluster.owner(slot)
            for target in ((home + 1) % 3, (home + 2) % 3, home):
                await cluster.move_slot(slot, await cluster.owner(slot), target, _breathe)

    await trial.during(move)
    assert trial.stale == []
    assert await trial.wrong_at_the_end() == []
    assert trial.outcomes[Outcome.HIT_L1] > 0
    assert trial.outcomes[Outcome.DISTRUSTED] > 0, "a moved slot must make memory distrusted"


async def test_a_node_that_is_killed_and_comes_back_empty_makes_nothing_stale(
    cluster: Cluster, trial: Trial
) -> None:
    async def kill() -> None:
        await cluster.kill(1)
        seen = trial.outcomes[Outcome.DEGRADED]
        await eventually(_count(trial, Outcome.DEGRADED), lambda count: count > seen + 50)
        assert trial.outcomes[Outcome.HIT_L2] > 0
        await cluster.restart(1)
        for cache in trial.caches:
            for key in KEYS:
                await eventually(lambda c=cache, k=key: _served(c, k))  # type: ignore[misc]  # binds the loop's values

    await trial.during(kill)
    assert trial.stale == []
    assert await trial.wrong_at_the_end() == []
    assert trial.outcomes[Outcome.REPAID] > 0, "what was owed to the node was told to it"


async def test_a_node_that_freezes_holds_nobody_up_and_makes_nothing_stale(
    cluster: Cluster, trial: Trial
) -> None:
    async def freeze() -> None:
        cluster.freeze(2)
        seen = trial.outcomes[Outcome.DEGRADED]
        with contextlib.ExitStack() as stack:
            stack.callback(cluster.thaw, 2)
            # Shorter than the node timeout of two seconds: its peers do not notice.
            await eventually(_count(trial, Outcome.DEGRADED), lambda count: count > seen + 50)

    await trial.during(freeze)
    assert trial.stale == []
    assert await trial.wrong_at_the_end() == []


async def _breathe(step: str) -> None:
    """Let readers and writers act between the steps of a move."""
    del step
    for _ in range(20):
        await asyncio.sleep(0)


async def _served(cache: Cache, key: Key[str]) -> bool:
    return cache.trusts(key)


def _count(trial: Trial, outcome: Outcome) -> Callable[[], Awaitable[int]]:
    async def look() -> int:
        return trial.outcomes[outcome]

    return look
