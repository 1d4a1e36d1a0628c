"""cachefence: a lock and XFetch over redis-py."""

from typing import Any

import orjson
from cachefence import CacheFence

from contenders.base import TTL_S, Contender, Load
from contenders.redis_py import client

__all__ = ["Fence"]


class Fence(Contender):
    """`get_or_set`."""

    async def open(self, url: str, load: Load) -> None:
        """Connect."""
        self._redis = client(url)
        self._fence: CacheFence[Any] = CacheFence(
            self._redis, serializer=orjson.dumps, deserializer=orjson.loads
        )
        self._load = load

    async def get(self, key: str) -> Any:
        """Get, or set from the loader."""

        async def call() -> Any:
            return (await self._load(key, 0)).value

        return await self._fence.get_or_set(key, TTL_S, call)

    async def invalidate(self, key: str, at: int) -> None:  # noqa: ARG002  (knows no commit times)
        """Delete the key."""
        await self._fence.invalidate(key)

    async def close(self) -> None:
        """Disconnect."""
        await self._redis.aclose()
