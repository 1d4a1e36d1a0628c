"""`/api/session`: signing in to the board with an API key or a one-time link, and out again."""

from math import ceil
from typing import Annotated, Any, Literal, Self

import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from callboard.clock import isoformat_z
from callboard.delivery.api.context import Context, administrator, context_of, reader, whole
from callboard.delivery.auth import ANYBODY, COOKIE, Gate, Principal
from callboard.errors import Unauthorized

__all__ = ["router"]

router = APIRouter(prefix="/api/session", tags=["session"])

_MINUTES_MAX = 30 * 24 * 60
_SECRET: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 500}


class SignIn(BaseModel):
    """A key to sign in with, or the token of a one-time link."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "properties": {"key": _SECRET, "link": _SECRET},
            "minProperties": 1,
            "maxProperties": 1,
        },
    )

    key: str | None = Field(None, min_length=1, max_length=500)
    link: str | None = Field(None, min_length=1, max_length=500)

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.key is None) == (self.link is None):
            message = "give either 'key' or 'link'"
            raise ValueError(message)
        return self


@router.get("")
async def session(request: Request) -> Response:
    """Return who is signed in, and the server's clock."""
    context = context_of(request)
    return _answer(context, await reader(request))


@router.post("")
async def sign_in(request: Request, given: SignIn) -> Response:
    """Exchange a key, or a one-time link, for a session cookie."""
    context = context_of(request)
    if not context.gate.enabled:
        return _answer(context, ANYBODY)
    principal = await _signed_in(context.gate, given)
    response = _answer(context, principal)
    response.set_cookie(
        COOKIE,
        context.gate.session(principal),
        max_age=ceil(context.gate.ends_at(principal) - context.clock.now().timestamp()),
        path="/",
        httponly=True,
        samesite="strict",
        secure=context.secure_cookies,
    )
    return response


async def _signed_in(gate: Gate, given: SignIn) -> Principal:
    """Return who this key or link is for.

    Raises:
        Unauthorized: nobody.
    """
    if given.key is not None:
        principal = gate.by_key(given.key)
        message = "this key is not known here"
    else:
        principal = await gate.by_link(given.link or "")
        message = "this link was used already, or is too old"
    if principal is None:
        raise Unauthorized(message)
    return principal


class NewLink(BaseModel):
    """A link to a screen for somebody who may look only."""

    model_config = ConfigDict(extra="forbid")

    page: Literal["", "wall"] = ""
    minutes: Annotated[int, Field(strict=True, ge=1, le=_MINUTES_MAX), BeforeValidator(whole)] = 60


@router.post("/links", status_code=201, dependencies=[Depends(administrator)])
async def add_link(request: Request, wanted: NewLink) -> Response:
    """Make a one-time link that signs one browser in, to look only, for 30 days."""
    context = context_of(request)
    link, until = await context.add_link(wanted.minutes)
    base = (context.public_url or str(request.base_url)).rstrip("/")
    # A fragment is not sent: no server or proxy can log it.
    body = {"url": f"{base}/{wanted.page}#link={link}", "expiresAt": isoformat_z(until)}
    return Response(orjson.dumps(body), 201, {"Cache-Control": "no-store"}, "application/json")


@router.delete("", status_code=204)
async def sign_out(request: Request) -> Response:
    """Forget the session cookie."""
    response = Response(status_code=204)
    secure = context_of(request).secure_cookies
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=secure)
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
