"""`/healthz` and `/readyz`: for supervisors; no key needed, nothing told but states.

`/metrics` tells more, and wants a key that may read.
"""

import orjson
from fastapi import APIRouter, Depends, Request, Response

from callboard.delivery.api.context import context_of, reader

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


@router.get("/metrics", dependencies=[Depends(reader)])
async def metrics(request: Request) -> Response:
    """Return Prometheus' text format."""
    body = context_of(request).metrics()
    headers = {"Cache-Control": "no-store"}
    return Response(body, 200, headers, "text/plain; version=0.0.4; charset=utf-8")
