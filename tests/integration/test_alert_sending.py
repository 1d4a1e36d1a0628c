"""Alerts on their way out: apprise to a real web service, the command line, the whole server."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from click.testing import CliRunner
from pydantic import SecretStr
from support.alert_process import Process, down
from support.alerting import looks
from support.engines import Engines
from support.redis_servers import RedisServer
from support.relay import Relay
from support.server import LocalServer, status_form
from support.waiting import eventually

from callboard.app.alert_sending import AppriseTarget, targets_of
from callboard.cli.main import root
from callboard.delivery.api.alert_schemas import Alerts
from callboard.errors import ConfigurationError
from callboard.store import database as mongo
from callboard.store.database import MongoDatabase

pytestmark = pytest.mark.engines


class Receiver:
    """A web service on loopback that takes JSON."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status = 200
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request."""
        head = await reader.readuntil(b"\r\n\r\n")
        (length,) = [
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ]
        body = orjson.loads(await reader.readexactly(length))
        if self.status == 200:
            self.got.append(body)
        writer.write(
            b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % self.status
        )
        await writer.drain()
        writer.close()

    @property
    def titles(self) -> list[str]:
        """Return what came."""
        return [body["title"] for body in self.got]

    async def has(self, count: int) -> None:
        """Return when so many messages have come."""

        async def titles() -> list[str]:
            return self.titles

        await eventually(titles, lambda told: len(told) >= count, within_s=25)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Serve on a free port."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    server.close()
    await server.wait_closed()


async def test_apprise_brings_it_to_a_web_service(
    database: MongoDatabase, receiver: Receiver
) -> None:
    (target,) = targets_of(f"json://127.0.0.1:{receiver.port}/hook-of-tests")
    receiver.status = 500
    process = Process(database, looks(down(0, 60), 8), target)
    await process.look(3)
    assert receiver.got == []
    found = await database.outbox.find_one()
    assert found is not None
    assert found["error"]
    assert "hook-of-tests" not in str(found)
    receiver.status = 200
    await process.look(5)
    assert receiver.titles == ["callboard critical: Redis does not answer"]
    assert "redis_down||fired|2026-11-23T12:00:20.000Z" in receiver.got[0]["message"]


async def test_a_service_that_is_not_there_is_an_error_without_secrets() -> None:
    target = AppriseTarget("json://sesame-user:sesame-word@127.0.0.1:9/sesame-path")
    error = await target.send("title", "body")
    assert error
    assert "sesame" not in error
    assert target.name.startswith("json-")
    assert "sesame" not in target.name


def test_urls_are_checked_at_start_and_never_quoted() -> None:
    assert targets_of("") == []
    two = targets_of("json://a.example.com/x, jsons://b.example.com/a,b")
    assert [target.name.partition("-")[0] for target in two] == ["json", "jsons"]
    with pytest.raises(ConfigurationError) as raised:
        targets_of("json://a.example.com,nonsense://secret-part")
    assert "entry 2" in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("url", ["nonsense://sesame-path", "json://127.0.0.1:9/sesame-path"])
async def test_no_program_prints_a_url(url: str, tmp_path: Path) -> None:
    """Neither what apprise does not know nor what cannot be reached; in a process of its own."""
    program = "from callboard.cli import main; main()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, "alerts", "test", "--send"),
        cwd=tmp_path,
        env={**os.environ, "CALLBOARD_ALERT_URLS": url, "CALLBOARD_LOG_LEVEL": "debug"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode in (1, 2), said
    assert said
    assert b"sesame" not in said


def test_the_command_line_sends_a_test_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBOARD_ALERT_URLS", "json://127.0.0.1:9/sesame")
    done = CliRunner().invoke(root, ["alerts", "test", "--send"])
    assert done.exit_code == 1
    assert "not sent" in done.output
    assert "sesame" not in done.output


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A Valkey of its own, that may die."""
    node = RedisServer(tmp_path / "valkey")
    await node.start()
    yield node
    await node.stop()


RULES = {name: {"for_s": 1, "clear_for_s": 1} for name in ("redis_down", "mongodb_down")}


@contextlib.asynccontextmanager
async def judging(server: LocalServer) -> AsyncIterator[LocalServer]:
    """Run a whole server that has judged."""
    try:
        await server.start()
        await server.ready()
        await eventually(lambda: shown(server), lambda found: found["judgedAt"] is not None)
        yield server
    finally:
        if server.server is not None:
            await server.server.stop()
        # A transaction whose connection was cut holds its locks for a minute.
        await server.database.client.admin.command({"killAllSessions": []})
        await server.stop()


async def shown(server: LocalServer) -> Any:
    """Return what the API tells of alerts."""
    return await server.read("/api/alerts")


def sends_to(receiver: Receiver) -> dict[str, Any]:
    """Return settings under which alerts are quick, and go to the receiver."""
    url = f"json://127.0.0.1:{receiver.port}/hook"
    return {"alerts": orjson.dumps(RULES).decode(), "alert_urls": SecretStr(url)}


async def test_a_killed_redis_is_told_once_and_cleared_once(
    engines: Engines,
    node: RedisServer,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("callboard.app.alerts.LOOK_EVERY_S", 0.3)
    redis = {"redis_url": SecretStr(node.url), "redis_password": None}
    async with judging(LocalServer(engines, **redis, **sends_to(receiver))) as server:
        await node.kill()
        found = await eventually(
            lambda: shown(server), lambda found: bool(found["firing"]), within_s=20
        )
        assert [one["rule"] for one in found["firing"]] == ["redis_down"]
        Alerts.model_validate(found)
        await receiver.has(1)
        await node.restart()
        await receiver.has(2)
        assert receiver.titles == [
            "callboard critical: Redis does not answer",
            "callboard cleared: Redis does not answer",
        ]
        found = await shown(server)
        assert found["firing"] == []
        assert [one["kind"] for one in found["recent"]] == ["cleared", "fired"]
        assert server.server is not None
        await server.server.stop()
        monkeypatch.setenv("MONGODB_URL", server.mongo_url)
        monkeypatch.chdir(tmp_path)
        arguments = ["alerts", "test", "--since", "1h", "--rules", orjson.dumps(RULES).decode()]
        tested = await asyncio.to_thread(CliRunner().invoke, root, arguments)
        listed = await asyncio.to_thread(CliRunner().invoke, root, ["alerts", "list"])
        assert "redis_down        1 times" in tested.output, tested
        assert "nothing fires" in listed.output


async def test_mongodb_cut_off_is_told_once_and_cleared_once(
    engines: Engines, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callboard.app.alerts.LOOK_EVERY_S", 0.3)
    monkeypatch.setattr(mongo, "connect", partial(mongo.connect, timeout_ms=300))
    direct = urlsplit(engines.mongo_url())
    assert direct.port is not None
    relay = Relay(direct.port)
    await relay.open()
    url = direct._replace(netloc=f"127.0.0.1:{relay.port}").geturl()
    settings = {"mongodb_url": SecretStr(url), **sends_to(receiver)}
    try:
        async with judging(LocalServer(engines, **settings)) as server:
            await relay.cut()
            await receiver.has(1)
            assert receiver.titles == ["callboard critical: MongoDB does not answer"]
            await relay.open()
            await receiver.has(2)
            found = await eventually(lambda: shown(server), lambda f: len(f["recent"]) == 2)
            assert [one["kind"] for one in found["recent"]] == ["cleared", "fired"]
            assert {sent["state"] for one in found["recent"] for sent in one["sent"]} == {"sent"}
            assert receiver.titles[1:] == ["callboard cleared: MongoDB does not answer"]
    finally:
        await relay.cut()


async def test_what_a_server_counts_reaches_the_rules(
    engines: Engines, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callboard.app.alerts.LOOK_EVERY_S", 0.2)
    rules = {
        "signatures": {"for_s": 0, "minimum": 5},
        "campaign_stalled": {"above": 2, "clear": 1, "clear_for_s": 0, "quiet": ""},
        "silence": {"above": 1, "minimum": 1},
    }
    alerts = orjson.dumps(rules).decode()
    async with judging(LocalServer(engines, **sends_to(receiver) | {"alerts": alerts})) as server:
        form = status_form("CA" + "1" * 32, "ringing")
        for _ in range(6):
            assert (await server.webhook(form, signature="wrong")).status_code == 403
        campaign = {"id": "spring", "name": "Spring", "totalContacts": 5}
        assert (await server.client.post("/api/campaigns", json=campaign)).status_code == 201
        await receiver.has(2)
        assert sorted(receiver.titles) == [
            "callboard warning: A running campaign begins no calls (spring)",
            "callboard warning: Webhooks are refused for their signature (twilio)",
        ]
        assert (await server.webhook(form, "campaignId=spring")).status_code == 200
        await receiver.has(4)
        assert sorted(receiver.titles[2:4]) == [
            "callboard cleared: A running campaign begins no calls (spring)",
            "callboard critical: A vendor is silent while calls are live (twilio)",
        ]
