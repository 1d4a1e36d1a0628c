"""A few caches over one twin of Redis, in simulated time: what most tests of the engine need."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from support.memory_redis import MemoryRedis, MemoryTransport
from support.simloop import SimClock, SimLoop, simulated

from callboard.cache import Cache, Key, Loaded, Record

__all__ = ["Party", "Site", "on_site"]


class Party:
    """One process of a site."""

    def __init__(self, site: "Site", *, tracking: bool = True) -> None:
        self.transport = MemoryTransport(site.server, tracking=tracking)
        self.records: list[Record] = []
        self.cache = Cache(
            self.transport,
            SimClock(site.loop),
            hook=self.records.append,
            rng=random.Random(1),  # noqa: S311  (a test)
        )

    def outcomes(self) -> dict[str, int]:
        """Return what was told since the last time, but for pushes."""
        told = Counter(record.outcome.value for record in self.records)
        self.records.clear()
        return {name: n for name, n in told.items() if name not in ("pushed", "lag")}


class Site:
    """The server, the processes and a store of one version a key."""

    def __init__(self, loop: SimLoop) -> None:
        self.loop = loop
        self.server = MemoryRedis(lambda: int(loop.time() * 1000))
        self.a, self.b = Party(self), Party(self)
        self.loads = 0
        self.floors: list[int] = []

    async def open(self, *, tracking: bool = True) -> Party:
        """Start another process."""
        party = Party(self, tracking=tracking)
        await party.cache.start()
        return party

    def loader(
        self, value: Any, as_of: int | None = None, *, takes_s: float = 0.0, **more: Any
    ) -> Callable[[int], Awaitable[Loaded[Any]]]:
        """Return a loader of one value, which counts."""

        async def load(floor: int) -> Loaded[Any]:
            self.loads += 1
            self.floors.append(floor)
            if takes_s:
                await asyncio.sleep(takes_s)
            if isinstance(value, Exception):
                raise value
            return Loaded(value, as_of, **more)

        return load

    def stored(self, key: Key[Any]) -> bytes:
        """Return what lies in Redis under a key."""
        return self.server.values[key.raw]


def on_site(test: Callable[[Site], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Let a test run in simulated time with two processes."""

    async def main(loop: SimLoop) -> None:
        site = Site(loop)
        for party in (site.a, site.b):
            await party.cache.start()
            party.records.clear()
        await test(site)
        for party in (site.a, site.b):
            await party.cache.close()

    def in_simulated_time() -> None:
        simulated(main)

    in_simulated_time.__name__ = test.__name__
    in_simulated_time.__doc__ = test.__doc__
    in_simulated_time.__module__ = test.__module__
    return in_simulated_time
