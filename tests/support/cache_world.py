"""A world of several caches over one twin of Redis, driven by a seed and judged read by read.

`Weather` says what happens in it, `World` makes it happen and writes down what was broken.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from support.cache_truth import Reads, Truth, id_of, serial_of
from support.memory_redis import MemoryRedis, MemoryTransport, spread
from support.simloop import SimClock, SimLoop

from callboard.cache import Answer, Cache, Key, Keyspace, Source
from callboard.cache.scripts import FILL, FLOOR

__all__ = ["Process", "Weather", "World"]

SLACK_S = 0.5
"""For clocks that disagree, and for what is under way."""
PUT_LATE_S = 1.0
"""Between a write and its put."""
ON_ITS_WAY_S = 0.05
TRUST_S = 60e-6
"""A little more than memory is served without asking for pushes."""


@dataclass(frozen=True, kw_only=True)
class Weather:
    """What a world is like."""

    space: Keyspace[Any]
    processes: int = 2
    ids: int = 2
    steps: int = 60
    purges: bool = False
    """Invalidations know no commit time; then nothing is put."""
    tagged: bool = False
    batches: bool = True
    outages: bool = False
    deaths: bool = True
    """Whether outages are the server's too, not the network's alone."""
    alone: float = 0.1
    """How many writes are invalidated once, by one who may be cancelled."""
    noloop: bool = False
    far: bool = False
    """Replies and pushes take time to arrive."""
    clocks_wrong_s: float = 0.0
    """How far wall clocks are ahead or behind at most."""
    behind_s: float = 0.0
    failing: float = 0.0
    delays_s: Sequence[float] = (0.0, 0.0, 0.002, 0.02, 0.3)


class Ack(NamedTuple):
    """An invalidation or a put that was acknowledged."""

    stamp: int
    at_s: float
    process: int
    told: bool
    """Redis has it; else it is owed."""


class Began(NamedTuple):
    """What could be known when a read began."""

    at_s: float
    acks: tuple[Ack, ...]
    behind: bool
    """A push was on its way to this process."""


class Process:
    """One process: a cache, and its way to the server."""

    def __init__(self, number: int, world: "World") -> None:
        rng, weather = world.rng, world.weather
        self.number = number
        self.cut_at_s = 0.0
        self.transport = MemoryTransport(
            world.server,
            leaves=spread(rng, 0.004),
            travels=spread(rng, 0.05) if weather.far else None,
            is_read=spread(rng, 0.004),
        )
        wrong_s = weather.clocks_wrong_s
        clock = SimClock(world.loop, rng.uniform(-wrong_s, wrong_s))
        self.cache = Cache(self.transport, clock, rng=random.Random(rng.random()))  # noqa: S311  (a test)


class World:
    """Several processes, one server, one truth."""

    def __init__(self, loop: SimLoop, weather: Weather, seed: int) -> None:
        self.loop, self.weather = loop, weather
        self.rng = random.Random(seed)  # noqa: S311  (a test)
        self.truth = Truth(loop)
        self.server = MemoryRedis(
            lambda: int(loop.time() * 1000),
            self.rng,
            spread(self.rng, 0.002),
            noloop=weather.noloop,
        )
        self.keys = [weather.space.key(f"i{number}") for number in range(weather.ids)]
        self.reads = Reads(
            self.truth,
            self.rng,
            self._load_begins,
            weather.delays_s,
            weather.behind_s,
            weather.failing,
        )
        self.processes = [Process(number, self) for number in range(weather.processes)]
        self.acks: dict[str, list[Ack]] = defaultdict(list)
        self.broken: list[str] = []
        self.told: list[tuple[Any, ...]] = []
        """What happened, for whoever reads a failure."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loading: dict[str, list[float]] = defaultdict(list)
        self._voided_s: dict[bytes, float] = {}
        self._outage_s = -1.0
        self._run, self.server.run = self.server.run, self._seen_running  # type: ignore[method-assign]

    def note(self, *what: Any) -> None:
        """Write down what happened."""
        self.told.append((round(self.loop.time(), 4), *what))

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Let something happen beside everything else."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def done(self) -> None:
        """Wait for all that was spawned."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- at most one load at a time --------------------------------------------------------

    def _seen_running(self, script: Any, key: bytes, argv: Sequence[bytes]) -> Any:
        strict = self.server.values.get(key, b"-\0")[1:2] == b"\1"
        reply = self._run(script, key, argv)
        if (script is FLOOR and (not argv[2] or strict)) or (script is FILL and reply == 1):
            self._voided_s[key] = self.loop.time()
        return reply

    def outage(self) -> None:
        """Leases cannot be kept now."""
        self._outage_s = self.loop.time()

    def _load_begins(self, key: Key[Any]) -> Callable[[], None]:
        mine, loading = self.loop.time(), self._loading[key.id]
        # A lease that was voided may have been on its way to its holder.
        calm_s = max(self._outage_s, self._voided_s.get(key.raw, -1.0)) + ON_ITS_WAY_S
        away = not all(process.transport.up(b"") for process in self.processes)
        if not away and any(other_s > calm_s for other_s in loading):
            self.broken.append(f"two loads at a time: {key} at {mine}")
        loading.append(mine)
        self.note("load begins", key)

        def ended() -> None:
            self.note("load ends", key, mine)
            loading.remove(mine)

        return ended

    # -- reading ---------------------------------------------------------------------------

    def began(self, process: Process, key: Key[Any]) -> Began:
        """Note what a read that begins now must contain."""
        self.loop.advance(TRUST_S)
        acks = self.acks[key.id]
        return Began(self.loop.time(), tuple(acks), process.transport.behind)

    async def read(self, process: Process, key: Key[Any], least: int = 0) -> None:
        """Read, load if it must be, and judge."""
        began = self.began(process, key)
        try:
            answer = await process.cache.get_or_load(key, self.reads.one(key), min_as_of=least)
        except Exception as error:
            self.failed(key, error)
        else:
            self.judge(process, key, began, least, answer)

    async def look(self, process: Process, key: Key[Any]) -> None:
        """Read what is there, and judge."""
        began = self.began(process, key)
        answer = await process.cache.get(key)
        if answer is not None:
            self.judge(process, key, began, 0, answer)

    async def read_all(self, process: Process) -> None:
        """Read every key in one batch."""
        began = {key.id: self.began(process, key) for key in self.keys}
        loader = self.reads.many({key.id: key for key in self.keys})
        try:
            answers = await process.cache.get_many(self.keys, loader)
        except Exception as error:
            self.failed(self.keys[0], error)
            return
        for key in self.keys:
            self.judge(process, key, began[key.id], 0, answers[key.id])

    def failed(self, key: Key[Any], error: Exception) -> None:
        """A read raised: only its loader may be the reason."""
        self.note("read failed", key, error)
        if not (self.reads.failed_at_s and type(error).__name__ in ("Unreadable", "LoadTimeout")):
            self.broken.append(f"{key}: {error!r} reached a reader")

    # -- judging ---------------------------------------------------------------------------

    def judge(
        self, process: Process, key: Key[Any], began: Began, least: int, answer: Answer[Any]
    ) -> None:
        """Hold an answer against every law about reads."""
        self.note("read", process.number, key, began.at_s, least, answer)
        self._spoil(answer)
        space, wrong = key.space, []
        value = answer.value
        load = None if value is None else self.truth.handed[serial_of(value)]
        as_of = answer.as_of if space.clocked or load is None else load.as_of
        if value is not None and (id_of(value) != key.id or len(value) < 3):
            wrong.append("somebody else's value, or one that was changed")
        version = None if load is None else load.version
        if (space.clocked or load) and self.truth.at(key.id, as_of) != version:
            wrong.append("not the truth as of its stamp")
        failed = answer.stale and self._failed_lately(key, began)
        if not failed:
            if space.clocked and as_of < least:
                wrong.append("less than was asked for")
            if began.at_s > self._usable_until_s(space, as_of, load) + SLACK_S:
                wrong.append("past its hard TTL")
        elif load and began.at_s > load.at_s + space.stale_if_error_s + 1 + SLACK_S:
            wrong.append("too old even for a failing loader")
        if (space.clocked or load) and not failed:
            missing = [ack for ack in began.acks if ack.stamp > as_of]
            wrong += self._excused(process, space, began, answer, missing)
        self.broken += [
            f"{reason}: {key} in process {process.number}, began {began}, asked {least}: {answer}"
            for reason in wrong
        ]

    def _spoil(self, answer: Answer[Any]) -> None:
        """Change a value that can be: nobody else may see it."""
        if isinstance(answer.value, list):
            if len(answer.value) != 3:
                self.broken.append("a changed value was shared")
            answer.value.append("spoilt")

    def _failed_lately(self, key: Key[Any], began: Began) -> bool:
        failed_s = self.reads.failed_at_s.get(key.id, -1e9)
        return failed_s > began.at_s - key.space.degraded_ttl_s - SLACK_S

    def _usable_until_s(self, space: Keyspace[Any], as_of: int, load: Any) -> float:
        if load is not None:
            return float(load.at_s) + space.ttl_s
        if not as_of:
            return 1e9  # nothing, of a loader without a clock: it does not say when
        longest_s = self.weather.behind_s + 2 * max(self.weather.delays_s) + PUT_LATE_S
        return self.truth.seconds_of(as_of) + longest_s + space.negative_ttl_s

    def _excused(
        self,
        process: Process,
        space: Keyspace[Any],
        began: Began,
        answer: Answer[Any],
        missing: Sequence[Ack],
    ) -> list[str]:
        """Return what is wrong about an answer that lacks what was acknowledged."""
        if answer.stale and missing and space.coalesce_s:
            first_s = min(ack.at_s for ack in missing)
            if began.at_s <= first_s + space.coalesce_s + SLACK_S:
                return []
        mine = [ack for ack in missing if ack.process == process.number]
        if self.weather.behind_s and answer.source is Source.DEGRADED:
            # Without Redis the floor of a load is what is owed; what it was told it alone knows.
            mine = [ack for ack in mine if not ack.told and ack.at_s >= process.cut_at_s]
        if mine:
            return ["lacks what this process itself was told"]
        told = [ack for ack in missing if ack.told]
        if answer.source is Source.DEGRADED:
            blind_s = space.degraded_ttl_s + space.loader_timeout_s + SLACK_S
            told = [ack for ack in told if ack.at_s < began.at_s - blind_s]
        elif began.behind and (answer.source is Source.L1 or space.tagged):
            told = []
        return ["stale"] if told else []
