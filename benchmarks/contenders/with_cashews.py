"""cashews: its decorator, with its own JSON (it takes no other)."""

from typing import Any

from cashews import Cache

from contenders.base import TTL_S, Contender, Load

__all__ = ["Cashews"]


class Cashews(Contender):
    """`@cache(ttl, key)`; with a lock across processes, or with memory kept by pushes."""

    def __init__(self, *, lock: bool = False, client_side: bool = False) -> None:
        self._lock = lock
        self._client_side = client_side

    async def open(self, url: str, load: Load) -> None:
        """Connect, and decorate the loader."""
        self._cache = Cache()
        self._cache.setup(url, client_side=self._client_side, pickle_type="json")

        async def call(key: str) -> Any:
            return (await load(key, 0)).value

        self._call = self._cache(ttl=TTL_S, key="call:{key}", lock=self._lock)(call)

    async def get(self, key: str) -> Any:
        """Call the decorated loader."""
        return await self._call(key)

    async def invalidate(self, key: str, at: int) -> None:  # noqa: ARG002  (knows no commit times)
        """Delete the key."""
        await self._cache.delete(f"call:{key}")

    async def close(self) -> None:
        """Disconnect."""
        await self._cache.close()
