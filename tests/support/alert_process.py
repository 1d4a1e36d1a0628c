"""A callboard process as far as alerts go: looks from a list, a real MongoDB, any target."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from support.alerting import NOON, UTC_ZONE, Figures, healthy

from callboard.alerts.readings import Readings
from callboard.alerts.rules import RULES
from callboard.app.alert_sending import Sending, Target
from callboard.app.alerting import Alerting, Judging
from callboard.clock import FixedClock
from callboard.store.alerts import AlertStore
from callboard.store.database import MongoDatabase

__all__ = ["Noted", "Played", "Process", "down", "told"]


class Played:
    """Looks from a list."""

    def __init__(self, readings: Iterable[Readings], clock: FixedClock) -> None:
        self._left = iter(readings)
        self._clock = clock

    async def look(self) -> Readings:
        """Return the next; the clock moves to it."""
        found = next(self._left)
        if (ahead := found.at - self._clock.now()) > timedelta(0):
            self._clock.advance(ahead)
        return found


class Noted:
    """A target that writes down what it is sent."""

    def __init__(self, name: str = "noted") -> None:
        self.name = name
        self.got: list[tuple[str, str]] = []
        self.fails = 0
        self.dies = False

    async def send(self, title: str, body: str) -> str | None:
        """Take a message; some are not taken, and after one the process may die."""
        if self.fails:
            self.fails -= 1
            return "not today"
        self.got.append((title, body))
        if self.dies:
            raise asyncio.CancelledError
        return None

    @property
    def identities(self) -> list[str]:
        """Return the ids of what came, in order."""
        return [body.rpartition("id ")[2] for _, body in self.got]


class Process:
    """One callboard process, as far as alerts go."""

    def __init__(
        self,
        database: MongoDatabase,
        readings: Iterable[Readings],
        target: Target,
        *,
        leading: bool = True,
    ) -> None:
        self.clock = FixedClock(NOON - timedelta(minutes=1))
        self.leading = leading
        self.store = AlertStore(database)
        self.sending = Sending(self.store, [target], self.clock)
        judging = Judging(RULES, UTC_ZONE, lambda: self.leading)
        played = Played(readings, self.clock)
        self.alerting = Alerting(self.store, played, self.sending, judging)

    async def look(self, times: int = 1, *, send: bool = True) -> None:
        """Look so many times, sending after each."""
        for _ in range(times):
            await self.alerting.look()
            if send:
                await self.sending.pump_direct()
                await self.sending.pump()

    async def end(self) -> None:
        """End in good order: what was not written yet is."""
        await self.alerting._write()


def down(begin: int, until: int, name: str = "redis_up") -> Any:
    """Return figures with an outage."""

    def figures(number: int) -> Figures:
        away: Figures = {name: {"": 0.0 if begin <= number < until else 1.0}}
        return {**healthy(number), **away}

    return figures


async def told(database: MongoDatabase) -> list[tuple[str, str, datetime]]:
    """Return what was recorded, oldest first."""
    found = await database.alerts.find().sort([("at", 1), ("_id", 1)]).to_list()
    return [(one["rule"], one["kind"], one["at"]) for one in found]
