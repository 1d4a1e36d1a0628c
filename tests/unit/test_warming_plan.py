"""What is warmed comes from the table of what is cached."""

import pytest
from support.warming import PLAN, TODAY

from callboard.keyspaces import CACHED
from callboard.warming.pages import read_of
from callboard.warming.plan import keyspace_of, plan_of


def test_the_start_and_the_rounds_are_those_of_the_table() -> None:
    start = PLAN.at_start(["c 1"], TODAY)
    assert start == [
        "/api/calls?limit=50",
        "/api/analytics/daily?from=2026-03-20&to=2026-03-26",
        "/api/dashboard/summary?period=yesterday",
        "/api/dashboard/summary?period=7d",
        "/api/dashboard/summary?period=30d",
        "/api/campaigns/c%201",
    ]
    assert PLAN.regular(["c1"], TODAY) == [
        "/api/calls?campaignId=c1&limit=50",
        "/api/campaigns/c1",
        "/api/campaigns/c1/contacts",
        "/api/analytics/daily?campaignId=c1&from=2026-03-20&to=2026-03-26",
    ]
    assert PLAN.regular([], TODAY) == []


def test_every_row_is_warmed_as_it_says() -> None:
    by_row: dict[str, set[str]] = {row.name: set() for row in CACHED}
    for word, paths in (
        ("start", PLAN.at_start(["c1"], TODAY)),
        ("active campaigns", PLAN.regular(["c1"], TODAY)),
    ):
        for path in paths:
            read = read_of(path, TODAY)
            assert read is not None
            by_row[keyspace_of(read.template)].add(word)
    for row in CACHED:
        said = {word.strip() for word in row.warmer.split(",")}
        assert by_row[row.name] == said & {"start", "active campaigns"}
        assert (row.name in PLAN.predictable) == ("predicted" in said)


def test_a_row_nobody_can_ask_for_is_refused() -> None:
    with pytest.raises(ValueError, match="'mystery' is warmed"):
        plan_of([("mystery", "start")])
    assert plan_of([("mystery", "predicted")]).predictable == {"mystery"}
    assert plan_of([("recent", "none")]) == ((), (), (), frozenset())


def test_views_are_never_loaded_and_the_rest_by_its_row() -> None:
    rows = {
        "/api/dashboard/summary": "",
        "/api/dashboard/summary?period=today": "",
        "/api/dashboard/summary?period=7d": "period",
        "/api/campaigns": "",
        "/api/campaigns/{id}/status": "",
        "/api/calls/active": "",
        "/api/calls/{id}/timeline": "",
        "/api/calls": "recent",
        "/api/calls?limit=20": "calls",
        "/api/calls/{id}": "call",
        "/api/analytics/daily?from={-6}&to={-1}": "analytics",
        "/api/analytics/daily?from={-6}&to={0}": "analytics-today",
        "/api/analytics/durations?from={-6}&to={0}": "durations",
        "/api/analytics/concurrency?day={0}": "concurrency",
        "/api/analytics/failures": "",
    }
    assert {template: keyspace_of(template) for template in rows} == rows
    assert not PLAN.foresees("/api/campaigns")
    assert PLAN.foresees("/api/calls/{id}")
