"""The server is killed, stopped, or cannot start."""

import asyncio
import os
import signal
import socket
from pathlib import Path
from urllib.parse import urlencode

import httpx
from support.program import Program, children_of, is_alive, program, run_to_end
from support.server import TOKEN, status_form
from support.waiting import eventually

from callboard.vendors.twilio.signature import sign

PATH = "/webhook/call-status"


async def send(client: httpx.AsyncClient, url: str, form: dict[str, str]) -> int | None:
    """Post a signed webhook; None when there was no answer."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": sign(url + PATH, form.items(), TOKEN),
    }
    try:
        answer = await client.post(PATH, content=urlencode(form), headers=headers)
    except httpx.HTTPError:
        return None
    return answer.status_code


async def load(running: Program, acknowledged: set[str], lane: int) -> None:
    """Send first webhooks of new calls, one after the other, until the server is gone."""
    async with running.client() as client:
        for number in range(100_000):
            sid = f"CA{lane:08x}{number:024x}"
            status = await send(client, running.url, status_form(sid, "ringing", number % 60))
            if status is None:
                return
            assert status == 200
            acknowledged.add(sid)


async def test_a_killed_server_leaves_no_orphans_and_loses_nothing_acknowledged(
    tmp_path: Path,
) -> None:
    acknowledged: set[str] = set()
    async with program(tmp_path / "data", "serve", "--port", "0") as running:
        pid = running.process.pid
        engines = children_of(pid)
        assert sorted(engines.values()) == ["mongod", "valkey-server"]
        lanes = [
            asyncio.get_running_loop().create_task(load(running, acknowledged, lane))
            for lane in range(8)
        ]
        await eventually(lambda: _count(acknowledged), lambda count: count > 200)
        os.kill(pid, signal.SIGKILL)
        await running.process.wait()
        await asyncio.gather(*lanes)

        async def orphans() -> list[int]:
            return [engine for engine in engines if is_alive(engine)]

        await eventually(orphans, lambda left: not left, within_s=5)
        await running.process.communicate()

    async with (
        program(tmp_path / "data", "serve", "--port", "0") as again,
        again.client() as client,
    ):
        shown: set[str] = set()
        path = "/api/calls?limit=500"
        while path:
            page = (await client.get(path)).json()
            shown |= {call["sid"] for call in page["calls"]}
            path = f"/api/calls?limit=500&before={page['next']}" if page["next"] else ""
        assert acknowledged <= shown

        async def active() -> int:
            answer = await client.get("/api/calls/active")
            return int(answer.json()["active_calls_count"])

        await eventually(active, lambda count: count == len(shown), within_s=15)

        async def counted() -> int:
            answer = await client.get("/api/dashboard/summary")
            return int(answer.json()["summary"]["totalCalls"])

        await eventually(counted, lambda count: count == len(shown), within_s=15)


async def _count(acknowledged: set[str]) -> int:
    return len(acknowledged)


async def test_a_demo_plays_to_its_end_and_leaves_nothing_behind(tmp_path: Path) -> None:
    data = tmp_path / "data"
    options = ("--concurrent", "10", "--speed", "30", "--duration", "3")
    results = await asyncio.gather(*(run_to_end(data, "demo", *options) for _ in range(2)))
    for code, out, error in results:
        assert code == 0, error
        assert "callboard is live: http://127.0.0.1:" in out
        assert "webhooks acknowledged, 0 not." in out
    assert sorted(path.name for path in data.iterdir()) == ["demo-1.lock", "demo-2.lock"]


async def test_sigterm_drains_and_ends_with_code_0(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    async with program(tmp_path / "data", "serve", "--port", "0") as running:
        engines = children_of(running.process.pid)
        sending = asyncio.get_running_loop().create_task(load(running, acknowledged, 0))
        await eventually(lambda: _count(acknowledged), lambda count: count > 20)
        running.process.terminate()
        async with asyncio.timeout(20):
            await running.process.communicate()
        await asyncio.wait([sending])
        assert running.process.returncode == 0
        assert not [engine for engine in engines if is_alive(engine)]


async def test_ctrl_c_while_starting_ends_it_at_once(tmp_path: Path) -> None:
    async with program(tmp_path / "data", "serve", "--port", "0", ready=False) as running:
        await eventually(lambda: _engines(running), lambda count: count > 0, within_s=20)
        engines = children_of(running.process.pid)
        running.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            await running.process.communicate()
        assert running.process.returncode == 0
        assert not [engine for engine in engines if is_alive(engine)]


async def _engines(running: Program) -> int:
    return len(children_of(running.process.pid))


def one_sentence(error: str) -> str:
    """Return the one line that is for the operator."""
    lines = [line for line in error.splitlines() if line.startswith("callboard: ")]
    assert len(lines) == 1, error
    assert "Traceback" not in error
    return lines[0]


async def test_what_the_operator_must_mend_ends_with_code_2_and_one_sentence(
    tmp_path: Path,
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        cases: list[tuple[str, tuple[str, ...], dict[str, str]]] = [
            ("cannot listen", ("--port", port), {}),
            ("CALLBOARD_AUTH=off", ("--host", "0.0.0.0"), {"CALLBOARD_AUTH": "off"}),
            ("CALLBOARD_TIMEZONE", (), {"CALLBOARD_TIMEZONE": "Mars/Olympus"}),
            ("CALLBOARD_API_KEYS", (), {"CALLBOARD_API_KEYS": "nonsense"}),
            ("MongoDB does not answer", (), {"MONGODB_URL": "mongodb://127.0.0.1:9/x"}),
            ("Redis does not answer", (), {"REDIS_URL": "redis://127.0.0.1:9"}),
            ("CALLBOARD_DATA_DIR", (), {"CALLBOARD_DATA_DIR": str(file)}),
        ]

        async def started(
            words: str, arguments: tuple[str, ...], environment: dict[str, str]
        ) -> None:
            port_given = () if "--port" in arguments else ("--port", "0")
            code, _, error = await run_to_end(
                tmp_path / words, "serve", *arguments, *port_given, **environment
            )
            assert code == 2, (words, error)
            assert words in one_sentence(error)

        await asyncio.gather(*(started(*case) for case in cases))


async def test_a_second_server_on_the_same_folder_is_told_so(tmp_path: Path) -> None:
    async with program(tmp_path / "data", "serve", "--port", "0") as first:
        code, _, error = await run_to_end(tmp_path / "data", "serve", "--port", "0")
        assert code == 2
        assert "another callboard runs on" in one_sentence(error)
        async with first.client() as client:
            assert (await client.get("/api/calls/active")).status_code == 200


async def test_an_engine_that_cannot_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    binaries = tmp_path / "bin"
    binaries.mkdir()
    broken = binaries / "mongod"
    broken.write_text("#!/bin/sh\necho 'disk is made of cheese'\nexit 3\n")
    broken.chmod(0o755)
    path = f"{binaries}:{os.environ['PATH']}"
    code, _, error = await run_to_end(tmp_path / "data", "serve", "--port", "0", PATH=path)
    assert code == 2
    sentence = one_sentence(error)
    assert "mongod ended at once" in sentence
    assert "disk is made of cheese" in sentence


async def test_the_first_start_prints_an_admin_key_once(tmp_path: Path) -> None:
    async with program(
        tmp_path / "data", "serve", "--port", "0", CALLBOARD_API_KEYS=""
    ) as running:
        assert running.process.stdout is not None
        line = (await running.process.stdout.readline()).decode()
        key = line.removeprefix("Admin key, shown this once: ").strip()
        assert key.startswith("cb_")
        async with running.client() as client:
            answer = await client.get("/api/calls", headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == 200
        assert key not in str(running.log)
    async with program(tmp_path / "data", "serve", "--port", "0", CALLBOARD_API_KEYS="") as again:
        async with again.client() as client:
            answer = await client.get("/api/calls", headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == 200
        again.process.terminate()
        out, _ = await again.process.communicate()
        assert out == b""
