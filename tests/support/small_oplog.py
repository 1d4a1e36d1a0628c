"""A mongod that forgets fast: its oplog holds a megabyte and is cut every second."""

from pathlib import Path
from typing import Any

from bson import Timestamp
from pymongo.errors import OperationFailure
from support.waiting import eventually

from callboard.clock import Clock
from callboard.embedded.mongod import EmbeddedMongo
from callboard.store.database import MongoDatabase

__all__ = ["SmallOplog"]

_HISTORY_LOST = 286
_BLOCK = b"\0" * 100_000
_BLOCKS_AT_ONCE = 10


class SmallOplog(EmbeddedMongo):
    """The embedded mongod with the smallest oplog it takes."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        super().__init__(data_dir, clock)
        self.written_mb = 0

    def _command(self, binary: str) -> list[str]:
        command = super()._command(binary)
        command[command.index("--oplogSize") + 1] = "1"
        # Only what a checkpoint has made safe is cut off; there is one a minute by default.
        return [*command, "--syncdelay", "1"]

    async def newest(self, database: MongoDatabase) -> Timestamp:
        """Return the time of the last entry."""
        return await self._end(database, -1)

    async def oldest(self, database: MongoDatabase) -> Timestamp:
        """Return the time of the first entry that is still there."""
        return await self._end(database, 1)

    @staticmethod
    async def _end(database: MongoDatabase, direction: int) -> Timestamp:
        oplog = database.client.local["oplog.rs"]
        entry = await oplog.find_one({}, sort=[("$natural", direction)])
        assert entry is not None
        stamp: Timestamp = entry["ts"]
        return stamp

    async def forget(self, database: MongoDatabase, until: Timestamp) -> None:
        """Write elsewhere until every entry up to an instant has been cut off."""
        stats = await database.client.local.command({"collStats": "oplog.rs"})
        assert stats["maxSize"] == 1 << 20, "the oplog is larger than it was to be"

        async def more() -> Timestamp:
            await database.noise.insert_many({"block": _BLOCK} for _ in range(_BLOCKS_AT_ONCE))
            self.written_mb += 1
            return await self.oldest(database)

        await eventually(more, lambda oldest: oldest > until, within_s=60)

    async def has_forgotten(self, database: MongoDatabase, token: dict[str, Any]) -> bool:
        """Tell whether a change stream cannot go on from a token any more."""
        try:
            async with await database.calls.watch(resume_after=token) as stream:
                await stream.try_next()
        except OperationFailure as error:
            return error.code == _HISTORY_LOST
        return False
