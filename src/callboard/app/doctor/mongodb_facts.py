"""What MongoDB's facts mean for an operator: judgements alone, nobody is asked."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from callboard.app.doctor.findings import Finding, Level
from callboard.app.doctor.words import bytes_of, span_of
from callboard.settings import Settings
from callboard.store.diagnosis import InboxFacts, OplogFacts, ProjectionFacts, ServerFacts

__all__ = [
    "OLDEST",
    "away_finding",
    "clock_finding",
    "disk_finding",
    "inbox_finding",
    "oplog_findings",
    "place_finding",
    "projection_findings",
    "server_findings",
]

OLDEST = (6, 0)
"""Change streams with pre-images."""
_NOISE = re.compile(r" \(configured timeouts:[^)]*\)")
_HOST = re.compile(r"(?<![\w.-])([\w-][\w.-]*):\d{2,5}(?=: )")
_SILENT, _SILENCE = "No servers found yet", "it hangs, or a firewall drops what we send"
_CLOCK_WARNING_S, _CLOCK_FAULT_S = 1.0, 30.0
_FREE_WARNING, _FREE_FAULT = 0.05, 0.01
_FREE_PLENTY, _FREE_LITTLE = 20 << 30, 512 << 20
_LAG_WARNING_S, _LAG_FAULT_S = 30.0, 120.0
"""A token moves every ten seconds, also when nothing happens."""
_ENLARGE = (
    "enlarge it: db.adminCommand({replSetResizeOplog: 1, size: Double(<MB>)}) on each member"
)
_OPLOG_FULL, _OPLOG_DANGER = 0.5, 0.5
_WINDOW_LEAST = timedelta(hours=24)
_NOT_UNDERSTOOD, _NOT_UNDERSTOOD_LEAST = 0.05, 5
_NIGHTLY_LATE = timedelta(days=3)


def away_finding(error: str, url: str) -> Finding:
    """Say why nobody answers, as far as the driver knows it."""
    reason = _NOISE.sub("", error).replace(_SILENT, _SILENCE)
    told = f"MongoDB does not answer: {reason}"
    # What the replica set calls its members may be known to themselves alone, as in containers.
    unknown = sorted({host for host in _HOST.findall(error) if url and host not in url})
    if unknown:
        advice = f"the replica set calls a member {unknown[0]}: make that name known here, or "
        advice += "name members in rs.conf() as this machine can reach them"
    else:
        advice = "start it (again, if it hangs), or mend the hosts in MONGODB_URL"
    advice += "; webhooks get 503 meanwhile"
    return Finding("fault", "mongodb.reachable", told, advice)


def server_findings(server: ServerFacts) -> Iterator[Finding]:
    """Judge who answers."""
    if server.version < OLDEST:
        what = f"MongoDB {'.'.join(map(str, server.version))} is too old"
        yield Finding("fault", "mongodb.version", what, "upgrade it to 6.0 or later")
    if server.is_router:
        what = "a sharded cluster answers: nobody has tried callboard on one"
        yield Finding("note", "mongodb.replica-set", what, "prefer a replica set")
    elif server.replica_set is None:
        what = "it is a standalone server: change streams need a replica set"
        advice = "start mongod with --replSet rs0, and run rs.initiate() in mongosh once"
        yield Finding("fault", "mongodb.replica-set", what, advice)
    elif not server.is_writable:
        what = f"the replica set '{server.replica_set}' has no primary here"
        advice = "see rs.status() in mongosh; MONGODB_URL should name all members"
        yield Finding("fault", "mongodb.replica-set", what, advice)
    yield clock_finding("mongodb", server.ahead_s, server.uncertain_s)


def clock_finding(engine: str, ahead_s: float, uncertain_s: float) -> Finding:
    """Judge how far an engine's clock is from ours."""
    off_s = abs(ahead_s) - uncertain_s
    if off_s <= _CLOCK_WARNING_S:
        return Finding("ok", f"{engine}.clock", "its clock agrees with ours")
    direction = "ahead of" if ahead_s > 0 else "behind"
    level: Level = "fault" if off_s > _CLOCK_FAULT_S else "warning"
    what = f"its clock is {span_of(abs(ahead_s))} {direction} ours"
    advice = "run NTP or chrony on both machines; ages, days and signatures go by our clock"
    return Finding(level, f"{engine}.clock", what, advice)


def disk_finding(name: str, where: str, used: int, size: int) -> Finding:
    """Judge the room on a file system."""
    free = size - used
    told = f"{where}: {bytes_of(free)} of {bytes_of(size)} are free"
    advice = "make room; CALLBOARD_WEBHOOKS_KEPT_DAYS bounds what grows most"
    if free < size * _FREE_FAULT or free < _FREE_LITTLE:
        return Finding("fault", name, told, advice + "; MongoDB ends when the disk is full")
    if free < size * _FREE_WARNING and free < _FREE_PLENTY:
        return Finding("warning", name, told, advice)
    return Finding("ok", name, told)


def projection_findings(facts: ProjectionFacts, settings: Settings) -> Iterator[Finding]:
    """Judge who projects, and how far the figures are."""
    if facts.lease_left_s is None or facts.lease_left_s <= 0:
        since = (
            "nobody ever has"
            if facts.lease_left_s is None
            else f"for {span_of(-facts.lease_left_s)}"
        )
        what = f"nobody projects ({since}): board and figures stand still"
        advice = "start `callboard serve`; if it runs, see its log for projection.interrupted"
        yield Finding("fault", "mongodb.projector", what, advice)
    else:
        yield Finding("ok", "mongodb.projector", f"{facts.owner} projects")
    if facts.reached is not None:
        yield _lag_finding(facts.now - datetime.fromtimestamp(facts.reached[0], UTC))
    if facts.timezone not in (None, settings.timezone):
        what = f"figures are counted by the days of {facts.timezone}, "
        what += f"CALLBOARD_TIMEZONE is {settings.timezone}"
        advice = "give every process the same zone; the next start folds all figures anew"
        yield Finding("warning", "mongodb.timezone", what, advice)
    today = facts.now.astimezone(settings.zone).date()
    if facts.nightly is not None and facts.nightly <= str(today - _NIGHTLY_LATE):
        what = f"the nightly comparison was last done for {facts.nightly}"
        advice = "see the log for checks.interrupted; `callboard reaggregate` compares any days"
        yield Finding("warning", "mongodb.nightly", what, advice)


def _lag_finding(behind: timedelta) -> Finding:
    lag_s = behind.total_seconds()
    name, told = "mongodb.lag", f"figures are {span_of(max(lag_s, 0))} behind MongoDB"
    advice = "see the log for projection.*, and whether the machine is busy"
    if lag_s > _LAG_FAULT_S:
        return Finding("fault", name, told, advice)
    if lag_s > _LAG_WARNING_S:
        return Finding("warning", name, told, advice)
    return Finding("ok", name, "figures follow MongoDB")


def oplog_findings(oplog: OplogFacts, facts: ProjectionFacts) -> Iterator[Finding]:
    """Judge how far back the oplog reaches, and whether the projector's place is still in it."""
    name = "mongodb.oplog"
    window = oplog.last - oplog.first
    if facts.reached is not None and oplog.used >= _OPLOG_FULL:
        place = datetime.fromtimestamp(facts.reached[0], UTC)
        behind = oplog.last - place
        if place < oplog.first:
            yield place_finding(is_lost=True)
            return
        if behind > window * _OPLOG_DANGER:
            what = f"the projector is {span_of(behind.total_seconds())} behind, and the oplog "
            what += f"reaches back {span_of(window.total_seconds())}: its place is about to leave"
            yield Finding("fault", name, what, f"see mongodb.projector at once; {_ENLARGE}")
            return
    told = f"the oplog reaches back {span_of(window.total_seconds())}"
    if oplog.used >= _OPLOG_FULL and window < _WINDOW_LEAST:
        what = f"{told}: after a longer outage all figures are folded anew"
        yield Finding("warning", name, what, _ENLARGE)
        return
    yield Finding("ok", name, f"{told}, {oplog.used:.0%} full")


def place_finding(*, is_lost: bool) -> Finding:
    """Judge the projector's place alone, where the oplog itself cannot be seen."""
    if is_lost:
        what = "the projector's place has left the oplog: figures will be folded anew"
        advice = f"see mongodb.projector; the next one folds by itself; then {_ENLARGE}"
        return Finding("fault", "mongodb.oplog", what, advice)
    what = "the projector can go on from its place; how long still is not seen"
    return Finding("note", "mongodb.oplog", what, "grant this user `read` on `local` to see it")


def inbox_finding(inbox: InboxFacts, now: datetime) -> Finding:
    """Judge what the newest webhooks were."""
    if inbox.newest is None:
        return Finding("note", "mongodb.inbox", "no webhook was ever taken")
    newest = f"the newest webhook came {span_of((now - inbox.newest).total_seconds())} ago"
    if not inbox.not_understood:
        return Finding("ok", "mongodb.inbox", f"{newest}; all of the last day were understood")
    what = f"{inbox.not_understood} of the newest {inbox.looked_at} webhooks were not understood "
    what += f"in the last day, such as: {inbox.example}"
    advice = "they are kept: update callboard, then run `callboard replay --problems`"
    many = inbox.not_understood >= max(_NOT_UNDERSTOOD_LEAST, _NOT_UNDERSTOOD * inbox.looked_at)
    return Finding("warning" if many else "note", "mongodb.inbox", what, advice)
