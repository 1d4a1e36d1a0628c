"""Spans for an OpenTelemetry collector: requests, webhooks, commits of figures, cache loads.

Imported by `tracing` alone, and only when somebody wants spans: it needs the extra
`callboard[tracing]`. Spans name routes and keyspaces, never people: no number, no id, no query.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from opentelemetry import propagate
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callboard import __version__
from callboard.cache import Hook, Outcome, Record
from callboard.clock import Clock
from callboard.delivery.templates import template_of
from callboard.domain.figures import FigureWrite
from callboard.store.database import MongoDatabase
from callboard.store.figures import FigureStore

__all__ = ["TracedFigures", "TracedRequests", "Tracing", "sending"]

_LOADS = {Outcome.LOADED: "loaded", Outcome.LOAD_FAILED: "failed"}
_NS = 1_000_000_000
_ERROR_FROM = 500


class Tracing:
    """A service: what makes spans, and sends the last ones when it stops."""

    name = "tracing"

    def __init__(self, provider: TracerProvider, clock: Clock) -> None:
        self._provider = provider
        self._clock = clock
        self.tracer: Tracer = provider.get_tracer("callboard", __version__)

    async def start(self) -> None:
        """Spans are sent by a thread of the SDK's."""

    async def stop(self) -> None:
        """Send what is left; bounded by the exporter's own timeout."""
        await asyncio.to_thread(self._provider.shutdown)

    def requests(self, app: ASGIApp) -> ASGIApp:
        """Return an application whose requests make spans."""
        return TracedRequests(app, self.tracer)

    def figures(self, database: MongoDatabase, zone: ZoneInfo) -> FigureStore:
        """Return the stored figures, whose commits make spans."""
        return TracedFigures(database, zone, self.tracer)

    def hook(self, otherwise: Hook) -> Hook:
        """Return a hook that also makes a span of each load, within whoever asked for it."""

        def told(record: Record) -> None:
            otherwise(record)
            result = _LOADS.get(record.outcome)
            if result is not None:
                self._loaded(record, result)

        return told

    def _loaded(self, record: Record, result: str) -> None:
        now_ns = int(self._clock.now().timestamp() * _NS)
        said = {"callboard.keyspace": record.keyspace, "callboard.result": result}
        started_ns = now_ns - int(record.seconds * _NS)
        span = self.tracer.start_span("cache load", start_time=started_ns, attributes=said)
        if result == "failed":
            span.set_status(Status(StatusCode.ERROR))
        span.end(now_ns)


class TracedRequests:
    """Makes a span of each request, below the caller's if it sent a `traceparent`."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = template_of(scope["path"])
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        said = {"http.request.method": method, "http.route": route}
        carrier = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        parent = propagate.extract(carrier)
        with self._tracer.start_as_current_span(
            f"{method} {route}", context=parent, kind=SpanKind.SERVER, attributes=said
        ) as span:

            async def send_and_tell(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status: int = message["status"]
                    span.set_attribute("http.response.status_code", status)
                    if status >= _ERROR_FROM:
                        span.set_status(Status(StatusCode.ERROR))
                await send(message)

            await self._app(scope, receive, send_and_tell)


_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})


class TracedFigures(FigureStore):
    """Makes a span of each commit of the projector's."""

    def __init__(self, database: MongoDatabase, zone: ZoneInfo, tracer: Tracer) -> None:
        super().__init__(database, zone)
        self._tracer = tracer

    async def commit(
        self,
        epoch: int,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any],
        writes: Sequence[FigureWrite],
    ) -> int:
        """Move the figures and the token together."""
        said = {"callboard.documents": len(writes)}
        with self._tracer.start_as_current_span("projection commit", attributes=said):
            return await super().commit(epoch, before, after, writes)


def sending(clock: Clock, service: str) -> Tracing:
    """Return what sends spans to the collector that the environment names."""
    provider = TracerProvider(
        resource=Resource.create({"service.name": service}), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider, clock)
