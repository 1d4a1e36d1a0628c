"""`/api/campaigns`: their status, and writing them."""

import secrets
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from callboard.delivery.api.context import (
    context_of,
    reader,
    refresh_if_asked,
    whole,
    writer,
)
from callboard.delivery.board import CAMPAIGN_ID_LENGTH_MAX, STATUS_MAX_AGE_S
from callboard.delivery.conditional import Answer, Asked, respond
from callboard.errors import MalformedPayload

__all__ = ["router"]

router = APIRouter(prefix="/api/campaigns", tags=["campaigns"])

CampaignState = Literal["draft", "active", "paused", "completed"]


Count = Annotated[int, Field(strict=True, ge=0, le=10_000_000), BeforeValidator(whole)]
"""A number: neither a text nor `true`."""
CampaignId = Annotated[str, Path(min_length=1, max_length=CAMPAIGN_ID_LENGTH_MAX)]


class CampaignChange(BaseModel):
    """What of a campaign may be changed; all optional."""

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, json_schema_extra={"minProperties": 1}
    )

    name: str | None = Field(None, min_length=1, max_length=200)
    status: CampaignState | None = None
    total_contacts: Count | None = Field(None, alias="totalContacts")


class NewCampaign(CampaignChange):
    """A campaign to be created."""

    id: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    name: str = Field(min_length=1, max_length=200)
    status: CampaignState = "active"


@router.get("", dependencies=[Depends(reader)])
async def list_campaigns(request: Request) -> Response:
    """Return every campaign with its status, by name."""
    context = context_of(request)
    await refresh_if_asked(request, context.reads.campaigns)
    found = await context.reads.campaign_list()
    return respond(request, found, context.clock, max_age_s=STATUS_MAX_AGE_S)


@router.get("/{campaign_id}", dependencies=[Depends(reader)])
async def one_campaign(request: Request, campaign_id: CampaignId) -> Response:
    """Return one campaign's status, and all that is stored of it as `details`."""
    context = context_of(request)
    await refresh_if_asked(request, context.reads.campaigns)

    async def find() -> Answer | None:
        return await context.reads.campaign_details(campaign_id)

    fresh = Asked.of(request.scope).fresh
    found = await context.reads.campaign_details(campaign_id, fresh=fresh)
    context.known.remember(request.scope, find, STATUS_MAX_AGE_S)
    return respond(request, found, context.clock, max_age_s=STATUS_MAX_AGE_S)


@router.get("/{campaign_id}/status", dependencies=[Depends(reader)])
async def campaign_status(request: Request, campaign_id: CampaignId) -> Response:
    """Return one campaign's status."""
    context = context_of(request)
    await refresh_if_asked(request, context.reads.campaigns)
    found = await context.reads.campaign(campaign_id)
    return respond(request, found, context.clock, max_age_s=STATUS_MAX_AGE_S)


@router.post("", status_code=201, dependencies=[Depends(writer)])
async def create_campaign(request: Request, campaign: NewCampaign) -> Response:
    """Create a campaign; without an `id` it gets one."""
    context = context_of(request)
    campaign_id = campaign.id or f"camp_{secrets.token_hex(8)}"
    fields = campaign.model_dump(by_alias=True, exclude={"id"})
    document, committed = await context.records.create_campaign(campaign_id, fields)
    await context.reads.wrote_campaign(document, committed)
    body = orjson.dumps({"campaignId": campaign_id, **fields})
    headers = {"Location": f"/api/campaigns/{campaign_id}", "Cache-Control": "no-store"}
    return Response(body, 201, headers, "application/json")


@router.patch("/{campaign_id}", dependencies=[Depends(writer)])
async def change_campaign(
    request: Request, campaign_id: CampaignId, change: CampaignChange
) -> Response:
    """Change some fields of a campaign."""
    context = context_of(request)
    fields = change.model_dump(by_alias=True, exclude_unset=True)
    if not fields:
        message = "the body names no field to change"
        raise MalformedPayload(message, field="body")
    document, committed = await context.records.change_campaign(campaign_id, fields)
    await context.reads.wrote_campaign(document, committed)
    body = orjson.dumps({"campaignId": campaign_id, **fields})
    return Response(body, 200, {"Cache-Control": "no-store"}, "application/json")
