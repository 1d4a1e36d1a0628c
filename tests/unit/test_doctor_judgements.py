"""What facts mean: each threshold of the doctor, with facts made up."""

import os
import resource
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callboard.app.doctor import indexes, machine, redis, web
from callboard.app.doctor import mongodb_facts as mongodb
from callboard.app.doctor.findings import Finding
from callboard.domain.stream import Head, Position, Watermark
from callboard.settings import Settings
from callboard.store.declared import Difference
from callboard.store.diagnosis import InboxFacts, OplogFacts, ProjectionFacts, ServerFacts
from callboard.views.diagnosis import ClusterFacts, NodeFacts

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
GIB = 1 << 30
SETTINGS = Settings(_env_file=None)
SERVER = ServerFacts((6, 0, 5), "rs0", False, True, 3, 0.0, 0.001)
PROJECTION = ProjectionFacts(
    "host:1:abc", 4.0, 17, (int(NOW.timestamp()) - 3, 1), NOW, "UTC", "2026-11-22"
)
OPLOG = OplogFacts(NOW - timedelta(days=3), NOW, 1.0)
NODE = NodeFacts(
    "h:1", "Valkey", (9, 1, 2), "master", "noeviction", 1 << 20, 0, False, False, False
)


def bad(findings: list[Finding]) -> set[tuple[str, str]]:
    """Return level and name of what is not well; each says what to do."""
    found = [finding for finding in findings if finding.level != "ok"]
    assert all(finding.what_to_do for finding in found)
    return {(finding.level, finding.name) for finding in found}


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (SERVER, set()),
        (replace(SERVER, version=(5, 0, 9)), {("fault", "mongodb.version")}),
        (replace(SERVER, replica_set=None), {("fault", "mongodb.replica-set")}),
        (replace(SERVER, is_writable=False), {("fault", "mongodb.replica-set")}),
        (replace(SERVER, is_router=True), {("note", "mongodb.replica-set")}),
        (replace(SERVER, ahead_s=1.5), {("warning", "mongodb.clock")}),
        (replace(SERVER, ahead_s=1.5, uncertain_s=0.6), set()),
        (replace(SERVER, ahead_s=-40.0), {("fault", "mongodb.clock")}),
    ],
)
def test_who_answers(server: ServerFacts, expected: set[tuple[str, str]]) -> None:
    assert bad(list(mongodb.server_findings(server))) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (PROJECTION, set()),
        (replace(PROJECTION, lease_left_s=None), {("fault", "mongodb.projector")}),
        (replace(PROJECTION, lease_left_s=-90.0), {("fault", "mongodb.projector")}),
        (
            replace(PROJECTION, reached=(int(NOW.timestamp()) - 45, 1)),
            {("warning", "mongodb.lag")},
        ),
        (replace(PROJECTION, reached=(int(NOW.timestamp()) - 600, 1)), {("fault", "mongodb.lag")}),
        (replace(PROJECTION, timezone="Europe/Madrid"), {("warning", "mongodb.timezone")}),
        (replace(PROJECTION, nightly="2026-11-20"), {("warning", "mongodb.nightly")}),
        (replace(PROJECTION, nightly="2026-11-21"), set()),
        (replace(PROJECTION, reached=None, timezone=None, nightly=None), set()),
    ],
)
def test_who_projects(facts: ProjectionFacts, expected: set[tuple[str, str]]) -> None:
    assert bad(list(mongodb.projection_findings(facts, SETTINGS))) == expected


@pytest.mark.parametrize(
    ("behind", "oplog", "expected"),
    [
        (timedelta(seconds=3), OPLOG, set()),
        (timedelta(days=2), OPLOG, {("fault", "mongodb.oplog")}),
        (timedelta(days=4), OPLOG, {("fault", "mongodb.oplog")}),
        # A young oplog cuts nothing off.
        (timedelta(days=2), replace(OPLOG, used=0.1), set()),
        (
            timedelta(seconds=3),
            replace(OPLOG, first=NOW - timedelta(hours=2)),
            {("warning", "mongodb.oplog")},
        ),
    ],
)
def test_how_far_back_the_oplog_reaches(
    behind: timedelta, oplog: OplogFacts, expected: set[tuple[str, str]]
) -> None:
    facts = replace(PROJECTION, reached=(int((NOW - behind).timestamp()), 1))
    assert bad(list(mongodb.oplog_findings(oplog, facts))) == expected


@pytest.mark.parametrize(
    ("used", "size", "level"),
    [
        (10 * GIB, 100 * GIB, "ok"),
        (97 * GIB, 100 * GIB, "warning"),
        (99.5 * GIB, 100 * GIB, "fault"),
        (9.7 * GIB, 10 * GIB, "fault"),
        # 3 % of a large disk is a lot.
        (9_700 * GIB, 10_000 * GIB, "ok"),
        (100 * GIB, 100 * GIB, "fault"),
    ],
)
def test_the_room_on_a_disk(used: float, size: float, level: str) -> None:
    finding = mongodb.disk_finding("mongodb.disk", "its disk", int(used), int(size))
    assert finding.level == level


@pytest.mark.parametrize(
    ("inbox", "level"),
    [
        (InboxFacts(0, 0, None, None), "note"),
        (InboxFacts(5_000, 0, None, NOW), "ok"),
        (InboxFacts(5_000, 3, "why", NOW), "note"),
        (InboxFacts(10, 5, "why", NOW), "warning"),
        (InboxFacts(5_000, 250, "why", NOW), "warning"),
    ],
)
def test_what_the_newest_webhooks_were(inbox: InboxFacts, level: str) -> None:
    assert mongodb.inbox_finding(inbox, NOW).level == level


def test_every_difference_of_indexes_has_its_meaning() -> None:
    kinds = Difference.__dataclass_fields__["kind"].type
    assert indexes._MEANINGS.keys() == set(kinds.__args__)  # type: ignore[union-attr]  # a Literal
    for kind in indexes._MEANINGS:
        differences = [Difference(kind, "calls", "open", "detail")]  # type: ignore[arg-type]  # one of them
        first = next(iter(indexes.index_findings(differences)))
        assert "{" not in first.what + first.what_to_do
        assert "calls" in first.what
    assert bad(list(indexes.index_findings([]))) == set()


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (NODE, set()),
        (replace(NODE, product="Redis", version=(6, 2, 1)), {("fault", "redis.version")}),
        (replace(NODE, role="slave"), {("fault", "redis.role")}),
        (replace(NODE, policy="allkeys-lru"), {("warning", "redis.eviction")}),
        (replace(NODE, policy="volatile-lru"), {("warning", "redis.eviction")}),
        (replace(NODE, policy="volatile-ttl"), set()),
        (replace(NODE, memory_max=256 << 20), set()),
        (replace(NODE, memory_max=32 << 20), {("warning", "redis.memory")}),
        (
            replace(NODE, memory_used=200 << 20, memory_max=256 << 20),
            {("warning", "redis.memory")},
        ),
        (replace(NODE, memory_used=240 << 20, memory_max=256 << 20), {("fault", "redis.memory")}),
        (replace(NODE, persists=True), {("note", "redis.persistence")}),
        (replace(NODE, persists=True, saving_failed=True), {("fault", "redis.persistence")}),
    ],
)
def test_one_redis(node: NodeFacts, expected: set[tuple[str, str]]) -> None:
    assert bad(list(redis.node_findings(node))) == expected


def test_a_cluster_and_its_slots() -> None:
    assert bad(list(redis.cluster_findings(ClusterFacts("ok", 16_384)))) == set()
    for facts in (ClusterFacts("ok", 16_000), ClusterFacts("fail", 16_384)):
        assert bad(list(redis.cluster_findings(facts))) == {("fault", "redis.cluster")}


@pytest.mark.parametrize(
    ("round_trip_s", "level"), [(0.001, "ok"), (0.05, "warning"), (0.3, "fault")]
)
def test_how_fast_it_answers(round_trip_s: float, level: str) -> None:
    assert redis.latency_finding("h:1", round_trip_s).level == level


def _head(age_s: float | None) -> Head:
    instant = (NOW - timedelta(seconds=age_s)).isoformat() if age_s is not None else ""
    return Head(Position(17, 3), "", Watermark(instant, 1))


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [(0.5, set()), (-0.5, set()), (30.0, {("warning", "redis.views")}),
     (300.0, {("fault", "redis.views")}), (None, {("note", "redis.views")})],
)  # fmt: skip
def test_how_old_a_view_may_be(age_s: float | None, expected: set[tuple[str, str]]) -> None:
    heads = {"live": _head(0.1), "summary": _head(age_s)}
    assert bad(list(redis.view_findings(heads, NOW))) == expected
    missing = bad(list(redis.view_findings({**heads, "campaign": None}, NOW)))
    assert missing == expected | {("fault", "redis.views")}


METRICS = """
callboard_staleness_bound_seconds{view="live"} 0.4
callboard_staleness_bound_seconds{view="summary"} 1.4
callboard_projection_lag_seconds 0.2
callboard_drift_documents 0
callboard_compared_days_total 4
callboard_drifted_documents_total 0
callboard_cache_up 1
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", set()),
        ('callboard_staleness_bound_seconds{view="x"} 20', {("warning", "server.staleness")}),
        ('callboard_staleness_bound_seconds{view="x"} 90', {("fault", "server.staleness")}),
        ("callboard_projection_lag_seconds 15", {("warning", "server.lag")}),
        ("callboard_drift_documents 2", {("warning", "server.drift")}),
        ("callboard_drifted_documents_total 2", {("note", "server.drift")}),
        ("callboard_cache_up 0", {("warning", "server.cache")}),
        ("callboard_cache_owed 3", {("note", "server.cache")}),
        ("callboard_cache_push_lag_seconds 0.2", set()),
        ("callboard_cache_push_lag_seconds 4", {("warning", "server.cache")}),
    ],
)
def test_what_a_server_says_of_itself(line: str, expected: set[tuple[str, str]]) -> None:
    samples = web.read_metrics(METRICS + line + "\n")
    assert bad(list(web.metric_findings(samples))) == expected


def test_the_data_folder(tmp_path: Path) -> None:
    there = tmp_path / "data"
    assert bad(list(machine.folder_findings(there))) == set()
    assert not there.exists()
    (there / "mongod" / "db").mkdir(parents=True, mode=0o700)
    assert bad(list(machine.folder_findings(there))) == set()
    (there / "mongod" / "db").chmod(0o755)
    assert bad(list(machine.folder_findings(there))) == {("warning", "machine.data-folder")}


@pytest.mark.parametrize(
    ("soft", "level"),
    [(256, "warning"), (1_024, "note"), (65_536, "ok"), (resource.RLIM_INFINITY, "ok")],
)
def test_open_files(soft: int, level: str) -> None:
    assert machine.open_files_finding(soft).level == level


def test_the_open_files_of_the_server(tmp_path: Path) -> None:
    (process := tmp_path / "12").mkdir()
    (process / "limits").write_text(
        "Limit  Soft Limit  Hard Limit  Units\nMax open files     10    4096   files\n"
    )
    (process / "fd").mkdir()
    owner = f"{socket.gethostname()}:12:abc"
    for number in range(9):
        assert bad(list(machine.process_findings(owner, tmp_path))) == (
            {("fault", "machine.open-files")} if number >= 8 else set()
        )
        (process / "fd" / str(number)).touch()
    for unknown in ("elsewhere:12:abc", f"{socket.gethostname()}:13:abc", "", "x"):
        assert list(machine.process_findings(unknown, tmp_path)) == []
    mine = list(machine.process_findings(f"{socket.gethostname()}:{os.getpid()}:abc"))
    assert [finding.level for finding in mine] == ["ok"]


def test_why_mongodb_does_not_answer() -> None:
    noise = " (configured timeouts: socketTimeoutMS: 20000.0ms, connectTimeoutMS: 20000.0ms)"
    url = "mongodb://me:secret@db.example:27017/calls?replicaSet=rs0"
    away = mongodb.away_finding(f"db.example:27017: [Errno 111] refused{noise}", url)
    assert away.what == "MongoDB does not answer: db.example:27017: [Errno 111] refused"
    assert away.what_to_do.startswith("start it")
    unknown = mongodb.away_finding(f"mongo-1:27017: [Errno -2] not known{noise}", url)
    assert unknown.what_to_do.startswith("the replica set calls a member mongo-1:")
    assert "it hangs" in mongodb.away_finding("No servers found yet", url).what
