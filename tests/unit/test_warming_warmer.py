"""The warmer: a bounded start, rounds of one process, forecasts first, nothing twice."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.simloop import simulated
from support.warming import CALM, PLAN, TODAY, WarmingSite

from callboard.warming.budget import Rates, Strain
from callboard.warming.warmer import Started, Times

START = PLAN.at_start(["c1", "c2"], TODAY)
ROUND = PLAN.regular(["c1", "c2"], TODAY)
WIDE = Rates(most_per_s=1_000.0, burst=100)


def played(play: Callable[[WarmingSite], Coroutine[Any, Any, None]], **made: Any) -> None:
    """Play in simulated time."""
    simulated(lambda loop: play(WarmingSite(loop, **made)))


def test_a_start_loads_what_the_first_visitors_need() -> None:
    async def play(site: WarmingSite) -> None:
        site.kept = {START[0]}
        assert await site.warmer.at_start() == Started(len(START), 0, 0)
        assert sorted(site.paths) == sorted(START)
        assert site.most_at_a_time == site.rates.at_a_time
        assert (site.warmer.warmed, site.warmer.already_warm) == (len(START) - 1, 1)

    played(play)


def test_a_start_is_waited_for_so_long_and_no_longer() -> None:
    async def play(site: WarmingSite) -> None:
        started = await site.warmer.at_start()
        assert site.loop.time() == site.times.start_s
        assert started == Started(4, 0, len(START) - 4)
        assert site.warmer.waiting == len(START) - 4
        site.takes_s = 0.0
        await site.running(10)
        assert set(site.paths) == set(START)
        assert site.warmer.waiting == 0

    played(play, takes_s=3.0)


def test_a_start_does_not_fail_with_what_it_loads() -> None:
    async def play(site: WarmingSite) -> None:
        site.failing = {START[0], START[3]}
        with capture_logs() as logs:
            assert await site.warmer.at_start() == Started(len(START) - 2, 2, 0)
        assert [log["event"] for log in logs] == ["warming.failed"] * 2
        assert site.warmer.failed == 2

    played(play)


def test_active_campaigns_are_kept_warm_every_five_minutes() -> None:
    async def play(site: WarmingSite) -> None:
        site.leads = True
        await site.running(3_600)
        at = [second for second, path in site.asked if path == ROUND[2]]
        gaps = [later - earlier for earlier, later in pairwise(at)]
        assert 11 <= len(at) <= 14
        assert all(270 <= gap <= 332 for gap in gaps)
        assert len({round(gap) for gap in gaps}) > 3
        later = {path for second, path in site.asked if second > 60}
        assert later == set(ROUND)

    played(play)


def test_only_the_process_that_leads_does_it() -> None:
    async def play(site: WarmingSite) -> None:
        await site.running(1_000)
        assert site.paths == []
        site.leads = True
        task = site.loop.create_task(site.running(1_000))
        await asyncio.sleep(100)
        site.leads = False
        site.asked.clear()
        await task
        assert site.paths == []

    played(play)


def test_who_takes_the_lead_loads_everything_anew_at_once() -> None:
    async def play(site: WarmingSite) -> None:
        task = site.loop.create_task(site.running(200))
        await asyncio.sleep(100)
        site.leads, site.campaigns = True, ["c7"]
        await task
        wanted = {*PLAN.at_start(["c7"], TODAY), *PLAN.regular(["c7"], TODAY)}
        assert set(site.paths) == wanted
        assert len(site.paths) == len(wanted)
        assert site.asked[0][0] <= 101

    played(play)


def test_two_processes_do_not_begin_their_rounds_together() -> None:
    async def play(site: WarmingSite) -> None:
        site.leads = True
        other = WarmingSite(site.loop, times=Times(seed=2), leads=True)
        await asyncio.gather(site.running(400), other.running(400))
        mine, others = (
            next(second for second, _ in each.asked if second > 60) for each in (site, other)
        )
        assert abs(mine - others) > 1

    played(play)


def test_a_forecast_is_loaded_once() -> None:
    async def play(site: WarmingSite) -> None:
        warmer = site.warmer
        assert warmer.predicted(["/a", "/b", "/a"], 0.0) == 2
        assert warmer.predicted(["/b"], 0.0) == 0
        await site.running(1)
        assert site.paths == ["/a", "/b"]
        assert warmer.predicted(["/a"], site.loop.time()) == 0
        await asyncio.sleep(site.times.again_s)
        assert warmer.predicted(["/a"], site.loop.time()) == 1
        await site.running(1)
        assert site.paths == ["/a", "/b", "/a"]
        assert (warmer.warmed, warmer.already_warm) == (2, 1)

    played(play)


def test_what_is_being_loaded_is_not_loaded_again() -> None:
    async def play(site: WarmingSite) -> None:
        task = site.loop.create_task(site.running(9))
        site.warmer.predicted(["/a"], 0.0)
        await asyncio.sleep(1)
        assert site.at_a_time == 1
        assert site.warmer.predicted(["/a"], 1.0) == 0
        await task
        assert site.paths == ["/a"]

    played(play, takes_s=5.0)


def test_forecasts_go_before_the_round_and_waiting_is_not_work() -> None:
    async def play(site: WarmingSite) -> None:
        site.warmer._want_regular(ROUND)
        site.warmer.predicted(["/forecast"], 0.0)
        await site.running(1)
        assert site.paths[0] == "/forecast"
        assert set(site.paths) == {"/forecast", *ROUND}

    played(play)


def test_a_forecast_that_waited_too_long_is_dropped_and_a_round_is_not() -> None:
    async def play(site: WarmingSite) -> None:
        site.strain = Strain(0.0, 0, is_up=False)
        site.warmer.predicted(["/forecast"], 0.0)
        site.warmer._want_regular(["/round"])
        await asyncio.sleep(1)
        await site.running(60)
        assert site.paths == []
        site.strain = CALM
        await site.running(10)
        assert site.paths == ["/round"]
        assert site.warmer.dropped == 1

    played(play)


def test_the_queue_is_bounded_and_the_oldest_forecast_goes() -> None:
    async def play(site: WarmingSite) -> None:
        site.warmer.predicted([f"/{number}" for number in range(5)], 0.0)
        site.warmer._want_regular([f"/r{number}" for number in range(5)])
        assert site.warmer.waiting == 6
        assert site.warmer.dropped == 4
        await site.running(5)
        assert sorted(site.paths) == ["/2", "/3", "/4", "/r0", "/r1", "/r2"]

    played(play, times=Times(queue_max=3))


def test_a_load_that_hangs_or_fails_stops_nobody() -> None:
    async def play(site: WarmingSite) -> None:
        site.failing = {"/bad"}
        site.warmer.predicted(["/bad", "/good"], 0.0)
        await site.running(1)
        assert (site.warmer.failed, site.warmer.warmed) == (1, 1)
        site.takes_s = 3_600
        site.warmer.predicted(["/1", "/2", "/3", "/4", "/5"], 1.0)
        await site.running(site.times.load_s + 1)
        assert site.warmer.failed == 5
        assert site.paths[-1] == "/5"

    played(play, rates=WIDE)


def test_what_failed_may_be_foretold_again_at_once() -> None:
    async def play(site: WarmingSite) -> None:
        site.failing = {"/bad"}
        site.warmer.predicted(["/bad"], 0.0)
        await site.running(1)
        assert site.warmer.predicted(["/bad"], 1.0) == 1

    played(play)


def test_loads_are_timed_and_what_was_warm_is_not() -> None:
    async def play(site: WarmingSite) -> None:
        took: list[tuple[str, float]] = []
        site.warmer.on_done.append(lambda path, seconds: took.append((path, seconds)))
        site.kept = {"/kept"}
        asked_s = site.loop.time()
        await asyncio.sleep(0.5)
        site.warmer.predicted(["/kept", "/new"], asked_s)
        await site.running(1)
        ((path, seconds),) = took
        assert path == "/new"
        assert seconds == pytest.approx(0.01)
        assert site.warmer.latencies.at(0.5) == pytest.approx(510.0)

    played(play)


def test_the_memory_of_what_was_asked_is_bounded() -> None:
    async def play(site: WarmingSite) -> None:
        for number in range(20):
            site.warmer.predicted([f"/{number}"], site.loop.time())
            await site.running(0.5)
        assert len(site.warmer._asked) == 7
        assert len(site.paths) == 20

    played(play, times=replace(Times(), queue_max=7), rates=WIDE)
