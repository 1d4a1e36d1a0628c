"""The whole examination: which engines and servers there are, and every look at them."""

import asyncio
import warnings
from dataclasses import dataclass
from pathlib import Path

from callboard.app.doctor.configuration import Given, configuration
from callboard.app.doctor.findings import Check, Finding, examine
from callboard.app.doctor.machine import machine, process_findings
from callboard.app.doctor.mongodb import MongoReport, look_at_mongodb
from callboard.app.doctor.redis import RedisReport, look_at_redis
from callboard.app.doctor.rendering import secrets_of, without_secrets
from callboard.app.doctor.signatures import signatures
from callboard.app.doctor.web import Outside, Target, server_checks
from callboard.app.replay import running_url
from callboard.clock import Clock
from callboard.embedded.folder import try_lock
from callboard.errors import ConfigurationError
from callboard.settings import Settings
from callboard.store import database as mongo
from callboard.views.diagnosis import RedisDiagnosis

__all__ = ["diagnose"]

_SELECTED_WITHIN_MS = 4_000
_MONGODB_URL = "mend it: mongodb://user:password@host1,host2/database?replicaSet=rs0"


@dataclass(frozen=True, slots=True)
class _Engines:
    """Where the engines are; None where there is nobody to ask."""

    mongodb: str | None
    redis: str | None
    redis_password: str | None


async def diagnose(
    settings: Settings, given: Given, target: Target, outside: Outside, clock: Clock
) -> list[Finding]:
    """Look at everything, side by side; no secret stands in what is found."""
    found: list[Finding] = []
    alone = [
        Check("settings.sources", lambda: configuration(settings, given)),
        Check("signatures.twilio", lambda: signatures(settings, clock)),
        Check("machine.open-files", lambda: machine(settings)),
    ]
    found += await examine(alone)
    engines, told = _find_engines(settings)
    found += told
    loop = asyncio.get_running_loop()
    store = loop.create_task(_store(settings, engines, clock))
    views = loop.create_task(_views(engines, clock))
    servers = loop.create_task(examine(server_checks(target, settings, outside, clock)))
    mongodb, redis = await store, await views
    found += mongodb.findings + redis.findings + _shared(mongodb, redis) + await servers
    if mongodb.projection is not None and mongodb.projection.owner is not None:
        found += process_findings(mongodb.projection.owner)
    return without_secrets(found, secrets_of(settings) | _also_secret(engines, target))


async def _store(settings: Settings, engines: _Engines, clock: Clock) -> MongoReport:
    if engines.mongodb is None:
        return MongoReport([])
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            database = mongo.connect(engines.mongodb, timeout_ms=_SELECTED_WITHIN_MS)
    except ConfigurationError as error:
        return MongoReport([Finding("fault", "mongodb.reachable", str(error), _MONGODB_URL)])
    report = await look_at_mongodb(settings, database, clock)
    report.findings += [
        Finding("warning", "settings.mongodb-url", f"MONGODB_URL: {each.message}", _MONGODB_URL)
        for each in said
    ]
    return report


async def _views(engines: _Engines, clock: Clock) -> RedisReport:
    if engines.redis is None:
        return RedisReport([])
    try:
        diagnosis = RedisDiagnosis(engines.redis, engines.redis_password, clock)
    except ConfigurationError as error:
        advice = "mend REDIS_URL: redis://host:6379/0, rediss:// for TLS, several by commas"
        return RedisReport([Finding("fault", "redis.reachable", str(error), advice)])
    return await look_at_redis(diagnosis, clock)


def _shared(mongodb: MongoReport, redis: RedisReport) -> list[Finding]:
    """Return whether the views are another installation's: their epoch is not our projector's."""
    heads = [head for head in (redis.heads or {}).values() if head is not None]
    projection = mongodb.projection
    if projection is None or not heads:
        return []
    newest = max(head.position.epoch for head in heads)
    if newest <= projection.epoch:
        return []
    what = "the views in Redis are of a later epoch than MongoDB's projector: another "
    what += "installation writes them"
    advice = "give each installation a Redis of its own; a database number is not enough"
    return [Finding("fault", "redis.shared", what, advice)]


def _find_engines(settings: Settings) -> tuple[_Engines, list[Finding]]:
    """Find the engines of the settings; the embedded ones run as long as their server does."""
    url = settings.mongodb_url.get_secret_value() if settings.mongodb_url else None
    redis = settings.redis_url.get_secret_value() if settings.redis_url else None
    password = settings.redis_password.get_secret_value() if settings.redis_password else None
    if url is not None and redis is not None:
        return _Engines(url, redis, password), []
    folder = settings.data_dir.resolve()
    if not _is_held(folder / "callboard.lock"):
        return _Engines(url, redis, password), [_nothing_runs(folder)]
    findings = [Finding("ok", "machine.data-folder", f"a callboard runs on {folder}")]
    if redis is None:
        redis, password = _valkey(folder)
    return _Engines(url or running_url(settings.data_dir), redis, password), findings


def _nothing_runs(folder: Path) -> Finding:
    what = f"no callboard runs on {folder}, so its engines cannot be looked at"
    advice = "start `callboard serve`, then look again"
    demos = [lock.stem for lock in sorted(folder.glob("demo-*.lock")) if _is_held(lock)]
    if demos:
        advice += f"; to look at the demo: CALLBOARD_DATA_DIR={folder / demos[0]} callboard doctor"
    return Finding("note", "machine.data-folder", what, advice, unseen=True)


def _is_held(path: Path) -> bool:
    """Tell whether somebody holds a lock; one that is not there is not made by looking."""
    try:
        if not path.exists():
            return False
        lock = try_lock(path)
    except OSError:
        return False
    if lock is not None:
        lock.close()
    return lock is None


def _valkey(folder: Path) -> tuple[str | None, str | None]:
    """Return URL and password of the embedded Valkey, which only its own user may read."""
    try:
        text = (folder / "valkey" / "valkey.conf").read_text("utf-8")
    except OSError:
        return None, None
    lines = dict(line.partition(" ")[::2] for line in text.splitlines())
    return f"redis://127.0.0.1:{lines.get('port', '')}/0", lines.get("requirepass")


def _also_secret(engines: _Engines, target: Target) -> set[str]:
    return {text for text in (engines.redis_password, target.key) if text}
