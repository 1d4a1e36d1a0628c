"""Answers kept for a moment because Redis or the loader is away: bounded, and never for long."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from callboard.cache.answer import Answer
from callboard.cache.policy import Key

__all__ = ["Refuge"]

T = TypeVar("T")

_BYTES_MAX = 16 << 20
_OVERHEAD_BYTES = 500


class _Kept(NamedTuple):
    at_s: float
    """When it was loaded."""
    until_s: float
    answer: Answer[Any]
    """Without its value."""
    payload: bytes | None
    floor: int
    size: int


class Refuge:
    """The last answer per key, usable for `degraded_ttl_s`, oldest first out."""

    def __init__(self, now_s: Callable[[], float], bytes_max: int = _BYTES_MAX) -> None:
        self._now_s = now_s
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()

    def get(self, key: Key[T], min_as_of: int, floor: int = 0) -> Answer[T] | None:
        """Return an answer that is young enough and contains enough, or is marked stale.

        None too when the key's floor has risen above the one it was kept under.
        """
        kept = self._kept.get(key.raw)
        if kept is None or self._now_s() >= kept.until_s or floor > kept.floor:
            return None
        if kept.answer.as_of < min_as_of and not kept.answer.stale:
            return None
        return _with_value(key, kept)

    def put(self, key: Key[T], answer: Answer[T], floor: int = 0, *, age_s: float = 0.0) -> None:
        """Keep an answer, as bytes, so that nobody can change another's.

        `age_s` is how long ago it was loaded: keeping it again does not make it younger.
        """
        self.drop(key.raw)
        value = answer.value
        payload = None if value is None else key.space.codec.encode(value)
        size = len(payload or b"") + len(key.raw) + _OVERHEAD_BYTES
        now_s = self._now_s()
        bare = answer._replace(value=None)
        until_s = now_s + key.space.degraded_ttl_s
        self._kept[key.raw] = _Kept(now_s - age_s, until_s, bare, payload, floor, size)
        self._bytes += size
        while self._bytes > self._bytes_max:
            self._bytes -= self._kept.popitem(last=False)[1].size

    def remembered(self, key: Key[T]) -> Answer[T] | None:
        """Return an answer of whatever age the policy allows when the loader fails."""
        kept = self._kept.get(key.raw)
        if kept is None or self._now_s() - kept.at_s > key.space.stale_if_error_s:
            return None
        return _with_value(key, kept)._replace(stale=True)

    def age_s(self, key: Key[T]) -> float:
        """Return how long ago a kept answer was loaded; 0 for one that is not kept."""
        kept = self._kept.get(key.raw)
        return self._now_s() - kept.at_s if kept is not None else 0.0

    def drop(self, raw: bytes) -> None:
        """Forget an answer."""
        kept = self._kept.pop(raw, None)
        if kept is not None:
            self._bytes -= kept.size

    def clear(self) -> None:
        """Forget them all."""
        self._kept.clear()
        self._bytes = 0


def _with_value(key: Key[T], kept: _Kept) -> Answer[T]:
    value = None if kept.payload is None else key.space.codec.decode(kept.payload)
    return kept.answer._replace(value=value)
