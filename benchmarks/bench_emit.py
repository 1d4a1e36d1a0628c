"""What does it cost to tell many Socket.IO clients the same, ours beside stock python-socketio?

400-byte events, 50 a second, to one room of 1,000 or 3,000 clients by WebSocket, half of which
offer permessage-deflate. The server's process does nothing else; uvicorn and uvloop are the
same for both, which take turns; medians over the rounds. `of target %` is what arrived.

Shorter: `CALLBOARD_BENCH_S` is how long events are told.
"""

import asyncio
import gc
import multiprocessing
import os
import socket
import statistics
import time
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any

import orjson
import socketio
import uvicorn
import uvloop
from fanout_audience import Audience, listen
from report import write_report

from callboard.delivery.realtime.server import RealtimeServer
from callboard.delivery.realtime.wire import WireProtocol

_LEVELS = (1_000, 3_000)
_EVENTS_PER_S = 50
_HELD_S = float(os.environ.get("CALLBOARD_BENCH_S", "5"))
_ROUNDS = 2
_ROOM = "calls_room"
_CONTEXT = multiprocessing.get_context("spawn")


def _payload(offset: int) -> dict[str, Any]:
    document = {"sid": f"CA{offset:032x}", "status": "ringing", "contactName": "x" * 230}
    position = {"epoch": "1", "offset": offset}
    return {"type": "update", "document": document, "position": position}


async def _stock(server: Any, offset: int) -> None:
    await server.emit("call_update", _payload(offset), room=_ROOM)


async def _ours(server: Any, offset: int) -> None:
    server.publish("call_update", orjson.dumps(_payload(offset)), _ROOM)


async def _serve(which: str, pipe: Connection) -> None:
    """Listen, tell the port, tell the room for a while, tell what it cost."""
    stock = which == "stock"
    server: Any = (
        socketio.AsyncServer(async_mode="asgi", logger=False, engineio_logger=False)
        if stock
        else RealtimeServer()
    )

    async def connect(sid: str, environ: Any, auth: Any = None) -> None:
        """Let everybody in."""

    async def subscribe(sid: str, *_: Any) -> None:
        if stock:
            await server.enter_room(sid, _ROOM)
        else:
            server.rooms.enter(server.connection(sid), _ROOM)

    server.on("connect", connect)
    server.on("subscribe:calls", subscribe)
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(4_096)
    options: Any = {} if stock else {"ws": WireProtocol}
    web = uvicorn.Server(
        uvicorn.Config(
            socketio.ASGIApp(server),
            lifespan="off",
            log_level="warning",
            ws_ping_interval=None,
            **options,
        )
    )
    serving = asyncio.ensure_future(web.serve(sockets=[listening]))
    pipe.send(listening.getsockname()[1])
    await asyncio.to_thread(pipe.recv)
    gc.collect()
    pipe.send(await _told(server, _stock if stock else _ours))
    await asyncio.to_thread(pipe.recv)
    web.should_exit = True
    web.force_exit = True
    serving.cancel()


async def _told(server: Any, tell: Any) -> tuple[int, float, float]:
    """Return how many events were told, within how many seconds, and their processor time."""
    begun_s, used_s, events = perf_counter(), time.process_time(), 0
    while (passed_s := perf_counter() - begun_s) < _HELD_S:
        if passed_s * _EVENTS_PER_S > events:
            events += 1
            await tell(server, events)
        else:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.3)
    return events, perf_counter() - begun_s, time.process_time() - used_s


def _be_server(which: str, pipe: Connection) -> None:
    uvloop.run(_serve(which, pipe))


def _once(which: str, count: int) -> dict[str, float]:
    pipe, theirs = _CONTEXT.Pipe()
    clients, clients_theirs = _CONTEXT.Pipe()
    server = _CONTEXT.Process(target=_be_server, args=(which, theirs), daemon=True)
    server.start()
    audience = None
    try:
        url = f"http://127.0.0.1:{pipe.recv()}"
        audience = _CONTEXT.Process(
            target=listen,
            args=(Audience(url, "", count, 4), clients_theirs),
            daemon=True,
        )
        audience.start()
        assert clients.poll(120), "the clients did not connect"
        clients.recv()
        time.sleep(0.5)
        clients.send("mark")
        clients.recv()
        pipe.send("go")
        events, took_s, used_s = pipe.recv()
        time.sleep(1)
        clients.send("report")
        heard = clients.recv()["heard"]
        delivered = statistics.median(one.updates for one in heard) * count
    finally:
        for child in (server, audience):
            if child is not None:
                child.kill()
                child.join()
    return {
        "messages/s": delivered / took_s,
        "of target %": 100 * delivered / (_EVENTS_PER_S * _HELD_S * count),
        "µs/message": used_s / max(1, delivered) * 1e6,
        "server cores": used_s / took_s,
        "told": events,
    }


def main() -> None:
    """Measure each server at each number of clients."""
    rows = []
    for count in _LEVELS:
        found: dict[str, list[dict[str, float]]] = {"callboard": [], "stock": []}
        for _ in range(_ROUNDS):
            for which, rounds in found.items():
                rounds.append(_once(which, count))
        for which, rounds in found.items():
            row: dict[str, Any] = {"server": which, "clients": count}
            for name in ("messages/s", "of target %", "µs/message", "server cores"):
                value = statistics.median(one[name] for one in rounds)
                row[name] = round(value, 2 if name.endswith("cores") else 1)
            rows.append(row)
    write_report("emit", __doc__, rows)


if __name__ == "__main__":
    main()
