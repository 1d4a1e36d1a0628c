"""Where a cache transport is tried: one server of each kind, a cluster, and who listens."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, cast

import redis
from redis.asyncio import Redis
from support.cluster import Cluster
from support.redis_servers import Flavour, RedisServer
from support.waiting import eventually

from callboard.cache.errors import TierUnavailable
from callboard.cache.fallback import RedisPyTransport
from callboard.cache.transport import Script, Transport

__all__ = [
    "SITES",
    "TRACKING",
    "TRANSPORTS",
    "Listening",
    "Open",
    "Opener",
    "Site",
    "blocking_client",
    "healed",
    "open_site",
    "reply",
]

SITES = ("valkey", "redis7", "tls", "cluster")


class Opener(Protocol):
    """What makes a transport."""

    def __call__(self, urls: str, password: str | None = None) -> Transport:
        """Return a transport that was not started yet."""


def _transports() -> dict[str, Opener]:
    """Return every transport there is: ours is under construction until it can be imported."""
    found: dict[str, Opener] = {"redis-py": RedisPyTransport}
    try:
        links = importlib.import_module("callboard.cache.links")
    except ImportError:
        return found
    return {"links": cast("Opener", links.open_links), **found}


TRANSPORTS = _transports()
"""The transports held to the contract, by name. A further one is added above."""
TRACKING = [name for name in TRANSPORTS if name != "redis-py"]
"""Those that are told of changes."""


class Site:
    """One server, or one cluster."""

    def __init__(self, servers: Sequence[RedisServer], cluster: Cluster | None = None) -> None:
        self.servers = servers
        self.cluster = cluster

    @property
    def url(self) -> str:
        """Return the URL or URLs to connect to."""
        return self.cluster.url if self.cluster else self.servers[0].url

    @property
    def certificate(self) -> Path | None:
        """Return the certificate to trust, None without TLS."""
        server = self.servers[0]
        return server.certificate if server.flavour == "tls" else None

    async def server_of(self, key: bytes) -> RedisServer:
        """Return the server that holds a key."""
        return self.servers[await self.cluster.holder(key) if self.cluster else 0]

    async def admin(self, key: bytes) -> AbstractAsyncContextManager[Redis]:
        """Return a client of the server that holds a key: another client than the one tried."""
        return (await self.server_of(key)).admin()

    async def healthy(self) -> None:
        """Bring everything back from whatever a test did to it, emptied."""
        if self.cluster:
            await self.cluster.healthy()
        else:
            await self.servers[0].healthy()

    async def stop(self) -> None:
        """Stop every server."""
        await asyncio.gather(*(server.stop() for server in self.servers))


async def open_site(name: str, folder: Path) -> Site:
    """Start one of SITES."""
    if name == "cluster":
        cluster = Cluster(folder)
        await cluster.start()
        return Site(cluster.nodes, cluster)
    server = RedisServer(folder, cast("Flavour", name))
    await server.start()
    return Site([server])


def blocking_client(server: RedisServer) -> "redis.Redis":
    """Return a client that holds up the whole event loop, so that the loop reads nothing."""
    options: dict[str, Any] = {}
    if server.flavour == "tls":
        options = {"ssl": True, "ssl_ca_certs": str(server.certificate)}
    return redis.Redis(port=server.port, **options)


async def _nothing_owed(server: str) -> None:
    del server


class Listening:
    """A listener that remembers everything in order.

    Args:
        on_restoring: what it sends before a server may be trusted.
    """

    def __init__(self, on_restoring: Callable[[str], Awaitable[None]] = _nothing_owed) -> None:
        self.on_restoring = on_restoring
        self.events: list[tuple[str, Any]] = []

    def changed(self, keys: Sequence[bytes]) -> None:
        """Remember keys others wrote."""
        self.events += [("changed", key) for key in keys]

    def distrusted(self, reason: str) -> None:
        """Remember that nothing is to be trusted."""
        self.events.append(("distrusted", reason))

    async def restoring(self, server: str) -> None:
        """Remember that a server is back, then send what is owed."""
        self.events.append(("restoring", server))
        try:
            await self.on_restoring(server)
        except TierUnavailable:
            self.events.append(("failed", server))
            raise

    def told(self, kind: str) -> list[Any]:
        """Return what was told of one kind: changed, distrusted, restoring, failed."""
        return [what for which, what in self.events if which == kind]


Open = Callable[..., Awaitable[tuple[Transport, Listening]]]
"""The fixture `opened`: `await opened(password=None, listener=None)` returns a started pair."""

_COUNT = Script("return redis.call('INCR', KEYS[1])")


def reply(got: Any, _: int) -> Any:
    """Return a reply as it is: the plainest `on_reply`."""
    return got


async def healed(transport: Transport, key: bytes) -> None:
    """Wait until a key's server takes writes again and is trusted."""

    async def works() -> bool:
        try:
            await transport.run(_COUNT, key + b":probe", (), reply)
        except TierUnavailable:
            return False
        return transport.up(key)

    await eventually(works)
