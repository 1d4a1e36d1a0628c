"""The webhook routes: bytes in, one status out.

They stand in front of the web framework: at thousands of webhooks a second its layers would cost
more than all the rest of ingest (docs/adr/0012). What cannot be taken becomes an exception, which
the web application turns into an answer.
"""

from collections.abc import Awaitable, Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from callboard.domain.webhooks import CALL_STATUS, ELEVENLABS, INITIATION, TWILIO_EVENTS
from callboard.errors import MalformedPayload, PayloadTooLarge, StoreUnavailable
from callboard.ingest.accept import ElevenLabsAcceptor, TwilioAcceptor, Webhook

__all__ = ["BodyLimits", "WebhookRoutes"]

Accept = Callable[[Webhook], Awaitable[bytes | None]]
Refuse = Callable[[Scope, Exception], Awaitable[ASGIApp]]

_START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
_NOT_ALLOWED = 405
_EMPTY = {"type": "http.response.body", "body": b""}


class BodyLimits:
    """How large one body may be, and all bodies in memory together."""

    def __init__(self, twilio_max: int, elevenlabs_max: int, together_max: int) -> None:
        self.by_path: Mapping[str, int] = {
            CALL_STATUS: twilio_max,
            TWILIO_EVENTS: max(twilio_max, _EVENTS_BYTES_MAX),
            ELEVENLABS: elevenlabs_max,
            INITIATION: twilio_max,
        }
        self.together_max = together_max


_EVENTS_BYTES_MAX = 4 * 1024 * 1024
"""Event Streams send batches of up to a few hundred events of some 4 KB."""


class WebhookRoutes:
    """Answers the vendors; passes every other request on."""

    def __init__(
        self,
        twilio: TwilioAcceptor,
        elevenlabs: ElevenLabsAcceptor,
        limits: BodyLimits,
        *,
        refuse: Refuse,
        otherwise: ASGIApp,
    ) -> None:
        self._accept: dict[str, Accept] = {
            CALL_STATUS: twilio.callback,
            TWILIO_EVENTS: twilio.events,
            ELEVENLABS: elevenlabs.event,
            INITIATION: elevenlabs.initiation,
        }
        self._limits = limits
        self._held = 0
        self._refuse = refuse
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        accept = self._accept.get(scope["path"]) if scope["type"] == "http" else None
        if accept is None:
            await self._otherwise(scope, receive, send)
            return
        held = _Held()
        try:
            answer = await accept(await self._webhook(scope, receive, held))
        except Exception as error:
            refused = await self._refuse(scope, error)
            await refused(scope, receive, send)
            return
        finally:
            self._held -= held.size
        if answer is None:
            await send(_START)
            await send(_EMPTY)
        else:
            await _send_json(send, answer)

    async def _webhook(self, scope: Scope, receive: Receive, held: "_Held") -> Webhook:
        if scope["method"] != "POST":
            raise HTTPException(_NOT_ALLOWED, "only POST", {"Allow": "POST"})
        body = await self._body(receive, self._limits.by_path[scope["path"]], held)
        return Webhook(
            path=scope["raw_path"].decode("ascii", "replace").partition("?")[0],
            query=scope["query_string"].decode("ascii", "replace"),
            body=body,
            headers=dict(scope["headers"]),
        )

    async def _body(self, receive: Receive, bytes_max: int, held: "_Held") -> bytes:
        """Read the body, giving up as soon as it is too large.

        Raises:
            PayloadTooLarge: it is larger than the limit.
            StoreUnavailable: too much is in memory already.
            MalformedPayload: the sender hung up half-way.
        """
        chunks: list[bytes] = []
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                problem = "the request ended before its body did"
                raise MalformedPayload(problem, field="body")
            chunk = message.get("body", b"")
            more = message.get("more_body", False)
            chunks.append(chunk)
            held.size += len(chunk)
            self._held += len(chunk)
            if held.size > bytes_max:
                problem = f"the body is larger than {bytes_max} bytes"
                raise PayloadTooLarge(problem)
            if self._held > self._limits.together_max:
                problem = f"more than {self._limits.together_max} bytes of webhooks are in memory"
                raise StoreUnavailable(problem)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class _Held:
    """How many bytes of one request are in memory."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        self.size = 0


async def _send_json(send: Send, body: bytes) -> None:
    headers = [
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
