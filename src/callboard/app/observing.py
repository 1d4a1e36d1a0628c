"""What a process tells of itself: its counts, `/metrics` and the admin routes' cache."""

from dataclasses import dataclass

from callboard.app.alerting import Alerting
from callboard.app.cacheadmin import Administered, KeyCounts, Observed
from callboard.app.cachemetrics import LinkOf, of_cache
from callboard.app.connections import Connections
from callboard.app.metrics import (
    Metrics,
    of_alerts,
    of_clients,
    of_drift,
    of_projection,
    of_traffic,
    of_views,
    of_warming,
)
from callboard.app.projection import Projecting
from callboard.app.traffic import Traffic
from callboard.app.warming import Warming
from callboard.clock import Clock
from callboard.delivery.sockets import Sockets
from callboard.delivery.within import Within
from callboard.settings import Settings
from callboard.views.keycounts import RedisCounts

__all__ = ["Observing", "observing_of"]


@dataclass(frozen=True)
class Observing:
    """One process' counts, and who is told of them."""

    traffic: Traffic
    metrics: Metrics
    admin: Administered

    def complete(self, within: Within, warming: Warming, alerting: Alerting) -> None:
        """Take in the parts that need the routes to be made."""
        self.admin.ask = within.warm
        self.admin.warming = lambda: warming.stats().to_json()
        alerts = of_alerts(lambda: alerting.firing, lambda: alerting.results)
        self.metrics.add(of_warming(warming.stats), alerts)


def observing_of(
    settings: Settings,
    clock: Clock,
    connections: Connections,
    parts: Projecting,
    sockets: Sockets,
) -> Observing:
    """Return what tells of the parts of a process."""
    projector, checks, replicas = parts
    caching, stats, traffic = connections.caching, connections.stats, Traffic()
    metrics = Metrics(
        of_projection(projector, clock),
        of_views(replicas, clock),
        of_drift(checks),
        of_clients(sockets.figures),
        of_traffic(traffic),
    )
    if caching.cache is not None:
        link = LinkOf(caching.cache, caching.rows)
        metrics.add(of_cache(stats, link, list(caching.rows)))
    keys = KeyCounts(RedisCounts(connections.client), clock)
    observed = Observed(stats, traffic, replicas, keys, lambda: checks.drift, settings.zone)
    return Observing(traffic, metrics, Administered(caching, observed, clock))
