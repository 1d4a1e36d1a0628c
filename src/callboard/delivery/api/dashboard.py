"""`/api/dashboard/summary` and `/api/analytics/daily`: the figures."""

from datetime import date, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from callboard.delivery.api.context import context_of, reader, refresh_if_asked
from callboard.delivery.conditional import read_through, respond
from callboard.domain.metrics import shown_day

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["figures"], dependencies=[Depends(reader)])

_SUMMARY_MAX_AGE_S = 60
_TODAY_MAX_AGE_S = 60
_CLOSED_MAX_AGE_S = 15 * 60
_DAYS_MAX = 400


class SummaryParameters(BaseModel):
    """Which period."""

    model_config = ConfigDict(extra="forbid")

    period: Literal["today", "yesterday", "7d", "30d"] = "today"


class DailyParameters(BaseModel):
    """Which local days, both ends included."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: date = Field(alias="from")
    to: date
    campaign_id: str | None = Field(None, alias="campaignId", max_length=200)

    @model_validator(mode="after")
    def _in_order(self) -> "DailyParameters":
        if not timedelta(0) <= self.to - self.from_ <= timedelta(days=_DAYS_MAX):
            message = f"'to' must be at or after 'from' and at most {_DAYS_MAX} days later"
            raise ValueError(message)
        return self


@router.get("/dashboard/summary")
async def dashboard_summary(
    request: Request, parameters: Annotated[SummaryParameters, Query()]
) -> Response:
    """Return the summary of a period."""
    context = context_of(request)
    await refresh_if_asked(request, context.reads.summary)
    found = await context.reads.summary_of(parameters.period)
    return respond(request, found, context.clock, max_age_s=_SUMMARY_MAX_AGE_S)


@router.get("/analytics/daily")
async def analytics_daily(
    request: Request, parameters: Annotated[DailyParameters, Query()]
) -> Response:
    """Return the pre-computed documents of a range of local days, oldest first."""
    context = context_of(request)
    first, last = parameters.from_.isoformat(), parameters.to.isoformat()
    found = await context.records.days(first, last, parameters.campaign_id)
    days = [shown_day(document) for document in found]
    closed = last < context.reads.today()
    max_age_s = _CLOSED_MAX_AGE_S if closed else _TODAY_MAX_AGE_S
    answer = read_through({"days": days, "timezone": context.timezone})
    return respond(request, answer, context.clock, max_age_s=max_age_s)
