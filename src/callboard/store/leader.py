"""Who projects: one process at a time, by a lease document with a fencing epoch.

The lease only avoids work done twice; what keeps the figures right when two processes both
believe they lead is the epoch, which every later write carries and checks.
The database's own clock (`$$NOW`) decides when a lease has run out.
"""

import contextlib
from datetime import UTC, datetime

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from callboard.errors import LeaseLost
from callboard.store.database import MongoDatabase
from callboard.store.faults import unavailable

__all__ = ["Lease"]

_LEASE = "projector-lease"
_NOW_S = {"$toLong": {"$divide": [{"$toLong": "$$NOW"}, 1000]}}
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Lease:
    """One process' claim to be the projector."""

    def __init__(self, database: MongoDatabase, owner: str, ttl_ms: int) -> None:
        self._state = database.state
        self._owner = owner
        self._ttl_ms = ttl_ms
        self.epoch = 0

    async def acquire(self) -> bool:
        """Take the lease if it is free or has run out; a new holder gets the next epoch."""
        free = {
            "_id": _LEASE,
            "$expr": {
                "$or": [
                    {"$lte": ["$expiresAt", "$$NOW"]},
                    {"$eq": ["$owner", {"$literal": self._owner}]},
                ]
            },
        }
        taken = [
            {
                "$set": {
                    "owner": {"$literal": self._owner},
                    # Seconds since 1970, or one more than the last: greater too than anything
                    # an earlier database left behind in a Redis that outlived it.
                    "epoch": {"$max": [{"$add": ["$epoch", 1]}, _NOW_S]},
                    "expiresAt": {"$add": ["$$NOW", self._ttl_ms]},
                }
            }
        ]
        try:
            # An upsert may not use $expr, so the document is made first, already run out.
            with contextlib.suppress(DuplicateKeyError):
                await self._state.insert_one({"_id": _LEASE, "epoch": 0, "expiresAt": _LONG_AGO})
            lease = await self._state.find_one_and_update(
                free, taken, return_document=ReturnDocument.AFTER
            )
        except PyMongoError as error:
            raise unavailable(error) from error
        self.epoch = lease["epoch"] if lease is not None else 0
        return lease is not None

    async def renew(self) -> None:
        """Hold on to the lease.

        Raises:
            LeaseLost: another process has taken it.
            StoreUnavailable: MongoDB does not answer.
        """
        extended = [{"$set": {"expiresAt": {"$add": ["$$NOW", self._ttl_ms]}}}]
        mine = {"_id": _LEASE, "owner": self._owner, "epoch": self.epoch}
        try:
            renewed = await self._state.update_one(mine, extended)
        except PyMongoError as error:
            raise unavailable(error) from error
        if not renewed.matched_count:
            message = f"the projector's lease of epoch {self.epoch} is held by another process"
            raise LeaseLost(message)

    async def release(self) -> None:
        """Let the next process take over at once instead of when the lease runs out."""
        mine = {"_id": _LEASE, "owner": self._owner, "epoch": self.epoch}
        try:
            await self._state.update_one(mine, [{"$set": {"expiresAt": "$$NOW"}}])
        except PyMongoError:
            return
