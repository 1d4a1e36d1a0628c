"""Looking for stale reads: real races between readers, writers and invalidations.

Several processes share one Redis and one MongoDB, whose documents carry a version. A writer
writes, invalidates, and when that has returned publishes the version where every process sees
it. A reader notes the published version of a key *before* it begins to read through the cache:
what it gets must not be older. Afterwards, when all is quiet, no cache may still hold an older
version than MongoDB does.
"""

import asyncio
import mmap
import multiprocessing
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cache_process import loop_factory
from contenders import Contender, Entry
from soak_truth import Truth

from callboard.cache.answer import Loaded
from callboard.clock import SystemClock

__all__ = ["Order", "Outcome", "soak"]

PROCESSES = 2
KEYS = 20
WRITERS = 2
READERS = 13
SPINNERS = 2
"""In each process; spinners read without a pause, which is hardest for memory."""
THINK_S = 0.005
"""The longest a reader or a writer pauses."""
QUIET_S = 2.0
_SLOT_BYTES = 8
_CLOCK = SystemClock()


@dataclass(frozen=True)
class Order:
    """What one soak consists of."""

    entry: Entry | None
    """None: no cache at all, which shows what the measuring itself sees."""
    redis_url: str
    mongo_url: str
    seconds: float
    board: Path
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Written:
    """A version that everybody may rely on since."""

    key: int
    version: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Stale:
    """A read that began after a newer version could be relied on."""

    key: int
    version: int
    begun_s: float


@dataclass
class Seen:
    """What one process has to tell."""

    reads: int = 0
    loads: int = 0
    written: list[Written] = field(default_factory=list)
    stale: list[Stale] = field(default_factory=list)
    left: int = 0
    """Keys whose cache is older than MongoDB, after all was quiet."""


@dataclass(frozen=True)
class Outcome:
    """What all processes saw."""

    reads: int
    writes: int
    loads: int
    stale: int
    worst_s: float
    """How long a version had been replaced when the most stale read of it began."""
    left: int


class Board:
    """Published versions in shared memory; every slot has one writer, and only grows."""

    def __init__(self, path: Path) -> None:
        self._slots_per_key = PROCESSES * WRITERS
        size = KEYS * self._slots_per_key * _SLOT_BYTES
        with path.open("a+b") as file:
            file.truncate(size)
            self._slots = memoryview(mmap.mmap(file.fileno(), size)).cast("Q")

    def publish(self, key: int, writer: int, version: int) -> None:
        """Let everybody rely on a version: one aligned word, so never half of it is seen."""
        self._slots[key * self._slots_per_key + writer] = version

    def published(self, key: int) -> int:
        """Return the newest version of a key that may be relied on."""
        first = key * self._slots_per_key
        return max(self._slots[first : first + self._slots_per_key])


def _name(key: int) -> str:
    return f"call-{key}"


class _Uncached(Contender):
    """No cache: every read is a load."""

    async def open(self, url: str, load: Callable[[str, int], Awaitable[Loaded[Any]]]) -> None:  # noqa: ARG002  (needs none)
        self._load = load

    async def get(self, key: str) -> Any:
        return (await self._load(key, 0)).value

    async def invalidate(self, key: str, at: int) -> None:
        pass

    async def close(self) -> None:
        pass


class _Member:
    """One process' readers and writers."""

    def __init__(self, order: Order, number: int) -> None:
        self._order = order
        self._number = number
        self._truth = Truth(order.mongo_url, self._rng(0))
        self._cache = order.entry.make() if order.entry else _Uncached()
        self._board = Board(order.board)
        self._until_s = 0.0
        self._seen = Seen()

    def _rng(self, actor: int) -> random.Random:
        return random.Random((self._order.seed * 100 + self._number) * 100 + actor)  # noqa: S311  (repeatable)

    async def open(self) -> None:
        """Connect, and read every key once."""
        await self._cache.open(self._order.redis_url, self._truth.load)
        for key in range(KEYS):
            await self._cache.get(_name(key))

    async def run(self, until_s: float) -> Seen:
        """Read and write until then; wait until all is quiet; compare."""
        self._until_s = until_s
        readers = READERS + SPINNERS
        async with asyncio.TaskGroup() as tasks:
            for reader in range(readers):
                think_s = THINK_S if reader < READERS else 0.0
                tasks.create_task(self._read(self._rng(1 + reader), think_s))
            for writer in range(WRITERS):
                slot = self._number * WRITERS + writer
                tasks.create_task(self._write(self._rng(1 + readers + writer), slot))
        self._seen.loads = self._truth.loads
        await asyncio.sleep(QUIET_S)
        for key in range(KEYS):
            shown = await self._cache.get(_name(key))
            true: Any = (await self._truth.read(_name(key))).value
            self._seen.left += shown["version"] != true["version"]
        return self._seen

    async def close(self) -> None:
        """Disconnect."""
        await self._cache.close()
        await self._truth.close()

    async def _read(self, rng: random.Random, think_s: float) -> None:
        seen, board, now_s = self._seen, self._board, _CLOCK.monotonic_s
        while now_s() < self._until_s:
            key = rng.randrange(KEYS)
            expected = board.published(key)
            begun_s = now_s()
            version = (await self._cache.get(_name(key)))["version"]
            seen.reads += 1
            if version < expected:
                seen.stale.append(Stale(key, version, begun_s))
            await asyncio.sleep(rng.uniform(0, think_s) if think_s else 0)

    async def _write(self, rng: random.Random, slot: int) -> None:
        while _CLOCK.monotonic_s() < self._until_s:
            key = rng.randrange(KEYS)
            version, at = await self._truth.write(_name(key))
            await self._cache.invalidate(_name(key), at)
            self._seen.written.append(Written(key, version, _CLOCK.monotonic_s()))
            self._board.publish(key, slot, version)
            await asyncio.sleep(rng.uniform(0, THINK_S))


def soak(order: Order) -> Outcome:
    """Run one soak with all its processes.

    Raises:
        AssertionError: a process failed; says how.
    """
    asyncio.run(_prepare(order))
    spawning = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    members = []
    for number in range(PROCESSES):
        here, there = spawning.Pipe()
        member = spawning.Process(target=_be_member, args=(order, number, there), daemon=True)
        member.start()
        there.close()
        pipes.append(here)
        members.append(member)
    try:
        for pipe in pipes:
            assert (word := _heard(pipe, 60.0)) == "open", word
        until_s = _CLOCK.monotonic_s() + order.seconds
        for pipe in pipes:
            pipe.send(until_s)
        seen = [_heard(pipe, order.seconds + QUIET_S + 60.0) for pipe in pipes]
        for member in members:
            member.join(10.0)
    finally:
        for member in members:
            member.kill()
            member.join()
    return _outcome(seen)


def _heard(pipe: Connection, within_s: float) -> Any:
    assert pipe.poll(within_s), f"a process said nothing for {within_s:.0f} s"
    word = pipe.recv()
    assert not isinstance(word, BaseException), word
    return word


async def _prepare(order: Order) -> None:
    """Write every key once, so that there is something to read."""
    truth = Truth(order.mongo_url, random.Random(0))  # noqa: S311  (draws nothing)
    for key in range(KEYS):
        await truth.write(_name(key))
    await truth.close()


def _be_member(order: Order, number: int, pipe: Connection) -> None:
    async def serve() -> None:
        try:
            member = _Member(order, number)
            await member.open()
            pipe.send("open")
            until_s = await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
            pipe.send(await member.run(until_s))
            await member.close()
        except BaseException as error:
            pipe.send(RuntimeError(f"{type(error).__name__}: {error!r}"))
            raise

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve())


def _outcome(seen: list[Seen]) -> Outcome:
    written = [write for one in seen for write in one.written]
    stale = [read for one in seen for read in one.stale]
    replaced_s = [
        min(w.at_s for w in written if w.key == read.key and w.version > read.version)
        for read in stale
    ]
    ages_s = [read.begun_s - at_s for read, at_s in zip(stale, replaced_s, strict=True)]
    return Outcome(
        reads=sum(one.reads for one in seen),
        writes=len(written),
        loads=sum(one.loads for one in seen),
        stale=len(stale),
        worst_s=max(ages_s, default=0.0),
        left=sum(one.left for one in seen),
    )
