"""A running server, looked at from outside: alive, ready, and what its metrics say."""

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import urlsplit

import httpx
import orjson
from prometheus_client.parser import text_string_to_metric_families

from callboard.app.doctor.findings import Check, Finding, Level
from callboard.app.doctor.mongodb_facts import clock_finding
from callboard.app.doctor.signatures import refusals
from callboard.app.doctor.words import span_of
from callboard.clock import Clock
from callboard.errors import Unavailable
from callboard.settings import Settings, is_loopback

__all__ = [
    "Answer",
    "HttpOutside",
    "Outside",
    "Target",
    "metric_findings",
    "read_metrics",
    "server_checks",
]

Samples = Mapping[str, list[tuple[Mapping[str, str], float]]]

_WITHIN_S = 4.0
_OK, _UNAVAILABLE, _WRONG_KEY = 200, 503, (401, 403, 429)
_STALE_WARNING_S, _STALE_FAULT_S = 10.0, 60.0
_DATE_GRAIN_S = 1.0
_LATE_PUSH_S = 2.0
_NOT_READY = {
    "mongodb": "see mongodb.reachable; webhooks get 503 until it answers",
    "view": "see redis.* and mongodb.projector; answers come from MongoDB until then",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outside(Protocol):
    """The way to servers."""

    async def get(self, url: str, key: str | None = None) -> Answer:
        """Return the answer to a GET; raises `Unavailable` when there is none."""


@dataclass(frozen=True, slots=True)
class Target:
    """The server that is looked at."""

    url: str
    key: str | None
    is_named: bool
    """Whether somebody named it, so that it must be there."""


class HttpOutside:
    """The network."""

    async def get(self, url: str, key: str | None = None) -> Answer:
        """Ask once; redirections are answers, too."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            async with httpx.AsyncClient(timeout=_WITHIN_S, trust_env=False) as client:
                answer = await client.get(url, headers=headers)
        except httpx.TimeoutException as error:
            message = f"it was silent for {_WITHIN_S:g} s"
            raise Unavailable(message) from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise Unavailable(str(error) or type(error).__name__) from error
        return Answer(answer.status_code, dict(answer.headers), answer.content)


def server_checks(
    target: Target, settings: Settings, outside: Outside, clock: Clock
) -> Iterator[Check]:
    """Return the looks at a server and at the way to it."""
    look = _Server(target, settings, outside, clock)
    yield Check("server.reachable", look.server, 12.0)
    public = settings.public_url
    if public is not None and not is_loopback(urlsplit(public).hostname or ""):
        yield Check("server.public-url", look.public_url, 6.0, hangs="warning")


def _is_alive(answer: Answer) -> bool:
    """Tell whether this is what our `/healthz` answers."""
    try:
        return answer.status == _OK and orjson.loads(answer.body) == {"status": "ok"}
    except orjson.JSONDecodeError:
        return False


class _Server:
    def __init__(self, target: Target, settings: Settings, outside: Outside, clock: Clock) -> None:
        self._target = target
        self._settings = settings
        self._outside = outside
        self._clock = clock

    async def server(self) -> AsyncIterator[Finding]:
        """Look at the server itself."""
        target, url = self._target, self._target.url
        try:
            alive = await self._outside.get(f"{url}/healthz")
        except Unavailable as error:
            what = f"no callboard answers at {url}: {error}"
            if target.is_named:
                advice = "start it, or name the URL it listens on"
                yield Finding("fault", "server.reachable", what, advice)
            else:
                advice = "start `callboard serve`, or name the server: --url http://…"
                yield Finding("note", "server.reachable", what, advice, unseen=True)
            return
        if not _is_alive(alive):
            what = f"something else answers at {url}"
            level: Level = "fault" if target.is_named else "note"
            advice = "name the server: --url http://…"
            yield Finding(level, "server.reachable", what, advice, unseen=True)
            return
        yield Finding("ok", "server.reachable", f"a callboard answers at {url}")
        clock_is_off = False
        for finding in self._clock_of(alive):
            clock_is_off = finding.level != "ok"
            yield finding
        async for finding in self._ready():
            yield finding
        async for finding in self._metrics(clock_is_off=clock_is_off):
            yield finding

    def _clock_of(self, alive: Answer) -> Iterator[Finding]:
        with contextlib.suppress(ValueError, TypeError):
            told = parsedate_to_datetime(alive.headers.get("date", ""))
            now: datetime = self._clock.now()
            # The header's second has been going on for up to one.
            ahead_s = (told.astimezone(UTC) - now).total_seconds() + _DATE_GRAIN_S / 2
            yield clock_finding("server", ahead_s, _DATE_GRAIN_S)

    async def _ready(self) -> AsyncIterator[Finding]:
        ready = await self._outside.get(f"{self._target.url}/readyz")
        if ready.status == _OK:
            yield Finding("ok", "server.ready", "it is ready")
            return
        try:
            waiting = orjson.loads(ready.body)["waitingFor"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            waiting = {"readiness": f"status {ready.status}"}
        by_reason: dict[tuple[str, str], list[str]] = {}
        for part, why in waiting.items():
            by_reason.setdefault((part.partition(":")[0], str(why)), []).append(part)
        for (kind, why), parts in by_reason.items():
            what = f"it waits for {', '.join(parts)}: {why}"
            yield Finding("fault", "server.ready", what, _NOT_READY.get(kind, "see its log"))

    async def _metrics(self, *, clock_is_off: bool) -> AsyncIterator[Finding]:
        url, key = f"{self._target.url}/metrics", self._target.key
        answer = await self._outside.get(url)
        if answer.status == _OK:
            yield self._open()
        elif key is not None:
            answer = await self._outside.get(url, key)
        if answer.status in _WRONG_KEY:
            what = "this key may not read /metrics" if key else "its metrics want a key"
            advice = "give one that may read: --key, or CALLBOARD_API_KEY; "
            advice += "`callboard keys add doctor` makes one"
            yield Finding("warning" if key else "note", "server.metrics", what, advice)
            return
        if answer.status != _OK:
            what = f"/metrics answers {answer.status}"
            yield Finding("fault", "server.metrics", what, "see its log for http.failed")
            return
        samples = read_metrics(answer.body.decode())
        for finding in metric_findings(samples):
            yield finding
        outcomes = {
            (labels.get("vendor", ""), labels.get("outcome", "")): value
            for labels, value in samples.get("callboard_webhooks_total", ())
        }
        for finding in refusals(outcomes, self._settings, clock_is_off=clock_is_off):
            yield finding

    def _open(self) -> Finding:
        host = urlsplit(self._target.url).hostname or ""
        if is_loopback(host):
            what = "it answers without a key (CALLBOARD_AUTH=off, or a demo)"
            return Finding("note", "server.open", what, "for a trusted machine only")
        what = f"it answers anybody who reaches {host}, without a key"
        return Finding("fault", "server.open", what, "set CALLBOARD_AUTH=on, and restart")

    async def public_url(self) -> AsyncIterator[Finding]:
        """Look whether the URL that the vendors call leads to a callboard."""
        base, name = (self._settings.public_url or "").rstrip("/"), "server.public-url"
        advice = "is the tunnel or proxy up, and does it pass on to us? Vendors get no further"
        try:
            alive = await self._outside.get(f"{base}/healthz")
        except Unavailable as error:
            what = f"CALLBOARD_PUBLIC_URL does not answer from here: {error}"
            yield Finding("warning", name, what, advice)
            return
        if _is_alive(alive):
            yield Finding("ok", name, "CALLBOARD_PUBLIC_URL leads to a callboard")
        else:
            what = f"CALLBOARD_PUBLIC_URL leads elsewhere: its /healthz answers {alive.status}"
            yield Finding("warning", name, what, advice)


def read_metrics(text: str) -> Samples:
    """Return the samples of Prometheus' text format by name."""
    samples: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


def metric_findings(samples: Samples) -> Iterator[Finding]:
    """Judge what a server says of itself."""
    yield from _staleness(samples)
    for _, lag_s in samples.get("callboard_projection_lag_seconds", ()):
        told = f"its figures are {span_of(max(lag_s, 0.0))} behind"
        advice = "see its log for projection.*, and whether the machine is busy"
        yield Finding(_level(lag_s), "server.lag", told, "" if _level(lag_s) == "ok" else advice)
    found = sum(value for _, value in samples.get("callboard_drift_documents", ()))
    total = sum(value for _, value in samples.get("callboard_drifted_documents_total", ()))
    advice = "see its log for projection.drift; unless somebody wrote to `analytics`, tell us"
    if found:
        what = f"its last comparison found {found:.0f} documents wrong, and put them right"
        yield Finding("warning", "server.drift", what, advice)
    elif total:
        what = f"{total:.0f} documents were wrong since it began, and were put right"
        yield Finding("note", "server.drift", what, advice)
    elif samples.get("callboard_compared_days_total"):
        yield Finding("ok", "server.drift", "its comparisons found nothing wrong")
    yield from _cache(samples)


def _cache(samples: Samples) -> Iterator[Finding]:
    if any(value == 0 for _, value in samples.get("callboard_cache_up", ())):
        what = "its cache has no Redis: every read that it holds costs MongoDB"
        yield Finding("warning", "server.cache", what, "see redis.reachable and redis.permissions")
    elif owed := sum(value for _, value in samples.get("callboard_cache_owed", ())):
        what = f"its cache owes Redis {owed:.0f} invalidations since Redis was away"
        yield Finding("note", "server.cache", what, "look again in a minute; then see redis.*")
    elif samples.get("callboard_cache_up"):
        yield Finding("ok", "server.cache", "its cache has its Redis")
    for _, late_s in samples.get("callboard_cache_push_lag_seconds", ()):
        if late_s > _LATE_PUSH_S:
            what = f"changes of other processes reach its memory after {span_of(late_s)}"
            yield Finding("warning", "server.cache", what, "see redis.latency, and its load")


def _staleness(samples: Samples) -> Iterator[Finding]:
    bounds = samples.get("callboard_staleness_bound_seconds", [])
    for labels, bound_s in bounds:
        if (level := _level(bound_s)) != "ok":
            told = f"its view '{labels.get('view')}' is up to {span_of(bound_s)} old"
            yield Finding(level, "server.staleness", told, "see redis.latency and mongodb.lag")
    if bounds and all(_level(bound_s) == "ok" for _, bound_s in bounds):
        oldest = span_of(max(bound_s for _, bound_s in bounds))
        yield Finding("ok", "server.staleness", f"what it shows is at most {oldest} old")


def _level(seconds: float) -> Level:
    if seconds > _STALE_FAULT_S:
        return "fault"
    return "warning" if seconds > _STALE_WARNING_S else "ok"
