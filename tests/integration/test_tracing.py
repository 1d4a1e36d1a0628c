"""A whole server sends its spans to a collector."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support.engines import Engines
from support.server import LocalServer, status_form
from support.waiting import eventually

SID = "CA" + "5" * 32


class Collector(ThreadingHTTPServer):
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[str] = []
        self.bodies = b""


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        """Take a batch."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told = ExportTraceServiceRequest.FromString(body)
        for resource in told.resource_spans:
            for scope in resource.scope_spans:
                self.server.spans += [span.name for span in scope.spans]
        self.server.bodies += body
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Yield a collector on loopback."""
    server = Collector()
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield server
    server.shutdown()
    serving.join()
    server.server_close()


async def test_requests_commits_and_loads_are_spans(
    engines: Engines, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{collector.server_port}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = LocalServer(engines)
    await server.redis.flushall()
    await server.start()
    try:
        await server.ready()
        form = status_form(SID, "completed", To="+34600123456", CallDuration="7")
        assert (await server.webhook(form, "campaignId=camp_1&contactName=Ada")).status_code == 200

        async def counted() -> int:
            body = await server.read("/api/dashboard/summary")
            found: int = body["summary"]["completedCalls"]
            return found

        await eventually(counted, lambda count: count == 1)
        assert (await server.client.get(f"/api/calls/{SID}")).status_code == 200
    finally:
        await server.stop()  # what is left is sent now
    told = set(collector.spans)
    wanted = {"POST /webhook/call-status", "GET /api/calls/{sid}", "cache load"}
    assert wanted | {"projection commit"} <= told
    assert not [
        word for word in (b"34600123456", b"Ada", SID.encode()) if word in collector.bodies
    ]
