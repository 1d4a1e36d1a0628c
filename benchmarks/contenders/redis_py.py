"""What most people write by hand: GET, else load and SET; DEL when it changed."""

from typing import Any
from urllib.parse import urlsplit

import orjson
from redis.asyncio import Redis

from contenders.base import CONNECTIONS_MAX, TTL_S, Contender, Load

__all__ = ["BareGet", "CacheAside", "client"]


def client(url: str) -> Redis:
    """Return a client as its documentation makes one: it retries ten times, with pauses."""
    server = urlsplit(url)
    return Redis(
        host=server.hostname or "",
        port=server.port or 0,
        password=server.password,
        max_connections=CONNECTIONS_MAX,
    )


class CacheAside(Contender):
    """Cache-aside over redis-py, as it comes."""

    def __init__(self, *, by_url: bool = False) -> None:
        self._by_url = by_url

    async def open(self, url: str, load: Load) -> None:
        """Connect."""
        if self._by_url:  # redis-py 8.1 then does not retry at all
            self._redis = Redis.from_url(url, max_connections=CONNECTIONS_MAX)
        else:
            self._redis = client(url)
        self._load = load

    async def get(self, key: str) -> Any:
        """GET; on a miss load and SET."""
        payload = await self._redis.get(key)
        if payload is not None:
            return orjson.loads(payload)
        value = (await self._load(key, 0)).value
        await self._redis.set(key, orjson.dumps(value), ex=TTL_S)
        return value

    async def invalidate(self, key: str, at: int) -> None:  # noqa: ARG002  (knows no commit times)
        """DEL."""
        await self._redis.delete(key)

    async def close(self) -> None:
        """Disconnect."""
        await self._redis.aclose()


class BareGet(CacheAside):
    """One GET and nothing else."""

    async def get(self, key: str) -> Any:
        """GET."""
        return await self._redis.get(key)
