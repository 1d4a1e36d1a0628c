"""What the admin routes ask of the cache; `callboard.app.cacheadmin` provides it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["CacheAdmin", "WarmedPaths"]


@dataclass(frozen=True, slots=True)
class WarmedPaths:
    """What warming did."""

    fresh: int
    """Were kept already."""
    loaded: int
    failed: int


class CacheAdmin(Protocol):
    """The cache, for who runs callboard."""

    async def stats(self) -> dict[str, Any]:
        """Return what the cache did and how it is, as JSON."""

    async def invalidate_key(self, keyspace: str, id_: str) -> bool:
        """Make one entry unusable; False: Redis is away and will be told later.

        Raises:
            MalformedPayload: there is no such keyspace, or the id does not fit.
        """

    async def invalidate_tag(self, tag: str) -> bool:
        """Make every entry of a tag unusable; `all` and `space:<keyspace>` are tags.

        Raises:
            MalformedPayload: the tag is too long.
        """

    async def invalidate_keyspace(self, keyspace: str) -> bool:
        """Make a whole keyspace unusable; raises MalformedPayload when there is none."""

    def paths_of(self, keyspace: str | None) -> Sequence[str]:
        """Return what is warmed of a keyspace, or at a start.

        Raises:
            MalformedPayload: there is no such keyspace.
        """

    async def warm(self, paths: Sequence[str]) -> WarmedPaths:
        """Ask our own routes for some paths, so that they are kept."""
