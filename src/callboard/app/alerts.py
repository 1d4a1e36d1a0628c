"""Alerts put together: what the server runs, what the API shows, what the command line asks."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callboard.alerts.backtest import Backtest, backtest
from callboard.alerts.changed import rules_of
from callboard.alerts.readings import Readings, looks_of
from callboard.alerts.rules import Rule
from callboard.alerts.stored import state_of
from callboard.alerts.words import condition_of
from callboard.app.alert_readings import Collector, Counts, Parts, Reads
from callboard.app.alert_sending import Sending, targets_of
from callboard.app.alerting import LOOK_EVERY_S, Alerting, Judging
from callboard.app.projection import Projecting
from callboard.app.replay import running_url
from callboard.app.traffic import Traffic
from callboard.clock import Clock, isoformat_z
from callboard.delivery.replica import Replica
from callboard.errors import ConfigurationError
from callboard.observe.cachestats import CacheStats
from callboard.settings import Settings
from callboard.store import database as mongo
from callboard.store.alerts import AlertStore
from callboard.views.connection import RedisClient

__all__ = [
    "AlertsShown",
    "Counted",
    "Engines",
    "ReplicaView",
    "alert_store",
    "alerting_of",
    "would_have_fired",
]

_RECENT_MAX = 50
_REDIS_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class Engines:
    """The two that may be down."""

    database: mongo.MongoDatabase
    redis: RedisClient

    async def mongodb_answers(self) -> bool:
        """Tell whether MongoDB takes commands right now."""
        return await mongo.answers(self.database)

    async def redis_answers(self) -> bool:
        """Tell whether Redis takes commands right now."""
        try:
            async with asyncio.timeout(_REDIS_TIMEOUT_S):
                await self.redis.ping()
        except Exception:  # whatever the driver calls it: it does not answer
            return False
        return True


@dataclass(frozen=True)
class ReplicaView:
    """A replica as the collector looks at it."""

    replica: Replica

    @property
    def vouched(self) -> bool:
        """Tell whether somebody vouches for it."""
        return self.replica.vouched

    @property
    def items(self) -> Mapping[str, Any]:
        """Return the decoded items by key."""
        return self.replica.items

    @property
    def current_at(self) -> datetime | None:
        """Return an instant before which every commit is in it."""
        instant = self.replica.watermark.instant
        return datetime.fromisoformat(instant) if instant else None


@dataclass(frozen=True)
class Counted:
    """What others count, if somebody does; see `Parts`."""

    webhooks: Counts | None = None
    cache_reads: Reads | None = None

    @classmethod
    def by(cls, traffic: Traffic, stats: CacheStats, *, has_cache: bool) -> "Counted":
        """Return what the process counts anyway."""

        def reads() -> tuple[float, float]:
            found = stats.all()
            # Those without Redis are left out: that it is down is told by a rule of its own.
            return found.hits, found.missed

        return cls(traffic.webhooks, reads if has_cache else None)


def require_usable(settings: Settings) -> None:
    """Refuse rules and addresses that cannot be used, before anything is started.

    Raises:
        ConfigurationError: `CALLBOARD_ALERTS` or `CALLBOARD_ALERT_URLS` cannot be used.
    """
    rules_of(settings.alerts, settings.concurrency)
    targets_of(_urls(settings))


def _urls(settings: Settings) -> str:
    return settings.alert_urls.get_secret_value() if settings.alert_urls is not None else ""


def alerting_of(
    settings: Settings,
    clock: Clock,
    engines: Engines,
    projection: Projecting,
    counted: Counted | None = None,
) -> tuple[Alerting, "AlertsShown"]:
    """Return the alert engine of one process, and what the API shows of it.

    Raises:
        ConfigurationError: `CALLBOARD_ALERTS` or `CALLBOARD_ALERT_URLS` cannot be used.
    """
    rules = rules_of(settings.alerts, settings.concurrency)
    projector, checks, replicas = projection
    counted = counted or Counted()
    parts = Parts(
        views={name: ReplicaView(replica) for name, replica in replicas.items()},
        current_at=lambda: projector.current_at,
        drift=lambda: checks.drift if checks.compared else None,
        redis=engines.redis_answers,
        mongodb=engines.mongodb_answers,
        vendors=vendors_of(settings),
        webhooks=counted.webhooks,
        cache_reads=counted.cache_reads,
    )
    store = AlertStore(engines.database)
    collector = Collector(parts, store, secrets.token_hex(8), clock)
    sending = Sending(store, targets_of(_urls(settings)), clock, settings.public_url or "")
    judging = Judging(rules, settings.zone, projector.leading.is_set)
    return Alerting(store, collector, sending, judging, LOOK_EVERY_S), AlertsShown(store, rules)


def vendors_of(settings: Settings) -> list[str]:
    """Return the vendors whose webhooks can be checked, and so are expected."""
    has_twilio = settings.twilio_auth_token is not None or settings.shared_keys
    found = {"twilio": has_twilio, "elevenlabs": settings.elevenlabs_secrets}
    return [vendor for vendor, expected in found.items() if expected]


class AlertsShown:
    """What people see of alerts; any process can tell."""

    def __init__(self, store: AlertStore, rules: Sequence[Rule]) -> None:
        self._store = store
        self._rules = {rule.name: rule for rule in rules}

    async def firing(self) -> list[tuple[str, str]]:
        """Return rule and label of what fires.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        return list(state_of((await self._store.state()).document).firing)

    async def payload(self) -> Mapping[str, Any]:
        """Return what fires and what was told last.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        state = state_of((await self._store.state()).document)
        firing = [
            {
                "rule": name,
                "label": label,
                "severity": rule.severity,
                "title": rule.title,
                "seen": watched.shown,
                "advice": rule.advice,
                "since": _text(watched.fired_at),
                "clearing": watched.phase == "clearing",
            }
            for (name, label), watched in sorted(state.firing.items())
            if (rule := self._rules.get(name)) is not None
        ]
        recent = [_told(document) for document in await self._store.recent(_RECENT_MAX)]
        return {"judgedAt": _text(state.at), "firing": firing, "recent": recent}

    def rules(self) -> Mapping[str, Any]:
        """Return the rules in force, in words."""
        shown = [
            {
                "name": rule.name,
                "title": rule.title,
                "severity": rule.severity,
                "condition": condition_of(rule),
                "forS": rule.for_s,
                "clearForS": rule.clear_for_s,
                "minimum": rule.minimum or None,
                "advice": rule.advice,
            }
            for rule in self._rules.values()
        ]
        return {"rules": shown}


def _told(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": document["_id"],
        "rule": document["rule"],
        "label": document["label"],
        "kind": document["kind"],
        "severity": document["severity"],
        "title": document["title"],
        "seen": document["shown"],
        "at": _text(document["at"]),
        "firedAt": _text(document["fired_at"]),
        "sent": [_sent(message) for message in document["sent"]],
    }


def _sent(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "target": message["target"],
        "state": message["state"],
        "attempts": message["attempts"],
        "sentAt": _text(message.get("sentAt")),
        "error": message.get("error"),
    }


def _text(at: datetime | None) -> str | None:
    return isoformat_z(at) if at is not None else None


async def would_have_fired(
    store: AlertStore, rules: Sequence[Rule], settings: Settings, since: datetime, until: datetime
) -> Backtest:
    """Judge the stored looks of a stretch of time by rules.

    Raises:
        StoreUnavailable: MongoDB does not answer.
    """
    looks: list[Readings] = []
    async for document in store.looks(since, until):
        looks.extend(looks_of(document))
    # Documents of two processes may overlap around a change of the lead.
    return backtest(rules, settings.zone, sorted(looks, key=lambda look: look.at))


@contextlib.asynccontextmanager
async def alert_store(settings: Settings) -> AsyncIterator[AlertStore]:
    """Open the store of the settings; the embedded one beside the server that runs it.

    Raises:
        ConfigurationError: there is no such store.
    """
    if settings.mongodb_url is not None:
        url = settings.mongodb_url.get_secret_value()
    elif (running := running_url(settings.data_dir)) is not None:
        url = running
    else:
        message = f"no callboard runs on {settings.data_dir.resolve()}: start `callboard serve`"
        raise ConfigurationError(message)
    database = mongo.connect(url)
    try:
        yield AlertStore(database)
    finally:
        await database.client.close()
