"""The real-time server by itself: on a free loopback port, in the test's own event loop."""

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator, MutableMapping
from functools import partial
from itertools import chain
from typing import Any

import httpx
import socketio
import uvicorn
from structlog.testing import capture_logs
from support.waiting import eventually

from callboard.delivery.realtime.server import RealtimeServer
from callboard.delivery.realtime.wire import WireProtocol

__all__ = ["FAST", "MESSAGE_BYTES_MAX", "SLOW", "Site", "serving"]

FAST = {"ping_interval": 0.3, "ping_timeout": 0.2}
SLOW = {"ping_interval": 25, "ping_timeout": 20}
"""Whatever ends within a few seconds with these is not ended by a missing pong."""

MESSAGE_BYTES_MAX = 64 * 1024

Scope = MutableMapping[str, Any]


class _Uvicorn(uvicorn.Server):
    """uvicorn without its main loop, which looks ten times a second whether it is to end."""

    async def start(self, listening: socket.socket) -> None:
        """Answer connections."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(sockets=[listening])

    async def stop(self) -> None:
        """Close every connection; no request may hang after that."""
        state = self.server_state
        for server in self.servers:
            server.close()
        for connection in list(state.connections):
            connection.shutdown()

        async def look() -> int:
            return len(state.connections) + len(state.tasks)

        await eventually(look, lambda seen: seen == 0, within_s=5)


class _Records(logging.Handler):
    """Keeps what libraries log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.kept: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(record)


class Site:
    """A server with the handlers of the protocols' own test suites, and some more.

    `message` is answered by `message-back` with the same arguments, `message-with-ack` by an
    acknowledgement with them; who connects is told its payload by `auth`. `count` is answered
    by so many `number` events, `ask` by a `question`, whose acknowledgement by `answered`. Who
    sends `follow` is in the room `room`.
    """

    def __init__(self, server: RealtimeServer, port: int) -> None:
        self.server = server
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx.AsyncClient(base_url=self.url, timeout=5, trust_env=False)
        self.let_in = asyncio.Event()
        """Whoever connects with `wait` waits for it."""
        self._requests: Counter[str] = Counter()
        self.departed: list[tuple[str, str]] = []
        self.events: list[MutableMapping[str, Any]] = []
        self.records: list[logging.LogRecord] = []
        self.unhandled: list[dict[str, Any]] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._app = socketio.ASGIApp(server)
        for namespace in ("/", "/custom"):
            for event, handler in (
                ("connect", self._connect),
                ("disconnect", self._disconnect),
                ("message", self._message),
                ("message-with-ack", self._message_with_ack),
                ("count", self._count),
                ("ask", self._ask),
                ("leave", self._leave),
                ("follow", self._follow),
            ):
                server.on(event, partial(handler, namespace), namespace=namespace)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve, and count the requests that wait for their answer."""
        kind = scope.get("method", scope["type"])
        self._requests[kind] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._requests[kind] -= 1

    async def waiting(self, method: str, count: int = 1) -> None:
        """Return when so many requests wait."""

        async def look() -> int:
            return self._requests[method]

        await eventually(look, lambda seen: seen == count)

    async def kept(self) -> int:
        """Return how much is remembered of sessions."""
        server = self.server
        members = [rooms.values() for rooms in server.manager.rooms.values()]
        ours = (server.eio.sockets, server.environ, server._binary_packet, server._timeouts)
        return sum(map(len, (*ours, *chain.from_iterable(members))))

    async def departures(self, count: int = 1, *, within_s: float = 3) -> list[tuple[str, str]]:
        """Return namespace and reason of everybody who has left, so many at least."""

        async def look() -> list[tuple[str, str]]:
            return self.departed

        return await eventually(look, lambda seen: len(seen) >= count, within_s=within_s)

    @property
    def lines(self) -> list[str]:
        """Return what a log of production would show, a line each."""
        ours = [f"{event['event']} {event}" for event in self.events]
        return ours + [record.getMessage() for record in self.records]

    @property
    def tracebacks(self) -> list[Any]:
        """Return every error that nobody expected."""
        ours = [event for event in self.events if event.get("exc_info")]
        return [*ours, *(r for r in self.records if r.exc_info), *self.unhandled]

    async def _connect(self, namespace: str, sid: str, _: Any, auth: Any = None) -> None:
        if isinstance(auth, dict) and "wait" in auth:
            await self.let_in.wait()
        if isinstance(auth, dict) and "refuse" in auth:
            raise socketio.exceptions.ConnectionRefusedError(auth["refuse"])
        # The event comes after the answer to CONNECT, which is sent when this handler returns.
        self._begin(self.server.emit("auth", auth or {}, to=sid, namespace=namespace))

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _disconnect(self, namespace: str, _: str, reason: str) -> None:
        self.departed.append((namespace, reason))

    async def _message(self, namespace: str, sid: str, *data: Any) -> None:
        await self.server.emit("message-back", data, to=sid, namespace=namespace)

    async def _message_with_ack(self, _: str, __: str, *data: Any) -> tuple[Any, ...]:
        return data

    async def _count(self, namespace: str, sid: str, count: int) -> None:
        async def tell() -> None:
            for number in range(count):
                await self.server.emit("number", number, to=sid, namespace=namespace)
                await asyncio.sleep(0.001)

        self._begin(tell())

    async def _ask(self, namespace: str, sid: str) -> None:
        async def answered(*data: Any) -> None:
            await self.server.emit("answered", data, to=sid, namespace=namespace)

        await self.server.emit("question", to=sid, namespace=namespace, callback=answered)

    async def _follow(self, _: str, sid: str) -> None:
        connection = self.server.connection(sid)
        assert connection is not None
        self.server.rooms.enter(connection, "room")

    async def _leave(self, namespace: str, sid: str) -> None:
        await self.server.disconnect(sid, namespace=namespace)


@contextlib.contextmanager
def _watched(site: Site) -> Iterator[None]:
    """Keep all that is logged, and what reaches the event loop unhandled."""
    loop, records = asyncio.get_running_loop(), _Records()
    site.records = records.kept
    loop.set_exception_handler(lambda _, context: site.unhandled.append(context))
    logging.getLogger().addHandler(records)
    try:
        with capture_logs() as events:
            site.events = events
            yield
    finally:
        logging.getLogger().removeHandler(records)
        loop.set_exception_handler(None)


@contextlib.asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[Site]:
    """Serve for the length of a block, in which no traceback may be logged."""
    options = {
        "async_handlers": False,
        "connect_timeout_s": 5,
        "cors_allowed_origins": "*",
        "max_http_buffer_size": MESSAGE_BYTES_MAX,
        **options,
    }
    # asyncio turns Nagle's algorithm off for sockets alone that say they are TCP's.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    site = Site(RealtimeServer(**options), listening.getsockname()[1])
    config = uvicorn.Config(
        site,
        ws=WireProtocol,
        ws_max_size=options["max_http_buffer_size"],
        ws_ping_interval=None,
        log_config=None,
        access_log=False,
        lifespan="off",
    )
    web = _Uvicorn(config)
    with _watched(site):
        await web.start(listening)
        try:
            yield site
        finally:
            await site.http.aclose()
            await web.stop()
        assert site.tracebacks == []
