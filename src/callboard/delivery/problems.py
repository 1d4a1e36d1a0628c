"""Errors as RFC 9457 problem documents: the one place where our errors become HTTP."""

from typing import Any

import orjson
import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Scope

from callboard.delivery.headers import SecurityHeaders
from callboard.errors import (
    BadSignature,
    CallboardError,
    CampaignExists,
    MalformedPayload,
    NotFound,
    PayloadTooLarge,
    Unauthorized,
    Unavailable,
)

__all__ = ["EXCEPTION_HANDLERS", "problem", "refusal"]

_log = structlog.get_logger(__name__)

_RETRY_AFTER_S = 1
_OUR_WORDS = "Value error, "
"""What pydantic puts before the messages of our own validators."""
_TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    429: "Too many requests",
    500: "Our fault",
    503: "Try again later",
}


def problem(status: int, detail: str, **more: Any) -> Response:
    """Return a problem document; `more` are its extension members."""
    body = {"type": "about:blank", "title": _TITLES.get(status, "Error"), "status": status}
    body |= {"detail": detail, **{name: value for name, value in more.items() if value}}
    body = _encodable(body)
    headers = {"Cache-Control": "no-store"}
    if status == 503:  # noqa: PLR2004  (the status itself)
        headers["Retry-After"] = str(_RETRY_AFTER_S)
    if status == 401:  # noqa: PLR2004  (the status itself)
        headers["WWW-Authenticate"] = 'Bearer realm="callboard"'
    return Response(orjson.dumps(body), status, headers, "application/problem+json")


def _encodable(value: Any) -> Any:
    """Return what was said, with a mark for each half of a character that JSON may smuggle in."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {name: _encodable(inner) for name, inner in value.items()}
    return [_encodable(inner) for inner in value] if isinstance(value, list) else value


def _status(error: CallboardError) -> int:
    if isinstance(error, Unauthorized):
        return 403 if error.known else 401
    for kind, status in (
        (BadSignature, 403),
        (CampaignExists, 409),
        (PayloadTooLarge, 413),
        (MalformedPayload, 400),
        (NotFound, 404),
        (Unavailable, 503),
    ):
        if isinstance(error, kind):
            return status
    return 500


async def _ours(request: Request, error: Exception) -> Response:
    """Map our own errors."""
    if not isinstance(error, CallboardError):
        raise error
    status = _status(error)
    log = _log.error if status >= 500 else _log.info  # noqa: PLR2004  (a server error)
    log("http.refused", status=status, path=request.url.path, reason=str(error))
    return problem(status, str(error), field=getattr(error, "field", None))


async def _invalid(request: Request, error: Exception) -> Response:
    """Name every field that was wrong, all at once."""
    del request
    if not isinstance(error, RequestValidationError):
        raise error
    errors = [
        {
            "field": ".".join(str(part) for part in found["loc"][1:]),
            "message": found["msg"].removeprefix(_OUR_WORDS),
        }
        for found in error.errors()
    ]
    named = ", ".join(
        f"'{found['field']}': {found['message']}" if found["field"] else found["message"]
        for found in errors
    )
    return problem(400, named, field=errors[0]["field"] if errors else None, errors=errors)


async def _http(request: Request, error: Exception) -> Response:
    """Map the framework's own: unknown paths and methods."""
    if not isinstance(error, HTTPException):
        raise error
    answer = problem(error.status_code, f"{request.method} {request.url.path}: {error.detail}")
    answer.headers.update(error.headers or {})
    # Starlette names the methods of the first route that has the path; webhooks have no app.
    if error.status_code == 405 and (found := _methods(request)):  # noqa: PLR2004  (the status itself)
        answer.headers["Allow"] = ", ".join(found)
    return answer


def _methods(request: Request) -> list[str]:
    """Return the methods of a path; several routes may share it, each with its own."""
    routes = getattr(request.scope.get("app"), "routes", ())
    found = [
        method
        for method in ("DELETE", "GET", "PATCH", "POST")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes
        )
    ]
    return sorted({*found, "HEAD"}) if "GET" in found else found


async def _unexpected(request: Request, error: Exception) -> Response:
    """Answer for a bug; the log has the details, the client has none."""
    _log.error("http.failed", path=request.url.path, exc_info=error)
    return problem(500, "callboard met a bug of its own; its log has the details")


EXCEPTION_HANDLERS: dict[Any, Any] = {
    CallboardError: _ours,
    RequestValidationError: _invalid,
    HTTPException: _http,
    Exception: _unexpected,
}


async def refusal(scope: Scope, error: Exception) -> ASGIApp:
    """Return the answer to a request that no framework stands around."""
    request = Request(scope)
    for kind in (CallboardError, HTTPException):
        if isinstance(error, kind):
            answer: Response = await EXCEPTION_HANDLERS[kind](request, error)
            return SecurityHeaders(answer)
    return SecurityHeaders(await _unexpected(request, error))
