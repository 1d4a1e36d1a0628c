"""What `/metrics` tells: gauges that are read when somebody asks.

Names and labels are a contract (docs/operating.md); every label has few values.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from callboard.clock import Clock
from callboard.delivery.replica import Replica
from callboard.delivery.sockets import SocketFigures
from callboard.projection.checks import Checks
from callboard.projection.projector import Projector

__all__ = ["Metrics"]


class Metrics(Collector):
    """Collects from the parts of one process."""

    def __init__(
        self,
        projector: Projector,
        checks: Checks,
        replicas: Mapping[str, Replica],
        sockets: Callable[[], SocketFigures],
        clock: Clock,
    ) -> None:
        self._projector = projector
        self._checks = checks
        self._replicas = replicas
        self._sockets = sockets
        self._clock = clock
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def render(self) -> bytes:
        """Return Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """Yield every metric as it is now."""
        yield from self._projection()
        yield from self._staleness()
        yield from self._drift()
        yield from self._clients()

    def _projection(self) -> Iterable[Metric]:
        leading = GaugeMetricFamily(
            "callboard_projection_leading", "1 in the process that projects, else 0"
        )
        leading.add_metric([], float(self._projector.leading.is_set()))
        yield leading
        lag = GaugeMetricFamily(
            "callboard_projection_lag_seconds",
            "Age of the newest commit that may not be in the figures yet; while leading",
        )
        if (current_at := self._projector.current_at) is not None:
            lag.add_metric([], (self._clock.now() - current_at).total_seconds())
        yield lag

    def _staleness(self) -> Iterable[Metric]:
        bound = GaugeMetricFamily(
            "callboard_staleness_bound_seconds",
            "What was committed before so many seconds is in this process' copy of the view",
            labels=["view"],
        )
        vouched = GaugeMetricFamily(
            "callboard_view_vouched", "1 while a projector stands behind it", labels=["view"]
        )
        for name, replica in self._replicas.items():
            vouched.add_metric([name], float(replica.vouched))
            if replica.vouched and replica.watermark.instant:
                current_at = datetime.fromisoformat(replica.watermark.instant)
                age_s = (self._clock.now() - current_at).total_seconds()
                bound.add_metric([name], max(age_s, 0.0))
        yield vouched
        yield bound

    def _clients(self) -> Iterable[Metric]:
        figures = self._sockets()
        clients = GaugeMetricFamily("callboard_sockets", "Socket.IO clients that are connected")
        clients.add_metric([], figures.clients)
        yield clients
        for name, help_text, value in (
            ("socket_writes", "Writes of updates to clients", figures.writes),
            ("socket_left_out", "Writes that were left out for slow clients", figures.left_out),
        ):
            total = CounterMetricFamily(f"callboard_{name}", help_text)
            total.add_metric([], value)
            yield total

    def _drift(self) -> Iterable[Metric]:
        drift = GaugeMetricFamily(
            "callboard_drift_documents", "Documents of figures found wrong by the last comparison"
        )
        drift.add_metric([], self._checks.drift)
        yield drift
        for name, help_text, value in (
            ("drifted_documents", "Documents found wrong, and put right", self._checks.drifted),
            ("compared_days", "Days counted anew and compared", self._checks.compared),
        ):
            total = CounterMetricFamily(f"callboard_{name}", help_text)
            total.add_metric([], value)
            yield total
