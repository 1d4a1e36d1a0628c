"""Connecting to Redis or Valkey, single node or Cluster, found out by asking the server.

Readers wait for deltas, each on a connection of its own, which is the driver's work. The
projector sends a dozen scripts at once many times a second, and does that over the cache
engine's links: one write, one read, an eighth of the driver's CPU.
"""

from collections.abc import Sequence
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError

from callboard.cache.links import open_links
from callboard.cache.transport import Transport
from callboard.errors import ConfigurationError, ViewsUnavailable
from callboard.views.scripts import SCRIPTS

__all__ = ["RedisClient", "connect", "connect_writer"]

RedisClient = Redis | RedisCluster

_CALL_TIMEOUT_S = 0.5
"""A frozen server must not hold anybody up for longer; people are served from MongoDB then."""


async def connect(urls: str, password: str | None = None) -> RedisClient:
    """Return a connected client for one URL, or for several nodes of a cluster.

    Raises:
        ConfigurationError: a URL cannot be understood, or the password is wrong.
        ViewsUnavailable: the server does not answer.
    """
    first, *others = [url.strip() for url in urls.split(",") if url.strip()]
    options: dict[str, Any] = {
        "socket_connect_timeout": _CALL_TIMEOUT_S,
        "socket_timeout": _CALL_TIMEOUT_S,
        # Retrying is the caller's: the projector restores, a reader falls back at once.
        "retry": Retry(NoBackoff(), 0),
    }
    if password:
        options["password"] = password
    try:
        single = Redis.from_url(first, **options)
    except ValueError as error:
        message = f"REDIS_URL or REDIS_PASSWORD cannot be used: {error}"
        raise ConfigurationError(message) from error
    try:
        asked = await cast("Any", single.info("cluster"))
    except RedisError as error:
        await single.aclose()
        if isinstance(error, (AuthenticationError, NoPermissionError)):
            message = f"REDIS_URL or REDIS_PASSWORD cannot be used: {error}"
            raise ConfigurationError(message) from error
        message = f"Redis does not answer: {error}"
        raise ViewsUnavailable(message) from error
    if not asked.get("cluster_enabled"):
        return single
    await single.aclose()
    options.pop("retry")
    nodes = [_node(url) for url in others]
    try:
        cluster = RedisCluster.from_url(first, startup_nodes=nodes or None, **options)
        return await cluster.initialize()
    except (RedisError, RedisConnectionError) as error:
        message = f"the Redis Cluster does not answer: {error}"
        raise ViewsUnavailable(message) from error


async def connect_writer(urls: str, password: str | None = None) -> Transport:
    """Return what publishers write through; it connects again by itself. Close it at the end.

    Raises:
        ConfigurationError: a URL cannot be understood.
    """
    try:
        links = open_links(
            urls, password, namespace="", scripts=SCRIPTS, timeout_s=_CALL_TIMEOUT_S
        )
    except ValueError as error:
        message = f"REDIS_URL cannot be used: {error}"
        raise ConfigurationError(message) from error
    await links.start(_Unmoved())
    return links


class _Unmoved:
    """A listener that keeps nothing in memory, so that nothing can be out of date."""

    def changed(self, keys: Sequence[bytes]) -> None:
        """Others wrote: nothing to do."""

    def distrusted(self, reason: str) -> None:
        """A link was lost: the next flush finds out what is missing."""

    async def restoring(self, server: str) -> None:
        """A server answers again: nothing is owed to it."""


def _node(url: str) -> ClusterNode:
    """Return a further way into the cluster: `redis://host:port` or `host:port`."""
    host, _, port = url.rsplit("://", maxsplit=1)[-1].rsplit("@", maxsplit=1)[-1].partition(":")
    return ClusterNode(host, int(port.split("/")[0] or 6379))
