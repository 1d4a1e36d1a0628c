"""The reads that boards repeat, answered before the framework: a look-up and a write.

Of views exactly the hits: the path and query are of the plainest form, the view is vouched for,
the key may read, and nobody asks for the newest. Of what is cached: what a route was asked in the
same words a moment ago. Everything else falls through to the routes in `api`, which answer by the
same `conditional.reply`; no answer is made here that they would not make.
Stands behind the guard, which has said who asks, and counted it.
"""

import contextlib
import re
from collections.abc import Callable
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from callboard.clock import Clock
from callboard.delivery.board import (
    ACTIVE_MAX_AGE_S,
    CAMPAIGN_ID_LENGTH_MAX,
    STATUS_MAX_AGE_S,
    SUMMARY_MAX_AGE_S,
    BoardReads,
)
from callboard.delivery.conditional import BEGAN, Answer, Asked, Reply, reply
from callboard.delivery.guard import ADDRESS, PRINCIPAL
from callboard.delivery.known import Known
from callboard.errors import CallboardError

__all__ = ["FastReads", "Told"]

_CAMPAIGNS = "/api/campaigns/"
_STATUS = "/status"
_ONE_CAMPAIGN = re.compile(rb"campaignId=([A-Za-z0-9_.~-]{1,200})")


Told = Callable[[str, str, str], None]
"""Takes in that somebody, by name and address, has read a path with its query."""


class _Read(NamedTuple):
    """How one path is answered: from a query string to a kept answer, None if it is not plain."""

    find: Callable[[bytes], Answer | None]
    max_age_s: int


class FastReads:
    """Answers hits; passes on everything else."""

    def __init__(
        self,
        app: ASGIApp,
        reads: BoardReads,
        known: Known,
        clock: Clock,
        told: Told | None = None,
    ) -> None:
        self._app = app
        self._told = told
        self._reads = reads
        self._known = known
        self._clock = clock
        self._paths = {
            "/api/dashboard/summary": _Read(self._summary, SUMMARY_MAX_AGE_S),
            "/api/calls/active": _Read(self._active, ACTIVE_MAX_AGE_S),
            "/api/campaigns": _Read(self._campaigns, STATUS_MAX_AGE_S),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            scope[BEGAN] = began_s = self._clock.monotonic_s()
            found = await self._found(scope, began_s)
            if found is not None:
                status, headers, body = found
                start = {"type": "http.response.start", "status": status, "headers": headers}
                await send(start)
                body = b"" if scope["method"] == "HEAD" else body
                await send({"type": "http.response.body", "body": body})
            else:
                await self._app(scope, receive, send)
            if self._told is not None and scope["method"] == "GET":
                self._tell(self._told, scope)
            return
        await self._app(scope, receive, send)

    @staticmethod
    def _tell(told: Told, scope: Scope) -> None:
        """Say who has read what, once it was answered."""
        asking, path = scope.get(PRINCIPAL), scope["path"]
        if asking is not None and path.startswith("/api/"):
            query = scope["query_string"].decode("latin-1")
            raw = scope.get("raw_path") or path.encode()
            target = raw.decode("latin-1").partition("?")[0] + (f"?{query}" if query else "")
            told(asking.name, scope.get(ADDRESS, ""), target)

    async def _found(self, scope: Scope, began_s: float) -> Reply | None:
        if scope["method"] not in ("GET", "HEAD") or not _may_read(scope):
            return None
        asked = Asked.of(scope)
        if asked.fresh:
            return None
        found = self._of_view(scope)
        if found is None and (known := self._known.get(scope)) is not None:
            # What goes wrong is told by the route, which is asked next.
            with contextlib.suppress(CallboardError):
                found = await known.find()
            max_age_s = known.max_age_s
        else:
            max_age_s = self._max_age_s(scope["path"])
        return reply(found, asked, self._clock, began_s, max_age_s) if found is not None else None

    def _of_view(self, scope: Scope) -> Answer | None:
        path: str = scope["path"]
        read = self._paths.get(path)
        if read is not None:
            return read.find(scope["query_string"])
        if path.startswith(_CAMPAIGNS) and path.endswith(_STATUS):
            return self._campaign(path, scope["query_string"])
        return None

    def _max_age_s(self, path: str) -> int:
        read = self._paths.get(path)
        return read.max_age_s if read is not None else STATUS_MAX_AGE_S

    def _summary(self, query: bytes) -> Answer | None:
        return self._reads.kept_today() if query in (b"", b"period=today") else None

    def _active(self, query: bytes) -> Answer | None:
        if not query:
            return self._reads.kept_active(None)
        one = _ONE_CAMPAIGN.fullmatch(query)
        return self._reads.kept_active(one[1].decode()) if one else None

    def _campaigns(self, query: bytes) -> Answer | None:
        return None if query else self._reads.kept_campaigns()

    def _campaign(self, path: str, query: bytes) -> Answer | None:
        campaign_id = path[len(_CAMPAIGNS) : -len(_STATUS)]
        plain = not query and "/" not in campaign_id and len(campaign_id) <= CAMPAIGN_ID_LENGTH_MAX
        return self._reads.kept_campaign(campaign_id) if plain else None


def _may_read(scope: Scope) -> bool:
    """Tell whether the guard found somebody who may read; the routes tell who may not."""
    asking = scope.get(PRINCIPAL)
    return asking is not None and ("read" in asking.scopes or "admin" in asking.scopes)
