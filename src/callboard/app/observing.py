"""What a process tells of itself: its counts, `/metrics` and the admin routes' cache."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from callboard.app.alerting import Alerting
from callboard.app.alerts import AlertsShown, Engines, vendors_of
from callboard.app.cacheadmin import Administered, KeyCounts, Observed
from callboard.app.cachemetrics import LinkOf, of_cache
from callboard.app.connections import Connections
from callboard.app.feeds import Feeds
from callboard.app.metrics import (
    Metrics,
    lag_s,
    of_alerts,
    of_clients,
    of_drift,
    of_projection,
    of_traffic,
    of_views,
    of_warming,
)
from callboard.app.projection import Projecting
from callboard.app.system import Seen, System
from callboard.app.traffic import Traffic
from callboard.app.warming import Warming
from callboard.clock import Clock
from callboard.delivery.sockets import Sockets
from callboard.delivery.within import Within
from callboard.settings import Settings
from callboard.store.alerts import AlertStore
from callboard.views.keycounts import RedisCounts

__all__ = ["Observing", "observing_of"]


@dataclass(frozen=True)
class Observing:
    """One process' counts, and who is told of them."""

    traffic: Traffic
    metrics: Metrics
    admin: Administered
    feeds: Feeds
    system: System
    sockets: Sockets

    def runs(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return what must run for it."""
        return {"feeds": self.feeds.run, "system": self.system.run}

    def complete(
        self, within: Within, warming: Warming, alerting: Alerting, alerts: AlertsShown
    ) -> None:
        """Take in the parts that need the routes to be made."""
        self.system.firing = alerts.firing
        self.system.warming = warming.told
        self.sockets.on_page = warming.opened
        self.admin.ask = within.warm
        self.admin.warming = lambda: warming.stats().to_json()
        told = of_alerts(lambda: alerting.firing, lambda: alerting.results)
        self.metrics.add(of_warming(warming.stats), told)


def observing_of(
    settings: Settings,
    clock: Clock,
    connections: Connections,
    parts: Projecting,
    sockets: Sockets,
) -> Observing:
    """Return what tells of the parts of a process."""
    projector, checks, replicas = parts
    caching, stats, traffic = connections.caching, connections.stats, Traffic(clock)
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
    feeds = Feeds(traffic, AlertStore(connections.database), vendors_of(settings), clock)
    seen = Seen(
        feeds,
        traffic,
        stats,
        replicas,
        Engines(connections.database, connections.client),
        lag_s=lambda: lag_s(projector, clock),
        drift=lambda: checks.drift if checks.compared else None,
        clients=lambda: sockets.figures().clients,
        limits={"callsPerS": settings.calls_per_s, "concurrency": settings.concurrency},
        has_cache=caching.cache is not None,
    )
    admin = Administered(caching, observed, clock)
    return Observing(traffic, metrics, admin, feeds, System(seen, clock), sockets)
