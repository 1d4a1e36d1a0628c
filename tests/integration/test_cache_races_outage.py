"""Redis goes away and comes back: what is owed is told before anything is believed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.racer import Race, Racer, race_on
from support.redis_servers import Flavour, RedisServer, say
from support.waiting import eventually

from callboard.cache import TEXT, Key, Keyspace, Outcome, Source
from callboard.cache.scripts import FILL, FLOOR, TAKE

pytestmark = pytest.mark.engines

PLAIN = Keyspace(
    name="o-plain",
    codec=TEXT,
    ttl_s=90,
    lease_s=20,
    loader_timeout_s=20,
    tags=lambda id_: (f"away-{id_}",),
)
CLOCKLESS = replace(PLAIN, name="o-clockless", clocked=False)
TIMEOUT_S = 0.25

Tell = Callable[[Racer, Key[str]], Awaitable[bool]]


async def at_commit(racer: Racer, key: Key[str]) -> bool:
    return await racer.cache.invalidate(key, at=racer.truth.write(key.id))


async def purge(racer: Racer, key: Key[str]) -> bool:
    racer.truth.write(key.id)
    return await racer.cache.invalidate(key)


async def put(racer: Racer, key: Key[str]) -> bool:
    at = racer.truth.write(key.id)
    return await racer.cache.put(key, str(racer.truth.versions[key.id]), as_of=at)


async def by_tag(racer: Racer, key: Key[str]) -> bool:
    return await racer.cache.invalidate_tag(f"away-{key.id}", at=racer.truth.write(key.id))


TELLS = (at_commit, purge, put, by_tag)


@pytest.fixture(params=["valkey", "redis7"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RedisServer]:
    flavour: Flavour = request.param
    server = RedisServer(tmp_path / "server", flavour)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def race(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Race]:
    monkeypatch.setattr("callboard.cache.engine._BEAT_S", 1_000)  # it would be held as well
    async with race_on(server, timeout_s=TIMEOUT_S) as race:
        yield race


@pytest.fixture
async def patient(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Race]:
    """The same, where what is held is no outage."""
    monkeypatch.setattr("callboard.cache.engine._BEAT_S", 1_000)
    async with race_on(server) as race:
        yield race


async def trusts(racer: Racer, key: Key[str]) -> bool:
    return racer.cache.trusts(key)


async def owes(racer: Racer) -> int:
    return racer.cache.owed


async def lost(racer: Racer, key: Key[str]) -> None:
    """Return when the process has noticed that Redis is away."""
    await eventually(lambda: trusts(racer, key), lambda yes: not yes)


async def settled(racer: Racer, key: Key[str]) -> None:
    """Return when nothing is owed and Redis is trusted again."""
    async with asyncio.timeout(5):
        await racer.cache.settled()
    assert racer.cache.owed == 0
    await eventually(lambda: trusts(racer, key))


# -- away ----------------------------------------------------------------------------------------


async def test_without_redis_each_process_loads_once_per_key_and_time(race: Race) -> None:
    keys = [race.new_key(PLAIN) for _ in range(3)]
    for racer in race.racers:
        await racer.gate.cut()
    for racer in race.racers:
        await lost(racer, keys[0])
    for round_ in range(1, 4):
        for racer in race.racers:
            answers = await asyncio.gather(*(racer.answer(k) for k in keys for _ in range(20)))
            assert {a.source for a in answers} == {Source.DEGRADED}
            answers = await asyncio.gather(*(racer.answer(k) for k in keys for _ in range(20)))
            assert {a.value for a in answers} == {"1"}
            assert racer.loads == 3 * round_
        race.clock.by_s += 1.1


@pytest.mark.parametrize("tell", TELLS)
async def test_what_is_owed_is_told_before_its_process_believes_a_word(
    race: Race, tell: Tell
) -> None:
    owing, other = race.racers
    key = race.new_key(PLAIN)
    for racer in race.racers:
        await racer.remember(key)
    await owing.gate.cut()
    await lost(owing, key)
    assert not await tell(owing, key), "Redis could not be told"
    assert owing.cache.owed == 1
    assert await owing.read(key) == 2
    assert await other.read(key) == 1, "nobody could tell it"
    owing.gate.hold()
    await owing.gate.open()
    unsettled = asyncio.ensure_future(owing.cache.settled())
    sha = b"" if tell is by_tag else FLOOR.sha.encode()
    await owing.gate.out.until()
    owing.gate.back.release()
    for _ in range(20):  # step by step: hello, scripts, then what is owed
        if (sha and sha in owing.gate.out.held) or (not sha and b"#away" in owing.gate.out.held):
            break
        owing.gate.out.let_through()
        await owing.gate.out.until()
    assert owing.cache.owed == 1
    assert not unsettled.done()
    assert await owing.read(key) == 2, "connected, but not believed yet"
    owing.go_on()
    await settled(owing, key)
    await unsettled
    assert await owing.read(key) == 2
    await eventually(lambda: other.read(key), lambda seen: seen == 2)
    assert await race.all_read(key) == {2}
    assert await race.served(key) == {"2"}


@pytest.mark.parametrize("tell", TELLS)
@pytest.mark.parametrize("executed", [False, True], ids=["not executed", "executed"])
async def test_a_telling_whose_answer_is_lost_is_owed_and_told_again(
    patient: Race, tell: Tell, executed: bool
) -> None:
    owing, _ = patient.racers
    key = patient.new_key(PLAIN)
    assert await patient.all_read(key) == {1}
    owing.gate.hold()
    telling = asyncio.ensure_future(tell(owing, key))
    await owing.gate.out.until(b"EVALSHA")
    if executed:
        owing.gate.out.let_through()
        await owing.gate.back.until(b":1\r\n")
    owing.gate.break_()
    assert not await telling
    owing.go_on()
    assert await owing.read(key) == 2
    await settled(owing, key)
    assert await patient.all_read(key) == {2}
    assert await patient.served(key) == {"2"}


async def test_a_caller_that_is_cancelled_does_not_take_the_invalidation_along(
    patient: Race,
) -> None:
    owing, _ = patient.racers
    key = patient.new_key(PLAIN)
    assert await patient.all_read(key) == {1}
    owing.gate.hold()
    telling = asyncio.ensure_future(at_commit(owing, key))
    await owing.gate.out.until(FLOOR.sha.encode())
    telling.cancel()
    owing.gate.break_()
    await asyncio.gather(telling, return_exceptions=True)
    await lost(owing, key)
    await eventually(lambda: owes(owing))
    owing.go_on()
    await settled(owing, key)
    assert await patient.all_read(key) == {2}


async def test_redis_goes_away_again_while_it_is_told_what_is_owed(patient: Race) -> None:
    owing, _ = patient.racers
    keys = [patient.new_key(PLAIN) for _ in range(3)]
    for key in keys:
        assert await patient.all_read(key) == {1}
    await owing.gate.cut()
    await lost(owing, keys[0])
    for key in keys:
        assert not await at_commit(owing, key)
    for _ in range(2):
        owing.gate.out.hold()
        await owing.gate.open()
        for _ in range(10):
            await owing.gate.out.until()
            if FLOOR.sha.encode() in owing.gate.out.held and keys[0].raw in owing.gate.out.held:
                break
            owing.gate.out.let_through()
        await owing.gate.cut()
        assert owing.cache.owed == 3
        assert [await owing.read(key) for key in keys] == [2, 2, 2]
    owing.gate.out.release()
    await owing.gate.open()
    await settled(owing, keys[0])
    for key in keys:
        assert await patient.all_read(key) == {2}


async def test_too_much_that_is_owed_becomes_one_floor_that_no_reader_gets_under(
    race: Race,
) -> None:
    owing, _ = race.racers
    owing.cache._owed._limit = 3
    keys = [race.new_key(PLAIN) for _ in range(9)]
    for key in keys:
        assert await race.all_read(key) == {1}
    await owing.gate.cut()
    await lost(owing, keys[0])
    for number, key in enumerate(keys):
        tell = purge if number == 4 else at_commit
        assert not await tell(owing, key)
    assert 0 < owing.cache.owed < 9
    await owing.gate.open()
    while owing.cache.owed:
        for key in keys:
            assert await owing.read(key) == 2, "at no moment of the replay"
        await asyncio.wait([asyncio.ensure_future(owing.cache.settled())], timeout=0.01)
    await settled(owing, keys[0])
    for key in keys:
        assert await race.all_read(key) == {2}


# -- what was sent long ago and arrives late -----------------------------------------------------


@pytest.mark.parametrize("then", ["told", "told and loaded", "purged"])
@pytest.mark.parametrize(
    ("step", "space"), [("TAKE held", PLAIN), ("FILL held", PLAIN), ("FILL held", CLOCKLESS)]
)
async def test_a_command_of_a_connection_given_up_long_ago_makes_nothing_stale(
    race: Race, step: str, space: Keyspace[str], then: str
) -> None:
    reader, other = race.racers
    key = race.new_key(space)
    await reader.cache._tier.learn_tags(space.tags(key.id))
    reader.before.arm()
    reader.gate.out.hold()
    first = reader.begin(key)
    await reader.gate.out.until(b"GET\r\n")
    reader.gate.out.let_through()
    await reader.gate.out.until(TAKE.sha.encode())
    if step == "FILL held":
        reader.gate.out.let_through()
        await reader.before.reached.wait()
        reader.before.pass_on()
        await reader.gate.out.until(FILL.sha.encode())
    reader.gate.out.set_aside()  # what follows finds its way, this does not
    await lost(reader, key)
    reader.before.pass_on()
    assert await first == 1
    await eventually(lambda: trusts(reader, key))
    assert await (purge if then == "purged" else at_commit)(other, key)
    if then == "told and loaded":
        race.clock.by_s += 21
        assert await race.all_read(key) == {2}
    reader.gate.out.let_late()
    await eventually(lambda: connections(race), lambda many: many == 2)
    race.clock.by_s += 21  # a lease may have been given to nobody
    assert await race.all_read(key) == {2}
    assert await race.served(key) == {"2"}


async def connections(race: Race) -> int:
    """Return how many connections of ours the server has: a late one ends when it is read."""
    assert isinstance(race.servers, RedisServer)
    async with race.servers.admin() as admin:
        told = await admin.client_list()
        return sum(client["name"] == "callboard-cache" for client in told)


@pytest.mark.parametrize("tell", TELLS)
async def test_a_telling_that_arrives_after_it_was_told_again_changes_nothing(
    race: Race, tell: Tell
) -> None:
    owing, other = race.racers
    key = race.new_key(PLAIN)
    assert await race.all_read(key) == {1}
    owing.gate.out.hold()
    telling = asyncio.ensure_future(tell(owing, key))
    await owing.gate.out.until(b"EVALSHA")
    owing.gate.out.set_aside()
    assert not await telling
    await settled(owing, key)
    assert await at_commit(other, key)
    assert await race.all_read(key) == {3}
    owing.gate.out.let_late()
    await eventually(lambda: connections(race), lambda many: many == 2)
    loads = race.loads
    assert await race.all_read(key) == {3}
    assert race.loads <= loads + (tell is purge)


@pytest.mark.parametrize(("how", "step"), [("full", "FILL held"), ("replica", "TAKE held")])
async def test_a_server_that_refuses_writes_during_a_load_disturbs_no_caller(
    race: Race, server: RedisServer, how: str, step: str
) -> None:
    reader, other = race.racers
    key = race.new_key(PLAIN)
    await reader.cache._tier.learn_tags(PLAIN.tags(key.id))
    first = await reader.stand_at(step, key)
    async with server.admin() as admin:
        words = ("CONFIG", "SET", "maxmemory") if how == "full" else ("REPLICAOF",)
        off, on = (("1",), ("0",)) if how == "full" else (("127.0.0.1", "1"), ("NO", "ONE"))
        await say(admin, "CONFIG", "SET", "maxmemory-policy", "noeviction")
        await say(admin, *words, *off)
        joined = reader.begin(key)
        reader.go_on()
        assert [await first, await joined] == [1, 1]
        assert not await at_commit(other, key)
        assert await other.read(key) == 2
        await say(admin, *words, *on)
    await settled(other, key)
    await eventually(lambda: trusts(reader, key))
    race.clock.by_s += 21
    assert await race.all_read(key) == {2}
    assert await race.served(key) == {"2"}
    assert race.count(Outcome.LOAD_FAILED) == 0
