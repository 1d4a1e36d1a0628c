"""Single flight and waiting: one load per key in this process, which no caller can spoil.

Every caller waits on a future of its own, so that one that is cancelled takes nobody with it;
the load itself is a task that belongs to nobody.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from callboard.cache.answer import Answer
from callboard.cache.policy import Codec

__all__ = ["Bells", "Flight", "Flights"]


class Flight:
    """One load under way."""

    __slots__ = ("_waiters", "decided", "floor", "min_as_of", "raw", "token")

    def __init__(self, raw: bytes, min_as_of: int) -> None:
        self.raw = raw
        self.min_as_of = min_as_of
        """What its answer will contain at least; who needs more does not join."""
        self.token: bytes | None = None
        """Of the lease under which it loads; None: it does not hold one yet."""
        self.floor = 0
        """What it was told to load at least, once it holds the lease."""
        self.decided = False
        """It found an answer in Redis, which later callers must not be given unseen."""
        self._waiters: list[asyncio.Future[Answer[Any]]] = []

    def fits(self, token: bytes, floor: int) -> bool:
        """Whether a caller who has just seen an entry with this lease and floor may join.

        The entry tells more than any push: if it still carries our lease, and no floor above
        the one we load at, then what we load contains all that was invalidated before the
        caller looked.
        """
        if self.decided:
            return False
        return self.token is None or (token == self.token and floor <= self.floor)

    def join(self) -> "asyncio.Future[Answer[Any]]":
        """Return a future of one's own for the result."""
        future: asyncio.Future[Answer[Any]] = asyncio.get_running_loop().create_future()
        self._waiters.append(future)
        return future

    def land(self, answer: Answer[Any], codec: Codec[Any]) -> None:
        """Give everybody who still waits the answer, each a value that nobody else can change."""
        waiting = [future for future in self._waiters if not future.done()]
        shared = codec.immutable or answer.value is None or len(waiting) <= 1
        payload = b"" if shared else codec.encode(answer.value)
        for future in waiting:
            own = answer if shared else answer._replace(value=codec.decode(payload))
            future.set_result(own)

    def crash(self, error: BaseException) -> None:
        """Give everybody who still waits the error."""
        for future in self._waiters:
            if not future.done():
                future.set_exception(error)


class Flights:
    """The loads that may be joined, and all tasks that are under way."""

    def __init__(self) -> None:
        self._joinable: dict[bytes, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, raw: bytes, min_as_of: int) -> Flight | None:
        """Return the flight a caller may join."""
        flight = self._joinable.get(raw)
        return flight if flight is not None and flight.min_as_of >= min_as_of else None

    def begin(self, raw: bytes, min_as_of: int) -> Flight:
        """Return a new flight, which from now on is the one to join."""
        flight = self._joinable[raw] = Flight(raw, min_as_of)
        return flight

    def end(self, flight: Flight) -> None:
        """Let nobody join a flight any more."""
        if self._joinable.get(flight.raw) is flight:
            del self._joinable[flight.raw]

    def detach(self, raw: bytes) -> None:
        """Something newer may exist: who comes from now on must not get what is being loaded."""
        self._joinable.pop(raw, None)

    def detach_all(self) -> None:
        """The same for every key."""
        self._joinable.clear()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background until it ends or the cache is closed."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel whatever is under way."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._tasks)


class Bells:
    """Waiting for a key to change. A bell is hung before asking, so that no ring is missed."""

    def __init__(self) -> None:
        # Dictionaries for their order: who came first is woken first.
        self._hung: dict[bytes, dict[asyncio.Future[None], None]] = {}

    def hang(self, raw: bytes) -> "asyncio.Future[None]":
        """Return what is done at the next change of a key."""
        bell: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._hung.setdefault(raw, {})[bell] = None
        return bell

    def take_down(self, raw: bytes, bell: "asyncio.Future[None]") -> None:
        """Stop listening."""
        bell.cancel()
        hung = self._hung.get(raw)
        if hung is not None:
            hung.pop(bell, None)
            if not hung:
                del self._hung[raw]

    def ring(self, raw: bytes) -> None:
        """Wake whoever waits for a key."""
        for bell in self._hung.get(raw, ()):
            if not bell.done():
                bell.set_result(None)

    def ring_all(self) -> None:
        """Wake everybody."""
        for raw in self._hung:
            self.ring(raw)
