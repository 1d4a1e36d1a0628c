"""`/api/analytics/concurrency` and `/failures`: a day's line, and why calls fail right now."""

from typing import Annotated
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from callboard.cache import Loaded
from callboard.delivery.api.context import ADate, answered, context_of, reader
from callboard.delivery.cached import Wanted
from callboard.domain.concurrency import curve_of, shown_curve
from callboard.domain.failures import shown_failures
from callboard.errors import InvariantViolated
from callboard.keyspaces import scope_of

__all__ = ["router"]

router = APIRouter(prefix="/api/analytics", tags=["figures"], dependencies=[Depends(reader)])


class FailureParameters(BaseModel):
    """Of all calls, or of one campaign's."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    campaign_id: str | None = Field(None, alias="campaignId", max_length=200)


class ConcurrencyParameters(FailureParameters):
    """Which local day."""

    day: ADate


@router.get("/concurrency")
async def analytics_concurrency(
    request: Request, parameters: Annotated[ConcurrencyParameters, Query()]
) -> Response:
    """Return how many calls went on at one time on a local day, by quarters of an hour."""
    context = context_of(request)
    campaign_id, day = parameters.campaign_id, parameters.day.isoformat()
    zone = ZoneInfo(context.timezone)

    async def load(after: int) -> Loaded[bytes]:
        found, as_of = await context.records.steps(day, campaign_id, after)
        named = {"day": day, "timezone": context.timezone, "campaignId": campaign_id}
        curve = shown_curve(curve_of(found, parameters.day, zone, context.clock.now()))
        body = named | curve | {"limit": context.concurrency_limit}
        return Loaded(orjson.dumps(body), as_of)

    wanted = Wanted("concurrency", f"{scope_of(campaign_id)}|{day}", load)
    return await _answer(request, wanted)


@router.get("/failures")
async def analytics_failures(
    request: Request, parameters: Annotated[FailureParameters, Query()]
) -> Response:
    """Return why calls did not come about, in six windows back from now."""
    context = context_of(request)
    campaign_id = parameters.campaign_id

    async def load(after: int) -> Loaded[bytes]:
        now = context.clock.now()
        found, as_of = await context.records.endings(now, campaign_id, after)
        return Loaded(orjson.dumps(shown_failures(found, now)), as_of)

    return await _answer(request, Wanted("failures", f"{scope_of(campaign_id)}|", load))


async def _answer(request: Request, wanted: Wanted) -> Response:
    answer = await answered(request, wanted)
    if answer is None:
        message = f"nothing was loaded of {wanted.row}"
        raise InvariantViolated(message)
    return answer
