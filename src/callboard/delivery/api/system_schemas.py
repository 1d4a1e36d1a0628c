"""What `/api/system` answers, as the OpenAPI document describes it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = ["MadeLink", "System"]

Instant = str


class _Shown(BaseModel):
    """A JSON object that has these members and no others."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class Feed(_Shown):
    """A vendor's webhooks, over all processes; those of others are known to ten seconds."""

    vendor: Literal["twilio", "elevenlabs"]
    configured: bool = Field(description="Whether its webhooks can be checked.")
    last_at: Instant | None = Field(description="When one was taken last, within the last hour.")
    last_minute: int
    last_hour: int = Field(description="At most since this process began.")
    refused: int = Field(description="For their signature, in the last hour.")
    silent: bool = Field(description="Whether the alert `silence` fires.")


class View(_Shown):
    """A view as this process has it."""

    vouched: bool
    age_s: float | None = Field(description="Before how many seconds everything is in it.")


class Projector(_Shown):
    """What counts."""

    lag_s: float | None = Field(description="Null where another process projects.")
    drift: int | None = Field(description="Documents the last comparison found wrong.")


class Engine(_Shown):
    """MongoDB or Redis."""

    up: bool


class Sockets(_Shown):
    """Socket.IO's clients."""

    connected: int = Field(description="Of this process.")


class CacheUse(_Shown):
    """What the cache of this process does."""

    enabled: bool
    hit_ratio: float | None = Field(description="In percent.")
    not_modified_ratio: float | None = Field(description="Share of 304 in percent.")


class WarmingUse(_Shown):
    """Loading ahead of need."""

    enabled: bool
    last_at: Instant | None = Field(description="When something was loaded last by this process.")


class VendorLimits(_Shown):
    """What the vendors allow, by the settings."""

    calls_per_s: float
    concurrency: int | None


class System(_Shown):
    """How this installation is."""

    version: str
    started_at: Instant
    server_time: Instant
    feeds: list[Feed]
    staleness_bound_s: float | None = Field(description="Of the oldest view.")
    views: dict[str, View]
    projector: Projector
    redis: Engine
    mongodb: Engine
    sockets: Sockets
    cache: CacheUse
    warming: WarmingUse
    limits: VendorLimits
    attempts_last_minute: int | None = Field(description="Calls placed; null in the first minute.")


class MadeLink(_Shown):
    """A one-time link."""

    url: str
    expires_at: Instant
