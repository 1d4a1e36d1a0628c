"""How right forecasts were: precision, recall and latency, scored as it goes."""

import asyncio
import math
from dataclasses import replace

import pytest
from support.warming import WarmingSite, habit, played

from callboard.warming.pages import Page
from callboard.warming.predictive import Thresholds
from callboard.warming.statistics import Latencies

CALLS = "/api/calls?limit=50"
CONTACTS = "/api/campaigns/{}/contacts".format
DETAILS = "/api/campaigns/{}".format


def test_precision_recall_and_latency_are_scored_as_it_goes() -> None:
    async def play(site: WarmingSite) -> None:
        predictor = site.predictor
        predictor.opened("ann", "campaign/c1")
        stats = predictor.stats()
        foretold = set(predictor._visits["ann"].hopes)
        assert foretold == {Page("campaign/*/contacts", "c1"), Page("campaign/*/calls", "c1")}
        assert (stats.predicted, stats.precision, stats.recall) == (2, None, None)
        await asyncio.sleep(30)
        predictor.opened("bob", "campaign/c1/contacts")
        predictor.opened("ann", "campaign/c1/contacts")
        stats = predictor.stats()
        assert (stats.hits, stats.misses, stats.opened, stats.foreseen) == (1, 0, 1, 1)
        predictor.opened("ann", "system")
        predictor.opened("ann", "calls")
        stats = predictor.stats()
        # `system` reads nothing that can be warmed; nobody had foretold `calls`.
        assert (stats.opened, stats.foreseen) == (2, 1)
        assert stats.recall == 0.5
        await asyncio.sleep(100)
        stats = predictor.stats()
        assert stats.hits == 1
        assert stats.hits + stats.misses == stats.predicted
        assert stats.precision == 1 / stats.predicted

    played(play)


@pytest.mark.parametrize(("after_s", "hits"), [(59, 1), (61, 0)])
def test_a_forecast_counts_for_a_minute(after_s: float, hits: int) -> None:
    async def play(site: WarmingSite) -> None:
        site.predictor.opened("ann", "campaign/c1")
        await asyncio.sleep(after_s)
        site.predictor.opened("ann", "campaign/c1/contacts")
        assert site.predictor.stats().hits == hits
        assert site.predictor.stats().foreseen == hits
        assert site.predictor.stats().opened == 1

    played(play)


def test_latency_is_from_the_page_until_it_is_warm() -> None:
    async def play(site: WarmingSite) -> None:
        site.predictor.opened("ann", "campaign/c1")
        await site.running(2)
        stats = site.predictor.stats()
        assert stats.latency_p50_ms == pytest.approx(40, abs=1)
        assert stats.latency_p95_ms == pytest.approx(40, abs=1)

    played(play, takes_s=0.04)


def test_statistics_are_plain_json() -> None:
    async def play(site: WarmingSite) -> None:
        shown = site.predictor.stats().to_json()
        assert shown["precision"] is None
        assert shown["recall"] is None
        assert shown["latency_p50_ms"] is None
        assert shown["budget_per_s"] == site.rates.most_per_s

    played(play)


def test_latencies_are_those_of_late() -> None:
    latencies = Latencies()
    for number in range(2_000):
        latencies.add(number / 1000)
    assert latencies.at(0.0) == 1_488
    assert latencies.at(0.5) == 1_744
    assert latencies.at(1.0) == 1_999
    assert math.isclose(latencies.at(0.95) or 0, 1_974)


def test_a_page_foretold_twice_is_one_forecast() -> None:
    async def play(site: WarmingSite) -> None:
        await habit(site, "ann", "dashboard", "calls")
        for page in ("dashboard", "system", "dashboard"):
            site.predictor.opened("ann", page)
            await asyncio.sleep(5)
        named = [page for _, _, page in site.predictor._pending]
        assert named.count(Page("calls", "")) == 1
        assert dict(site.model.forecasts("ann", Page("dashboard", "")))[Page("calls", "")] > 0.5

    played(play)


def test_a_forecast_that_came_true_does_not_end_the_next_one() -> None:
    async def play(site: WarmingSite) -> None:
        predictor = site.predictor
        for page in ("campaign/c1", "campaign/c1/contacts", "campaign/c1"):
            predictor.opened("ann", page)
            await asyncio.sleep(10)
        # At 60 s the first forecast's minute is over, at 80 s that of the one made at 20 s.
        contacts = Page("campaign/*/contacts", "c1")
        assert contacts in predictor._visits["ann"].hopes
        await asyncio.sleep(35)
        predictor.stats()
        assert contacts in predictor._visits["ann"].hopes
        before = predictor.stats().hits
        predictor.opened("ann", "campaign/c1/contacts")
        assert predictor.stats().hits == before + 1

    played(play)


def test_what_a_page_seldom_reads_is_worth_less() -> None:
    async def play(site: WarmingSite) -> None:
        for number in range(40):
            site.model.opened("calls")
            if number % 2:
                site.model.read("calls", "/api/calls?limit=20")
        # Half a read of 2 ms, with a chance of a third, is 0.3 ms; of 1.4 ms it is 0.2 ms.
        for load_ms, worth in ((2.0, True), (1.4, False)):
            predictor = site.predictor
            predictor._limits = replace(Thresholds(), load_ms=load_ms)
            found = predictor._worth(Page("calls", ""), 0.33)
            assert ("/api/calls?limit=20" in found) == worth

    played(play)
