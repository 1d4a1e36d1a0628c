"""The model: what is learned of one campaign and person holds for others, and fades."""

from itertools import pairwise

import pytest

from callboard.warming.model import Model, Tuning
from callboard.warming.pages import Page
from callboard.warming.priors import NEXT
from callboard.warming.rows import Row

DASHBOARD, CALLS, LIVE = Page("dashboard", ""), Page("calls", ""), Page("live", "")
CAMPAIGNS = Page("campaigns", "")


def campaign(id_: str) -> Page:
    """Return a campaign's page."""
    return Page("campaign/*", id_)


def contacts(id_: str) -> Page:
    """Return the page of its contacts."""
    return Page("campaign/*/contacts", id_)


def walk(model: Model, person: str, *pages: Page) -> None:
    """Let somebody go from page to page."""
    for before, after in pairwise(pages):
        model.learn(person, before, after)


def share(model: Model, person: str, page: Page, after: Page) -> float:
    """Return how likely one page is after another."""
    return dict(model.forecasts(person, page, 100)).get(after, 0.0)


def test_before_anything_is_seen_the_rule_holds() -> None:
    model = Model()
    assert share(model, "ann", DASHBOARD, CALLS) == NEXT["dashboard"]["calls"]
    assert share(model, "ann", campaign("c1"), contacts("c1")) == pytest.approx(0.35)
    assert model.forecasts("ann", Page("wall", "")) == []
    assert model.forecasts("ann", DASHBOARD, 2) == [(CALLS, 0.3), (LIVE, 0.15)]


def test_what_is_learned_of_one_campaign_holds_for_another() -> None:
    model = Model()
    before = share(model, "ann", campaign("c9"), contacts("c9"))
    for number in range(10):
        walk(model, "ann", campaign(f"c{number % 3}"), contacts(f"c{number % 3}"))
    assert share(model, "ann", campaign("c9"), contacts("c9")) > 2 * before
    assert share(model, "ann", campaign("c9"), contacts("c1")) == 0


def test_who_is_new_does_as_everybody_and_soon_as_they_do() -> None:
    model = Model()
    for number in range(30):
        walk(model, f"person{number}", LIVE, CALLS)
    assert share(model, "new", LIVE, CALLS) > 0.7
    for _ in range(12):
        walk(model, "new", LIVE, Page("wall", ""))
    assert share(model, "new", LIVE, Page("wall", "")) > 0.6
    assert share(model, "other", LIVE, CALLS) > 0.5


def test_own_habits_are_mixed_with_all_as_told() -> None:
    tuning = Tuning(keep_own=1.0, keep_all=1.0, rule_strength=2.0, all_strength=4.0)
    model = Model(tuning)
    walk(model, "ann", DASHBOARD, CALLS)
    walk(model, "bob", DASHBOARD, LIVE)
    everybody = (1 + 2 * NEXT["dashboard"]["calls"]) / 4
    assert share(model, "new", DASHBOARD, CALLS) == pytest.approx(everybody)
    assert share(model, "ann", DASHBOARD, CALLS) == pytest.approx((1 + 4 * everybody) / 5)


def test_old_ways_fade() -> None:
    model = Model()
    for _ in range(100):
        walk(model, "ann", DASHBOARD, CALLS)
    for _ in range(30):
        walk(model, "ann", DASHBOARD, LIVE)
    assert share(model, "ann", DASHBOARD, LIVE) > share(model, "ann", DASHBOARD, CALLS) > 0


def test_which_campaign_follows_is_that_which_followed_the_one_before() -> None:
    model = Model()
    round_ = [campaign("c1"), CAMPAIGNS, campaign("c2"), CAMPAIGNS, campaign("c3"), CAMPAIGNS]
    walk(model, "ann", *round_ * 6)
    walk(model, "ann", CAMPAIGNS, campaign("c1"), CAMPAIGNS)
    following = {id_: share(model, "ann", CAMPAIGNS, campaign(id_)) for id_ in ("c1", "c2", "c3")}
    assert following["c2"] > 0.5
    assert max(following["c1"], following["c3"]) < 0.2
    assert model.forecasts("ann", CAMPAIGNS)[0].page == campaign("c2")


def test_a_newcomer_is_offered_what_everybody_opens() -> None:
    model = Model()
    for number in range(20):
        walk(model, f"person{number}", CAMPAIGNS, campaign("hot" if number % 4 else "cold"))
    hot, cold = (share(model, "new", CAMPAIGNS, campaign(id_)) for id_ in ("hot", "cold"))
    assert hot > 2 * cold > 0


def test_single_calls_are_not_believed_to_come_again() -> None:
    model = Model()
    for number in range(50):
        walk(model, "ann", CALLS, Page("call/*", f"CA{number}"), CALLS)
    assert max(forecast.probability for forecast in model.forecasts("ann", CALLS)) < 0.12


def test_nobody_is_offered_the_page_they_are_on() -> None:
    model = Model()
    walk(model, "ann", campaign("c1"), campaign("c2"), campaign("c1"), campaign("c2"))
    model.learn("ann", DASHBOARD, DASHBOARD)
    assert share(model, "ann", campaign("c1"), campaign("c1")) == 0
    assert share(model, "ann", campaign("c1"), campaign("c2")) > 0.1
    assert model.people == 1
    assert share(model, "ann", DASHBOARD, CALLS) == NEXT["dashboard"]["calls"]


def test_only_likely_enough_pages_are_returned_and_the_likeliest_first() -> None:
    model = Model()
    walk(model, "ann", DASHBOARD, LIVE, DASHBOARD, LIVE, DASHBOARD, CALLS)
    every = model.forecasts("ann", DASHBOARD, 100)
    assert [forecast.probability for forecast in every] == sorted(
        (forecast.probability for forecast in every), reverse=True
    )
    likely = model.forecasts("ann", DASHBOARD, 100, 0.2)
    assert likely == [forecast for forecast in every if forecast.probability >= 0.2]
    assert 0 < len(likely) < len(every)


def test_what_a_page_reads_is_learned_and_the_rule_fades() -> None:
    model = Model()
    rule = model.reads("campaign/*")
    assert rule["/api/campaigns/{id}/status"] == 1.0
    for number in range(100):
        model.opened("campaign/*")
        model.read("campaign/*", "/api/campaigns/{id}")
        if number % 2:
            model.read("campaign/*", "/api/calls?campaignId={id}&limit=20")
    learned = model.reads("campaign/*")
    assert learned["/api/campaigns/{id}"] == pytest.approx(1.0)
    assert learned["/api/calls?campaignId={id}&limit=20"] == pytest.approx(0.46, abs=0.04)
    assert learned["/api/campaigns/{id}/status"] < 0.1
    for _ in range(500):
        model.read("campaign/*", "/api/campaigns/{id}")
    assert model.reads("campaign/*")["/api/campaigns/{id}"] == 1.0
    model.read("system", "/api/campaigns")
    assert model.reads("system") == {}


def test_who_was_seen_least_lately_is_forgotten_first() -> None:
    model = Model(Tuning(people_max=2))
    for person in ("ann", "bob", "ann", "cy"):
        walk(model, person, LIVE, DASHBOARD, LIVE)
    assert model.people == 2
    saved = model.to_json()
    assert [person for person, _ in saved["people"]] == ["ann", "cy"]  # type: ignore[attr-defined]  # JSON


def test_the_lightest_word_makes_room_and_its_weight_is_not_given_to_others() -> None:
    row = Row(1.0, 2)
    for word in ("a", "a", "b", "c"):
        row.add(word)
    assert set(row) == {"a", "c"}
    assert (row.weight("a"), row.weight("c"), row.weight("b"), row.total) == (2, 1, 0, 4)
    assert row.mixed({}, 0.0) == {"a": 0.5, "c": 0.25}


def test_a_count_halves_when_it_should() -> None:
    row = Row(0.5, 4)
    row.add("a")
    row.add("b")
    assert (row.weight("a"), row.weight("b"), row.total) == (0.5, 1.0, 1.5)
    for _ in range(10_000):
        row.add("b")
    assert row.weight("b") == pytest.approx(2.0)
    assert row.total == pytest.approx(2.0)
    assert len(row) == 2


def test_what_is_restored_is_bounded_and_weighs_no_more_than_all() -> None:
    row = Row(1.0, 2)
    row.restore([3.0, {"a": 1.0, "b": 2.0, "c": 3.0}])
    assert set(row) == {"b", "c"}
    assert row.total == 5.0
    row.restore([7.0, {"a": 1.0}])
    assert (row.total, row.weight("a")) == (7.0, 1.0)
    row.restore([2.0, {"a": 2.0, "b": 1.5}], alone=False)
    assert row.total == 2.0
    odds: list[object] = [[-1, {}], [1e9, {}], [1], {}, None, ["1", {}], [1, []]]
    for odd in odds:
        row.restore(odd)
        assert row.total == 2.0
    row.restore([4.0, {"a": "1", "b": -1, "c": 1e9, "d": 2}])
    assert set(row) == {"d"}


def test_the_round_of_a_campaign_not_seen_for_long_is_forgotten() -> None:
    model = Model(Tuning(id_rows_max=4))
    for number in range(40):
        walk(model, "ann", CAMPAIGNS, campaign(f"c{number}"), CAMPAIGNS, campaign("c0"), CAMPAIGNS)
    rows = model._people["ann"].ids
    assert len(rows) == 4
    assert {"campaign|", "campaign|c0", "campaign|c39"} <= set(rows)


def test_a_visit_that_begins_at_a_campaign_goes_on_from_there() -> None:
    model = Model()
    walk(model, "ann", *[campaign("c1"), campaign("c2"), campaign("c3")] * 8, campaign("c1"))
    assert model.forecasts("ann", campaign("c2"))[0].page == campaign("c3")
    assert model.forecasts("ann", campaign("c3"))[0].page == campaign("c1")


def test_what_was_saved_by_another_version_or_names_no_pages_is_left_out() -> None:
    model = Model()
    walk(model, "ann", *[DASHBOARD, LIVE] * 9)
    saved = model.to_json()
    assert share(Model.from_json(saved), "ann", DASHBOARD, LIVE) > 0.7
    for version in (0, 2, None):
        assert Model.from_json({**saved, "version": version}).people == 0
    odd = {
        "moves": {"payroll": [5, {"calls": 5}], "live": [5, {"payroll": 5}], "wall": [1, {}]},
        "ids": {"payroll|": [5, {"p1": 5}], "campaign|": [5, {"c1": 5}]},
    }
    model = Model.from_json({"version": 1, "all": odd, "people": [["bob", odd]], "reads": odd})
    for habits in (model._all, model._people["bob"]):
        assert set(habits.moves) == {"wall"}
        assert set(habits.ids) == {"campaign|"}
    assert model._reads == {}
