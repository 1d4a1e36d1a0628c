"""Ordered start, reverse stop, and a deadline that is armed before stopping begins.

A *service* starts, and stops. A `Background` service is a coroutine that runs until it is
cancelled; when it fails it is restarted within its own budget, and when that is spent the whole
process stops: half a server is worse than a supervisor's restart.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

from callboard.clock import Clock
from callboard.tasks import end

__all__ = ["Background", "Lifecycle", "Service"]

_log = structlog.get_logger(__name__)

_RESTARTS_MAX = 5
_RESTART_WINDOW_S = 60.0
_RESTART_PAUSE_S = 0.5


class Service(Protocol):
    """A part of the server with a beginning and an end."""

    @property
    def name(self) -> str:
        """Return what logs call it."""

    async def start(self) -> None:
        """Return when it is ready for those that start after it."""

    async def stop(self) -> None:
        """Return when it has let go of everything."""


class Background:
    """A service made of one endless coroutine."""

    def __init__(
        self, name: str, run: Callable[[], Awaitable[None]], clock: Clock, failed: asyncio.Event
    ) -> None:
        self.name = name
        self._run = run
        self._clock = clock
        self._failed = failed
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the coroutine; it is ready at once."""
        self._task = asyncio.get_running_loop().create_task(self._keep_running(), name=self.name)

    async def _keep_running(self) -> None:
        restarts: deque[float] = deque(maxlen=_RESTARTS_MAX)
        while True:
            try:
                await self._run()
            except Exception:
                now_s = self._clock.monotonic_s()
                spent = len(restarts) == _RESTARTS_MAX and now_s - restarts[0] < _RESTART_WINDOW_S
                _log.exception("service.failed", service=self.name, restarting=not spent)
                if spent:
                    self._failed.set()
                    return
                restarts.append(now_s)
                await asyncio.sleep(_RESTART_PAUSE_S)
            else:
                return

    async def stop(self) -> None:
        """Cancel the coroutine and wait for its end."""
        if self._task is not None:
            await end(self._task)


class Lifecycle:
    """Starts services in order and stops them in reverse."""

    def __init__(self, services: Sequence[Service], *, drain_s: float) -> None:
        self._services = list(services)
        self._started: list[Service] = []
        self._drain_s = drain_s

    async def start(self) -> None:
        """Start every service; if one cannot, stop those that did and raise its error."""
        try:
            for service in self._services:
                _log.debug("service.starting", service=service.name)
                self._started.append(service)
                await service.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop in reverse order, all within the drain deadline; then stop waiting."""
        try:
            async with asyncio.timeout(self._drain_s):
                while self._started:
                    service = self._started[-1]
                    try:
                        await service.stop()
                    except Exception:
                        # The others still have to be stopped.
                        _log.exception("service.stop_failed", service=service.name)
                    self._started.pop()
        except TimeoutError:
            left = [service.name for service in self._started]
            _log.error("lifecycle.drain_timeout", drain_s=self._drain_s, not_stopped=left)
