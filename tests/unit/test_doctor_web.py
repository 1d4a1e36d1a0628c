"""A server as the doctor meets it over HTTP, made up: away, elsewhere, waiting, open, refusing."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

import pytest

from callboard.app.doctor.findings import Finding, examine
from callboard.app.doctor.web import Answer, HttpOutside, Target, server_checks
from callboard.clock import FixedClock, SystemClock
from callboard.errors import Unavailable
from callboard.settings import Settings

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DATE = {"date": "Mon, 23 Nov 2026 12:00:00 GMT"}
ALIVE = Answer(200, DATE, b'{"status":"ok"}')
READY = Answer(200, {}, b'{"status":"ready","waitingFor":{}}')
LOCKED = Answer(401, {}, b"{}")
METRICS = Answer(200, {}, b'callboard_webhooks_total{vendor="twilio",outcome="accepted"} 7\n')
HEALTHY: Mapping[str, Answer] = {"/healthz": ALIVE, "/readyz": READY, "/metrics": METRICS}
KEY = "a-key-that-may-read"


class Network:
    """Answers of one server by path; metrics want the key."""

    def __init__(self, answers: Mapping[str, Answer], *, is_open: bool = False) -> None:
        self._answers = answers
        self._is_open = is_open

    async def get(self, url: str, key: str | None = None) -> Answer:
        """Answer as the server would."""
        path = "/" + url.rsplit("/", 1)[-1]
        if path not in self._answers:
            message = "connection refused"
            raise Unavailable(message)
        if path == "/metrics" and key != KEY and not self._is_open:
            return LOCKED
        return self._answers[path]


async def looked(
    answers: Mapping[str, Answer],
    *,
    url: str = "http://127.0.0.1:8000",
    key: str | None = KEY,
    is_named: bool = True,
    is_open: bool = False,
) -> list[Finding]:
    """Return what is found at this server that is not well."""
    outside, settings = Network(answers, is_open=is_open), Settings(_env_file=None)
    checks = server_checks(Target(url, key, is_named), settings, outside, FixedClock(NOW))
    found = [finding for finding in await examine(checks) if finding.level != "ok"]
    assert all(finding.what_to_do for finding in found)
    return found


def names(findings: list[Finding]) -> set[tuple[str, str]]:
    """Return level and name of each."""
    return {(finding.level, finding.name) for finding in findings}


async def test_nothing_is_found_at_a_healthy_server() -> None:
    assert await looked(HEALTHY) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"/healthz": Answer(200, {}, b"<html>")}, {("fault", "server.reachable")}),
        ({"/healthz": Answer(404, {}, b"{}")}, {("fault", "server.reachable")}),
        (
            {"/healthz": Answer(200, {"date": "Mon, 23 Nov 2026 11:58:00 GMT"}, ALIVE.body)},
            {("fault", "server.clock")},
        ),
        ({"/readyz": Answer(503, {}, b"?")}, {("fault", "server.ready")}),
        ({"/metrics": Answer(500, {}, b"")}, {("fault", "server.metrics")}),
        (
            {"/metrics": Answer(200, {}, METRICS.body.replace(b"accepted", b"bad_signature"))},
            {("fault", "signatures.twilio")},
        ),
    ],
)
async def test_a_server_that_is_not_well(
    changed: Mapping[str, Answer], expected: set[tuple[str, str]]
) -> None:
    assert names(await looked({**HEALTHY, **changed})) == expected


async def test_nobody_there_is_a_fault_only_where_somebody_must_be() -> None:
    (named,) = await looked({})
    assert (named.level, named.name, named.unseen) == ("fault", "server.reachable", False)
    (guessed,) = await looked({}, is_named=False)
    assert (guessed.level, guessed.name, guessed.unseen) == ("note", "server.reachable", True)


async def test_what_a_server_waits_for_is_told_once_by_reason() -> None:
    body = (
        b'{"waitingFor":{"view:live":"nobody vouches","view:summary":"nobody vouches",'
        b'"mongodb":"it does not answer"}}'
    )
    found = await looked({**HEALTHY, "/readyz": Answer(503, {}, body)})
    assert [finding.what for finding in found] == [
        "it waits for view:live, view:summary: nobody vouches",
        "it waits for mongodb: it does not answer",
    ]


async def test_keys_that_do_not_open_and_servers_that_need_none() -> None:
    assert names(await looked(HEALTHY, key=None)) == {("note", "server.metrics")}
    assert names(await looked(HEALTHY, key="wrong")) == {("warning", "server.metrics")}
    assert names(await looked(HEALTHY, is_open=True)) == {("note", "server.open")}
    public = await looked(HEALTHY, is_open=True, url="https://board.example.com")
    assert names(public) == {("fault", "server.open")}


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """The URL of somebody who takes connections and never says a word."""
    over = asyncio.Event()

    async def listen(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    over.set()
    server.close()
    await server.wait_closed()


async def test_a_server_that_hangs(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callboard.app.doctor.web._WITHIN_S", 0.2)
    target, settings = Target(silent, None, is_named=True), Settings(_env_file=None)
    (found,) = await examine(server_checks(target, settings, HttpOutside(), SystemClock()))
    assert (found.level, found.name) == ("fault", "server.reachable")
    assert "it was silent for 0.2 s" in found.what
