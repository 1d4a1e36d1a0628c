"""Whatever comes in: memory is bounded, chances are chances, and what is saved comes back."""

import asyncio
import sys
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.simloop import SimClock, SimLoop, simulated
from support.warming import TODAY, WarmingSite

from callboard.warming.budget import Budget, Rates, Strain
from callboard.warming.model import Model, Tuning
from callboard.warming.pages import CLASSES, Page, filled, page_named, read_of
from callboard.warming.rows import Row

SMALL = Tuning(people_max=4, ids_max=3, id_rows_max=4, reads_max=3, saved_people_max=3)
IDS = st.sampled_from([f"id{number}" for number in range(12)]) | st.text(min_size=1, max_size=8)
PAGES = st.sampled_from(sorted(CLASSES)).flatmap(
    lambda kind: st.builds(Page, st.just(kind), IDS if "*" in kind else st.just(""))
)
PEOPLE = st.sampled_from([f"person{number}" for number in range(9)])
MOVES = st.lists(st.tuples(PEOPLE, PAGES, PAGES), max_size=60)
READS = st.lists(st.tuples(st.sampled_from(sorted(CLASSES)), st.text(max_size=6)), max_size=40)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def taught(moves: list[tuple[str, Page, Page]], reads: list[tuple[str, str]]) -> Model:
    """Return a model that has seen all this."""
    model = Model(SMALL)
    for person, before, after in moves:
        model.learn(person, before, after)
    for kind, template in reads:
        model.opened(kind)
        model.read(kind, template)
    return model


def check_chances(model: Model, person: str, page: Page) -> None:
    """Every chance is one, and together they are at most one."""
    forecasts = model.forecasts(person, page, 10_000)
    assert all(0 <= forecast.probability <= 1 for forecast in forecasts)
    assert sum(forecast.probability for forecast in forecasts) <= 1 + 1e-9
    assert len({forecast.page for forecast in forecasts}) == len(forecasts)
    assert page not in {forecast.page for forecast in forecasts}
    for share in model.reads(page.kind).values():
        assert 0 <= share <= 1


@given(MOVES, READS, PEOPLE, PAGES)
def test_chances_are_chances(
    moves: list[tuple[str, Page, Page]], reads: list[tuple[str, str]], person: str, page: Page
) -> None:
    check_chances(taught(moves, reads), person, page)


@given(MOVES, READS)
def test_memory_is_bounded(
    moves: list[tuple[str, Page, Page]], reads: list[tuple[str, str]]
) -> None:
    model = taught(moves, reads)
    assert model.people <= SMALL.people_max
    for habits in (model._all, *model._people.values()):
        assert len(habits.moves) <= len(CLASSES)
        assert all(len(row) <= 16 for row in habits.moves.values())
        assert len(habits.ids) <= SMALL.id_rows_max
        assert all(len(row) <= SMALL.ids_max for row in habits.ids.values())
        assert len(habits.last) <= 2
    assert all(len(row) <= SMALL.reads_max for row in model._reads.values())


@given(MOVES, READS, PEOPLE, PAGES)
def test_what_is_saved_comes_back(
    moves: list[tuple[str, Page, Page]], reads: list[tuple[str, str]], person: str, page: Page
) -> None:
    model = taught(moves, reads)
    saved = orjson.dumps(model.to_json())
    again = Model.from_json(orjson.loads(saved), SMALL)
    kept = {person for person, _ in orjson.loads(saved)["people"]} | {"nobody"}
    assert len(kept) <= SMALL.saved_people_max + 1
    for somebody in kept & {person, "nobody"}:
        before = dict(model.forecasts(somebody, page, 10_000))
        after = dict(again.forecasts(somebody, page, 10_000))
        for forecast in before.keys() | after.keys():
            assert after.get(forecast, 0) == pytest.approx(before.get(forecast, 0), abs=0.02)
    assert again.reads(page.kind) == pytest.approx(model.reads(page.kind), abs=0.01)
    check_chances(again, person, page)


@given(JSON, JSON, JSON, PEOPLE, PAGES)
def test_a_document_that_makes_no_sense_does_no_harm(
    all_: Any, people: Any, reads: Any, person: str, page: Page
) -> None:
    document = {"version": 1, "all": all_, "people": people, "reads": reads}
    for odd in (document, all_, {**document, "version": 2}):
        model = Model.from_json(odd, SMALL)
        check_chances(model, person, page)
        model.learn(person, page, Page("dashboard", ""))


@given(
    st.dictionaries(st.sampled_from(sorted(CLASSES)), JSON),
    st.dictionaries(st.sampled_from(["campaign|", "campaign|c1", "call|", "x|"]), JSON),
    st.floats(),
    st.dictionaries(st.sampled_from(["calls", "campaign/*", "campaign/*=", "*="]), st.floats()),
    PAGES,
)
def test_nor_does_one_that_nearly_does(
    moves: dict[str, Any], ids: dict[str, Any], total: float, row: dict[str, float], page: Page
) -> None:
    moves["dashboard"] = ids["campaign|"] = [total, row]
    habits = {"moves": moves, "ids": ids, "last": {"campaign": 7, "call": "x" * 900}}
    document = {"version": 1, "all": habits, "people": [["ann", habits], ["bob"], 3]}
    model = Model.from_json(document, SMALL)
    for kind in (page, Page("dashboard", "")):
        check_chances(model, "ann", kind)


@given(st.lists(st.sampled_from("abcdef"), max_size=80), st.floats(0.5, 1.0), st.integers(1, 6))
def test_a_row_never_weighs_more_than_what_was_counted(
    words: list[str], keep: float, most: int
) -> None:
    row = Row(keep, most)
    for word in words:
        before = {known: row.weight(known) for known in row}
        row.add(word)
        for known in row:
            assert known == word or row.weight(known) == pytest.approx(before[known] * keep)
    assert sum(row.weight(word) for word in row) <= row.total * (1 + 1e-9)
    assert row.total <= len(words) + 1e-9
    assert len(row) <= most
    again = Row(keep, most)
    again.restore(row.to_json())
    assert again.total == pytest.approx(row.total, abs=0.01)


@given(st.text() | st.binary() | st.integers() | st.lists(st.text()))
def test_any_page_event_is_a_page_or_nothing(name: object) -> None:
    page = page_named(name)
    assert page is None or (page.kind in CLASSES and len(page.id) <= 200)


@given(
    st.sampled_from(["/api/calls", "/api/campaigns/", "/api/analytics/daily", "/api/", ""]),
    st.text(max_size=30),
    st.text(max_size=60),
)
def test_any_path_is_read_or_not_and_asks_for_itself(base: str, more: str, query: str) -> None:
    target = f"{base}{more}?{query}"
    read = read_of(target, TODAY)
    if read is None:
        return
    assert read.home.kind in CLASSES
    assert len(read.template) < 400
    if read.template:
        path = filled(read.template, read.home.id, TODAY)
        assert path.startswith("/api/")
        assert read_of(path, TODAY) == read


STRAINS = st.lists(
    st.builds(Strain, st.sampled_from([0.0, 0.2]), st.sampled_from([0, 9]), st.booleans()),
    min_size=1,
    max_size=12,
)


@given(STRAINS, st.floats(0.0, 0.4))
def test_the_budget_is_never_exceeded(strains: list[Strain], takes_s: float) -> None:
    """In any time no more loads begin than the burst and the rate allow, nor run at once."""
    rates = Rates(burst=5, most_per_s=8.0, at_a_time=3)
    begun: list[float] = []
    running: list[int] = []

    async def play(loop: SimLoop) -> None:
        budget = Budget(lambda: strains[int(loop.time()) % len(strains)], SimClock(loop), rates)

        async def load() -> None:
            while True:
                async with budget.turn():
                    assert budget._tokens > -1e-6
                    assert not budget.paused
                    begun.append(loop.time())
                    running.append(budget.running)
                    await asyncio.sleep(takes_s)

        tasks = [loop.create_task(load()) for _ in range(6)]
        await asyncio.sleep(2 * len(strains))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert budget.running == 0

    simulated(play)
    assert max(running, default=0) <= rates.at_a_time
    for first in range(len(begun)):
        for last in range(first, len(begun)):
            allowed = rates.burst + (begun[last] - begun[first]) * rates.most_per_s
            assert last - first + 1 <= allowed + 1e-6


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["page", "read", "wait"]),
        PEOPLE,
        st.sampled_from(
            [
                "dashboard",
                "campaign/c1",
                "campaign/c2/contacts",
                "calls",
                "/api/calls?limit=50",
                "/api/campaigns/c1",
                "/api/campaigns/c2/contacts",
                "/api/dashboard/summary",
                "nonsense",
            ]
        ),
    ),
    max_size=50,
)


@given(EVENTS)
def test_every_forecast_is_counted_once_and_ends_right_or_wrong(
    events: list[tuple[str, str, str]],
) -> None:
    async def play(loop: SimLoop) -> None:
        site = WarmingSite(loop)
        for what, person, said in events:
            if what == "page":
                site.predictor.opened(person, said)
            elif what == "read":
                site.predictor.read(person, said)
            else:
                await site.running(20)
        open_forecasts = sum(len(visit.hopes) for visit in site.predictor._visits.values())
        stats = site.predictor.stats()
        assert stats.hits + stats.misses <= stats.predicted
        assert stats.hits == stats.foreseen <= stats.opened
        assert stats.hits + stats.misses + open_forecasts >= stats.predicted
        await asyncio.sleep(120)
        stats = site.predictor.stats()
        assert stats.hits + stats.misses == stats.predicted
        assert not any(visit.hopes for visit in site.predictor._visits.values())
        assert sys.getsizeof(site.predictor._pending) < 10_000

    simulated(play)
