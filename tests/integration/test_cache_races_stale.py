"""What may be served although it is old, and what may not: refreshes, windows, failing loaders."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace

import pytest
from support.racer import STEPS, Race, Racer, Servers, race_on, start_servers
from support.waiting import eventually

from callboard.cache import TEXT, Answer, Key, Keyspace, Outcome
from callboard.cache.scripts import TAKE

pytestmark = pytest.mark.engines

SOFT = Keyspace(
    name="s-soft",
    codec=TEXT,
    ttl_s=200,
    soft_ttl_s=30,
    lease_s=20,
    loader_timeout_s=20,
    tags=lambda id_: (f"soft-{id_}",),
)
CLOCKLESS = replace(SOFT, name="s-clockless", clocked=False)
WINDOW = Keyspace(
    name="s-window", codec=TEXT, ttl_s=200, coalesce_s=10, lease_s=20, loader_timeout_s=20
)
ERRING = Keyspace(
    name="s-erring",
    codec=TEXT,
    ttl_s=60,
    soft_ttl_s=30,
    stale_if_error_s=100,
    lease_s=20,
    loader_timeout_s=20,
)
GOING = ("flow", "in one", "trickle")

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
    return await racer.cache.invalidate_tag(f"soft-{key.id}", at=racer.truth.write(key.id))


async def purge_tag(racer: Racer, key: Key[str]) -> bool:
    racer.truth.write(key.id)
    return await racer.cache.invalidate_tag(f"soft-{key.id}")


TELLS = (at_commit, purge, put, by_tag, purge_tag)


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
    async with race_on(servers) as race:
        yield race


def said(answer: Answer[str]) -> tuple[str | None, bool]:
    """Return the value and whether it is marked."""
    return answer.value, answer.stale


# -- past the soft TTL ---------------------------------------------------------------------------


@pytest.mark.parametrize("own", [False, True], ids=["another tells", "the same tells"])
@pytest.mark.parametrize("tell", TELLS)
@pytest.mark.parametrize("step", STEPS[2:])
@pytest.mark.parametrize("space", [SOFT, CLOCKLESS], ids=lambda space: space.name)
async def test_a_write_told_during_a_refresh_is_never_answered_with_the_stale_value(
    race: Race, space: Keyspace[str], step: str, tell: Tell, own: bool
) -> None:
    reader, other = race.racers
    key = race.new_key(space)
    for racer in race.racers:
        await racer.remember(key)
    race.clock.by_s += 31
    assert said(await reader.refresh_at(step, key)) == ("1", True)
    way = GOING[STEPS.index(step) % 3]
    if own:
        telling = asyncio.ensure_future(tell(reader, key))
        await asyncio.sleep(0)
        reader.go_on(way)
        assert await telling
        later = [reader.begin(key), other.begin(key)]
    else:
        assert await tell(other, key)
        later = [other.begin(key)]
        reader.go_on(way)
        await reader.gate.emptied()
        later.append(reader.begin(key))
    assert await asyncio.gather(*later) == [2, 2]
    assert await race.all_read(key) == {2}
    assert await race.served(key) == {"2"}
    assert race.loads <= 4


async def test_two_processes_want_to_refresh_at_the_same_moment_and_one_does(race: Race) -> None:
    key = race.new_key(SOFT)
    for racer in race.racers:
        await racer.remember(key)
    race.clock.by_s += 31
    for racer in race.racers:
        assert said(await racer.refresh_at("TAKE held", key)) == ("1", True)
    race.truth.write(key.id)
    for racer in race.racers:
        racer.gate.release()
    reached = [asyncio.ensure_future(racer.before.reached.wait()) for racer in race.racers]
    done, waiting = await asyncio.wait(reached, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) == 1
    for racer in (*race.racers, *race.racers):
        assert said(await racer.answer(key)) == ("1", True), "everybody is served at once"
    for racer in race.racers:
        racer.go_on()
    for task in waiting:
        task.cancel()
    await eventually(lambda: race.all_read(key), lambda seen: seen == {2})
    assert race.loads == 2
    assert race.count(Outcome.REFRESHED) == 1


async def test_a_refresh_is_asked_for_once_and_not_at_every_hit(race: Race) -> None:
    reader, _ = race.racers
    key = race.new_key(SOFT)
    await reader.remember(key)
    race.clock.by_s += 31
    takes = reader.gate.out.log.count(TAKE.sha.encode())
    await reader.refresh_at("before the load reads", key)
    reader.gate.release()
    for _ in range(100):
        assert said(await reader.answer(key)) == ("1", True)
    assert reader.gate.out.log.count(TAKE.sha.encode()) == takes + 1


# -- a coalescing window -------------------------------------------------------------------------


async def test_a_window_opens_with_the_first_invalidation_and_is_not_prolonged_by_others(
    race: Race,
) -> None:
    reader, _ = race.racers
    key = race.new_key(WINDOW)
    await reader.remember(key)
    for _ in range(4):
        for teller in race.racers:  # by webhook and change stream, in either process
            assert await teller.cache.invalidate(key, at=race.truth.write(key.id))
            for racer in race.racers:
                assert said(await racer.answer(key)) == ("1", True)
        race.clock.by_s += 2.4
    assert race.loads == 1, "nothing is reloaded inside the window"
    race.clock.by_s += 0.5
    answers = await asyncio.gather(*(r.answer(key) for r in race.racers for _ in range(10)))
    assert {said(answer) for answer in answers} == {("9", False)}
    assert race.loads == 2, "and once when it ends"
    assert await race.all_read(key) == {9}


@pytest.mark.parametrize("step", STEPS[3:])
async def test_a_write_told_while_the_window_ends_is_in_the_value_after_the_next_window(
    race: Race, step: str
) -> None:
    reader, writer = race.racers
    key = race.new_key(WINDOW)
    assert await reader.read(key) == 1
    assert await at_commit(writer, key)
    race.clock.by_s += 10.1
    first = await reader.stand_at(step, key)
    assert await at_commit(writer, key)
    later = [writer.begin(key), reader.begin(key)]
    await asyncio.sleep(0)
    reader.go_on(GOING[STEPS.index(step) % 3])
    assert await first in (2, 3)
    for task in later:
        assert await task in (2, 3), "the value of the first window is over for good"
    race.clock.by_s += 10.1
    assert await race.all_read(key) == {3}
    assert await race.served(key) == {"3"}
    assert race.loads <= 3


@pytest.mark.parametrize("tell", [purge, put])
async def test_a_window_is_no_excuse_for_a_purge_nor_for_a_put(race: Race, tell: Tell) -> None:
    reader, writer = race.racers
    key = race.new_key(WINDOW)
    await reader.remember(key)
    assert await at_commit(writer, key)
    assert said(await reader.answer(key)) == ("1", True)
    assert await tell(writer, key)
    assert await race.all_read(key) == {3}


async def test_who_needs_the_write_is_not_given_the_value_of_the_window(race: Race) -> None:
    reader, writer = race.racers
    key = race.new_key(WINDOW)
    await reader.remember(key)
    at = race.truth.write(key.id)
    assert await writer.cache.invalidate(key, at=at)
    assert said(await reader.answer(key)) == ("1", True)
    assert await reader.read(key, at) == 2
    assert await race.all_read(key) == {2}
    assert race.loads == 2


# -- a failing loader ----------------------------------------------------------------------------


@pytest.mark.parametrize("after", ["soft", "hard", "told", "purged"])
@pytest.mark.parametrize("space", [ERRING, replace(ERRING, name="s-err", clocked=False)])
async def test_when_the_loader_fails_what_was_good_last_is_served_marked_and_not_for_ever(
    race: Race, space: Keyspace[str], after: str
) -> None:
    reader, writer = race.racers
    key = race.new_key(space)
    await reader.remember(key)
    for racer in race.racers:
        racer.broken = OSError("the database is away")
    race.clock.by_s += 31 if after == "soft" else 61 if after == "hard" else 1
    if after == "told":
        assert await at_commit(writer, key)
    elif after == "purged":
        assert await purge(writer, key)
    for racer in race.racers:
        assert said(await racer.answer(key)) == ("1", True)
    race.clock.by_s += 101 - race.clock.by_s
    for racer in race.racers:
        with pytest.raises(OSError, match="the database is away"):
            await racer.answer(key)
    version = race.truth.write(key.id) and race.truth.versions[key.id]
    for racer in race.racers:
        racer.broken = None
    assert await race.all_read(key) == {version}, "as soon as it works again"


async def test_neither_redis_nor_the_loader_answers_and_the_last_good_value_still_ages(
    race: Race,
) -> None:
    reader, _ = race.racers
    key = race.new_key(ERRING)
    await reader.remember(key)
    reader.broken = OSError("the database is away")
    await reader.gate.cut()
    for _ in range(9):
        race.clock.by_s += 11
        assert said(await reader.answer(key)) == ("1", True)
    race.clock.by_s += 11
    with pytest.raises(OSError, match="the database is away"):
        await reader.answer(key)


async def test_a_write_told_after_the_loader_failed_is_asked_for_at_once(race: Race) -> None:
    reader, writer = race.racers
    key = race.new_key(ERRING)
    await reader.remember(key)
    reader.broken = OSError("away")
    assert await at_commit(writer, key)
    assert said(await reader.answer(key)) == ("1", True)
    reader.broken = None
    assert said(await reader.answer(key)) == ("1", True), "it is left alone for a while"
    assert await at_commit(writer, key)
    assert said(await reader.answer(key)) == ("3", False)


@pytest.mark.parametrize("step", STEPS[3:6])
async def test_a_write_told_while_the_loader_fails_is_seen_when_it_works_again(
    race: Race, step: str
) -> None:
    reader, writer = race.racers
    key = race.new_key(ERRING)
    assert await reader.read(key) == 1
    assert await at_commit(writer, key)
    first = await reader.stand_at(step, key)
    assert await at_commit(writer, key)
    reader.broken = OSError("away")
    reader.go_on()
    assert await first == 1, "old and marked: better than an error"
    reader.broken = None
    assert await writer.read(key) == 3
    race.clock.by_s += 1.1  # the loader was left alone for so long
    assert await race.all_read(key) == {3}
