"""Who may be on the sockets: checked when they come, with each request, and now and then."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import socketio
import structlog

from callboard.clock import Clock
from callboard.delivery.auth import Gate, Principal
from callboard.delivery.guard import Limits
from callboard.delivery.limits import Limiter, Rate
from callboard.delivery.realtime.connection import Connection
from callboard.errors import Unauthorized

__all__ = ["Doorman", "origin_check"]

_log = structlog.get_logger(__name__)

_RECHECK_S = 5.0
_REQUESTS = Rate(per_s=20.0, burst=60.0)
"""How often one client may ask for something: a snapshot is dear, and asking is not."""
_ENDED = "its key or session has ended"


class Doorman:
    """Lets clients in that may read, and shows them out when they may no longer."""

    def __init__(self, gate: Gate, limits: Limits, clock: Clock) -> None:
        self._gate = gate
        self._limits = limits
        self._asked = Limiter(_REQUESTS, clock)
        self._inside: dict[str, Principal] = {}
        self._addresses: dict[str, str] = {}

    def let_in(self, sid: str, environ: Mapping[str, Any], auth: object) -> None:
        """Let a client in that may read.

        Raises:
            ConnectionRefusedError: python-socketio's; it may not.
        """
        token = auth.get("token") if isinstance(auth, Mapping) else None
        header = f"Bearer {token}" if token else environ.get("HTTP_AUTHORIZATION")
        peer = environ["asgi.scope"].get("client") or ("", 0)
        address = self._limits.addresses.of(peer[0], environ.get("HTTP_X_FORWARDED_FOR", ""))
        try:
            self._inside[sid] = self._principal(header, environ.get("HTTP_COOKIE"), address)
            self._addresses[sid] = address
        except Unauthorized as error:
            if not self._limits.told.allow(address):
                _log.info("sockets.refused", reason=str(error))
            raise socketio.exceptions.ConnectionRefusedError("unauthorized") from error

    def _principal(self, header: str | None, cookie: str | None, address: str) -> Principal:
        """Return who connects; raises Unauthorized. A handshake is a way to guess keys, too."""
        guesses = self._limits.guesses
        try:
            principal = self._gate.principal(header, cookie, "read")
        except Unauthorized as error:
            if header and not error.known:
                guesses.wrong(address)
            raise
        if header and guesses.right(address, principal.name):
            message = "too many wrong keys came from this address"
            raise Unauthorized(message)
        return principal

    def forget(self, sid: str) -> None:
        """Forget a client that is gone."""
        self._inside.pop(sid, None)
        self._addresses.pop(sid, None)
        self._asked.forget(sid)

    def person(self, sid: str) -> tuple[str, str]:
        """Return who a client is, by the name of its key, and whence it came."""
        principal = self._inside.get(sid)
        return principal.name if principal is not None else "", self._addresses.get(sid, "")

    def serves(self, sid: str, connection: Connection) -> bool:
        """Tell whether a request is to be answered; else the connection has been ended."""
        principal = self._inside.get(sid)
        if principal is None:
            return False
        if not self._gate.recheck(principal, "read"):
            connection.kick(_ENDED)
        elif self._asked.allow(sid):
            connection.kick("it asks too often")
        else:
            return True
        return False

    async def look_around(self, connection_of: Callable[[str], Connection | None]) -> None:
        """End the connections of those whose right has ended, until cancelled."""
        while True:
            await asyncio.sleep(_RECHECK_S)
            for sid, principal in list(self._inside.items()):
                connection = connection_of(sid)
                if connection is not None and not self._gate.recheck(principal, "read"):
                    connection.kick(_ENDED)


def origin_check(origins: Sequence[str]) -> Callable[[str, Mapping[str, Any]], bool]:
    """Return a check that lets the page's own origin in, and the listed ones.

    Only the host is compared for our own: behind a proxy that ends TLS we cannot know the
    scheme the browser used, and no other site can make a browser send our host as its origin.
    """
    listed = frozenset(origins)

    def allowed(origin: str, environ: Mapping[str, Any]) -> bool:
        return origin in listed or urlsplit(origin).netloc == environ.get("HTTP_HOST")

    return allowed
