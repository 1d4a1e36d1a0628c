"""Putting and invalidating: at once here, in Redis as soon as it can be told, never forgotten."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
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
            if stored and not await self._pushes_left(key.raw):
                self._owe(key.raw, loaded.as_of, key.space.name)
                return False
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
            tier.require_trusted(raw)
            sent = self._send(raw, at, ttl_s, is_tag=is_tag)
        except TierUnavailable:
            self._owe(raw, at, name, is_tag=is_tag)
            return False

        def owe_if_lost(done: "asyncio.Future[bool]") -> None:
            if done.cancelled() or done.exception() is not None:
                self._owe(raw, at, name, is_tag=is_tag)

        sent.add_done_callback(owe_if_lost)
        try:
            # A caller that is cancelled does not take the invalidation with it.
            changed = await asyncio.shield(sent)
        except TierUnavailable:
            return False
        # Even if it changed nothing: what did may have been done in the same turn.
        if not await self._pushes_left(raw):
            self._owe(raw, at, name, is_tag=is_tag)
            return False
        self._owed.newest_told = max(self._owed.newest_told, at or 0)
        tier.hook(Record(Outcome.INVALIDATED if changed else Outcome.UNCHANGED, name))
        return True

    async def _pushes_left(self, raw: bytes) -> bool:
        """Return when readers elsewhere would find the push in their sockets; False: unknown."""
        try:
            await self._tier.transport.barrier(raw)
        except TierUnavailable:
            return False
        return True

    def _send(
        self, raw: bytes, at: int | None, ttl_s: float, *, is_tag: bool
    ) -> "asyncio.Future[bool]":
        def on_reply(reply: Any, _: int) -> bool:
            # What was read before the floor but arrived after we forgot must go as well, even
            # where a server does not push our own writes to us.
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
        self._owed.add(self._tier.transport.server_of(raw), raw, at, is_tag=is_tag)
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
        paid = 0
        while debts := self._owed.of(server):
            paid += await self._pay(server, debts)
        while (whole := self._owed.everything_of(server)) is not None:
            paid += await self._sweep(server, whole)
        if paid:
            self._tier.hook(Record(Outcome.REPAID, count=paid))
        if not len(self._owed):
            self._paid.set()

    async def repay_moved(self) -> None:
        """Tell those who serve now what is owed to those who served before.

        Raises:
            TierUnavailable: one of them does not answer.
        """
        transport = self._tier.transport
        for server in self._owed.servers():
            debts = self._owed.of(server)
            up = {r: d for r, d in debts.items() if transport.up(r)}
            await self._pay(server, up)
            whole = self._owed.everything_of(server)
            if whole is not None and not server:
                await self._sweep(server, whole)  # owed before any server was known: to all
            elif whole is not None and not transport.serves(server):
                # What was there is not believed where it is now: another server wrote it.
                self._owed.settle_everything(server, whole)
        if not len(self._owed):
            self._paid.set()

    async def _pay(self, server: str, debts: Mapping[bytes, Debt]) -> int:
        paid = 0
        for part in _parts(list(debts.items())):
            sent = [
                self._send(raw, at, _ttl_s(debt), is_tag=debt.is_tag)
                for raw, debt in part
                for at in debt.instants()
            ]
            await _all(sent)
            paid += len(sent)
            for raw, debt in part:
                self._owed.settle(server, raw, debt)
        return paid

    async def _sweep(self, server: str, whole: Debt) -> int:
        """Tell every key of a server: which ones it was owed to is not known any more."""
        tier = self._tier
        namespace = tier.tags.prefix[:-1]
        raws = [
            raw
            async for raw in tier.transport.scan(namespace, server)
            if tier.tags.name(raw) is None
        ]
        for part in _parts(raws):
            await _all(
                [
                    self._send(raw, at, _OWED_FLOOR_TTL_S, is_tag=False)
                    for raw in part
                    for at in whole.instants()
                ]
            )
        self._owed.settle_everything(server, whole)
        return len(raws)


def _parts(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield what is paid in one pipeline each."""
    for start in range(0, len(whole), _AT_ONCE):
        yield whole[start : start + _AT_ONCE]


def _ttl_s(debt: Debt) -> float:
    return _TAG_TTL_S if debt.is_tag else _OWED_FLOOR_TTL_S


async def _all(sent: Sequence["asyncio.Future[bool]"]) -> None:
    """Wait for all of them; raise the first error when all have ended."""
    for result in await asyncio.gather(*sent, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
