"""The process' cache and what belongs to it: the table, its invalidator, the reads through it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from callboard.app.invalidation import Invalidator
from callboard.cache import Cache, Hook, open_links
from callboard.clock import Clock
from callboard.delivery.cached import CachedReads
from callboard.errors import ConfigurationError
from callboard.keyspaces import CACHED, Cached
from callboard.settings import Settings

__all__ = ["Caching", "caching_of", "rows_of", "table"]

_TTL_MIN_S = 1
_TTL_MAX_S = 24 * 3_600
_WINDOW_MAX_S = 3_600


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
    """Return the table with the TTLs and the windows that are set.

    Raises:
        ConfigurationError: `CALLBOARD_CACHE_TTLS` or `CALLBOARD_CACHE_WINDOWS` cannot be used.
    """
    try:
        lasting = _with_ttls(settings.cache_ttls, CACHED)
    except ValueError as error:
        message = f"CALLBOARD_CACHE_TTLS: {error}"
        raise ConfigurationError(message) from error
    try:
        return _with_windows(settings.cache_windows, lasting)
    except ValueError as error:
        message = f"CALLBOARD_CACHE_WINDOWS: {error}"
        raise ConfigurationError(message) from error


def table(
    ttls: Mapping[str, float],
    windows: Mapping[str, float] | None = None,
    rows: Sequence[Cached] = CACHED,
) -> dict[str, Cached]:
    """Return the rows by name, with other TTLs and windows (s) where they are given.

    Soft TTLs keep their share of the TTL. Rows that share a tag share its window, which is set
    by the row it belongs to.

    Raises:
        ValueError: a name is not in the table or has no window of its own, or a value is out of
            range; says which.
    """
    return _with_windows(windows or {}, _with_ttls(ttls, rows))


def _with_ttls(ttls: Mapping[str, float], rows: Sequence[Cached]) -> dict[str, Cached]:
    known = {row.name: row for row in rows}
    for name, ttl_s in ttls.items():
        row = _row(known, name)
        if not _TTL_MIN_S <= ttl_s <= _TTL_MAX_S:
            message = f"the TTL of '{name}' must be {_TTL_MIN_S} to {_TTL_MAX_S} seconds"
            raise ValueError(message)
        space, soft_s = row.space, row.space.soft_ttl_s
        soft_s = soft_s * ttl_s / space.ttl_s if soft_s is not None else None
        negative_s = min(space.negative_ttl_s, ttl_s)
        changed = replace(space, ttl_s=ttl_s, soft_ttl_s=soft_s, negative_ttl_s=negative_s)
        known[name] = replace(row, space=changed)
    return known


def _with_windows(windows: Mapping[str, float], rows: Mapping[str, Cached]) -> dict[str, Cached]:
    known = dict(rows)
    for name, window_s in windows.items():
        row = _row(known, name)
        if row.window_of:
            message = f"'{name}' has the window of '{row.window_of}'"
            raise ValueError(message)
        if not row.window_s:
            message = f"'{name}' has no window: its entries are made old at once"
            raise ValueError(message)
        if not 0 <= window_s <= _WINDOW_MAX_S:
            message = f"the window of '{name}' must be 0 to {_WINDOW_MAX_S} seconds"
            raise ValueError(message)
        for other in known.values():
            if name in (other.name, other.window_of):
                known[other.name] = replace(other, window_s=window_s)
    return known


def _row(known: Mapping[str, Cached], name: str) -> Cached:
    row = known.get(name)
    if row is None:
        message = f"there is no keyspace '{name}'; there are {', '.join(known)}"
        raise ValueError(message)
    return row


def caching_of(
    settings: Settings, clock: Clock, url: str, password: str | None, hook: Hook
) -> Caching:
    """Return the cache of one process over the Redis at a URL.

    Raises:
        ConfigurationError: the URL, `CALLBOARD_CACHE_TTLS` or `CALLBOARD_CACHE_WINDOWS` cannot
            be used.
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
