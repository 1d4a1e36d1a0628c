"""The webhook routes: bytes in, one status out. Errors leave as exceptions; the app maps them."""

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from callboard.errors import MalformedPayload, PayloadTooLarge
from callboard.ingest.accept import TwilioAcceptor, Webhook

__all__ = ["webhook_routes"]


def webhook_routes(twilio: TwilioAcceptor, *, body_bytes_max: int) -> list[Route]:
    """Return the routes the vendors call."""

    async def call_status(request: Request) -> Response:
        body = await _body(request, body_bytes_max)
        await twilio.accept(
            Webhook(
                path=request.scope["raw_path"].decode("ascii").partition("?")[0],
                query=request.scope["query_string"].decode("ascii", "replace"),
                body=body,
                signature=request.headers.get("x-twilio-signature"),
            )
        )
        return Response(status_code=200)

    return [Route("/webhook/call-status", call_status, methods=["POST"])]


async def _body(request: Request, bytes_max: int) -> bytes:
    """Read the body, giving up as soon as it is too large.

    Raises:
        PayloadTooLarge: it is larger than the limit.
        MalformedPayload: the sender hung up half-way.
    """
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > bytes_max:
                message = f"the body is larger than {bytes_max} bytes"
                raise PayloadTooLarge(message)
            chunks.append(chunk)
    except ClientDisconnect as error:
        message = "the request ended before its body did"
        raise MalformedPayload(message, field="body") from error
    return b"".join(chunks)
