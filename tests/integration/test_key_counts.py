"""Counting keys: on one server and on a cluster, bounded, and not more often than is worth it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from support.builders import START
from support.cluster import Cluster
from support.engines import Engines

from callboard.app.cacheadmin import KeyCounts
from callboard.clock import FixedClock
from callboard.errors import ViewsUnavailable
from callboard.views.connection import RedisClient, connect
from callboard.views.keycounts import KeysCounted, RedisCounts, ServerSaid

KEYS = [
    *(f"cb:c:call:CA{number}" for number in range(30)),
    *(f"cb:c:calls:spring|limit={number}" for number in range(7)),
    "cb:c:#calls@spring",
    "cb:c:@1795477895000",
    "cb:live:{07}",
    "cb:live:{07}:log",
    "cb:live:head",
    "another:programs:key",
]
COUNTED = {"call": 30, "calls": 7, "#": 2, "live": 3}


async def fill(client: RedisClient) -> None:
    """Store the keys."""
    for key in KEYS:
        await client.set(key, "x")


@pytest.fixture
async def single(engines: Engines) -> AsyncIterator[RedisClient]:
    """One server with the keys."""
    client = await connect(engines.valkey.url, engines.valkey.password)
    assert isinstance(client, Redis)
    await client.flushall()
    await fill(client)
    yield client
    await client.flushall()
    await client.aclose()


async def test_keys_are_counted_by_keyspace(single: RedisClient) -> None:
    counts = RedisCounts(single)
    assert await counts.count("cb:", 1_000) == KeysCounted(COUNTED, complete=True)
    said = await counts.server()
    assert said.memory > 100_000
    assert said.uptime_s >= 0


async def test_no_more_keys_are_counted_than_asked_for(single: RedisClient) -> None:
    found = await RedisCounts(single).count("cb:", 10)
    assert (sum(found.keys.values()), found.complete) == (10, False)


@pytest.mark.engines
async def test_of_a_cluster_every_primary_is_asked(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "cluster")
    try:
        await cluster.start()
        client = await connect(cluster.url)
        await fill(client)
        counts = RedisCounts(client)
        assert await counts.count("cb:", 1_000) == KeysCounted(COUNTED, complete=True)
        async with Redis(port=cluster.ports[0]) as node:
            one = await node.info("memory")
        assert (await counts.server()).memory > 2 * int(one["used_memory"])
        await client.aclose()
    finally:
        await cluster.stop()


async def test_a_server_that_is_away_is_said_to_be() -> None:
    client = Redis(port=1, socket_connect_timeout=0.2)
    with pytest.raises(ViewsUnavailable, match="Redis does not answer"):
        await RedisCounts(client).server()
    with pytest.raises(ViewsUnavailable, match="Redis does not answer"):
        await RedisCounts(client).count("cb:", 10)
    await client.aclose()


class Look:
    """Counts how often it was looked."""

    def __init__(self) -> None:
        self.looks = 0
        self.away = False

    async def server(self) -> ServerSaid:
        """Say something."""
        self.looks += 1
        await asyncio.sleep(0)
        if self.away:
            message = "down"
            raise ViewsUnavailable(message)
        return ServerSaid(1, self.looks)

    async def count(self, prefix: str, at_most: int) -> KeysCounted:
        """Count nothing."""
        del prefix, at_most
        return KeysCounted({}, complete=True)


async def test_there_is_one_look_in_ten_seconds_whoever_asks() -> None:
    clock, look = FixedClock(START), Look()
    counts = KeyCounts(look, clock)
    assert len({await counts.latest() is None for _ in range(3)}) == 1
    await asyncio.gather(*(counts.latest() for _ in range(20)))
    assert look.looks == 1
    clock.advance(timedelta(seconds=10))
    await asyncio.gather(*(counts.latest() for _ in range(20)))
    assert look.looks == 2
    look.away = True
    clock.advance(timedelta(seconds=10))
    assert [await counts.latest() for _ in range(3)] == [None] * 3
    assert look.looks == 3
