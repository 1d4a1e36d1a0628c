"""Socket.IO clients without a network: the real server, connections whose bytes stay in memory."""

import asyncio
import contextlib
import struct
from typing import Any

import orjson

from callboard.delivery.realtime.server import RealtimeServer
from callboard.delivery.realtime.wire import WIRE, Message

__all__ = ["FakeWire", "WireClient", "packets_of"]


def packets_of(frames: bytes) -> list[str]:
    """Return the texts of whole frames of a server, none of them deflated."""
    found = []
    while frames:
        first, length = frames[0], frames[1]
        assert first == 0x81, hex(first)
        begin = 2
        if length == 126:
            (length,) = struct.unpack_from("!H", frames, 2)
            begin = 4
        elif length == 127:
            (length,) = struct.unpack_from("!Q", frames, 2)
            begin = 10
        found.append(frames[begin : begin + length].decode())
        frames = frames[begin + length :]
    return found


class FakeWire:
    """What `WireProtocol` is to a connection; it writes into a list, and stalls when told."""

    def __init__(self) -> None:
        self.paused = False
        self.deflates = False
        self.unread = 0
        self.on_paused: Any = None
        self.on_resumed: Any = None
        self.packets: list[str] = []
        self.writes = 0
        self.ended = asyncio.Event()

    def write(self, frames: bytes) -> None:
        """Take frames."""
        assert not self.ended.is_set()
        self.writes += 1
        self.packets += packets_of(frames)

    def write_message(self, message: Message) -> None:
        """Take one message."""
        self.write(message.frame)

    def end(self) -> None:
        """Close."""
        self.ended.set()

    def pause(self) -> None:
        """Behave as a client that does not read."""
        self.paused = True
        if self.on_paused is not None:
            self.on_paused()

    def resume(self) -> None:
        """Behave as one that has read all."""
        self.paused = False
        if self.on_resumed is not None:
            self.on_resumed()


class WireClient:
    """A client by WebSocket."""

    def __init__(self, server: RealtimeServer, token: str = "") -> None:
        self._server = server
        self._token = token
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._acks = 0
        self.wire = FakeWire()
        self._task: asyncio.Task[Any] | None = None

    async def connect(self) -> None:
        """Open the session and the namespace."""
        scope = {
            "type": "websocket",
            "path": "/socket.io/",
            "query_string": b"EIO=4&transport=websocket",
            "headers": [(b"upgrade", b"websocket"), (b"connection", b"upgrade")],
            "extensions": {WIRE: self.wire},
        }
        self._inbox.put_nowait({"type": "websocket.connect"})
        request = self._server.eio.handle_request(scope, self._inbox.get, self._sent)
        self._task = asyncio.get_running_loop().create_task(request)
        auth = orjson.dumps({"token": self._token}).decode() if self._token else ""
        self.send(f"40{auth}")
        await self.settle()

    async def _sent(self, message: Any) -> None:
        """Take the answer to the handshake."""

    def send(self, packet: str) -> None:
        """Send one Engine.IO packet."""
        self._inbox.put_nowait({"type": "websocket.receive", "text": packet})

    def emit(self, event: str, payload: Any = None) -> None:
        """Send an event, and ask for an acknowledgement."""
        arguments = [event] if payload is None else [event, payload]
        self.send(f"42{self._acks}{orjson.dumps(arguments).decode()}")
        self._acks += 1

    async def settle(self) -> None:
        """Let everybody go on for some turns."""
        for _ in range(12):
            await asyncio.sleep(0)

    def told(self) -> list[tuple[str, Any]]:
        """Return events and acknowledgements since the last look, and answer pings."""
        packets, self.wire.packets = self.wire.packets, []
        found: list[tuple[str, Any]] = []
        for packet in packets:
            if packet == "2":
                self.send("3")
            elif packet.startswith("42"):
                event, payload = orjson.loads(packet[2:])
                found.append((event, payload))
            elif packet.startswith("43"):
                found.append(("ack", orjson.loads(packet[packet.index("[") :])))
        return found

    async def cut(self) -> None:
        """Break the connection."""
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": 1006})
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
