"""`callboard serve`: the server, until SIGTERM or Ctrl-C."""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable

import click
import structlog
import uvloop

from callboard.app.compose import Server
from callboard.clock import SystemClock
from callboard.observe.logs import configure_logs
from callboard.settings import load_settings

__all__ = ["run_server", "serve"]

_log = structlog.get_logger(__name__)

_GC_THRESHOLD = 20_000


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port; 0 takes a free one.")
def serve(host: str, port: int) -> None:
    """Serve webhooks, API and board."""
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    code = uvloop.run(run_server(Server(settings, SystemClock(), host, port), _wait))
    sys.exit(code)


async def run_server(
    server: Server, until: Callable[[Server, asyncio.Event], Awaitable[None]]
) -> int:
    """Run a server until `until` returns; 1 when a service failed for good, else 0.

    `until` is handed the running server and an event that is set when it should stop.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    starting = loop.create_task(server.start())
    stopping = loop.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if stop.is_set():  # asked to stop while still starting
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return 0
    starting.result()
    # What lives until the end need not be looked at by every collection, and a busy second
    # makes tens of thousands of short-lived objects that reference counting frees.
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, 20, 100)
    if server.made_key:
        # Standard output, not the log: logs are kept and passed around.
        print(f"Admin key, shown this once: {server.made_key}", flush=True)
    _log.info("server.ready", url=server.url)
    failed = loop.create_task(server.failed.wait())
    failed.add_done_callback(lambda _: stop.set())
    try:
        await until(server, stop)
    finally:
        failed.cancel()
        _log.info("server.stopping")
        await server.stop()
    return 1 if server.failed.is_set() else 0


async def _wait(server: Server, stop: asyncio.Event) -> None:
    del server
    await stop.wait()
