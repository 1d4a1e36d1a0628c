"""What every route needs, handed over once by the composition root."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Protocol

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import AwareDatetime, BeforeValidator
from starlette.requests import Request

from callboard.clock import Clock
from callboard.delivery.auth import Gate, Principal
from callboard.delivery.board import BoardReads
from callboard.delivery.conditional import Asked
from callboard.delivery.guard import PRINCIPAL
from callboard.delivery.replica import Replica
from callboard.domain.queries import CallQuery

__all__ = [
    "ADate",
    "AnInstant",
    "Context",
    "Records",
    "context_of",
    "no_unknown_parameters",
    "reader",
    "refresh_if_asked",
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


AnInstant = Annotated[AwareDatetime, BeforeValidator(_dated)]
ADate = Annotated[date, BeforeValidator(_dated)]


class Records(Protocol):
    """Reads and writes of MongoDB that no view answers."""

    async def page(self, query: CallQuery) -> tuple[list[dict[str, Any]], str | None]:
        """Return one page of calls and the cursor of the next."""

    async def call(self, sid: str) -> dict[str, Any]:
        """Return a call; raises CallNotFound."""

    async def timeline(self, sid: str) -> dict[str, Any]:
        """Return a call's events, oldest first; raises CallNotFound."""

    async def create_campaign(self, campaign_id: str, fields: Mapping[str, Any]) -> None:
        """Store a new campaign; raises CampaignExists when the id is taken."""

    async def change_campaign(self, campaign_id: str, fields: Mapping[str, Any]) -> None:
        """Change a campaign; raises CampaignNotFound."""

    async def days(self, first: str, last: str, campaign_id: str | None) -> list[dict[str, Any]]:
        """Return daily figures, oldest first."""


@dataclass(frozen=True, slots=True)
class Context:
    """The collaborators of the routes."""

    reads: BoardReads
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


def context_of(request: Request) -> Context:
    """Return the context the app was made with."""
    context: Context = request.app.state.context
    return context


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
