"""A client for tests: Engine.IO 4 and Socket.IO 5 packet by packet, so that it may misbehave."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.frames import CloseCode

__all__ = [
    "NOOP",
    "PING",
    "PONG",
    "SEPARATOR",
    "Polling",
    "RawRequest",
    "Socket",
    "by_hand",
    "event",
    "is_refused",
    "message",
    "target",
    "websocket",
]

PATH = "/socket.io/"
SEPARATOR = "\x1e"
PING, PONG, NOOP = "2", "3", "6"

_WITHIN_S = 3.0
_AT_ONCE_S = 1.5


def target(transport: str | None, sid: str | None = None, version: str | None = "4") -> str:
    """Return path and query of a request."""
    query = {"EIO": version, "transport": transport, "sid": sid}
    return f"{PATH}?{urlencode({key: value for key, value in query.items() if value is not None})}"


def message(name: str, *data: Any, namespace: str = "/", ack: int | str = "") -> str:
    """Return an event as an Engine.IO packet."""
    of = "" if namespace == "/" else f"{namespace},"
    return f"42{of}{ack}{json.dumps([name, *data], separators=(',', ':'), ensure_ascii=False)}"


def event(packet: str | bytes, namespace: str = "/") -> list[Any]:
    """Return name and arguments of an event."""
    head = "42" if namespace == "/" else f"42{namespace},"
    assert isinstance(packet, str), packet
    assert packet.startswith(head), packet
    heard: list[Any] = json.loads(packet.removeprefix(head))
    return heard


class Socket:
    """One WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, *packets: str | bytes) -> None:
        """Send packets, a frame each."""
        for packet in packets:
            await self.connection.send(packet)

    async def hear(self, within_s: float = _WITHIN_S) -> str | bytes:
        """Return the next packet, whatever it is."""
        async with asyncio.timeout(within_s):
            return await self.connection.recv()

    async def receive(self, within_s: float = _WITHIN_S) -> str | bytes:
        """Return the next packet but pings, which are answered, and noops."""
        async with asyncio.timeout(within_s):
            while (packet := await self.connection.recv()) in (PING, NOOP):
                if packet == PING:
                    await self.send(PONG)
            return packet

    async def receive_text(self) -> str:
        """Return the next packet but pings; it has to be text."""
        packet = await self.receive()
        assert isinstance(packet, str), packet
        return packet

    async def opened(self) -> dict[str, Any]:
        """Return what the server tells of the session."""
        packet = await self.receive_text()
        assert packet[0] == "0", packet
        told: dict[str, Any] = json.loads(packet[1:])
        return told

    async def enter(self, namespace: str = "/", auth: Any = None) -> str:
        """Open a namespace, whose `auth` event is taken too; returns the id there."""
        of = "" if namespace == "/" else f"{namespace},"
        await self.send(f"40{of}{'' if auth is None else json.dumps(auth)}")
        packet = await self.receive_text()
        assert packet.startswith(f"40{of}{{"), packet
        assert event(await self.receive(), namespace) == ["auth", auth or {}]
        sid: str = json.loads(packet.removeprefix(f"40{of}"))["sid"]
        return sid

    async def echo(self, text: str = "still here", namespace: str = "/") -> None:
        """Send an event; nothing may come before its answer."""
        await self.send(message("message", text, namespace=namespace))
        answer = event(await self.receive(), namespace)
        assert answer == ["message-back", text]

    async def ended(self, within_s: float = _AT_ONCE_S) -> list[str | bytes]:
        """Return what still came before the server closed the connection; no ping is answered."""
        heard: list[str | bytes] = []
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(within_s):
                while True:
                    heard.append(await self.connection.recv())
        assert self.connection.close_code != CloseCode.ABNORMAL_CLOSURE, "no close frame came"
        return heard


@contextlib.asynccontextmanager
async def websocket(url: str, sid: str | None = None, **options: Any) -> AsyncIterator[Socket]:
    """Open a WebSocket, with the id of a session that is to be upgraded."""
    uri = url.replace("http", "ws", 1) + target("websocket", sid)
    options = {"ping_interval": None, "close_timeout": 1, "proxy": None, **options}
    async with connect(uri, **options) as connection:
        yield Socket(connection)


async def is_refused(url: str, where: str) -> bool:
    """Tell whether a WebSocket is refused, or closed before a packet comes."""
    try:
        async with connect(url.replace("http", "ws", 1) + where, proxy=None) as connection:
            return await Socket(connection).ended() == []
    except InvalidHandshake:
        return True


class Polling:
    """One session by HTTP long-polling."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.sid = ""
        self.told: dict[str, Any] = {}
        self._kept: list[str] = []

    async def open(self) -> None:
        """Begin the session."""
        answer = await self._http.get(target("polling"))
        assert answer.status_code == 200, answer.text
        assert answer.text[0] == "0"
        self.told = json.loads(answer.text[1:])
        self.sid = self.told["sid"]

    async def enter(self) -> None:
        """Begin the session and open the main namespace, whose `auth` event is taken too."""
        await self.open()
        assert (await self.post("40")).status_code == 200
        heard = [await self.receive(), await self.receive()]
        assert heard[0].startswith("40{"), heard
        assert event(heard[1]) == ["auth", {}]

    async def poll(self) -> httpx.Response:
        """Poll once."""
        return await self._http.get(target("polling", self.sid))

    async def post(self, *packets: str | bytes) -> httpx.Response:
        """Send a payload; bytes are sent as they are, which is not what the protocol asks."""
        raw = (packet.encode() if isinstance(packet, str) else packet for packet in packets)
        content = SEPARATOR.encode().join(raw)
        return await self._http.post(target("polling", self.sid), content=content)

    async def receive(self) -> str:
        """Return the next packet but pings, which are answered."""
        while not self._kept:
            answer = await self.poll()
            assert answer.status_code == 200, answer.text
            packets = answer.text.split(SEPARATOR)
            if PING in packets:
                packets.remove(PING)
                assert (await self.post(PONG)).status_code == 200
            self._kept = packets
        return self._kept.pop(0)

    async def echo(self, text: str = "still here") -> None:
        """Send an event; nothing may come before its answer."""
        assert (await self.post(message("message", text))).status_code == 200
        assert event(await self.receive()) == ["message-back", text]

    async def is_over(self) -> bool:
        """Tell whether the server knows nothing of the session any more."""
        return (await self.poll()).status_code == 400


class RawRequest:
    """A request somebody writes by hand, and need not finish."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        """Send more of it."""
        self._writer.write(data)

    def abort(self) -> None:
        """Go away without a word."""
        self._writer.transport.abort()

    async def status(self) -> int:
        """Return the status of the answer."""
        async with asyncio.timeout(_WITHIN_S):
            line = await self._reader.readline()
        return int(line.split()[1])


@contextlib.asynccontextmanager
async def by_hand(url: str, method: str, where: str, *headers: str) -> AsyncIterator[RawRequest]:
    """Begin a request; whatever there is of a body is the caller's."""
    host = urlsplit(url).netloc
    reader, writer = await asyncio.open_connection(*host.split(":"))
    request = RawRequest(reader, writer)
    lines = [f"{method} {where} HTTP/1.1", f"Host: {host}", *headers, "", ""]
    request.send("\r\n".join(lines).encode())
    try:
        yield request
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
