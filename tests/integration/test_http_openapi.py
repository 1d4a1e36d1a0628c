"""The OpenAPI document is true: schemathesis asks the running server all that it promises."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.engines import Engines
from support.server import ADMIN_KEY, LocalServer, status_form

from callboard.delivery import guard
from callboard.delivery.limits import Guesses, Rate

EXAMPLES = 10
SID = "CA" + "1" * 32
CONFIG = Path(__file__).with_name("schemathesis.toml")
COMMAND = Path(sys.executable).with_name("schemathesis")


async def test_schemathesis_finds_no_difference(
    engines: Engines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # It tries wrong keys by the dozen, to see that each is refused as wrong.
    monkeypatch.setattr(guard, "Guesses", lambda clock: Guesses(clock, Rate(1e6, 1e6)))
    server = LocalServer(engines)
    await server.redis.flushall()
    await server.start()
    try:
        await server.ready()
        query = "campaignId=camp_1&contactName=Ada"
        await server.webhook(status_form(SID, "in-progress"), query)
        await server.webhook(status_form(SID, "completed", 50, CallDuration="47"), query)
        await server.webhook(status_form("CA" + "2" * 32, "ringing"), query)
        arguments = ["--config-file", str(CONFIG), "run", f"{server.url}/openapi.json"]
        arguments += ["-H", f"Authorization: Bearer {ADMIN_KEY}", "--checks", "all"]
        arguments += ["--max-examples", str(EXAMPLES), "--generation-deterministic"]
        arguments += ["--suppress-health-check", "all", "--no-color"]
        running = await asyncio.create_subprocess_exec(
            COMMAND, *arguments, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await running.communicate()
        assert running.returncode == 0, said.decode()
        assert "No issues found" in said.decode(), said.decode()
    finally:
        await server.stop()


async def test_every_route_is_described_and_422_is_not(server: LocalServer) -> None:
    said = (await server.client.get("/openapi.json")).json()
    operations = {
        f"{method} {path}": operation
        for path, methods in said["paths"].items()
        for method, operation in methods.items()
    }
    assert len(operations) == 35
    assert len({operation["operationId"] for operation in operations.values()}) == 35
    for name, operation in operations.items():
        assert "400" in operation["responses"], name
        assert "422" not in operation["responses"], name
        opened = name.split()[1] in ("/healthz", "/readyz", "/docs", "/openapi.json")
        signs = name in ("post /api/session", "delete /api/session")
        assert ("security" in operation) != (opened or signs), name
    assert "HTTPValidationError" not in said["components"]["schemas"]


async def test_the_page_for_people_says_the_same_without_anybody_elses_help(
    server: LocalServer,
) -> None:
    said = (await server.client.get("/openapi.json")).json()
    page = (await server.client.get("/docs")).text
    for path in said["paths"]:
        assert f"<code>{path}</code>" in page
    assert "<script" not in page
    assert "style=" not in page
    assert "http://" not in page
    assert "https://" not in page
    style = await server.client.get("/docs.css")
    assert style.headers["content-type"].startswith("text/css")


@pytest.mark.parametrize(
    "path",
    [
        "/api/calls",
        "/api/calls.csv",
        "/api/calls/active",
        f"/api/calls/{SID}",
        f"/api/calls/{SID}/timeline",
        "/api/campaigns",
        "/api/campaigns/camp_1",
        "/api/campaigns/camp_1/status",
        "/api/campaigns/camp_1/forecast",
        "/api/dashboard/summary",
        "/api/session",
        "/docs",
        "/healthz",
        "/metrics",
        "/openapi.json",
        "/readyz",
    ],
)
async def test_a_parameter_nobody_knows_is_refused(server: LocalServer, path: str) -> None:
    answer = await server.client.get(f"{path}?colour=red")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "colour")


async def test_another_method_is_told_the_right_ones(server: LocalServer) -> None:
    for path, allowed in {
        "/api/campaigns": "GET, HEAD, POST",
        "/api/campaigns/x": "GET, HEAD, PATCH",
        "/api/session": "DELETE, GET, HEAD, POST",
        "/api/calls": "GET, HEAD",
    }.items():
        answer = await server.client.put(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_writes_are_bounded_and_what_is_no_text_is_refused(server: LocalServer) -> None:
    kind = {"Content-Type": "application/json"}

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b" " * 1_000

    long = b'{"name": "%b"}' % (b"x" * 70_000)
    for too_much in (long, pieces()):
        refused = await server.client.post("/api/campaigns", content=too_much, headers=kind)
        assert refused.status_code == 413
        assert refused.headers["content-type"] == "application/problem+json"
    for body in (b'{"name": "\\ud800"}', b'{"\\ud800": 1}', b"[" * 10_000, b"\xff", b""):
        wrong = await server.client.post("/api/campaigns", content=body, headers=kind)
        assert wrong.status_code == 400, body
        assert wrong.json()["status"] == 400
