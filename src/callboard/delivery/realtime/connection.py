"""One client's Engine.IO session: first polling perhaps, then a WebSocket.

Engine.IO protocol 4. By WebSocket every packet is written when it is sent: there is no queue, so
there is nothing to overtake. By long-polling packets wait in an outbox for the next poll.
"""

import asyncio
import base64
import contextlib
from collections.abc import Callable
from typing import Any

import structlog
from engineio import exceptions
from engineio.async_socket import AsyncSocket
from engineio.packet import CLOSE, MESSAGE, NOOP, PING, PONG, UPGRADE, Packet

from callboard.delivery.realtime.wire import WIRE, WRITE_BUFFER_MAX, Message, WireProtocol

__all__ = ["Connection", "Garbage"]

_log = structlog.get_logger(__name__)

_SEPARATOR = "\x1e"
_PROBE_TIMEOUT_S = 10.0
_STALLED_S = 30.0
"""A client that has read nothing for so long is gone."""
_UNREAD_MAX = 4 * 1024 * 1024
"""Bytes one client may leave unread in our memory, snapshots and answers included."""
_PAYLOAD_PACKETS_MAX = 64

_SIMPLE = {kind: Message(str(kind)) for kind in (CLOSE, PING, NOOP)}
_PROBE_ANSWER = Message(f"{PONG}probe")


class Garbage(exceptions.EngineIOError):  # type: ignore[misc]  # the library has no types
    """A client sent what the protocol does not allow."""


class _EndedError(Exception):
    """The client is gone."""


class Connection(AsyncSocket):  # type: ignore[misc]  # the library has no types
    """A session of one client."""

    closed: bool

    def __init__(self, server: Any, sid: str) -> None:
        super().__init__(server, sid)
        self.wire: WireProtocol | None = None
        self.lagging = False
        """Whether deltas were left out for this client, which then needs a snapshot."""
        self.on_drained: Callable[[], None] | None = None
        """Told when a lagging client can be written to again."""
        self._outbox: list[Message] = []
        self._outbox_bytes = 0
        self._poll: asyncio.Future[None] | None = None
        self._posting = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    # -- sending

    def push(self, message: Message) -> None:
        """Send one message after all that were sent before."""
        if self.closed:
            return
        if self.wire is not None:
            self.wire.write_message(message)
            if self.wire.unread > _UNREAD_MAX:
                self.kick("it leaves too much unread")
            return
        self._put(message)
        if self._outbox_bytes > _UNREAD_MAX:
            self.kick("it leaves too much unread")

    def _put(self, message: Message) -> None:
        self._outbox.append(message)
        self._outbox_bytes += len(message.frame)
        self._wake()

    @property
    def slow(self) -> bool:
        """Tell whether the client has not read what was sent before."""
        if self.wire is not None:
            return self.wire.paused
        return self._outbox_bytes > WRITE_BUFFER_MAX

    async def send(self, pkt: Packet) -> None:
        """Send a packet of the library's."""
        self.push(Message(pkt.encode()))

    def _wake(self) -> None:
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)

    # -- staying alive

    def schedule_ping(self) -> None:
        """Ping after the interval; whoever does not answer in time is gone."""
        self._set_timer(self.server.ping_interval, self._ping)

    def _ping(self) -> None:
        self.push(_SIMPLE[PING])
        self._set_timer(self.server.ping_timeout, self._timed_out)

    def _timed_out(self) -> None:
        self._end(self.server.reason.PING_TIMEOUT)

    def _set_timer(self, delay_s: float, run: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, run)

    async def check_ping_timeout(self) -> bool:
        """Tell the library that timers see to it."""
        return True

    # -- long-polling

    async def handle_get_request(self, environ: dict[str, Any]) -> Any:
        """Answer a poll with what waits, or become a WebSocket."""
        if environ["asgi.scope"]["type"] == "websocket":
            return await self._upgrade_websocket(environ)
        if self.upgrading:
            return [_SIMPLE[NOOP]]
        if self._poll is not None:
            # Two polls at once: the first is told, the second refused (and the session closed).
            self._end(self.server.reason.TRANSPORT_ERROR)
            raise Garbage
        if not self._outbox:
            await self._something(environ["asgi.receive"])
        if self.upgrading and not self.closed:
            return [_SIMPLE[NOOP]]
        return self.taken()

    async def _something(self, receive: Callable[[], Any]) -> None:
        """Wait until something waits; raises Garbage if the client goes away before."""
        self._poll = self._loop.create_future()
        gone = self._loop.create_task(_until_gone(receive))
        try:
            await asyncio.wait((self._poll, gone), return_when=asyncio.FIRST_COMPLETED)
            came = self._poll.done()
        finally:
            self._poll = None
            gone.cancel()
        if not came:
            self._end(self.server.reason.TRANSPORT_CLOSE)
            raise Garbage

    def taken(self) -> list[Message]:
        """Take the outbox. A lagging client finds its snapshot there, last."""
        if self.lagging and self.on_drained is not None:
            self._outbox_bytes = 0
            self.on_drained()
        messages, self._outbox = self._outbox, []
        self._outbox_bytes = 0
        return messages or [_SIMPLE[NOOP]]

    async def handle_post_request(self, environ: dict[str, Any]) -> None:
        """Take a payload; raises Garbage for one that is none, and for two at once."""
        try:
            if self._posting:
                self.kick("two payloads at once")
                raise Garbage
            self._posting = True
            await self._take_payload(environ)
        except (ValueError, exceptions.EngineIOError) as error:
            self.kick("no payload")
            # The library knows how to refuse a session that it finds, and only that.
            self.server.sockets[self.sid] = self
            raise Garbage from error

    async def _take_payload(self, environ: dict[str, Any]) -> None:
        try:
            for packet in await self._payload(environ):
                await self.take(_from_base64(packet) if packet.startswith("b") else packet)
        finally:
            self._posting = False

    async def _payload(self, environ: dict[str, Any]) -> list[str]:
        """Return the packets of a whole payload.

        Raises:
            ValueError: it is none, or not whole.
            ContentTooLongError: it is too long.
        """
        event, receive = environ["wsgi.input"].event, environ["asgi.receive"]
        body = b""
        while event["type"] == "http.request":
            body += event.get("body", b"")
            if len(body) > self.server.max_http_buffer_size:
                raise exceptions.ContentTooLongError
            if not event.get("more_body"):
                break
            event = await receive()
        else:
            message = "the client went away in the middle"
            raise ValueError(message)
        packets: list[str] = body.decode().split(_SEPARATOR)
        if len(packets) > _PAYLOAD_PACKETS_MAX:
            message = "too many packets"
            raise ValueError(message)
        return packets

    # -- WebSocket

    async def _upgrade_websocket(self, environ: dict[str, Any]) -> Any:
        """Become a WebSocket: at once, or from polling by the probe."""
        wire = environ["asgi.scope"].get("extensions", {}).get(WIRE)
        if wire is None or self.upgrading or self.wire is not None:
            return self.server._bad_request()  # noqa: SLF001  (the library's way to refuse)
        await environ["asgi.send"]({"type": "websocket.accept"})
        receive = environ["asgi.receive"]
        try:
            if self.connected and not await self._probed(receive, wire):
                return ""
            self._attach(wire)
            with contextlib.suppress(_EndedError, Garbage):
                while not self.closed:
                    await self.take(await _received(receive))
            self._end(self.server.reason.TRANSPORT_CLOSE)
        finally:
            wire.end()
        return ""

    async def _probed(self, receive: Callable[[], Any], wire: WireProtocol) -> bool:
        """Tell whether the client has made this WebSocket its transport."""
        self.upgrading = True
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                if await _received(receive) != f"{PING}probe":
                    return False
                wire.write_message(_PROBE_ANSWER)
                self._wake()  # a waiting poll ends: nothing more comes by that way
                return await _received(receive) == str(UPGRADE) and not self.closed
        except (_EndedError, TimeoutError):
            return False
        finally:
            self.upgrading = False

    def _attach(self, wire: WireProtocol) -> None:
        """Write to this WebSocket from now on, first what still waits."""
        self.connected = self.upgraded = True
        self.wire = wire
        wire.on_paused = self._paused
        wire.on_resumed = self._resumed
        waiting, self._outbox = self._outbox, []
        self._outbox_bytes = 0
        for message in waiting:
            wire.write_message(message)
        if self.lagging and not wire.paused:
            self._resumed()

    def _paused(self) -> None:
        self._stalled = self._loop.call_later(_STALLED_S, self.kick, "it reads nothing")

    def _resumed(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        if self.lagging and not self.closed and self.on_drained is not None:
            self.on_drained()

    # -- receiving

    async def take(self, text: str | bytes) -> None:
        """Take one packet of the client's.

        Raises:
            Garbage: it is none; the session is closed.
        """
        kind = text[:1]
        if self.closed:
            return
        if isinstance(text, bytes):
            await self._message(text)
        elif kind == str(MESSAGE):
            await self._message(text[1:])
        elif kind == str(PONG):
            self.schedule_ping()
        elif kind == str(CLOSE):
            self._end(self.server.reason.CLIENT_DISCONNECT)
        else:
            self.kick("no Engine.IO packet of a client's")
            raise Garbage

    async def _message(self, data: str | bytes) -> None:
        await self.server.handlers["message"](self.sid, data)

    # -- the end

    def kick(self, reason: str) -> None:
        """End the session for something the client did, with one line in the log."""
        if not self.closed:
            _log.info("sockets.kicked", reason=reason)
            self._end(self.server.reason.TRANSPORT_ERROR)

    def _end(self, reason: str) -> None:
        """End the session at once, and tell the server."""
        if self.closed:
            return
        if self.wire is None:
            theirs = reason == self.server.reason.CLIENT_DISCONNECT
            self._put(_SIMPLE[NOOP if theirs else CLOSE])
        self.closed = self.closing = True
        self.on_drained = None
        for timer in (self._timer, self._stalled):
            if timer is not None:
                timer.cancel()
        wire, self.wire = self.wire, None
        if wire is not None:
            wire.on_paused = wire.on_resumed = None
            wire.end()
        self.server.session_ended(self, reason)

    async def close(self, wait: bool = True, abort: bool = False, reason: Any = None) -> None:  # noqa: FBT001,FBT002  (the library's signature)
        """End the session; nothing is waited for."""
        del wait, abort
        self._end(reason or self.server.reason.SERVER_DISCONNECT)


async def _received(receive: Callable[[], Any]) -> str | bytes:
    """Return the next message of a WebSocket; raises _EndedError after the last."""
    event = await receive()
    if event["type"] != "websocket.receive":
        raise _EndedError
    text = event.get("text")
    found: str | bytes = event["bytes"] if text is None else text
    return found


async def _until_gone(receive: Callable[[], Any]) -> None:
    """Return when the client of a request has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _from_base64(packet: str) -> bytes:
    return base64.b64decode(packet[1:], validate=True)
