"""The projector's pen: moves one view in Redis, delta by delta.

Keeps the view's items in memory, so that a shard which Redis has lost is restored from here
and never from a reader. The view's *head* key names the position up to which every shard has
been written; it moves last.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from callboard.cache.errors import CacheError
from callboard.cache.transport import Script, Transport
from callboard.domain.stream import Delta, Position, Snapshot, Watermark
from callboard.errors import LeaseLost, ViewsUnavailable
from callboard.keyspaces import ViewSpace
from callboard.views.scripts import ADVANCE, MOVE_HEAD, RESTORE

__all__ = ["Publisher"]


class Publisher:
    """Writes one view for one projector epoch."""

    def __init__(self, transport: Transport, space: ViewSpace) -> None:
        self._transport = transport
        self.space = space
        self._view = Snapshot({}, Position(0, 0), "")
        self._staged: list[Delta] = []
        self._shard_offsets: dict[int, int] = {}
        self._in_redis = False
        self._begun = False

    @property
    def items(self) -> Mapping[str, bytes]:
        """Return the view's items, staged deltas included."""
        return self._view.items

    @property
    def position(self) -> Position:
        """Return where the view stands, staged deltas included."""
        return self._view.position

    def reset(self, items: Mapping[str, bytes], epoch: int, at: str) -> None:
        """Begin an epoch with these items; the next `flush` writes them all."""
        self._view = Snapshot(items, Position(epoch, 0), at)
        self._staged.clear()
        self._in_redis = self._begun = False

    def stage(self, key: str, change: str, value: bytes, *, keep: bool, at: str) -> None:
        """Move the view on by one delta, to be written by the next `flush`."""
        here = self._view.position
        position = Position(here.epoch, here.offset + 1)
        delta = Delta(position, key, change, value, keep=keep, at=at)
        self._view.apply(delta)
        self._staged.append(delta)

    async def flush(self, watermark: Watermark, *, vouch: bool = False) -> None:
        """Write what was staged; with `vouch`, keep the whole view for another TTL.

        Whatever was committed up to the watermark is in it.

        Raises:
            ViewsUnavailable: Redis does not answer; the view is restored by a later flush.
            LeaseLost: a projector of a later epoch has taken over.
        """
        # Deltas staged while this flush awaits belong to the next one: what is written, and
        # what the head says is written, is fixed here.
        staged, self._staged = self._staged, []
        position, at = self._view.position, self._view.at
        try:
            if not self._in_redis:
                await self._restore(watermark)
            elif staged or vouch:
                shards = range(self.space.shards) if vouch else ()
                if not await self._advance(staged, shards):
                    await self._restore(watermark)
                else:
                    await self._move_head(position, at, watermark)
            self._in_redis = True
        except (CacheError, RuntimeError) as error:
            # RuntimeError: a script failed, as on a key that another program has overwritten.
            self._in_redis = False
            raise ViewsUnavailable(str(error)) from error

    async def _advance(self, staged: Sequence[Delta], shards: Iterable[int]) -> bool:
        """Write the deltas, and touch these shards; False when one is not where we left it."""
        by_shard: dict[int, list[Delta]] = {shard: [] for shard in shards}
        for delta in staged:
            by_shard.setdefault(self.space.shard_of(delta.key), []).append(delta)
        answers = await self._run_all(
            (ADVANCE, self.space.items_key(shard), self._steps(shard, deltas))
            for shard, deltas in by_shard.items()
        )
        if not all(answers):
            return False
        for shard, deltas in by_shard.items():
            if deltas:
                self._shard_offsets[shard] = deltas[-1].position.offset
        return True

    def _steps(self, shard: int, deltas: Sequence[Delta]) -> list[bytes]:
        """Return what moves a shard by these deltas."""
        arguments = [
            b"%d" % self.position.epoch,
            b"%d" % self._shard_offsets[shard],
            b"%d" % (self.space.ttl_s * 1000),
            b"%d" % self.space.log_length_max,
        ]
        for delta in deltas:
            arguments += [
                b"%d" % delta.position.offset,
                delta.key.encode(),
                delta.change.encode(),
                b"1" if delta.keep else b"0",
                delta.value,
                delta.at.encode(),
            ]
        return arguments

    async def _move_head(self, position: Position, at: str, watermark: Watermark) -> None:
        """Say that every shard is at least at this position."""
        arguments = [
            b"%d" % position.epoch,
            b"%d" % position.offset,
            f"{at}|{watermark.instant}|{watermark.commit}".encode(),
            b"%d" % (self.space.ttl_s * 1000),
        ]
        await self._run_all([(MOVE_HEAD, self.space.head_key, arguments)])

    async def _restore(self, watermark: Watermark) -> None:
        """Write every item anew, as of the view's position, staged deltas included.

        What was written before at this position may have been lost since, and read in between:
        the position moves on, and whoever stands at the last one loads anew.
        """
        self._staged.clear()
        if self._begun:
            self._view.skip()
        self._begun = True
        position, at = self._view.position, self._view.at
        by_shard: dict[int, list[bytes]] = {shard: [] for shard in range(self.space.shards)}
        for key, value in self._view.items.items():
            by_shard[self.space.shard_of(key)] += [key.encode(), value]
        first = [
            b"%d" % position.epoch,
            b"%d" % position.offset,
            b"%d" % (self.space.ttl_s * 1000),
        ]
        await self._run_all(
            (RESTORE, self.space.items_key(shard), [*first, *items])
            for shard, items in by_shard.items()
        )
        self._shard_offsets = dict.fromkeys(by_shard, position.offset)
        await self._move_head(position, at, watermark)

    async def _run_all(self, calls: Iterable[tuple[Script, str, Sequence[bytes]]]) -> list[bool]:
        """Run scripts in one write; tell of each key whether it was where it should be.

        Raises:
            LeaseLost: the view belongs to a later epoch.
            CacheError, RuntimeError: Redis does not answer, or refuses.
        """
        sent = [self._send(script, key.encode(), words) for script, key, words in calls]
        # Every answer is waited for: a view is never written twice at once.
        answers = await asyncio.gather(*sent, return_exceptions=True)
        if b"fenced" in answers:
            message = f"view '{self.space.name}' is written by a later epoch"
            raise LeaseLost(message)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer == b"ok" for answer in answers]

    def _send(self, script: Script, key: bytes, words: Sequence[bytes]) -> asyncio.Future[Any]:
        """Send a script; that its server is away is told by the future, too."""
        try:
            return self._transport.run(script, key, words, _as_is)
        except CacheError as error:
            failed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed


def _as_is(reply: Any, incarnation: int) -> Any:
    del incarnation  # a shard that was lost is found missing by the script itself
    return reply
