"""What a keyspace promises: how long its entries live, how they are loaded, what they cost."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import orjson

__all__ = ["BYTES", "JSON", "NAMESPACE", "TEXT", "Codec", "Key", "Keyspace", "untagged"]

T = TypeVar("T")

NAMESPACE = "cb:c:"
"""What every key of the cache begins with, so that tracking tells of them alone."""

_ID_LENGTH_MAX = 512


class Codec(Protocol[T]):
    """How a value becomes bytes and comes back."""

    @property
    def immutable(self) -> bool:
        """Whether decoded values cannot be changed: then memory keeps and shares them."""

    def encode(self, value: T, /) -> bytes:
        """Return the value's bytes."""

    def decode(self, payload: bytes, /) -> T:
        """Return the value anew."""


class _Bytes:
    """Bytes as they are: the cheapest, and what an HTTP answer wants anyway."""

    immutable = True

    def encode(self, value: bytes, /) -> bytes:
        return value

    def decode(self, payload: bytes, /) -> bytes:
        return payload


class _Text:
    """Text as UTF-8."""

    immutable = True

    def encode(self, value: str, /) -> bytes:
        return value.encode()

    def decode(self, payload: bytes, /) -> str:
        return payload.decode()


class _Json:
    """JSON; decoded anew for every caller, because lists and dictionaries can be changed."""

    immutable = False

    def encode(self, value: Any, /) -> bytes:
        return orjson.dumps(value)

    def decode(self, payload: bytes, /) -> Any:
        return orjson.loads(payload)


BYTES: Codec[bytes] = _Bytes()
TEXT: Codec[str] = _Text()
JSON: Codec[Any] = _Json()


def untagged(_: str) -> tuple[str, ...]:
    """Return no tags: the default."""
    return ()


class Key(Generic[T]):
    """One thing of a keyspace; made by `Keyspace.key`."""

    __slots__ = ("id", "raw", "space")

    def __init__(self, space: "Keyspace[T]", id_: str, raw: bytes) -> None:
        self.space = space
        self.id = id_
        self.raw = raw

    def __repr__(self) -> str:
        return f"Key({self.raw.decode()!r})"


@dataclass(frozen=True, kw_only=True)
class Keyspace(Generic[T]):
    """The policy of one kind of entry. Times are seconds.

    Raises:
        ValueError: the figures contradict one another; says which.
    """

    name: str
    codec: Codec[T]
    ttl_s: float
    """Physical life in Redis, from the load on."""
    soft_ttl_s: float | None = None
    """Age from which one refresher reloads while everybody is served; None: never before."""
    jitter: float = 0.1
    """By which share the soft TTL is shortened at random, so that refreshes spread."""
    negative_ttl_s: float = 0.0
    """How long "there is nothing" is remembered; 0: it is not."""
    tags: Callable[[str], tuple[str, ...]] = untagged
    """From an id, the tags it can be invalidated by."""
    clocked: bool = True
    """Whether loaders tell `as_of`; otherwise fills are fenced by the lease's token alone."""
    loader_timeout_s: float = 5.0
    lease_s: float = 1.5
    """How long a loader has the sole right to load unless it renews it, which it does while it
    lives: so long others wait for one that was killed."""
    floor_ttl_s: float = 60.0
    """How long an invalidation is remembered where there is no entry; longer than a lease."""
    coalesce_s: float = 0.0
    """How long after an invalidation the old value may still be served; 0: not at all."""
    stale_if_error_s: float = 300.0
    """How long after its load a value may be served because the loader fails."""
    degraded_ttl_s: float = 1.0
    """Without Redis, how long one load answers everybody of this process."""
    l1_ttl_s: float | None = None
    """Longest stay in memory; None: as long as in Redis."""
    l1_bytes: int = 16 << 20
    """Room in memory, payloads and keys; 0: none."""
    namespace: str = NAMESPACE
    prefix: bytes = field(init=False, repr=False)
    tagged: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", f"{self.namespace}{self.name}:".encode())
        object.__setattr__(self, "tagged", self.tags is not untagged)
        for wrong, why in self._contradictions():
            if wrong:
                message = f"keyspace {self.name!r}: {why}"
                raise ValueError(message)

    def _contradictions(self) -> tuple[tuple[bool, str], ...]:
        soft_s = self.soft_ttl_s
        return (
            (not self.name or ":" in self.name or "#" in self.name, "name must not hold : or #"),
            (self.ttl_s <= 0, "ttl_s must be positive"),
            (soft_s is not None and not 0 < soft_s < self.ttl_s, "0 < soft_ttl_s < ttl_s"),
            (not 0 <= self.jitter < 1, "0 <= jitter < 1"),
            (self.loader_timeout_s <= 0 or self.lease_s <= 0, "a lease and a load take time"),
            (
                max(self.loader_timeout_s, self.lease_s) >= self.floor_ttl_s,
                "floor_ttl_s must outlive loader_timeout_s and lease_s",
            ),
            (self.negative_ttl_s < 0 or self.coalesce_s < 0, "times must not be negative"),
        )

    def key(self, id_: str) -> Key[T]:
        """Return the key of an id.

        Raises:
            ValueError: the id is empty or too long.
        """
        if not 0 < len(id_) <= _ID_LENGTH_MAX:
            message = f"keyspace {self.name!r}: an id has 1 to {_ID_LENGTH_MAX} characters"
            raise ValueError(message)
        return Key(self, id_, self.prefix + id_.encode())
