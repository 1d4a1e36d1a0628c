"""What happens in a world of caches: a story drawn from a seed, and its quiet end."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

from support.cache_world import Ack, Process, Weather, World
from support.simloop import SimLoop, simulated

from callboard.cache import Key

__all__ = ["told"]

TAGS = ("even", "odd")
QUIET_S = 3.0
"""Longer than anything is kept because Redis or a loader was away; shorter than any TTL."""
PAUSES_S = (0.0, 0.0, 0.0, 0.0, 0.001, 0.004, 0.02, 0.1, 0.4, 2.0)
LONG_PAUSES_S = (9.0, 25.0, 60.0)


def tags_of(id_: str) -> tuple[str, ...]:
    """Return the tags of an id of the stories."""
    return (TAGS[int(id_[1:]) % 2],)


class _Story:
    """Draws steps and takes them."""

    def __init__(self, world: World) -> None:
        self.world, self.weather, self.rng = world, world.weather, world.rng
        self._cancellable: list[asyncio.Task[Any]] = []
        self._snapshot: dict[bytes, bytes] = {}
        steps: list[tuple[int, Callable[[], None]]] = [
            (14, self._read),
            (3, self._look),
            (3 * self.weather.batches, self._read_all),
            (2, self._read_at_least),
            (9, self._write),
            (2, self._cancel),
            (1, self._warm),
        ]
        if self.weather.tagged:
            steps.append((4, self._write_tag))
        if self.weather.outages:
            steps += [(2, self._cut)]
        if self.weather.outages and self.weather.deaths:
            steps += [(1, self._die), (1, self._remember)]
        self._weights = [weight for weight, _ in steps]
        self._steps = [step for _, step in steps]

    async def tell(self) -> None:
        """Take every step, each a moment after the one before."""
        rng = self.rng
        for _ in range(self.weather.steps):
            pauses = LONG_PAUSES_S if rng.random() < 0.03 else PAUSES_S
            await asyncio.sleep(rng.choice(pauses))
            rng.choices(self._steps, self._weights)[0]()

    # -- steps -----------------------------------------------------------------------------

    def _one(self) -> tuple[Process, Key[Any]]:
        return self.rng.choice(self.world.processes), self.rng.choice(self.world.keys)

    def _read(self) -> None:
        self._cancellable.append(self.world.spawn(self.world.read(*self._one())))

    def _look(self) -> None:
        self.world.spawn(self.world.look(*self._one()))

    def _read_all(self) -> None:
        self.world.spawn(self.world.read_all(self.rng.choice(self.world.processes)))

    def _read_at_least(self) -> None:
        if self.weather.space.clocked:
            self.world.spawn(self.world.read(*self._one(), self.world.truth.now()))

    def _warm(self) -> None:
        process = self.rng.choice(self.world.processes)
        for key in self.world.keys:
            self.world.spawn(process.cache.warm([key], self.world.reads.one(key)))

    def _cancel(self) -> None:
        if self._cancellable:
            self._cancellable.pop(self.rng.randrange(len(self._cancellable))).cancel()

    def _write(self) -> None:
        process, key = self._one()
        stamp = self.world.truth.write([key.id], nothing=self.rng.random() < 0.15)
        self.world.note("write", key, stamp)
        choice = self.rng.random()
        if choice < 0.3 and not self.weather.purges:
            self.world.spawn(self._put(process, key, stamp))
        elif choice < 0.9:
            alone = choice < 0.3 + self.weather.alone
            self.world.spawn(self._invalidate(process, [key], stamp, alone=alone))
            if alone:
                return
        self.world.spawn(self._invalidate(self._one()[0], [key], stamp, late=True))

    def _write_tag(self) -> None:
        tag = self.rng.choice(TAGS)
        keys = [key for key in self.world.keys if tags_of(key.id) == (tag,)]
        stamp = self.world.truth.write([key.id for key in keys])
        self.world.note("write", tag, stamp)
        for late in (False, True):
            process = self.rng.choice(self.world.processes)
            self.world.spawn(self._invalidate(process, keys, stamp, tag=tag, late=late))

    async def _put(self, process: Process, key: Key[Any], stamp: int) -> None:
        if not self.weather.outages:
            # With them, a put must not outlive the floor that would have refused it: a loss of
            # memory is the one thing that makes late puts dangerous (docs/internals/cache.md).
            await asyncio.sleep(self.rng.choice(PAUSES_S) / 2)
        value = self.world.truth.hand(key, stamp)
        stored = await process.cache.put(key, value, as_of=stamp)
        self.world.note("put", process.number, key, stamp, stored)
        if stored:
            self._ack([key], Ack(stamp, self.world.loop.time(), process.number, True))

    async def _invalidate(
        self,
        process: Process,
        keys: list[Key[Any]],
        stamp: int,
        *,
        tag: str = "",
        late: bool = False,
        alone: bool = False,
    ) -> None:
        await asyncio.sleep(self.rng.choice(PAUSES_S) if late else 0)
        task = asyncio.current_task()
        if alone and task is not None:
            # Whoever invalidates is cancelled, perhaps; the invalidation must not be.
            self._cancellable.append(task)
        at = stamp
        if self.weather.purges:  # it voids whatever was read before it
            at = self.world.truth.now()
        told_at = None if self.weather.purges else stamp
        if tag:
            told = await process.cache.invalidate_tag(tag, at=told_at)
        else:
            told = await process.cache.invalidate(keys[0], at=told_at)
        self.world.note("invalidated", process.number, tag or keys[0], stamp, told)
        self._ack(keys, Ack(at, self.world.loop.time(), process.number, told))

    def _ack(self, keys: list[Key[Any]], ack: Ack) -> None:
        for key in keys:
            self.world.acks[key.id].append(ack)
            if self.rng.random() < 0.4:  # who reads at once sees what is not done yet
                self.world.spawn(self.world.read(self._one()[0], key))

    # -- outages ---------------------------------------------------------------------------

    def _cut(self) -> None:
        self.world.outage()
        process = self.rng.choice(self.world.processes)
        process.transport.reachable = False
        process.transport.cut()
        process.cut_at_s = self.world.loop.time()
        self.world.note("cut", process.number)
        self.world.spawn(self._mend(process))

    async def _mend(self, process: Process) -> None:
        await asyncio.sleep(self.rng.choice(PAUSES_S))
        self.world.outage()
        process.transport.reachable = True

    def _remember(self) -> None:
        """A replica copies what there is; it may be promoted some time later."""
        self._snapshot = dict(self.world.server.values)

    def _die(self) -> None:
        if self.world.server.up:
            self.world.outage()
            self.world.server.go_down()
            self.world.note("died")
            self.world.spawn(self._promote())

    async def _promote(self) -> None:
        await asyncio.sleep(self.rng.choice(PAUSES_S))
        self.world.outage()
        self.world.server.come_up(self._snapshot if self.rng.random() < 0.5 else None)
        self.world.note("another one answers")


async def _quiet(world: World) -> None:
    """Let everything come to rest; then everybody must say the truth."""
    await world.done()
    world.reads.failing, world.reads.behind_s, world.reads.delays_s = 0.0, 0.0, (0.0, 0.02)
    await asyncio.sleep(1.0)
    for process in world.processes:
        async with asyncio.timeout(60):
            await process.cache.settled()
    await asyncio.sleep(QUIET_S)
    for process in world.processes:
        for key in world.keys:
            await world.read(process, key)
            answer = await process.cache.get_or_load(key, world.reads.one(key))
            now = world.truth.at(key.id, world.truth.now())
            served = None if answer.value is None else int(_fields(answer.value)[1])
            if served != now:
                world.broken.append(f"{key} in {process.number}: {answer} at rest, not {now}")
    await asyncio.sleep(QUIET_S)
    world.broken += [left for process in world.processes for left in _left_over(process)]


def _fields(value: Any) -> list[str]:
    return value.split("|") if isinstance(value, str) else list(value)


def _left_over(process: Process) -> list[str]:
    """Return what is still held although nothing is under way."""
    cache = process.cache
    loading = cache._loading
    held = {
        "owed": len(cache._owed),
        "flights to join": len(loading.flights._joinable),
        "bells": len(loading.bells._hung),
        "tasks but the beat": len(loading.flights) - 1,
    }
    for name, room in cache._memory._rooms.items():
        cap = next(iter(room.queue.values())).space.l1_bytes if room.queue else 0
        held[f"bytes of {name} above its cap"] = max(0, room.bytes - cap)
        if room.bytes != sum(node.size for node in room.queue.values()):
            held[f"bytes of {name} miscounted"] = room.bytes
    return [f"process {process.number} holds {n} {what}" for what, n in held.items() if n]


def told(weather: Weather, seed: int) -> World:
    """Tell the story of a seed; returns the world with what was broken in it."""

    async def main(loop: SimLoop) -> World:
        world = World(loop, weather, seed)
        for process in world.processes:
            await process.cache.start()
        await _Story(world).tell()
        await _quiet(world)
        for process in world.processes:
            await process.cache.close()
        return world

    return simulated(main)


def mixed(seed: int) -> int:
    """Return another seed, far from its neighbours'."""
    return random.Random(seed).getrandbits(48)  # noqa: S311  (a test)
