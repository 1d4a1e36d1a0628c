"""Security headers on every answer. A plain ASGI wrapper: it never touches a body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["SecurityHeaders"]

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]
_NAMES = frozenset(name for name, _ in _HEADERS)


class SecurityHeaders:
    """Adds the headers that forbid framing, sniffing and foreign scripts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = message.get("headers", [])
                names = {name for name, _ in said}
                if names.isdisjoint(_NAMES):
                    message["headers"] = [*said, *_HEADERS]
                else:  # what an answer says itself stays
                    more = [(name, value) for name, value in _HEADERS if name not in names]
                    message["headers"] = [*said, *more]
            await send(message)

        await self._app(scope, receive, send_with_headers)
