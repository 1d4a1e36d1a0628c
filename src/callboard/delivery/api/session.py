"""`/api/session`: signing in to the board with an API key, and out again."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from callboard.clock import isoformat_z
from callboard.delivery.api.context import Context, context_of, reader
from callboard.delivery.auth import COOKIE, SESSION_S, Principal
from callboard.errors import Unauthorized

__all__ = ["router"]

router = APIRouter(prefix="/api/session", tags=["session"])


class SignIn(BaseModel):
    """A key to sign in with."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(min_length=1, max_length=500)


@router.get("")
async def session(request: Request) -> Response:
    """Return who is signed in, and the server's clock."""
    context = context_of(request)
    return _answer(context, await reader(request))


@router.post("")
async def sign_in(request: Request, given: SignIn) -> Response:
    """Exchange a key for a session cookie."""
    context = context_of(request)
    principal = context.gate.by_key(given.key)
    if principal is None:
        message = "this key is not known here"
        raise Unauthorized(message)
    response = _answer(context, principal)
    response.set_cookie(
        COOKIE,
        context.gate.session(principal),
        max_age=SESSION_S,
        httponly=True,
        samesite="strict",
        secure=context.secure_cookies,
    )
    return response


@router.delete("", status_code=204)
async def sign_out() -> Response:
    """Forget the session cookie."""
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def _answer(context: Context, principal: Principal) -> Response:
    body: dict[str, Any] = {
        "authenticated": True,
        "name": principal.name,
        "scopes": sorted(principal.scopes),
        "auth": "on" if context.gate.enabled else "off",
        "timezone": context.timezone,
        "serverTime": isoformat_z(context.clock.now()),
    }
    headers = {"Cache-Control": "no-store"}
    return Response(orjson.dumps(body), 200, headers, "application/json")
