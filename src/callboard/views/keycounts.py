"""How many keys there are of what, and what Redis says of itself: for who runs callboard."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisError

from callboard.errors import ViewsUnavailable
from callboard.views.connection import RedisClient

__all__ = ["KeysCounted", "RedisCounts", "ServerSaid", "keyspace_of"]

_BATCH = 1_000


class ServerSaid(NamedTuple):
    """What Redis says of itself; of a cluster all primaries together."""

    memory: int
    uptime_s: int


class KeysCounted(NamedTuple):
    """Keys by keyspace."""

    keys: Mapping[str, int]
    complete: bool


def keyspace_of(key: str) -> str:
    """Return whose a key is: a cached thing's, a view's, or the cache's own (tags, beats).

    >>> keyspace_of("cb:c:call:CA1"), keyspace_of("cb:live:{07}:log"), keyspace_of("cb:c:#t:all")
    ('call', 'live', '#')
    """
    parts = key.split(":", 3)
    name = parts[2] if parts[1] == "c" and len(parts) > _CACHED_PARTS else parts[1]
    return "#" if name[:1] in ("#", "@", "") else name


_CACHED_PARTS = 2


class RedisCounts:
    """Asks one server, or every primary of a cluster."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    async def server(self) -> ServerSaid:
        """Return what it says of itself.

        Raises:
            ViewsUnavailable: it does not answer.
        """
        told = [await self._info(section) for section in ("memory", "server")]
        memory = sum(int(said["used_memory"]) for said in told[0])
        return ServerSaid(memory, min(int(said["uptime_in_seconds"]) for said in told[1]))

    async def _info(self, section: str) -> list[Mapping[str, Any]]:
        options: dict[str, Any] = {}
        if isinstance(self._client, RedisCluster):
            options["target_nodes"] = RedisCluster.PRIMARIES
        try:
            said = await cast("Any", self._client).info(section, **options)
        except RedisError as error:
            raise _away(error) from error
        nodes = list(said.values())
        return nodes if nodes and all(isinstance(node, dict) for node in nodes) else [said]

    async def count(self, prefix: str, at_most: int) -> KeysCounted:
        """Count keys by keyspace, and stop after so many.

        Raises:
            ViewsUnavailable: it does not answer.
        """
        found: Counter[str] = Counter()
        seen = 0
        try:
            async for raw in self._client.scan_iter(match=f"{prefix}*", count=_BATCH):
                if seen >= at_most:
                    return KeysCounted(found, complete=False)
                seen += 1
                found[keyspace_of(raw.decode("utf-8", "replace"))] += 1
        except RedisError as error:
            raise _away(error) from error
        return KeysCounted(found, complete=True)


def _away(error: RedisError) -> ViewsUnavailable:
    return ViewsUnavailable(f"Redis does not answer: {error}")
