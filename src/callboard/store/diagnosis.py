"""What an operator should know of a MongoDB: facts alone, read without changing anything.

What the user may not ask is None; judging is `callboard.app.doctor`'s.
"""

from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from bson import Timestamp
from pymongo.errors import OperationFailure, PyMongoError

from callboard.clock import Clock
from callboard.domain.changes import ChangeBatch, ClusterTime
from callboard.domain.lattice import leaves_of
from callboard.errors import ConfigurationError, ResumeTokenExpired
from callboard.store.changes import _cluster_time_of, read_changes
from callboard.store.database import MongoDatabase, MongoDocument
from callboard.store.faults import unavailable
from callboard.store.orphans import Orphans

__all__ = [
    "Diagnosis",
    "InboxFacts",
    "OplogFacts",
    "ProjectionFacts",
    "ServerFacts",
]

T = TypeVar("T")

_NOT_ALLOWED = frozenset({13, 59, 8000})
"""Unauthorized, CommandNotFound, and AtlasError: hosted MongoDB hides some commands."""
_SIGN_IN = frozenset({18, 8000})
_MAJORITY_WITHIN_MS = 2_000
_LOOKED_AT = 5_000
_ORPHANS_TRIED = 20
_SETTLED = timedelta(minutes=1)
_DAY = timedelta(days=1)
_LEASE, _CHECKPOINT, _NIGHTLY = "projector-lease", "projection", "nightly"


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server that answers, as it describes itself."""

    version: tuple[int, ...]
    replica_set: str | None
    is_router: bool
    is_writable: bool
    members: int
    ahead_s: float
    """How far its clock is ahead of ours."""
    uncertain_s: float
    """By how much that may be wrong: half of the way there and back."""


@dataclass(frozen=True, slots=True)
class OplogFacts:
    """How far back the oplog reaches."""

    first: datetime
    last: datetime
    used: float
    """Which part of its size is full; only what is full is cut off."""


@dataclass(frozen=True, slots=True)
class ProjectionFacts:
    """Who projects, and how far the figures are."""

    owner: str | None
    lease_left_s: float | None
    """Negative when it has run out; None when nobody ever projected."""
    epoch: int
    reached: ClusterTime | None
    """Up to where changes are counted; None when figures were never folded."""
    now: datetime
    """MongoDB's own time."""
    timezone: str | None
    nightly: str | None
    """The last local day that was compared with its calls at night."""


@dataclass(frozen=True, slots=True)
class InboxFacts:
    """What the newest webhooks were."""

    looked_at: int
    not_understood: int
    """Of those, received within a day."""
    example: str | None
    newest: datetime | None


class Diagnosis:
    """Asks one MongoDB.

    Every method raises `StoreUnavailable` when it does not answer.
    """

    def __init__(self, database: MongoDatabase, clock: Clock) -> None:
        self._database = database
        self._admin = database.client.admin
        self._clock = clock

    async def server(self) -> ServerFacts:
        """Ask who answers; the first question, so that it also tells whether we may sign in.

        Raises:
            ConfigurationError: the user or the password is wrong.
            StoreUnavailable: nobody answers.
        """
        try:
            build = await self._admin.command("buildInfo")
            asked_at, asked_s = self._clock.now(), self._clock.monotonic_s()
            hello = await self._admin.command("hello")
            took_s = self._clock.monotonic_s() - asked_s
            # Until something is read, nobody is asked who they are.
            await self._database.state.find_one({}, {"_id": 1})
        except OperationFailure as error:
            if error.code in _SIGN_IN | _NOT_ALLOWED:
                message = str((error.details or {}).get("errmsg", error))
                raise ConfigurationError(message) from error
            raise unavailable(error) from error
        except PyMongoError as error:
            raise unavailable(error) from error
        told = hello["localTime"]
        told = told if told.tzinfo is not None else told.replace(tzinfo=UTC)
        return ServerFacts(
            version=tuple(build["versionArray"][:3]),
            replica_set=hello.get("setName"),
            is_router=hello.get("msg") == "isdbgrid",
            is_writable=bool(hello.get("isWritablePrimary")),
            members=len(hello.get("hosts", ())),
            ahead_s=(told - asked_at).total_seconds() - took_s / 2,
            uncertain_s=took_s / 2,
        )

    async def feature_version(self) -> str | None:
        """Return the feature compatibility version: an upgrade that was not finished keeps it."""
        asked = {"getParameter": 1, "featureCompatibilityVersion": 1}
        found = await _if_allowed(self._admin.command(asked))
        return found["featureCompatibilityVersion"]["version"] if found else None

    async def members(self) -> dict[str, tuple[str, bool]] | None:
        """Return each member's state, and whether it is well."""
        found = await _if_allowed(self._admin.command("replSetGetStatus"))
        if found is None:
            return None
        return {m["name"]: (m["stateStr"], bool(m["health"])) for m in found["members"]}

    async def majority_problem(self) -> str | None:
        """Return why a majority-committed write is not possible now; None when it is.

        The write matches nothing, so it changes nothing; it still waits for the majority.
        """
        command = {
            "update": "state",
            "updates": [{"q": {"_id": "no such document"}, "u": {"$set": {"a": 1}}}],
            "writeConcern": {"w": "majority", "wtimeout": _MAJORITY_WITHIN_MS},
            "maxTimeMS": _MAJORITY_WITHIN_MS,
        }
        try:
            told = await self._database.command(command)
        except PyMongoError as error:
            return str(unavailable(error))
        problem = told.get("writeConcernError")
        return str(problem.get("errmsg", problem)) if problem else None

    async def oplog(self) -> OplogFacts | None:
        """Return how far back changes can be read."""
        local = self._database.client.local
        stats = await _if_allowed(local.command({"collStats": "oplog.rs"}))
        if stats is None:
            return None
        ends = []
        for direction in (1, -1):
            entry = await _if_allowed(
                local["oplog.rs"].find_one({}, {"ts": 1}, sort=[("$natural", direction)])
            )
            if entry is None:
                return None
            ends.append(_instant(entry["ts"]))
        return OplogFacts(ends[0], ends[1], stats["size"] / max(stats.get("maxSize", 0), 1))

    async def place_is_lost(self) -> bool:
        """Tell whether changes can no longer be read from where the projector is.

        Needs no right to read the oplog: it begins to read, as the projector would.
        """
        checkpoint = await _answered(self._database.state.find_one({"_id": _CHECKPOINT}))
        if checkpoint is None or reached_by(checkpoint) is None:
            return False
        token = checkpoint.get("token")
        after = None if token else reached_by(checkpoint)
        changes = read_changes(
            self._database, self._clock, token=token, after=after, batch_length_max=1
        )
        try:
            async with aclosing(cast("AsyncGenerator[ChangeBatch, None]", changes)) as batches:
                await anext(batches)
        except ResumeTokenExpired:
            return True
        return False

    async def disk(self) -> tuple[int, int] | None:
        """Return used and all bytes of the file system that MongoDB's data is on."""
        stats = await _if_allowed(self._database.command("dbStats"))
        if not stats or not stats.get("fsTotalSize"):
            return None
        return int(stats["fsUsedSize"]), int(stats["fsTotalSize"])

    async def projection(self) -> ProjectionFacts:
        """Return who projects, and how far the figures are."""
        found: dict[str, MongoDocument] = {}
        now: datetime | None = None
        names = {"_id": {"$in": [_LEASE, _CHECKPOINT, _NIGHTLY]}}
        pipeline: list[dict[str, Any]] = [{"$match": names}, {"$addFields": {"now": "$$NOW"}}]
        try:
            async for document in await self._database.state.aggregate(pipeline):
                found[document["_id"]], now = document, document["now"]
        except PyMongoError as error:
            raise unavailable(error) from error
        now = now or self._clock.now()
        lease, checkpoint = found.get(_LEASE, {}), found.get(_CHECKPOINT, {})
        expires_at = lease.get("expiresAt")
        return ProjectionFacts(
            owner=lease.get("owner"),
            lease_left_s=(expires_at - now).total_seconds() if expires_at else None,
            epoch=int(lease.get("epoch", 0)),
            reached=reached_by(checkpoint),
            now=now,
            timezone=checkpoint.get("timezone"),
            nightly=found.get(_NIGHTLY, {}).get("day"),
        )

    async def inbox(self) -> InboxFacts:
        """Look at the newest webhooks: there is no index by time, and all may be millions."""
        since = self._clock.now() - _DAY
        wanted = {"problem": 1, "receivedAt": 1, "_id": 0}
        looked_at, problems, newest = 0, [], None
        try:
            cursor = self._database.webhooks.find({}, wanted, sort=[("$natural", -1)])
            async for document in cursor.limit(_LOOKED_AT).batch_size(_LOOKED_AT):
                looked_at += 1
                received_at = document.get("receivedAt")
                if not isinstance(received_at, datetime):
                    continue  # another program's
                newest = max(newest or received_at, received_at)
                if document.get("problem") is not None and received_at >= since:
                    problems.append(str(document["problem"]))
        except PyMongoError as error:
            raise unavailable(error) from error
        return InboxFacts(looked_at, len(problems), problems[0] if problems else None, newest)

    async def orphans(self) -> tuple[int, int]:
        """Return how many conversations have no call, and how many of the oldest have one.

        The second are those that somebody should have joined.
        """
        settled_before = self._clock.now() - _SETTLED
        wanted = {"orphan": True, "updatedAt": {"$lt": settled_before}}
        joinable = 0
        calls, finder = self._database.calls, Orphans(self._database)
        try:
            count = await calls.count_documents({"orphan": True}, limit=_LOOKED_AT)
            oldest = calls.find(wanted, {"elevenlabs.conversationId": 1, "context.callId": 1})
            async for orphan in oldest.sort("updatedAt", 1).limit(_ORPHANS_TRIED):
                fact = leaves_of(orphan)
                found = await finder.call_of(fact.conversation_id, fact.call_id)
                joinable += found is not None
        except PyMongoError as error:
            raise unavailable(error) from error
        return count, joinable


def reached_by(checkpoint: Mapping[str, Any]) -> ClusterTime | None:
    """Return the cluster time up to which a checkpoint's figures are counted."""
    token, after = checkpoint.get("token"), checkpoint.get("after")
    if token:
        return _cluster_time_of(token)
    return (after.time, after.inc) if isinstance(after, Timestamp) else None


def _instant(stamp: Timestamp) -> datetime:
    return datetime.fromtimestamp(stamp.time, UTC)


async def _answered(asked: Awaitable[T]) -> T:
    """Return an answer; raises `StoreUnavailable` when there is none."""
    try:
        return await asked
    except PyMongoError as error:
        raise unavailable(error) from error


async def _if_allowed(asked: Awaitable[T]) -> T | None:
    """Return an answer, None when this user may not ask.

    Raises:
        StoreUnavailable: MongoDB does not answer.
    """
    try:
        return await asked
    except OperationFailure as error:
        if error.code in _NOT_ALLOWED:
            return None
        raise unavailable(error) from error
    except PyMongoError as error:
        raise unavailable(error) from error
