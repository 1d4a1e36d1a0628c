"""The HTTP server as a service: uvicorn, started last and stopped first."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from callboard.delivery.realtime.wire import WireProtocol
from callboard.errors import ConfigurationError

__all__ = ["WebServer"]

_BACKLOG = 2_048
_CLOSE_CONNECTIONS_S = 3
# Longer than proxies and HTTP clients keep an idle connection (nginx: 60 s). Who closes first
# must be who sends the next request, or one meets the close now and then and is lost.
_IDLE_S = 75
_MESSAGE_BYTES_MAX = 64 * 1024
"""The longest WebSocket message that clients may send."""


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: signals are the lifecycle's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


class WebServer:
    """Listens on one address and serves the application."""

    name = "web"

    def __init__(self, host: str, port: int, *, else_any: bool = False) -> None:
        self._host = host
        self._port = port
        self._else_any = else_any
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None
        self.app: ASGIApp | None = None

    def bind(self) -> None:
        """Take the address; connections wait until `start`.

        Raises:
            ConfigurationError: somebody else listens there, or it is not ours.
        """
        try:
            try:
                self._socket = self._listen(self._port)
            except OSError:
                if not self._else_any:
                    raise
                self._socket = self._listen(0)
        except OSError as error:
            message = f"cannot listen on {self._host}:{self._port}: {error.strerror}"
            raise ConfigurationError(message) from error
        self._port = self._socket.getsockname()[1]

    def _listen(self, port: int) -> socket.socket:
        """Return a listening socket; only listening, not binding, makes an address ours alone."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # Named, or asyncio does not switch Nagle's algorithm off: 40 ms for each answer.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((self._host, port))
            listening.listen(_BACKLOG)
        except OSError:
            listening.close()
            raise
        return listening

    @property
    def url(self) -> str:
        """Return the base URL of the address."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def start(self) -> None:
        """Serve; returns when connections are answered."""
        if self.app is None or self._socket is None:
            message = "bind() and an app come before start()"
            raise RuntimeError(message)
        config = uvicorn.Config(
            self.app,
            backlog=_BACKLOG,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws=WireProtocol,
            timeout_keep_alive=_IDLE_S,
            ws_max_size=_MESSAGE_BYTES_MAX,
            # Engine.IO pings already; a second keepalive would double the timers.
            ws_ping_interval=None,
            timeout_graceful_shutdown=_CLOSE_CONNECTIONS_S,
            server_header=False,
            proxy_headers=False,
        )
        self._server = _Server(config)
        self._task = asyncio.get_running_loop().create_task(
            self._server.serve(sockets=[self._socket]), name="uvicorn"
        )
        while not self._server.started:
            if self._task.done():
                self._task.result()
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Stop accepting, finish what is in flight, close the rest."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
        if self._socket is not None:
            self._socket.close()
