"""The Socket.IO server: stock packets, namespaces and handlers over our connections and rooms.

Socket.IO protocol 5. What is no packet of it closes the connection at once, with one line in
the log; so does a client that opens no namespace in time.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import orjson
import socketio
import structlog
from socketio import packet as sio

from callboard.delivery.realtime.connection import Connection, Garbage
from callboard.delivery.realtime.engine import Engine
from callboard.delivery.realtime.rooms import TICK_S, Pack, Rooms, as_they_are
from callboard.delivery.realtime.wire import Message

__all__ = ["RealtimeServer", "event_message"]

_log = structlog.get_logger(__name__)

_CONNECT_TIMEOUT_S = 10.0
_ATTACHMENTS_MAX = 10
_RESERVED = frozenset({"connect", "connect_error", "disconnect", "disconnecting"})


class _Json:
    """orjson in the shape python-socketio takes a JSON module."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: Any) -> Any:
        return orjson.loads(text)


class _Packet(sio.Packet):  # type: ignore[misc]  # the library has no types
    """A packet whose placeholders name attachments that are there."""

    @classmethod
    def _reconstruct_binary_internal(cls, data: Any, attachments: list[bytes]) -> Any:
        if isinstance(data, dict) and data.get("_placeholder") is True:
            number = data.get("num")
            if type(number) is not int or not 0 <= number < len(attachments):
                message = "no such attachment"
                raise ValueError(message)
        return super()._reconstruct_binary_internal(data, attachments)


def event_message(event: str, payload: bytes) -> Message:
    """Return an event of the namespace `/` with its payload in JSON, framed for everybody."""
    return Message(f'42["{event}",{payload.decode()}]')


class RealtimeServer(socketio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """Socket.IO for many clients that are told the same."""

    eio: Engine

    def __init__(
        self,
        *,
        connect_timeout_s: float = _CONNECT_TIMEOUT_S,
        tick_s: float = TICK_S,
        pack_of: Callable[[str], Pack] = lambda _: as_they_are,
        **options: Any,
    ) -> None:
        options = {"json": _Json, "async_handlers": False, "serializer": _Packet, **options}
        super().__init__(async_mode="asgi", monitor_clients=False, **options)
        self.rooms = Rooms(pack_of, tick_s)
        self.on_connected: Callable[[str, Connection], None] | None = None
        """Told of each client that was let into `/`, right after it was told so itself."""
        self.on_lagging: Callable[[str, Connection], None] | None = None
        """Asked for what brings a client up to date that missed messages of its rooms."""
        self._connect_timeout_s = connect_timeout_s
        self._timeouts: dict[str, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self.eio.on("disconnect", self._session_ended)

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    def connection(self, sid: str) -> Connection | None:
        """Return the connection of a client of `/`, None if it is gone."""
        eio_sid = self.manager.eio_sid_from_sid(sid, "/")
        return self.eio.sockets.get(eio_sid) if eio_sid else None

    def publish(self, event: str, payload: bytes, room: str) -> None:
        """Send one event to everybody in a room."""
        self.rooms.publish(room, (event_message(event, payload),))

    def send_now(self, sid: str, messages: Sequence[Message]) -> None:
        """Send messages to one client, after all that its rooms were told before."""
        connection = self.connection(sid)
        if connection is not None:
            self.rooms.flush_of(connection)
            for message in messages:
                connection.push(message)

    # -- sessions

    async def _handle_eio_connect(self, eio_sid: str, environ: Any) -> None:
        """Begin to wait for the first namespace."""
        await super()._handle_eio_connect(eio_sid, environ)
        self._wait_for_namespace(self.eio.sockets[eio_sid])

    def _wait_for_namespace(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        self._timeouts[connection.sid] = loop.call_later(
            self._connect_timeout_s, connection.kick, "it opened no namespace"
        )

    def _session_ended(self, connection: Connection, reason: str) -> None:
        """Let an ended session out of its rooms now, and out of its namespaces soon."""
        self._stop_waiting(connection.sid)
        self.rooms.leave_all(connection)
        ending = self._handle_eio_disconnect(connection.sid, reason)
        task = asyncio.get_running_loop().create_task(ending)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: Any) -> None:
        self._binary_packet.pop(eio_sid, None)
        await super()._handle_eio_disconnect(eio_sid, reason)

    def _stop_waiting(self, eio_sid: str) -> None:
        timeout = self._timeouts.pop(eio_sid, None)
        if timeout is not None:
            timeout.cancel()

    # -- namespaces

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        """Let a client into a namespace, or say why not."""
        name = namespace or "/"
        if name not in self.handlers:
            refusal = {"message": "Invalid namespace"}
            packet = self.packet_class(sio.CONNECT_ERROR, data=refusal, namespace=name)
            await self._send_packet(eio_sid, packet)
            return
        self._stop_waiting(eio_sid)
        await super()._handle_connect(eio_sid, namespace, data)
        sid = self.manager.sid_from_eio_sid(eio_sid, name)
        connection = self.eio.sockets.get(eio_sid)
        if connection is None or connection.closed:
            # It ended while its key was checked.
            await self._handle_disconnect(eio_sid, name, self.reason.TRANSPORT_CLOSE)
        elif not self.manager.is_connected(sid, name):
            if not any(map(partial(self.manager.sid_from_eio_sid, eio_sid), self.handlers)):
                self._wait_for_namespace(connection)
        elif name == "/":
            connection.on_drained = lambda: self._drained(sid, connection)
            if self.on_connected is not None:
                self.on_connected(sid, connection)

    async def _handle_disconnect(
        self, eio_sid: str, namespace: str | None, reason: Any = None
    ) -> None:
        """Let a client out of a namespace."""
        connection = self.eio.sockets.get(eio_sid)
        if connection is not None and (namespace or "/") == "/":
            self.rooms.leave_all(connection)
        await super()._handle_disconnect(eio_sid, namespace, reason)

    def _drained(self, sid: str, connection: Connection) -> None:
        """Bring a client up to date that missed something: in one step, or a delta slips in."""
        self.rooms.flush_of(connection)
        connection.lagging = False
        if self.on_lagging is not None:
            self.on_lagging(sid, connection)

    # -- packets

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        """Take a packet; raises Garbage, and closes the connection, for what is none."""
        connection = self.eio.sockets.get(eio_sid)
        if connection is None:
            return
        try:
            packet = self._decoded(eio_sid, data)
        except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
            connection.kick("no Socket.IO packet")
            raise Garbage from error
        if packet is None:
            return
        try:
            await self._dispatch(eio_sid, packet)
        except Exception:
            # A mistake of ours must not be repeated with each message of this client.
            _log.exception("sockets.handler_failed")
            connection.kick("its message could not be handled")

    def _decoded(self, eio_sid: str, data: str | bytes) -> Any:
        """Return a whole packet; None while attachments are missing.

        Raises:
            ValueError, TypeError, KeyError, IndexError: it is none.
        """
        packet = self._binary_packet.get(eio_sid)
        if isinstance(data, bytes):
            if packet is None:
                message = "an attachment of nothing"
                raise ValueError(message)
            if not packet.add_attachment(data):
                return None
            del self._binary_packet[eio_sid]
            return packet
        if packet is not None or not data[:1].isdigit():
            message = "no packet, or no attachment"
            raise ValueError(message)
        packet = self.packet_class(encoded_packet=data)
        self._check(eio_sid, packet)
        if packet.packet_type in _BINARY:
            self._binary_packet[eio_sid] = packet
            return None
        return packet

    def _check(self, eio_sid: str, packet: Any) -> None:
        """Raise ValueError for what a client may not send."""
        kind, data = packet.packet_type, packet.data
        binary = kind in _BINARY
        right = (
            binary == (0 < packet.attachment_count <= _ATTACHMENTS_MAX)
            and _SHAPES.get(kind, _nothing)(data)
            and (kind not in _ACKS or packet.id is not None)
        )
        known = self.manager.sid_from_eio_sid(eio_sid, packet.namespace or "/") is not None
        if not right or known == (kind == sio.CONNECT):
            message = f"no packet for now: {sio.packet_names[kind]}"
            raise ValueError(message)

    async def _dispatch(self, eio_sid: str, packet: Any) -> None:
        namespace = packet.namespace
        if packet.packet_type == sio.CONNECT:
            await self._handle_connect(eio_sid, namespace, packet.data)
        elif packet.packet_type == sio.DISCONNECT:
            await self._handle_disconnect(eio_sid, namespace, self.reason.CLIENT_DISCONNECT)
        elif packet.packet_type in _ACKS:
            await self._handle_ack(eio_sid, namespace, packet.id, packet.data)
        else:
            await self._handle_event(eio_sid, namespace, packet.id, packet.data)


_BINARY = frozenset({sio.BINARY_EVENT, sio.BINARY_ACK})
_ACKS = frozenset({sio.ACK, sio.BINARY_ACK})


def _nothing(data: Any) -> bool:
    del data
    return False


def _is_event(data: Any) -> bool:
    return (
        isinstance(data, list)
        and bool(data)
        and isinstance(data[0], str)
        and (data[0] not in _RESERVED)
    )


_SHAPES: Mapping[int, Callable[[Any], bool]] = {
    sio.CONNECT: lambda data: data is None or isinstance(data, dict),
    sio.DISCONNECT: lambda data: data is None,
    sio.EVENT: _is_event,
    sio.BINARY_EVENT: _is_event,
    sio.ACK: lambda data: isinstance(data, list),
    sio.BINARY_ACK: lambda data: isinstance(data, list),
}
