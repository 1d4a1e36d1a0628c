"""The contract of cache transports when servers are away, frozen, full or replaced."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from support.cache_sites import Open, Site, healed, reply
from support.redis_servers import RedisServer, say
from support.waiting import eventually, running_time

from callboard.cache.errors import TierUnavailable, TooManyRequests
from callboard.cache.transport import Script, Transport

pytestmark = pytest.mark.engines

BOUND_S = 0.5
"""How long anybody may wait for a server that is away."""

WRITE = Script("return redis.call('SET', KEYS[1], ARGV[2])")

breakable = pytest.mark.parametrize("site", ["valkey", "tls", "cluster"], indirect=True)
"""Without redis7: behind TLS it is the same program, and each of these tests takes a while."""

Send = Callable[[], "asyncio.Future[Any]"]


def sent(*sends: Send) -> "list[asyncio.Future[Any]]":
    """Send commands; one that fails at once is told of like the others."""
    futures: list[asyncio.Future[Any]] = []
    for send in sends:
        try:
            futures.append(send())
        except TierUnavailable as error:
            futures.append(asyncio.get_running_loop().create_future())
            futures[-1].set_exception(error)
    return futures


def gets(transport: Transport, key: bytes, count: int = 100) -> "list[asyncio.Future[Any]]":
    """Send GETs of many keys of one server."""
    keys = [key + b":%d" % number for number in range(count)]
    return sent(*(lambda k=k: transport.get(k, reply) for k in keys))


async def fail_in_time(futures: "Sequence[asyncio.Future[Any]]") -> None:
    """Require that every command fails as it has to, within the bound."""
    async with running_time(BOUND_S):
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
    others = [outcome for outcome in outcomes if not isinstance(outcome, TierUnavailable)]
    assert others == []


async def goes_down(transport: Transport, key: bytes) -> None:
    """Wait until a key's server is known to be away."""

    async def is_down() -> bool:
        return not transport.up(key)

    await eventually(is_down)


async def command_all(site: Site, *words: str) -> None:
    """Say the same to every server."""
    for server in site.servers:
        async with server.admin() as admin:
            await say(admin, *words)


@contextlib.asynccontextmanager
async def full(server: RedisServer) -> AsyncIterator[None]:
    """Leave a server no room for the length of a block."""
    async with server.admin() as admin:
        await say(admin, "CONFIG", "SET", "maxmemory", "1")
        try:
            yield
        finally:
            await say(admin, "CONFIG", "SET", "maxmemory", "0")


# -- the start ------------------------------------------------------------------------------


@breakable
async def test_a_server_that_appears_later_is_found(opened: Open, site: Site, key: bytes) -> None:
    for server in site.servers:
        await server.kill()
    transport, listener = await opened()
    assert not transport.up(key)
    await fail_in_time(gets(transport, key))
    assert listener.told("restoring") == []
    for server in site.servers:
        await server.start()
    await healed(transport, key)
    assert transport.server_of(key) in listener.told("restoring")


@pytest.mark.parametrize("site", ["valkey", "cluster"], indirect=True)
async def test_a_wrong_password_is_tried_again_and_may_become_right(
    opened: Open, site: Site, key: bytes
) -> None:
    try:
        await command_all(site, "CONFIG", "SET", "requirepass", "right")
        for server in site.servers:
            server.password = "right"
        transport, listener = await opened("later")
        assert not transport.up(key)
        await fail_in_time(gets(transport, key))
        assert listener.told("restoring") == []
        await command_all(site, "CONFIG", "SET", "requirepass", "later")
        for server in site.servers:
            server.password = "later"
        await healed(transport, key)
    finally:
        await command_all(site, "CONFIG", "SET", "requirepass", "")
        for server in site.servers:
            server.password = None


# -- death and return -----------------------------------------------------------------------


async def test_a_killed_server_fails_all_that_wait_and_is_restored_before_it_is_trusted(
    opened: Open, site: Site, key: bytes
) -> None:
    trusted: list[bool] = []
    owed: list[Any] = []

    async def pay(server: str) -> None:
        """Fail the first time after the outage; then send what is owed."""
        trusted.append(transport.up(key))
        if server == transport.server_of(key):
            if not owed:
                owed.append("went away again")
                raise TierUnavailable
            owed.append(await transport.run(WRITE, key, (b"paid",), reply))

    transport, listener = await opened()
    before = len(listener.told("restoring"))
    assert before > 0
    server = await site.server_of(key)
    server.freeze()  # so that nothing is answered before it dies
    futures = gets(transport, key)
    await asyncio.sleep(0)
    listener.on_restoring = pay
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.kill())
        tasks.create_task(fail_in_time(futures))
    await goes_down(transport, key)
    await fail_in_time(gets(transport, key))
    await server.start()
    await healed(transport, key)
    assert len(listener.told("restoring")) >= before + 2
    assert owed[-1] == b"OK"
    assert "failed" in [kind for kind, _ in listener.events]
    assert True not in trusted
    assert await transport.get(key, reply) == b"paid"


@breakable
async def test_a_frozen_server_holds_nobody_up_and_heals(
    opened: Open, site: Site, key: bytes
) -> None:
    transport, listener = await opened()
    await transport.run(WRITE, key, (b"kept",), reply)
    before = len(listener.told("restoring"))
    server = await site.server_of(key)
    server.freeze()
    try:
        reads = gets(transport, key)
        writes = sent(lambda: transport.run(WRITE, key, (b"lost?",), reply))
        await fail_in_time([*reads, *writes])
        await goes_down(transport, key)
        await fail_in_time(gets(transport, key))
    finally:
        server.thaw()
    await healed(transport, key)
    assert len(listener.told("restoring")) > before
    assert await transport.get(key, reply) in (b"kept", b"lost?")


@pytest.mark.parametrize("site", ["valkey", "cluster"], indirect=True)
async def test_only_so_many_commands_may_wait(opened: Open, site: Site, key: bytes) -> None:
    transport, _ = await opened()
    server = await site.server_of(key)
    server.freeze()
    taken: list[asyncio.Future[Any]] = []
    try:
        with contextlib.suppress(TooManyRequests):
            while len(taken) < 30_000:
                taken.append(transport.get(key, reply))
        assert 1_000 <= len(taken) < 30_000
        outcomes = await asyncio.gather(*taken, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {TierUnavailable}
    finally:
        server.thaw()
    await healed(transport, key)


@breakable
async def test_closing_fails_what_waits(opened: Open, site: Site, key: bytes) -> None:
    transport, _ = await opened()
    server = await site.server_of(key)
    server.freeze()
    try:
        futures = gets(transport, key)
        async with asyncio.timeout(5):
            await transport.close()
        await fail_in_time(futures)
        assert not transport.up(key)
        await fail_in_time(gets(transport, key))
    finally:
        server.thaw()


# -- not now --------------------------------------------------------------------------------


@pytest.mark.parametrize("site", ["redis7", "cluster"], indirect=True)
async def test_a_full_server_is_left_alone_until_it_has_room(
    opened: Open, site: Site, key: bytes
) -> None:
    transport, listener = await opened()
    server = await site.server_of(key)
    async with full(server):
        await fail_in_time(sent(lambda: transport.run(WRITE, key, (b"1",), reply)))
        assert not transport.up(key)
        before = len(listener.told("restoring"))
    await healed(transport, key)
    assert len(listener.told("restoring")) > before


@pytest.mark.parametrize("site", ["valkey"], indirect=True)
async def test_a_replica_is_not_written_to(opened: Open, site: Site, key: bytes) -> None:
    transport, _ = await opened()
    async with site.servers[0].admin() as admin:
        await say(admin, "REPLICAOF", "127.0.0.1", "1")
        try:
            await fail_in_time(sent(lambda: transport.run(WRITE, key, (b"1",), reply)))
            assert not transport.up(key)
        finally:
            await say(admin, "REPLICAOF", "NO", "ONE")
    await healed(transport, key)
    assert await transport.run(WRITE, key, (b"1",), reply) == b"OK"
