"""Spans: off unless somebody wants them, and then of routes and keyspaces, never of people."""

import sys
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.types import Receive, Scope, Send
from support.builders import START
from support.reads_desk import ask

from callboard.app.spans import Tracing
from callboard.app.tracing import NoTraces, tracing_of
from callboard.cache import Outcome, Record
from callboard.cache.records import ignore
from callboard.clock import FixedClock
from callboard.delivery.templates import TEMPLATES, template_of
from callboard.errors import ConfigurationError

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traced:
    """A tracing whose spans stay here."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = Tracing(provider, FixedClock(START))

    def spans(self) -> list[ReadableSpan]:
        """Return the finished spans."""
        return list(self.exporter.get_finished_spans())


@pytest.fixture
def traced() -> Traced:
    """Return a tracing."""
    return Traced()


def app_of(traced: Traced, status: int = 200, records: tuple[Record, ...] = ()) -> Any:
    """Return an application that answers so, after its cache told of this."""
    hook = traced.tracing.hook(ignore)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        for record in records:
            hook(record)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return traced.tracing.requests(app)


async def test_a_request_is_a_span_below_the_callers_and_loads_are_below_it(
    traced: Traced,
) -> None:
    loads = (Record(Outcome.LOADED, "calls", 0.25), Record(Outcome.LOAD_FAILED, "call", 0.5))
    app = app_of(traced, records=(*loads, Record(Outcome.HIT_L1, "call")))
    await ask(app, "GET", "/api/calls?from=%2B34600000001", {"traceparent": PARENT})
    loaded, failed, request = traced.spans()
    assert request.name == "GET /api/calls"
    assert request.attributes == {
        "http.request.method": "GET",
        "http.route": "/api/calls",
        "http.response.status_code": 200,
    }
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == PARENT.split("-")[2]
    for span, took_ns, keyspace in ((loaded, 25e7, "calls"), (failed, 5e8, "call")):
        assert span.parent is not None
        assert span.parent.span_id == request.context.span_id
        assert span.attributes is not None
        assert span.attributes["callboard.keyspace"] == keyspace
        assert (span.end_time or 0) - (span.start_time or 0) == took_ns
    assert (loaded.status.is_ok, failed.status.is_ok) == (True, False)


@pytest.mark.parametrize(
    ("method", "path", "named"),
    [
        ("GET", "/api/calls/CA0123?x=1", "GET /api/calls/{sid}"),
        ("POST", "/webhook/call-status?contactName=Ada", "POST /webhook/call-status"),
        ("BREW", "/wp-login.php", "_OTHER other"),
    ],
)
async def test_a_span_names_nobody(traced: Traced, method: str, path: str, named: str) -> None:
    await ask(app_of(traced), method, path, {})
    (span,) = traced.spans()
    assert span.name == named
    told = f"{span.name} {dict(span.attributes or {})}"
    assert not any(word in told for word in ("CA0123", "Ada", "php"))


async def test_what_went_wrong_on_our_side_is_an_error(traced: Traced) -> None:
    for status in (404, 503):
        await ask(app_of(traced, status), "GET", "/healthz", {})
    assert [span.status.is_ok for span in traced.spans()] == [True, False]


def test_nobody_wants_them_unless_the_environment_says_so() -> None:
    off = tracing_of(FixedClock(START), {})
    assert isinstance(off, NoTraces)
    app = app_of(Traced())
    assert off.requests(app) is app
    assert off.hook(ignore) is ignore


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "callboard.app.spans", None)
    wanted = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    with pytest.raises(ConfigurationError, match=r"pip install callboard\[tracing\]"):
        tracing_of(FixedClock(START), wanted)


def test_every_template_names_itself() -> None:
    for template in TEMPLATES:
        if "…" not in template and template != "other":
            assert template_of(template) == template
    assert template_of("/assets/board.js") == "/assets/…"
    assert template_of("/api/calls//timeline") == "other"
