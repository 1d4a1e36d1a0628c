"""The projector's pen: moves one view in Redis, delta by delta.

Keeps the view's items in memory, so that a shard which Redis has lost is restored from here
and never from a reader. The view's *head* key names the position up to which every shard has
been written; it moves last.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from redis.exceptions import RedisError

from callboard.domain.stream import Delta, Position, Snapshot
from callboard.errors import LeaseLost, ViewsUnavailable
from callboard.keyspaces import ViewSpace
from callboard.views.connection import RedisClient
from callboard.views.scripts import ADVANCE, MOVE_HEAD, RESTORE

__all__ = ["Publisher"]


class Publisher:
    """Writes one view for one projector epoch."""

    def __init__(self, client: RedisClient, space: ViewSpace) -> None:
        self._advance_script: Any = client.register_script(ADVANCE)
        self._restore_script: Any = client.register_script(RESTORE)
        self._head_script: Any = client.register_script(MOVE_HEAD)
        self.space = space
        self._view = Snapshot({}, Position(0, 0), "")
        self._staged: list[Delta] = []
        self._shard_offsets: dict[int, int] = {}
        self._in_redis = False

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
        self._in_redis = False

    def stage(self, key: str, change: str, value: bytes, *, keep: bool, at: str) -> None:
        """Move the view on by one delta, to be written by the next `flush`."""
        here = self._view.position
        position = Position(here.epoch, here.offset + 1)
        delta = Delta(position, key, change, value, keep=keep, at=at)
        self._view.apply(delta)
        self._staged.append(delta)

    async def flush(self, as_of: str, *, vouch: bool = False) -> None:
        """Write what was staged; with `vouch`, keep the whole view for another TTL.

        Whatever was committed before the instant `as_of` (ISO-8601 UTC) is in it.

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
                await self._restore(as_of)
            elif staged or vouch:
                shards = range(self.space.shards) if vouch else ()
                if not await self._advance(staged, shards):
                    await self._restore(as_of)
                else:
                    await self._move_head(position, at, as_of)
            self._in_redis = True
        except RedisError as error:
            self._in_redis = False
            raise ViewsUnavailable(str(error)) from error

    async def _advance(self, staged: Sequence[Delta], shards: Iterable[int]) -> bool:
        """Write the deltas, and touch these shards; False when one is not where we left it."""
        by_shard: dict[int, list[Delta]] = {shard: [] for shard in shards}
        for delta in staged:
            by_shard.setdefault(self.space.shard_of(delta.key), []).append(delta)
        answers = await asyncio.gather(
            *(self._advance_shard(shard, deltas) for shard, deltas in by_shard.items())
        )
        if not all(answers):
            return False
        for shard, deltas in by_shard.items():
            if deltas:
                self._shard_offsets[shard] = deltas[-1].position.offset
        return True

    async def _advance_shard(self, shard: int, deltas: Sequence[Delta]) -> bool:
        arguments: list[Any] = [
            self.position.epoch,
            self._shard_offsets[shard],
            self.space.ttl_s * 1000,
            self.space.log_length_max,
        ]
        for delta in deltas:
            arguments += [
                delta.position.offset,
                delta.key,
                delta.change,
                int(delta.keep),
                delta.value,
                delta.at,
            ]
        return await self._run(self._advance_script, shard, arguments)

    async def _move_head(self, position: Position, at: str, as_of: str) -> None:
        """Say that every shard is at least at this position."""
        says = f"{at}|{as_of}"
        arguments = [position.epoch, position.offset, says, self.space.ttl_s * 1000]
        answer = await self._head_script(keys=[self.space.head_key], args=arguments)
        self._check_fence(answer)

    async def _restore(self, as_of: str) -> None:
        """Write every item anew, as of the view's position, staged deltas included."""
        self._staged.clear()
        position, at = self._view.position, self._view.at
        by_shard: dict[int, list[Any]] = {shard: [] for shard in range(self.space.shards)}
        for key, value in self._view.items.items():
            by_shard[self.space.shard_of(key)] += [key, value]
        first = [position.epoch, position.offset, self.space.ttl_s * 1000]
        await asyncio.gather(
            *(
                self._run(self._restore_script, shard, [*first, *items])
                for shard, items in by_shard.items()
            )
        )
        self._shard_offsets = dict.fromkeys(by_shard, position.offset)
        await self._move_head(position, at, as_of)

    async def _run(self, script: Any, shard: int, arguments: Sequence[Any]) -> bool:
        """Run a script on a shard's keys.

        Raises:
            LeaseLost: the shard belongs to a later epoch.
        """
        keys = [self.space.items_key(shard), self.space.log_key(shard)]
        answer = await script(keys=keys, args=list(arguments))
        self._check_fence(answer)
        return answer in (b"ok", "ok")

    def _check_fence(self, answer: object) -> None:
        if answer in (b"fenced", "fenced"):
            message = f"view '{self.space.name}' is written by a later epoch"
            raise LeaseLost(message)
