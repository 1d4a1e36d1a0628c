"""Looking at a MongoDB: first whether it answers, then everything else, side by side."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from callboard.app.doctor.figures import drift
from callboard.app.doctor.findings import Check, Finding, examine
from callboard.app.doctor.indexes import index_findings
from callboard.app.doctor.mongodb_facts import (
    OLDEST,
    away_finding,
    disk_finding,
    inbox_finding,
    oplog_findings,
    place_finding,
    projection_findings,
    server_findings,
)
from callboard.clock import Clock
from callboard.errors import ConfigurationError, StoreUnavailable
from callboard.settings import Settings
from callboard.store.database import MongoDatabase
from callboard.store.declared import differences
from callboard.store.diagnosis import Diagnosis, ProjectionFacts, ServerFacts

__all__ = ["MongoReport", "look_at_mongodb"]

_CLOSE_WITHIN_S = 1.0
_ORPHANS_SLOW_S, _DRIFT_SLOW_S = 10.0, 20.0
_SLOW_COUNT = "the days have many calls: let `callboard reaggregate` compare them"


@dataclass(slots=True)
class MongoReport:
    """What was found, and what other parts of the examination want to know."""

    findings: list[Finding]
    usable: bool = False
    projection: ProjectionFacts | None = None


async def look_at_mongodb(
    settings: Settings, database: MongoDatabase, clock: Clock
) -> MongoReport:
    """Look at one MongoDB; when it does not answer, at nothing more."""
    diagnosis = Diagnosis(database, clock)
    report = MongoReport([])
    seen: list[ServerFacts] = []

    async def reach() -> AsyncIterator[Finding]:
        try:
            server = await diagnosis.server()
        except ConfigurationError as error:
            what = f"MongoDB does not let us in: {error}"
            advice = "mend user, password and authSource in MONGODB_URL; "
            advice += "the user needs readWrite and dbAdmin on the database"
            yield Finding("fault", "mongodb.sign-in", what, advice)
            return
        except StoreUnavailable as error:
            url = settings.mongodb_url.get_secret_value() if settings.mongodb_url else ""
            yield away_finding(str(error), url)
            return
        seen.append(server)
        version = ".".join(map(str, server.version))
        yield Finding("ok", "mongodb.reachable", f"MongoDB {version} answers")

    advice = "it is there and hangs: look at its log, disk and load; restart it if it is stopped"
    report.findings = await examine([Check("mongodb.reachable", reach, 6.0, advice=advice)])
    if seen:
        first = list(server_findings(seen[0]))
        report.findings += first
        report.usable = not any(finding.level == "fault" for finding in first)
    if report.usable:
        looks = _Looks(settings, database, diagnosis, clock, report)
        report.findings += await examine(looks.checks())
    await _close(database)
    return report


async def _close(database: MongoDatabase) -> None:
    """Close the connections, also of a server that hangs.

    The driver first says good-bye, which may take as long as everything else there; when it is
    asked again it only closes.
    """
    for _ in range(2):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_WITHIN_S):
                await database.client.close()
                return


class _Looks:
    """The looks at a MongoDB that answers."""

    def __init__(
        self,
        settings: Settings,
        database: MongoDatabase,
        diagnosis: Diagnosis,
        clock: Clock,
        report: MongoReport,
    ) -> None:
        self._settings = settings
        self._database = database
        self._diagnosis = diagnosis
        self._clock = clock
        self._report = report

    def checks(self) -> list[Check]:
        """Return every one of them."""
        return [
            Check("mongodb.replica-set", self._members),
            Check("mongodb.version", self._feature_version),
            Check("mongodb.majority", self._majority),
            Check("mongodb.indexes", self._indexes),
            Check("mongodb.disk", self._disk),
            Check("mongodb.projector", self._projection),
            Check("mongodb.inbox", self._inbox, hangs="warning"),
            Check("mongodb.orphans", self._orphans, _ORPHANS_SLOW_S, hangs="warning"),
            Check("figures.drift", self._drift, _DRIFT_SLOW_S, "note", _SLOW_COUNT),
        ]

    def _drift(self) -> AsyncIterator[Finding]:
        return drift(self._settings, self._database, self._clock)

    async def _members(self) -> AsyncIterator[Finding]:
        members = await self._diagnosis.members()
        if members is None:
            what = "this user may not see the replica set's members"
            yield Finding("note", "mongodb.replica-set", what, "grant clusterMonitor to see them")
            return
        ill = {name: state for name, (state, well) in members.items() if not well}
        for name, state in ill.items():
            what = f"member {name} is {state}"
            advice = "start it or take it out; the majority that acknowledges must not be lost"
            yield Finding("warning", "mongodb.replica-set", what, advice)
        url = self._settings.mongodb_url
        if (
            url is not None
            and len(members) > 1
            and "directconnection=true" in (url.get_secret_value().lower())
        ):
            what = "MONGODB_URL has directConnection=true: a new primary would not be found"
            advice = "name all members and replicaSet=… instead"
            yield Finding("warning", "mongodb.replica-set", what, advice)
        if not ill:
            yield Finding("ok", "mongodb.replica-set", f"all members are well ({len(members)})")

    async def _feature_version(self) -> AsyncIterator[Finding]:
        version = await self._diagnosis.feature_version()
        if version is not None and tuple(map(int, version.split("."))) < OLDEST:
            what = f"featureCompatibilityVersion is {version}: an upgrade was not finished"
            advice = 'run db.adminCommand({setFeatureCompatibilityVersion: "6.0"}) or later'
            yield Finding("fault", "mongodb.version", what, advice)

    async def _majority(self) -> AsyncIterator[Finding]:
        problem = await self._diagnosis.majority_problem()
        if problem is None:
            yield Finding("ok", "mongodb.majority", "a majority-committed write is possible")
            return
        what = f"no majority-committed write is possible: {problem}"
        advice = "see rs.status() and the disk; until then webhooks get 503 and are sent again"
        yield Finding("fault", "mongodb.majority", what, advice)

    async def _indexes(self) -> AsyncIterator[Finding]:
        settings = self._settings
        found = await differences(
            self._database,
            {
                "webhooks": ("receivedAt", settings.webhooks_kept_days),
                "calls": ("startTime", settings.calls_kept_days),
            },
        )
        for finding in index_findings(found):
            yield finding

    async def _disk(self) -> AsyncIterator[Finding]:
        disk = await self._diagnosis.disk()
        if disk is not None:
            yield disk_finding("mongodb.disk", "MongoDB's disk", *disk)

    async def _projection(self) -> AsyncIterator[Finding]:
        facts = self._report.projection = await self._diagnosis.projection()
        for finding in projection_findings(facts, self._settings):
            yield finding
        oplog = await self._diagnosis.oplog()
        if oplog is None:
            yield place_finding(is_lost=await self._diagnosis.place_is_lost())
            return
        for finding in oplog_findings(oplog, facts):
            yield finding

    async def _inbox(self) -> AsyncIterator[Finding]:
        yield inbox_finding(await self._diagnosis.inbox(), self._clock.now())

    async def _orphans(self) -> AsyncIterator[Finding]:
        count, joinable = await self._diagnosis.orphans()
        if joinable:
            what = f"{joinable} conversations have a call, and were not joined to it"
            advice = "see the log for ingest.join_failed; `callboard replay` joins them"
            yield Finding("warning", "mongodb.orphans", what, advice)
        elif count:
            what = f"{count} conversations have no call; right when it is not Twilio's"
            advice = "else see whether Twilio's webhooks arrive"
            yield Finding("note", "mongodb.orphans", what, advice)
        else:
            yield Finding("ok", "mongodb.orphans", "every conversation has its call")
