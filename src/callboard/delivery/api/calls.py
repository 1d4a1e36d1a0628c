"""`/api/calls`: lists, the live ones, and one by its SID."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from callboard.delivery.api.context import context_of, reader, refresh_if_asked
from callboard.delivery.conditional import read_through, respond
from callboard.domain.calls import shown_call
from callboard.domain.queries import CallQuery

__all__ = ["router"]

router = APIRouter(prefix="/api/calls", tags=["calls"], dependencies=[Depends(reader)])

_LIST_MAX_AGE_S = 30
_ACTIVE_MAX_AGE_S = 15
_CALL_MAX_AGE_S = 300
_LIMIT_MAX = 500

Status = Literal[
    "queued",
    "initiated",
    "ringing",
    "in-progress",
    "completed",
    "busy",
    "failed",
    "no-answer",
    "canceled",
    "unconfirmed",
]


class ListParameters(BaseModel):
    """Which calls; an unknown parameter is refused rather than ignored."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    limit: int = Field(50, ge=1, le=_LIMIT_MAX, description="How many calls at most.")
    before: str | None = Field(None, max_length=200, description="`next` of an earlier page.")
    status: Status | None = None
    campaign_id: str | None = Field(None, alias="campaignId", max_length=200)
    direction: Literal["inbound", "outbound"] | None = None
    from_: str | None = Field(None, alias="from", max_length=100)
    to: str | None = Field(None, max_length=100)
    since: AwareDatetime | None = Field(None, description="Started at or after; ISO-8601.")
    until: AwareDatetime | None = Field(None, description="Started before; ISO-8601.")

    def as_query(self) -> CallQuery:
        """Return what the store is asked for."""
        since: datetime | None = self.since
        until: datetime | None = self.until
        return CallQuery(
            limit=self.limit,
            before=self.before,
            status=self.status,
            campaign_id=self.campaign_id,
            direction=self.direction,
            from_number=self.from_,
            to_number=self.to,
            since=since,
            until=until,
        )


class ActiveParameters(BaseModel):
    """Which live calls."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    campaign_id: str | None = Field(None, alias="campaignId", max_length=200)


@router.get("")
async def list_calls(request: Request, parameters: Annotated[ListParameters, Query()]) -> Response:
    """Return calls, newest first, with a cursor to the next page."""
    context = context_of(request)
    found, following = await context.records.page(parameters.as_query())
    page = read_through({"calls": [shown_call(call) for call in found], "next": following})
    return respond(request, page, context.clock, max_age_s=_LIST_MAX_AGE_S)


@router.get("/active")
async def active_calls(
    request: Request, parameters: Annotated[ActiveParameters, Query()]
) -> Response:
    """Return the calls that occupy a line now, newest first."""
    context = context_of(request)
    await refresh_if_asked(request, context.reads.live)
    found = await context.reads.active(parameters.campaign_id)
    return respond(request, found, context.clock, max_age_s=_ACTIVE_MAX_AGE_S)


@router.get("/{sid}")
async def one_call(request: Request, sid: str) -> Response:
    """Return one call by its call SID, both vendors joined."""
    context = context_of(request)
    found = read_through(shown_call(await context.records.call(sid)))
    return respond(request, found, context.clock, max_age_s=_CALL_MAX_AGE_S)
