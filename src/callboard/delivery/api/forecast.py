"""`/api/campaigns/{id}/forecast`: when a campaign will be done."""

import orjson
from fastapi import APIRouter, Depends, Request, Response

from callboard.cache import Loaded
from callboard.delivery.api.campaigns import CampaignId
from callboard.delivery.api.context import answered, context_of, reader
from callboard.delivery.cached import Wanted
from callboard.domain.forecast import Limits, forecast
from callboard.errors import CampaignNotFound
from callboard.keyspaces import scope_of

__all__ = ["router"]

router = APIRouter(prefix="/api/campaigns", tags=["campaigns"], dependencies=[Depends(reader)])


@router.get("/{campaign_id}/forecast")
async def campaign_forecast(request: Request, campaign_id: CampaignId) -> Response:
    """Return when a campaign will be done, with a range, and what bounds its pace."""
    context = context_of(request)
    limits = Limits(context.calls_per_s, context.concurrency_limit)

    async def load(after: int) -> Loaded[bytes]:
        course, as_of = await context.records.course(campaign_id, after)
        if course is None:
            return Loaded(None, as_of)
        told = forecast(course, limits, context.clock.now())
        return Loaded(orjson.dumps({"campaignId": campaign_id, **told}), as_of)

    answer = await answered(request, Wanted("forecast", scope_of(campaign_id), load))
    if answer is None:
        message = f"no campaign '{campaign_id}'"
        raise CampaignNotFound(message)
    return answer
