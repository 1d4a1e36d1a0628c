"""aiocache: its decorators over Redis."""

from typing import Any
from urllib.parse import urlsplit

import orjson
from aiocache import Cache, cached, cached_stampede
from aiocache.serializers import BaseSerializer

from contenders.base import CONNECTIONS_MAX, TTL_S, Contender, Load

__all__ = ["Aiocache"]


class _Orjson(BaseSerializer):  # type: ignore[misc]  # not typed where it is not installed
    DEFAULT_ENCODING = None

    def dumps(self, value: Any) -> bytes:
        return orjson.dumps(value)

    def loads(self, value: bytes | None) -> Any:
        return None if value is None else orjson.loads(value)


class Aiocache(Contender):
    """`@cached`, or `@cached_stampede` with its default lease of 2 s."""

    def __init__(self, *, stampede: bool = False) -> None:
        self._decorator = cached_stampede if stampede else cached

    async def open(self, url: str, load: Load) -> None:
        """Connect, and decorate the loader."""
        server = urlsplit(url)

        async def call(key: str) -> Any:
            return (await load(key, 0)).value

        decorate = self._decorator(
            ttl=TTL_S,
            cache=Cache.REDIS,
            serializer=_Orjson(),
            key_builder=lambda _, key: key,
            endpoint=server.hostname,
            port=server.port,
            password=server.password,
            pool_max_size=CONNECTIONS_MAX,
        )
        self._call = decorate(call)

    async def get(self, key: str) -> Any:
        """Call the decorated loader."""
        return await self._call(key)

    async def invalidate(self, key: str, at: int) -> None:  # noqa: ARG002  (knows no commit times)
        """Delete the key."""
        await self._call.cache.delete(key)

    async def close(self) -> None:
        """Disconnect."""
        await self._call.cache.close()
