"""Every place an invalidation can fall into a miss, forced over TCP.

A reader stands still at each step; there a write is committed and told to the cache, by another
process or by its own; then all goes on, as it comes, in one segment, or a few bytes at a time.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from support.cluster import Cluster
from support.racer import STEPS, Race, Racer, Servers, race_on, start_servers

from callboard.cache import TEXT, Key, Keyspace, Outcome
from callboard.cache.scripts import TAKE

pytestmark = pytest.mark.engines

LONG = 20.0
"""No lease ends in these tests, whatever the machine is busy with."""


def of(id_: str) -> tuple[str, ...]:
    return (f"of-{id_}", "all")


PLAIN = Keyspace(name="r-plain", codec=TEXT, ttl_s=90, lease_s=LONG, loader_timeout_s=LONG)
TAGGED = Keyspace(
    name="r-tagged", codec=TEXT, ttl_s=90, lease_s=LONG, loader_timeout_s=LONG, tags=of
)
CLOCKLESS = Keyspace(
    name="r-clockless", codec=TEXT, ttl_s=90, lease_s=LONG, loader_timeout_s=LONG, clocked=False
)
CLOCKLESS_TAGGED = Keyspace(
    name="r-both",
    codec=TEXT,
    ttl_s=90,
    lease_s=LONG,
    loader_timeout_s=LONG,
    clocked=False,
    tags=of,
)

Tell = Callable[[Racer, Key[str]], Awaitable[bool]]


async def at_commit(racer: Racer, key: Key[str]) -> bool:
    return await racer.cache.invalidate(key, at=racer.truth.write(key.id))


async def twice(racer: Racer, key: Key[str]) -> bool:
    at = racer.truth.write(key.id)
    told = await asyncio.gather(*(racer.cache.invalidate(key, at=at) for _ in range(2)))
    return all(told)


async def purge(racer: Racer, key: Key[str]) -> bool:
    racer.truth.write(key.id)
    return await racer.cache.invalidate(key)


async def put(racer: Racer, key: Key[str]) -> bool:
    at = racer.truth.write(key.id)
    return await racer.cache.put(key, str(racer.truth.versions[key.id]), as_of=at)


async def put_late(racer: Racer, key: Key[str]) -> bool:
    """The put of an older write comes after the one of a newer."""
    older = racer.truth.commits
    at = racer.truth.write(key.id)
    done = await racer.cache.put(key, "2", as_of=at)
    assert not await racer.cache.put(key, "1", as_of=older)
    return done


async def by_tag(racer: Racer, key: Key[str]) -> bool:
    return await racer.cache.invalidate_tag(f"of-{key.id}", at=racer.truth.write(key.id))


async def purge_tag(racer: Racer, key: Key[str]) -> bool:
    racer.truth.write(key.id)
    return await racer.cache.invalidate_tag("all")


WAYS: list[tuple[Tell, Keyspace[str]]] = [
    (at_commit, PLAIN),
    (twice, PLAIN),
    (purge, PLAIN),
    (put, PLAIN),
    (put_late, PLAIN),
    (at_commit, TAGGED),
    (by_tag, TAGGED),
    (purge_tag, TAGGED),
    (at_commit, CLOCKLESS),
    (purge, CLOCKLESS),
    (put, CLOCKLESS),
    (by_tag, CLOCKLESS_TAGGED),
    (purge_tag, CLOCKLESS_TAGGED),
]
NAMES = [f"{tell.__name__}-{space.name}" for tell, space in WAYS]
GOING = ("flow", "in one", "trickle")


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


async def know_tags(racer: Racer, key: Key[str]) -> None:
    """Ask for the floors of a key's tags now, so that a read begins with its GET."""
    await racer.cache._tier.learn_tags(key.space.tags(key.id))


def loads_at_most(step: str, tell: Tell, space: Keyspace[str]) -> int:
    """Return how many loads a write told at a step may cost."""
    fenced_by_stamp = tell is not purge and tell is not purge_tag and space.clocked
    if STEPS.index(step) < (5 if fenced_by_stamp else 3):
        return 1
    return 2


@pytest.mark.parametrize(("tell", "space"), WAYS, ids=NAMES)
@pytest.mark.parametrize("step", STEPS)
async def test_a_write_told_by_another_process_is_seen_by_all_who_come_after_it(
    race: Race, step: str, tell: Tell, space: Keyspace[str]
) -> None:
    reader, writer = race.racers
    key = race.new_key(space)
    await know_tags(reader, key)
    way = GOING[STEPS.index(step) % 3]
    first = await reader.stand_at(step, key)

    assert await tell(writer, key)
    later, elsewhere = reader.begin(key), writer.begin(key)
    await asyncio.sleep(0)
    reader.go_on(way)

    assert await first in (1, 2), "it began before: either is right"
    assert await later == 2
    assert await elsewhere == 2
    assert await race.served(key) <= {"2"}
    assert await race.all_read(key) == {2}
    assert await race.served(key) == {"2"}
    assert race.loads <= loads_at_most(step, tell, space)


@pytest.mark.parametrize(("tell", "space"), WAYS, ids=NAMES)
@pytest.mark.parametrize("step", STEPS)
async def test_a_write_told_by_the_process_that_reads_is_seen_by_all_who_come_after_it(
    race: Race, step: str, tell: Tell, space: Keyspace[str]
) -> None:
    reader, _ = race.racers
    key = race.new_key(space)
    await know_tags(reader, key)
    way = GOING[STEPS.index(step) % 3]
    first = await reader.stand_at(step, key)

    telling = asyncio.ensure_future(tell(reader, key))
    await asyncio.sleep(0)
    joining = reader.begin(key)
    await asyncio.sleep(0)
    reader.go_on(way)

    assert await telling
    later = [racer.begin(key) for racer in race.racers]
    assert await asyncio.gather(*later) == [2, 2]
    assert await first in (1, 2)
    assert await joining in (1, 2), "nobody had been told yet when it began"
    assert await race.all_read(key) == {2}
    assert await race.served(key) == {"2"}
    assert race.loads <= max(2, loads_at_most(step, tell, space))


@pytest.mark.parametrize("way", GOING)
@pytest.mark.parametrize("step", STEPS)
async def test_webhook_and_change_stream_tell_of_one_write_in_two_processes(
    race: Race, step: str, way: str
) -> None:
    reader, writer = race.racers
    key = race.new_key(PLAIN)
    first = await reader.stand_at(step, key)
    at = race.truth.write(key.id)
    webhook = asyncio.ensure_future(reader.cache.invalidate(key, at=at))
    assert await writer.cache.invalidate(key, at=at)
    elsewhere = writer.begin(key)
    await asyncio.sleep(0)
    reader.go_on(way)
    assert await webhook
    assert await reader.read(key) == await elsewhere == 2
    assert await first in (1, 2)
    assert await race.all_read(key) == {2}
    assert race.loads <= loads_at_most(step, at_commit, PLAIN)


@pytest.mark.parametrize("step", STEPS)
async def test_who_needs_a_write_gets_it_although_nobody_told_of_it(race: Race, step: str) -> None:
    reader, writer = race.racers
    key = race.new_key(PLAIN)
    first = await reader.stand_at(step, key)
    at = race.truth.write(key.id)
    needing = [racer.begin(key, at) for racer in race.racers]
    await asyncio.sleep(0)
    reader.go_on(GOING[STEPS.index(step) % 3])
    assert await asyncio.gather(*needing) == [2, 2]
    assert await first in (1, 2)
    assert await writer.read(key) == 2, "what was loaded for it replaced what was older"
    assert race.loads <= loads_at_most(step, at_commit, PLAIN)


@pytest.mark.parametrize("way", GOING)
@pytest.mark.parametrize("step", STEPS[5:])
async def test_tags_known_only_from_the_value_are_fenced_like_the_others(
    race: Race, step: str, way: str
) -> None:
    reader, writer = race.racers
    key = race.new_key(TAGGED)
    reader.tags = writer.tags = (f"found-{key.id}",)
    await know_tags(reader, key)
    await reader.cache._tier.learn_tags(reader.tags)
    first = await reader.stand_at(step, key)
    assert await writer.cache.invalidate_tag(reader.tags[0], at=race.truth.write(key.id))
    later, elsewhere = reader.begin(key), writer.begin(key)
    await asyncio.sleep(0)
    reader.go_on(way)
    assert await first == 1, "it had been read before the write"
    assert [await later, await elsewhere] == [2, 2]
    assert await race.all_read(key) == {2}
    assert race.loads == 2


@pytest.mark.parametrize("way", GOING)
@pytest.mark.parametrize("held", ["asked", "answered"])
async def test_a_tag_told_of_while_its_floor_is_being_asked_for_holds(
    race: Race, held: str, way: str
) -> None:
    reader, writer = race.racers
    key = race.new_key(TAGGED)
    tag = f"of-{key.id}"
    assert await writer.read(key) == 1
    reader.gate.hold()
    first = reader.begin(key)
    await reader.gate.out.until(key.raw)  # the value, which names its tags
    reader.gate.out.let_through()
    await reader.gate.back.until(b"of-")
    reader.gate.back.let_through()
    await reader.gate.out.until(b"#" + tag.encode())
    if held == "answered":
        reader.gate.out.let_through()
        await reader.gate.back.until(b"_\r\n")
    assert await writer.cache.invalidate_tag(tag, at=race.truth.write(key.id))
    later = reader.begin(key)
    await asyncio.sleep(0)
    reader.go_on(way)
    assert await later == 2
    assert await first in (1, 2)
    assert await race.all_read(key) == {2}
    assert race.loads == 2


@pytest.mark.parametrize("space", [TAGGED, CLOCKLESS_TAGGED], ids=lambda space: space.name)
async def test_a_value_rejected_for_its_tags_is_loaded_once_for_all_processes(
    race: Race, space: Keyspace[str]
) -> None:
    one, other = race.racers
    key = race.new_key(space)
    assert await race.all_read(key) == {1}
    assert await one.cache.invalidate_tag("all")
    await know_tags(one, key)
    await know_tags(other, key)
    other.gate.out.hold()
    late = other.begin(key)
    await other.gate.out.until(b"GET\r\n")
    other.gate.out.let_through()
    await other.gate.out.until(TAKE.sha.encode())  # it has rejected the value
    assert await one.read(key) == 1
    other.go_on()
    assert await late == 1
    assert race.loads == 2


async def test_one_write_told_twice_costs_one_load_and_no_second_push(race: Race) -> None:
    reader, writer = race.racers
    key = race.new_key(PLAIN)
    await reader.remember(key)
    for version in range(2, 8):
        at = race.truth.write(key.id)
        assert await writer.cache.invalidate(key, at=at)
        assert await race.all_read(key) == {version}
        await reader.remember(key)
        pushed = (len(reader.gate.back.log), reader.count(Outcome.PUSHED))
        assert await writer.cache.invalidate(key, at=at)
        assert await writer.cache.invalidate(key, at=at - 1), "an older one is told late"
        assert reader.in_memory(key) == str(version)
        assert (len(reader.gate.back.log), reader.count(Outcome.PUSHED)) == pushed
        assert await race.all_read(key) == {version}
    assert race.loads == 7
    assert race.count(Outcome.UNCHANGED) == 12


async def test_the_cluster_is_reached_through_the_gate_alone(race: Race, servers: Servers) -> None:
    if not isinstance(servers, Cluster):
        pytest.skip("one server has no map")
    reader, _ = race.racers
    for _ in range(20):
        await reader.read(race.new_key(PLAIN))
    own = {link.address[1] for link in reader.cache._transport._links.values()}  # type: ignore[attr-defined]  # ours
    assert len(own) == 3
    assert not own & set(servers.ports)
