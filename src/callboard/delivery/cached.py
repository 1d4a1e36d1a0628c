"""Reads through the cache: every cached row of `keyspaces` is asked for here, and nowhere else.

A row is made old by the projector's feed. So it is only served while a projector vouches for the
views; otherwise MongoDB is asked, as it is for the views themselves.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from callboard.cache import Cache, CacheError, Key, Loader, Source
from callboard.delivery.conditional import Answer, content_tag
from callboard.errors import StoreUnavailable
from callboard.keyspaces import Cached

__all__ = ["CachedReads", "Wanted"]

_SAID = {
    Source.L1: "HIT",
    Source.L2: "HIT",
    Source.LOADER: "MISS",
    Source.DEGRADED: "BYPASS",
}
_KEPT_BYTES_MAX = 32 << 20


class Wanted(NamedTuple):
    """One entry of a row, and how it is made."""

    row: str
    """The keyspace's name."""
    id: str
    load: Loader[bytes]
    """Returns the rendered JSON, from MongoDB, and the commit time it is complete up to."""


class CachedReads:
    """What is cached, as answers with tags.

    Args:
        cache: this process' cache; None: everything is read from MongoDB (`CALLBOARD_CACHE=off`).
        rows: the table, by name.
        is_vouched: whether a projector stands behind what Redis says.
        newest: returns a commit time that contains everything committed before it was called.
    """

    def __init__(
        self,
        cache: Cache | None,
        rows: Mapping[str, Cached],
        is_vouched: Callable[[], bool],
        newest: Callable[[], Awaitable[int]],
    ) -> None:
        self._cache = cache
        self._rows = rows
        self._is_vouched = is_vouched
        self._newest = newest
        self._kept: OrderedDict[bytes, tuple[bytes, Answer]] = OrderedDict()
        self._kept_bytes = 0
        self.waiting = 0
        """How many reads wait for their answer now."""

    @property
    def enabled(self) -> bool:
        """Whether anything is cached at all."""
        return self._cache is not None

    def max_age_s(self, row: str) -> int:
        """Return how long clients may keep an answer without asking again."""
        return self._rows[row].max_age_s

    async def read(self, wanted: Wanted, *, fresh: bool = False) -> Answer | None:
        """Return an entry; None: there is no such thing. `fresh` asks for the newest.

        Raises:
            StoreUnavailable: it is not cached, and MongoDB does not answer in time.
            CallboardError: what the loader says.
        """
        cache = self._cache
        key = self._rows[wanted.row].space.key(wanted.id)
        if cache is None or (not self._is_vouched() and cache.trusts(key)):
            loaded = await wanted.load(0)
            return _answer(loaded.value, "BYPASS")
        self.waiting += 1
        try:
            min_as_of = await self._newest() if fresh else 0
            found = await cache.get_or_load(key, wanted.load, min_as_of=min_as_of)
        except CacheError as error:
            raise StoreUnavailable(str(error)) from error
        finally:
            self.waiting -= 1
        said = _SAID[found.source]
        if found.value is None or said != "HIT":
            return _answer(found.value, said)
        return self._keep(key, found.value)

    def _keep(self, key: Key[bytes], body: bytes) -> Answer:
        """Return the answer of a hit: tagged and compressed once for as long as it is served."""
        kept = self._kept.get(key.raw)
        if kept is not None and (kept[0] is body or kept[0] == body):
            return kept[1]
        answer = Answer(body, content_tag(body), "HIT")
        if kept is not None:
            self._kept_bytes -= len(kept[0])
        self._kept[key.raw] = body, answer
        self._kept.move_to_end(key.raw)
        self._kept_bytes += len(body)
        while self._kept_bytes > _KEPT_BYTES_MAX and len(self._kept) > 1:
            _, (dropped, _) = self._kept.popitem(last=False)
            self._kept_bytes -= len(dropped)
        return answer

    async def put(self, row: str, id_: str, body: bytes, as_of: int) -> None:
        """Write through: store what was just written, as it is since the commit `as_of`."""
        if self._cache is not None:
            await self._cache.put(self._rows[row].space.key(id_), body, as_of=as_of)

    async def invalidate(self, row: str, id_: str, at: int) -> None:
        """Make what is older than a commit unusable."""
        if self._cache is not None:
            await self._cache.invalidate(self._rows[row].space.key(id_), at=at)

    async def invalidate_tag(self, tag: str, at: int) -> None:
        """Do the same for every entry of a tag."""
        if self._cache is not None:
            await self._cache.invalidate_tag(tag, at=at)


def _answer(body: bytes | None, said: str) -> Answer | None:
    return None if body is None else Answer(body, content_tag(body), said)
