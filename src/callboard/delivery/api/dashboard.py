"""`/api/dashboard/summary`, `/api/analytics/daily` and its table: the figures."""

from datetime import timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from callboard.cache import Loaded, Loader
from callboard.delivery.api.context import (
    ADate,
    answered,
    context_of,
    reader,
    refresh_if_asked,
)
from callboard.delivery.board import SUMMARY_MAX_AGE_S
from callboard.delivery.cached import Wanted
from callboard.delivery.conditional import Asked, respond
from callboard.delivery.table import MEDIA_TYPE, attachment, flat, rendered
from callboard.domain.buckets import Bucket
from callboard.domain.durations import spread
from callboard.domain.figures import empty_document
from callboard.domain.metrics import shown_day
from callboard.errors import InvariantViolated
from callboard.keyspaces import scope_of

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["figures"], dependencies=[Depends(reader)])

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

    @property
    def range(self) -> tuple[str, str, str | None]:
        """Return the first day, the last, and the campaign."""
        return self.from_.isoformat(), self.to.isoformat(), self.campaign_id


@router.get("/dashboard/summary")
async def dashboard_summary(
    request: Request, parameters: Annotated[SummaryParameters, Query()]
) -> Response:
    """Return the summary of a period."""
    context = context_of(request)
    await refresh_if_asked(request, context.reads.summary)
    fresh = Asked.of(request.scope).fresh
    period = parameters.period
    found = await context.reads.summary_of(period, fresh=fresh)
    context.known.remember(
        request.scope, lambda: context.reads.summary_of(period), SUMMARY_MAX_AGE_S
    )
    return respond(request, found, context.clock, max_age_s=SUMMARY_MAX_AGE_S)


@router.get("/analytics/daily")
async def analytics_daily(
    request: Request, parameters: Annotated[DailyParameters, Query()]
) -> Response:
    """Return the pre-computed documents of a range of local days, oldest first."""
    context = context_of(request)
    first, last, campaign_id = parameters.range

    async def load(after: int) -> Loaded[bytes]:
        found, as_of = await context.records.days(first, last, campaign_id, after)
        days = [shown_day(document) for document in found]
        return Loaded(orjson.dumps({"days": days, "timezone": context.timezone}), as_of)

    row = "analytics" if last < context.reads.today() else "analytics-today"
    return await _of_range(request, parameters, row, load)


@router.get("/analytics/durations")
async def analytics_durations(
    request: Request, parameters: Annotated[DailyParameters, Query()]
) -> Response:
    """Return how long the completed calls of a range of local days lasted: exact percentiles."""
    context = context_of(request)
    first, last, campaign_id = parameters.range

    async def load(after: int) -> Loaded[bytes]:
        found, as_of = await context.records.durations(first, last, campaign_id, after)
        days = {"from": first, "to": last, "timezone": context.timezone}
        return Loaded(orjson.dumps({**days, "campaignId": campaign_id, **spread(found)}), as_of)

    return await _of_range(request, parameters, "durations", load)


async def _of_range(
    request: Request, parameters: DailyParameters, row: str, load: Loader[bytes]
) -> Response:
    first, last, campaign_id = parameters.range
    answer = await answered(request, Wanted(row, f"{scope_of(campaign_id)}|{first}|{last}", load))
    if answer is None:
        message = f"nothing was loaded of {first} to {last}"
        raise InvariantViolated(message)
    return answer


@router.get("/analytics/daily.csv")
async def export_daily(
    request: Request, parameters: Annotated[DailyParameters, Query()]
) -> Response:
    """Return the same as CSV, one row a day; figures are columns by their path."""
    context = context_of(request)
    first, last, campaign_id = parameters.range
    found, _ = await context.records.days(first, last, campaign_id)
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
