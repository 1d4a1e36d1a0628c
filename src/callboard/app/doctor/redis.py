"""What the facts of Redis or Valkey mean for an operator."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from callboard.app.doctor.findings import Check, Finding, Level, examine
from callboard.app.doctor.mongodb_facts import clock_finding
from callboard.app.doctor.words import bytes_of, span_of
from callboard.cache.slots import SLOTS
from callboard.clock import Clock
from callboard.domain.stream import Head
from callboard.errors import ConfigurationError, ViewsUnavailable
from callboard.views.diagnosis import ClusterFacts, NodeFacts, RedisDiagnosis

__all__ = ["RedisReport", "cluster_findings", "look_at_redis", "node_findings", "view_findings"]

_OLDEST = 7
_MEMORY_LEAST = 64 << 20
_MEMORY_WARNING, _MEMORY_FAULT = 0.75, 0.9
_SLOW_WARNING_S, _SLOW_FAULT_S = 0.02, 0.2
"""Commands are given up after half a second, the cache's after a quarter."""
_SAFE_POLICIES = ("noeviction", "volatile-ttl")
_HUNG_UP = ("Connection closed", "while reading", "while writing")
_STALE_WARNING, _STALE_FAULT = timedelta(seconds=10), timedelta(seconds=60)


@dataclass(slots=True)
class RedisReport:
    """What was found, and what other parts of the examination want to know."""

    findings: list[Finding]
    usable: bool = False
    heads: Mapping[str, Head | None] | None = None


async def look_at_redis(diagnosis: RedisDiagnosis, clock: Clock) -> RedisReport:
    """Look at every server of a Redis; when the first does not answer, at nothing more."""
    report = RedisReport([])
    nodes: list[str] = []

    async def reach() -> AsyncIterator[Finding]:
        try:
            nodes.extend(await diagnosis.nodes())
        except ConfigurationError as error:
            advice = "mend REDIS_PASSWORD, or user and password in REDIS_URL"
            yield Finding("fault", "redis.sign-in", str(error), advice)
        except ViewsUnavailable as error:
            advice = f"{_remedy(str(error))}; until then answers come from MongoDB, "
            advice += "and /readyz is 503"
            yield Finding("fault", "redis.reachable", str(error), advice)

    advice = "it is there and hangs: look at its log and load; restart it if it is stopped"
    report.findings = await examine([Check("redis.reachable", reach, advice=advice)])
    if not nodes:
        return report
    report.usable = True
    facts: dict[str, NodeFacts] = {}
    each = [check for name in nodes for check in _node_checks(diagnosis, name, facts)]
    report.findings += await examine(each)
    if any(node.clustered for node in facts.values()):
        report.findings += await examine([_cluster_check(diagnosis, nodes[0])])
    report.findings += await examine([_views_check(diagnosis, clock, report)])
    return report


def _remedy(error: str) -> str:
    """Return what helps against an error of connecting, as far as its text tells."""
    if "CERTIFICATE_VERIFY_FAILED" in error:
        return "let callboard trust who signed its certificate: SSL_CERT_FILE=/path/to/ca.pem"
    if any(words in error for words in _HUNG_UP):
        return "if it speaks TLS, REDIS_URL begins with rediss://; else see its log"
    if "imeout connecting" in error:
        return "start it (again, if it hangs); if it speaks no TLS, REDIS_URL begins with redis://"
    return "start it (again, if it hangs), or mend the host in REDIS_URL"


def _node_checks(
    diagnosis: RedisDiagnosis, name: str, facts: dict[str, NodeFacts]
) -> Iterator[Check]:
    async def describe() -> AsyncIterator[Finding]:
        node = await diagnosis.node(name)
        if node is None:
            what = f"{name} does not let us see INFO: version, role and memory are unknown"
            advice = "allow the command INFO to this user: +info"
            yield Finding("fault", "redis.permissions", what, advice)
            return
        facts[name] = node
        for finding in node_findings(node):
            yield finding

    async def permissions() -> AsyncIterator[Finding]:
        denied = await diagnosis.denied(name)
        if denied:
            what = f"{name} does not let this user use {', '.join(denied)}"
            advice = "give the user ~cb:* +@read +@write +@scripting +@connection +info, "
            advice += "and for a Cluster +cluster"
            yield Finding("fault", "redis.permissions", what, advice)
        else:
            yield Finding("ok", "redis.permissions", f"{name} lets us do all we need")

    async def times() -> AsyncIterator[Finding]:
        yield latency_finding(name, await diagnosis.round_trip_s(name))
        ahead = await diagnosis.ahead_s(name)
        if ahead is not None:
            yield clock_finding("redis", *ahead)

    yield Check("redis.reachable", describe)
    yield Check("redis.permissions", permissions)
    yield Check("redis.latency", times)


def _cluster_check(diagnosis: RedisDiagnosis, name: str) -> Check:
    async def cluster() -> AsyncIterator[Finding]:
        facts = await diagnosis.cluster(name)
        if facts is not None:
            for finding in cluster_findings(facts):
                yield finding

    return Check("redis.cluster", cluster)


def _views_check(diagnosis: RedisDiagnosis, clock: Clock, report: RedisReport) -> Check:
    async def views() -> AsyncIterator[Finding]:
        report.heads = await diagnosis.heads()
        for finding in view_findings(report.heads, clock.now()):
            yield finding

    return Check("redis.views", views)


def node_findings(node: NodeFacts) -> Iterator[Finding]:
    """Judge one server."""
    version = ".".join(map(str, node.version))
    if node.version[:1] < (_OLDEST,):
        what = f"{node.name} is {node.product} {version}, which is too old"
        yield Finding("fault", "redis.version", what, "upgrade to Redis 7 or any Valkey")
    else:
        told = f"{node.name} is {node.product} {version}"
        yield Finding("ok", "redis.reachable", told)
    if node.role not in ("", "master"):
        what = f"{node.name} is a replica: it refuses writes, so no view is kept"
        yield Finding("fault", "redis.role", what, "point REDIS_URL at the primary")
    yield from _memory_findings(node)
    if node.saving_failed:
        what = f"{node.name} could not save its data, and may refuse writes for that (MISCONF)"
        advice = "make room on its disk, or switch saving off: callboard needs none"
        yield Finding("fault", "redis.persistence", what, advice)
    elif node.persists:
        what = f"{node.name} saves to disk, which callboard does not need: all is written anew"
        advice = 'for callboard alone, `save ""` and `appendonly no` spare the disk'
        yield Finding("note", "redis.persistence", what, advice)


def _memory_findings(node: NodeFacts) -> Iterator[Finding]:
    if node.policy not in ("", *_SAFE_POLICIES):
        limit = f"at {bytes_of(node.memory_max)}" if node.memory_max else "once it has a limit"
        what = f"{node.name} has maxmemory-policy {node.policy}: {limit} it drops views and "
        what += "floors one by one, and a cached answer may be older than it says"
        advice = "CONFIG SET maxmemory-policy noeviction, in a Redis of callboard's own"
        yield Finding("warning", "redis.eviction", what, advice)
    else:
        yield Finding("ok", "redis.eviction", f"{node.name} drops nothing before its time")
    if not node.memory_max:
        return
    used = node.memory_used / node.memory_max
    told = f"{node.name} uses {bytes_of(node.memory_used)} of {bytes_of(node.memory_max)}"
    advice = "raise its maxmemory: what does not fit is refused, and read from MongoDB"
    if used > _MEMORY_FAULT:
        yield Finding("fault", "redis.memory", told, advice)
    elif used > _MEMORY_WARNING or node.memory_max < _MEMORY_LEAST:
        yield Finding("warning", "redis.memory", told, advice)
    else:
        yield Finding("ok", "redis.memory", told)


def latency_finding(name: str, round_trip_s: float) -> Finding:
    """Judge how long one round trip takes."""
    told = f"{name} answers in {round_trip_s * 1000:.1f} ms"
    if round_trip_s <= _SLOW_WARNING_S:
        return Finding("ok", "redis.latency", told)
    level: Level = "fault" if round_trip_s > _SLOW_FAULT_S else "warning"
    advice = "let it run near callboard; see SLOWLOG GET and its load"
    return Finding(level, "redis.latency", told, advice)


def cluster_findings(cluster: ClusterFacts) -> Iterator[Finding]:
    """Judge a cluster as a whole."""
    if cluster.state == "ok" and cluster.slots_served >= SLOTS:
        yield Finding("ok", "redis.cluster", "every slot of the cluster is served")
        return
    missing = SLOTS - cluster.slots_served
    what = f"the cluster is '{cluster.state}', {missing} of {SLOTS} slots are not served"
    advice = "see CLUSTER NODES; start the primary that is missing, or CLUSTER ADDSLOTSRANGE"
    yield Finding("fault", "redis.cluster", what, advice)


def view_findings(heads: Mapping[str, Head | None], now: datetime) -> Iterator[Finding]:
    """Judge whether somebody vouches for each view, and up to when."""
    bounds: dict[str, timedelta] = {}
    missing = [view for view, head in heads.items() if head is None]
    if missing:
        what = f"{_listed(missing)} vouched for by nobody, and read from MongoDB"
        advice = "see mongodb.projector; with a projector, its log for views_unavailable"
        yield Finding("fault", "redis.views", what, advice)
    for view, head in heads.items():
        if head is None:
            continue
        if head.watermark.instant:
            bounds[view] = now - datetime.fromisoformat(head.watermark.instant)
        else:
            what = f"the view '{view}' is new, and its projector has not caught up yet"
            yield Finding("note", "redis.views", what, "look again in a minute")
    late = {view: bound for view, bound in bounds.items() if bound > _STALE_WARNING}
    if late:
        oldest = max(late.values())
        told = f"{_listed(late)} complete up to {span_of(oldest.total_seconds())} ago"
        level: Level = "fault" if oldest > _STALE_FAULT else "warning"
        yield Finding(level, "redis.views", told, "see mongodb.lag, and its log for projection.*")
    elif bounds and len(bounds) == len(heads):
        oldest = max(*bounds.values(), timedelta())
        told = f"every view is complete up to {span_of(oldest.total_seconds())} ago"
        yield Finding("ok", "redis.views", told)


def _listed(views: Iterable[str]) -> str:
    """Return views as the beginning of a sentence."""
    names = [f"'{view}'" for view in views]
    return f"the view {names[0]} is" if len(names) == 1 else f"the views {', '.join(names)} are"
