"""`/api/dashboard/summary`, `/api/analytics/daily` and its table: the figures."""

from datetime import timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from callboard.delivery.api.context import ADate, context_of, reader, refresh_if_asked
from callboard.delivery.board import SUMMARY_MAX_AGE_S
from callboard.delivery.conditional import read_through, respond
from callboard.delivery.table import MEDIA_TYPE, attachment, flat, rendered
from callboard.domain.buckets import Bucket
from callboard.domain.figures import empty_document
from callboard.domain.metrics import shown_day

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["figures"], dependencies=[Depends(reader)])

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

    from_: ADate = Field(alias="from")
    to: ADate
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
    return respond(request, found, context.clock, max_age_s=SUMMARY_MAX_AGE_S)


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


@router.get("/analytics/daily.csv")
async def export_daily(
    request: Request, parameters: Annotated[DailyParameters, Query()]
) -> Response:
    """Return the same as CSV, one row a day; figures are columns by their path."""
    context = context_of(request)
    first, last = parameters.from_.isoformat(), parameters.to.isoformat()
    found = await context.records.days(first, last, parameters.campaign_id)
    rows = [_row(shown_day(document)) for document in found]
    table = rendered([_COLUMNS, *([row.get(name) for name in _COLUMNS] for row in rows)])
    return Response(table, 200, attachment(f"daily-{first}-{last}"), MEDIA_TYPE)


def _row(day: dict[str, Any]) -> dict[str, Any]:
    """Return a day's figures by their path; not those whose names are not known beforehand."""
    failures = {"total": day["failures"]["total"]}
    known = {name: value for name, value in day.items() if name not in _UNNAMED}
    return flat({**known, "failures": failures})


_UNNAMED = frozenset({"type", "date", "cost", "failures"})
_NO_DAY = empty_document(Bucket("2000-01-01", None), ZoneInfo("UTC"))
_COLUMNS = tuple(_row(shown_day(_NO_DAY)))
