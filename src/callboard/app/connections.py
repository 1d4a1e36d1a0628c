"""MongoDB and Redis, ours or theirs, and the connections to them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from callboard.app.caching import Caching, caching_of
from callboard.app.lifecycle import Service
from callboard.app.tracing import Traces, tracing_of
from callboard.cache.transport import Transport
from callboard.clock import Clock
from callboard.embedded.folder import DataFolder
from callboard.embedded.mongod import EmbeddedMongo
from callboard.embedded.valkey import EmbeddedValkey
from callboard.observe.cachestats import CacheStats
from callboard.settings import Settings
from callboard.store import database as mongo
from callboard.views import connection as redis

__all__ = ["Connections", "connected", "text_of"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Connections:
    """The drivers' connections, closed after everybody who uses them."""

    database: mongo.MongoDatabase
    client: redis.RedisClient
    writer: Transport
    caching: Caching
    traces: Traces
    stats: CacheStats
    name: str = "connections"

    async def start(self) -> None:
        """They are open already."""

    async def stop(self) -> None:
        """Close them."""
        await self.writer.close()
        await self.client.aclose()
        await self.database.client.close()


async def connected(
    settings: Settings, clock: Clock, run: Callable[[list[Service]], Awaitable[None]]
) -> Connections:
    """Start or find MongoDB and Redis, and connect.

    Raises:
        ConfigurationError: a setting cannot be used.
        Unavailable: an engine of theirs does not answer.
    """
    embedded: list[Service] = []
    embedded_mongo = embedded_valkey = None
    if settings.mongodb_url is None:
        embedded_mongo = EmbeddedMongo(settings.data_dir, clock)
        embedded.append(embedded_mongo)
    if settings.redis_url is None:
        embedded_valkey = EmbeddedValkey(settings.data_dir, clock)
        embedded.append(embedded_valkey)
    if embedded:
        await run([DataFolder(settings.data_dir), *embedded])
        names = [service.name for service in embedded]
        _log.info("engines.started", engines=names, data=str(settings.data_dir.resolve()))
    mongo_url = embedded_mongo.url if embedded_mongo else text_of(settings.mongodb_url)
    database = mongo.connect(mongo_url)
    await mongo.prepare(
        database,
        {
            "webhooks": ("receivedAt", settings.webhooks_kept_days),
            "calls": ("startTime", settings.calls_kept_days),
        },
    )
    if embedded_valkey:
        url, password = embedded_valkey.url, embedded_valkey.password
    else:
        url, password = text_of(settings.redis_url), text_of(settings.redis_password)
    client = await redis.connect(url, password or None)
    writer = await redis.connect_writer(url, password or None)
    traces = tracing_of(clock)
    stats = CacheStats(clock)
    hook = traces.hook(stats)
    caching = caching_of(settings, clock, url, password or None, hook)
    connections = Connections(database, client, writer, caching, traces, stats)
    await run([traces, connections, caching])
    return connections


def text_of(value: object) -> str:
    """Return a secret's text, empty when it is unset."""
    read = getattr(value, "get_secret_value", None)
    return read() if read is not None else ""
