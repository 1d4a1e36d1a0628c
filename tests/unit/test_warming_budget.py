"""The budget: halved under strain, back step by step, nothing while an engine is away."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from support.simloop import SimClock, SimLoop, simulated
from support.warming import CALM

from callboard.warming.budget import Budget, LoopLag, Rates, Strain

LAGGING, CROWDED, AWAY = (
    Strain(0.2, 0, is_up=True),
    Strain(0.0, 50, is_up=True),
    Strain(0.0, 0, is_up=False),
)
RATES = Rates(most_per_s=16.0, least_per_s=1.0, more_per_s=2.0, burst=4, at_a_time=4)


class Site:
    """A budget, a strain that can be set, and somebody who always has something to load."""

    def __init__(self, loop: SimLoop) -> None:
        self.loop = loop
        self.strain = CALM
        self.clock = SimClock(loop)
        self.budget = Budget(lambda: self.strain, self.clock, RATES)
        self.takes_s = 0.0
        self.begun: list[float] = []
        self.most = 0

    async def loading(self, seconds: float, workers: int = 8) -> int:
        """Load as much as may be for a while; return how much."""
        before = len(self.begun)

        async def work() -> None:
            while True:
                async with self.budget.turn():
                    self.begun.append(self.loop.time())
                    self.most = max(self.most, self.budget.running)
                    await asyncio.sleep(self.takes_s)

        tasks = [self.loop.create_task(work()) for _ in range(workers)]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return len(self.begun) - before


def played(play: Callable[[Site], Coroutine[Any, Any, None]]) -> None:
    """Play in simulated time."""
    simulated(lambda loop: play(Site(loop)))


def test_a_burst_then_the_rate() -> None:
    async def play(site: Site) -> None:
        assert await site.loading(0.01) == RATES.burst
        assert 60 <= await site.loading(4) <= 65

    played(play)


def test_strain_halves_the_rate_and_calm_brings_it_back_step_by_step() -> None:
    async def play(site: Site) -> None:
        for strain in (LAGGING, CROWDED):
            site.strain = strain
            rates = []
            for _ in range(6):
                await asyncio.sleep(RATES.look_every_s)
                site.budget.look()
                rates.append(site.budget.per_s)
            assert rates == [8.0, 4.0, 2.0, 1.0, 1.0, 1.0]
            assert site.budget.price_ms == RATES.price_ms * 16
            site.strain = CALM
            for more in (3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 16.0, 16.0):
                await asyncio.sleep(RATES.look_every_s)
                site.budget.look()
                assert site.budget.per_s == more
            assert site.budget.price_ms == RATES.price_ms

    played(play)


def test_bounds_are_not_strain() -> None:
    async def play(site: Site) -> None:
        site.strain = Strain(RATES.lag_max_s, RATES.waiting_max, is_up=True)
        await asyncio.sleep(1)
        site.budget.look()
        assert site.budget.per_s == RATES.most_per_s

    played(play)


def test_it_yields_while_people_wait() -> None:
    async def play(site: Site) -> None:
        await site.loading(1)
        site.strain = CROWDED
        await site.loading(4)
        assert await site.loading(10) <= 11

    played(play)


def test_nothing_is_loaded_while_an_engine_is_away() -> None:
    async def play(site: Site) -> None:
        site.strain = AWAY
        await asyncio.sleep(1)
        assert await site.loading(60) == 0
        assert site.budget.paused
        assert site.budget.price_ms == float("inf")
        site.strain = CALM
        assert await site.loading(5) > 5
        assert not site.budget.paused

    played(play)


def test_an_hour_away_saves_up_nothing() -> None:
    async def play(site: Site) -> None:
        await site.loading(1)
        site.strain = AWAY
        await asyncio.sleep(1)
        site.budget.look()
        await asyncio.sleep(3600)
        site.budget.look()
        site.strain = CALM
        assert await site.loading(RATES.look_every_s * 1.5) <= 2

    played(play)


def test_so_many_at_a_time_and_fewer_under_strain() -> None:
    async def play(site: Site) -> None:
        site.takes_s = 30
        await site.loading(60)
        assert site.most == RATES.at_a_time
        site.most, site.strain = 0, LAGGING
        await asyncio.sleep(10)
        await site.loading(60)
        assert site.most <= 2
        assert site.budget.running == 0

    played(play)


def test_a_load_that_fails_gives_its_place_back() -> None:
    async def play(site: Site) -> None:
        for _ in range(3 * RATES.at_a_time):
            with pytest.raises(ZeroDivisionError):
                async with site.budget.turn():
                    assert site.budget.running / 0
            assert site.budget.running == 0

    played(play)


def test_the_loops_lag_is_seen_and_forgotten() -> None:
    async def play(loop: SimLoop) -> None:
        lag = LoopLag(SimClock(loop))
        assert lag.seconds == 0.0
        task = loop.create_task(lag.run())
        await asyncio.sleep(0.25)
        assert lag.seconds < 0.001
        loop.advance(0.5)
        await asyncio.sleep(0.15)
        assert lag.seconds > 0.3
        await asyncio.sleep(1.5)
        assert lag.seconds < 0.001
        task.cancel()

    simulated(play)


def test_an_hour_of_calm_saves_up_no_more_than_a_burst() -> None:
    async def play(site: Site) -> None:
        await site.loading(1)
        await asyncio.sleep(3600)
        assert await site.loading(0.01) == RATES.burst

    played(play)
