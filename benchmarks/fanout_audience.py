"""Thousands of Socket.IO clients in one process, as cheap as they can be.

They share the cores with what they listen to, so all but a few only count bytes. The few read
every message, keep a board, note when each status of each call came, and whether an offset was
missing. A share of all, and of the few, offers permessage-deflate, as browsers do.
"""

import selectors
import socket
import zlib
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any

import orjson

__all__ = ["Audience", "Heard", "listen"]

_HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n"
)
_OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
_ALIVE_EVERY_S = 10.0
_BUFFER = bytearray(1 << 20)
_TAIL = b"\x00\x00\xff\xff"
_ALIVE = ("initiated", "ringing", "in-progress")


@dataclass(frozen=True)
class Audience:
    """Who listens."""

    url: str
    token: str
    count: int
    reading: int
    """How many read what they are told; the others count bytes."""
    batch: bool = False
    deflate: int = 50
    """The share that offers permessage-deflate, in percent: 0, 50 or 100."""

    def offers(self, number: int) -> bool:
        """Tell whether a client offers it; both kinds are among those that read."""
        return self.deflate == 100 or (self.deflate == 50 and number % 2 == 1)


@dataclass
class Heard:
    """What one client that reads has heard since the mark."""

    updates: int = 0
    gaps: int = 0
    duplicates: int = 0
    snapshots: int = 0
    came: dict[str, float] = field(default_factory=dict)
    """`sid status` to the instant at which it came first, monotonic seconds."""
    board: dict[str, str] = field(default_factory=dict)
    """The live calls, sid to status; what was heard before the mark as well."""


class _Client:
    def __init__(self, host: str, port: int, token: str, *, deflates: bool, reads: bool) -> None:
        self.deflates, self.reads = deflates, reads
        self.bytes = 0
        self.heard = Heard()
        self._rest = b""
        self._offset: int | None = None
        self.socket = socket.create_connection((host, port), timeout=20)
        offer = _OFFER if deflates else ""
        self.socket.sendall(_HANDSHAKE.format(host=f"{host}:{port}", offer=offer).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.socket.recv(4_096)
        head, _, self._rest = head.partition(b"\r\n\r\n")
        assert b" 101 " in head, head
        assert deflates == (b"permessage-deflate" in head), head
        self._fresh = b"server_no_context_takeover" in head
        self._inflater = zlib.decompressobj(wbits=-15)
        self.send("40" + orjson.dumps({"token": token}).decode())

    def send(self, packet: str) -> None:
        """Send a packet, masked with nothing."""
        text = packet.encode()
        size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2)
        self.socket.sendall(b"\x81" + size + bytes(4) + text)

    def take(self) -> None:
        """Take what has come."""
        count = self.socket.recv_into(_BUFFER)
        if not count:
            message = "the server closed a connection"
            raise EOFError(message)
        self.bytes += count
        if self.reads:
            self._rest += _BUFFER[:count]
            self._read(perf_counter())

    def _read(self, now_s: float) -> None:
        rest, at = self._rest, 0
        while len(rest) - at >= 2:
            short = rest[at + 1]
            begin = at + {126: 4, 127: 10}.get(short, 2)
            length = int.from_bytes(rest[at + 2 : begin]) if begin - at > 2 else short
            if len(rest) < begin + length:
                break
            payload = rest[begin : begin + length]
            if rest[at] & 0x40:
                if self._fresh:
                    self._inflater = zlib.decompressobj(wbits=-15)
                payload = self._inflater.decompress(payload + _TAIL)
            at = begin + length
            self._packet(payload, now_s)
        self._rest = rest[at:]

    def _packet(self, packet: bytes, now_s: float) -> None:
        if not packet.startswith(b"42"):
            return
        event, payload = orjson.loads(packet[2:])
        offset = payload["position"]["offset"]
        heard = self.heard
        if event == "active_calls":
            heard.snapshots += 1
            heard.board = {call["sid"]: call["status"] for call in payload["active_calls"]}
            self._offset = offset
        elif event == "call_updates":
            # Offsets of what was coalesced are not there; none may come again.
            for update in payload["updates"]:
                one = update["position"]["offset"]
                heard.duplicates += self._offset is not None and one <= self._offset
                self._offset = one
                self._update(update, now_s)
            heard.duplicates += self._offset is not None and offset < self._offset
            self._offset = offset
        elif event == "call_update":
            if self._offset is not None and offset != self._offset + 1:
                heard.gaps += offset > self._offset + 1
                heard.duplicates += offset <= self._offset
            self._offset = offset
            self._update(payload, now_s)

    def _update(self, update: Any, now_s: float) -> None:
        call = update["document"]
        self.heard.updates += 1
        self.heard.came.setdefault(f"{call['sid']} {call['status']}", now_s)
        if update["type"] != "delete" and call["status"] in _ALIVE:
            self.heard.board[call["sid"]] = call["status"]
        else:
            self.heard.board.pop(call["sid"], None)


def listen(audience: Audience, pipe: Connection) -> None:
    """Be the clients' process: connect, then obey `mark` and `report` until told None."""
    selector = selectors.DefaultSelector()
    clients = _connected(audience, selector)
    wish = orjson.dumps({"batch": True} if audience.batch else {}).decode()
    for client in clients:
        client.send(f'42["subscribe:calls",{wish}]')
        _turn(selector, 0.0)
    selector.register(pipe.fileno(), selectors.EVENT_READ, None)
    pipe.send("ready")
    alive_s = perf_counter()
    while True:
        try:
            if _turn(selector, 0.2) and not _obey(pipe, clients):
                return
        except EOFError:  # the server is gone, and so is the run
            return
        if perf_counter() - alive_s > _ALIVE_EVERY_S:
            alive_s = perf_counter()
            for client in clients:
                client.send("3")


def _connected(audience: Audience, selector: selectors.BaseSelector) -> list[_Client]:
    host, _, port = audience.url.partition("://")[2].partition(":")
    clients = []
    for number in range(audience.count):
        deflates, reads = audience.offers(number), number < audience.reading
        client = _Client(host, int(port), audience.token, deflates=deflates, reads=reads)
        selector.register(client.socket, selectors.EVENT_READ, client.take)
        clients.append(client)
        if number % 50 == 0:
            _turn(selector, 0.0)
    return clients


def _obey(pipe: Connection, clients: list[_Client]) -> bool:
    """Do what was asked; False for the last."""
    asked = pipe.recv()
    if asked == "mark":
        for client in clients:
            client.bytes, client.heard = 0, Heard(board=client.heard.board)
        pipe.send("marked")
    elif asked is not None:
        pipe.send(_report(clients))
    return asked is not None


def _turn(selector: selectors.BaseSelector, timeout_s: float) -> bool:
    """Take what has come for everybody; tell whether the pipe has something."""
    told = False
    for key, _ in selector.select(timeout_s):
        if key.data is None:
            told = True
        else:
            key.data()
    return told


def _report(clients: list[_Client]) -> dict[str, Any]:
    """Return what was heard since the mark."""
    counting = [client for client in clients if not client.reads]
    kinds = [[c.bytes for c in counting if c.deflates == kind] for kind in (False, True)]
    return {
        "heard": [client.heard for client in clients if client.reads],
        "bytes": sum(client.bytes for client in clients),
        # Clients of one kind are told the same, so they count the same.
        "uneven": sum(max(kind) != min(kind) for kind in kinds if kind),
    }
