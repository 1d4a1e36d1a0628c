"""The auditor: does what the cache serves contain what the database holds?

Consistency as something observed, after Meta's Polaris (2022): take a key, look at what is
served, then at the truth with a stamp of its own. A difference alone means little, the
invalidation may be on its way; one that is still served a second, ten, a minute after the truth
was seen is a violation of that age. Nothing is repaired here: hiding a fault is not mending it.
"""

import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Protocol, TypeVar

from callboard.cache.answer import Answer, Loader
from callboard.cache.policy import Key, Keyspace
from callboard.cache.records import Hook, Outcome, Record, ignore
from callboard.clock import Clock

__all__ = ["Audited", "Auditor", "Peekable", "sample"]

T = TypeVar("T")

AGES_S = (1.0, 10.0, 60.0)


class Peekable(Protocol):
    """What the auditor asks of the cache."""

    async def peek(self, key: Key[T]) -> Sequence[Answer[T]]:
        """Return what each tier would serve now; nothing for a tier that would not."""

    def keys(self, space: Keyspace[T]) -> AsyncIterator[Key[T]]:
        """Walk over the keys of a keyspace."""


class _Suspect(NamedTuple):
    since_s: float
    """When the truth was seen that is not served."""
    truth_as_of: int
    payload: bytes
    """What was served instead."""


@dataclass(slots=True)
class Audited:
    """What an auditor has found so far."""

    compared: int = 0
    equal: int = 0
    absent: int = 0
    """Keys that no tier would serve."""
    behind: int = 0
    """Differences when first seen; most are invalidations under way."""
    violations: Counter[float] = field(default_factory=Counter)
    """By age in seconds: differences still served that long after the truth was seen."""


class Auditor(Generic[T]):
    """Audits one keyspace with the loader that fills it.

    Args:
        cache: the cache, as its users see it in this process.
        loader: returns the truth and its stamp; asked for at least the served stamp.
        clock: for ages.
        ages_s: after how many seconds a difference counts, each once.
        hook: told of violations as `Outcome.VIOLATION`, `seconds` the age.
    """

    def __init__(
        self,
        cache: Peekable,
        loader: "Loaders[T]",
        clock: Clock,
        *,
        ages_s: Sequence[float] = AGES_S,
        hook: Hook = ignore,
    ) -> None:
        self._cache = cache
        self._loader = loader
        self._clock = clock
        self._ages_s = sorted(ages_s)
        self._hook = hook
        self._suspects: dict[tuple[bytes, int], _Suspect] = {}
        self._keys: dict[bytes, Key[T]] = {}
        self._counted: dict[tuple[bytes, int], int] = {}
        self.audited = Audited()

    async def look(self, keys: Iterable[Key[T]]) -> Audited:
        """Compare keys, and again those that differed before; returns all found so far.

        Raises:
            Exception: what the loader raises.
        """
        chosen = {key.raw: key for key in keys} | self._keys
        for key in chosen.values():
            await self._compare(key)
        return self.audited

    async def _compare(self, key: Key[T]) -> None:
        served = await self._cache.peek(key)
        if not served:
            self.audited.absent += 1
        for tier, answer in enumerate(served):
            await self._compare_one(key, tier, answer)
        for tier in range(len(served), 2):
            self._clear(key, tier)

    async def _compare_one(self, key: Key[T], tier: int, answer: Answer[T]) -> None:
        truth = await self._loader(key.id)(answer.as_of)
        self.audited.compared += 1
        payload = _bytes(key, answer.value)
        if payload == _bytes(key, truth.value):
            self.audited.equal += 1
            self._clear(key, tier)
            return
        now_s = self._clock.monotonic_s()
        suspect = self._suspects.get((key.raw, tier))
        if suspect is None or not _same(suspect, answer.as_of, payload):
            # Served now what was not served then: whatever it lacks, it lacks only since now.
            self.audited.behind += suspect is None
            self._suspects[key.raw, tier] = _Suspect(now_s, truth.as_of or 0, payload)
            self._counted[key.raw, tier] = 0
            self._keys[key.raw] = key
            return
        self._count(key, tier, now_s - suspect.since_s)

    def _count(self, key: Key[T], tier: int, age_s: float) -> None:
        reached = sum(age_s >= limit_s for limit_s in self._ages_s)
        for limit_s in self._ages_s[self._counted[key.raw, tier] : reached]:
            self.audited.violations[limit_s] += 1
            detail = f"{key.id} tier {tier + 1}"
            self._hook(Record(Outcome.VIOLATION, key.space.name, age_s, detail=detail))
        self._counted[key.raw, tier] = max(reached, self._counted[key.raw, tier])

    def _clear(self, key: Key[T], tier: int) -> None:
        self._suspects.pop((key.raw, tier), None)
        self._counted.pop((key.raw, tier), None)
        if not any(raw == key.raw for raw, _ in self._suspects):
            self._keys.pop(key.raw, None)


class Loaders(Protocol[T]):
    """Makes the loader of an id."""

    def __call__(self, id_: str, /) -> Loader[T]:
        """Return the loader."""


async def sample(
    cache: Peekable,
    space: Keyspace[T],
    count: int,
    rng: random.Random,
    *,
    scanned_max: int = 10_000,
) -> list[Key[T]]:
    """Return keys of a keyspace chosen evenly among the first `scanned_max` of a walk.

    Reservoir sampling, algorithm R (Vitter, 1985).

    Raises:
        TierUnavailable: Redis does not answer.
    """
    chosen: list[Key[T]] = []
    seen = 0
    async for key in cache.keys(space):
        seen += 1
        if len(chosen) < count:
            chosen.append(key)
        elif (place := rng.randrange(seen)) < count:
            chosen[place] = key
        if seen >= scanned_max:
            break
    return chosen


def _bytes(key: Key[T], value: T | None) -> bytes:
    return b"" if value is None else b"V" + key.space.codec.encode(value)


def _same(suspect: _Suspect, as_of: int, payload: bytes) -> bool:
    """Whether what is served still lacks what was seen then."""
    if as_of:
        return as_of < suspect.truth_as_of
    return payload == suspect.payload
