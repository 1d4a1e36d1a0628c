"""What every route needs, handed over once by the composition root."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request

from callboard.clock import Clock
from callboard.delivery.auth import Gate, Principal
from callboard.delivery.board import BoardReads
from callboard.delivery.replica import Replica
from callboard.domain.queries import CallQuery

__all__ = ["Context", "Records", "context_of", "reader", "refresh_if_asked", "writer"]


class Records(Protocol):
    """Reads and writes of MongoDB that no view answers."""

    async def page(self, query: CallQuery) -> tuple[list[dict[str, Any]], str | None]:
        """Return one page of calls and the cursor of the next."""

    async def call(self, sid: str) -> dict[str, Any]:
        """Return a call; raises CallNotFound."""

    async def create_campaign(self, campaign_id: str, fields: Mapping[str, Any]) -> None:
        """Store a new campaign; raises MalformedPayload when the id is taken."""

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
    if "no-cache" in request.headers.get("cache-control", ""):
        await context_of(request).reads.refresh(replica)


def _require(request: Request, scope: str) -> Principal:
    return context_of(request).gate.principal(
        request.headers.get("authorization"), request.headers.get("cookie"), scope
    )


async def reader(request: Request) -> Principal:
    """Let in who may read. A coroutine, or FastAPI would call it in a thread."""
    return _require(request, "read")


async def writer(request: Request) -> Principal:
    """Let in who may write."""
    return _require(request, "write")
