"""What `/api/system` costs MongoDB: the same for one asker and for hundreds; counted there."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import AsyncMongoClient, monitoring
from redis.asyncio import Redis
from support.engines import Engines as TestEngines

from callboard.alerts.rules import RULES
from callboard.app.alerts import AlertsShown, Engines
from callboard.app.feeds import Feeds
from callboard.app.system import Seen, System
from callboard.app.traffic import Traffic
from callboard.clock import FixedClock
from callboard.delivery.replica import Replica
from callboard.observe.cachestats import CacheStats
from callboard.store.alerts import AlertStore
from callboard.store.database import MongoDatabase

NOW = datetime(2026, 3, 26, 8, 15, tzinfo=UTC)
VIEWS = ("live", "campaign", "summary")


class Commands(monitoring.CommandListener):
    """Remembers the commands that were sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Remember one without the session it ran in."""
        kept = ("find", "filter", "update", "ping")
        self.sent.append({name: event.command[name] for name in kept if name in event.command})

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to remember."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to remember."""

    def taken(self) -> list[str]:
        """Return the kinds of commands since the last time, sorted."""
        kinds = sorted(next(iter(command), "other") for command in self.sent)
        self.sent.clear()
        return kinds


class Site:
    """The parts that are asked, on a client whose commands are counted."""

    def __init__(self, database: MongoDatabase, redis: Redis) -> None:
        self.clock = FixedClock(NOW)
        store = AlertStore(database)
        self.traffic = Traffic(self.clock)
        self.feeds = Feeds(self.traffic, store, ["twilio"], self.clock)
        seen = Seen(
            self.feeds,
            self.traffic,
            CacheStats(self.clock),
            {name: Replica(name, None, self.clock, 10) for name in VIEWS},  # type: ignore[arg-type]  # never read
            Engines(database, redis),
            lag_s=lambda: None,
            drift=lambda: None,
            clients=lambda: 0,
            limits={},
            has_cache=False,
        )
        self.system = System(seen, self.clock)
        self.system.firing = AlertsShown(store, RULES).firing


@pytest.fixture
def commands() -> Commands:
    """Count commands."""
    return Commands()


@pytest.fixture
async def site(
    database: MongoDatabase, engines: TestEngines, commands: Commands
) -> AsyncIterator[Site]:
    """Return the parts, connected already."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        engines.mongo_url(database.name), tz_aware=True, event_listeners=[commands]
    )
    redis = Redis.from_url(engines.valkey.url, password=engines.valkey.password)
    await client.admin.command("ping")
    commands.sent.clear()
    yield Site(client[database.name], redis)
    await redis.aclose()
    await client.close()


async def test_any_number_of_askers_cost_two_commands_each_two_seconds(
    site: Site, commands: Commands
) -> None:
    await asyncio.gather(*(site.system.told() for _ in range(300)))
    assert commands.taken() == ["find", "ping"]
    site.clock.advance(timedelta(seconds=1.9))
    await asyncio.gather(*(site.system.told() for _ in range(300)))
    assert commands.taken() == []
    site.clock.advance(timedelta(seconds=0.2))
    await asyncio.gather(*(site.system.told() for _ in range(300)))
    assert commands.taken() == ["find", "ping"]


async def test_what_fires_is_read_by_its_id(
    site: Site, commands: Commands, database: MongoDatabase
) -> None:
    await site.system.told()
    (find,) = (command for command in commands.sent if "find" in command)
    plan = await database.command({"explain": find, "verbosity": "queryPlanner"})
    assert plan["queryPlanner"]["winningPlan"]["stage"] in ("EXPRESS_IXSCAN", "IDHACK")


async def test_processes_tell_each_other_by_two_commands_each_ten_seconds(
    site: Site, commands: Commands
) -> None:
    await site.feeds.look()
    assert commands.taken() == ["find"]  # nothing came: there is nothing to tell
