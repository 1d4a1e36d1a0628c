"""Dashboard and rules of `deploy/` ask only for what docs/metrics.md promises."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import promql_parser as promql
import pytest
import yaml  # type: ignore[import-untyped]  # has none
from support.metrics_page import promised

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8"))[
        "groups"
    ]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = orjson.loads((DEPLOY / "grafana" / "callboard.json").read_bytes())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
PROMISED = promised()
OF_PROMETHEUS = {"instance", "job"}
SEVERITIES = {"critical", "warning", "info"}
UNITS = {"ops", "percentunit", "reqps", "s", "short", "wps"}
ROWS = [
    "Feeds and webhooks",
    "Projection and staleness",
    "Cache by keyspace",
    "Sockets",
    "Warming",
    "Alerts",
]


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every expression with where it stands."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"]


def parsed(expression: str) -> promql.Expr:
    """Parse as Prometheus does, once Grafana has filled in its variables."""
    filled = expression.replace("$__rate_interval", "1m").replace("$instance", ".*")
    assert "$" not in filled
    return promql.parse(filled)


def inside(expression: str) -> list[Any]:
    """Return every part of an expression."""
    found: list[Any] = []
    promql.walk(parsed(expression), found.append)
    return found


def family_of(name: str) -> str:
    """Return the metric a series belongs to."""
    found = re.sub(r"_(bucket|sum|count)$", "", name)
    return found if found in PROMISED and PROMISED[found].kind == "histogram" else name


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_every_series_and_label_is_promised(where: str, expression: str) -> None:
    parts = inside(expression)
    selectors = [part for part in parts if isinstance(part, promql.VectorSelector)]
    selectors += [
        part.vector_selector for part in parts if isinstance(part, promql.MatrixSelector)
    ]
    assert selectors, where
    labels: set[str] = set(OF_PROMETHEUS)
    for selector in selectors:
        name = selector.name
        if name == "up":
            continue
        assert name is not None
        family = family_of(name)
        assert family in PROMISED, f"{where}: {name}"
        row = PROMISED[family]
        own = set(row.labels) | ({"le"} if name.endswith("_bucket") else set())
        labels |= own
        for matcher in selector.matchers.matchers:
            assert matcher.name in own | OF_PROMETHEUS, f"{where}: {matcher.name} of {name}"
            wanted = matcher.value.split("|")
            if matcher.name in row.labels:
                assert set(wanted) <= row.labels[matcher.name], f"{where}: {wanted}"
    for part in parts:
        if isinstance(part, promql.AggregateExpr) and part.modifier is not None:
            assert set(part.modifier.labels) <= labels, where


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_counters_are_looked_at_as_rates_and_gauges_are_not(where: str, expression: str) -> None:
    for part in inside(expression):
        if isinstance(part, promql.MatrixSelector):
            kind = PROMISED[family_of(part.vector_selector.name or "")].kind
            assert kind in ("counter", "histogram"), where
        elif isinstance(part, promql.Call):
            assert part.func.name in ("rate", "increase", "histogram_quantile"), where
    names = re.findall(r"callboard_\w+", expression)
    for name in names:
        if PROMISED[family_of(name)].kind != "gauge":
            assert re.search(rf"(rate|increase)\({name}[^)]*\[", expression), where


def test_what_is_wrong_would_be_seen() -> None:
    with pytest.raises(ValueError, match=r".+"):
        parsed("sum by (view (callboard_view_vouched)")
    with pytest.raises(AssertionError, match="callboard_nothing"):
        test_every_series_and_label_is_promised("made up", "callboard_nothing > 1")
    with pytest.raises(AssertionError, match="colour"):
        test_every_series_and_label_is_promised("made up", 'callboard_cache_up{colour="red"}')


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_rules_are_whole(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Callboard[A-Z]\w+", rule["alert"])
    assert promql.parse_duration(rule.get("for", "1s")).total_seconds() > 0
    assert rule["labels"] == {"severity": rule["labels"]["severity"]}
    assert rule["labels"]["severity"] in SEVERITIES
    assert set(rule["annotations"]) == {"summary", "runbook_url"}
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    text = (ROOT / page).read_text("utf-8")
    titles = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    assert anchor in {title.lower().replace(" ", "-") for title in titles}
    assert f"| `{rule['alert']}` |" in text
    named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    by = {
        label
        for part in inside(rule["expr"])
        if isinstance(part, promql.AggregateExpr) and part.modifier is not None
        for label in part.modifier.labels
    }
    aggregates = any(isinstance(part, promql.AggregateExpr) for part in inside(rule["expr"]))
    assert named <= (by if aggregates else OF_PROMETHEUS)


def test_alerts_have_names_of_their_own_and_each_is_explained() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names) >= 10
    operating = (ROOT / "docs" / "operating.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(Callboard\w+)` \|", operating, flags=re.MULTILINE)) == set(names)


def test_the_dashboard_is_whole() -> None:
    ids = Counter(panel["id"] for panel in DASHBOARD["panels"])
    assert max(ids.values()) == 1
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ROWS
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    asked = variables["instance"]["query"]["query"]
    assert re.fullmatch(r"label_values\((\w+), instance\)", asked)
    assert asked.split("(")[1].split(",")[0] in PROMISED
    assert DASHBOARD["uid"] == "callboard"


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_panels_are_whole(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["type"] in ("timeseries", "stat")
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references) > 0
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]
        for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
            assert label in target["expr"], "a legend names a label that is summed away"


def test_panels_do_not_lie_on_one_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + across, place["y"] + down)
            for across in range(place["w"])
            for down in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_example_asks_for_our_metrics_by_the_job_that_rules_expect() -> None:
    example = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
    (job,) = example["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("callboard", "/metrics")
    assert job["authorization"]["type"] == "Bearer"
    for name in example["rule_files"]:
        assert (DEPLOY / "prometheus" / name).exists()
    for every in example["global"].values():
        assert promql.parse_duration(every).total_seconds() > 0


def test_every_metric_of_the_contract_is_on_the_dashboard() -> None:
    shown = {family_of(name) for _, expression in expressions() for name in _names(expression)}
    assert set(PROMISED) - shown == set()


def _names(expression: str) -> list[str]:
    return re.findall(r"callboard_\w+", expression)
