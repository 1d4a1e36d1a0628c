"""What a contender is told to do, inside the process that runs it."""

import asyncio
import gc
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from contenders import Contender
from contenders.base import RECORD

from callboard.cache.answer import Loaded
from callboard.clock import SystemClock

__all__ = [
    "KEYS",
    "Call",
    "Endured",
    "Fill",
    "Hits",
    "Job",
    "Outage",
    "Rushed",
    "Stampede",
    "Subject",
]

KEYS = tuple(f"call-{number:04d}" for number in range(200))
_CHUNK = 8
_CHUNK_MEMORY = 256
"""Hits in memory need no loop turn; they get one this often, or nobody else would run."""
_CLOCK = SystemClock()
_GRACE_S = 0.5
_LONG_S = 0.5
UNANSWERED = "unanswered"
"""The error of a caller that was still waiting when all was over."""


class Subject:
    """A contender, and the truth it loads from."""

    def __init__(self, contender: Contender, hear: Callable[[], Awaitable[Any]]) -> None:
        self.contender = contender
        self.hear = hear
        """Wait for the parent's next word."""
        self.loads: list[float] = []
        """When the loader was called."""
        self.load_s = 0.0

    async def load(self, key: str, floor: int) -> Loaded[Any]:
        """Read a record; it notes when it was read."""
        self.loads.append(_CLOCK.monotonic_s())
        if self.load_s:
            await asyncio.sleep(self.load_s)
        as_of = max(floor, int(_CLOCK.now().timestamp()) << 32)
        return Loaded({**RECORD, "id": key, "loadedAt": _CLOCK.monotonic_s()}, as_of)


class Job(ABC):
    """One thing to do; what it returns goes to the parent."""

    @abstractmethod
    async def run(self, subject: Subject) -> Any:
        """Do it."""


@dataclass(frozen=True)
class Fill(Job):
    """Load every key, then read all at once, so that caches are full and pools connected."""

    width: int

    async def run(self, subject: Subject) -> None:
        """Fill; the last readings are hits."""
        for key in KEYS:
            await subject.contender.get(key)
        for _ in range(2):
            width = (KEYS * (1 + self.width // len(KEYS)))[: self.width]
            await asyncio.gather(*(subject.contender.get(key) for key in width))


@dataclass(frozen=True)
class Hits(Job):
    """Read cached keys from so many callers at once; processor seconds here per hit."""

    concurrency: int
    seconds: float
    memory: bool
    seed: int = 1

    async def run(self, subject: Subject) -> tuple[int, float]:
        """Return the hits and the processor seconds of this process, all threads of it."""
        loads = len(subject.loads)
        gc.collect()
        deadline_s, used_s = _CLOCK.monotonic_s() + self.seconds, time.process_time()
        callers = (self._caller(subject.contender, n, deadline_s) for n in range(self.concurrency))
        hits = sum(await asyncio.gather(*callers))
        used_s = time.process_time() - used_s
        assert len(subject.loads) == loads, "these were no hits"
        return hits, used_s

    async def _caller(self, contender: Contender, number: int, deadline_s: float) -> int:
        rng = random.Random(self.seed * 1_000 + number)  # noqa: S311  (repeatable)
        keys = rng.choices(KEYS, k=_CHUNK_MEMORY if self.memory else _CHUNK)
        hits = 0
        get = contender.get
        while _CLOCK.monotonic_s() < deadline_s:
            for key in keys:
                await get(key)
            hits += len(keys)
            await asyncio.sleep(0)
        return hits


@dataclass(frozen=True)
class Rushed:
    """How a stampede went in one process."""

    loads: int
    worst_s: float


@dataclass(frozen=True)
class Stampede(Job):
    """Ask for one cold key from many callers, at an instant the other process keeps too."""

    key: str
    at_s: float
    callers: int
    load_s: float

    async def run(self, subject: Subject) -> Rushed:
        """Return how often the loader was called, and the longest wait."""
        loads, subject.load_s = len(subject.loads), self.load_s
        await asyncio.sleep(self.at_s - _CLOCK.monotonic_s())
        waits = await asyncio.gather(*(self._ask(subject.contender) for _ in range(self.callers)))
        subject.load_s = 0.0
        return Rushed(len(subject.loads) - loads, max(waits))

    async def _ask(self, contender: Contender) -> float:
        begun_s = _CLOCK.monotonic_s()
        assert (await contender.get(self.key)) is not None
        return _CLOCK.monotonic_s() - begun_s


@dataclass(frozen=True, slots=True)
class Call:
    """One caller's wait."""

    begun_s: float
    ended_s: float
    error: str
    """Empty: it got its answer."""
    cached: bool
    """Whether the answer came out of Redis, or of memory that Redis vouches for."""


@dataclass
class Endured:
    """What callers saw of an outage."""

    calls: list[Call]
    loads: list[float]
    hung: int
    """Callers that had waited long and had no answer when it was over."""


@dataclass(frozen=True)
class Outage(Job):
    """Keep asking until the parent says stop; it breaks the server meanwhile."""

    callers: int
    keys: int
    load_s: float
    think_s: tuple[float, float] = (0.005, 0.015)
    calls: list[Call] = field(default_factory=list)

    async def run(self, subject: Subject) -> Endured:
        """Return every call."""
        subject.load_s = self.load_s
        asking = [
            asyncio.ensure_future(self._ask(subject.contender, number))
            for number in range(self.callers)
        ]
        await subject.hear()
        over_s = _CLOCK.monotonic_s()
        for task in asking:
            task.cancel()
        done, hung = await asyncio.wait(asking, timeout=_GRACE_S)
        for task in done:
            assert task.cancelled(), task.exception()
        waiting = [call for call in self.calls if call.error == UNANSWERED]
        hanging = sum(over_s - call.begun_s > _LONG_S for call in waiting)
        # Who could not even be cancelled waits on in a shield of the library's.
        return Endured(self.calls, subject.loads, hanging + len(hung))

    async def _ask(self, contender: Contender, number: int) -> None:
        rng = random.Random(number)  # noqa: S311  (repeatable)
        while True:
            key = KEYS[rng.randrange(self.keys)]
            begun_s, error, cached = _CLOCK.monotonic_s(), "", False
            try:
                value, trusted = await contender.look(key)
                cached = value["loadedAt"] < begun_s if trusted is None else trusted
            except asyncio.CancelledError:
                error = UNANSWERED
                raise
            except Exception as failure:
                error = type(failure).__name__
            finally:
                self.calls.append(Call(begun_s, _CLOCK.monotonic_s(), error, cached))
            await asyncio.sleep(rng.uniform(*self.think_s))
