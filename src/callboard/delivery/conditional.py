"""Answers a client may keep: strong ETags, 304, and private `Cache-Control`. RFC 9110, 9111."""

import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from starlette.requests import Request
from starlette.responses import Response

from callboard.clock import Clock
from callboard.domain.stream import Position

__all__ = ["answer", "content_tag", "position_tag"]

_SCHEMA = 1
"""Part of every position tag: raised when the shape of a body changes."""


def position_tag(position: Position, extra: str = "") -> str:
    """Return the ETag of a view at a position."""
    return f'"{_SCHEMA}-{position.epoch}-{position.offset}{extra}"'


def content_tag(body: bytes) -> str:
    """Return the ETag of a body that has no position."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def answer(
    request: Request, body: bytes, tag: str, *, max_age_s: int, clock: Clock, cache: str
) -> Response:
    """Return the body, or 304 when the client has it already.

    `cache` says where the answer came from: HIT (memory), MISS (MongoDB, as it should) or
    BYPASS (MongoDB, because nobody vouches for the view).
    """
    expires: datetime = clock.now() + timedelta(seconds=max_age_s)
    headers = {
        "ETag": tag,
        "Cache-Control": f"private, max-age={max_age_s}",
        "Expires": format_datetime(expires.astimezone(UTC), usegmt=True),
        "Vary": "Authorization, Cookie",
        "X-Cache": cache,
    }
    if _matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, "application/json")


def _matches(wanted: str | None, tag: str) -> bool:
    """Compare weakly, as RFC 9110 section 13.1.2 asks for If-None-Match."""
    if wanted is None:
        return False
    if wanted.strip() == "*":
        return True
    return tag in {part.strip().removeprefix("W/") for part in wanted.split(",")}
