"""An in-memory twin of Redis and of a transport to it, under the control of a test.

`MemoryRedis` is the server: bytes by key, lives by an injected clock, the cache's scripts as
`support.memory_scripts` restates them. `MemoryTransport` is one process' connection. A command
passes four places, and a `Pace` says when it leaves each: it leaves us, the server runs whatever
has come in one turn, its replies and then the turn's pushes travel, and lie unread until the
loop looks at them. Within one connection nothing overtakes anything.

A connection can be cut; what was under way may still be run by the server afterwards, as what
lies in a socket's buffer is. The server can lose its memory, all of it or what came lately, and
is another incarnation then.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

from support.memory_server import Command, MemoryRedis, Message

from callboard.cache.errors import TierUnavailable
from callboard.cache.transport import Listener, OnReply, Script

__all__ = ["ByHand", "MemoryRedis", "MemoryTransport", "Pace", "at_once", "spread"]

T = TypeVar("T")

Pace = Callable[[Callable[[], None]], None]
"""Given a step, sees to it that it is taken some time."""

NAME = "twin"
RETRY_S = 0.05


def at_once(step: Callable[[], None]) -> None:
    """Take it in the next turn of the loop."""
    asyncio.get_running_loop().call_soon(step)


def spread(rng: random.Random, longest_s: float) -> Pace:
    """Take steps after times drawn at random, many of them in the next turn."""

    def later(step: Callable[[], None]) -> None:
        if rng.random() < 0.5:
            at_once(step)
        else:
            asyncio.get_running_loop().call_later(longest_s * rng.random() ** 3, step)

    return later


class ByHand:
    """Steps are taken when the test says so."""

    def __init__(self) -> None:
        self.waiting: deque[Callable[[], None]] = deque()

    def __call__(self, step: Callable[[], None]) -> None:
        """Keep a step."""
        self.waiting.append(step)

    def go(self, count: int | None = None) -> None:
        """Take the oldest steps, all that wait unless told how many."""
        for _ in range(len(self.waiting) if count is None else count):
            self.waiting.popleft()()


class _Connection:
    """From connecting to being cut."""

    def __init__(self, transport: "MemoryTransport", server: MemoryRedis) -> None:
        self._transport = transport
        self._server = server
        self.incarnation = server.incarnation
        self.alive = True
        self._owed: deque[Command] = deque()
        self._leaving: deque[Command] = deque()
        self._travelling: deque[Message] = deque()
        self.unread: deque[Message] = deque()
        server.connections.append(self)

    def send(self, command: Command) -> None:
        self._owed.append(command)
        self._leaving.append(command)
        self._transport.leaves(self._leave_one)

    def _leave_one(self) -> None:
        # What has left before the cut is run, though nobody hears of it.
        self._server.receive(self, self._leaving.popleft())

    def receive(self, message: Message) -> None:
        if not self.alive:
            return
        if self._transport.travels is None:
            self._arrive(message)
        else:
            self._travelling.append(message)
            self._transport.travels(self._arrive_one)

    @property
    def behind(self) -> bool:
        """Whether something has left the server that is not here yet."""
        return bool(self._travelling)

    def _arrive_one(self) -> None:
        if self._travelling:
            self._arrive(self._travelling.popleft())

    def _arrive(self, message: Message) -> None:
        self.unread.append(message)
        self._transport.is_read(self._read_one)

    def _read_one(self) -> None:
        if not self.unread:
            return  # it was read before
        command, told = self.unread.popleft()
        if command is None:
            self._transport.listener.changed(told)
            return
        assert command is self._owed.popleft(), "a reply overtook another"
        _resolve(command, told, self.incarnation)

    def read_all(self) -> None:
        while self.unread:
            self._read_one()

    def cut(self, why: str) -> None:
        if not self.alive:
            return
        self.alive = False
        self._server.connections.remove(self)
        self._travelling.clear()
        self.unread.clear()
        owed, self._owed = self._owed, deque()
        for command in owed:
            if not command.future.done():
                command.future.set_exception(TierUnavailable(why))
        self._transport.lost(self, why)


class MemoryTransport:
    """One process' way to the server.

    Args:
        server: the twin.
        leaves: when commands leave.
        travels: when replies and pushes arrive after they left the server; None: at once, as
            they do on loopback, where they lie in the buffer before the writer is answered.
        is_read: when the loop looks at what has arrived, unless `unread` makes it look.
        tracking: whether it is told of changes.
    """

    def __init__(
        self,
        server: MemoryRedis,
        *,
        leaves: Pace = at_once,
        travels: Pace | None = None,
        is_read: Pace = at_once,
        tracking: bool = True,
    ) -> None:
        self.server = server
        self.leaves, self.travels, self.is_read = leaves, travels, is_read
        self.tracking = tracking
        self.listener: Listener
        self.reachable = True
        """False: connecting fails although the server is there."""
        self._connection: _Connection | None = None
        self._up = False
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    async def start(self, listener: Listener) -> None:
        """Connect, and reconnect until closed."""
        self.listener = listener
        if not await self._connect():
            listener.distrusted("not reached")
        self._task = asyncio.get_running_loop().create_task(self._live())

    async def close(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.cut("closed")

    async def _live(self) -> None:
        while True:
            while self._connection is not None:
                self._changed.clear()
                await self._changed.wait()
            await asyncio.sleep(RETRY_S)
            await self._connect()

    async def _connect(self) -> bool:
        """Connect and pay what is owed; False: it went away, or cannot be reached."""
        if not self.server.up or not self.reachable:
            return False
        connection = self._connection = _Connection(self, self.server)
        try:
            await self.listener.restoring(NAME)
        except TierUnavailable as error:
            connection.cut(str(error))
        self._up = connection.alive
        return self._up

    def cut(self, why: str = "cut") -> None:
        """Lose the connection. By the time that is noticed the server's turn is long over."""
        self.server.push()
        if self._connection is not None:
            self._connection.cut(why)

    def lost(self, connection: _Connection, why: str) -> None:
        """The connection says that it is lost."""
        if connection is self._connection:
            self._connection, self._up = None, False
            self._changed.set()
            self.listener.distrusted(why)

    @property
    def behind(self) -> bool:
        """Whether something has left the server that has not arrived yet."""
        return self._connection is not None and self._connection.behind

    # -- what every transport has ----------------------------------------------------------

    def up(self, key: bytes) -> bool:  # noqa: ARG002  (there is one server)
        """Whether the server answers and is trusted."""
        return self._up

    def server_of(self, key: bytes) -> str:  # noqa: ARG002  (there is one server)
        """Return the server's name."""
        return NAME

    def serves(self, server: str) -> bool:
        """Whether it is that server."""
        return server == NAME

    def get(self, key: bytes, on_reply: OnReply[T]) -> "asyncio.Future[T]":
        """Send GET."""
        return self._send(key, None, (), on_reply)

    def run(
        self, script: Script, key: bytes, arguments: Sequence[bytes], on_reply: OnReply[T]
    ) -> "asyncio.Future[T]":
        """Run a script."""
        return self._send(key, script, arguments, on_reply)

    def barrier(self, key: bytes) -> "asyncio.Future[None]":  # noqa: ARG002  (there is one server)
        """Done when the server has had another turn."""
        return self._send(b"", None, (), lambda *_: None)

    def _send(
        self, key: bytes, script: Script | None, arguments: Sequence[bytes], on_reply: OnReply[T]
    ) -> "asyncio.Future[T]":
        if self._connection is None:
            message = "no connection"
            raise TierUnavailable(message)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._connection.send(Command(future, on_reply, key, script, arguments))
        return future

    def unread(self) -> bool:
        """Whether something has arrived; then it is read two turns from now, as asyncio does."""
        if self._connection is None or not self._connection.unread:
            return False
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._connection.read_all)
        return True

    async def scan(self, prefix: bytes, server: str = "") -> AsyncIterator[bytes]:
        """Walk over the keys that begin with a prefix."""
        if server in ("", NAME):
            for key in list(self.server.values):
                if self._connection is None:
                    message = "no connection"
                    raise TierUnavailable(message)
                if key.startswith(prefix):
                    yield key


def _resolve(command: Command, reply: Any, incarnation: int) -> None:
    """Hand a reply over, also to a caller that waits no longer."""
    try:
        result = command.on_reply(reply, incarnation)
    except Exception as error:
        if not command.future.done():
            command.future.set_exception(error)
    else:
        if not command.future.done():
            command.future.set_result(result)
