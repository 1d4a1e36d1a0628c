"""Messages framed once, and uvicorn's WebSocket connection with a direct way out.

Stock python-socketio hands each message through a queue, a task and the ASGI channel of each
client, and frames (and deflates) the same bytes for each anew. Here a message is framed once,
and whoever has the connection writes the frame to its transport.
"""

import contextlib
import os
import socket
import struct
import zlib
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.server import ServerProtocol

__all__ = ["WIRE", "Message", "WireProtocol"]

WIRE = "callboard.wire"
"""Name of the ASGI extension under which a connection finds its `WireProtocol`."""

_TEXT, _BINARY = 0x81, 0x82
_DEFLATED = 0x40
_SHORT_MAX = 125
_MEDIUM_MAX = 0xFFFF
_DEFLATE_BYTES_MIN = 200
"""Shorter messages gain nothing that a network packet would notice."""
_WINDOW_BITS = 15
_GOING = 1000
_NO_TEXT = 1007
_CLOSING_S = 5.0
_DEFLATE_TAIL = b"\x00\x00\xff\xff"

WRITE_BUFFER_MAX = 64 * 1024
"""Bytes a client may leave unread in our memory before it is told nothing more."""
_UNSENT_MAX = 16 * 1024
"""The same in the kernel's memory, which would else take megabytes that are stale when read."""
_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)


def _framed(payload: bytes, first: int) -> bytes:
    """Return a whole WebSocket message of a server, RFC 6455 section 5.2."""
    length = len(payload)
    if length <= _SHORT_MAX:
        return struct.pack("!BB", first, length) + payload
    if length <= _MEDIUM_MAX:
        return struct.pack("!BBH", first, 126, length) + payload
    return struct.pack("!BBQ", first, 127, length) + payload


class Message:
    """One Engine.IO packet that many clients get: text, frame and deflated frame."""

    __slots__ = ("_deflated", "frame", "packet")

    def __init__(self, packet: str | bytes) -> None:
        self.packet = packet
        """As it stands in a payload of HTTP long-polling; bytes for a binary message."""
        binary = isinstance(packet, bytes)
        payload = packet if isinstance(packet, bytes) else packet.encode()
        self.frame = _framed(payload, _BINARY if binary else _TEXT)
        self._deflated: bytes | None = None

    @property
    def deflated(self) -> bytes:
        """Return the frame, deflated if that saves anything.

        Without context takeover one deflated frame is right for every client, RFC 7692
        section 7.1.1.
        """
        if self._deflated is None:
            self._deflated = self._deflate()
        return self._deflated

    def _deflate(self) -> bytes:
        if len(self.frame) < _DEFLATE_BYTES_MIN:
            return self.frame
        binary = isinstance(self.packet, bytes)
        payload = self.packet if isinstance(self.packet, bytes) else self.packet.encode()
        deflater = zlib.compressobj(wbits=-_WINDOW_BITS)
        short = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)
        found = _framed(
            short.removesuffix(_DEFLATE_TAIL), (_BINARY if binary else _TEXT) | _DEFLATED
        )
        return found if len(found) < len(self.frame) else self.frame


class WireProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket connection; whoever finds it in the scope may write frames directly."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.paused = False
        """Whether the client reads more slowly than we write."""
        self.deflates = False
        """Whether the client takes deflated frames."""
        self.on_paused: Callable[[], None] | None = None
        self.on_resumed: Callable[[], None] | None = None
        factory = ServerPerMessageDeflateFactory(
            server_no_context_takeover=True, client_no_context_takeover=True
        )
        self.conn = ServerProtocol(
            extensions=[factory] if self.config.ws_per_message_deflate else [],
            max_size=self.config.ws_max_size,
            logger=self.logger,
        )

    def connection_made(self, transport: Any) -> None:
        """Bound what may wait for a slow client."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER_MAX)
        known = transport.get_extra_info("socket")
        # uvloop's socket object sets no options: a second handle on the same socket does.
        with (
            contextlib.suppress(OSError, AttributeError),
            socket.socket(fileno=os.dup(known.fileno())) as handle,
        ):
            handle.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, _UNSENT_MAX)

    def handle_connect(self, event: Any) -> None:
        """Put this connection into the scope the application is about to get."""
        super().handle_connect(event)
        scope = getattr(self, "scope", None)
        if scope is not None:
            cast("dict[str, Any]", scope["extensions"])[WIRE] = self
        self.deflates = any(
            isinstance(extension, PerMessageDeflate)
            and extension.local_max_window_bits == _WINDOW_BITS
            for extension in self.conn.extensions
        )

    def send_receive_event_to_app(self) -> None:
        """Close for a text that is none, quietly: uvicorn would log a traceback for each."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.send_close(_NO_TEXT)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def pause_writing(self) -> None:
        """Note that the client is too slow."""
        super().pause_writing()
        self.paused = True
        if self.on_paused is not None:
            self.on_paused()

    def resume_writing(self) -> None:
        """Note that the client has caught up."""
        super().resume_writing()
        self.paused = False
        if self.on_resumed is not None:
            self.on_resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let nobody be called any more."""
        self.on_paused = self.on_resumed = None
        super().connection_lost(exc)

    def write(self, frames: bytes) -> None:
        """Write whole frames; nothing happens on a connection that is closing.

        One client's broken connection must not end what is told to the others, so no error of
        its transport leaves here.
        """
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        with contextlib.suppress(OSError, RuntimeError):
            self.transport.write(frames)

    def write_message(self, message: Message) -> None:
        """Write one message."""
        self.write(message.deflated if self.deflates else message.frame)

    def end(self) -> None:
        """Close the connection; who has not read what was written is not waited for."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": _GOING})
        with contextlib.suppress(InvalidState):
            self.conn.send_close(_GOING)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.unread > WRITE_BUFFER_MAX:
            self.transport.abort()
            return
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(_CLOSING_S, self.transport.abort)

    @property
    def unread(self) -> int:
        """Return how many bytes wait in our memory for the client to read."""
        return int(self.transport.get_write_buffer_size())
