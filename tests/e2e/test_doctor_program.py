"""`callboard doctor` as its users run it: beside a server that is well, hangs, or is away."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from support.program import children_of, program, run_to_end
from support.server import ADMIN_KEY, SECRET
from support.waiting import eventually

from callboard.clock import SystemClock

pytestmark = pytest.mark.engines

GOOD = {
    "ELEVENLABS_WEBHOOK_SECRET": SECRET,
    "TWILIO_ACCOUNT_SID": "AC1",
    "CALLBOARD_API_KEY": ADMIN_KEY,
}
WITHOUT_PUBLIC_URL = {"settings.public-url"}
"""Only a proxy has one that Twilio could call."""


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Let a process hang for the length of a block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def look(data_dir: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run the doctor; return its exit code and what it says."""
    begun_s = SystemClock().monotonic_s()
    code, out, err = await run_to_end(data_dir, "doctor", "--json", *arguments, **GOOD)
    assert SystemClock().monotonic_s() - begun_s < 30
    assert err == ""
    assert ADMIN_KEY not in out
    assert SECRET not in out
    document: dict[str, Any] = orjson.loads(out)
    assert document["exitCode"] == code
    return code, document


def sick(document: dict[str, Any], *levels: str) -> set[str]:
    """Return the names of what is not well."""
    wanted = levels or ("warning", "fault")
    return {found["name"] for found in document["findings"] if found["level"] in wanted}


async def test_a_server_of_its_own_engines(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with program(data, "serve", "--port", "0", ready=True, **GOOD) as server:
        async with server.client() as client:
            assert (await client.get("/healthz")).status_code == 200

        async def healthy() -> tuple[int, dict[str, Any]]:
            return await look(data, "--url", server.url)

        # In its first seconds a projector has not caught up with anything yet, and that is said.
        code, document = await eventually(
            healthy, lambda seen: "redis.views" not in sick(seen[1], "note")
        )
        assert (code, sick(document)) == (0, WITHOUT_PUBLIC_URL)
        well = {found["name"] for found in document["findings"] if found["level"] == "ok"}
        assert well >= {"machine.data-folder", "redis.views", "server.lag", "figures.drift"}

        engines = {name: pid for pid, name in children_of(server.process.pid).items()}
        with stopped(engines["mongod"]):
            code, document = await look(data, "--url", server.url)
            assert code == 1
            assert {"mongodb.reachable", "server.ready"} <= sick(document, "fault")

        with stopped(server.process.pid):
            code, document = await look(data, "--url", server.url)
            assert code == 1
            assert "server.reachable" in sick(document, "fault")

    code, document = await look(data)
    assert (code, sick(document)) == (2, WITHOUT_PUBLIC_URL)
    code, document = await look(data, "--url", server.url)
    assert (code, sick(document, "fault")) == (1, {"server.reachable"})


async def test_settings_that_cannot_be_read(tmp_path: Path) -> None:
    code, out, _ = await run_to_end(tmp_path / "data", "doctor", CALLBOARD_TIMEZONE="Madrid")
    assert code == 1
    assert "fault     settings.usable: settings cannot be used: CALLBOARD_TIMEZONE" in out
