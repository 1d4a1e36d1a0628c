"""Requests that a route has found good, so that the next of the same words needs no route.

What a path and query ask for does not depend on who asks: the guard and the scopes are looked at
before. An entry lives for a few seconds, since what a query means may depend on what day it is.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.types import Scope

from callboard.clock import Clock
from callboard.delivery.conditional import Answer

__all__ = ["Find", "Known", "KnownRead"]

Find = Callable[[], Awaitable[Answer | None]]
"""Reads anew, through the cache; None: there is nothing any more."""

_LIVES_S = 15.0
_KNOWN_MAX = 5_000


class KnownRead(NamedTuple):
    """How a request is answered."""

    find: Find
    max_age_s: int
    until_s: float


class Known:
    """Reads by the path and query that asked for them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reads: OrderedDict[tuple[str, bytes], KnownRead] = OrderedDict()

    def remember(self, scope: Scope, find: Find, max_age_s: int) -> None:
        """Take in how a request was answered."""
        words = scope["path"], scope["query_string"]
        until_s = self._clock.monotonic_s() + _LIVES_S
        self._reads[words] = KnownRead(find, max_age_s, until_s)
        self._reads.move_to_end(words)
        if len(self._reads) > _KNOWN_MAX:
            self._reads.popitem(last=False)

    def get(self, scope: Scope) -> KnownRead | None:
        """Return how a request of these very words is answered, None if it is not known."""
        if not self._reads:
            return None
        read = self._reads.get((scope["path"], scope["query_string"]))
        if read is None or self._clock.monotonic_s() >= read.until_s:
            return None
        return read
