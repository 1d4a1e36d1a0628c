"""What the admin routes answer, as the OpenAPI document describes it."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = ["CacheStatistics", "Invalidated", "WarmedAnswer"]


class _Shown(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class KeyspaceStatistics(_Shown):
    """One keyspace, or one view."""

    kind: str = Field(description="`view`: kept by the projector; `cached`: loaded when asked.")
    ttl_s: float
    soft_ttl_s: float | None
    tags: str
    sources: list[str]
    warmer: str
    shards: str
    hits: int
    misses: int
    ratio: float | None = Field(description="Percent; null before the first read.")
    l1: int = Field(description="Hits of this process' memory; of a view: of its own copy.")
    l2: int = Field(description="Hits of Redis.")
    loads: int
    load_seconds: float = Field(description="All loads together.")
    failures: int
    joined: int
    waited: int
    stale: int
    soft: int
    degraded: int
    refused: int
    evicted: int
    keys: int | None = Field(description="In Redis; null while it does not answer.")


class LayerStatistics(_Shown):
    """One layer."""

    hits: int
    evicted: int | None = None
    keys: int | None = None
    memory: int | None = None


class LinkStatistics(_Shown):
    """How the cache and its Redis are."""

    up: bool
    since: str = Field(description="When it was last lost or found again.")
    tracking: bool = Field(description="Whether this process is told what others write.")
    owed: int
    lag_s: float | None = Field(description="How late the newest push of another process came.")
    distrusts: int
    pushed: int


class CacheStatistics(_Shown):
    """What this process' cache did, and how it is."""

    enabled: bool
    since: str
    hits: int
    misses: int
    ratio: float | None
    keys: int | None = Field(description="Ours in Redis; null while it does not answer.")
    keys_complete: bool = Field(description="False: there are more than were counted.")
    memory: int | None = Field(description="What Redis uses, in bytes.")
    uptime: int | None = Field(description="Redis', in seconds.")
    staleness_bound_s: float | None = Field(
        alias="stalenessBoundS", description="Of the view that is furthest behind."
    )
    drift: int
    link: LinkStatistics
    invalidations: int
    layers: dict[str, LayerStatistics]
    keyspaces: dict[str, KeyspaceStatistics]
    warming: dict[str, float | int | bool | None] | None


class Invalidated(_Shown):
    """What was made unusable."""

    invalidated: dict[str, str]
    known: bool = Field(description="False: Redis is away, and will be told when it is back.")


class WarmedAnswer(_Shown):
    """What was warmed."""

    paths: list[str]
    fresh: int
    loaded: int
    failed: int
