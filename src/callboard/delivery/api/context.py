"""What every route needs, handed over once by the composition root."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Protocol

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import AwareDatetime, BeforeValidator
from starlette.requests import Request
from starlette.responses import Response

from callboard.clock import Clock
from callboard.delivery.administration import CacheAdmin
from callboard.delivery.auth import Gate, Principal
from callboard.delivery.board import BoardReads
from callboard.delivery.cached import Wanted
from callboard.delivery.conditional import Answer, Asked, respond
from callboard.delivery.guard import PRINCIPAL
from callboard.delivery.known import Known
from callboard.delivery.replica import Replica
from callboard.domain.contacts import Contact
from callboard.domain.failures import Ended
from callboard.domain.forecast import Course
from callboard.domain.queries import CallPage, CallQuery
from callboard.errors import StoreUnavailable

__all__ = [
    "ADate",
    "AnInstant",
    "Context",
    "Records",
    "administrator",
    "answered",
    "context_of",
    "no_unknown_parameters",
    "reader",
    "refresh_if_asked",
    "whole",
    "writer",
]


_DATED = re.compile(r"\d{4}-\d\d-\d\d")


def _dated(value: object) -> object:
    """Refuse numbers, which pydantic would take for seconds since 1970.

    Raises:
        ValueError: it does not begin with a date.
    """
    if isinstance(value, str) and not _DATED.match(value):
        message = "Input should be a date, or a date and time, in ISO-8601"
        raise ValueError(message)
    return value


def whole(value: object) -> object:
    """Take 10.0 for 10, as JSON Schema does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


AnInstant = Annotated[AwareDatetime, BeforeValidator(_dated)]
ADate = Annotated[date, BeforeValidator(_dated)]


class Records(Protocol):
    """Reads and writes of MongoDB that no view answers."""

    async def page(self, query: CallQuery, after: int = 0) -> CallPage:
        """Return one page of calls, complete up to the commit time `after` at least."""

    async def call(self, sid: str, after: int = 0) -> tuple[dict[str, Any] | None, int]:
        """Return a call, None when there is none, and up to when that is so."""

    async def timeline(self, sid: str) -> dict[str, Any]:
        """Return a call's events, oldest first; raises CallNotFound."""

    async def campaign_document(
        self, campaign_id: str, after: int = 0
    ) -> tuple[dict[str, Any] | None, int]:
        """Return a campaign document, None when there is none, and up to when that is so."""

    async def create_campaign(
        self, campaign_id: str, fields: Mapping[str, Any]
    ) -> tuple[dict[str, Any], int]:
        """Store a new campaign; return it and the commit time.

        Raises:
            CampaignExists: the id is taken.
        """

    async def change_campaign(
        self, campaign_id: str, fields: Mapping[str, Any]
    ) -> tuple[dict[str, Any], int]:
        """Change a campaign; return it as it is then, and the commit time.

        Raises:
            CampaignNotFound: there is none.
        """

    async def contacts(
        self, campaign_id: str, limit: int, before: str | None, after: int = 0
    ) -> tuple[dict[str, Any] | None, int]:
        """Return a page of a campaign's contacts, None if there is no such campaign, as of when.

        Raises:
            MalformedPayload: the cursor is not one of ours.
        """

    async def write_contacts(self, contacts: Sequence[Contact]) -> tuple[int, int]:
        """Add contacts or change them; return how many of each, when they are durable."""

    async def tell_contacts(self, campaign_id: str) -> tuple[dict[str, Any], int]:
        """Write down how many contacts a campaign has; return it and the commit time.

        Raises:
            CampaignNotFound: there is none.
        """

    async def course(self, campaign_id: str, after: int = 0) -> tuple[Course | None, int]:
        """Return how a campaign has gone so far, None when nothing knows it, and as of when."""

    async def days(
        self, first: str, last: str, campaign_id: str | None, after: int = 0
    ) -> tuple[Sequence[dict[str, Any]], int]:
        """Return daily figures, oldest first, and the commit time they are complete up to."""

    async def durations(
        self, first: str, last: str, campaign_id: str | None, after: int = 0
    ) -> tuple[Sequence[dict[str, Any]], int]:
        """Return how many calls lasted each second, by days, and as of when."""

    async def steps(
        self, day: str, campaign_id: str | None, after: int = 0
    ) -> tuple[Sequence[dict[str, Any]], int]:
        """Return a local day's steps of concurrency, and as of when."""

    async def endings(
        self, now: datetime, campaign_id: str | None, after: int = 0
    ) -> tuple[Sequence[Ended], int]:
        """Return how the calls of the 24 hours up to `now` ended, alike ones together."""


async def no_alerts() -> Mapping[str, Any]:
    """Tell that nobody judges here."""
    return {"judgedAt": None, "firing": [], "recent": []}


async def nothing_to_tell() -> Mapping[str, Any]:
    """Tell nothing."""
    return {}


AddLink = Callable[[int], Awaitable[tuple[str, datetime]]]
"""Makes a one-time link to look only, usable for so many minutes; returns its token, and until
when it can be used. Raises StoreUnavailable."""


async def no_links(_minutes: int) -> tuple[str, datetime]:
    """Refuse.

    Raises:
        StoreUnavailable: always.
    """
    message = "there is no store for links"
    raise StoreUnavailable(message)


@dataclass(frozen=True, slots=True)
class Context:
    """The collaborators of the routes."""

    reads: BoardReads
    known: Known
    records: Records
    gate: Gate
    clock: Clock
    timezone: str
    secure_cookies: bool
    """Whether browsers reach us by HTTPS, through a proxy if need be."""
    readiness: Callable[[], Awaitable[dict[str, str]]]
    """Names every part that is not ready, and why; empty when all are."""
    metrics: Callable[[], bytes]
    """Renders Prometheus' text format."""
    alerts: Callable[[], Awaitable[Mapping[str, Any]]] = no_alerts
    """Tells what fires and what was told last; raises StoreUnavailable."""
    alert_rules: Callable[[], Mapping[str, Any]] = lambda: {"rules": []}
    """Tells the rules in force."""
    system: Callable[[], Awaitable[Mapping[str, Any]]] = nothing_to_tell
    """Tells how this installation is; never fails."""
    add_link: AddLink = no_links
    public_url: str = ""
    """Where browsers reach us, if that is known better than by their request."""
    cache_admin: CacheAdmin | None = None
    """None: the cache is not administered here."""
    calls_per_s: float = 1.0
    """How many calls a second the account begins (`CALLBOARD_CALLS_PER_S`)."""
    concurrency_limit: int | None = None
    """How many calls may go on at one time (`CALLBOARD_CONCURRENCY`); None: nobody has said."""


def context_of(request: Request) -> Context:
    """Return the context the app was made with."""
    context: Context = request.app.state.context
    return context


async def answered(
    request: Request, wanted: Wanted, kept: Callable[[], Answer | None] = lambda: None
) -> Response | None:
    """Answer from the cache, and let the next request of the same words be answered without us.

    `kept` is asked first: a view may hold the very thing. None: there is no such thing.
    """
    context = context_of(request)
    cached = context.reads.cached

    async def find() -> Answer | None:
        return kept() or await cached.read(wanted)

    fresh = Asked.of(request.scope).fresh
    found = await cached.read(wanted, fresh=True) if fresh else await find()
    if found is None:
        return None
    max_age_s = cached.max_age_s(wanted.row)
    context.known.remember(request.scope, find, max_age_s)
    return respond(request, found, context.clock, max_age_s=max_age_s)


async def refresh_if_asked(request: Request, replica: Replica) -> None:
    """Bring a view up to date first when the client says `Cache-Control: no-cache`."""
    if Asked.of(request.scope).fresh:
        await context_of(request).reads.refresh(replica)


def _require(request: Request, scope: str) -> Principal:
    # The guard in front of us has found out already who is asking.
    return context_of(request).gate.require(request.scope[PRINCIPAL], scope)


async def reader(request: Request) -> Principal:
    """Let in who may read. A coroutine, or FastAPI would call it in a thread."""
    return _require(request, "read")


async def writer(request: Request) -> Principal:
    """Let in who may write."""
    return _require(request, "write")


async def administrator(request: Request) -> Principal:
    """Let in who may do everything."""
    return _require(request, "admin")


async def no_unknown_parameters(request: Request) -> None:
    """Refuse parameters where none are known; routes that know some refuse the others themselves.

    Raises:
        RequestValidationError: there are some.
    """
    route = request.scope["route"]
    if request.query_params and isinstance(route, APIRoute) and not route.dependant.query_params:
        raise RequestValidationError(
            [
                {"loc": ("query", name), "msg": "Extra inputs are not permitted"}
                for name in request.query_params
            ]
        )
