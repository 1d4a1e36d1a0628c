"""Answers a client may keep: strong ETags, 304, and private `Cache-Control`. RFC 9110, 9111.

A body has up to three representations, one for each content coding. Each is made at most once,
and has a tag of its own. How an answer looks is decided here alone, whether the framework or the
fast path in front of it sends it.
"""

import hashlib
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from callboard.clock import Clock
from callboard.delivery.encoding import COMPRESSED_FROM, IDENTITY, encoded, negotiated
from callboard.domain.stream import Position

__all__ = [
    "BEGAN",
    "Answer",
    "Asked",
    "Reply",
    "content_tag",
    "position_tag",
    "read_through",
    "reply",
    "respond",
]

BEGAN = "callboard.began_s"
"""Where the ASGI scope says when work on a request began, by the steady clock."""

Headers = list[tuple[bytes, bytes]]

_SCHEMA = 1
"""Part of every position tag: raised when the shape of a body changes."""

_KEPT = "HIT"


def position_tag(position: Position, extra: str = "") -> str:
    """Return the ETag of a view at a position."""
    return f'"{_SCHEMA}-{position.epoch}-{position.offset}{extra}"'


def content_tag(body: bytes) -> str:
    """Return the ETag of a body that has no position."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


class Asked(NamedTuple):
    """What a request says about the representation it wants."""

    held: str
    """`If-None-Match`: the tags the client has."""
    accepted: str
    """`Accept-Encoding`."""
    fresh: bool
    """Whether it says `Cache-Control: no-cache`."""

    @classmethod
    def of(cls, scope: Scope) -> "Asked":
        """Read a request's headers; a header in several lines is one list."""
        held = accepted = control = b""
        for name, value in scope["headers"]:
            if name == b"if-none-match":
                held = held + b", " + value if held else value
            elif name == b"accept-encoding":
                accepted = accepted + b", " + value if accepted else value
            elif name == b"cache-control":
                control = control + b", " + value if control else value
        fresh = bool(control) and b"no-cache" in control.lower()
        return cls(held.decode("latin-1"), accepted.decode("latin-1"), fresh)


class _Representation:
    """A body in one content coding."""

    def __init__(self, answer: "Answer", coding: str) -> None:
        self.tag = f'{answer.tag[:-1]}-{coding}"' if coding else answer.tag
        self._answer = answer
        self._coding = coding
        self._body: bytes | None = None
        self._heads: dict[tuple[int, bool], Headers] = {}

    @property
    def body(self) -> bytes:
        """Return the bytes; made when first wanted, and then kept."""
        if self._body is None:
            self._body = encoded(self._answer.body, self._coding)
        return self._body

    def head(self, max_age_s: int, *, whole: bool) -> Headers:
        """Return the headers that stay the same for as long as the body does; do not change them.

        `whole` is whether the body goes with them: a 304 says nothing about a body it has not.
        """
        head = self._heads.get((max_age_s, whole))
        if head is None:
            head = self._heads[max_age_s, whole] = self._made(max_age_s, whole=whole)
        return head

    def _made(self, max_age_s: int, *, whole: bool) -> Headers:
        answer = self._answer
        vary = "Authorization, Cookie"
        if len(answer.body) >= COMPRESSED_FROM:
            vary += ", Accept-Encoding"
        head = {
            "etag": self.tag,
            "cache-control": f"private, max-age={max_age_s}",
            "vary": vary,
            "x-cache": answer.cache,
        }
        if answer.cache == _KEPT:
            # A kept body is compared with its view's position for every request, so it is never
            # older than a tick, whenever it was rendered.
            head["age"] = "0"
        if whole:
            head["content-type"] = "application/json"
            head["content-length"] = str(len(self.body))
            if self._coding:
                head["content-encoding"] = self._coding
        return [(name.encode(), value.encode()) for name, value in head.items()]


@dataclass(frozen=True, slots=True)
class Answer:
    """A rendered body, its strong tag, and where it came from."""

    body: bytes
    tag: str
    cache: str
    """HIT (memory), MISS (MongoDB, as it should) or BYPASS (MongoDB: nobody vouches)."""
    _representations: dict[str, _Representation] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def representation(self, accepted: str) -> _Representation:
        """Return the body in the coding that an `Accept-Encoding` likes best."""
        coding = negotiated(accepted) if len(self.body) >= COMPRESSED_FROM else IDENTITY
        found = self._representations.get(coding)
        if found is None:
            found = self._representations[coding] = _Representation(self, coding)
        return found


def read_through(payload: Any, cache: str = "MISS") -> Answer:
    """Return the answer for a payload that was read for this very request."""
    body = orjson.dumps(payload)
    return Answer(body, content_tag(body), cache)


class Reply(NamedTuple):
    """An answer as ASGI sends it."""

    status: int
    headers: Headers
    body: bytes


def reply(found: Answer, asked: Asked, clock: Clock, began_s: float, max_age_s: int) -> Reply:
    """Return the body, or 304 when the client has it already.

    It has it if it holds the tag of the very representation it would be sent.
    """
    chosen = found.representation(asked.accepted)
    whole = not (asked.held and _holds(asked.held, chosen.tag))
    took_ms = (clock.monotonic_s() - began_s) * 1_000
    headers = [
        *chosen.head(max_age_s, whole=whole),
        (b"expires", _expires(int(clock.now().timestamp()), max_age_s)),
        (b"server-timing", b"cache;desc=%b, app;dur=%.2f" % (found.cache.encode(), took_ms)),
    ]
    return Reply(200, headers, chosen.body) if whole else Reply(304, headers, b"")


def respond(request: Request, found: Answer, clock: Clock, *, max_age_s: int) -> Response:
    """Return a reply for the framework to send."""
    began_s: float = request.scope.get(BEGAN, clock.monotonic_s())
    said = reply(found, Asked.of(request.scope), clock, began_s, max_age_s)
    response = Response(said.body, said.status)
    response.raw_headers = list(said.headers)
    return response


@lru_cache(maxsize=64)  # once a second for each route
def _expires(now_s: int, max_age_s: int) -> bytes:
    return formatdate(now_s + max_age_s, usegmt=True).encode()


def _holds(held: str, tag: str) -> bool:
    """Compare weakly, as RFC 9110 section 13.1.2 asks for If-None-Match."""
    if held == tag or held.strip() == "*":
        return True
    return tag in {part.strip().removeprefix("W/") for part in held.split(",")}
