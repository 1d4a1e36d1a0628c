"""`/healthz` and `/readyz`: for supervisors; no key needed, nothing told but states."""

import orjson
from fastapi import APIRouter, Request, Response

from callboard.delivery.api.context import context_of

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> Response:
    """Answer while the process runs."""
    return Response(b'{"status":"ok"}', 200, {"Cache-Control": "no-store"}, "application/json")


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Answer 200 when webhooks are taken and views are served; else 503 and what is missing."""
    missing = await context_of(request).readiness()
    body = orjson.dumps({"status": "waiting" if missing else "ready", "waitingFor": missing})
    status = 503 if missing else 200
    return Response(body, status, {"Cache-Control": "no-store"}, "application/json")
