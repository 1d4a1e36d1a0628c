"""`/api/alerts`: what fires now, what was told last and what came of it; the rules."""

from fastapi import APIRouter, Depends, Request, Response

from callboard.delivery.api.context import context_of, reader
from callboard.delivery.conditional import read_through, respond

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["alerts"], dependencies=[Depends(reader)])

_MAX_AGE_S = 5
"""Half of how often is judged."""
_RULES_MAX_AGE_S = 60
"""They change with a restart."""


@router.get("/alerts")
async def alerts(request: Request) -> Response:
    """Return what fires now, and what was told last, newest first."""
    context = context_of(request)
    found = read_through(await context.alerts())
    return respond(request, found, context.clock, max_age_s=_MAX_AGE_S)


@router.get("/alerts/rules")
async def rules(request: Request) -> Response:
    """Return the rules in force: when each fires, and what to do then."""
    context = context_of(request)
    found = read_through(context.alert_rules())
    return respond(request, found, context.clock, max_age_s=_RULES_MAX_AGE_S)
