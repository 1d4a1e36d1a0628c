"""One server: connect, introduce ourselves, listen for changes, notice death, come back.

The state of the link is the breaker: nothing is sent to a server that is not trusted, so nobody
waits for it. Frozen servers send no error; the watchdog asks after a short silence and gives up
when no reply makes progress within `timeout_s`.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from callboard.cache.errors import TierUnavailable
from callboard.cache.resp import Command, Connection, aside, fail, pack, seen
from callboard.cache.transport import OnReply, Script, T
from callboard.clock import Clock

__all__ = ["Address", "Link", "LinkOptions", "Owner"]

Address = tuple[str, int]

_AWAY = ("OOM", "READONLY", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "CLUSTERDOWN",
         "NOAUTH", "BUSY")  # fmt: skip
"""Errors that say that the server cannot do its work now, not that the command was wrong."""

_GET = b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n"
_CLOSE_TIMEOUT_S = 1.0


@dataclass(frozen=True, kw_only=True)
class LinkOptions:
    """How servers are spoken to. Times are seconds."""

    prefix: bytes
    """Changes of keys that begin so are told; empty: none are."""
    username: str | None = None
    password: str | None = None
    database: int = 0
    tls: ssl.SSLContext | None = None
    scripts: Sequence[Script] = ()
    """Loaded when connecting, so that the first use needs no second way."""
    timeout_s: float = 0.25
    """Longest time without progress while a reply is owed."""
    connect_timeout_s: float = 1.0
    retry_first_s: float = 0.05
    retry_longest_s: float = 1.0
    refused_pause_s: float = 1.0
    """How long a server that is full, read-only or loading is left alone."""


class Owner(Protocol):
    """Who holds the links together."""

    def pushed(self, keys: list[bytes] | None) -> None:
        """Keys changed; None: all of them."""

    def lost(self, link: "Link", why: str) -> None:
        """A link that was connected is not any more, or could not be made."""

    async def connected(self, link: "Link") -> None:
        """A link can send; it is trusted when this returns."""

    def redirected(self, link: "Link", command: Command, error: str) -> bool:
        """Take over a command that belongs elsewhere (MOVED, ASK); False: it cannot be."""


class Link:
    """One server, as long as it is wanted."""

    def __init__(self, address: Address, options: LinkOptions, owner: Owner, clock: Clock) -> None:
        self.address = address
        self.name = f"{address[0]}:{address[1]}"
        self.up = False
        self.incarnation = 0
        self._incarnation_bytes = b"\0\0\0\0"
        self._options = options
        self._owner = owner
        self._clock = clock
        self._connection: Connection | None = None
        self._lost = asyncio.Event()
        self._barrier: asyncio.Future[Any] | None = None
        self._pause_s = 0.0
        self._task: asyncio.Task[None] | None = None
        self.tried = asyncio.Event()
        """Set once the first attempt has succeeded or failed."""

    # -- sending ---------------------------------------------------------------------------

    def get(self, key: bytes, on_reply: OnReply[T]) -> "asyncio.Future[T]":
        """Send GET. Raises TierUnavailable when there is no connection."""
        connection = self._connection
        if connection is None:
            message = f"no connection to {self.name}"
            raise TierUnavailable(message)
        future: asyncio.Future[T] = connection.loop.create_future()
        connection.send(_GET % (len(key), key), Command(future, on_reply, key, None, (), 0))
        return future

    def run(
        self, script: Script, key: bytes, arguments: Sequence[bytes], on_reply: OnReply[T]
    ) -> "asyncio.Future[T]":
        """Run a script. Raises TierUnavailable when there is no connection."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.send(Command(future, on_reply, key, script, arguments, 0))
        return future

    def send(self, command: Command, *, asking: bool = False) -> None:
        """Send a command, for the first time or because another server said it belongs here."""
        connection = self._connection
        if connection is None:
            message = f"no connection to {self.name}"
            raise TierUnavailable(message)
        if asking:
            unheard: asyncio.Future[Any] = command.future.get_loop().create_future()
            unheard.add_done_callback(seen)
            connection.send(pack(b"ASKING"), aside(unheard))
        key = command.key
        if command.script is None:
            packed = _GET % (len(key), key)
        else:
            packed = self._call(b"EVALSHA", command.script.sha.encode(), command)
        connection.send(packed, command)

    def _call(self, verb: bytes, code: bytes, command: Command) -> bytes:
        return pack(verb, code, b"1", command.key, self._incarnation_bytes, *command.arguments)

    def barrier(self) -> "asyncio.Future[None]":
        """Return what is done one round trip from now; one serves all who ask in one turn.

        Raises TierUnavailable when there is no connection.
        """
        if self._barrier is None:
            if self._connection is None:
                message = f"no connection to {self.name}"
                raise TierUnavailable(message)
            loop = asyncio.get_running_loop()
            shared: asyncio.Future[Any] = loop.create_future()
            self._connection.send(pack(b"PING"), aside(shared))
            shared.add_done_callback(seen)
            self._barrier = shared
            loop.call_soon(self._leave_barrier)
        return asyncio.shield(self._barrier)

    def _leave_barrier(self) -> None:
        """It is on its way: who asks from now on needs another."""
        self._barrier = None

    async def ask(self, *words: bytes) -> Any:
        """Send any command and return its reply.

        Raises:
            TierUnavailable: no connection, no reply, or the server cannot serve now.
            RuntimeError: the server calls the command wrong.
        """
        connection = self._connection
        if connection is None:
            message = f"no connection to {self.name}"
            raise TierUnavailable(message)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        connection.send(pack(*words), aside(future))
        return await future

    # -- life ------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect, and to reconnect, until closed."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._live())

    async def close(self) -> None:
        """End the connection and stop trying."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        connection = self._connection
        self._drop("closed")
        if connection is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                    await connection.gone.wait()

    def unread(self) -> int:
        """Return the socket's file descriptor, -1 without a connection."""
        return self._connection.fileno if self._connection is not None else -1

    @property
    def reads(self) -> int:
        """How often bytes have arrived on this connection."""
        return self._connection.reads if self._connection is not None else 0

    async def _live(self) -> None:
        wait_s = self._options.retry_first_s
        while True:
            self._lost.clear()
            try:
                await self._connect()
                wait_s = self._options.retry_first_s
                await self._watch()
                why = "lost"
            except Exception as error:
                why = str(error) or type(error).__name__
            self._drop(why)
            self.tried.set()
            pause_s, self._pause_s = max(wait_s, self._pause_s), 0.0
            await asyncio.sleep(pause_s)
            wait_s = min(wait_s * 2, self._options.retry_longest_s)

    async def _connect(self) -> None:
        options = self._options
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(options.connect_timeout_s):
            _, connection = await loop.create_connection(
                self._protocol,
                *self.address,
                ssl=options.tls,
                server_hostname=self.address[0] if options.tls else None,
            )
            self._connection = connection
            await self._introduce(connection)
        async with asyncio.timeout(options.connect_timeout_s * 10):
            await self._owner.connected(self)
        if not connection.alive:
            message = f"{self.name} went away while it was restored"
            raise TierUnavailable(message)
        self.up = True
        self.tried.set()

    def _protocol(self) -> Connection:
        return Connection(
            on_push=self._pushed,
            on_error=self._refused,
            on_lost=self._connection_lost,
            now=self._clock.monotonic_s,
        )

    async def _introduce(self, connection: Connection) -> None:
        """Say hello, ask who answers, and ask to be told of changes; all in one write."""
        options = self._options
        hello = [b"HELLO", b"3"]
        if options.password is not None:
            user = (options.username or "default").encode()
            hello += [b"AUTH", user, options.password.encode()]
        wanted = [hello, [b"CLIENT", b"SETNAME", b"callboard-cache"]]
        if options.database:
            wanted.append([b"SELECT", str(options.database).encode()])
        if options.prefix:
            # Without NOLOOP: it does not hold for what scripts write (Valkey 9.1, Redis 7.0),
            # and being told of our own writes as well is the simpler thing to be sure of.
            wanted.append([b"CLIENT", b"TRACKING", b"ON", b"BCAST", b"PREFIX", options.prefix])
        wanted += [[b"SCRIPT", b"LOAD", script.source.encode()] for script in options.scripts]
        wanted.append([b"INFO", b"server"])
        replies = await asyncio.gather(
            *(self.ask(*words) for words in wanted), return_exceptions=True
        )
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        run_id = _field(replies[-1], b"run_id")
        # 0 would mean "unknown", which matches every server.
        self.incarnation = connection.incarnation = int(run_id[:8] or b"0", 16) or 1
        self._incarnation_bytes = self.incarnation.to_bytes(4, "big")

    async def _watch(self) -> None:
        """Return when the connection is lost; ask after silence, give up without progress."""
        timeout_s = self._options.timeout_s
        every_s = timeout_s / 4
        looked_s = self._clock.monotonic_s()
        while not self._lost.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await self._lost.wait()
            now_s = self._clock.monotonic_s()
            # When the loop itself was held up, replies may lie unread: look again first.
            held_up, looked_s = now_s - looked_s > timeout_s, now_s
            if self._connection is not None and not held_up:
                self._look(self._connection, now_s)

    def _look(self, connection: Connection, now_s: float) -> None:
        timeout_s = self._options.timeout_s
        since_s = connection.waiting_since_s
        if since_s is not None and now_s - since_s > timeout_s:
            connection.abort(f"{self.name} has not answered for {timeout_s} s")
        elif since_s is None and now_s - connection.heard_at_s > timeout_s / 2:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            with contextlib.suppress(TierUnavailable):
                connection.send(pack(b"PING"), aside(future))
                future.add_done_callback(seen)

    def _connection_lost(self, connection: Connection, why: str) -> None:
        if connection is self._connection:  # else it was given up before, and told
            self._drop(why)
            self._lost.set()

    def _drop(self, why: str) -> None:
        """Trust nothing of this server any more; tell once per connection."""
        self.up = False
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort(why)
            self._owner.lost(self, f"{self.name}: {why}")
        elif not self.tried.is_set():
            self._owner.lost(self, f"{self.name}: {why}")

    # -- what the server says --------------------------------------------------------------

    def _pushed(self, words: list[Any]) -> None:
        if words[0] == b"invalidate":
            self._owner.pushed(words[1])

    def _refused(self, command: Command, error: Exception) -> None:
        said = str(error)
        code = said.partition(" ")[0]
        if code in ("MOVED", "ASK") and self._owner.redirected(self, command, said):
            return
        if code == "NOSCRIPT" and command.tries == 0 and self._connection is not None:
            again = command._replace(tries=1)
            packed = self._call(b"EVAL", command.script.source.encode(), command)
            with contextlib.suppress(TierUnavailable):
                self._connection.send(packed, again)
                return
        if code in _AWAY:
            fail(command, TierUnavailable(f"{self.name}: {said}"))
            self._pause_s = self._options.refused_pause_s
            if self._connection is not None:
                self._connection.abort(said)
            self.up = False
            return
        fail(command, RuntimeError(f"{self.name}: {said}"))


def _field(info: Any, name: bytes) -> bytes:
    """Return a field of INFO's text, empty when it is missing."""
    text = info if isinstance(info, bytes) else b""
    for line in text.splitlines():
        if line.startswith(name + b":"):
            return line.partition(b":")[2].strip()
    return b""
