"""Answers a client may keep: strong ETags, 304, and private `Cache-Control`. RFC 9110, 9111."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from callboard.clock import Clock
from callboard.domain.stream import Position

__all__ = ["Answer", "content_tag", "position_tag", "read_through", "respond"]

_SCHEMA = 1
"""Part of every position tag: raised when the shape of a body changes."""


def position_tag(position: Position, extra: str = "") -> str:
    """Return the ETag of a view at a position."""
    return f'"{_SCHEMA}-{position.epoch}-{position.offset}{extra}"'


def content_tag(body: bytes) -> str:
    """Return the ETag of a body that has no position."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


@dataclass(frozen=True, slots=True)
class Answer:
    """A rendered body, its strong tag, and where it came from."""

    body: bytes
    tag: str
    cache: str
    """HIT (memory), MISS (MongoDB, as it should) or BYPASS (MongoDB: nobody vouches)."""


def read_through(payload: Any, cache: str = "MISS") -> Answer:
    """Return the answer for a payload that was read for this very request."""
    body = orjson.dumps(payload)
    return Answer(body, content_tag(body), cache)


def respond(request: Request, found: Answer, clock: Clock, *, max_age_s: int) -> Response:
    """Return the body, or 304 when the client has it already."""
    expires: datetime = clock.now() + timedelta(seconds=max_age_s)
    headers = {
        "ETag": found.tag,
        "Cache-Control": f"private, max-age={max_age_s}",
        "Expires": format_datetime(expires.astimezone(UTC), usegmt=True),
        "Vary": "Authorization, Cookie",
        "X-Cache": found.cache,
    }
    if _matches(", ".join(request.headers.getlist("if-none-match")), found.tag):
        return Response(status_code=304, headers=headers)
    return Response(found.body, 200, headers, "application/json")


def _matches(wanted: str, tag: str) -> bool:
    """Compare weakly, as RFC 9110 section 13.1.2 asks for If-None-Match."""
    if wanted.strip() == "*":
        return True
    return tag in {part.strip().removeprefix("W/") for part in wanted.split(",")}
