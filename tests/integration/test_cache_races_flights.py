"""Single flight and leases: one load for everybody, whoever is cancelled, late, wrong or dead."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from support.racer import STEPS, Race, Racer, Servers, race_on, start_servers
from support.redis_servers import say
from support.waiting import eventually

from callboard.cache import TEXT, Key, Keyspace, LoadTimeout, Outcome, Source
from callboard.cache.scripts import FILL, RELEASE, RENEW, TAKE

pytestmark = pytest.mark.engines

PLAIN = Keyspace(name="f-plain", codec=TEXT, ttl_s=90, lease_s=20, loader_timeout_s=20)
CLOCKLESS = replace(PLAIN, name="f-clockless", clocked=False)
SPACES = (PLAIN, CLOCKLESS)
NAMED = [space.name for space in SPACES]
GOING = ("flow", "in one", "trickle")


@pytest.fixture(scope="module", params=["valkey", "redis7"])
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    servers = asyncio.run(start_servers(request.param, tmp_path_factory.mktemp(request.param)))
    yield servers
    asyncio.run(servers.stop())


@pytest.fixture
async def race(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Race]:
    monkeypatch.setattr("callboard.cache.engine._BEAT_S", 1_000)  # it would be held as well
    async with race_on(servers, processes=3) as race:
        yield race


def sent(racer: Racer, sha: str) -> int:
    """Return how often a process ran a script."""
    return racer.gate.out.log.count(sha.encode())


async def trusts(racer: Racer, key: Key[str]) -> bool:
    return racer.cache.trusts(key)


# -- cancelled -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["first", "later", "all but one", "all"])
@pytest.mark.parametrize("step", STEPS)
async def test_who_is_cancelled_takes_nobody_along_and_the_load_is_done_once(
    race: Race, step: str, who: str
) -> None:
    reader, other, _ = race.racers
    key = race.new_key(PLAIN)
    waiting = [await reader.stand_at(step, key)]
    waiting += [reader.begin(key) for _ in range(4)] + [other.begin(key) for _ in range(3)]
    for _ in range(3):
        await asyncio.sleep(0)
    spared = {"first": range(1, 8), "later": (0, 1, 2, 4, 6), "all but one": (5,), "all": ()}[who]
    for number, task in enumerate(waiting):
        if number not in spared:
            task.cancel()
    await asyncio.sleep(0)
    reader.go_on(GOING[STEPS.index(step) % 3])
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert [result for result in done if isinstance(result, int)] == [1] * len(spared)
    assert await race.all_read(key) == {1}
    assert race.loads == 1


# -- joining -------------------------------------------------------------------------------------


@pytest.mark.parametrize("tell", ["at", "purge"])
@pytest.mark.parametrize("space", SPACES, ids=NAMED)
async def test_who_comes_after_an_invalidation_does_not_join_the_load_it_overtook(
    race: Race, space: Keyspace[str], tell: str
) -> None:
    reader, _, third = race.racers
    key = race.new_key(space)
    reader.after.arm()
    doomed = reader.begin(key)
    await reader.after.reached.wait()
    at = race.truth.write(key.id)
    assert await reader.cache.invalidate(key, at=at if tell == "at" else None)
    later, elsewhere = reader.begin(key), third.begin(key)
    if tell == "purge" or not space.clocked:  # the lease went with it: nobody waits for it
        assert [await later, await elsewhere] == [2, 2]
        assert not doomed.done()
    reader.go_on()
    assert [await later, await elsewhere] == [2, 2]
    assert await doomed == 1
    assert await race.all_read(key) == {2}
    assert race.loads == 2


async def test_who_needs_more_than_is_being_loaded_does_not_join(race: Race) -> None:
    reader, _, _ = race.racers
    key = race.new_key(PLAIN)
    reader.after.arm()
    old = reader.begin(key)
    await reader.after.reached.wait()
    needing = reader.begin(key, race.truth.write(key.id))
    reader.go_on()
    assert await needing == 2
    assert await old == 1
    assert await race.all_read(key) == {2}
    assert race.loads == 2


async def test_twenty_callers_in_each_of_two_processes_cause_one_load_and_few_commands(
    race: Race,
) -> None:
    one, other, _ = race.racers
    key = race.new_key(PLAIN)
    one.after.arm()
    other.after.arm()
    waiting = [racer.begin(key) for racer in (one, other) for _ in range(20)]
    reached = [asyncio.ensure_future(r.after.reached.wait()) for r in (one, other)]
    done, _ = await asyncio.wait(reached, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) == 1
    await asyncio.wait(waiting, timeout=0.3)  # six looks of the net
    one.go_on()
    other.go_on()
    assert set(await asyncio.gather(*waiting)) == {1}
    for task in reached:
        task.cancel()
    assert race.loads == 1
    assert sum(sent(racer, TAKE.sha) for racer in (one, other)) <= 2 + 1 + 7
    assert sum(sent(racer, FILL.sha) for racer in (one, other)) == 1
    assert all(racer.gate.out.log.count(b"GET\r\n") <= 20 for racer in (one, other))


@pytest.mark.parametrize("way", GOING)
@pytest.mark.parametrize("held", ["TAKE held", "TAKE answered", "waiting"])
async def test_the_push_of_the_fill_wakes_who_waits_in_the_other_process(
    race: Race, held: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callboard.cache.loading._POLL_S", 1_000)  # without the net
    loading, waiter, _ = race.racers
    key = race.new_key(PLAIN)
    loading.after.arm()
    first = loading.begin(key)
    await loading.after.reached.wait()
    waiter.gate.hold()
    second = waiter.begin(key)
    await waiter.gate.out.until(b"GET\r\n")
    waiter.gate.out.let_through()
    await waiter.gate.back.until()
    waiter.gate.back.let_through()
    await waiter.gate.out.until(TAKE.sha.encode())
    if held != "TAKE held":
        waiter.gate.out.let_through()
        await waiter.gate.back.until(b"$1\r\nB\r\n")
    if held == "waiting":
        waiter.gate.release()
        await asyncio.wait([second], timeout=0.02)
    loading.go_on()
    assert await first == 1
    if held != "waiting":
        await waiter.gate.back.until(b"invalidate")
    waiter.go_on(way)
    async with asyncio.timeout(3):
        assert await second == 1
    assert sent(waiter, TAKE.sha) <= 2
    assert race.loads == 1


# -- errors --------------------------------------------------------------------------------------


async def test_an_error_reaches_all_who_wait_in_the_process_and_others_load_themselves(
    race: Race,
) -> None:
    reader, other, _ = race.racers
    key = race.new_key(PLAIN)
    reader.broken = ValueError("odd")
    reader.after.arm()
    waiting = [reader.begin(key) for _ in range(5)]
    await reader.after.reached.wait()
    elsewhere = [other.begin(key) for _ in range(5)]
    await asyncio.wait(elsewhere, timeout=0.02)
    reader.go_on()
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert [repr(error) for error in errors] == ["ValueError('odd')"] * 5
    assert await asyncio.gather(*elsewhere) == [1] * 5
    assert (reader.loads, other.loads) == (1, 1)


async def test_after_an_error_the_next_call_loads_again(race: Race) -> None:
    reader, _, _ = race.racers
    key = race.new_key(PLAIN)
    reader.broken = ValueError("odd")
    for _ in range(2):
        with pytest.raises(ValueError, match="odd"):
            await reader.read(key)
    reader.broken = None
    assert await race.all_read(key) == {1}
    assert race.loads == 3


async def test_a_loader_that_hangs_is_cancelled_and_gives_its_lease_back(race: Race) -> None:
    reader, other, _ = race.racers
    hasty = replace(PLAIN, name="f-hasty", loader_timeout_s=0.1)
    key = race.new_key(hasty)
    reader.before.arm()
    waiting = [reader.begin(key) for _ in range(3)]
    await reader.before.reached.wait()
    elsewhere = other.begin(key)
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    # 1: the other process filled before this one looked for something to serve instead.
    assert all(error == 1 or isinstance(error, LoadTimeout) for error in errors), errors
    assert await elsewhere == 1
    assert (reader.loads, other.loads) == (1, 1)


@pytest.mark.parametrize("space", SPACES, ids=NAMED)
@pytest.mark.parametrize("newer", ["told", "not told"])
async def test_a_fill_that_comes_after_its_lease_has_ended_does_not_replace_what_came_meanwhile(
    race: Race, space: Keyspace[str], newer: str
) -> None:
    slow, other, _ = race.racers
    key = race.new_key(space)
    first = await slow.stand_at("FILL held", key)
    at = race.truth.write(key.id)
    if newer == "told":
        assert await other.cache.invalidate(key, at=at)
    race.clock.by_s += 21
    assert await other.read(key) == 2, "the lease has ended: it takes over"
    slow.go_on()
    assert await first == 1
    assert slow.count(Outcome.REFUSED) == 1
    assert await race.all_read(key) == {2}
    assert await race.served(key) == {"2"}
    assert race.loads == 2


@pytest.mark.parametrize("step", STEPS[3:])
@pytest.mark.parametrize("space", SPACES, ids=NAMED)
async def test_the_lease_of_a_process_that_is_killed_ends_and_another_takes_over(
    race: Race, space: Keyspace[str], step: str
) -> None:
    dying, other, third = race.racers
    key = race.new_key(space)
    first = await dying.stand_at(step, key)
    waiting = [other.begin(key), third.begin(key)]
    await asyncio.wait(waiting, timeout=0.02)
    await dying.gate.cut()
    race.clock.by_s += 21
    assert await asyncio.gather(*waiting) == [1, 1]
    assert other.loads + third.loads == (0 if step == "FILL answered" else 1)
    dying.go_on()
    assert await first == 1, "what it loads without Redis is given to who waits"


@pytest.mark.parametrize("what", ["renewal", "release"])
async def test_who_lost_its_lease_neither_prolongs_nor_ends_that_of_another(
    race: Race, what: str
) -> None:
    slow, other, third = race.racers
    key = race.new_key(replace(PLAIN, name="f-renewed", lease_s=0.3))
    first = await slow.stand_at("before the load reads", key)
    await slow.gate.out.until(RENEW.sha.encode())  # 0.1 s after it began; not executed
    slow.broken = ValueError("odd")
    other.before.arm()
    race.clock.by_s += 1
    second = other.begin(key)
    await other.before.reached.wait()
    if what == "release":
        slow.before.pass_on()
        slow.after.pass_on()
        await slow.gate.out.until(RELEASE.sha.encode())
    slow.go_on()
    with pytest.raises(ValueError, match="odd"):
        await first
    third_one = third.begin(key)
    await asyncio.wait([third_one], timeout=0.1)
    assert third.loads == 0, "the second lease holds"
    other.go_on()
    assert [await second, await third_one] == [1, 1]
    assert race.loads == 2


async def test_a_lease_is_renewed_for_as_long_as_its_loader_lives(race: Race) -> None:
    slow, other, _ = race.racers
    key = race.new_key(replace(PLAIN, name="f-long", lease_s=0.2))
    slow.before.arm()
    first = slow.begin(key)
    await slow.before.reached.wait()
    second = other.begin(key)
    await asyncio.wait([second], timeout=0.6)
    assert not second.done()
    assert sent(slow, RENEW.sha) >= 2
    slow.go_on()
    assert [await first, await second] == [1, 1]
    assert race.loads == 1


# -- an entry that goes away under a load --------------------------------------------------------


@pytest.mark.parametrize("others", ["nobody", "another loads", "another has loaded"])
@pytest.mark.parametrize("step", STEPS[3:7])
@pytest.mark.parametrize("space", SPACES, ids=NAMED)
async def test_a_floor_evicted_during_a_load_lets_nothing_old_in(
    race: Race, space: Keyspace[str], step: str, others: str
) -> None:
    reader, writer, third = race.racers
    key = race.new_key(space)
    first = await reader.stand_at(step, key)
    assert await writer.cache.invalidate(key, at=race.truth.write(key.id))
    async with await race.admin(key) as admin:
        assert await say(admin, "DEL", key.raw) == 1
    elsewhere = None
    if others == "another loads":
        third.after.arm()
        elsewhere = third.begin(key)
        await third.after.reached.wait()
    elif others == "another has loaded":
        assert await third.read(key) == 2
    reader.go_on()
    assert await first in (1, 2)
    assert await race.served(key) <= {"2"}
    third.go_on()
    assert elsewhere is None or await elsewhere == 2
    assert reader.count(Outcome.REFUSED) == 1
    assert await race.all_read(key) == {2}
    assert race.loads == 2


async def test_a_cache_that_is_closed_lets_go_of_everybody_and_of_its_lease(race: Race) -> None:
    reader, other, _ = race.racers
    key = race.new_key(PLAIN)
    reader.before.arm()
    waiting = [reader.begin(key) for _ in range(3)]
    await reader.before.reached.wait()
    elsewhere = other.begin(key)
    await asyncio.wait([elsewhere], timeout=0.02)
    await reader.cache.close()
    assert await elsewhere == 1
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, Exception) for result in results)
    await eventually(lambda: trusts(other, key))
    assert (await other.answer(key)).source in (Source.L1, Source.L2)
