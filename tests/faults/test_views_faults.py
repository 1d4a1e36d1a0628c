"""Whatever happens to Redis, the three views are right again by themselves, and no reader helps.

Every reader here comes in as a Redis user that may only read: what is in a view, the projector
has written. Times are from the end of the fault until the views (loaded anew) and the copies that
followed them agree with MongoDB for good, under load.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import NoPermissionError
from support.cluster import Cluster
from support.engines import Engines
from support.redis_servers import RedisServer, say
from support.views import Views, attempts_to_write, projected, reader_config
from support.waiting import eventually

from callboard.clock import SystemClock
from callboard.delivery.replica import Replica
from callboard.domain.stream import Head
from callboard.errors import ViewsUnavailable
from callboard.keyspaces import CAMPAIGNS, LIVE, VIEWS, ViewSpace
from callboard.store.database import MongoDatabase, connect, prepare
from callboard.tasks import end
from callboard.views.reader import ViewReader

pytestmark = pytest.mark.engines

Tell = Callable[[str, dict[str, float]], None]
CLOCK = SystemClock()
KINDS = ("items", "log", "head")


@pytest.fixture
async def database(engines: Engines) -> AsyncIterator[MongoDatabase]:
    """A prepared database of its own."""
    database = connect(engines.mongo_url())
    await prepare(database)
    yield database
    await database.client.drop_database(database.name)
    await database.client.close()


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A Valkey of its own that knows a user who may only read."""
    node = RedisServer(tmp_path / "valkey", config=reader_config())
    await node.start()
    yield node
    await node.stop()


@pytest.fixture
async def views(database: MongoDatabase, node: RedisServer) -> AsyncIterator[Views]:
    """Projected views under load; at the end nobody but the projector has tried to write."""
    async with projected(database, node.url) as views:
        yield views
    async with node.admin() as admin:
        assert await attempts_to_write(admin) == []


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Print and record how long it took."""

    def tell(fault: str, took_s: dict[str, float]) -> None:
        for name, seconds in took_s.items():
            record_property(f"{fault}: {name} right after, s", seconds)
        print(f"\n{fault}: right after {took_s}")  # noqa: T201  (the report)

    return tell


def key_of(space: ViewSpace, kind: str) -> str:
    """Return a key of a view, of a shard that has something to say."""
    shard = space.shard_of("camp_1")
    keys = {"items": space.items_key(shard), "log": space.log_key(shard), "head": space.head_key}
    return keys[kind]


async def test_the_readers_of_these_tests_may_not_write(views: Views, node: RedisServer) -> None:
    assert isinstance(views.reading, Redis)
    with pytest.raises(NoPermissionError):
        await views.reading.set(LIVE.head_key, "1-1||")
    async with node.admin() as admin:
        assert len(await attempts_to_write(admin)) == 1
        await say(admin, "ACL", "LOG", "RESET")
    await views.until_right()


async def test_an_emptied_redis(views: Views, node: RedisServer, tell: Tell) -> None:
    async with node.admin() as admin:
        await admin.flushall()
    tell("FLUSHALL", await views.until_right())


async def test_a_redis_that_is_killed_and_starts_empty(
    views: Views, node: RedisServer, tell: Tell
) -> None:
    await node.kill()
    await views.load.more(10)
    await node.restart()
    tell("killed, restarted empty", await views.until_right())


async def test_a_redis_that_freezes_for_three_seconds(
    views: Views, node: RedisServer, tell: Tell
) -> None:
    node.freeze()
    try:
        await asyncio.sleep(3)  # the fault itself
    finally:
        node.thaw()
    tell("frozen for 3 s", await views.until_right())


@pytest.mark.parametrize("kind", KINDS)
async def test_a_key_that_a_foreign_hand_deletes(
    views: Views, node: RedisServer, tell: Tell, kind: str
) -> None:
    for space in VIEWS:
        key = key_of(space, kind)
        async with node.admin() as admin:
            await eventually(lambda admin=admin, key=key: admin.delete(key))  # type: ignore[misc]  # binds the loop's values
        tell(f"DEL {key}", await views.until_right())


@pytest.mark.parametrize("kind", KINDS)
async def test_a_key_that_a_foreign_hand_makes_another_type(
    views: Views, node: RedisServer, tell: Tell, kind: str
) -> None:
    for space in VIEWS:
        key = key_of(space, kind)
        async with node.admin() as admin, admin.pipeline() as both:
            both.delete(key)
            if kind == "head":
                both.hset(key, "not", "a head")
            else:
                both.set(key, "neither a hash nor a stream")
            await both.execute()
        tell(f"another type in {key}", await views.until_right())


@pytest.mark.parametrize("kind", ["items", "log"])
async def test_another_type_in_a_shard_in_which_nothing_happens(
    views: Views, node: RedisServer, tell: Tell, kind: str
) -> None:
    busy = {CAMPAIGNS.shard_of(f"camp_{number}") for number in range(3)}
    shard = min(set(range(CAMPAIGNS.shards)) - busy)
    key = CAMPAIGNS.items_key(shard) if kind == "items" else CAMPAIGNS.log_key(shard)
    async with node.admin() as admin:
        await admin.set(key, "neither a hash nor a stream")
    tell(f"another type in {key}, quiet", await views.until_right())


@pytest.mark.parametrize("kind", ["items", "head"])
async def test_a_position_that_a_foreign_hand_makes_unreadable(
    views: Views, node: RedisServer, tell: Tell, kind: str
) -> None:
    for space in VIEWS:
        key = key_of(space, kind)
        async with node.admin() as admin:
            if kind == "head":
                await admin.set(key, "not a position")
            else:
                await say(admin, "HSET", key, "@", "not a position")
        tell(f"no position in {key}", await views.until_right())


async def test_a_quiet_view_whose_shard_fell_back_by_one_write(
    database: MongoDatabase, node: RedisServer, tell: Tell
) -> None:
    """As after a fail-over that lost the last write, when nothing happens afterwards."""
    async with projected(database, node.url, loaded=False) as views, node.admin() as admin:
        sid = (await views.loaded())["live"].popitem()[0]  # type: ignore[index, union-attr]  # right already
        shard = LIVE.shard_of(sid)
        dumped = {
            key: await say(admin, "DUMP", key)
            for key in (LIVE.items_key(shard), LIVE.log_key(shard))
        }
        changed = {"$set": {"contactName": "of the lost write"}}
        await database.calls.update_one({"_id": sid}, changed)
        await views.until_right()
        for key, value in dumped.items():
            if value is None:
                await admin.delete(key)
            else:
                await say(admin, "RESTORE", key, 15_000, value, "REPLACE")
        # A reader that comes at this very moment, before the projector looks.
        late = Replica("live", ViewReader(views.reading, LIVE), CLOCK, 1_000)
        following = asyncio.get_running_loop().create_task(late.run())
        views.replicas["live"] = late
        try:
            tell("fell back by one write, quiet", await views.until_right())
        finally:
            await end(following)


class Overtaken(ViewReader):
    """A reader after whose first step something happens."""

    def __init__(self, views: Views, meanwhile: Callable[[], Awaitable[None]]) -> None:
        super().__init__(views.reading, LIVE)
        self._meanwhile = meanwhile

    async def head(self) -> Head:
        """Return the head as it was before."""
        head = await super().head()
        await self._meanwhile()
        return head


async def test_a_quiet_view_that_is_restored_while_it_is_being_loaded(
    database: MongoDatabase, node: RedisServer
) -> None:
    async with projected(database, node.url, loaded=False) as views, node.admin() as admin:

        async def lose() -> None:
            await database.calls.update_one({}, {"$set": {"contactName": "changed meanwhile"}})
            await views.until_right()
            await admin.flushall()
            await eventually(lambda: admin.exists(LIVE.head_key))

        async with asyncio.timeout(30):
            try:
                snapshot = await Overtaken(views, lose).load()
            except ViewsUnavailable:
                return  # it says so, and whoever reads asks again
        assert snapshot.items == (await ViewReader(views.reading, LIVE).load()).items


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """Three primaries, each with a replica, that give a primary up after a second."""
    config = {**reader_config(), "cluster-node-timeout": "1000"}
    cluster = Cluster(tmp_path / "cluster", replicas=1, config=config)
    try:
        await cluster.start()
        yield cluster
    finally:
        await cluster.stop()


async def lose_what_is_written_now(cluster: Cluster, number: int, views: Views) -> int:
    """Keep a primary's replica from hearing its last writes; return how many bytes those are."""
    async with cluster.nodes[number].admin() as admin:
        await say(admin, "ACL", "SETUSER", "default", "-psync", "-sync")
        await say(admin, "CLIENT", "KILL", "TYPE", "replica")
        before: dict[str, Any] = await admin.info("replication")
        await views.load.more(20)
        after: dict[str, Any] = await admin.info("replication")
    return int(after["master_repl_offset"]) - int(before["master_repl_offset"])


async def owners(cluster: Cluster) -> set[int]:
    """Return the numbers of the nodes that serve slots."""
    async with cluster.nodes[0].admin() as admin:
        told = await say(admin, "CLUSTER", "SLOTS")
    return {cluster.ports.index(int(primary[1])) for _, _, primary, *_ in told}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("losing", [False, True], ids=["all replicated", "last writes lost"])
async def test_a_primary_that_is_killed_and_its_replica_takes_over(
    database: MongoDatabase, cluster: Cluster, tell: Tell, losing: bool
) -> None:
    async with projected(database, cluster.url) as views:
        for number in (1, 2):
            lost = await lose_what_is_written_now(cluster, number, views) if losing else 0
            assert bool(lost) == losing
            await cluster.kill(number)
            killed = f"primary {number} killed, {lost} B lost"
            tell(f"{killed}, from the kill", await views.until_right(within_s=30))
            assert number not in await owners(cluster)
            await cluster.restart(number)
            tell(f"{killed}, from its return", await views.until_right())
    for node in cluster.nodes:
        async with node.admin() as admin:
            assert await attempts_to_write(admin) == []


@pytest.mark.timeout(240)
async def test_the_node_is_killed_from_which_readers_know_the_cluster(
    database: MongoDatabase, cluster: Cluster, tell: Tell
) -> None:
    async with projected(database, cluster.url) as views:
        assert isinstance(views.reading, RedisCluster)
        known_from = views.reading.commands_parser.node
        number = cluster.ports.index(int(known_from.port))
        await cluster.kill(number)
        tell(f"node {number} killed, not to return", await views.until_right(within_s=30))


async def test_a_cluster_that_is_away_as_a_whole_and_comes_back_empty(
    database: MongoDatabase, cluster: Cluster, tell: Tell
) -> None:
    async with projected(database, cluster.url) as views:
        await asyncio.gather(*(node.kill() for node in cluster.nodes))
        await views.load.more(60)
        await asyncio.gather(*(node.restart() for node in cluster.nodes))
        await cluster.settled()
        tell("a whole cluster killed and back", await views.until_right())
