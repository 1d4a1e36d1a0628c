"""One process of a race: a cache behind a gate of its own, and a loader that stops when told."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from support.cluster import Cluster
from support.gate import Ahead, Gate, Stop
from support.redis_servers import RedisServer
from support.turnstile import Truth

from callboard.cache import (
    Answer,
    Cache,
    Key,
    Keyspace,
    Loaded,
    Loader,
    Outcome,
    Record,
    open_links,
)
from callboard.cache.entry import Entry, decode
from callboard.cache.scripts import FILL, TAKE

__all__ = ["STEPS", "Race", "Racer", "Servers", "race_on", "start_servers"]

STEPS = (
    "GET held",
    "GET answered",
    "TAKE held",
    "TAKE answered",
    "before the load reads",
    "after the load has read",
    "FILL held",
    "FILL answered",
)
"""Where a read that misses can stand still, in order."""

_NUMBERS = itertools.count()

PATIENT_S = 30.0
"""A link's timeout where what is held shall be no outage."""

Servers = RedisServer | Cluster


async def start_servers(name: str, folder: Path) -> Servers:
    """Start a kind of server: valkey, redis7, or cluster (three primaries)."""
    servers: Servers
    if name == "cluster":
        servers = Cluster(folder)
    else:
        servers = RedisServer(folder, "redis7" if name == "redis7" else "valkey")
    await servers.start()
    return servers


class Racer:
    """One process."""

    def __init__(self, ports: Sequence[int], truth: Truth, timeout_s: float, clock: Ahead) -> None:
        self.truth = truth
        self.gate = Gate(ports)
        self.records: list[Record] = []
        self.before = Stop()
        self.after = Stop()
        self.loads = 0
        self.floors: list[int] = []
        self.tags: tuple[str, ...] = ()
        self.broken: Exception | None = None
        self._timeout_s = timeout_s
        self._clock = clock
        self.cache: Cache

    async def start(self) -> None:
        """Open the gate and connect."""
        await self.gate.open()
        links = open_links(self.gate.url, timeout_s=self._timeout_s)
        self.cache = Cache(links, self._clock, hook=self.records.append)
        await self.cache.start()

    async def close(self) -> None:
        """Let everything go, and end."""
        self.go_on()
        await self.cache.close()
        await self.gate.cut()

    # -- reading ---------------------------------------------------------------------------

    def loader(self, key: Key[Any]) -> Loader[str]:
        """Return a loader of the truth that can be stopped before and after it reads."""

        async def load(floor: int) -> Loaded[str]:
            self.loads += 1
            self.floors.append(floor)
            await self.before.stand()
            version, as_of = self.truth.versions.get(key.id), self.truth.commits
            await self.after.stand()
            if self.broken is not None:
                raise self.broken
            assert floor <= as_of, "no floor is beyond the truth"
            value = None if version is None else str(version)
            return Loaded(value, as_of if key.space.clocked else None, self.tags)

        return load

    async def answer(self, key: Key[str], min_as_of: int = 0) -> Answer[str]:
        """Read through the cache."""
        return await self.cache.get_or_load(key, self.loader(key), min_as_of=min_as_of)

    async def read(self, key: Key[str], min_as_of: int = 0) -> int:
        """Read through the cache; return the version."""
        return int((await self.answer(key, min_as_of)).value or 0)

    def begin(self, key: Key[str], min_as_of: int = 0) -> "asyncio.Task[int]":
        """Begin to read; what it sends is on its way when somebody else has a turn."""
        return asyncio.get_running_loop().create_task(self.read(key, min_as_of))

    def count(self, outcome: Outcome) -> int:
        """Return how often something was reported."""
        return sum(record.outcome is outcome for record in self.records)

    def in_memory(self, key: Key[str]) -> str | None:
        """Return the value that memory would serve."""
        node = self.cache._memory.get(key.raw, self._clock.monotonic_s())
        return node.answer.value if node is not None else None

    async def remember(self, key: Key[str]) -> None:
        """Read until memory holds it."""
        for _ in range(100):
            await self.read(key)
            if self.in_memory(key) is not None:
                # The push of our own fill could still take it away: once round the server.
                await self.cache._transport.barrier(key.raw)
                if self.in_memory(key) is not None:
                    return
        raise AssertionError("it does not stay in memory")

    # -- standing still --------------------------------------------------------------------

    async def stand_at(self, step: str, key: Key[str]) -> "asyncio.Task[int]":
        """Begin a read that misses, and return it as it stands still at a step."""
        self._arm()
        reading = self.begin(key)
        await self._go_to(step, key, 0)
        return reading

    async def refresh_at(self, step: str, key: Key[str]) -> Answer[str]:
        """Read what memory holds past its soft TTL; return as the refresh stands at a step."""
        self._arm()
        answer = await self.answer(key)
        await self._go_to(step, key, STEPS.index("TAKE held"))
        return answer

    def _arm(self) -> None:
        self.before.arm()
        self.after.arm()
        self.gate.hold()

    async def _go_to(self, step: str, key: Key[str], begin: int) -> None:
        gate = self.gate
        moves: tuple[tuple[Callable[[], None], Callable[[], Awaitable[object]]], ...] = (
            (_nothing, lambda: gate.out.until(b"GET\r\n", key.raw)),
            (gate.out.let_through, gate.back.until),
            (gate.back.let_through, lambda: gate.out.until(TAKE.sha.encode())),
            (gate.out.let_through, lambda: gate.back.until(b"$1\r\nW\r\n")),
            (gate.back.let_through, self.before.reached.wait),
            (self.before.pass_on, self.after.reached.wait),
            (self.after.pass_on, lambda: gate.out.until(FILL.sha.encode())),
            (gate.out.let_through, lambda: gate.back.until(b":1\r\n")),
        )
        for let, reached in moves[begin : STEPS.index(step) + 1]:
            let()
            await reached()

    def go_on(self, way: str = "flow") -> None:
        """Let the loader and the link go on for good."""
        self.before.pass_on()
        self.after.pass_on()
        self.gate.ways()[way]()


def _nothing() -> None:
    """Nothing has to be let go."""


class Race:
    """Two or more processes over the same servers."""

    def __init__(self, servers: Servers, timeout_s: float, clock: Ahead) -> None:
        self.truth = Truth()
        self.servers = servers
        self.clock = clock
        self.racers: list[Racer] = []
        self._timeout_s = timeout_s

    @property
    def loads(self) -> int:
        """How often anybody loaded."""
        return sum(racer.loads for racer in self.racers)

    def count(self, outcome: Outcome) -> int:
        """Return how often anybody reported something."""
        return sum(racer.count(outcome) for racer in self.racers)

    async def join(self) -> Racer:
        """Start another process."""
        servers = self.servers
        ports = servers.ports if isinstance(servers, Cluster) else [servers.port]
        racer = Racer(ports, self.truth, self._timeout_s, self.clock)
        await racer.start()
        self.racers.append(racer)
        return racer

    def new_key(self, space: Keyspace[str], *, written: bool = True) -> Key[str]:
        """Return a key nobody has used, with a first version in the truth."""
        key = space.key(f"{next(_NUMBERS)}")
        if written:
            self.truth.write(key.id)
        return key

    async def admin(self, key: Key[Any]) -> Redis:
        """Return a client of the server of a key that bypasses everything; close it."""
        if isinstance(self.servers, Cluster):
            return self.servers.nodes[await self.servers.holder(key.raw)].admin()
        return self.servers.admin()

    async def entry(self, key: Key[Any]) -> Entry | None:
        """Return what the server holds."""
        async with await self.admin(key) as admin:
            raw: Any = await admin.get(key.raw)
            return decode(raw)

    async def served(self, key: Key[str]) -> set[str | None]:
        """Return every value that any tier of any process would serve now."""
        return {answer.value for racer in self.racers for answer in await racer.cache.peek(key)}

    async def all_read(self, key: Key[str]) -> set[int]:
        """Read twice in each process."""
        return {await racer.read(key) for racer in (*self.racers, *self.racers)}


@contextlib.asynccontextmanager
async def race_on(
    servers: Servers, processes: int = 2, timeout_s: float = PATIENT_S
) -> AsyncIterator[Race]:
    """Run a race, and end all its processes."""
    race = Race(servers, timeout_s, Ahead())
    try:
        for _ in range(processes):
            await race.join()
        yield race
    finally:
        for racer in race.racers:
            await racer.close()
