"""One RESP3 connection on which everybody's commands share one write and one read per tick.

Commands given in one turn of the event loop leave in one write; replies are parsed by hiredis
and resolved in wire order, pushes between them where the server put them. There is no timer per
command: the link watches whether replies make progress.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import hiredis

from callboard.cache.errors import TierUnavailable, TooManyRequests

__all__ = ["Command", "Connection", "aside", "fail", "pack", "seen"]

PENDING_MAX = 20_000
"""Commands that may wait for one server: a burst of 400 waiters is 50 times smaller."""
UNSENT_BYTES_MAX = 64 << 20
"""What may lie in our own buffers when a server stops reading."""

_INCOMPLETE = object()
_PUSH = hiredis.PushNotification
_ERROR = hiredis.ReplyError


class Command(NamedTuple):
    """What was asked, kept until its reply; enough to ask again elsewhere."""

    future: "asyncio.Future[Any]"
    on_reply: Callable[[Any, int], Any]
    key: bytes
    script: Any
    """A `Script`, or None for GET."""
    arguments: Sequence[bytes]
    tries: int


def pack(*words: bytes) -> bytes:
    r"""Write a command as RESP.

    >>> pack(b"GET", b"a")
    b'*2\r\n$3\r\nGET\r\n$1\r\na\r\n'
    """
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]  # its stub says one word
    return packed


def aside(future: "asyncio.Future[Any]") -> Command:
    """Return a command that concerns no key, and whose reply is wanted as it is."""
    return Command(future, _as_is, b"", None, (), 1)


def _as_is(reply: Any, _: int) -> Any:
    return reply


def seen(future: "asyncio.Future[Any]") -> None:
    """Look at a result nobody waits for, so that its error is not complained about."""
    if not future.cancelled():
        future.exception()


def fail(command: Command, error: Exception) -> None:
    """Tell whoever waits for a command that it failed."""
    if not command.future.done():
        command.future.set_exception(error)


class Connection(asyncio.Protocol):
    """A connection from `connection_made` to `connection_lost`; never used again after that.

    Args:
        on_push: given each push's words.
        on_error: given a command and the server's error; resolves the command.
        on_lost: called once, after every waiting command has failed.
        now: the steady time in seconds.
    """

    def __init__(
        self,
        *,
        on_push: Callable[[list[Any]], None],
        on_error: Callable[[Command, Exception], None],
        on_lost: Callable[["Connection", str], None],
        now: Callable[[], float],
    ) -> None:
        self._on_push = on_push
        self._on_error = on_error
        self._on_lost = on_lost
        self._now = now
        self._reader = hiredis.Reader(notEnoughData=_INCOMPLETE)
        self._pending: deque[Command] = deque()
        self._out: list[bytes] = []
        self._transport: Any = None
        self.loop = asyncio.get_running_loop()
        self._lost_why = ""
        self._ended = False
        self.gone = asyncio.Event()
        """Set once the socket is closed."""
        self.incarnation = 0
        self.reads = 0
        """How often bytes arrived: tells whether what was unread has been looked at."""
        self.heard_at_s = now()
        self.waiting_since_s: float | None = None
        """Since when the server owes a reply without having sent any; None: it owes nothing."""
        self.fileno = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = transport
        socket = transport.get_extra_info("socket")
        self.fileno = socket.fileno() if socket is not None else -1

    def send(self, packed: bytes, command: Command) -> None:
        """Queue a command; it leaves at the end of this turn of the loop.

        Raises:
            TierUnavailable: the connection is lost, or too much waits already.
        """
        if self._transport is None or self._lost_why:
            raise TierUnavailable(self._lost_why or "not connected")
        if len(self._pending) >= PENDING_MAX:
            message = f"{PENDING_MAX} commands wait for the server already"
            raise TooManyRequests(message)
        if not self._out:
            self.loop.call_soon(self._flush)
        self._out.append(packed)
        self._pending.append(command)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if not out or self._lost_why:
            return
        if self.waiting_since_s is None:
            self.waiting_since_s = self._now()
        self._transport.write(out[0] if len(out) == 1 else b"".join(out))
        if self._transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
            self.abort("the server does not read what it is sent")

    def data_received(self, data: bytes) -> None:
        """Resolve whatever is complete, in wire order."""
        self.reads += 1
        self.heard_at_s = self._now()
        reader = self._reader
        pending = self._pending
        incarnation = self.incarnation
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not _INCOMPLETE:
                kind = type(reply)
                if kind is _PUSH:
                    self._on_push(reply)
                    continue
                command = pending.popleft()
                if kind is _ERROR:
                    self._on_error(command, reply)
                    continue
                # What the caller does with it is done now, even if it no longer waits.
                future = command.future
                try:
                    result = command.on_reply(reply, incarnation)
                except Exception as error:
                    fail(command, error)
                else:
                    if not future.done():
                        future.set_result(result)
        except (hiredis.ProtocolError, IndexError) as error:
            self.abort(f"the server does not speak RESP3: {error!r}")
            return
        self.waiting_since_s = self.heard_at_s if pending else None

    def eof_received(self) -> None:
        """The server closed its side: it pushes nothing any more, and we know it from now on."""
        self._end("the server closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._end(str(exc) if exc else "the server closed the connection")
        self.gone.set()

    def _end(self, why: str) -> None:
        """Fail whatever waits, and tell the link, once."""
        if self._ended:
            return
        self._ended = True
        self._lost_why = self._lost_why or why
        pending, self._pending = self._pending, deque()
        self._out.clear()
        for command in pending:
            if not command.future.done():
                command.future.set_exception(TierUnavailable(self._lost_why))
        self._on_lost(self, self._lost_why)

    def abort(self, why: str) -> None:
        """Give the connection up at once; everything that waits fails."""
        if self._lost_why or self._transport is None:
            return
        self._lost_why = why
        self._transport.abort()

    @property
    def alive(self) -> bool:
        """Whether commands can be sent."""
        return self._transport is not None and not self._lost_why
