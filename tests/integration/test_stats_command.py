"""`callboard stats` against a running server, and against what is none."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from copy import deepcopy
from pathlib import Path

import httpx
import orjson
import pytest
from click.testing import CliRunner, Result
from support.server import ADMIN_KEY, READ_KEY, LocalServer, status_form
from support.waiting import eventually

from callboard.cli.main import root
from callboard.cli.stats import looked, screen
from callboard.clock import SystemClock
from callboard.errors import ConfigurationError, Unavailable

SID = "CA" + "1" * 32
COMMAND = Path(sys.executable).with_name("callboard")


async def asked(server: LocalServer, *arguments: str, key: str = ADMIN_KEY) -> Result:
    """Run the command beside the server."""
    line = ["stats", "--url", server.url, "--key", key, *arguments]
    return await asyncio.to_thread(CliRunner().invoke, root, line)


async def test_where_nobody_looks_it_is_shown_once(server: LocalServer) -> None:
    await server.webhook(status_form(SID, "in-progress"))
    await server.client.get("/api/calls?limit=7")
    await server.client.get("/api/calls?limit=7")
    await eventually(
        lambda: looked(server.client, server.url, SystemClock()),
        lambda seen: seen[1]["stalenessBoundS"] is not None,
    )
    done = await asked(server)
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.output
    assert f"callboard at {server.url}" in done.output
    assert re.search(
        r"^Redis     up since 20.*Z,.* \d+ keys, [\d.]+ MiB$", done.output, re.MULTILINE
    )
    assert re.search(r"^views     at most [\d.]+ s behind; drift 0$", done.output, re.MULTILINE)
    assert re.search(r"^calls +50\.0 %", done.output, re.MULTILINE)


async def test_programs_get_it_as_it_came(server: LocalServer) -> None:
    done = await asked(server, "--json")
    assert orjson.loads(done.output)["keyspaces"]["live"]["kind"] == "view"


async def test_rates_are_between_two_looks(server: LocalServer) -> None:
    now = await looked(server.client, server.url, SystemClock())
    later = deepcopy(dict(now[1]))
    later["keyspaces"]["calls"]["l1"] += 50
    later["keyspaces"]["calls"]["misses"] += 5
    shown = screen(server.url, now, (now[0] + 2.0, later))
    line = next(line for line in shown.splitlines() if line.startswith("calls "))
    assert line.split()[-7:-3] == ["25.0", "0.0", "2.5", "0.0"]


async def test_a_cache_that_is_away_is_seen(server: LocalServer) -> None:
    at, seen = await looked(server.client, server.url, SystemClock())
    stats = deepcopy(dict(seen))
    stats["link"] |= {"up": False, "owed": 3, "lagS": 0.004}
    stats |= {"keys": None, "memory": None, "stalenessBoundS": None}
    shown = screen(server.url, None, (at, stats))
    assert "Redis     AWAY since" in shown
    assert "pushes 4 ms late, 3 invalidations owed, keys and memory unknown" in shown
    assert "NOT KNOWN how far behind" in shown


async def test_a_wrong_key_is_said_to_be_one(server: LocalServer) -> None:
    for key, said in (("wrong", "does not know this key"), (READ_KEY, "may not do that")):
        error = (await asked(server, key=key)).exception
        assert isinstance(error, ConfigurationError)
        assert said in str(error)
        assert "keys add stats --scope admin" in str(error)
        assert key not in str(error).split()


async def test_who_is_not_there_or_no_callboard_is_told(server: LocalServer) -> None:
    clock = SystemClock()
    for url, kind, said in (
        ("http://127.0.0.1:1", Unavailable, "nobody answers"),
        ("ftp://127.0.0.1", ConfigurationError, "cannot be used"),
        (f"{server.url}/assets", ConfigurationError, "is it a callboard"),
    ):
        with pytest.raises(kind, match=said):
            await looked(server.client, url, clock)
    for answer, kind, said in (
        (httpx.Response(200, text="<html>"), Unavailable, "no callboard"),
        (httpx.Response(429, headers={"Retry-After": "7"}), Unavailable, "wait 7 s"),
        (httpx.Response(502), Unavailable, "answers 502"),
    ):
        transport = httpx.MockTransport(lambda _, answer=answer: answer)
        async with httpx.AsyncClient(transport=transport) as client:
            with pytest.raises(kind, match=said):
                await looked(client, "http://board", clock)


async def test_in_a_terminal_it_is_drawn_again_until_interrupted(server: LocalServer) -> None:
    ours, theirs = os.openpty()
    os.set_blocking(ours, False)
    drawn = ""

    async def look() -> list[str]:
        nonlocal drawn
        with contextlib.suppress(BlockingIOError):
            drawn += os.read(ours, 65_536).decode().replace("\r\n", "\n")
        return drawn.split("\x1b[H\x1b[2J")

    try:
        running = await asyncio.create_subprocess_exec(
            COMMAND, "stats", "--url", server.url, "--every", "0.2", stdout=theirs,
            env={**os.environ, "CALLBOARD_API_KEY": ADMIN_KEY},
        )  # fmt: skip
        _, first, *_, last, _ = await eventually(look, lambda screens: len(screens) > 4)
        running.send_signal(signal.SIGINT)
        assert await running.wait() == 0
    finally:
        os.close(ours)
        os.close(theirs)
    assert re.search(r"^live +\S+( %)? +- +- +- +- ", first, re.MULTILINE), first
    assert re.search(r"^live +\S+( %)? +0\.0 +0\.0 +0\.0 +0\.0 ", last, re.MULTILINE), last
