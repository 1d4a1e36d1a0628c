"""Reads that say up to which commit they are complete: what cache fills are fenced by.

A snapshot read's `atClusterTime` is a version; an ordinary read's `operationTime` is not (it can
be later than a write that the result lacks, SERVER-83278). A change event's `clusterTime` and the
`operationTime` of the session that wrote are the same clock, so that all three can be compared.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bson import Timestamp
from pymongo.errors import PyMongoError

from callboard.store.database import MongoDatabase, MongoDocument
from callboard.store.faults import unavailable

__all__ = ["aggregate_as_of", "commit_time", "find_as_of", "newest_commit", "timestamp"]

_INCREMENT_BITS = 32


def commit_time(of: Timestamp) -> int:
    """Return MongoDB's timestamp as one integer that sorts alike.

    >>> commit_time(Timestamp(2, 1)) > commit_time(Timestamp(1, 9)) > commit_time(Timestamp(1, 8))
    True
    """
    return (of.time << _INCREMENT_BITS) + of.inc


def timestamp(of: int) -> Timestamp:
    """Return the timestamp of a commit time.

    >>> timestamp(commit_time(Timestamp(1_700_000_000, 7)))
    Timestamp(1700000000, 7)
    """
    return Timestamp(of >> _INCREMENT_BITS, of & 0xFFFFFFFF)


async def find_as_of(
    database: MongoDatabase,
    collection: str,
    query: Mapping[str, Any],
    *,
    after: int = 0,
    limit: int = 1,
    options: Mapping[str, Any] | None = None,
) -> tuple[Sequence[MongoDocument], int]:
    """Return up to `limit` documents and the commit time the answer is complete up to.

    `after` is the commit time it must contain at least; `options` are further fields of MongoDB's
    `find` command (sort, projection, hint).

    Raises:
        StoreUnavailable: MongoDB does not answer.
    """
    command = {
        "find": collection,
        "filter": query,
        **(options or {}),
        "limit": limit,
        "batchSize": limit,
        "singleBatch": True,
    }
    return await _as_of(database, command, after)


async def aggregate_as_of(
    database: MongoDatabase,
    collection: str,
    pipeline: Sequence[Mapping[str, Any]],
    *,
    after: int = 0,
) -> tuple[Sequence[MongoDocument], int]:
    """Return what a pipeline makes, a thousand documents at most, and as of when.

    Raises:
        StoreUnavailable: MongoDB does not answer.
    """
    command = {
        "aggregate": collection,
        "pipeline": [*pipeline, {"$limit": _MADE_MAX}],
        "cursor": {"batchSize": _MADE_MAX + 1},
    }
    return await _as_of(database, command, after)


_MADE_MAX = 1_000


async def _as_of(
    database: MongoDatabase, command: Mapping[str, Any], after: int
) -> tuple[Sequence[MongoDocument], int]:
    """Read a snapshot that contains the commit `after`; return it, and its commit time."""
    concern: dict[str, Any] = {"level": "snapshot"}
    if after:
        concern["afterClusterTime"] = timestamp(after)
    try:
        reply = await database.command({**command, "readConcern": concern})
    except PyMongoError as error:
        raise unavailable(error) from error
    cursor = reply["cursor"]
    at = cursor.get("atClusterTime")  # missing where the collection does not exist yet
    return cursor["firstBatch"], after if at is None else commit_time(at)


async def newest_commit(database: MongoDatabase) -> int:
    """Return a commit time that contains every write acknowledged before this was called.

    Raises:
        StoreUnavailable: MongoDB does not answer.
    """
    try:
        reply = await database.command("ping")
    except PyMongoError as error:
        raise unavailable(error) from error
    return commit_time(reply["operationTime"])
