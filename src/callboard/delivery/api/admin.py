"""`/api/admin`: what the cache did, and telling it to forget or to load. Scope `admin`."""

from typing import Annotated, Any, Self

import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from callboard.delivery.administration import CacheAdmin
from callboard.delivery.api.context import administrator, context_of
from callboard.delivery.templates import template_of
from callboard.errors import MalformedPayload, ViewsUnavailable
from callboard.keyspaces import CACHED

__all__ = ["WARMABLE", "router"]

router = APIRouter(
    prefix="/api/admin", tags=["administration"], dependencies=[Depends(administrator)]
)

WARMABLE = frozenset(
    {
        "/api/analytics/concurrency",
        "/api/analytics/daily",
        "/api/analytics/durations",
        "/api/analytics/failures",
        "/api/calls",
        "/api/calls/active",
        "/api/calls/{sid}",
        "/api/campaigns",
        "/api/campaigns/{campaign_id}",
        "/api/campaigns/{campaign_id}/contacts",
        "/api/campaigns/{campaign_id}/status",
        "/api/dashboard/summary",
    }
)
"""The routes whose answers are kept."""

_PATHS_MAX = 100
_PATH_LENGTH_MAX = 1_000
_KEY_LENGTH_MAX = 600


_NAMES = [row.name for row in CACHED]
_KEYSPACE: dict[str, Any] = {"type": "string", "enum": _NAMES}
_TAG: dict[str, Any] = {
    "type": "string",
    "pattern": "^[!-~]{1,255}$",
    "description": "`all` is everything.",
}
_KEY: dict[str, Any] = {
    "type": "string",
    "pattern": f"^({'|'.join(_NAMES)}):[ -~]{{1,500}}$",
    "description": "`<keyspace>:<id>`, such as `call:CA…`.",
}
_PATHS: dict[str, Any] = {
    "type": "array",
    "items": {"type": "string", "minLength": 1, "maxLength": _PATH_LENGTH_MAX},
    "minItems": 1,
    "maxItems": _PATHS_MAX,
    "description": "Paths of ours, queries included.",
}


class Invalidation(BaseModel):
    """What is to be forgotten: exactly one of these."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "properties": {"key": _KEY, "tag": _TAG, "keyspace": _KEYSPACE},
            "minProperties": 1,
            "maxProperties": 1,
        },
    )

    key: str | None = Field(None, max_length=_KEY_LENGTH_MAX, pattern="^[^:]+:")
    tag: str | None = Field(None, min_length=1, max_length=_KEY_LENGTH_MAX)
    keyspace: str | None = Field(None, min_length=1, max_length=_KEY_LENGTH_MAX)

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        given = [self.key, self.tag, self.keyspace]
        if len(self.model_fields_set) != 1 or given.count(None) == len(given):
            message = "give exactly one of 'key', 'tag' and 'keyspace'"
            raise ValueError(message)
        return self


_Path = Annotated[str, Field(min_length=1, max_length=_PATH_LENGTH_MAX)]


class Warming(BaseModel):
    """What is to be loaded: paths, a keyspace, or, of an empty object, what a start warms."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "properties": {"paths": _PATHS, "keyspace": _KEYSPACE},
            "maxProperties": 1,
        },
    )

    paths: list[_Path] | None = Field(None, min_length=1, max_length=_PATHS_MAX)
    keyspace: str | None = Field(None, min_length=1, max_length=_KEY_LENGTH_MAX)

    @model_validator(mode="after")
    def _not_both(self) -> Self:
        if len(self.model_fields_set) != (self.paths is not None) + (self.keyspace is not None):
            message = "null stands for nothing: leave it out"
            raise ValueError(message)
        if len(self.model_fields_set) > 1:
            message = "give either 'paths' or 'keyspace'"
            raise ValueError(message)
        return self


def _cache(request: Request) -> CacheAdmin:
    """Return the cache's administration.

    Raises:
        ViewsUnavailable: there is none here.
    """
    found = context_of(request).cache_admin
    if found is None:
        message = "the cache is not administered here"
        raise ViewsUnavailable(message)
    return found


@router.get("/cache-stats")
async def cache_stats(request: Request) -> Response:
    """Return what this process' cache did and how it is; keys and memory are Redis' own."""
    return _answer(await _cache(request).stats())


@router.post("/cache/invalidate")
async def invalidate(request: Request, wanted: Invalidation) -> Response:
    """Make entries unusable in every process; what is being loaded meanwhile is not kept."""
    cache = _cache(request)
    if wanted.key is not None:
        keyspace, _, id_ = wanted.key.partition(":")
        known = await cache.invalidate_key(keyspace, id_)
    elif wanted.tag is not None:
        known = await cache.invalidate_tag(wanted.tag)
    else:
        known = await cache.invalidate_keyspace(wanted.keyspace or "")
    return _answer({"invalidated": wanted.model_dump(exclude_none=True), "known": known})


@router.post("/cache/warm")
async def warm(request: Request, wanted: Warming) -> Response:
    """Load what is not kept yet; answers when it is done."""
    cache = _cache(request)
    if wanted.paths is not None:
        paths = wanted.paths
        for place, path in enumerate(paths):
            _require_warmable(place, path)
    else:
        paths = list(cache.paths_of(wanted.keyspace))
    done = await cache.warm(paths)
    said = {"fresh": done.fresh, "loaded": done.loaded, "failed": done.failed}
    return _answer({"paths": paths, **said})


def _require_warmable(place: int, path: str) -> None:
    """Refuse what is no path of ours that is kept.

    Raises:
        MalformedPayload: it is none; says which.
    """
    plain, _, _ = path.partition("?")
    if not path.isascii() or template_of(plain) not in WARMABLE:
        message = f"paths: number {place + 1}, {path[:100]!r}, is no path whose answer is kept"
        raise MalformedPayload(message, field="paths")


def _answer(body: dict[str, Any]) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(orjson.dumps(body), 200, headers, "application/json")
