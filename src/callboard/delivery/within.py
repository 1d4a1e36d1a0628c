"""Asks our own routes as a client would, without a socket: what is warmed is what is asked for."""

from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope

from callboard.delivery.auth import Principal
from callboard.delivery.guard import PRINCIPAL
from callboard.errors import Unavailable

__all__ = ["Within"]

_OURSELVES = Principal("callboard", frozenset({"read"}))
_SERVER_ERROR = 500


class Within:
    """Reads by path; nobody's limits are counted."""

    def __init__(self, api: ASGIApp) -> None:
        self._api = api

    async def warm(self, path: str) -> bool:
        """Ask for a path, query included; tell whether it had to be loaded.

        What there is not has been loaded too: that it is not is remembered.

        Raises:
            Unavailable: it could not be answered.
        """
        status, cache = await self._ask(path)
        if status >= _SERVER_ERROR:
            message = f"{path} was answered with {status}"
            raise Unavailable(message)
        return cache != b"HIT"

    async def _ask(self, target: str) -> tuple[int, bytes]:
        path, _, query = target.partition("?")
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [],
            "client": None,
            "server": None,
            PRINCIPAL: _OURSELVES,
        }
        starts: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                starts.append(message)

        await self._api(scope, receive, send)
        start = starts[0]
        return start["status"], dict(start["headers"]).get(b"x-cache", b"")
