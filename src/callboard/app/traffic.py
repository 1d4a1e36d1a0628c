"""Counts what is asked of us and how we answer: one wrapper in front of everything.

In front, because webhooks, kept reads, refusals and routes are answered in four places. A request
costs it about a microsecond.
"""

from collections import defaultdict
from collections.abc import Awaitable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callboard.clock import Clock, SystemClock
from callboard.delivery.templates import template_of
from callboard.domain.webhooks import CALL_STATUS, ELEVENLABS, INITIATION, TWILIO_EVENTS

__all__ = ["OUTCOMES", "VENDORS", "VIEW_ROUTES", "Traffic"]

VENDORS = {
    CALL_STATUS: "twilio",
    TWILIO_EVENTS: "twilio",
    ELEVENLABS: "elevenlabs",
    INITIATION: "elevenlabs",
}
"""Whose webhooks come by which route."""

OUTCOMES = {
    200: "accepted",
    400: "malformed",
    403: "bad_signature",
    413: "too_large",
    503: "unavailable",
}
"""What a status says of a webhook; any other: `failed`, our bug."""
_FAILED = "failed"
_NOT_POST = 405
_TAKEN = 200
_NOT_MODIFIED = 304

VIEW_ROUTES = {
    "/api/calls/active": "live",
    "/api/campaigns": "campaign",
    "/api/campaigns/{campaign_id}/status": "campaign",
    "/api/dashboard/summary": "summary",
}
"""Which view answers which route."""
_HIT = (b"x-cache", b"HIT")
_TODAY = (b"", b"period=today")
_GOOD = frozenset({200, 304})
_START = "http.response.start"
_PATH_LENGTH_MAX = 200
_KNOWN_MAX = 4_096


class _Route:
    """What was counted of one route."""

    __slots__ = ("hits", "last_s", "misses", "statuses", "vendor", "view")

    def __init__(self, name: str) -> None:
        self.statuses: defaultdict[int, int] = defaultdict(int)
        self.vendor = VENDORS.get(name)
        self.last_s: float | None = None
        """When a webhook was taken last, by the steady clock."""
        self.view = VIEW_ROUTES.get(name)
        self.hits = 0
        self.misses = 0

    def read(self, scope: Scope, start: Message) -> None:
        """Count one answer of a route that a view answers."""
        if start["status"] not in _GOOD or scope["method"] == "POST":
            return
        # Periods other than today are sums of stored figures: the keyspace `period`.
        if self.view == "summary" and scope["query_string"] not in _TODAY:
            return
        if _HIT in start["headers"]:
            self.hits += 1
        else:
            self.misses += 1


class Traffic:
    """The counts of one process."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._now_s = self._clock.monotonic_s
        self._routes: dict[str, _Route] = {}
        self._known = lru_cache(_KNOWN_MAX)(self._route)

    def _route(self, path: str) -> _Route:
        name = template_of(path)
        return self._routes.setdefault(name, _Route(name))

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return an application whose answers are counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return

            def told(message: Message) -> Awaitable[None]:
                if message["type"] == _START:
                    path = scope["path"]
                    find = self._known if len(path) <= _PATH_LENGTH_MAX else self._route
                    route = find(path)
                    route.statuses[message["status"]] += 1
                    if route.view is not None:
                        route.read(scope, message)
                    elif route.vendor is not None and message["status"] == _TAKEN:
                        route.last_s = self._now_s()
                return send(message)

            await app(scope, receive, told)

        return counted

    def requests(self) -> Mapping[tuple[str, str], int]:
        """Return how often each route was answered with each class of status."""
        found: defaultdict[tuple[str, str], int] = defaultdict(int)
        for name, route in self._routes.items():
            for status, count in route.statuses.items():
                found[name, f"{status // 100}xx"] += count
        return found

    def webhooks(self) -> Mapping[tuple[str, str], int]:
        """Return how many webhooks of each vendor had each outcome; all there are, from 0 on."""
        found = {
            (vendor, outcome): 0
            for vendor in VENDORS.values()
            for outcome in (*OUTCOMES.values(), _FAILED)
        }
        for vendor, outcome, count in self._webhooks():
            found[vendor, outcome] += count
        return found

    def _webhooks(self) -> Iterator[tuple[str, str, int]]:
        for name, vendor in VENDORS.items():
            route = self._routes.get(name)
            for status, count in route.statuses.items() if route is not None else ():
                if status != _NOT_POST:
                    yield vendor, OUTCOMES.get(status, _FAILED), count

    def last_webhooks(self) -> Mapping[str, datetime]:
        """Return when a webhook of each vendor was taken last, of those that sent any."""
        now, now_s = self._clock.now(), self._now_s()
        found: dict[str, datetime] = {}
        for route in self._routes.values():
            if route.vendor is not None and route.last_s is not None:
                at = now - timedelta(seconds=now_s - route.last_s)
                found[route.vendor] = max(at, found.get(route.vendor, at))
        return found

    def unchanged(self) -> tuple[int, int]:
        """Return how many good answers were 304, and how many were not."""
        statuses = [route.statuses for route in self._routes.values() if route.vendor is None]
        unchanged = sum(counts[_NOT_MODIFIED] for counts in statuses)
        return unchanged, sum(counts[_TAKEN] for counts in statuses)

    def view_reads(self, view: str) -> tuple[int, int]:
        """Return how many reads of a view came from this process' copy, and how many did not."""
        routes = [route for route in self._routes.values() if route.view == view]
        return sum(route.hits for route in routes), sum(route.misses for route in routes)
