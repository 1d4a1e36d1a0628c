"""`/metrics` and docs/metrics.md say the same, and name things as Prometheus wants them named."""

import re
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parsed_as_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families
from support.builders import START
from support.metrics_page import promised

from callboard.alerts.rules import RULES
from callboard.app import metrics as parts
from callboard.app.cachemetrics import of_cache
from callboard.app.traffic import OUTCOMES, VENDORS, Traffic
from callboard.cache import Outcome, Record
from callboard.clock import FixedClock
from callboard.delivery.sockets import SocketFigures
from callboard.delivery.templates import TEMPLATES
from callboard.domain.stream import Watermark
from callboard.keyspaces import CACHED, VIEWS
from callboard.observe.cachestats import CacheStats

UNITS = ("_seconds", "_bytes", "_ratio", "_total", "_info")
ABBREVIATED = ("_ms", "_milliseconds", "_percent", "_minutes", "_kb", "_mb")
SERIES_MAX = 600
"""Of one process, once everything has occurred."""


class Link:
    """A link that is up."""

    up = True
    owed = 3


def replicas(*, vouched: bool = True) -> Any:
    """Return copies of every view."""
    watermark = Watermark("2026-03-26T11:59:58Z", 0)
    return {view.name: SimpleNamespace(vouched=vouched, watermark=watermark) for view in VIEWS}


def answer(traffic: Traffic, path: str, status: int) -> None:
    """Let a request be answered."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})

    async def nothing(*_: Any) -> Any:
        """Take in whatever is sent; there is nothing to receive."""

    scope = {"type": "http", "path": path, "method": "GET", "query_string": b""}
    served = traffic.around(app)(scope, nothing, nothing)
    with pytest.raises(StopIteration):
        served.send(None)  # type: ignore[attr-defined]  # a coroutine that never waits


def everything() -> parts.Metrics:
    """Return the metrics of a process to which everything there is has happened."""
    clock, traffic = FixedClock(START), Traffic()
    projector: Any = SimpleNamespace(
        leading=SimpleNamespace(is_set=lambda: True), current_at=START - timedelta(seconds=2)
    )
    checks: Any = SimpleNamespace(drift=1, drifted=2, compared=3)
    for template in TEMPLATES:
        for status in (101, 200, 304, 404, 503):
            answer(traffic, template.replace("…", "x"), status)
    for path in VENDORS:
        for status in (*OUTCOMES, 500):
            answer(traffic, path, status)
    stats = CacheStats(clock)
    for row in CACHED:
        for outcome in Outcome:
            stats(Record(outcome, row.name, seconds=0.02))
    warming: Any = SimpleNamespace(
        warmed=1, already_warm=2, failed=3, dropped=4, waiting=5, paused=False
    )
    warming.latency_p50_ms, warming.latency_p95_ms, warming.budget_per_s = 3.0, 9.0, 20.0
    warming.hits, warming.misses, warming.opened, warming.foreseen = 7, 8, 9, 10
    return parts.Metrics(
        parts.of_projection(projector, clock),
        parts.of_views(replicas(), clock),
        parts.of_drift(checks),
        parts.of_clients(lambda: SocketFigures(1, 2, 3)),
        parts.of_traffic(traffic),
        of_cache(stats, Link(), [row.name for row in CACHED]),
        parts.of_warming(lambda: warming),
        parts.of_alerts(
            lambda: dict.fromkeys((rule.name for rule in RULES), 1),
            lambda: dict.fromkeys(("sent", "retried", "failed"), 1),
        ),
    )


def families() -> Iterator[tuple[str, Metric]]:
    """Yield what is rendered by the name that queries use."""
    for family in text_string_to_metric_families(everything().render().decode()):
        yield family.name + ("_total" if family.type == "counter" else ""), family


def seen_labels(family: Metric) -> dict[str, frozenset[str]]:
    """Return the labels of a family and their values, but for the buckets' bounds."""
    found: dict[str, set[str]] = {}
    for sample in family.samples:
        for name, value in sample.labels.items():
            if name != "le":
                found.setdefault(name, set()).add(value)
    return {name: frozenset(values) for name, values in found.items()}


def test_what_is_rendered_is_what_is_promised_and_nothing_else() -> None:
    rendered = {name: (family.type, seen_labels(family)) for name, family in families()}
    told = {name: (row.kind, dict(row.labels)) for name, row in promised().items()}
    assert rendered == told


FAMILIES = dict(families())


@pytest.mark.parametrize("name", FAMILIES)
def test_names_and_help_are_as_prometheus_wants_them(name: str) -> None:
    family = FAMILIES[name]
    assert re.fullmatch(r"callboard_[a-z][a-z0-9]*(_[a-z0-9]+)*", name)
    assert family.documentation.strip()
    assert not name.endswith(ABBREVIATED), "base units"
    assert (family.type == "counter") == name.endswith("_total")
    assert not re.search(r"_(count|sum|bucket)$", name)
    for words in ("counter", "gauge", "histogram"):
        assert words not in name.split("_")
    for label in seen_labels(family):
        assert re.fullmatch(r"[a-z]+", label)
    if family.type == "histogram":
        assert name.endswith(UNITS)


def test_it_is_good_openmetrics_too() -> None:
    text = everything().render().decode()
    # OpenMetrics names a counter's family without `_total`, and ends with a mark.
    text = re.sub(r"^(# (?:HELP|TYPE) \w+?)_total ", r"\1 ", text, flags=re.MULTILINE)
    parsed: Any = parsed_as_openmetrics
    assert len(list(parsed(f"{text}# EOF\n"))) == len(promised())


def test_there_are_only_so_many_series() -> None:
    series = sum(len(family.samples) for _, family in families())
    assert series <= SERIES_MAX
    bound = 0
    for row in promised().values():
        product = 1
        for values in row.labels.values():
            product *= len(values)
        bound += product * (9 if row.kind == "histogram" else 1)
    assert series <= bound <= SERIES_MAX


def test_paths_that_nobody_serves_make_no_series() -> None:
    traffic = Traffic()
    for number in range(5_000):
        answer(traffic, f"/{number}.php", 404)
        answer(traffic, f"/api/calls/CA{number}", 200)
    answer(traffic, "/" + "x" * 10_000, 404)
    assert traffic.requests() == {("other", "4xx"): 5_001, ("/api/calls/{sid}", "2xx"): 5_000}


def test_a_view_that_nobody_vouches_for_has_no_bound() -> None:
    clock = FixedClock(START)
    views = parts.Metrics(parts.of_views(replicas(vouched=False), clock)).render().decode()
    assert "callboard_staleness_bound_seconds{" not in views
    assert 'callboard_view_vouched{view="live"} 0.0' in views
