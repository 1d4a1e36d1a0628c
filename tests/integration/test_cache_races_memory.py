"""Memory against pushes: what a push has ended, or may have ended unseen, is not served."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from support.racer import STEPS, Race, Racer, Servers, race_on, start_servers
from support.redis_servers import Flavour, RedisServer, say
from support.waiting import eventually

from callboard.cache import TEXT, Key, Keyspace, Outcome
from callboard.clock import SystemClock

pytestmark = pytest.mark.engines

PLAIN = Keyspace(name="m-plain", codec=TEXT, ttl_s=90, lease_s=20, loader_timeout_s=20)
CLOCKLESS = Keyspace(
    name="m-clockless", codec=TEXT, ttl_s=90, lease_s=20, loader_timeout_s=20, clocked=False
)
SPACES = (PLAIN, CLOCKLESS)
GOING = ("flow", "in one", "trickle")
CLOCK = SystemClock()

Tell = Callable[[Racer, Key[str]], Awaitable[bool]]


async def at_commit(racer: Racer, key: Key[str]) -> bool:
    return await racer.cache.invalidate(key, at=racer.truth.write(key.id))


async def purge(racer: Racer, key: Key[str]) -> bool:
    racer.truth.write(key.id)
    return await racer.cache.invalidate(key)


async def put(racer: Racer, key: Key[str]) -> bool:
    at = racer.truth.write(key.id)
    return await racer.cache.put(key, str(racer.truth.versions[key.id]), as_of=at)


TELLS = (at_commit, purge, put)
WAYS = [(at_commit, PLAIN), (put, PLAIN), (purge, CLOCKLESS)]


@pytest.fixture(scope="module", params=["valkey", "redis7", "cluster"])
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    servers = asyncio.run(start_servers(request.param, tmp_path_factory.mktemp(request.param)))
    yield servers
    asyncio.run(servers.stop())


@pytest.fixture
async def race(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Race]:
    monkeypatch.setattr("callboard.cache.engine._BEAT_S", 1_000)  # it would be held as well
    async with race_on(servers) as race:
        yield race


@pytest.fixture(params=["valkey", "redis7"])
async def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A server that a test may end."""
    flavour: Flavour = request.param
    server = RedisServer(tmp_path / "server", flavour)
    await server.start()
    yield server
    await server.stop()


# -- a GET that finds the value while it is invalidated ------------------------------------------


@pytest.mark.parametrize("way", GOING)
@pytest.mark.parametrize(("tell", "space"), WAYS)
@pytest.mark.parametrize("step", STEPS[:2])
async def test_what_a_get_in_flight_brings_does_not_outlive_the_push_of_another_process(
    race: Race, step: str, tell: Tell, space: Keyspace[str], way: str
) -> None:
    reader, writer = race.racers
    key = race.new_key(space)
    assert await writer.read(key) == 1
    first = await reader.stand_at(step, key)
    assert await tell(writer, key)
    if step == "GET answered":
        await reader.gate.back.until(b"invalidate", key.raw)
    reader.go_on(way)
    assert await first in (1, 2)
    await reader.gate.emptied()  # until then the push may not have got here
    assert await reader.read(key) == 2
    assert reader.in_memory(key) in (None, "2")
    assert await race.all_read(key) == {2}
    assert race.loads == (1 if tell is put else 2)


@pytest.mark.parametrize("way", GOING)
@pytest.mark.parametrize(("tell", "space"), WAYS)
@pytest.mark.parametrize("step", STEPS[:2])
async def test_what_a_get_in_flight_brings_does_not_outlive_our_own_write(
    race: Race, step: str, tell: Tell, space: Keyspace[str], way: str
) -> None:
    reader, writer = race.racers
    key = race.new_key(space)
    assert await writer.read(key) == 1
    first = await reader.stand_at(step, key)
    telling = asyncio.ensure_future(tell(reader, key))
    await reader.gate.out.until(b"EVALSHA", key.raw)
    reader.go_on(way)
    assert await telling
    assert reader.in_memory(key) in (None, "2")
    assert await reader.read(key) == 2
    assert await first in (1, 2)
    assert await race.all_read(key) == {2}


@pytest.mark.parametrize("way", GOING)
@pytest.mark.parametrize("tell", TELLS)
async def test_a_push_between_two_replies_ends_the_first_and_not_the_second(
    race: Race, tell: Tell, way: str
) -> None:
    reader, writer = race.racers
    key, beside = race.new_key(PLAIN), race.new_key(PLAIN)
    assert [await writer.read(key), await writer.read(beside)] == [1, 1]
    first = await reader.stand_at("GET answered", key)
    assert await tell(writer, key)
    assert await writer.read(key) == 2
    await reader.gate.back.until(b"invalidate")
    second, third = reader.begin(key), reader.begin(beside)
    await reader.gate.out.until(b"GET\r\n", key.raw)
    reader.gate.out.let_through()
    await reader.gate.back.until(b"2", beside.raw[:6])
    reader.go_on(way)
    assert [await first, await second, await third] == [1, 2, 1]
    await reader.cache._transport.barrier(key.raw)
    assert reader.in_memory(key) in (None, "2")
    loads = race.loads
    assert await race.all_read(key) == {2}
    assert race.loads == loads


@pytest.mark.parametrize("way", GOING)
async def test_the_push_of_an_earlier_write_does_not_hurt_what_was_put_after_it(
    race: Race, way: str
) -> None:
    reader, writer = race.racers
    key = race.new_key(PLAIN)
    await reader.remember(key)
    reader.gate.back.hold()
    assert await at_commit(writer, key)
    await reader.gate.back.until(b"invalidate")
    putting = asyncio.ensure_future(put(reader, key))
    await asyncio.sleep(0)
    await reader.gate.back.until(b":1\r\n")
    reader.go_on(way)
    assert await putting
    assert await race.all_read(key) == {3}
    assert race.loads == 1, "what was put is what is read"


# -- memory while a push is on its way -----------------------------------------------------------


@pytest.mark.parametrize("tell", TELLS)
async def test_a_push_that_lies_unread_in_the_socket_is_looked_at_before_memory(
    race: Race, tell: Tell
) -> None:
    reader, writer = race.racers
    key = race.new_key(PLAIN)
    await reader.remember(key)
    reader.gate.back.hold()
    assert await tell(writer, key)
    await reader.gate.back.until(b"invalidate")
    assert reader.in_memory(key) == "1"
    reader.gate.back.release()  # it is in the socket now; nobody has had a turn to read it
    assert await reader.read(key) == 2


async def test_who_needs_the_write_is_not_served_from_a_memory_that_has_not_heard_of_it(
    race: Race,
) -> None:
    reader, writer = race.racers
    key = race.new_key(PLAIN)
    await reader.remember(key)
    reader.gate.back.hold()
    at = race.truth.write(key.id)
    assert await writer.cache.invalidate(key, at=at)
    await reader.gate.back.until(b"invalidate")
    needing = reader.begin(key, at)
    await reader.gate.out.until() if reader.gate.out.held else await asyncio.sleep(0)
    reader.go_on()
    assert await needing == 2


# -- memory that can not be kept right any more --------------------------------------------------


@pytest.mark.parametrize("way", GOING)
@pytest.mark.parametrize("step", [*STEPS[3:], "nowhere"])
async def test_all_keys_are_removed_while_a_load_from_before_a_write_is_under_way(
    race: Race, step: str, way: str
) -> None:
    reader, writer = race.racers
    key = race.new_key(PLAIN)
    first = None if step == "nowhere" else await reader.stand_at(step, key)
    if first is None:
        await reader.remember(key)
        reader.gate.hold()
    assert await at_commit(writer, key)
    async with await race.admin(key) as admin:
        await say(admin, "FLUSHALL")
    later = writer.begin(key)
    await asyncio.sleep(0)
    reader.go_on(way)
    assert first is None or await first in (1, 2)
    assert await later == 2
    await eventually(lambda: counted(reader, Outcome.DISTRUSTED))
    assert await race.all_read(key) == {2}
    assert await race.served(key) == {"2"}


async def counted(racer: Racer, outcome: Outcome) -> int:
    return racer.count(outcome)


async def trusts(racer: Racer, key: Key[str]) -> bool:
    return racer.cache.trusts(key)


@pytest.mark.parametrize("step", [*STEPS[3:], "nowhere"])
async def test_the_connection_breaks_and_what_it_would_have_told_is_not_missed(
    race: Race, step: str
) -> None:
    reader, writer = race.racers
    key = race.new_key(PLAIN)
    first = None if step == "nowhere" else await reader.stand_at(step, key)
    if first is None:
        await reader.remember(key)
    reader.gate.break_()
    assert await at_commit(writer, key)
    later = reader.begin(key)
    await asyncio.sleep(0)
    reader.go_on()
    race.clock.by_s += 21  # the lease of who was cut off ends by itself
    assert await later == 2, "from the loader or from Redis, not from memory"
    assert first is None or await first in (1, 2)
    await eventually(lambda: trusts(reader, key))
    assert await race.all_read(key) == {2}
    assert await race.served(key) == {"2"}
    await reader.remember(key)


@pytest.mark.parametrize("held", ["out", "back", "both"])
async def test_memory_of_a_half_open_link_ends_within_two_timeouts(
    servers: Servers, held: str
) -> None:
    async with race_on(servers, timeout_s=0.25) as race:
        reader, writer = race.racers
        key = race.new_key(PLAIN)
        await reader.remember(key)
        if held != "back":
            reader.gate.out.hold()
        if held != "out":
            reader.gate.back.hold()
        began_s = CLOCK.monotonic_s()
        assert await at_commit(writer, key)
        while await reader.read(key) == 1:
            await asyncio.sleep(0)  # hits do not give way to anybody
            assert CLOCK.monotonic_s() - began_s < 0.75, "memory is served for too long"
        assert await reader.read(key) == 2
        reader.go_on()
        await eventually(lambda: trusts(reader, key))
        assert await race.all_read(key) == {2}


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
@pytest.mark.parametrize("step", ["after the load has read", "FILL held", "in memory"])
async def test_a_restart_that_brings_back_what_was_before_a_write_brings_nothing_stale(
    own_server: RedisServer, step: str, space: Keyspace[str]
) -> None:
    async with race_on(own_server) as race:
        reader, writer = race.racers
        key = race.new_key(space)
        first = None if step == "in memory" else await reader.stand_at(step, key)
        if first is None:
            await race.all_read(key)
            await reader.remember(key)
        async with own_server.admin() as admin:
            await say(admin, "SAVE")  # the value, or the lease it is loaded under
        assert await at_commit(writer, key)
        await own_server.kill()
        await own_server.start()
        async with own_server.admin() as admin:
            assert await admin.exists(key.raw), "the dump brought it back, without the floor"
        later = [reader.begin(key), writer.begin(key)]
        await asyncio.sleep(0)
        reader.go_on()
        assert await asyncio.gather(*later) == [2, 2]
        assert first is None or await first in (1, 2)
        for racer in race.racers:
            await eventually(lambda racer=racer: trusts(racer, key))  # type: ignore[misc]  # binds the loop's value
        assert await race.all_read(key) == {2}
        assert await race.served(key) == {"2"}
