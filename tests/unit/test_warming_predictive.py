"""From what people open to what is loaded for them, and the score of it."""

import asyncio
from dataclasses import replace

import pytest
from support.warming import CALM, WarmingSite, habit, played

from callboard.warming.budget import Rates, Strain
from callboard.warming.pages import Page
from callboard.warming.predictive import Thresholds

CALLS = "/api/calls?limit=50"
CONTACTS = "/api/campaigns/{}/contacts".format
DETAILS = "/api/campaigns/{}".format


def test_at_first_the_documents_rule_is_followed() -> None:
    async def play(site: WarmingSite) -> None:
        site.predictor.opened("ann", "dashboard")
        await site.running(1)
        assert CALLS in site.paths
        site.predictor.opened("bob", "campaign/c1")
        await site.running(1)
        assert {DETAILS("c1"), CONTACTS("c1")} <= set(site.paths)
        assert not any("status" in path or "summary" in path for path in site.paths)

    played(play)


def test_what_a_person_does_is_learned_and_warmed_for_other_campaigns() -> None:
    async def play(site: WarmingSite) -> None:
        await habit(site, "ann", "campaign/c1", "analytics/c1", "campaign/c2", "analytics/c2")
        site.predictor.opened("ann", "campaign/c9")
        await site.running(1)
        wanted = "/api/analytics/daily?campaignId=c9&from=2026-03-20&to=2026-03-26"
        assert wanted in site.paths

    played(play)


def test_nothing_is_loaded_that_nobody_is_likely_to_open() -> None:
    async def play(site: WarmingSite) -> None:
        await habit(site, "ann", "live", "system")
        before = site.predictor.stats().predicted
        site.predictor.opened("ann", "live")
        await site.running(1)
        assert site.paths == []
        assert site.predictor.stats().predicted == before

    played(play)


@pytest.mark.parametrize(
    ("strain", "loaded"),
    [(CALM, True), (Strain(0.5, 0, is_up=True), False), (Strain(0.0, 0, is_up=False), False)],
)
def test_a_forecast_must_be_worth_its_price_and_the_price_rises_with_strain(
    strain: Strain, *, loaded: bool
) -> None:
    async def play(site: WarmingSite) -> None:
        site.strain = strain
        for _ in range(20):
            await asyncio.sleep(1)
            site.budget.look()
        site.predictor.opened("ann", "dashboard")
        assert bool(site.warmer.waiting) == loaded

    played(play)


def test_cheap_reads_are_not_worth_a_forecast_once_that_is_known() -> None:
    async def play(site: WarmingSite) -> None:
        site.takes_s = 0.0002
        await site.warmer.at_start()
        site.kept.clear()
        await asyncio.sleep(60)
        site.predictor.opened("ann", "dashboard")
        assert site.warmer.waiting == 0
        slow = WarmingSite(site.loop, takes_s=0.2)
        await slow.warmer.at_start()
        await asyncio.sleep(60)
        slow.predictor.opened("ann", "dashboard")
        assert slow.warmer.waiting > 0

    played(play)


def test_which_reads_follow_a_page_is_learned() -> None:
    async def play(site: WarmingSite) -> None:
        for number in range(40):
            site.predictor.opened("ann", f"campaign/c{number}")
            await asyncio.sleep(0.5)
            site.predictor.read("ann", DETAILS(f"c{number}"))
            site.predictor.read("ann", f"/api/calls?campaignId=c{number}&limit=20")
            site.predictor.read("ann", f"/api/calls?campaignId=c{number}&limit=20")
            site.predictor.read("ann", "/api/campaigns/other")
            await asyncio.sleep(5)
            site.predictor.read("ann", f"/api/calls?campaignId=c{number}&limit=10")
            site.predictor.opened("ann", "system")
            await asyncio.sleep(5)
        reads = site.model.reads("campaign/*")
        assert reads["/api/calls?campaignId={id}&limit=20"] == pytest.approx(0.83, abs=0.03)
        assert "/api/calls?campaignId={id}&limit=10" not in reads
        assert reads["/api/campaigns/{id}/status"] < 0.2
        await site.running(30)
        site.asked.clear()
        site.kept.clear()
        site.predictor.opened("bob", "campaign/c99")
        await site.running(1)
        assert "/api/calls?campaignId=c99&limit=20" in site.paths
        # Nobody opens them, whatever the rule said.
        assert CONTACTS("c99") not in site.paths

    played(play)


def test_of_who_sends_no_events_the_pages_are_made_out_from_what_they_read() -> None:
    async def play(site: WarmingSite) -> None:
        for path in ("/api/dashboard/summary", "/api/calls/active", "/api/campaigns"):
            site.predictor.read("ann", path)
            await asyncio.sleep(2)
        visit = site.predictor._visits["ann"]
        assert visit.page == Page("dashboard", "")
        site.predictor.read("ann", DETAILS("c1") + "/status")
        assert visit.page == Page("campaign/*", "c1")
        site.predictor.read("ann", DETAILS("c1"))
        site.predictor.read("ann", DETAILS("c2"))
        assert visit.page == Page("campaign/*", "c2")
        assert (
            dict(site.model.forecasts("ann", Page("dashboard", ""), 99))[Page("campaign/*", "c1")]
            > 0.02
        )

    played(play)


def test_who_sends_events_is_believed_for_half_an_hour() -> None:
    async def play(site: WarmingSite) -> None:
        site.predictor.opened("ann", "dashboard")
        visit = site.predictor._visits["ann"]
        await asyncio.sleep(600)
        site.predictor.read("ann", DETAILS("c1"))
        assert visit.page == Page("dashboard", "")
        await asyncio.sleep(1_900)
        site.predictor.read("ann", DETAILS("c1"))
        assert visit.page == Page("campaign/*", "c1")

    played(play)


def test_what_is_being_asked_for_is_not_warmed_as_well() -> None:
    async def play(site: WarmingSite) -> None:
        site.predictor.read("ann", DETAILS("c1"))
        await site.running(1)
        assert DETAILS("c1") not in site.paths
        assert CONTACTS("c1") in site.paths

    played(play)


def test_a_page_opened_again_is_no_move_and_no_new_forecast() -> None:
    async def play(site: WarmingSite) -> None:
        for _ in range(5):
            site.predictor.opened("ann", "dashboard")
            await asyncio.sleep(1)
        stats = site.predictor.stats()
        assert stats.opened == 0
        assert stats.people == 0
        assert stats.predicted == len(site.predictor._visits["ann"].hopes)

    played(play)


def test_who_comes_back_after_half_an_hour_begins_anew() -> None:
    async def play(site: WarmingSite) -> None:
        site.predictor.opened("ann", "dashboard")
        await asyncio.sleep(1_801)
        site.predictor.opened("ann", "calls")
        assert site.predictor.stats().opened == 0
        assert site.model.people == 0

    played(play)


def test_off_is_off() -> None:
    async def play(site: WarmingSite) -> None:
        site.predictor.opened("ann", "dashboard")
        site.predictor.read("ann", DETAILS("c1"))
        site.predictor.opened("ann", "calls")
        await site.running(1)
        assert site.paths == []
        assert site.model.people == 0
        stats = site.predictor.stats()
        assert not stats.enabled
        assert stats.predicted == stats.opened == 0

    played(play, enabled=False)


def test_nonsense_changes_nothing() -> None:
    async def play(site: WarmingSite) -> None:
        odds: list[object] = [None, 7, {}, "payroll", "x" * 9_999]
        for odd in odds:
            site.predictor.opened("ann", odd)
        site.predictor.read("ann", "/healthz")
        assert site.predictor._visits == {}
        assert site.warmer.waiting == 0

    played(play)


def test_memory_is_bounded_by_people_and_forecasts() -> None:
    async def play(site: WarmingSite) -> None:
        for number in range(300):
            site.predictor.opened(f"person{number}", "campaign/c1")
            site.predictor.opened(f"person{number}", f"campaign/c{number}")
            site.predictor.opened("boss", f"campaign/c{number}")
        assert "boss" in site.predictor._visits
        assert len(site.predictor._visits) == 10
        assert len(site.predictor._pending) == 5
        stats = site.predictor.stats()
        assert stats.predicted == 5
        await asyncio.sleep(61)
        assert site.predictor.stats().misses == 5

    played(play, thresholds=replace(Thresholds(), people_max=10, pending_max=5))


def test_the_cost_of_reads_is_bounded_in_memory_too() -> None:
    async def play(site: WarmingSite) -> None:
        for number in range(400):
            site.predictor._note_cost(f"/api/calls?limit={number}", 0.1)
        assert len(site.predictor._cost_ms) == 256
        site.predictor._note_cost("/api/calls?limit=399", 0.2)
        assert site.predictor._cost_of("/api/calls?limit=399") == pytest.approx(110)

    played(play)


def test_forecasts_in_sum_never_load_faster_than_the_budget() -> None:
    async def play(site: WarmingSite) -> None:
        task = site.loop.create_task(site.running(10))
        for number in range(500):
            site.predictor.opened(f"person{number % 50}", f"campaign/c{number}")
            await asyncio.sleep(0.02)
        await task
        assert len(site.asked) <= site.rates.burst + 10 * site.rates.most_per_s

    played(play, rates=Rates(most_per_s=5.0, burst=3), thresholds=Thresholds(load_ms=100.0))
