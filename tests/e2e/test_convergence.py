"""Through the wire: forty official clients, cut off at random while calls change, end right.

`CALLBOARD_RECONNECTS` is how many reconnects to wait for: a few hundred by default, so that the
whole suite stays short.
"""

import asyncio
import contextlib
import json
import os
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import DeleteOne, InsertOne, UpdateOne
from support.server import ADMIN_KEY, LocalServer
from support.waiting import eventually
from support.wires import packets_of

from callboard.clock import SystemClock
from callboard.tasks import end

CLOCK = SystemClock()
CLIENTS = 40
RECONNECTS = int(os.environ.get("CALLBOARD_RECONNECTS", "250"))
_SCRIPT = Path(__file__).parent / "clients" / "boards.mjs"
_EVERY_S = 0.05
_CALLS = 60
_BUFFERS = 256 * 1024
"""What transport and kernel may hold for one client, generously."""


class Changes:
    """Writes 200 changes a second into `calls`, as another program would."""

    def __init__(self, server: LocalServer, seed: int) -> None:
        self._calls = server.database.calls
        self._rng = random.Random(seed)  # noqa: S311  (a seeded scenario)
        self._live: list[str] = []
        self.made = 0

    def _one(self) -> Any:
        rng, self.made = self._rng, self.made + 1
        now = CLOCK.now()
        if len(self._live) < _CALLS or rng.random() < 0.1:
            sid = f"CA{self.made:032x}"
            self._live.append(sid)
            return InsertOne(
                {"_id": sid, "sid": sid, "status": "ringing", "startTime": now, "updatedAt": now}
            )
        sid = rng.choice(self._live)
        if len(self._live) > _CALLS or rng.random() < 0.05:
            self._live.remove(sid)
            if rng.random() < 0.2:
                return DeleteOne({"_id": sid})
            return UpdateOne({"_id": sid}, {"$set": {"status": "completed", "endTime": now}})
        said = {"contactName": f"change {self.made}", "agentName": "x" * rng.randrange(300)}
        return UpdateOne({"_id": sid}, {"$set": {**said, "updatedAt": now}})

    async def run(self, per_s: int = 200) -> None:
        """Write until cancelled."""
        while True:
            await self.burst(int(per_s * _EVERY_S))
            await asyncio.sleep(_EVERY_S)

    async def burst(self, count: int) -> None:
        """Write so many changes at once."""
        await self._calls.bulk_write([self._one() for _ in range(count)], ordered=True)


@contextlib.asynccontextmanager
async def changing(server: LocalServer) -> AsyncIterator[Changes]:
    """Let calls change for the length of a block."""
    changes = Changes(server, seed=7)
    await changes.burst(_CALLS)
    task = asyncio.get_running_loop().create_task(changes.run())
    try:
        yield changes
    finally:
        await end(task)


class Boards:
    """The process with the clients."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, what: str) -> Any:
        """Return its answer to a line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what}\n".encode())
        async with asyncio.timeout(20):
            return json.loads(await self._process.stdout.readline())

    async def calm(self) -> None:
        """End the cuts."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"calm\n")
        await self._process.stdin.drain()

    async def reconnects(self) -> int:
        """Return how often clients have come back."""
        return int((await self.ask("count"))["connects"]) - CLIENTS


@contextlib.asynccontextmanager
async def boards(server: LocalServer, **options: Any) -> AsyncIterator[Boards]:
    """Run the clients for the length of a block."""
    given = {"token": ADMIN_KEY, "clients": CLIENTS, "seed": 11, **options}
    process = await asyncio.create_subprocess_exec(
        "node",
        str(_SCRIPT),
        server.url,
        json.dumps(given),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 26,
    )
    try:
        yield Boards(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def still(server: LocalServer) -> dict[str, Any]:
    """Return the live calls by sid, once they are what MongoDB holds: nobody writes any more."""
    alive = server.database.calls.find(
        {"status": {"$in": ["initiated", "ringing", "in-progress"]}}
    )
    truth = {call["_id"]: call.get("contactName") async for call in alive}
    answer = await eventually(
        lambda: server.read("/api/calls/active"),
        lambda seen: {c["sid"]: c["contactName"] for c in seen["active_calls"]} == truth,
    )
    return {call["sid"]: call for call in answer["active_calls"]}


async def report_of(clients: Boards, held: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what the clients report when all are connected, and hold this if it is given."""

    def rests(board: dict[str, Any]) -> bool:
        return bool(board["connected"] and board["position"]) and held in (None, board["calls"])

    found: dict[str, Any] = await eventually(
        lambda: clients.ask("report"), lambda report: all(map(rests, report["boards"]))
    )
    return found


@pytest.mark.timeout(240)
async def test_forty_clients_that_are_cut_off_again_and_again_end_with_the_same_board(
    server: LocalServer,
) -> None:
    async with boards(server) as clients:
        async with changing(server) as changes:
            await eventually(
                clients.reconnects, lambda count: count >= RECONNECTS, within_s=RECONNECTS / 4
            )
        await clients.calm()
        truth = await still(server)
        report = await report_of(clients, truth)
    del report["boards"]
    print(f"\n{CLIENTS} clients, {changes.made} changes: {report}")  # noqa: T201  (the report)
    assert (report["gaps"], report["duplicates"], report["early"]) == (0, 0, 0)
    assert len(truth) > 10


async def test_clients_that_come_back_as_if_nothing_was_missed_do_not(
    server: LocalServer,
) -> None:
    """The control: what the test above looks for can be seen."""
    async with boards(server, goOn=True) as clients:
        async with changing(server):
            await eventually(clients.reconnects, lambda count: count >= 60, within_s=60)
        await clients.calm()
        truth = await still(server)
        report = await report_of(clients)
    assert report["gaps"] > 20
    assert [board["calls"] for board in report["boards"]] != [truth] * CLIENTS


class Sleepy:
    """A client that may stop reading, with next to no buffer of its own."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self._socket.connect((host, int(port)))
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self.position = 0
        self.received = 0
        self.snapshots = 0
        self.calls: dict[str, Any] = {}

    async def open(self) -> None:
        """Connect and subscribe; everything is sent before anything is read."""
        request = (
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await self._loop.sock_sendall(self._socket, request)
        head = b""
        while b"\r\n\r\n" not in head:
            head += await self._loop.sock_recv(self._socket, 4_096)
        self._rest = head.partition(b"\r\n\r\n")[2]
        await self.send("40" + json.dumps({"token": ADMIN_KEY}))
        await self.send('42["subscribe:calls",{}]')

    async def send(self, packet: str) -> None:
        """Send a packet, masked with nothing."""
        text = packet.encode()
        head = bytes([0x81, 0x80 | len(text)]) + bytes(4)
        assert len(text) < 126
        await self._loop.sock_sendall(self._socket, head + text)

    async def read_until(self, position: int) -> None:
        """Read until the board stands there."""
        while self.position < position:
            came = await self._loop.sock_recv(self._socket, 65_536)
            self.received += len(came)
            self._rest += came
            for packet in self._whole():
                await self._take(packet)

    def _whole(self) -> list[str]:
        """Return the packets that have arrived whole."""
        found: list[str] = []
        while len(self._rest) >= 10:
            short = self._rest[1]
            begin = {126: 4, 127: 10}.get(short, 2)
            length = int.from_bytes(self._rest[2:begin]) if begin > 2 else short
            if len(self._rest) < begin + length:
                break
            found += packets_of(self._rest[: begin + length])
            self._rest = self._rest[begin + length :]
        return found

    async def _take(self, packet: str) -> None:
        if packet == "2":
            await self.send("3")
        if not packet.startswith("42"):
            return
        event, payload = json.loads(packet[2:])
        offset = payload["position"]["offset"]
        if event == "active_calls":
            self.snapshots += 1
            self.calls = {call["sid"]: call for call in payload["active_calls"]}
        else:
            assert event == "call_update"
            assert offset == self.position + 1
            call = payload["document"]
            if payload["type"] == "delete" or call["status"] == "completed":
                self.calls.pop(call["sid"], None)
            else:
                self.calls[call["sid"]] = call
        self.position = offset

    def close(self) -> None:
        """Go away."""
        self._socket.close()


async def test_a_client_that_does_not_read_for_a_while_costs_little_and_ends_right(
    server: LocalServer,
) -> None:
    changes = Changes(server, seed=3)
    await changes.burst(_CALLS)
    await still(server)
    sleepy, awake = Sleepy(server.url), Sleepy(server.url)
    for client in (sleepy, awake):
        await client.open()
        await client.read_until(_CALLS)
    assert server.server is not None
    reading = asyncio.get_running_loop().create_task(awake.read_until(1_000_000))
    for _ in range(60):  # 6 s, 3,000 changes
        await changes.burst(50)
        await asyncio.sleep(2 * _EVERY_S)
    seen = (await server.client.get("/metrics")).text
    left_out = next(
        float(line.split()[1])
        for line in seen.splitlines()
        if line.startswith("callboard_socket_left_out_total")
    )
    assert left_out > 10
    truth = await still(server)
    position = (await server.read("/api/calls/active"))["position"]["offset"]

    async def caught_up() -> bool:
        return bool(awake.position == position)

    await eventually(caught_up)
    await end(reading)
    before = sleepy.received
    async with asyncio.timeout(10):
        await sleepy.read_until(position)
    backlog = sleepy.received - before
    print(f"\nbacklog {backlog} B of {awake.received} B")  # noqa: T201  (the report)
    snapshot = len(json.dumps(list(truth.values())))
    assert backlog < snapshot + _BUFFERS < awake.received
    assert sleepy.calls == awake.calls == truth
    assert (awake.snapshots, sleepy.snapshots) == (1, 2)
    for client in (sleepy, awake):
        client.close()
