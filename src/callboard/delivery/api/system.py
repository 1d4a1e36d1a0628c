"""`/api/system`: how this installation is, for everybody who may read."""

from fastapi import APIRouter, Depends, Request, Response

from callboard.delivery.api.context import context_of, reader
from callboard.delivery.conditional import read_through, respond

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["system"], dependencies=[Depends(reader)])

_MAX_AGE_S = 2


@router.get("/system")
async def system(request: Request) -> Response:
    """Return how feeds, views, engines, cache and sockets are; what is not known is null."""
    context = context_of(request)
    found = read_through(await context.system())
    return respond(request, found, context.clock, max_age_s=_MAX_AGE_S)
