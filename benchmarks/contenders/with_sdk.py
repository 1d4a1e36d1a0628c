"""fastapi-redis-sdk: its CacheBackend, read-through as its documentation shows."""

from typing import Any

import orjson
from redis.asyncio import Redis
from redis_fastapi.cache_backend import CacheBackend

from contenders.base import CONNECTIONS_MAX, TTL_S, Contender, Load

__all__ = ["Sdk"]


class _Orjson:
    @classmethod
    def encode(cls, value: Any) -> str:
        return orjson.dumps(value).decode()

    @classmethod
    def decode(cls, value: str) -> Any:
        return orjson.loads(value)


class Sdk(Contender):
    """`get`, else load and `set`."""

    async def open(self, url: str, load: Load) -> None:
        """Connect as its own dependency does: a pool from the URL."""
        self._redis = Redis.from_url(url, max_connections=CONNECTIONS_MAX)
        self._backend = CacheBackend(self._redis, eviction_group="calls", coder=_Orjson)
        self._load = load

    async def get(self, key: str) -> Any:
        """Ask the backend; on a miss load and set."""
        value = await self._backend.get(key)
        if value is None:
            value = (await self._load(key, 0)).value
            await self._backend.set(key, value, ttl=TTL_S)
        return value

    async def invalidate(self, key: str, at: int) -> None:  # noqa: ARG002  (knows no commit times)
        """Delete the key."""
        await self._backend.delete(key)

    async def close(self) -> None:
        """Disconnect."""
        await self._redis.aclose()
