"""The projector with everything it needs, for a server or for a process of its own."""

import os
import random
import secrets
import socket
from collections.abc import Mapping
from datetime import timedelta

from callboard.app.adapters import ProjectionSource
from callboard.cache.transport import Transport
from callboard.clock import Clock
from callboard.delivery.replica import Replica
from callboard.keyspaces import CAMPAIGNS, LIVE, SUMMARY
from callboard.projection.board import Board, Publishers
from callboard.projection.book import Book
from callboard.projection.checks import Checks
from callboard.projection.ports import Invalidation
from callboard.projection.projector import Projector
from callboard.settings import Settings
from callboard.store import database as mongo
from callboard.store.figures import FigureStore
from callboard.store.leader import Lease
from callboard.store.reaggregation import Reaggregations
from callboard.views.publisher import Publisher

__all__ = ["Projecting", "checks_of", "projector_of"]

Projecting = tuple[Projector, Checks, Mapping[str, Replica]]
"""The projector, what checks its figures, and this process' copies of its views."""


def projector_of(
    settings: Settings,
    clock: Clock,
    database: mongo.MongoDatabase,
    writer: Transport,
    invalidation: Invalidation | None = None,
    figures: FigureStore | None = None,
) -> Projector:
    """Return a projector with its pens and its claim to lead; `run` it.

    `invalidation` is told what has changed; None: nothing is cached. `figures` are the stored
    figures as it writes them.
    """
    publishers = Publishers(
        Publisher(writer, LIVE), Publisher(writer, CAMPAIGNS), Publisher(writer, SUMMARY)
    )
    days = settings.calls_kept_days
    kept = timedelta(days=days) if days is not None else None
    figures = figures or FigureStore(database, settings.zone)
    board = Board(publishers, Book(figures, settings.zone), settings.zone, clock, kept)
    lease = Lease(database, _owner(), settings.lease_ms)
    source = ProjectionSource(database, clock)
    return Projector(source, figures, lease, board, clock, invalidation)


def checks_of(projector: Projector, database: mongo.MongoDatabase, clock: Clock) -> Checks:
    """Return what compares the projector's figures with the truth; `run` it beside."""
    wishes = Reaggregations(database)
    chance = random.Random()  # noqa: S311  (which day is looked at is no secret)
    return Checks(projector.recounts, wishes, projector.leading, clock, chance)


def _owner() -> str:
    """Name this process for the lease: host, pid, and a nonce, since pids come again."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
