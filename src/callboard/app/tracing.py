"""Whether spans are made: off, and free, unless the environment names a collector.

The variables are OpenTelemetry's own: `OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`)
switches tracing on; `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS` and
the rest mean what its specification says.
"""

import os
from collections.abc import Mapping
from typing import Protocol
from zoneinfo import ZoneInfo

from starlette.types import ASGIApp

from callboard.cache import Hook
from callboard.clock import Clock
from callboard.errors import ConfigurationError
from callboard.store.database import MongoDatabase
from callboard.store.figures import FigureStore

__all__ = ["NoTraces", "Traces", "tracing_of"]

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class Traces(Protocol):
    """A service that puts spans around the parts of a process."""

    @property
    def name(self) -> str:
        """Return what logs call it."""

    async def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """Send what is left."""

    def requests(self, app: ASGIApp) -> ASGIApp:
        """Return an application whose requests make spans."""

    def figures(self, database: MongoDatabase, zone: ZoneInfo) -> FigureStore:
        """Return the stored figures, whose commits make spans."""

    def hook(self, otherwise: Hook) -> Hook:
        """Return a hook of the cache that also makes spans of loads."""


class NoTraces:
    """Nobody wants spans, so nothing is put around anything."""

    name = "tracing"

    async def start(self) -> None:
        """Nothing to begin."""

    async def stop(self) -> None:
        """Nothing to send."""

    def requests(self, app: ASGIApp) -> ASGIApp:
        """Return the application itself."""
        return app

    def figures(self, database: MongoDatabase, zone: ZoneInfo) -> FigureStore:
        """Return the stored figures."""
        return FigureStore(database, zone)

    def hook(self, otherwise: Hook) -> Hook:
        """Return the hook itself."""
        return otherwise


def tracing_of(clock: Clock, environment: Mapping[str, str] = os.environ) -> Traces:
    """Return what makes spans, if somebody wants them.

    Raises:
        ConfigurationError: somebody does, and the extra is not installed.
    """
    if not any(environment.get(name) for name in _ENDPOINTS):
        return NoTraces()
    try:
        from callboard.app.spans import sending  # noqa: PLC0415  (needs an extra)
    except ImportError as error:
        message = f"{_ENDPOINTS[0]} is set: sending traces needs `pip install callboard[tracing]`"
        raise ConfigurationError(message) from error
    return sending(clock, environment.get("OTEL_SERVICE_NAME") or "callboard")
