"""What every route has by its method: HEAD wherever GET is, and a bound on what is sent to us."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callboard.delivery.problems import problem

__all__ = ["BODY_BYTES_MAX", "HEAD", "TABLES", "TABLE_BYTES_MAX", "Methods"]

BODY_BYTES_MAX = 64 * 1024
"""The longest body of an API write; a campaign is some hundred bytes."""

HEAD = "callboard.head"
"""In the ASGI scope of a GET whose body nobody will see."""

TABLE_BYTES_MAX = 32 << 20
"""The longest table that is imported: 100,000 contacts of 300 bytes."""

TABLES = ".csv"
"""How paths end that take tables."""


class Methods:
    """Turns HEAD into GET for the routes, drops the body, and refuses bodies that are too long."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] == "GET":
            await self._app(scope, receive, send)
        elif scope["method"] == "HEAD":
            await self._app({**scope, "method": "GET", HEAD: True}, receive, _without_body(send))
        else:
            most = TABLE_BYTES_MAX if scope["path"].endswith(TABLES) else BODY_BYTES_MAX
            if _length(scope) > most:
                await problem(413, _too_large(most))(scope, receive, send)
            else:
                await self._app(scope, _bounded(receive, most), send)


def _too_large(most: int) -> str:
    return f"the body may have {most} bytes"


def _length(scope: Scope) -> int:
    """Return the announced length of a request's body, 0 if none is."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _bounded(receive: Receive, most: int) -> Receive:
    """Return a `receive` that stops at the bound: not everybody announces a length."""
    received = 0

    async def receive_some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most:
            raise HTTPException(413, _too_large(most))
        return message

    return receive_some


def _without_body(send: Send) -> Send:
    ended = False

    async def send_head(message: Message) -> None:
        nonlocal ended
        if message["type"] == "http.response.start":
            await send(message)
        elif not ended:
            ended = True
            await send({"type": "http.response.body", "body": b""})

    return send_head
