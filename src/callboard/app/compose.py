"""The composition root: the only place that knows every part."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog
from starlette.types import ASGIApp

from callboard.app.adapters import StoreReads
from callboard.app.keys import KeyRing, first_admin_key, parse_keys
from callboard.app.lifecycle import Background, Lifecycle, Service
from callboard.app.metrics import Metrics
from callboard.app.projection import checks_of, projector_of
from callboard.app.schedule import Schedule
from callboard.app.web import WebServer
from callboard.cache.transport import Transport
from callboard.clock import Clock
from callboard.delivery.api.context import Context
from callboard.delivery.application import application
from callboard.delivery.auth import Gate
from callboard.delivery.board import BoardReads
from callboard.delivery.guard import Limits
from callboard.delivery.problems import refusal
from callboard.delivery.replica import Replica
from callboard.delivery.sockets import Sockets
from callboard.domain.stale import StaleRule
from callboard.domain.webhooks import InboxEntry
from callboard.embedded.folder import DataFolder
from callboard.embedded.mongod import EmbeddedMongo
from callboard.embedded.valkey import EmbeddedValkey
from callboard.ingest.accept import ElevenLabsAcceptor, Inbox, TwilioAcceptor, TwilioKeys
from callboard.ingest.batcher import Batcher
from callboard.ingest.joiner import Joiner
from callboard.ingest.routes import BodyLimits, WebhookRoutes
from callboard.keyspaces import VIEWS
from callboard.projection.watch import StaleWatch
from callboard.settings import Settings
from callboard.store import database as mongo
from callboard.store.access import AccessStore
from callboard.store.facts import FactStore
from callboard.store.figures import FigureStore
from callboard.store.orphans import Orphans
from callboard.store.stale import OpenCalls
from callboard.views import connection as redis
from callboard.views.reader import ViewReader

__all__ = ["Server"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Connections:
    """The drivers' connections, closed after everybody who uses them."""

    database: mongo.MongoDatabase
    client: redis.RedisClient
    writer: Transport
    name: str = "connections"

    async def start(self) -> None:
        """They are open already."""

    async def stop(self) -> None:
        """Close them."""
        await self.writer.close()
        await self.client.aclose()
        await self.database.client.close()


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
        self._web = WebServer(self.host, self.port, else_any=self.else_any_port)
        self._web.bind()
        try:
            connections = await self._engines()
            await self._services(self._web, connections)
        except BaseException:
            await self.stop()
            raise

    async def _engines(self) -> _Connections:
        """Start or find MongoDB and Redis."""
        settings = self.settings
        embedded: list[Service] = []
        embedded_mongo = embedded_valkey = None
        if settings.mongodb_url is None:
            embedded_mongo = EmbeddedMongo(settings.data_dir, self.clock)
            embedded.append(embedded_mongo)
        if settings.redis_url is None:
            embedded_valkey = EmbeddedValkey(settings.data_dir, self.clock)
            embedded.append(embedded_valkey)
        if embedded:
            await self._run([DataFolder(settings.data_dir), *embedded])
            names = [service.name for service in embedded]
            _log.info("engines.started", engines=names, data=str(settings.data_dir.resolve()))
        mongo_url = embedded_mongo.url if embedded_mongo else _secret(settings.mongodb_url)
        database = mongo.connect(mongo_url)
        await mongo.prepare(
            database,
            {
                "webhooks": ("receivedAt", settings.webhooks_kept_days),
                "calls": ("startTime", settings.calls_kept_days),
            },
        )
        if embedded_valkey:
            url, password = embedded_valkey.url, embedded_valkey.password
        else:
            url, password = _secret(settings.redis_url), _secret(settings.redis_password)
        client = await redis.connect(url, password or None)
        writer = await redis.connect_writer(url, password or None)
        connections = _Connections(database, client, writer)
        await self._run([connections])
        return connections

    async def _services(self, web: WebServer, connections: _Connections) -> None:
        """Build the pipe from its end to its beginning, and start it in that order."""
        settings, clock, zone = self.settings, self.clock, self.settings.zone
        database, client = connections.database, connections.client
        figures = FigureStore(database, zone)
        projector = projector_of(settings, clock, database, connections.writer)
        replicas = {
            space.name: Replica(
                space.name, ViewReader(client, space), clock, settings.delta_log_length
            )
            for space in VIEWS
        }
        truth = StoreReads(database, figures, clock)
        reads = BoardReads(replicas, truth, zone, clock)
        gate, ring = await self._gate(database)
        limits = Limits(clock, requests_per_s=settings.requests_per_s, proxies=settings.proxies)
        sockets = Sockets(reads, gate, limits, settings.origins, clock)
        batcher: Batcher[InboxEntry] = Batcher(
            FactStore(database).commit,
            batch_length_max=settings.batch_length_max,
            waiting_max=settings.waiting_max,
        )
        joiner = Joiner(Orphans(database))
        watch = StaleWatch(
            OpenCalls(database), clock, _stale_rule(settings), is_leading=projector.leading.is_set
        )
        secure = (settings.public_url or "").startswith("https://")
        ready = _readiness(replicas, database)
        checks = checks_of(projector, database, clock)
        metrics = Metrics(projector, checks, replicas, sockets.figures, clock)
        context = Context(
            reads, truth, gate, clock, settings.timezone, secure, ready, metrics.render
        )
        inbox = Inbox(batcher.submit, batcher.submit_all, joiner)
        board = application(context, sockets.server, settings.origins, limits)
        web.app = self._webhooks(web, inbox, board)
        runs = {
            "projector": projector.run,
            "checks": checks.run,
            **{f"replica:{name}": replica.run for name, replica in replicas.items()},
            "sockets": sockets.run,
            "batcher": batcher.run,
            "joiner": joiner.run,
            "watch": watch.run,
            "access": lambda: ring.watch(gate),
        }
        background = [Background(name, run, clock, self.failed) for name, run in runs.items()]
        schedule = Schedule(checks, zone, settings.drift_check_s)
        await self._run([*background, schedule, web])

    def _webhooks(self, web: WebServer, inbox: Inbox, otherwise: ASGIApp) -> WebhookRoutes:
        """Return the vendors' routes, in front of the web application."""
        settings, clock = self.settings, self.clock
        check_signatures = settings.webhook_signatures == "on"
        twilio = TwilioAcceptor(
            inbox,
            clock,
            keys=TwilioKeys(_secret(settings.twilio_auth_token) or None, settings.shared_keys),
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

    async def _gate(self, database: mongo.MongoDatabase) -> tuple[Gate, KeyRing]:
        """Return who may come in; makes the first admin key when the settings name nobody."""
        access = AccessStore(database)
        enabled = self.settings.auth == "on"
        named = parse_keys(_secret(self.settings.api_keys))
        if enabled and not named:
            _, self.made_key = await first_admin_key(access)
        ring = KeyRing(access, named)
        secret = await access.session_secret()
        gate = Gate(await ring.keys(), secret, self.clock, enabled=enabled, redeem=ring.redeem)
        return gate, ring

    async def _run(self, services: list[Service]) -> None:
        lifecycle = Lifecycle(services, drain_s=self.settings.drain_s)
        self._lifecycles.append(lifecycle)
        await lifecycle.start()

    async def stop(self) -> None:
        """Stop everything in reverse: the web first, the engines last."""
        while self._lifecycles:
            await self._lifecycles.pop().stop()


def _readiness(
    replicas: Mapping[str, Replica], database: mongo.MongoDatabase
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
        return missing

    return look


def _stale_rule(settings: Settings) -> StaleRule:
    """Return how long calls may be silent."""
    return StaleRule(
        ringing_s=settings.stale_ringing_s,
        connected_s=settings.stale_connected_s,
        unconfirmed_ringing_s=settings.unconfirmed_ringing_s,
        unconfirmed_s=settings.unconfirmed_s,
    )


def _secret(value: object) -> str:
    """Return a secret's text, empty when it is unset."""
    read = getattr(value, "get_secret_value", None)
    return read() if read is not None else ""
