"""Engines that are broken, each in its way: what the doctor says of them."""

import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from bson import Timestamp
from support.cluster import Cluster
from support.patient import of, sick
from support.redis_servers import RedisServer, quiet_port, say
from support.replica_set import ReplicaSet
from support.small_oplog import SmallOplog
from support.waiting import eventually

from callboard.app.doctor.findings import Finding
from callboard.app.doctor.mongodb import look_at_mongodb
from callboard.app.doctor.redis import look_at_redis
from callboard.clock import SystemClock
from callboard.embedded.binaries import find_mongod
from callboard.embedded.child import Child, free_port
from callboard.settings import Settings
from callboard.store.database import MongoDatabase, connect, prepare
from callboard.store.diagnosis import Diagnosis
from callboard.views.diagnosis import RedisDiagnosis

pytestmark = pytest.mark.engines

CLOCK = SystemClock()
UNVOUCHED = {"redis.views"}
"""Nobody projects into these servers."""
UNPROJECTED = {"mongodb.projector"}


async def mongodb(url: str) -> list[Finding]:
    """Look at a MongoDB, with no settings but the defaults."""
    return (await look_at_mongodb(Settings(_env_file=None), connect(url), CLOCK)).findings


async def redis(urls: str, password: str | None = None) -> list[Finding]:
    """Look at a Redis."""
    return (await look_at_redis(RedisDiagnosis(urls, password, CLOCK), CLOCK)).findings


# -- MongoDB ---------------------------------------------------------------------------------


@pytest.fixture
async def standalone(tmp_path: Path) -> AsyncIterator[tuple[str, Child]]:
    """A mongod without a replica set."""
    port, folder = free_port(), tmp_path / "db"
    folder.mkdir()
    command = [find_mongod(), "--dbpath", str(folder), "--port", str(port), "--nounixsocket"]
    child = Child("mongod", [*command, "--bind_ip", "127.0.0.1"], tmp_path / "log")
    child.start()
    url = f"mongodb://127.0.0.1:{port}/callboard"
    database = connect(url, timeout_ms=20_000)
    await database.client.admin.command("ping")
    await database.client.close()
    yield url, child
    assert child.pid is not None
    os.kill(child.pid, signal.SIGCONT)
    child.stop(10.0)


async def test_a_standalone_server_and_one_that_hangs(standalone: tuple[str, Child]) -> None:
    url, child = standalone
    assert set(sick(await mongodb(url))) == {"mongodb.replica-set"}
    assert child.pid is not None
    os.kill(child.pid, signal.SIGSTOP)
    begun_s = CLOCK.monotonic_s()
    found = sick(await mongodb(url))
    assert set(found) == {"mongodb.reachable"}
    assert found["mongodb.reachable"].startswith("fault")
    assert CLOCK.monotonic_s() - begun_s < 10


async def test_nobody_listens() -> None:
    found = sick(await mongodb(f"mongodb://127.0.0.1:{quiet_port()}/callboard"))
    assert set(found) == {"mongodb.reachable"}


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[str]:
    """A replica set of one that knows who asks; the URL of the user that the README describes."""
    port, folder, key = free_port(), tmp_path / "db", tmp_path / "key"
    folder.mkdir()
    key.touch(mode=0o600)
    key.write_text("0123456789abcdef" * 4)
    command = [find_mongod(), "--dbpath", str(folder), "--port", str(port), "--nounixsocket"]
    command += ["--bind_ip", "127.0.0.1", "--replSet", "rs0", "--keyFile", str(key)]
    child = Child("mongod", command, tmp_path / "log")
    child.start()
    where = f"127.0.0.1:{port}"
    direct = connect(f"mongodb://{where}/callboard?directConnection=true", timeout_ms=20_000)
    admin = direct.client.admin
    members = [{"_id": 0, "host": where}]
    await admin.command("replSetInitiate", {"_id": "rs0", "members": members})

    async def is_primary() -> bool:
        return bool((await admin.command("hello"))["isWritablePrimary"])

    await eventually(is_primary, within_s=30)
    await admin.command("createUser", "root", pwd="root-password", roles=["root"])
    await direct.client.close()
    root = connect(f"mongodb://root:root-password@{where}/callboard?authSource=admin")
    roles = [{"role": role, "db": "callboard"} for role in ("readWrite", "dbAdmin")]
    await root.client.admin.command("createUser", "board", pwd="right-password", roles=roles)
    await root.client.close()
    yield f"mongodb://board:right-password@{where}/callboard?authSource=admin"
    child.stop(15.0)


async def test_a_user_with_the_least_rights_and_a_wrong_password(guarded: str) -> None:
    database = connect(guarded)
    await prepare(database)
    await database.client.close()
    findings = await mongodb(guarded)
    assert set(sick(findings)) == UNPROJECTED
    notes = {finding.name for finding in findings if finding.level == "note"}
    assert notes >= {"mongodb.oplog", "mongodb.replica-set"}
    found = sick(await mongodb(guarded.replace("right-password", "wrong-password")))
    assert set(found) == {"mongodb.sign-in"}
    found = sick(await mongodb(guarded.replace("board:right-password@", "")))
    assert set(found) == {"mongodb.sign-in"}


async def test_writes_that_are_held_up(database: MongoDatabase) -> None:
    admin = database.client.admin
    await admin.command("fsync", 1, lock=True)
    try:
        url = f"mongodb://{':'.join(map(str, await database.client.address or ()))}"
        found = sick(await mongodb(f"{url}/{database.name}?directConnection=true"))
    finally:
        await admin.command("fsyncUnlock", 1)
    assert set(found) == {"mongodb.majority"} | UNPROJECTED


async def test_a_member_that_is_down_and_a_majority_that_is(tmp_path: Path) -> None:
    replica_set = ReplicaSet(tmp_path)
    await replica_set.start()
    alive = set(replica_set.ports)
    try:
        url = replica_set.url("callboard")
        database = connect(url)
        await prepare(database)
        await database.client.close()
        assert set(sick(await mongodb(url))) == UNPROJECTED
        primary = await replica_set.primary()
        first, second = (port for port in replica_set.ports if port != primary)
        await replica_set.kill(first)
        alive.remove(first)

        async def look() -> dict[str, str]:
            return sick(await mongodb(url))

        # The primary notices at the next heartbeats.
        found = await eventually(look, lambda found: "mongodb.replica-set" in found)
        assert set(found) == {"mongodb.replica-set"} | UNPROJECTED
        assert f"member 127.0.0.1:{first} is" in found["mongodb.replica-set"]
        await replica_set.kill(second)
        alive.remove(second)
        found = await eventually(look, lambda found: "mongodb.reachable" in found, within_s=30)
        assert set(found) == {"mongodb.reachable"}
    finally:
        for port in alive:
            await replica_set.kill(port)


async def test_a_place_that_leaves_the_oplog(tmp_path: Path) -> None:
    mongo = SmallOplog(tmp_path, CLOCK)
    await mongo.start()
    database = connect(mongo.url)
    try:
        await prepare(database)
        await mongo.forget(database, await mongo.newest(database))

        async def reach() -> tuple[int, int]:
            await database.noise.insert_one({"block": b"\0" * 2_000})
            return (await mongo.oldest(database)).time, (await mongo.newest(database)).time

        oldest, _ = await eventually(reach, lambda ends: ends[1] - ends[0] >= 4, within_s=60)
        found, is_lost = {}, {}
        for where, place in (("about to", oldest + 1), ("left", oldest - 60)):
            checkpoint = {"$set": {"token": None, "after": Timestamp(place, 1)}}
            await database.state.update_one({"_id": "projection"}, checkpoint, upsert=True)
            found[where] = sick(await mongodb(mongo.url)).get("mongodb.oplog", "")
            is_lost[where] = await Diagnosis(database, CLOCK).place_is_lost()
        assert "its place is about to leave" in found["about to"]
        assert "has left the oplog" in found["left"]
        assert is_lost == {"about to": False, "left": True}
    finally:
        await database.client.close()
        await mongo.stop()


# -- Redis -----------------------------------------------------------------------------------


async def _started(
    folder: Path, config: Mapping[str, str] | None = None, **options: Any
) -> RedisServer:
    node = RedisServer(folder, config=config, **options)
    await node.start()
    return node


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A Valkey of its own, with a password."""
    node = await _started(tmp_path, password="right-password")
    yield node
    await node.stop()


async def test_nothing_but_the_projector_is_missed_in_a_fresh_redis(node: RedisServer) -> None:
    assert set(sick(await redis(node.url, "right-password"))) == UNVOUCHED


async def test_the_password_is_wrong_or_missing(node: RedisServer) -> None:
    for password in ("wrong-password", None):
        found = await redis(node.url, password)
        assert set(sick(found)) == {"redis.sign-in"}
        assert "REDIS_PASSWORD" in found[0].what_to_do


async def test_it_is_down_or_hangs(node: RedisServer) -> None:
    node.freeze()
    assert set(sick(await redis(node.url, "right-password"))) == {"redis.reachable"}
    node.thaw()
    await node.kill()
    assert set(sick(await redis(node.url, "right-password"))) == {"redis.reachable"}


async def test_tls_on_one_side_only_and_a_certificate_of_our_own(
    node: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = await _started(tmp_path / "tls", flavour="tls")
    try:
        for url, remedy in (
            (tls.url, "SSL_CERT_FILE"),
            (tls.url.replace("rediss:", "redis:"), "begins with rediss://"),
            (node.url.replace("redis:", "rediss:"), "begins with redis://"),
        ):
            (finding,) = await redis(url)
            assert finding.name == "redis.reachable"
            assert remedy in finding.what_to_do
        monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
        assert set(sick(await redis(tls.url))) == UNVOUCHED
    finally:
        await tls.stop()


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        ("~cb:* &* +@all -@scripting", {"eval"}),
        ("~cb:* &* +@all -client|tracking", {"client|tracking"}),
        ("~cb:* &* +@all -hset -xadd", {"hset", "xadd"}),
        ("~other:* &* +@all", {"the keys cb:*"}),
        ("~cb:* &* +@all -config -time -info", set()),
    ],
)
async def test_a_user_who_may_too_little(node: RedisServer, rules: str, missing: set[str]) -> None:
    async with node.admin() as admin:
        await say(admin, "ACL", "SETUSER", "board", "on", ">secret-of-board", *rules.split())
    findings = await redis(node.url.replace("://", "://board@"), "secret-of-board")
    assert set(sick(findings)) == {"redis.permissions"} | UNVOUCHED
    told = " ".join(f.what for f in of(findings, {"redis.permissions"}))
    assert all(name in told for name in missing or {"INFO"})


async def test_what_a_user_needs_is_what_we_say(node: RedisServer) -> None:
    (advice,) = {
        finding.what_to_do
        for finding in await _denied_everything(node)
        if finding.name == "redis.permissions" and "+@" in finding.what_to_do
    }
    rules = [word.rstrip(",") for word in advice.split() if word[0] in "~+-&"]
    readme = (Path(__file__).parent.parent.parent / "README.md").read_text("utf-8")
    assert " ".join(rules[1:-1]) in readme
    async with node.admin() as admin:
        await say(admin, "ACL", "SETUSER", "new", "on", ">secret-of-new", *rules)
    findings = await redis(node.url.replace("://", "://new@"), "secret-of-new")
    assert set(sick(findings)) == UNVOUCHED


async def _denied_everything(node: RedisServer) -> list[Finding]:
    async with node.admin() as admin:
        await say(admin, "ACL", "SETUSER", "none", "on", ">secret-of-none", "+ping", "+hello")
    return await redis(node.url.replace("://", "://none@"), "secret-of-none")


async def test_what_it_drops_and_how_full_it_is(node: RedisServer) -> None:
    async with node.admin() as admin:
        await say(admin, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        found = sick(await redis(node.url, "right-password"))
        assert set(found) == {"redis.eviction"} | UNVOUCHED
        await say(admin, "CONFIG", "SET", "maxmemory-policy", "noeviction")
        await say(admin, "CONFIG", "SET", "maxmemory", 3 << 20)
        assert found["redis.eviction"].startswith("warning")
        found = sick(await redis(node.url, "right-password"))
        assert set(found) == {"redis.memory"} | UNVOUCHED
        used = (await admin.info("memory"))["used_memory"]
        await say(admin, "CONFIG", "SET", "maxmemory", used + 10_000)
        found = sick(await redis(node.url, "right-password"))
        assert found["redis.memory"].startswith("fault")


async def test_it_is_a_replica(node: RedisServer, tmp_path: Path) -> None:
    replica = await _started(tmp_path / "replica", {"replicaof": f"127.0.0.1 {node.port}"})
    try:
        assert set(sick(await redis(replica.url))) == {"redis.role"} | UNVOUCHED
    finally:
        await replica.stop()


async def test_a_cluster_and_one_with_a_hole(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    await cluster.start()
    try:
        findings = await redis(cluster.url)
        assert set(sick(findings)) == UNVOUCHED
        assert len(of(findings, {"redis.permissions"})) == 3
        assert [f.level for f in of(findings, {"redis.cluster"})] == ["ok"]
        for peer in cluster.nodes:
            async with peer.admin() as admin:
                await say(admin, "CLUSTER", "DELSLOTS", 77)
        assert "redis.cluster" in sick(await redis(cluster.url))
    finally:
        await cluster.stop()
