"""Single flight: who may join, what each caller gets, and what a cancelled one disturbs."""

import asyncio
from typing import Any

import pytest
from support.memory_site import Site, on_site

from callboard.cache import JSON, TEXT, Answer, Keyspace, Source, TierUnavailable
from callboard.cache.entry import NO_TOKEN
from callboard.cache.flight import Bells, Flight, Flights

LISTS = Keyspace(name="lists", codec=JSON, ttl_s=60)
TEXTS = Keyspace(name="texts", codec=TEXT, ttl_s=60)


def answer(value: Any) -> Answer[Any]:
    """Return an answer."""
    return Answer(value, 1, False, Source.LOADER)


# -- the parts ------------------------------------------------------------------------------


async def test_everybody_gets_a_value_of_his_own_where_it_could_be_changed() -> None:
    flight = Flight(b"k", 0)
    waiting = [flight.join() for _ in range(3)]
    flight.land(answer([1]), JSON)
    values: list[Any] = [future.result().value for future in waiting]
    values[0].append(2)
    assert values[1:] == [[1], [1]]


async def test_one_who_waits_alone_and_values_nobody_can_change_are_not_copied() -> None:
    mine = [1]
    flight = Flight(b"k", 0)
    alone, gone = flight.join(), flight.join()
    gone.cancel()
    flight.land(answer(mine), JSON)
    assert alone.result().value is mine
    flight = Flight(b"k", 0)
    both = [flight.join(), flight.join()]
    text = "text" * 10
    flight.land(answer(text), TEXT)
    assert all(future.result().value is text for future in both)


async def test_a_crash_reaches_whoever_still_waits() -> None:
    flight = Flight(b"k", 0)
    gone, waiting = flight.join(), flight.join()
    gone.cancel()
    flight.crash(KeyError("x"))
    with pytest.raises(KeyError):
        await waiting


def test_the_entry_tells_who_may_join() -> None:
    flight = Flight(b"k", 0)
    assert flight.fits(NO_TOKEN, 0), "it has not asked for the lease yet: it will see all"
    flight.token, flight.floor = b"token--1", 5
    assert flight.fits(b"token--1", 5)
    assert not flight.fits(b"token--1", 6), "invalidated since"
    assert not flight.fits(b"token--2", 5), "the lease is another's"
    assert not flight.fits(NO_TOKEN, 0), "the lease was voided"
    flight.decided = True
    assert not flight.fits(b"token--1", 5), "what it found is older than this look"


async def test_who_needs_more_than_a_flight_brings_begins_another() -> None:
    flights = Flights()
    low = flights.begin(b"k", 5)
    assert flights.of(b"k", 5) is low
    assert flights.of(b"k", 6) is None
    high = flights.begin(b"k", 9)
    flights.end(low)
    assert flights.of(b"k", 6) is high
    flights.detach(b"k")
    flights.detach(b"k")
    assert flights.of(b"k", 0) is None
    flights.begin(b"k", 0)
    flights.detach_all()
    assert flights.of(b"k", 0) is None


async def test_closing_cancels_what_is_under_way() -> None:
    flights = Flights()
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    flights.spawn(work())
    await asyncio.sleep(0)
    assert len(flights) == 1
    await flights.close()
    assert ended.is_set()
    assert len(flights) == 0


async def test_a_bell_rings_for_its_key_and_is_taken_down() -> None:
    bells = Bells()
    mine, other = bells.hang(b"a"), bells.hang(b"b")
    bells.ring(b"a")
    bells.ring(b"unknown")
    assert mine.done()
    assert not other.done()
    bells.ring(b"a")
    bells.ring_all()
    assert other.done()
    for raw, bell in ((b"a", mine), (b"b", other), (b"b", other)):
        bells.take_down(raw, bell)
    assert bells._hung == {}


# -- in the cache ---------------------------------------------------------------------------


@on_site
async def test_many_readers_are_one_load_and_each_has_a_list_of_his_own(site: Site) -> None:
    key, load = LISTS.key("1"), site.loader([1], 10, takes_s=0.1)
    caches = [site.a.cache, site.b.cache] * 10
    answers = await asyncio.gather(*(cache.get_or_load(key, load) for cache in caches))
    assert site.loads == 1
    assert {answer.as_of for answer in answers} == {10}
    for found in answers:
        assert found.value == [1]
        found.value.append("mine")
    again = await site.a.cache.get_or_load(key, load)
    assert again.value == [1]


@on_site
async def test_whoever_is_cancelled_takes_nobody_along(site: Site) -> None:
    key, load = TEXTS.key("1"), site.loader("x", 10, takes_s=0.1)
    readers = [asyncio.ensure_future(site.a.cache.get_or_load(key, load)) for _ in range(5)]
    await asyncio.sleep(0.05)
    for reader in (readers[0], readers[3]):
        reader.cancel()
    done = await asyncio.gather(*readers, return_exceptions=True)
    assert [isinstance(it, asyncio.CancelledError) for it in done] == [1, 0, 0, 1, 0]
    assert site.loads == 1


@on_site
async def test_a_load_nobody_waits_for_any_more_still_fills(site: Site) -> None:
    key = TEXTS.key("1")
    reader = asyncio.ensure_future(
        site.a.cache.get_or_load(key, site.loader("x", 10, takes_s=0.1))
    )
    await asyncio.sleep(0.05)
    reader.cancel()
    await asyncio.sleep(0.2)
    found = await site.b.cache.get(key)
    assert found is not None
    assert found.value == "x"


@on_site
async def test_a_reader_after_an_invalidation_does_not_join_the_load_from_before(
    site: Site,
) -> None:
    key = TEXTS.key("1")
    before = asyncio.ensure_future(
        site.a.cache.get_or_load(key, site.loader("old", 10, takes_s=0.2))
    )
    await asyncio.sleep(0.1)
    assert await site.b.cache.invalidate(key, at=15)
    after = await site.a.cache.get_or_load(key, site.loader("new", 20))
    assert (after.value, (await before).value) == ("new", "old")
    assert site.floors == [0, 15]
    found = await site.b.cache.get(key)
    assert found is not None
    assert found.value == "new"


@on_site
async def test_closing_tells_those_who_wait_and_gives_the_lease_back(site: Site) -> None:
    key = TEXTS.key("1")
    other = await site.open()
    waiting = asyncio.ensure_future(
        other.cache.get_or_load(key, site.loader("x", 10, takes_s=1.0))
    )
    await asyncio.sleep(0.1)
    began_s = site.loop.time()
    await other.cache.close()
    with pytest.raises(TierUnavailable, match="closed"):
        await waiting
    found = await site.a.cache.get_or_load(key, site.loader("y", 20))
    assert found.value == "y"
    assert site.loop.time() - began_s < TEXTS.lease_s / 2
