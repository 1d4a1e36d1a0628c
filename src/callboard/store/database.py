"""Connecting to MongoDB and making sure it has what callboard needs. Idempotent."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from bson.codec_options import CodecOptions
from pymongo import ASCENDING, AsyncMongoClient, WriteConcern
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConfigurationError as DriverConfigurationError
from pymongo.errors import InvalidURI, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from callboard.errors import ConfigurationError, StoreUnavailable
from callboard.store.schema import INDEXES, OBSOLETE_INDEXES, SCHEMAS

__all__ = [
    "CHANGE_SOURCES",
    "MongoDatabase",
    "MongoDocument",
    "Retention",
    "answers",
    "connect",
    "prepare",
]

MongoDocument = dict[str, Any]
MongoDatabase = AsyncDatabase[MongoDocument]

Retention = Mapping[str, tuple[str, int | None]]
"""For each collection the instant it expires after, and how many days later; None: never."""

CHANGE_SOURCES = ("calls", "campaigns")
"""Collections whose changes are projected, whoever writes them."""

_DEFAULT_DATABASE = "callboard"
_NAMESPACE_EXISTS = 48
_INDEX_NOT_FOUND = 27
_DAY_S = 24 * 3600
_IMAGES_KEPT_S = 24 * 3600
"""Pre- and post-images outlive any restart we resume from; older ones mean a refold."""


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


async def prepare(database: MongoDatabase, retention: Retention | None = None) -> None:
    """Create collections, indexes, schemas and change images where they are missing.

    `retention` None leaves it as it was: a collection made anew gets it at the next start.

    Raises:
        ConfigurationError: the server is no replica set, or the user may not do this.
        StoreUnavailable: it does not answer.
    """
    try:
        await _require_replica_set(database)
        for name, indexes in INDEXES.items():
            await _ensure_collection(database, name)
            if indexes:
                await database[name].create_indexes(indexes)
            # After those that take their place: no list has to read every call meanwhile.
            await _drop_indexes(database, name, OBSOLETE_INDEXES.get(name, ()))
        for name, schema in SCHEMAS.items():
            # "moderate": documents that break it already may still be changed.
            await database.command(
                "collMod", name, validator={"$jsonSchema": schema}, validationLevel="moderate"
            )
        for name in CHANGE_SOURCES:
            images = {"enabled": True}
            await database.command("collMod", name, changeStreamPreAndPostImages=images)
        for name, (path, days) in (retention or {}).items():
            await _expire(database, name, path, days)
    except OperationFailure as error:
        reason = (error.details or {}).get("errmsg", error)
        message = f"MongoDB refused to prepare the database '{database.name}': {reason}"
        raise ConfigurationError(message) from error
    except PyMongoError as error:
        message = f"MongoDB does not answer: {error}"
        raise StoreUnavailable(message) from error
    await _expire_images(database)


async def _require_replica_set(database: MongoDatabase) -> None:
    hello = await database.client.admin.command("hello")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        message = (
            "MONGODB_URL is a standalone server: change streams need a replica set "
            "(start mongod with --replSet and run rs.initiate() once)"
        )
        raise ConfigurationError(message)


async def _ensure_collection(database: MongoDatabase, name: str) -> None:
    """Create a collection, unless somebody did: another process may be starting too."""
    try:
        await database.command("create", name)
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise


async def _drop_indexes(database: MongoDatabase, name: str, obsolete: Iterable[str]) -> None:
    """Drop indexes that earlier versions made and nothing reads any more."""
    for index in obsolete:
        try:
            await database[name].drop_index(index)
        except OperationFailure as error:
            if error.code != _INDEX_NOT_FOUND:
                raise


async def _expire(database: MongoDatabase, name: str, path: str, days: int | None) -> None:
    """Let documents expire so many days after an instant in them; None: never."""
    index = f"expire_{path}"
    known = (await database[name].index_information()).get(index)
    wanted_s = days * _DAY_S if days is not None else None
    if known is not None and known.get("expireAfterSeconds") != wanted_s:
        await _drop_indexes(database, name, [index])
    if wanted_s is not None:
        await database[name].create_index(
            [(path, ASCENDING)], name=index, expireAfterSeconds=wanted_s
        )


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
