"""The board's reads over replicas that are filled by hand, and the application before them."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from unittest import mock
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import orjson
import socketio
from starlette.types import ASGIApp, Message
from support.builders import AT, START

from callboard.app.caching import table
from callboard.clock import FixedClock
from callboard.delivery import application as built
from callboard.delivery.api.context import Context
from callboard.delivery.auth import ApiKey, Gate, hash_key
from callboard.delivery.board import BoardReads
from callboard.delivery.cached import CachedReads
from callboard.delivery.fast import FastReads
from callboard.delivery.guard import Limits
from callboard.delivery.known import Known
from callboard.delivery.replica import Replica
from callboard.domain.buckets import Bucket
from callboard.domain.calls import shown_call
from callboard.domain.failures import Ended
from callboard.domain.queries import CallPage, CallQuery
from callboard.domain.stream import Delta, Head, Position, Snapshot
from callboard.errors import CampaignNotFound, ViewsUnavailable

__all__ = [
    "READ_KEY",
    "WRITE_KEY",
    "ReadsDesk",
    "Said",
    "Straight",
    "Truth",
    "api",
    "ask",
    "board",
]

READ_KEY, WRITE_KEY = "key-of-a-reader", "key-of-a-writer"

Document = dict[str, Any]


class Still:
    """A view source that is only ever asked for its head."""

    async def head(self) -> Head:
        """Nobody vouches."""
        message = "down"
        raise ViewsUnavailable(message)

    async def load(self) -> Snapshot:
        """Never asked."""
        raise NotImplementedError

    def tail(self, position: Position) -> AsyncIterator[list[Delta]]:
        """Never asked."""
        raise NotImplementedError


class Truth:
    """MongoDB in memory; counts what it is asked."""

    def __init__(self) -> None:
        self.calls: list[Document] = []
        self.documents: list[Document] = []
        self.counted: dict[Bucket, Document] = {}
        self.asked: list[Any] = []

    async def active_calls(self) -> list[Document]:
        """Return the calls alive now."""
        self.asked.append("active_calls")
        return self.calls

    async def campaign(self, campaign_id: str) -> Document:
        """Return a campaign document."""
        for document in self.documents:
            if document["_id"] == campaign_id:
                return document
        raise CampaignNotFound(campaign_id)

    async def campaigns(self) -> tuple[Any, AsyncIterator[Document]]:
        """Return every campaign document."""

        async def each() -> AsyncIterator[Document]:
            for document in self.documents:
                yield document

        return None, each()

    async def campaign_document(
        self, campaign_id: str, after: int = 0
    ) -> tuple[Document | None, int]:
        """Return a campaign document and as of when."""
        return next((d for d in self.documents if d["_id"] == campaign_id), None), after

    async def page(self, query: CallQuery, after: int = 0) -> CallPage:
        """Return the first calls."""
        self.asked.append("page")
        return CallPage(self.calls[: query.limit], None, after)

    async def call(self, sid: str, after: int = 0) -> tuple[Document | None, int]:
        """Return a call and as of when."""
        return next((call for call in self.calls if call["_id"] == sid), None), after

    async def days(
        self, first: str, last: str, campaign_id: str | None, after: int = 0
    ) -> tuple[list[Document], int]:
        """Return daily figures and as of when."""
        self.asked.append((first, last, campaign_id))
        found = [
            counted
            for bucket, counted in self.counted.items()
            if bucket.day is not None and first <= bucket.day <= last
        ]
        return found, after

    async def durations(
        self, first: str, last: str, campaign_id: str | None, after: int = 0
    ) -> tuple[list[Document], int]:
        """Return how long calls lasted and as of when."""
        self.asked.append((first, last, campaign_id))
        return [{"seconds": {"7": 1}}], after

    async def steps(
        self, day: str, campaign_id: str | None, after: int = 0
    ) -> tuple[list[Document], int]:
        """Return a day's steps of concurrency and as of when."""
        self.asked.append((day, campaign_id))
        return [{"net": {"29700": 1, "29765": -1}}], after

    async def endings(
        self, now: datetime, campaign_id: str | None, after: int = 0
    ) -> tuple[list[Ended], int]:
        """Return how calls ended and as of when."""
        self.asked.append((now, campaign_id))
        return [Ended("busy", 486, (0, 0, 0, 1, 1, 1), "CA1", now)], after

    async def campaign_figures(self) -> dict[str, Document]:
        """Return every campaign's counters."""
        return {b.campaign_id: c for b, c in self.counted.items() if b.campaign_id is not None}

    async def figures(self, buckets: Sequence[Bucket]) -> dict[Bucket, Document]:
        """Return stored figures."""
        return {bucket: self.counted[bucket] for bucket in buckets if bucket in self.counted}


class Straight(CachedReads):
    """Reads that are told to be cached, and go to MongoDB."""

    def __init__(self) -> None:
        async def newest() -> int:
            return 1

        super().__init__(None, table({}), lambda: True, newest)

    @property
    def enabled(self) -> bool:
        """Views are served."""
        return True


class ReadsDesk:
    """Reads over three replicas that tests fill by hand."""

    def __init__(self) -> None:
        self.clock = clock = FixedClock(START)
        self.truth = Truth()
        names = ("live", "campaign", "summary")
        self.replicas = {name: Replica(name, Still(), clock, 10) for name in names}
        self.reads = BoardReads(self.replicas, self.truth, ZoneInfo("UTC"), clock, Straight())

    def vouch(self, name: str, items: dict[str, Document], offset: int = 1) -> None:
        """Fill a replica; from now on somebody stands behind it."""
        rendered = {key: orjson.dumps(item) for key, item in items.items()}
        self.replicas[name]._take(Snapshot(rendered, Position(7, offset), AT))

    def live(self, *calls: Document, offset: int = 1) -> None:
        """Fill the live calls."""
        self.vouch("live", {call["_id"]: shown_call(call) for call in calls}, offset)


def _context(desk: ReadsDesk) -> Context:
    gate = Gate(
        [
            ApiKey("reader", frozenset({"read"}), hash_key(READ_KEY)),
            ApiKey("writer", frozenset({"write"}), hash_key(WRITE_KEY)),
        ],
        b"secret",
        desk.clock,
        enabled=True,
    )

    async def ready() -> dict[str, str]:
        return {}

    records: Any = desk.truth  # nothing is written
    known = Known(desk.clock)
    return Context(desk.reads, known, records, gate, desk.clock, "UTC", False, ready, lambda: b"")


def api(desk: ReadsDesk) -> ASGIApp:
    """Return the routes alone."""
    return built.api_of(_context(desk))


def board(desk: ReadsDesk, limits: Limits, *, fast: bool = True) -> ASGIApp:
    """Return the application before a desk, with or without its fast path."""
    context = _context(desk)
    path = FastReads if fast else lambda app, *_: app
    with mock.patch.object(built, "FastReads", path):
        server = socketio.AsyncServer(async_mode="asgi")
        return built.application(built.api_of(context), context, server, [], limits)


class Said(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes


async def ask(app: ASGIApp, method: str, target: str, headers: dict[str, str]) -> Said:
    """Ask an application without a server around it."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *pieces = sent
    names = [name.decode() for name, _ in start["headers"]]
    assert len(names) == len(set(names)), names
    said = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Said(start["status"], said, b"".join(piece["body"] for piece in pieces))
