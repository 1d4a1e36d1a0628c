"""What `/metrics` tells: figures that are read when somebody asks.

Names and labels are a contract (docs/metrics.md); every label has few values. Each part of the
process has a function here or in `cachemetrics` that yields its families.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from callboard.app.traffic import VIEW_ROUTES, Traffic
from callboard.clock import Clock
from callboard.delivery.replica import Replica
from callboard.delivery.sockets import SocketFigures
from callboard.projection.checks import Checks
from callboard.projection.projector import Projector
from callboard.warming.statistics import WarmingStats

__all__ = [
    "Metrics",
    "Part",
    "bound_s",
    "counter",
    "counters",
    "gauge",
    "of_alerts",
    "of_clients",
    "of_drift",
    "of_projection",
    "of_traffic",
    "of_views",
    "of_warming",
]

Part = Callable[[], Iterable[Metric]]
"""Yields the families of one part, as they are now."""


class Metrics(Collector):
    """Collects from the parts of one process."""

    def __init__(self, *parts: Part) -> None:
        self._parts = list(parts)
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def add(self, *parts: Part) -> None:
        """Take in parts that are made later."""
        self._parts.extend(parts)

    def render(self) -> bytes:
        """Return Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """Yield every metric as it is now."""
        for part in self._parts:
            yield from part()


def gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    """Return a gauge without labels."""
    family = GaugeMetricFamily(f"callboard_{name}", help_text)
    family.add_metric([], value)
    return family


def counter(name: str, help_text: str, value: float) -> CounterMetricFamily:
    """Return a counter without labels; its name gets `_total`."""
    return counters(name, help_text, (), [((), value)])


def counters(
    name: str,
    help_text: str,
    labels: Sequence[str],
    values: Iterable[tuple[Sequence[str], float]],
) -> CounterMetricFamily:
    """Return a counter by its labels; its name gets `_total`."""
    family = CounterMetricFamily(f"callboard_{name}", help_text, labels=labels)
    for key, value in values:
        family.add_metric(key, value)
    return family


def of_projection(projector: Projector, clock: Clock) -> Part:
    """Return what tells of the projector."""

    def collect() -> Iterable[Metric]:
        leading = float(projector.leading.is_set())
        yield gauge("projection_leading", "1 in the process that projects, else 0", leading)
        lag = GaugeMetricFamily(
            "callboard_projection_lag_seconds",
            "Age of the newest commit that may not be in the figures yet; while leading",
        )
        if (current_at := projector.current_at) is not None:
            lag.add_metric([], (clock.now() - current_at).total_seconds())
        yield lag

    return collect


def of_views(replicas: Mapping[str, Replica], clock: Clock) -> Part:
    """Return what tells how far the views may be behind."""

    def collect() -> Iterable[Metric]:
        bound = GaugeMetricFamily(
            "callboard_staleness_bound_seconds",
            "What was committed before so many seconds is in this process' copy of the view",
            labels=["view"],
        )
        vouched = GaugeMetricFamily(
            "callboard_view_vouched", "1 while a projector stands behind it", labels=["view"]
        )
        for name, replica in replicas.items():
            vouched.add_metric([name], float(replica.vouched))
            if (age_s := bound_s(replica, clock)) is not None:
                bound.add_metric([name], age_s)
        yield vouched
        yield bound

    return collect


def bound_s(replica: Replica, clock: Clock) -> float | None:
    """Return before how many seconds whatever was committed is in a copy; None: not known."""
    if not replica.vouched or not replica.watermark.instant:
        return None
    current_at = datetime.fromisoformat(replica.watermark.instant)
    return max((clock.now() - current_at).total_seconds(), 0.0)


def lag_s(projector: Projector, clock: Clock) -> float | None:
    """Return how far figures are behind what is committed; None: another process projects."""
    current_at = projector.current_at
    return None if current_at is None else max((clock.now() - current_at).total_seconds(), 0.0)


def of_drift(checks: Checks) -> Part:
    """Return what tells of figures that were compared with the calls."""

    def collect() -> Iterable[Metric]:
        yield gauge(
            "drift_documents",
            "Documents of figures found wrong by the last comparison",
            checks.drift,
        )
        yield counter("drifted_documents", "Documents found wrong, and put right", checks.drifted)
        yield counter("compared_days", "Days counted anew and compared", checks.compared)

    return collect


def of_clients(sockets: Callable[[], SocketFigures]) -> Part:
    """Return what tells of Socket.IO's clients."""

    def collect() -> Iterable[Metric]:
        figures = sockets()
        yield gauge("sockets", "Socket.IO clients that are connected", figures.clients)
        yield counter("socket_writes", "Writes of updates to clients", figures.writes)
        yield counter(
            "socket_left_out", "Writes that were left out for slow clients", figures.left_out
        )

    return collect


def of_traffic(traffic: Traffic) -> Part:
    """Return what tells of requests and webhooks."""

    def collect() -> Iterable[Metric]:
        yield counters(
            "http_requests",
            "Requests answered, by route and class of status",
            ("route", "status"),
            traffic.requests().items(),
        )
        yield counters(
            "webhooks",
            "Webhooks answered, by vendor and outcome",
            ("vendor", "outcome"),
            traffic.webhooks().items(),
        )
        results = ("kept", "stored")
        reads = [
            ((view, result), count)
            for view in dict.fromkeys(VIEW_ROUTES.values())
            for result, count in zip(results, traffic.view_reads(view), strict=True)
        ]
        yield counters("view_reads", "Reads of views, and who answered", ("view", "result"), reads)

    return collect


def of_warming(look: Callable[[], WarmingStats]) -> Part:
    """Return what tells of loading ahead."""

    def collect() -> Iterable[Metric]:
        stats = look()
        loads = {
            "loaded": stats.warmed,
            "fresh": stats.already_warm,
            "failed": stats.failed,
            "dropped": stats.dropped,
        }
        guesses = {"right": stats.hits, "wrong": stats.misses}
        for name, said, values in (
            ("warming_reads", "Reads that warming wanted, and what became of them", loads),
            ("warming_guesses", "Guessed pages, opened within a minute or not", guesses),
        ):
            labelled = [((result,), value) for result, value in values.items()]
            yield counters(name, said, ("result",), labelled)
        yield counter("warming_opened", "Pages opened that could have been guessed", stats.opened)
        yield counter("warming_foreseen", "Those of them that had been guessed", stats.foreseen)
        yield gauge("warming_waiting", "Reads that warming will still do", stats.waiting)
        latency = GaugeMetricFamily(
            "callboard_warming_latency_seconds",
            "From a page's event until what was forecast of it is warm, of the latest 512",
            labels=["quantile"],
        )
        for quantile, ms in (("0.5", stats.latency_p50_ms), ("0.95", stats.latency_p95_ms)):
            if ms is not None:
                latency.add_metric([quantile], ms / 1_000)
        yield latency
        yield gauge("warming_budget_per_second", "How many loads it may begin", stats.budget_per_s)
        yield gauge(
            "warming_paused", "1 while warming rests because others need Redis", stats.paused
        )

    return collect


def of_alerts(
    firing: Callable[[], Mapping[str, int]], results: Callable[[], Mapping[str, int]]
) -> Part:
    """Return what tells of alerts; none fires in a process that does not judge."""

    def collect() -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "callboard_alerts_firing", "How much a rule fires for; while judging", labels=["rule"]
        )
        for rule, count in firing().items():
            family.add_metric([rule], count)
        yield family
        sent = [((result,), count) for result, count in results().items()]
        yield counters("alerts_sent", "Messages, and what came of sending them", ("result",), sent)

    return collect
