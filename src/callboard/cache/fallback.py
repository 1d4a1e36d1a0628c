"""The cache over redis-py: for deployments the links do not fit, and to check the contract twice.

A pool of connections cannot vouch for a server's identity: between two commands any connection
may be another one, to a server that was replaced. So the incarnation is always 0 ("unknown",
which matches every server), nothing is told of changes, and memory keeps nothing.

Commands wait in lanes, one command at a time per lane and always the same lane for a key. That
bounds the connections and keeps the order of one key's replies, which a pool alone would not.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from enum import Enum, auto
from itertools import chain
from typing import Any, NamedTuple, cast

from redis import exceptions as refused
from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from callboard.cache.errors import TierUnavailable, TooManyRequests
from callboard.cache.places import Places, literally, read_urls
from callboard.cache.transport import Listener, OnReply, Script, T

__all__ = ["RedisPyTransport"]

_INCARNATION = 0
_LANES = 32
_TIMEOUT_S = 0.25
_CALL_S = 0.4
"""The whole of one command, with whatever redis-py does around it: below half a second."""
_CONNECT_S = 2.0
_PROBE_FIRST_S = 0.25
_PROBE_LONGEST_S = 1.0
_REFUSED_PAUSE_S = 1.0
"""How long a server that is full, read-only or loading is left alone."""

_NOT_NOW = (
    refused.BusyLoadingError,
    refused.ClusterDownError,  # and its child MasterDownError
    refused.OutOfMemoryError,
    refused.ReadOnlyError,
    refused.TryAgainError,
)
_NOT_NOW_CODES = ("MISCONF", "NOREPLICAS", "BUSY")
"""The same for errors redis-py has no class for."""
_FAILED = (refused.RedisError, refused.RedisClusterException, OSError)


class _State(Enum):
    DOWN = auto()
    RESTORING = auto()
    """Commands are sent, but nobody is told that it is up."""
    UP = auto()


class _Command(NamedTuple):
    future: "asyncio.Future[Any]"
    on_reply: Callable[[Any, int], Any]
    key: bytes
    script: Script | None
    arguments: Sequence[bytes]


class RedisPyTransport:
    """One server or one cluster, over redis-py; a single breaker stands for all of its nodes.

    Several URLs, comma-separated, name nodes of one cluster.

    Raises:
        ValueError: a URL cannot be understood; its password is not repeated.
    """

    tracking = False

    def __init__(
        self, urls: str, password: str | None = None, *, waiting_max: int = 10_000
    ) -> None:
        places = read_urls(urls, password)
        self._nodes, self._options = list(places.nodes), _options(places)
        self._waiting_max = waiting_max
        self._name = "{}:{}".format(*self._nodes[0])  # one name stands for all nodes
        self._client: Redis | RedisCluster | None = None
        self._state = _State.DOWN
        self._broken = asyncio.Event()
        self._tried = asyncio.Event()
        self._pause_s = 0.0
        self._waiting = 0
        self._lanes: list[deque[_Command]] = [deque() for _ in range(_LANES)]
        self._workers: dict[int, asyncio.Task[None]] = {}
        self._ending: list[asyncio.Task[None]] = []
        self._life: asyncio.Task[None] | None = None

    async def start(self, listener: Listener) -> None:
        """Connect; returns when the first attempt has succeeded or failed, and goes on alone."""
        self._life = asyncio.get_running_loop().create_task(self._live(listener))
        await self._tried.wait()

    async def close(self) -> None:
        """Close every connection; what waits fails."""
        if self._life is not None:
            self._life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._life
        self._break("closed")
        await self._forget_client()

    async def _live(self, listener: Listener) -> None:
        """Probe until it can be trusted, wait until it breaks, and again."""
        wait_s = _PROBE_FIRST_S
        while True:
            try:
                await self._restore(listener)
            except Exception as error:  # whatever it is, nobody uses it until it is gone
                self._break(str(error))
            else:
                wait_s = _PROBE_FIRST_S
                self._tried.set()
                await self._broken.wait()
            self._tried.set()
            await self._forget_client()
            pause_s, self._pause_s = max(wait_s, self._pause_s), 0.0
            await asyncio.sleep(pause_s)
            wait_s = min(wait_s * 2, _PROBE_LONGEST_S)

    async def _restore(self, listener: Listener) -> None:
        """Connect anew, let the listener send what is owed, and only then be up.

        Raises:
            Exception: it does not answer, is not what it should be, or went away meanwhile.
        """
        self._broken.clear()
        async with asyncio.timeout(_CONNECT_S):
            await self._connect()
        self._state = _State.RESTORING
        await listener.restoring(self._name)
        if self._broken.is_set():
            raise TierUnavailable(f"{self._name} went away while it was restored")
        self._state = _State.UP

    async def _connect(self) -> None:
        """Ask whether it is a cluster; a new client knows the map of now, and no dead socket."""
        host, port = self._nodes[0]
        self._nodes.append(self._nodes.pop(0))  # another one is asked the next time
        single = self._client = Redis(host=host, port=port, **self._options)
        told = await cast("Any", single.info("cluster"))
        if not told.get("cluster_enabled"):
            return
        await single.aclose()
        options = {name: value for name, value in self._options.items() if name != "db"}
        nodes = [ClusterNode(host, port) for host, port in self._nodes]
        cluster = self._client = RedisCluster(startup_nodes=nodes, **options)
        await cluster.initialize()
        for node in cluster.get_primaries():
            await node.execute_command("PING")

    async def _forget_client(self) -> None:
        ending, self._ending = self._ending, []
        await asyncio.gather(*ending, return_exceptions=True)
        if self._client is not None:
            await _close(self._client)
            self._client = None

    def _break(self, why: str) -> None:
        """Trust it no more: whatever waits fails now, and its late replies go nowhere."""
        self._state = _State.DOWN
        self._broken.set()
        workers, self._workers = self._workers.values(), {}
        for worker in workers:
            if worker is not asyncio.current_task():
                worker.cancel()
                self._ending.append(worker)
        lanes, self._lanes = self._lanes, [deque() for _ in range(_LANES)]
        self._waiting = 0
        for command in chain.from_iterable(lanes):
            _fail(command, TierUnavailable(f"{self._name}: {why}"))

    def up(self, key: bytes) -> bool:  # noqa: ARG002  (one breaker for all)
        """Whether the server of a key answers and is trusted: here, all of them."""
        return self._state is _State.UP

    def server_of(self, key: bytes) -> str:  # noqa: ARG002  (as above)
        """Return the name of the server that holds a key: here one name stands for all."""
        return self._name

    def serves(self, server: str) -> bool:
        """Whether a server of this name holds keys: the one name there is."""
        return server == self._name

    def unread(self) -> bool:
        """Return False: nothing is ever told that was not asked for."""
        return False

    def barrier(self, key: bytes) -> "asyncio.Future[None]":
        """Done one round trip from now; another GET serves as one."""
        return self._send(key, None, (), lambda _reply, _server: None)

    def get(self, key: bytes, on_reply: OnReply[T]) -> "asyncio.Future[T]":
        """Send GET. Raises TierUnavailable, at once or through the future."""
        return self._send(key, None, (), on_reply)

    def run(
        self, script: Script, key: bytes, arguments: Sequence[bytes], on_reply: OnReply[T]
    ) -> "asyncio.Future[T]":
        """Run a script. Raises TierUnavailable, at once or through the future."""
        return self._send(key, script, arguments, on_reply)

    def _send(
        self, key: bytes, script: Script | None, arguments: Sequence[bytes], on_reply: OnReply[T]
    ) -> "asyncio.Future[T]":
        if self._state is _State.DOWN:
            raise TierUnavailable(f"{self._name} is not available")
        if self._waiting >= self._waiting_max:
            raise TooManyRequests(f"{self._waiting_max} commands wait for {self._name} already")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        number = hash(key) % _LANES
        lane = self._lanes[number]
        lane.append(_Command(future, on_reply, key, script, arguments))
        self._waiting += 1
        if number not in self._workers:
            self._workers[number] = loop.create_task(self._work(number, lane))
        return future

    async def _work(self, number: int, lane: deque[_Command]) -> None:
        """Answer a lane's commands one after the other, until there are none or it breaks."""
        while lane:
            command = lane[0]
            try:
                async with asyncio.timeout(_CALL_S):
                    reply = await self._ask(command)
            except Exception as error:
                _fail(command, self._broken_by(error))
            else:
                _resolve(command, reply)
            if lane is not self._lanes[number]:
                return  # it broke: this lane's commands have failed, a new worker has the next
            lane.popleft()
            self._waiting -= 1
        self._workers.pop(number, None)

    async def _ask(self, command: _Command) -> Any:
        client: Any = self._client
        script = command.script
        if script is None:
            return await client.execute_command("GET", command.key)
        words = (1, command.key, _INCARNATION.to_bytes(4, "big"), *command.arguments)
        try:
            return await client.execute_command("EVALSHA", script.sha, *words)
        except refused.NoScriptError:
            return await client.execute_command("EVAL", script.source, *words)

    def _broken_by(self, error: Exception) -> Exception:
        """Return what an error means to the caller; break if it is an outage."""
        verdict = self._verdict(error)
        if isinstance(verdict, TierUnavailable):
            self._break(str(verdict))
        return verdict

    def _verdict(self, error: Exception) -> Exception:
        """Say what an error means: away, or asked wrongly."""
        message = f"{self._name}: {error!r}"
        if isinstance(error, _NOT_NOW) or str(error).startswith(_NOT_NOW_CODES):
            self._pause_s = _REFUSED_PAUSE_S
            return TierUnavailable(message)
        if isinstance(error, (refused.ResponseError, refused.DataError)):
            return RuntimeError(message)
        if isinstance(error, _FAILED):
            return TierUnavailable(message)
        return error

    async def scan(self, prefix: bytes, server: str = "") -> AsyncIterator[bytes]:
        """Walk over the keys that begin with a prefix. Raises TierUnavailable."""
        client = self._client
        if server and not self.serves(server):
            return
        if client is None or self._state is _State.DOWN:
            raise TierUnavailable(f"{self._name} is not available")
        nodes: list[Any] = client.get_primaries() if isinstance(client, RedisCluster) else [client]
        pattern = literally(prefix) + b"*"
        for node in nodes:
            cursor: Any = 0
            while True:
                words = ("SCAN", cursor, "MATCH", pattern, "COUNT", 500)
                try:
                    async with asyncio.timeout(_CALL_S):
                        cursor, keys = await node.execute_command(*words)
                except _FAILED as error:
                    raise self._broken_by(error) from error
                for key in keys:
                    yield key
                if not int(cursor):
                    break


def _options(places: Places) -> dict[str, Any]:
    return {
        "username": places.username,
        "password": places.password,
        "db": places.database,
        "ssl": places.tls,
        "socket_timeout": _TIMEOUT_S,
        "socket_connect_timeout": _TIMEOUT_S,
        # Nobody is to wait longer than once: the engine answers without Redis at once.
        "retry": Retry(NoBackoff(), 0),
        # Pushes are of no use to a pool, and RESP3 costs every new connection a greeting.
        "protocol": 2,
    }


async def _close(client: Redis | RedisCluster) -> None:
    """Close every connection; a frozen server may keep its side open."""
    closings: list[Callable[[], Awaitable[None]]] = [client.aclose]
    if isinstance(client, RedisCluster):
        # Its own aclose() does nothing once an error has made it forget the map.
        nodes = client.nodes_manager
        closings += [nodes.aclose, lambda: nodes.aclose("startup_nodes")]
    for close in closings:
        with contextlib.suppress(*_FAILED):
            await close()


def _resolve(command: _Command, reply: Any) -> None:
    """Hand a reply over; what the caller does with it is done even if it no longer waits."""
    try:
        result = command.on_reply(reply, _INCARNATION)
    except Exception as error:
        _fail(command, error)
    else:
        if not command.future.done():
            command.future.set_result(result)


def _fail(command: _Command, error: Exception) -> None:
    if not command.future.done():
        command.future.set_exception(error)
