"""The process' cache and what belongs to it: the table, its invalidator, the reads through it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from callboard.app.invalidation import Invalidator
from callboard.cache import Cache, Hook, open_links
from callboard.clock import Clock
from callboard.delivery.cached import CachedReads
from callboard.errors import ConfigurationError
from callboard.keyspaces import Cached, table
from callboard.settings import Settings

__all__ = ["Caching", "caching_of", "rows_of"]


@dataclass(frozen=True)
class Caching:
    """A service: connected when it has started, also when Redis does not answer."""

    rows: dict[str, Cached]
    cache: Cache | None
    """None: everything is read from MongoDB."""
    invalidator: Invalidator | None
    """Always there with a cache, and told by the projector if this process has the lead."""
    name: str = "cache"

    async def start(self) -> None:
        """Connect."""
        if self.cache is not None:
            await self.cache.start()

    async def stop(self) -> None:
        """Close."""
        if self.cache is not None:
            await self.cache.close()

    async def run(self) -> None:
        """Tell the cache of what waits for its window, until cancelled."""
        if self.invalidator is not None:
            await self.invalidator.run()

    def reads(
        self, is_vouched: Callable[[], bool], newest: Callable[[], Awaitable[int]]
    ) -> CachedReads:
        """Return the reads through this cache."""
        return CachedReads(self.cache, self.rows, is_vouched, newest)


def rows_of(settings: Settings) -> dict[str, Cached]:
    """Return the table with the TTLs that are set.

    Raises:
        ConfigurationError: `CALLBOARD_CACHE_TTLS` cannot be used.
    """
    try:
        return table(settings.cache_ttls)
    except ValueError as error:
        message = f"CALLBOARD_CACHE_TTLS: {error}"
        raise ConfigurationError(message) from error


def caching_of(
    settings: Settings, clock: Clock, url: str, password: str | None, hook: Hook
) -> Caching:
    """Return the cache of one process over the Redis at a URL.

    Raises:
        ConfigurationError: the URL or `CALLBOARD_CACHE_TTLS` cannot be used.
    """
    rows = rows_of(settings)
    if settings.cache == "off":
        return Caching(rows, None, None)
    try:
        cache = Cache(open_links(url, password), clock, hook=hook)
    except ValueError as error:
        message = f"REDIS_URL cannot be used: {error}"
        raise ConfigurationError(message) from error
    return Caching(rows, cache, Invalidator(cache, rows, settings.zone, clock))
