"""How long is it from a signed webhook to its acknowledgement, and to a browser's update?

One `callboard serve` with embedded engines as a process of its own; open-loop load of status
callbacks of many calls; one Socket.IO client on the raw WebSocket. On one machine the clocks
agree. Nothing else exists to stand beside it: the numbers are a base line for what follows.
"""

import asyncio
import os
import signal
import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
from report import cpu_s, write_report
from websockets.asyncio.client import ClientConnection, connect

from callboard.clock import SystemClock
from callboard.vendors.twilio.signature import sign

RATES = (20, 100, 300)
SECONDS = 8
TOKEN, KEY = "token-of-the-benchmark", "key-of-the-benchmark"
PATH = "/webhook/call-status"
CALLBOARD = Path(__file__).parent.parent / ".venv" / "bin" / "callboard"
CLOCK = SystemClock()


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[str, int]]:
    """Run a server; yield its URL and process id."""
    environment = {
        "PATH": os.environ["PATH"],
        "CALLBOARD_DATA_DIR": str(folder),
        "TWILIO_AUTH_TOKEN": TOKEN,
        "CALLBOARD_API_KEYS": f"bench:admin:{KEY}",
        "CALLBOARD_LOG_FORMAT": "json",
    }
    process = await asyncio.create_subprocess_exec(
        CALLBOARD, "serve", "--port", "0", env=environment, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    url = ""
    while not url:
        entry = orjson.loads(await process.stderr.readline())
        url = entry["url"] if entry["event"] == "server.ready" else ""
    draining = asyncio.ensure_future(process.stderr.read())
    try:
        async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(20):
            while (await client.get(url + "/readyz")).status_code != 200:  # noqa: ASYNC110  (polled)
                await asyncio.sleep(0.05)
        yield url, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()
        await draining


async def listen(socket: ClientConnection, heard: dict[str, float]) -> None:
    """Note when each call's update came, by its contact's name; answer pings."""
    async for frame in socket:
        text = frame if isinstance(frame, str) else frame.decode()
        if text == "2":
            await socket.send("3")
        elif text.startswith('42["call_update"'):
            now_s = CLOCK.monotonic_s()
            document = orjson.loads(text[2:])[1]["document"]
            heard[document["contactName"]] = now_s


async def subscribed(url: str) -> ClientConnection:
    """Return a WebSocket that has joined the calls' room."""
    address = url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
    socket = await connect(address, max_size=None)
    await socket.recv()
    await socket.send("40" + orjson.dumps({"token": KEY}).decode())
    await socket.send('420["subscribe:calls"]')
    while not str(await socket.recv()).startswith("430"):
        pass
    return socket


def request(url: str, name: str, number: int) -> tuple[str, str, dict[str, str]]:
    """Return URL, body and headers of one call's first webhook."""
    path = f"{PATH}?campaignId=camp_1&contactName={name}"
    form = {
        "CallSid": f"CA{number:032x}",
        "CallStatus": "ringing",
        "SequenceNumber": "1",
        "Direction": "outbound-api",
        "From": "+14155550100",
        "To": "+13605550142",
        "Timestamp": datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000"),  # noqa: TID251  (a label)
    }
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": sign(url + path, form.items(), TOKEN),
    }
    return url + path, urlencode(form), headers


async def measure_rate(url: str, pid: int, rate: int, first: int) -> dict[str, Any]:
    """Send at a steady rate whether or not answers come; return the percentiles in ms."""
    sent: dict[str, float] = {}
    heard: dict[str, float] = {}
    acknowledged: list[float] = []
    socket = await subscribed(url)
    listening = asyncio.ensure_future(listen(socket, heard))
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:

        async def one(number: int) -> None:
            name = f"r{rate}n{number}"
            address, body, headers = request(url, name, number)
            sent[name] = CLOCK.monotonic_s()
            answer = await client.post(address, content=body, headers=headers)
            assert answer.status_code == 200, answer.text
            acknowledged.append(CLOCK.monotonic_s() - sent[name])

        begun_s, server_s = CLOCK.monotonic_s(), cpu_s(pid)
        async with asyncio.TaskGroup() as tasks:
            for index in range(rate * SECONDS):
                due_s = begun_s + index / rate
                await asyncio.sleep(max(0, due_s - CLOCK.monotonic_s()))
                tasks.create_task(one(first + index))
        used_s = cpu_s(pid) - server_s
    async with asyncio.timeout(10):
        while len(heard) < len(sent):  # noqa: ASYNC110  (filled by another task, at leisure)
            await asyncio.sleep(0.01)
    listening.cancel()
    await socket.close()
    delivered = [heard[name] - at for name, at in sent.items()]
    return {
        "webhooks/s": rate,
        **percentiles("acknowledged", acknowledged),
        **percentiles("at the client", delivered),
        "server CPU µs/webhook": round(used_s / len(sent) * 1e6),
    }


def percentiles(name: str, seconds: list[float]) -> dict[str, float]:
    """Return median and 99th percentile in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100)
    return {f"{name} p50 ms": round(cuts[49] * 1e3, 1), f"{name} p99 ms": round(cuts[98] * 1e3, 1)}


async def measure(folder: Path) -> list[dict[str, Any]]:
    """Measure each rate on one server."""
    async with serving(folder) as (url, pid):
        return [
            await measure_rate(url, pid, rate, index * 1_000_000)
            for index, rate in enumerate(RATES)
        ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        write_report("pipe", __doc__, asyncio.run(measure(Path(scratch))))
