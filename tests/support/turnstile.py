"""One cache over a real server whose link stops before and behind every step.

What the cache sends is held until it is let through, and so is what the server answers and
pushes; a loader stops before and after it reads the truth. So a test can stand still between
any two steps of a miss and let another process act there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from support.waiting import eventually

from callboard.cache import Cache, Key, Loaded, Loader, Outcome, Record
from callboard.cache.links import Links, open_links

__all__ = ["STEPS", "Process", "Truth", "Turnstile"]

STEPS = (
    "GET not sent",
    "GET done, reply unseen",
    "TAKE not sent",
    "TAKE done, reply unseen",
    "before the load reads",
    "after the load read",
    "FILL not sent",
    "FILL done, reply unseen",
)
"""Where a read that misses can stand still, in order."""

_PATIENT_S = 30.0
"""The link's timeout: what is held here is no outage."""


class Truth:
    """One versioned value per id, with a commit clock."""

    def __init__(self) -> None:
        self.commits = 100
        self.versions: dict[str, int] = {}

    def write(self, id_: str) -> int:
        """Commit the next version; return the commit time."""
        self.commits += 1
        self.versions[id_] = self.versions.get(id_, 0) + 1
        return self.commits


class Turnstile:
    """Holds both directions of every connection of a process."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._held_out: list[Callable[[], None]] = []
        self._held_in: list[Callable[[], None]] = []
        self._closed = False

    def close(self) -> None:
        """Hold everything from now on."""
        self._closed = True
        for link in self._links._links.values():
            connection: Any = link._connection
            if not isinstance(connection._transport, _Valve):
                connection._transport = _Valve(self, connection._transport)
                _hold_replies(self, connection)

    def open(self) -> None:
        """Let through what is held, and whatever comes."""
        self._closed = False
        for held in (self._held_out, self._held_in):
            while held:
                held.pop(0)()

    def pass_out(self, send: Callable[[], None]) -> None:
        """Send now, or when it is let through."""
        if self._closed:
            self._held_out.append(send)
        else:
            send()

    def pass_in(self, receive: Callable[[], None]) -> None:
        """Receive now, or when it is let through."""
        if self._closed:
            self._held_in.append(receive)
        else:
            receive()

    async def sent(self) -> None:
        """Return when something waits to be sent."""
        await _until(lambda: bool(self._held_out))

    async def answered(self) -> None:
        """Return when something waits to be received."""
        await _until(lambda: bool(self._held_in))

    def let_one_out(self) -> None:
        """Let the oldest write through."""
        self._held_out.pop(0)()

    def let_all_in(self) -> None:
        """Let everything that was received through."""
        while self._held_in:
            self._held_in.pop(0)()


class _Valve:
    """A transport whose writes wait."""

    def __init__(self, turnstile: Turnstile, transport: Any) -> None:
        self._turnstile = turnstile
        self._transport = transport

    def write(self, data: bytes) -> None:
        self._turnstile.pass_out(lambda: self._transport.write(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _hold_replies(turnstile: Turnstile, connection: Any) -> None:
    receive = connection.data_received
    connection.data_received = lambda data: turnstile.pass_in(lambda: receive(data))


class Process:
    """A cache as one process has it: links and a turnstile of its own."""

    def __init__(self, url: str, truth: Truth) -> None:
        self.truth = truth
        self.records: list[Record] = []
        self.links = open_links(url, timeout_s=_PATIENT_S)
        self.cache = Cache(self.links, hook=self.records.append)
        self.turnstile = Turnstile(self.links)
        self.loads = 0
        self.arrived = asyncio.Event()
        self.reading = asyncio.Event()
        self.told = asyncio.Event()
        self.stops = False
        """Whether the loader stands still before and after it reads the truth."""

    def go_on(self) -> None:
        """Let the loader and the link go on for good."""
        self.stops = False
        self.reading.set()
        self.told.set()
        self.turnstile.open()

    def loader(self, key: Key[str]) -> Loader[str]:
        """Return the loader of a key."""

        async def load(floor: int) -> Loaded[str]:
            self.loads += 1
            if self.stops:
                self.arrived.set()
                await self.reading.wait()
            assert floor <= self.truth.commits
            version, as_of = self.truth.versions[key.id], self.truth.commits
            if self.stops:
                self.arrived.set()
                await self.told.wait()
            return Loaded(str(version), as_of if key.space.clocked else None)

        return load

    async def read(self, key: Key[str], **options: int) -> int:
        """Read through the cache; return the version."""
        answer = await self.cache.get_or_load(key, self.loader(key), **options)
        return int(answer.value or 0)

    def count(self, outcome: Outcome) -> int:
        """Return how often something was reported."""
        return sum(record.outcome is outcome for record in self.records)

    async def stand_at(self, step: str, key: Key[str]) -> "asyncio.Task[int]":
        """Begin a read that misses and return it as it stands still at a step."""
        self.stops = True
        self.turnstile.close()
        reading = asyncio.get_running_loop().create_task(self.read(key))
        moves: list[Callable[[], Awaitable[None]]] = []
        for _ in range(2):  # GET, TAKE
            moves += [self._to_sent, self._to_answered]
        moves += [self._to_load, self._to_loaded, self._to_fill, self._to_answered]
        for move in moves[: STEPS.index(step) + 1]:
            await move()
        return reading

    async def _to_sent(self) -> None:
        self.turnstile.let_all_in()
        await self.turnstile.sent()

    async def _to_answered(self) -> None:
        self.turnstile.let_one_out()
        await self.turnstile.answered()

    async def _to_load(self) -> None:
        self.turnstile.let_all_in()
        await self.arrived.wait()

    async def _to_loaded(self) -> None:
        self.arrived.clear()
        self.reading.set()
        await self.arrived.wait()

    async def _to_fill(self) -> None:
        self.told.set()
        await self.turnstile.sent()


async def _until(holds: Callable[[], bool]) -> None:
    async def look() -> bool:
        return holds()

    await eventually(look)
