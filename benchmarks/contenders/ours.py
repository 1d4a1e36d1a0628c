"""Ours: the whole engine over its own link, and the link alone."""

from functools import partial
from typing import Any

import orjson

from callboard.cache.answer import Loaded, Source
from callboard.cache.engine import Cache
from callboard.cache.links import Links, open_links
from callboard.cache.policy import BYTES, JSON, NAMESPACE, Codec, Keyspace
from callboard.clock import SystemClock
from contenders.base import TTL_S, Contender, Load

__all__ = ["BareLink", "Ours", "OursBytes"]

_L1_BYTES = 16 << 20


class Ours(Contender):
    """Records as JSON, decoded anew for every caller as the others do."""

    codec: Codec[Any] = JSON

    def __init__(self, *, memory: bool) -> None:
        self._space: Keyspace[Any] = Keyspace(
            name="call", codec=self.codec, ttl_s=TTL_S, l1_bytes=_L1_BYTES if memory else 0
        )

    async def open(self, url: str, load: Load) -> None:
        """Connect."""
        self._load = load
        self._cache = Cache(open_links(url), SystemClock())
        await self._cache.start()

    async def get(self, key: str) -> Any:
        """Read through."""
        load = partial(self._load, key)
        return (await self._cache.get_or_load(self._space.key(key), load)).value

    async def look(self, key: str) -> tuple[Any, bool | None]:
        """Read through, and say where it came from."""
        load = partial(self._load, key)
        answer = await self._cache.get_or_load(self._space.key(key), load)
        return answer.value, answer.source in (Source.L1, Source.L2)

    async def invalidate(self, key: str, at: int) -> None:
        """Forget everything older than the commit time.

        Raises:
            RuntimeError: Redis was not told; nobody may rely on it yet.
        """
        if not await self._cache.invalidate(self._space.key(key), at=at):
            message = "the invalidation is owed: Redis was away"
            raise RuntimeError(message)

    async def close(self) -> None:
        """Disconnect."""
        await self._cache.close()


class OursBytes(Ours):
    """Records as the bytes of their JSON, which is what an HTTP answer sends."""

    codec = BYTES

    async def open(self, url: str, load: Load) -> None:
        """Connect."""

        async def encoded(key: str, floor: int) -> Loaded[Any]:
            loaded = await load(key, floor)
            return Loaded(orjson.dumps(loaded.value), loaded.as_of)

        await super().open(url, encoded)


class _Nobody:
    """Listens to a link whose pushes nobody needs."""

    def changed(self, keys: Any) -> None:
        """Ignore."""

    def distrusted(self, reason: str) -> None:
        """Ignore."""

    async def restoring(self, server: str) -> None:
        """Owe nothing."""


def _payload(reply: Any, incarnation: int) -> Any:  # noqa: ARG001  (the link tells it)
    return reply


class BareLink(Contender):
    """One GET and nothing else."""

    async def open(self, url: str, load: Load) -> None:  # noqa: ARG002  (loads nothing)
        """Connect."""
        self._links: Links = open_links(url, namespace=NAMESPACE)
        await self._links.start(_Nobody())

    async def get(self, key: str) -> Any:
        """GET."""
        return await self._links.get(key.encode(), _payload)

    async def invalidate(self, key: str, at: int) -> None:
        """Keep everything."""

    async def close(self) -> None:
        """Disconnect."""
        await self._links.close()
