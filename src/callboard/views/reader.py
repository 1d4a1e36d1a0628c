"""How a web process follows a view: load its items once, then read the delta logs.

Shards are read one by one, so they may be a few deltas apart; a load is complete when the logs
have been read up to the newest shard seen. After that, deltas are handed on in offset order
without a hole, or not at all.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisClusterException, RedisError

from callboard.domain.stream import Delta, Head, Position, Snapshot, Watermark
from callboard.errors import PositionLost, ViewsUnavailable
from callboard.keyspaces import ViewSpace
from callboard.views.connection import RedisClient
from callboard.views.scripts import POSITION_FIELD

__all__ = ["ViewReader"]

_AWAY = (RedisError, RedisClusterException, AttributeError)
"""What the driver raises when a server is away. The second is none of the first; the third comes
out of it when a connection is closed under a command (redis-py 8.1)."""
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
        except _AWAY as error:
            raise ViewsUnavailable(str(error)) from error
        if text is None:
            message = f"nobody vouches for the view '{self.space.name}'"
            raise ViewsUnavailable(message)
        try:
            position, at, instant, commit = text.decode().split("|")
            return Head(_position(position), at, Watermark(instant, int(commit)))
        except ValueError as error:
            message = f"the head of the view '{self.space.name}' is not ours"
            raise ViewsUnavailable(message) from error

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
        except _AWAY as error:
            raise ViewsUnavailable(str(error)) from error
        items: dict[str, bytes] = {}
        newest = head
        for shard in shards:
            position = shard.pop(POSITION_FIELD.encode(), None)
            if position is None:
                message = f"a shard of the view '{self.space.name}' is missing"
                raise ViewsUnavailable(message)
            newest = max(newest, self._position_of(position))
            items.update({key.decode(): value for key, value in shard.items()})
        if newest.epoch != head.epoch:
            message = f"the view '{self.space.name}' is changing hands"
            raise ViewsUnavailable(message)
        snapshot = Snapshot(items, head, at)
        await self._catch_up(snapshot, newest)
        return snapshot

    def _position_of(self, stored: bytes) -> Position:
        try:
            return _position(stored.decode())
        except ValueError as error:
            message = f"a shard of the view '{self.space.name}' is not ours"
            raise ViewsUnavailable(message) from error

    async def _catch_up(self, snapshot: Snapshot, newest: Position) -> None:
        """Apply the logs until the snapshot has everything its newest shard had."""
        if snapshot.position >= newest:
            return
        try:
            empty_reads = 0
            async for deltas in self.tail(snapshot.position):
                for delta in deltas:
                    snapshot.apply(delta)
                if snapshot.position >= newest:
                    return
                empty_reads = 0 if deltas else empty_reads + 1
                if empty_reads > _GAP_PATIENCE:
                    message = f"the deltas up to {newest} never came"
                    raise ViewsUnavailable(message)
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
        wanted = {self.space.log_key(shard): at for shard, at in cursors.items()}
        try:
            if self._clustered:
                # One XREAD cannot span slots.
                answers = await asyncio.gather(
                    *(self._xread_of_node(log, at) for log, at in wanted.items())
                )
                streams = [stream for answer in answers for stream in answer]
            else:
                streams = _streams(
                    await self._client.xread(wanted, count=_BATCH_MAX, block=_BLOCK_MS)
                )
            deltas = []
            for name, entries in streams:
                deltas += [_delta(entry_id.decode(), fields) for entry_id, fields in entries]
                cursors[keys[name]] = entries[-1][0].decode()
        except _AWAY as error:
            raise ViewsUnavailable(str(error)) from error
        except (KeyError, ValueError) as error:
            message = f"a delta of the view '{self.space.name}' is not ours"
            raise ViewsUnavailable(message) from error
        return deltas

    async def _xread_of_node(self, log: str, at: str) -> list[tuple[bytes, Any]]:
        """Read one log where it is; the driver would ask the server for the keys of each XREAD."""
        answer = await self._client.execute_command(
            "XREAD", "COUNT", _BATCH_MAX, "BLOCK", _BLOCK_MS, "STREAMS", log, at,
            target_nodes=self._client.get_node_from_key(log),
        )  # fmt: skip
        return _streams(answer)


def _streams(answer: Any) -> list[tuple[bytes, Any]]:
    """Return the entries of each log that has any."""
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
