"""A TCP relay between one cache and its servers whose two directions stop and go on by hand.

What the cache sends and what it is sent are held apart: a command that is held is not executed
yet; a reply or push that is held is executed and not seen yet. Ends of connections are held as
well, so what was sent before a connection was given up may still arrive, as it may in a network.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from callboard.clock import SystemClock

__all__ = ["Ahead", "Gate", "Stop", "Valve"]

_CHUNK = 1 << 16
_PIECE = 16
_PATIENCE_S = 10.0

Held = tuple[asyncio.StreamWriter, bytes]
"""Whom it goes to, and what; no bytes: the end of the connection."""


class Valve:
    """One direction of every connection of a gate."""

    def __init__(self) -> None:
        self.log = bytearray()
        """Everything that came so far, let through or not."""
        self._holds = False
        self._held: deque[Held] = deque()
        self._late: dict[asyncio.StreamWriter, deque[Held]] = {}
        self._came = asyncio.Event()
        self._flows = asyncio.Event()
        self._flows.set()

    def take(self, sink: asyncio.StreamWriter, data: bytes) -> None:
        """Pass something on, now or when it is released."""
        self.log += data
        if sink in self._late:
            self._late[sink].append((sink, data))
        elif self._holds:
            self._held.append((sink, data))
            self._came.set()
        else:
            _pass_on((sink, data))

    def hold(self) -> None:
        """Hold whatever comes from now on."""
        self._holds = True
        self._flows.clear()

    @property
    def held(self) -> bytes:
        """What is held."""
        return b"".join(data for _, data in self._held)

    async def until(self, *texts: bytes) -> None:
        """Return when all of these are held."""
        async with asyncio.timeout(_PATIENCE_S):
            while not all(text in self.held for text in texts) or not self._held:
                self._came.clear()
                await self._came.wait()

    def let_through(self) -> None:
        """Let through what is held, and hold what comes after it."""
        while self._held:
            self.let_one()

    def let_one(self) -> None:
        """Let through what came in the oldest read."""
        if self._held:
            _pass_on(self._held.popleft())

    def let_piece(self) -> None:
        """Let through the first few bytes of what is held."""
        if not self._held:
            return
        sink, data = self._held.popleft()
        if len(data) > _PIECE:
            self._held.appendleft((sink, data[_PIECE:]))
        _pass_on((sink, data[:_PIECE]))

    def join(self) -> None:
        """Make one segment of what is held for one connection, as a busy network does."""
        whole: dict[asyncio.StreamWriter, bytes] = {}
        ends = [sink for sink, data in self._held if not data]
        for sink, data in self._held:
            whole[sink] = whole.get(sink, b"") + data
        self._held = deque((sink, data) for sink, data in whole.items() if data)
        self._held.extend((sink, b"") for sink in ends)

    def release(self) -> None:
        """Let through what is held and what comes."""
        self._holds = False
        self.let_through()
        self._flows.set()

    def set_aside(self) -> None:
        """Keep back what is held, and what else comes by its connections; let others pass."""
        self._holds = False
        self._flows.set()
        while self._held:
            held = self._held.popleft()
            self._late.setdefault(held[0], deque()).append(held)

    def let_late(self) -> None:
        """Let through what was set aside, long after its sender gave up."""
        late, self._late = self._late, {}
        for held in late.values():
            for one in held:
                _pass_on(one)

    async def emptied(self) -> None:
        """Return when nothing is held, and nothing will be."""
        async with asyncio.timeout(_PATIENCE_S):
            await self._flows.wait()

    def forget(self) -> None:
        """Lose what is held."""
        self._held.clear()
        self._late.clear()


def _pass_on(held: Held) -> None:
    sink, data = held
    if sink.transport.is_closing():
        return
    if data:
        sink.write(data)
    else:
        sink.close()


class Gate:
    """Stands between one cache and the servers that listen on these ports."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.out = Valve()
        """From the cache to the servers."""
        self.back = Valve()
        """From the servers to the cache."""
        self._targets = list(ports)
        self._own: dict[int, int] = {}
        self._servers: list[asyncio.Server] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Return the URL by which a cache goes through here."""
        return ",".join(f"redis://127.0.0.1:{port}" for port in self._own.values())

    async def open(self) -> None:
        """Take connections, after a cut on the same ports as before."""
        for target in self._targets:
            server = await asyncio.start_server(
                lambda reader, writer, target=target: self._serve(reader, writer, target),  # type: ignore[misc]  # binds the loop's value
                "127.0.0.1",
                self._own.get(target, 0),
            )
            self._own[target] = server.sockets[0].getsockname()[1]
            self._servers.append(server)

    def break_(self) -> None:
        """Break every connection at once; new ones are taken."""
        self.out.forget()
        self.back.forget()
        for writer in list(self._writers):
            writer.transport.abort()

    async def cut(self) -> None:
        """Break every connection and take no more."""
        for server in self._servers:
            server.close()
        self.break_()
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()
        await asyncio.gather(*self._tasks)

    def hold(self) -> None:
        """Hold both directions."""
        self.out.hold()
        self.back.hold()

    def release(self) -> None:
        """Let both directions go on."""
        self.out.release()
        self.back.release()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", target)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
            self._tasks.discard(task)
            return
        self._writers |= {writer, back}
        if not self._servers:  # cut meanwhile
            writer.transport.abort()
            back.transport.abort()
        try:
            await asyncio.gather(
                self._copy(reader, back, self.out), self._copy(there, writer, self.back)
            )
        finally:
            # Also when the loop ends before the connection did.
            writer.transport.abort()
            back.transport.abort()
            self._writers -= {writer, back}
            self._tasks.discard(task)

    async def _copy(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, valve: Valve
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await source.read(_CHUNK):
                valve.take(sink, self._as_seen(chunk) if valve is self.back else chunk)
        valve.take(sink, b"")
        with contextlib.suppress(ConnectionError):
            await sink.wait_closed()

    def _as_seen(self, chunk: bytes) -> bytes:
        """Name our ports where a cluster names its own (same length: five digits each)."""
        if len(self._targets) > 1:
            for target, own in self._own.items():
                chunk = chunk.replace(b":%d\r\n" % target, b":%d\r\n" % own)
        return chunk

    async def emptied(self) -> None:
        """Return when nothing is held in either direction."""
        await self.out.emptied()
        await self.back.emptied()

    # -- ways to go on ---------------------------------------------------------------------

    def flow(self) -> None:
        """Go on: everything as it comes."""
        self.release()

    def in_one(self) -> None:
        """Go on: what is held arrives as one segment each way."""
        for valve in (self.out, self.back):
            valve.join()
            valve.release()

    def trickle(self) -> None:
        """Go on: a few bytes in each turn of the loop, so replies and pushes come apart."""
        loop = asyncio.get_running_loop()

        def step() -> None:
            self.out.let_piece()
            self.back.let_piece()
            if self.out.held or self.back.held:
                loop.call_soon(loop.call_soon, step)
            else:
                self.release()

        step()

    def ways(self) -> dict[str, Callable[[], None]]:
        """Return every way to go on by its name."""
        return {"flow": self.flow, "in one": self.in_one, "trickle": self.trickle}


class Stop:
    """A place in a loader where it stands still when told so."""

    def __init__(self) -> None:
        self.armed = False
        self.reached = asyncio.Event()
        self._go = asyncio.Event()

    async def stand(self) -> None:
        """Stand here until passed on, if armed."""
        if self.armed:
            self.armed = False
            self.reached.set()
            await self._go.wait()

    def arm(self) -> None:
        """Make the next one stand here, and only that one."""
        self.armed = True
        self.reached.clear()
        self._go.clear()

    def pass_on(self) -> None:
        """Let go who stands here, and whoever comes."""
        self.armed = False
        self._go.set()


class Ahead:
    """The machine's clocks, moved ahead by hand; links keep the real one."""

    def __init__(self) -> None:
        self.by_s = 0.0
        self._clock = SystemClock()

    def now(self) -> datetime:
        """Return the moved wall time."""
        return self._clock.now() + timedelta(seconds=self.by_s)

    def monotonic_s(self) -> float:
        """Return the moved steady time."""
        return self._clock.monotonic_s() + self.by_s
