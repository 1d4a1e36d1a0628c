"""The Engine.IO server: stock, but for what the protocol demands and stock leaves out.

Engine.IO protocol 4, with its own test suite's reading of it (docs/adr/0019).
"""

import base64
from typing import Any
from urllib.parse import parse_qs

import engineio
import orjson

from callboard.delivery.realtime.connection import Connection
from callboard.delivery.realtime.wire import Message

__all__ = ["Engine"]

_SEPARATOR = b"\x1e"
_SOCKETS_MAX = 20_000


class Engine(engineio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """Engine.IO sessions over our connections."""

    sockets: dict[str, Connection]

    async def handle_request(self, scope: Any, receive: Any, send: Any) -> Any:
        """Serve a request; one that names no transport, or another than it uses, is refused."""
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        transports = query.get("transport", [])
        wanted = "websocket" if scope["type"] == "websocket" else "polling"
        full = "sid" not in query and len(self.sockets) >= _SOCKETS_MAX
        refused = transports != [wanted] or "j" in query or full
        if refused and scope.get("method") != "OPTIONS":
            environ = await self._async["translate_request"](scope, receive, send)
            return await self._make_response(self._bad_request("Invalid transport"), environ)
        return await super().handle_request(scope, receive, send)

    async def _handle_connect(self, environ: Any, transport: str, jsonp_index: Any = None) -> Any:
        """Begin a session."""
        del jsonp_index
        sid = self.generate_id()
        connection = Connection(self, sid)
        self.sockets[sid] = connection
        connection.push(Message("0" + self._told(sid, transport)))
        await self.handlers["connect"](sid, environ)
        connection.schedule_ping()
        if transport == "websocket":
            answer = await connection.handle_get_request(environ)
            await connection.close()
            return answer
        connection.connected = True
        return self._ok(connection.taken())

    def _told(self, sid: str, transport: str) -> str:
        """Return what a client is told of its session; times in milliseconds."""
        told = {
            "sid": sid,
            "upgrades": self._upgrades(sid, transport),
            "pingInterval": round(self.ping_interval * 1000),
            "pingTimeout": round(self.ping_timeout * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        return orjson.dumps(told).decode()

    def session_ended(self, connection: Connection, reason: str) -> None:
        """Forget a session, and tell Socket.IO of its end."""
        self.sockets.pop(connection.sid, None)
        self.handlers["disconnect"](connection, reason)

    def _ok(self, packets: Any = None, headers: Any = None, jsonp_index: Any = None) -> Any:
        """Return the answer to a poll, or to a payload that was taken."""
        del jsonp_index
        body = b"ok" if packets is None else _SEPARATOR.join(map(_text, packets))
        kind = [("Content-Type", "text/plain; charset=UTF-8"), ("Cache-Control", "no-store")]
        return {"status": "200 OK", "headers": [*(headers or []), *kind], "response": body}

    async def _make_response(self, response_dict: Any, environ: Any) -> Any:
        """Answer; a WebSocket of a session that has one is taken, and closed at once."""
        scope, send = environ["asgi.scope"], environ["asgi.send"]
        if scope["type"] == "websocket" and b"sid=" in scope["query_string"]:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close"})
            return ""
        return await super()._make_response(response_dict, environ)

    def _log_error_once(self, message: str, message_key: str) -> None:
        """Say nothing: who asks wrongly is answered, and could fill the log."""

    def _method_not_found(self) -> Any:
        return self._bad_request("Bad handshake method")


def _text(message: Message) -> bytes:
    """Return a message as it stands in a payload."""
    if isinstance(message.packet, bytes):
        return b"b" + base64.b64encode(message.packet)
    return message.packet.encode()
