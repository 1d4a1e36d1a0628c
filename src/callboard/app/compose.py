"""The composition root: the only place that knows every part."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from starlette.types import ASGIApp

from callboard.app.adapters import StoreReads
from callboard.app.alerting import Alerting
from callboard.app.alerts import AlertsShown, Counted, Engines, alerting_of, require_usable
from callboard.app.caching import rows_of
from callboard.app.connections import Connections, connected, text_of
from callboard.app.keys import KeyRing, add_wall_link, first_admin_key, parse_keys
from callboard.app.lifecycle import Background, Lifecycle, Service
from callboard.app.observing import Observing, observing_of
from callboard.app.projection import Projecting, checks_of, projector_of
from callboard.app.schedule import Schedule
from callboard.app.warming import Around, Warming, warming_of
from callboard.app.web import WebServer
from callboard.clock import Clock
from callboard.delivery.api.context import Context
from callboard.delivery.application import api_of, application
from callboard.delivery.auth import Gate
from callboard.delivery.board import BoardReads
from callboard.delivery.guard import Limits
from callboard.delivery.known import Known
from callboard.delivery.problems import refusal
from callboard.delivery.replica import Replica
from callboard.delivery.sockets import Sockets
from callboard.delivery.within import Within
from callboard.domain.stale import StaleRule
from callboard.domain.webhooks import InboxEntry
from callboard.ingest.accept import ElevenLabsAcceptor, Inbox, TwilioAcceptor, TwilioKeys
from callboard.ingest.batcher import Batcher
from callboard.ingest.joiner import Joiner
from callboard.ingest.routes import BodyLimits, WebhookRoutes
from callboard.keyspaces import LIVE, VIEWS
from callboard.projection.projector import Projector
from callboard.projection.watch import StaleWatch
from callboard.settings import Settings
from callboard.store import database as mongo
from callboard.store.access import AccessStore
from callboard.store.facts import FactStore
from callboard.store.figures import FigureStore
from callboard.store.orphans import Orphans
from callboard.store.stale import OpenCalls
from callboard.store.warming import LearnedHabits
from callboard.views.reader import ViewReader

__all__ = ["Server"]

Runs = dict[str, Callable[[], Awaitable[None]]]
"""What goes on in the background, by name."""


@dataclass
class Server:
    """A whole callboard in one process."""

    settings: Settings
    clock: Clock
    host: str
    port: int
    else_any_port: bool = False
    """Whether a taken port means any free one."""
    made_key: str | None = None
    """The admin key's text when this start made it; shown once, never logged."""
    failed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a service has failed for good and the process should stop."""
    _lifecycles: list[Lifecycle] = field(default_factory=list)
    _web: WebServer | None = None

    @property
    def url(self) -> str:
        """Return where the board is served."""
        return self._web.url if self._web else f"http://{self.host}:{self.port}"

    async def start(self) -> None:
        """Start everything; returns when webhooks are taken and the board is served.

        Raises:
            ConfigurationError: the operator must act first.
            Unavailable: an engine of theirs does not answer.
        """
        self.settings.require_safe_for(self.host)
        require_usable(self.settings)
        rows_of(self.settings)
        self._web = WebServer(self.host, self.port, else_any=self.else_any_port)
        self._web.bind()
        try:
            connections = await connected(self.settings, self.clock, self._run)
            await self._services(self._web, connections)
        except BaseException:
            await self.stop()
            raise

    async def _services(self, web: WebServer, connections: Connections) -> None:
        """Build the pipe from its end to its beginning, and start it in that order."""
        settings, clock, zone = self.settings, self.clock, self.settings.zone
        database, caching = connections.database, connections.caching
        projecting = self._projecting(connections)
        projector, checks, replicas = projecting
        truth = StoreReads(database, FigureStore(database, zone), clock)
        cached = caching.reads(lambda: replicas[LIVE.name].vouched, truth.newest)
        reads = BoardReads(replicas, truth, zone, clock, cached)
        gate, ring, secret = await self._gate(database)
        limits = Limits(clock, requests_per_s=settings.requests_per_s, proxies=settings.proxies)
        sockets = Sockets(reads, gate, limits, settings.origins, clock)
        observing = observing_of(settings, clock, connections, projecting, sockets)
        alerting, alerts = self._alerting(connections, projecting, observing)
        waited: list[Warming] = []
        context = Context(
            reads,
            Known(clock),
            truth,
            gate,
            clock,
            settings.timezone,
            (settings.public_url or "").startswith("https://"),
            _readiness(replicas, database, waited),
            observing.metrics.render,
            alerts.payload,
            alerts.rules,
            observing.system.told,
            lambda minutes: add_wall_link(AccessStore(database), clock, minutes),
            settings.public_url or "",
            observing.admin,
            calls_per_s=settings.calls_per_s,
            concurrency_limit=settings.concurrency,
        )
        api = api_of(context)
        within, around = Within(api), _around(projecting, reads, secret)
        habits, predicts = LearnedHabits(database), settings.predictive_warming == "on"
        warming = await warming_of(within, caching.rows, habits, clock, around, predicts=predicts)
        waited.append(warming)
        observing.complete(within, warming, alerting, alerts)
        board = application(
            api, context, sockets.server, settings.origins, limits, told=warming.read
        )
        inbox, ingesting = self._ingesting(database, projector)
        vendors = connections.traces.requests(self._webhooks(web, inbox, board))
        web.app = observing.traffic.around(vendors)
        runs = {
            "projector": projector.run,
            "invalidation": caching.run,
            "checks": checks.run,
            **{f"replica:{name}": replica.run for name, replica in replicas.items()},
            "sockets": sockets.run,
            **ingesting,
            "alerts": alerting.run,
            "warming": warming.run,
            **observing.runs(),
            "access": lambda: ring.watch(gate),
        }
        parts = [Background(name, run, clock, self.failed) for name, run in runs.items()]
        await self._run([*parts, Schedule(checks, zone, settings.drift_check_s), web])

    def _projecting(self, connections: Connections) -> Projecting:
        """Return the projector, what checks its figures, and the copies of its views."""
        settings, clock, database = self.settings, self.clock, connections.database
        projector = projector_of(
            settings,
            clock,
            database,
            connections.writer,
            connections.caching.invalidator,
            connections.traces.figures(database, settings.zone),
        )
        replicas = {
            space.name: Replica(
                space.name,
                ViewReader(connections.client, space),
                clock,
                settings.delta_log_length,
            )
            for space in VIEWS
        }
        return projector, checks_of(projector, database, clock), replicas

    def _alerting(
        self, connections: Connections, projecting: Projecting, observing: Observing
    ) -> tuple[Alerting, AlertsShown]:
        """Return what judges, and what people see of it."""
        has_cache = connections.caching.cache is not None
        counted = Counted.by(observing.traffic, connections.stats, has_cache=has_cache)
        engines = Engines(connections.database, connections.client)
        return alerting_of(self.settings, self.clock, engines, projecting, counted)

    def _ingesting(
        self, database: mongo.MongoDatabase, projector: Projector
    ) -> tuple[Inbox, Runs]:
        """Return where webhooks go, and what must run for it."""
        settings = self.settings
        batcher: Batcher[InboxEntry] = Batcher(
            FactStore(database).commit,
            batch_length_max=settings.batch_length_max,
            waiting_max=settings.waiting_max,
        )
        joiner = Joiner(Orphans(database))
        watch = StaleWatch(
            OpenCalls(database),
            self.clock,
            _stale_rule(settings),
            is_leading=projector.leading.is_set,
        )
        runs: Runs = {"batcher": batcher.run, "joiner": joiner.run, "watch": watch.run}
        return Inbox(batcher.submit, batcher.submit_all, joiner), runs

    def _webhooks(self, web: WebServer, inbox: Inbox, otherwise: ASGIApp) -> WebhookRoutes:
        """Return the vendors' routes, in front of the web application."""
        settings, clock = self.settings, self.clock
        check_signatures = settings.webhook_signatures == "on"
        twilio = TwilioAcceptor(
            inbox,
            clock,
            keys=TwilioKeys(text_of(settings.twilio_auth_token) or None, settings.shared_keys),
            check_signatures=check_signatures,
            public_url=lambda: settings.public_url or web.url,
        )
        elevenlabs = ElevenLabsAcceptor(
            inbox,
            clock,
            secrets=settings.elevenlabs_secrets,
            check_signatures=check_signatures,
            tolerance_s=settings.elevenlabs_tolerance_s,
            variables=settings.elevenlabs_dynamic_variables,
        )
        limits = BodyLimits(
            settings.webhook_bytes_max, settings.elevenlabs_bytes_max, settings.receiving_bytes_max
        )
        return WebhookRoutes(twilio, elevenlabs, limits, refuse=refusal, otherwise=otherwise)

    async def _gate(self, database: mongo.MongoDatabase) -> tuple[Gate, KeyRing, bytes]:
        """Return who may come in, and the secret of their sessions.

        Makes the first admin key when the settings name nobody.
        """
        access = AccessStore(database)
        enabled = self.settings.auth == "on"
        named = parse_keys(text_of(self.settings.api_keys))
        if enabled and not named:
            _, self.made_key = await first_admin_key(access)
        ring = KeyRing(access, named)
        secret = await access.session_secret()
        gate = Gate(await ring.keys(), secret, self.clock, enabled=enabled, redeem=ring.redeem)
        return gate, ring, secret

    async def _run(self, services: list[Service]) -> None:
        lifecycle = Lifecycle(services, drain_s=self.settings.drain_s)
        self._lifecycles.append(lifecycle)
        await lifecycle.start()

    async def stop(self) -> None:
        """Stop everything in reverse: the web first, the engines last."""
        while self._lifecycles:
            await self._lifecycles.pop().stop()


def _readiness(
    replicas: Mapping[str, Replica], database: mongo.MongoDatabase, waited: Sequence[Warming]
) -> Callable[[], Awaitable[dict[str, str]]]:
    """Return a look at what is not ready, and why."""

    async def look() -> dict[str, str]:
        missing = {
            f"view:{name}": "no projector vouches for it"
            for name, replica in replicas.items()
            if not replica.vouched
        }
        if not await mongo.answers(database):
            missing["mongodb"] = "it does not answer"
        if not all(warming.is_ready for warming in waited):
            missing["warming"] = "what the first visitors need is being loaded"
        return missing

    return look


def _around(projecting: Projecting, reads: BoardReads, secret: bytes) -> Around:
    """Return what warming needs to know of the process."""
    projector, _, replicas = projecting
    return Around(
        replicas,
        projector.leading.is_set,
        people_waiting=lambda: reads.cached.waiting,
        today=lambda: date.fromisoformat(reads.today()),
        secret=secret,
        keeps=reads.cached.enabled,
    )


def _stale_rule(settings: Settings) -> StaleRule:
    """Return how long calls may be silent."""
    return StaleRule(
        ringing_s=settings.stale_ringing_s,
        connected_s=settings.stale_connected_s,
        unconfirmed_ringing_s=settings.unconfirmed_ringing_s,
        unconfirmed_s=settings.unconfirmed_s,
    )
