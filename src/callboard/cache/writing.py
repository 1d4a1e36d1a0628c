"""Putting and invalidating: at once here, in Redis as soon as it can be told, never forgotten."""

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar

from callboard.cache.answer import Loaded
from callboard.cache.entry import stamp
from callboard.cache.errors import TierUnavailable
from callboard.cache.loading import Loading
from callboard.cache.outage import Debt, Owed
from callboard.cache.policy import Key
from callboard.cache.records import Outcome, Record
from callboard.cache.scripts import FLOOR, TAG_FLOOR
from callboard.cache.tier import STORED, Tier

__all__ = ["Writing"]

T = TypeVar("T")

_OWED_FLOOR_TTL_S = 3600.0
"""How long a floor lives that is told late, to a key whose keyspace is not known any more."""
_TAG_TTL_S = 24 * 3600.0
"""How long a tag's floor is remembered: longer than any tagged entry lives."""
_AT_ONCE = 500
"""Debts paid in one pipeline."""


class Writing:
    """Everything that makes entries newer or unusable."""

    def __init__(self, tier: Tier, owed: Owed, loading: Loading) -> None:
        self._tier = tier
        self._owed = owed
        self._loading = loading
        self._paid = asyncio.Event()
        self._paid.set()

    async def put(self, key: Key[T], loaded: Loaded[T]) -> bool:
        """Store what was written; False: it was older, or Redis is away."""
        tier = self._tier
        self._forget(key.raw)
        try:
            seen = await tier.seen((*key.space.tags(key.id), *loaded.tags))
            soft_s = key.space.soft_ttl_s or key.space.ttl_s
            if loaded.value is None and not key.space.negative_ttl_s:
                return await self.invalidate(key, loaded.as_of)
            if not tier.transport.up(key.raw):
                self._owe(key.raw, loaded.as_of, key.space.name)
                return False
            stored = await tier.fill(key, loaded, seen, None, soft_s) == STORED
        except TierUnavailable:
            self._owe(key.raw, loaded.as_of, key.space.name)
            return False
        finally:
            self._loading.flights.detach(key.raw)
            self._loading.bells.ring(key.raw)
        tier.hook(Record(Outcome.FILLED if stored else Outcome.REFUSED, key.space.name))
        return stored

    async def invalidate(self, key: Key[Any], at: int | None) -> bool:
        """Raise a key's floor; True: Redis knows."""
        self._forget(key.raw)
        return await self._floor(key.raw, at, key.space.floor_ttl_s, key.space.name)

    async def invalidate_tag(self, tag: str, at: int | None) -> bool:
        """Raise a tag's floor; True: Redis knows."""
        raw = self._tier.tags.raw(tag)
        self.tag_changed(tag)
        return await self._floor(raw, at, _TAG_TTL_S, f"#{tag}", is_tag=True)

    def tag_changed(self, tag: str) -> None:
        """A tag's floor is another now, or will be: forget what it was and what it held for."""
        self._tier.tags.forget(tag)
        self._tier.memory.drop_tag(tag)
        # Which flights carry the tag may be known only when they land.
        self._loading.flights.detach_all()
        self._loading.refuge.clear()

    def _forget(self, raw: bytes) -> None:
        self._tier.memory.drop(raw)
        self._loading.flights.detach(raw)
        self._loading.refuge.drop(raw)

    async def _floor(
        self, raw: bytes, at: int | None, ttl_s: float, name: str, *, is_tag: bool = False
    ) -> bool:
        tier = self._tier
        try:
            if not tier.transport.up(raw):
                self._owe(raw, at, name, is_tag=is_tag)
                return False
            changed = await self._send(raw, at, ttl_s, is_tag=is_tag)
        except TierUnavailable:
            self._owe(raw, at, name, is_tag=is_tag)
            return False
        except asyncio.CancelledError:
            # It was sent, and will most likely be done; twice does no harm.
            if not tier.transport.up(raw):
                self._owe(raw, at, name, is_tag=is_tag)
            raise
        tier.hook(Record(Outcome.INVALIDATED if changed else Outcome.UNCHANGED, name))
        return True

    def _send(
        self, raw: bytes, at: int | None, ttl_s: float, *, is_tag: bool
    ) -> "asyncio.Future[bool]":
        def on_reply(reply: Any, _: int) -> bool:
            # What was read before the floor but arrived after we forgot must go as well: our
            # own writes are not pushed to us.
            if is_tag:
                self.tag_changed(raw[len(self._tier.tags.prefix) :].decode())
            else:
                self._forget(raw)
                self._loading.bells.ring(raw)
            return bool(reply)

        arguments = (
            b"%d" % self._tier.now_ms(),
            b"" if at is None else stamp(at),
            b"%d" % int(ttl_s * 1000),
        )
        return self._tier.transport.run(TAG_FLOOR if is_tag else FLOOR, raw, arguments, on_reply)

    # -- debts -----------------------------------------------------------------------------

    def _owe(self, raw: bytes, at: int | None, name: str, *, is_tag: bool = False) -> None:
        self._owed.add(raw, at, is_tag=is_tag)
        self._paid.clear()
        self._tier.hook(Record(Outcome.OWED, name, count=len(self._owed)))

    async def settled(self) -> None:
        """Return when nothing is owed."""
        await self._paid.wait()

    async def repay(self, server: str) -> None:
        """Tell a server what is owed to it, until nothing is.

        Raises:
            TierUnavailable: it went away again; what was not told is still owed.
        """
        transport = self._tier.transport
        paid = 0
        while debts := [d for d in self._owed.each() if transport.server_of(d[0]) == server]:
            for start in range(0, len(debts), _AT_ONCE):
                paid += await self._pay(debts[start : start + _AT_ONCE])
        if self._owed.everything:
            paid += await self._sweep()
        if paid:
            self._tier.hook(Record(Outcome.REPAID, count=paid))
        if not len(self._owed):
            self._paid.set()

    async def _pay(self, debts: list[Debt]) -> int:
        states = {raw: self._owed.state(raw) for raw, _, _ in debts}
        sent = [
            self._send(raw, at, _TAG_TTL_S if is_tag else _OWED_FLOOR_TTL_S, is_tag=is_tag)
            for raw, at, is_tag in debts
        ]
        await _all(sent)
        for raw, state in states.items():
            self._owed.settle(raw, state)
        return len(debts)

    async def _sweep(self) -> int:
        """Give every key the latest floor owed: which keys it was owed to is not known."""
        tier = self._tier
        at = None if self._owed.everything_purged else self._owed.everything_at
        namespace = tier.tags.prefix[:-1]
        keys = [raw async for raw in tier.transport.scan(namespace) if tier.tags.name(raw) is None]
        for start in range(0, len(keys), _AT_ONCE):
            part = keys[start : start + _AT_ONCE]
            sent = [self._send(raw, at, _OWED_FLOOR_TTL_S, is_tag=False) for raw in part]
            await _all(sent)
        self._owed.settle_everything()
        return len(keys)


async def _all(sent: Sequence["asyncio.Future[bool]"]) -> None:
    """Wait for all of them; raise the first error when all have ended."""
    for result in await asyncio.gather(*sent, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
