"""How a web process follows a view: load its items once, then read the delta logs.

Shards are read one by one, so they may be a few deltas apart; a load is complete when the logs
have been read up to the newest shard seen. After that, deltas are handed on in offset order
without a hole, or not at all.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisError

from callboard.domain.stream import Delta, Head, Position, Snapshot, Watermark
from callboard.errors import PositionLost, ViewsUnavailable
from callboard.keyspaces import ViewSpace
from callboard.views.connection import RedisClient
from callboard.views.scripts import POSITION_FIELD

__all__ = ["ViewReader"]

_BLOCK_MS = 250
"""Below the client's call time-out; also how soon a quiet tail looks at the head again."""
_BATCH_MAX = 1_000
_GAP_PATIENCE = 4
"""Empty reads after which a hole in the offsets counts as lost."""


class ViewReader:
    """Reads one view."""

    def __init__(self, client: RedisClient, space: ViewSpace) -> None:
        self._client: Any = client
        self._clustered = isinstance(client, RedisCluster)
        self.space = space

    async def head(self) -> Head:
        """Return what the projector vouches for.

        Raises:
            ViewsUnavailable: Redis does not answer, or nobody vouches for the view.
        """
        try:
            text = await self._client.get(self.space.head_key)
        except RedisError as error:
            raise ViewsUnavailable(str(error)) from error
        if text is None:
            message = f"nobody vouches for the view '{self.space.name}'"
            raise ViewsUnavailable(message)
        position, _, rest = text.decode().partition("|")
        at, instant, commit = rest.split("|")
        return Head(_position(position), at, Watermark(instant, int(commit)))

    async def load(self) -> Snapshot:
        """Return the view as of one position.

        Raises:
            ViewsUnavailable: Redis does not answer, or a shard is missing.
        """
        head, at, _ = await self.head()
        try:
            shards = await asyncio.gather(
                *(
                    self._client.hgetall(self.space.items_key(shard))
                    for shard in range(self.space.shards)
                )
            )
        except RedisError as error:
            raise ViewsUnavailable(str(error)) from error
        items: dict[str, bytes] = {}
        newest = head
        for shard in shards:
            position = shard.pop(POSITION_FIELD.encode(), None)
            if position is None:
                message = f"a shard of the view '{self.space.name}' is missing"
                raise ViewsUnavailable(message)
            newest = max(newest, _position(position.decode()))
            items.update({key.decode(): value for key, value in shard.items()})
        if newest.epoch != head.epoch:
            message = f"the view '{self.space.name}' is changing hands"
            raise ViewsUnavailable(message)
        snapshot = Snapshot(items, head, at)
        await self._catch_up(snapshot, newest)
        return snapshot

    async def _catch_up(self, snapshot: Snapshot, newest: Position) -> None:
        """Apply the logs until the snapshot has everything its newest shard had."""
        if snapshot.position >= newest:
            return
        try:
            async for deltas in self.tail(snapshot.position):
                for delta in deltas:
                    snapshot.apply(delta)
                if snapshot.position >= newest:
                    return
        except PositionLost as error:
            raise ViewsUnavailable(str(error)) from error

    async def tail(self, position: Position) -> AsyncIterator[list[Delta]]:
        """Yield the deltas after a position, in order; an empty list when all is quiet.

        Raises:
            PositionLost: a delta is missing, or another epoch began: load again.
            ViewsUnavailable: Redis does not answer.
        """
        cursors = dict.fromkeys(range(self.space.shards), f"{position.epoch}-{position.offset}")
        waiting: dict[int, Delta] = {}
        empty_reads = 0
        while True:
            arrived = await self._read(cursors)
            for delta in arrived:
                if delta.position.epoch != position.epoch:
                    message = f"epoch {delta.position.epoch} began"
                    raise PositionLost(message)
                waiting[delta.position.offset] = delta
            ready: list[Delta] = []
            while (offset := position.offset + 1) in waiting:
                following = waiting.pop(offset)
                ready.append(following)
                position = following.position
            empty_reads = empty_reads + 1 if waiting and not ready else 0
            if empty_reads > _GAP_PATIENCE:
                message = f"the delta after {position} never came"
                raise PositionLost(message)
            yield ready

    async def _read(self, cursors: dict[int, str]) -> list[Delta]:
        """Wait for entries after the cursors and move these; empty when none came."""
        keys = {self.space.log_key(shard).encode(): shard for shard in cursors}
        try:
            if self._clustered:
                # One XREAD cannot span slots.
                answers = await asyncio.gather(
                    *(self._xread({self.space.log_key(s): at}) for s, at in cursors.items())
                )
                streams = [stream for answer in answers for stream in answer]
            else:
                streams = await self._xread({self.space.log_key(s): a for s, a in cursors.items()})
        except RedisError as error:
            raise ViewsUnavailable(str(error)) from error
        deltas = []
        for name, entries in streams:
            for entry_id, fields in entries:
                deltas.append(_delta(entry_id.decode(), fields))
            cursors[keys[name]] = entries[-1][0].decode()
        return deltas

    async def _xread(self, streams: dict[str, str]) -> list[tuple[bytes, Any]]:
        answer = await self._client.xread(streams, count=_BATCH_MAX, block=_BLOCK_MS)
        if not answer:
            return []
        # RESP3 answers a map of stream to a list holding one list of entries, RESP2 pairs.
        pairs = answer.items() if isinstance(answer, dict) else answer
        return [(name, entries[0] if _nested(entries) else entries) for name, entries in pairs]


def _nested(entries: Any) -> bool:
    """Tell RESP3's extra list around the entries."""
    return bool(entries) and isinstance(entries[0], list) and not isinstance(entries, tuple)


def _position(text: str) -> Position:
    epoch, _, offset = text.partition("-")
    return Position(int(epoch), int(offset))


def _delta(entry_id: str, fields: dict[bytes, bytes]) -> Delta:
    return Delta(
        position=_position(entry_id),
        key=fields[b"k"].decode(),
        change=fields[b"c"].decode(),
        value=fields[b"v"],
        keep=fields[b"p"] == b"1",
        at=fields[b"t"].decode(),
    )
