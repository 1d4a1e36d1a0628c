"""Connecting to MongoDB and making sure it has what callboard needs. Idempotent."""

import asyncio
from typing import Any

from bson.codec_options import CodecOptions
from pymongo import ASCENDING, DESCENDING, AsyncMongoClient, IndexModel, WriteConcern
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConfigurationError as DriverConfigurationError
from pymongo.errors import InvalidURI, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from callboard.errors import ConfigurationError, StoreUnavailable

__all__ = ["CHANGE_SOURCES", "MongoDatabase", "MongoDocument", "answers", "connect", "prepare"]

MongoDocument = dict[str, Any]
MongoDatabase = AsyncDatabase[MongoDocument]

CHANGE_SOURCES = ("calls", "campaigns")
"""Collections whose changes are projected, whoever writes them."""

_DEFAULT_DATABASE = "callboard"
_NAMESPACE_EXISTS = 48
_IMAGES_KEPT_S = 24 * 3600
"""Pre- and post-images outlive any restart we resume from; older ones mean a refold."""

_INDEXES: dict[str, list[IndexModel]] = {
    "calls": [
        IndexModel([("startTime", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("status", ASCENDING), ("startTime", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("campaignId", ASCENDING), ("startTime", DESCENDING), ("_id", DESCENDING)]),
    ],
    "analytics": [
        IndexModel([("type", ASCENDING), ("day", ASCENDING), ("campaignId", ASCENDING)])
    ],
    "webhooks": [IndexModel([("callSid", ASCENDING), ("receivedAt", ASCENDING)])],
    "campaigns": [],
    "contacts": [],
    "state": [],
}


def connect(url: str, *, timeout_ms: int = 5_000) -> MongoDatabase:
    """Return the database a URL names (`callboard` when it names none). Does no I/O.

    Raises:
        ConfigurationError: the URL cannot be understood.
    """
    try:
        client: AsyncMongoClient[MongoDocument] = AsyncMongoClient(
            url,
            tz_aware=True,
            serverSelectionTimeoutMS=timeout_ms,
            appname="callboard",
            retryWrites=True,
        )
        return client.get_default_database(
            _DEFAULT_DATABASE,
            codec_options=CodecOptions(tz_aware=True),
            write_concern=WriteConcern(w="majority"),
            read_concern=ReadConcern("majority"),
        )
    except (InvalidURI, DriverConfigurationError, ValueError) as error:
        message = f"MONGODB_URL cannot be used: {error}"
        raise ConfigurationError(message) from error


async def prepare(database: MongoDatabase) -> None:
    """Create collections, indexes and change images where they are missing.

    Raises:
        ConfigurationError: the server is no replica set, or the user may not do this.
        StoreUnavailable: it does not answer.
    """
    try:
        hello = await database.client.admin.command("hello")
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            message = (
                "MONGODB_URL is a standalone server: change streams need a replica set "
                "(start mongod with --replSet and run rs.initiate() once)"
            )
            raise ConfigurationError(message)
        for name, indexes in _INDEXES.items():
            await _ensure_collection(database, name)
            if indexes:
                await database[name].create_indexes(indexes)
        for name in CHANGE_SOURCES:
            images = {"enabled": True}
            await database.command("collMod", name, changeStreamPreAndPostImages=images)
    except OperationFailure as error:
        reason = (error.details or {}).get("errmsg", error)
        message = f"MongoDB refused to prepare the database '{database.name}': {reason}"
        raise ConfigurationError(message) from error
    except PyMongoError as error:
        message = f"MongoDB does not answer: {error}"
        raise StoreUnavailable(message) from error
    await _expire_images(database)


async def _ensure_collection(database: MongoDatabase, name: str) -> None:
    """Create a collection, unless somebody did: another process may be starting too."""
    try:
        await database.command("create", name)
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise


async def answers(database: MongoDatabase, *, within_s: float = 1.0) -> bool:
    """Tell whether MongoDB takes commands right now."""
    try:
        async with asyncio.timeout(within_s):
            await database.command("ping")
    except (PyMongoError, TimeoutError):
        return False
    return True


async def _expire_images(database: MongoDatabase) -> None:
    """Bound how long images are kept; a cluster-wide setting that not every user may change."""
    setting = {"preAndPostImages": {"expireAfterSeconds": _IMAGES_KEPT_S}}
    try:
        await database.client.admin.command(
            "setClusterParameter", {"changeStreamOptions": setting}
        )
    except OperationFailure:
        # Without the right to, the oplog's own window bounds them: correct, only larger.
        return
