"""What an operator should know of a Redis or Valkey: facts alone, read without changing anything.

One server is asked at a time: of a cluster, each primary by itself.
"""

from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import quote

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from callboard.cache.places import Places, read_urls
from callboard.cache.slots import SLOTS
from callboard.clock import Clock
from callboard.domain.stream import Head
from callboard.errors import ConfigurationError, ViewsUnavailable
from callboard.keyspaces import VIEWS
from callboard.views.connection import RedisClient, connect
from callboard.views.reader import ViewReader

__all__ = ["ClusterFacts", "NodeFacts", "RedisDiagnosis"]

T = TypeVar("T")

_PINGS = 5
_PROBE = "cb:doctor"
_KEYED: tuple[tuple[str, ...], ...] = (
    *(("get", _PROBE), ("hgetall", _PROBE), ("hget", _PROBE, "f"), ("type", _PROBE)),
    *(("set", _PROBE, "v"), ("del", _PROBE), ("pexpire", _PROBE, "1"), ("pttl", _PROBE)),
    *(("getrange", _PROBE, "0", "1"), ("setrange", _PROBE, "0", "v")),
    *(("hset", _PROBE, "f", "v"), ("hdel", _PROBE, "f")),
    *(("xadd", _PROBE, "*", "f", "v"), ("xread", "streams", _PROBE, "0")),
    ("evalsha", "0", "1", _PROBE),
)
_KEYLESS: tuple[tuple[str, ...], ...] = (
    *(("script", "load", "return 1"), ("scan", "0"), ("ping",), ("info",)),
    ("client", "setname", "callboard"),
)
"""What the scripts and the readers say to a server, as `redis.acl_check_cmd` wants it."""
_ASK_ACL = """
local denied = {}
for command in string.gmatch(ARGV[1], '[^\\n]+') do
  local words = {}
  for word in string.gmatch(command, '[^ ]+') do words[#words + 1] = word end
  if not redis.acl_check_cmd(unpack(words)) then denied[#denied + 1] = words[1] end
end
return denied
"""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One server, as it describes itself."""

    name: str
    product: str
    version: tuple[int, ...]
    role: str
    policy: str
    memory_used: int
    memory_max: int
    """0: no limit of its own."""
    persists: bool
    saving_failed: bool
    """Whether it refuses writes because it could not save."""
    clustered: bool


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """The cluster, as one node sees it."""

    state: str
    slots_served: int


class RedisDiagnosis:
    """Asks the servers of some URLs.

    Every method raises `ViewsUnavailable` when the server does not answer.
    """

    def __init__(
        self, urls: str, password: str | None, clock: Clock, within_s: float = 2.0
    ) -> None:
        """Read the URLs.

        Raises:
            ConfigurationError: one cannot be understood.
        """
        try:
            self._places: Places = read_urls(urls, password)
        except ValueError as error:
            message = f"REDIS_URL cannot be used: {error}"
            raise ConfigurationError(message) from error
        self._clock = clock
        self._within_s = within_s
        self._clustered = False

    def _client(self, address: tuple[str, int], **options: Any) -> Redis:
        places = self._places
        return Redis(
            host=address[0],
            port=address[1],
            db=0 if self._clustered else places.database,
            username=places.username,
            password=places.password,
            ssl=places.tls,
            socket_timeout=self._within_s,
            socket_connect_timeout=self._within_s,
            retry=Retry(NoBackoff(), 0),
            **options,
        )

    @asynccontextmanager
    async def _asked(self, name: str | None = None, protocol: int = 2) -> AsyncIterator[Any]:
        """Connect to a server, to the first of the URLs unless named; errors become ours."""
        host, port = self._places.nodes[0] if name is None else _address(name)
        client = self._client((host, port), protocol=protocol, decode_responses=True)
        try:
            async with client:
                yield cast("Any", client)
        except AuthenticationError as error:
            message = f"{host}:{port} does not let us in: {error}"
            raise ConfigurationError(message) from error
        except (RedisError, OSError) as error:
            message = f"{host}:{port} does not answer: {error or type(error).__name__}"
            raise ViewsUnavailable(message) from error

    async def nodes(self) -> list[str]:
        """Return who serves keys: the single server, or each primary of the cluster.

        Raises:
            ConfigurationError: the user or the password is wrong.
            ViewsUnavailable: nobody answers.
        """
        async with self._asked() as node:
            first = ":".join(map(str, self._places.nodes[0]))
            info = await _unless_denied(node.info("cluster"))
            if not info or not info.get("cluster_enabled"):
                await node.ping()
                return [first]
            self._clustered = True
            slots = await node.execute_command("CLUSTER", "SLOTS")
        # An empty host is the one that was asked.
        host = self._places.nodes[0][0]
        return sorted({f"{owner[0] or host}:{owner[1]}" for owner in _owners(slots)}) or [first]

    async def node(self, name: str) -> NodeFacts | None:
        """Return what a server says of itself; None when we may not ask."""
        async with self._asked(name) as node:
            info: Mapping[str, Any] | None = await _unless_denied(node.info("all"))
            saves = await _unless_denied(node.config_get("save"))
        if info is None:
            return None
        product = "Valkey" if "valkey_version" in info else "Redis"
        version = str(info.get("valkey_version") or info.get("redis_version", "0"))
        return NodeFacts(
            name=name,
            product=product,
            version=tuple(int(part) for part in version.split(".") if part.isdigit()),
            role=str(info.get("role", "")),
            policy=str(info.get("maxmemory_policy", "")),
            memory_used=int(info.get("used_memory", 0)),
            memory_max=int(info.get("maxmemory", 0)),
            persists=bool(info.get("aof_enabled")) or bool((saves or {}).get("save")),
            saving_failed=info.get("rdb_last_bgsave_status") == "err",
            clustered=bool(info.get("cluster_enabled")),
        )

    async def cluster(self, name: str) -> ClusterFacts | None:
        """Return how a node sees its cluster; None when we may not ask."""
        async with self._asked(name) as node:
            told = await _unless_denied(node.execute_command("CLUSTER", "INFO"))
        if told is None:
            return None
        info = told if isinstance(told, Mapping) else _read_info(str(told))
        return ClusterFacts(str(info["cluster_state"]), int(info.get("cluster_slots_ok", SLOTS)))

    async def denied(self, name: str) -> list[str]:
        """Return the commands and permissions we need and do not have."""
        missing: list[str] = []
        async with self._asked(name) as node:
            commands = "\n".join(" ".join(words) for words in (*_KEYED, *_KEYLESS))
            try:
                # Without a key: any node of a cluster may be asked.
                missing += await node.eval(_ASK_ACL, 0, commands)
            except NoPermissionError:
                missing.append("eval")
            except ResponseError as error:
                # Scripts without `redis.acl_check_cmd`: not Redis 7.
                missing.append(f"eval ({error})")
        async with self._asked(name, protocol=3) as node:
            try:
                tracking = ("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "cb:")
                await node.execute_command(*tracking)
            except ResponseError as error:
                denied = isinstance(error, NoPermissionError)
                missing.append("client|tracking" if denied else f"client|tracking ({error})")
        keyed = {words[0] for words in _KEYED}
        if keyed <= set(missing):
            missing = ["the keys cb:*", *(name for name in missing if name not in keyed)]
        return list(dict.fromkeys(missing))

    async def round_trip_s(self, name: str) -> float:
        """Return the fastest of some round trips: what we do meanwhile is not its fault."""
        took: list[float] = []
        async with self._asked(name) as node:
            await node.ping()
            for _ in range(_PINGS):
                begun_s = self._clock.monotonic_s()
                await node.ping()
                took.append(self._clock.monotonic_s() - begun_s)
        return min(took)

    async def ahead_s(self, name: str) -> tuple[float, float] | None:
        """Return how far a server's clock is ahead of ours, and by how much that may be wrong."""
        async with self._asked(name) as node:
            await node.ping()
            asked_at, begun_s = self._clock.now(), self._clock.monotonic_s()
            told = await _unless_denied(node.time())
            took_s = self._clock.monotonic_s() - begun_s
        if told is None:
            return None
        seconds, micros = told
        return seconds + micros / 1e6 - asked_at.timestamp() - took_s / 2, took_s / 2

    async def _reader(self) -> RedisClient:
        """Return what reads from whichever server has a key."""
        places = self._places
        if not self._clustered:
            return self._client(places.nodes[0])
        urls = ",".join(
            f"redis{'s' if places.tls else ''}://{_named(places)}{host}:{port}/{places.database}"
            for host, port in places.nodes
        )
        return await connect(urls, places.password)

    async def heads(self) -> dict[str, Head | None]:
        """Return what the projector vouches for, by view; None where nobody does."""
        client = await self._reader()
        found: dict[str, Head | None] = {}
        try:
            for space in VIEWS:
                try:
                    found[space.name] = await ViewReader(client, space).head()
                except ViewsUnavailable:
                    found[space.name] = None
        finally:
            await client.aclose()
        return found


async def _unless_denied(asked: Awaitable[T]) -> T | None:
    """Return an answer, None when this user may not ask."""
    try:
        return await asked
    except NoPermissionError:
        return None


def _named(places: Places) -> str:
    """Return the part of a URL that says who we are; the password is told apart."""
    return f"{quote(places.username, safe='')}@" if places.username else ""


def _address(name: str) -> tuple[str, int]:
    host, _, port = name.rpartition(":")
    return host, int(port)


def _owners(slots: Any) -> Iterator[tuple[str, int]]:
    """Yield the primaries of `CLUSTER SLOTS`, which the driver answers parsed or raw."""
    if isinstance(slots, Mapping):
        for told in slots.values():
            host, port = told["primary"][:2]
            yield str(host), int(port)
        return
    for _, _, primary, *_ in slots:
        yield str(primary[0] or ""), int(primary[1])


def _read_info(text: str) -> dict[str, str]:
    pairs = (line.strip().partition(":")[::2] for line in text.splitlines() if ":" in line)
    return dict(pairs)
