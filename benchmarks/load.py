"""The load generator: 64 keep-alive connections, in a process of its own.

It shares the cores with what it measures, so it does as little as it can: it writes bytes that
were built before, and of an answer it reads the status and where it ends.
"""

import asyncio
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from time import perf_counter
from typing import cast

import uvloop
from lives import CAMPAIGNS, Calls, Life

__all__ = ["CONNECTIONS", "Closed", "Done", "Order", "Paced", "Standing", "generate"]

CONNECTIONS = 64

_COME_AGAIN_S = 0.2
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Order:
    """What the generator needs to build its requests."""

    url: str
    token: str
    start: datetime
    """Instant of the first call; the calls spread over the hour that follows."""
    standing: int
    lives: int
    """Whole calls to have ready; a phase that runs out of them fails."""
    seed: int
    campaigns: int = CAMPAIGNS


@dataclass(frozen=True)
class Standing:
    """Play the calls that stay alive, as fast as they are acknowledged."""


@dataclass(frozen=True)
class Closed:
    """Play whole calls: each connection sends its next request when it has its answer."""

    warm_s: float
    measure_s: float


@dataclass(frozen=True)
class Paced:
    """Play whole calls at a steady rate, whether or not answers come."""

    rate: int
    warm_s: float
    measure_s: float


@dataclass(frozen=True)
class Done:
    """What a phase did. The first four are of its measured window, the rest of all of it."""

    acknowledged: int
    window_s: float
    p50_s: float
    p99_s: float
    max_s: float
    other_statuses: dict[int, int]
    """Answers that were not 200, by status."""
    sent: int
    calls: int
    """Calls begun, every one of them played to its end."""


class _Tally:
    """What the connections of one phase have seen."""

    def __init__(self) -> None:
        self.took: list[float] | None = None
        self.statuses: Counter[int] = Counter()
        self.calls = 0
        self.stopping = False


class _Lane(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._busy = False
        self._request = b""
        self._sent_s = 0.0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        # uvloop's transports are no subclasses of asyncio's.
        writable = cast("asyncio.WriteTransport", transport)
        self._write: Callable[[bytes], None] = writable.write
        self.close = writable.close

    def begin(self, requests: Iterator[bytes], tally: _Tally, *, paced: bool) -> None:
        """Play these; by itself, or one for each `offer`."""
        self.finished = asyncio.get_running_loop().create_future()
        self._requests, self._tally, self._paced = requests, tally, paced
        self._due: deque[float] = deque()
        if not paced:
            self._next(perf_counter())

    def offer(self, due_s: float) -> None:
        """Send the next request now, or, counted from now, when this connection is free."""
        if self._busy:
            self._due.append(due_s)
        else:
            self._next(due_s)

    def drain(self) -> None:
        """Play what is begun to its end, and no more."""
        self._paced = False
        if not self._busy:
            self._next(perf_counter())

    def _next(self, sent_s: float) -> None:
        request = next(self._requests, None)
        if request is None:
            self._busy = False
            self.finished.set_result(None)
            return
        self._busy = True
        self._request = request
        self._sent_s = sent_s
        self._write(request)

    def data_received(self, data: bytes) -> None:
        """Take an answer, or a part of one."""
        if self._buffer:
            data = self._buffer + data
        if not _complete(data):
            self._buffer = data
            return
        self._buffer = b""
        now_s = perf_counter()
        status = int(data[9:12])
        tally = self._tally
        tally.statuses[status] += 1
        if status == 503:
            # Vendors come again; so that the totals are known, so does this.
            asyncio.get_running_loop().call_later(_COME_AGAIN_S, self._write, self._request)
            return
        if tally.took is not None and status == 200:
            tally.took.append(now_s - self._sent_s)
        if not self._paced:
            self._next(now_s)
        elif self._due:
            self._next(self._due.popleft())
        else:
            self._busy = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the phase if it is not over: a keep-alive connection stays."""
        if not self.finished.done():
            message = f"the server closed a connection with {len(self._buffer)} bytes of an answer"
            self.finished.set_exception(exc or ConnectionResetError(message))


def _complete(data: bytes) -> bool:
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return False
    found = _LENGTH.search(data, 0, head)
    assert found is not None, data[:head]
    return len(data) >= head + 4 + int(found[1])


class _Generator:
    """Plays one phase after another, each on new connections: idle ones do not stay open."""

    def __init__(self, order: Order, pipe: Connection) -> None:
        calls = Calls(order.url, order.token, order.start, order.seed, order.campaigns)
        self._standing = deque(calls.standing() for _ in range(order.standing))
        self._whole = deque(calls.whole() for _ in range(order.lives))
        self._host, _, self._port = order.url.partition("://")[2].partition(":")
        self._pipe = pipe
        self._lanes: list[_Lane] = []

    async def run(self) -> None:
        """Obey until told None."""
        self._pipe.send("ready")
        while (phase := self._pipe.recv()) is not None:
            self._lanes = [await self._connect() for _ in range(CONNECTIONS)]
            self._pipe.send(await self._play(phase))
            for lane in self._lanes:
                lane.close()

    async def _connect(self) -> _Lane:
        loop = asyncio.get_running_loop()
        _, lane = await loop.create_connection(_Lane, self._host, int(self._port))
        return lane

    async def _play(self, phase: Standing | Closed | Paced) -> Done:
        tally = _Tally()
        took: list[float] = []
        ready = self._standing if isinstance(phase, Standing) else self._whole
        for lane in self._lanes:
            lane.begin(_requests(ready, tally), tally, paced=isinstance(phase, Paced))
        window_s = 0.0
        if not isinstance(phase, Standing):
            pacing = asyncio.ensure_future(self._pace(phase)) if isinstance(phase, Paced) else None
            await self._hold(phase.warm_s)
            self._pipe.send("begin")
            tally.took, begun_s = took, perf_counter()
            await self._hold(phase.measure_s)
            tally.took, window_s = None, perf_counter() - begun_s
            self._pipe.send("end")
            assert self._whole, "more requests were acknowledged than were built"
            tally.stopping = True
            if pacing is not None:
                await pacing
                for lane in self._lanes:
                    lane.drain()
        await asyncio.gather(*(lane.finished for lane in self._lanes))
        return _done(tally, took, window_s)

    async def _hold(self, seconds: float) -> None:
        """Wait, and fail as soon as a connection does."""
        finished = [lane.finished for lane in self._lanes]
        done, _ = await asyncio.wait(finished, timeout=seconds, return_when="FIRST_COMPLETED")
        for lane in done:
            lane.result()
        assert not done, "more requests were acknowledged than were built"

    async def _pace(self, phase: Paced) -> None:
        begun_s = perf_counter()
        for index in range(int(phase.rate * (phase.warm_s + phase.measure_s))):
            due_s = begun_s + index / phase.rate
            if (early_s := due_s - perf_counter()) > 0:
                await asyncio.sleep(early_s)
            # The timer's own lateness is not the server's.
            self._lanes[index % CONNECTIONS].offer(perf_counter())


def _requests(ready: deque[Life], tally: _Tally) -> Iterator[bytes]:
    """Yield the requests of one call after another; once stopping, begin no more calls."""
    while ready and not tally.stopping:
        tally.calls += 1
        yield from ready.popleft()


def _done(tally: _Tally, took: list[float], window_s: float) -> Done:
    took.sort()
    at = [took[int(len(took) * share)] if took else 0.0 for share in (0.5, 0.99)]
    return Done(
        acknowledged=len(took),
        window_s=window_s,
        p50_s=at[0],
        p99_s=at[1],
        max_s=took[-1] if took else 0.0,
        other_statuses={code: n for code, n in tally.statuses.items() if code != 200},
        sent=tally.statuses.total(),
        calls=tally.calls,
    )


def generate(order: Order, pipe: Connection) -> None:
    """Be the generator's process."""
    generator = _Generator(order, pipe)
    uvloop.run(generator.run())
