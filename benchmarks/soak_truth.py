"""The truth of a soak: versioned call records in MongoDB, each state with its commit time."""

import asyncio
import random
from typing import Any

from bson import Timestamp
from contenders.base import RECORD
from pymongo import AsyncMongoClient, ReturnDocument, WriteConcern

from callboard.cache.answer import Loaded

__all__ = ["Truth"]

LOAD_S = 0.010
"""The longest a value is on its way from MongoDB."""


class Truth:
    """Versioned records in MongoDB."""

    def __init__(self, url: str, rng: random.Random) -> None:
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(url)
        self._database = self._client.get_default_database()
        self._versions = self._database.get_collection(
            "versions", write_concern=WriteConcern(w="majority")
        )
        self._rng = rng
        self.loads = 0

    async def write(self, key: str) -> tuple[int, int]:
        """Write the next version; return it and its commit time."""
        async with self._client.start_session() as session:
            document = await self._versions.find_one_and_update(
                {"_id": key},
                {"$inc": {"version": 1}, "$setOnInsert": {"record": RECORD}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
                session=session,
            )
            at = session.operation_time
        assert document is not None
        assert at is not None
        return document["version"], _stamp(at)

    async def read(self, key: str, floor: int = 0) -> Loaded[Any]:
        """Read a snapshot that contains everything up to the floor."""
        concern: dict[str, Any] = {"level": "snapshot"}
        if floor:
            concern["afterClusterTime"] = Timestamp(floor >> 32, floor & 0xFFFF_FFFF)
        answer = await self._database.command(
            {
                "find": "versions",
                "filter": {"_id": key},
                "limit": 1,
                "singleBatch": True,
                "readConcern": concern,
            }
        )
        cursor = answer["cursor"]
        return Loaded(cursor["firstBatch"][0], _stamp(cursor["atClusterTime"]))

    async def load(self, key: str, floor: int) -> Loaded[Any]:
        """Read, and be late with it: this is when invalidations overtake."""
        self.loads += 1
        loaded = await self.read(key, floor)
        await asyncio.sleep(self._rng.uniform(0, LOAD_S))
        return loaded

    async def close(self) -> None:
        """Disconnect."""
        await self._client.close()


def _stamp(at: Timestamp) -> int:
    return (at.time << 32) + at.inc
