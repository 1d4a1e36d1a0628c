"""What is looked at: figures from views and totals, and None for whatever cannot be seen."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from callboard.alerts.readings import Readings, columns
from callboard.app.alert_readings import Collector, Parts
from callboard.clock import FixedClock
from callboard.errors import StoreUnavailable
from callboard.store.alerts import AlertStore

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class FakeView:
    """A view that says what it is told to."""

    items: dict[str, Any] = field(default_factory=dict)
    vouched: bool = True
    current_at: datetime | None = NOON - timedelta(seconds=2)


class FakeStore:
    """Totals in memory, and stored looks."""

    def __init__(self) -> None:
        self.counted: dict[str, dict[str, float]] = {}
        self.stored: list[Readings] = []
        self.away = False

    async def tally(self, owner: str, _at: datetime, counts: Mapping[str, float]) -> None:
        """Keep a process' totals."""
        if self.away:
            raise StoreUnavailable
        self.counted[owner] = dict(counts)

    async def tallies(self) -> dict[str, dict[str, float]]:
        """Return all totals."""
        return {owner: dict(counts) for owner, counts in self.counted.items()}

    async def looks(self, since: datetime, until: datetime) -> AsyncIterator[dict[str, Any]]:
        """Yield stored looks."""
        found = [look for look in self.stored if since <= look.at < until]
        if found:
            yield columns(found)


class Desk:
    """Everything a collector looks at, to be changed between looks."""

    def __init__(self) -> None:
        self.clock = FixedClock(NOON)
        self.store = FakeStore()
        self.live, self.campaign, self.summary = FakeView(), FakeView(), FakeView()
        self.up = True
        self.drift: int | None = None
        self.webhooks: dict[tuple[str, str], float] = {}
        self.reads = (0.0, 0.0)

        async def up() -> bool:
            return self.up

        parts = Parts(
            views={"live": self.live, "campaign": self.campaign, "summary": self.summary},
            current_at=lambda: NOON - timedelta(seconds=3),
            drift=lambda: self.drift,
            redis=up,
            mongodb=up,
            vendors=["twilio", "elevenlabs"],
            webhooks=lambda: self.webhooks,
            cache_reads=lambda: self.reads,
        )
        self.collector = Collector(parts, cast("AlertStore", self.store), "we", self.clock)

    async def look(self) -> Readings:
        """Look, ten seconds after the look before."""
        found = await self.collector.look()
        self.clock.advance(timedelta(seconds=10))
        return found


def today(day: str, **by_status: int) -> dict[str, Any]:
    """Return a summary as the view holds it."""
    failed = by_status["failed"]
    return {"today": {"day": day, "byStatus": by_status, "failures": {"total": failed}}}


async def test_ages_and_engines() -> None:
    desk = Desk()
    desk.drift = 2
    seen = await desk.look()
    assert seen.at == NOON
    assert seen.one("lag_s") == 3.0
    assert seen.of("staleness_s") == {"live": 2.0, "campaign": 2.0, "summary": 2.0}
    assert (seen.one("redis_up"), seen.one("mongodb_up")) == (1.0, 1.0)
    assert seen.one("drift_documents") == 2.0


async def test_what_nobody_vouches_for_is_not_known() -> None:
    desk = Desk()
    desk.live.vouched = desk.summary.vouched = False
    desk.campaign.current_at = None
    seen = await desk.look()
    assert seen.of("staleness_s") == {"live": None, "campaign": None, "summary": None}
    assert seen.one("live_calls") is None
    assert seen.of("calls_ended") == {"": None}


async def test_the_first_look_knows_no_growth() -> None:
    seen = await Desk().look()
    assert seen.of("cache_reads") == {"": None}
    assert seen.of("webhooks_accepted") == {"twilio": None, "elevenlabs": None}
    assert seen.of("calls_ended") == {"": None}


async def test_growth_of_webhooks_and_reads() -> None:
    desk = Desk()
    desk.webhooks = {("twilio", "accepted"): 10.0}
    desk.reads = (5.0, 1.0)
    await desk.look()
    desk.webhooks = {("twilio", "accepted"): 14.0, ("elevenlabs", "bad_signature"): 1.0}
    desk.reads = (10.0, 4.0)
    seen = await desk.look()
    assert seen.of("webhooks_accepted") == {"twilio": 4.0, "elevenlabs": 0.0}
    assert seen.of("webhooks_refused") == {"twilio": 0.0, "elevenlabs": 1.0}
    assert (seen.one("cache_hits"), seen.one("cache_reads")) == (5.0, 8.0)


async def test_a_process_that_began_anew_never_counts_back() -> None:
    desk = Desk()
    desk.webhooks = {("twilio", "accepted"): 10.0}
    desk.store.counted["they"] = {"webhooks|twilio|accepted": 900.0}
    await desk.look()
    desk.webhooks = {("twilio", "accepted"): 2.0}
    del desk.store.counted["they"]
    desk.store.counted["new"] = {"webhooks|twilio|accepted": 70.0}
    assert (await desk.look()).one("webhooks_accepted", "twilio") == 0.0
    desk.store.counted["new"] = {"webhooks|twilio|accepted": 71.0}
    assert (await desk.look()).one("webhooks_accepted", "twilio") == 1.0


async def test_without_mongodb_growth_is_not_known() -> None:
    desk = Desk()
    await desk.look()
    desk.up = False
    seen = await desk.look()
    assert (seen.one("mongodb_up"), seen.one("webhooks_accepted", "twilio")) == (0.0, None)
    desk.up, desk.store.away = True, True
    assert (await desk.look()).one("webhooks_accepted", "twilio") is None


async def test_calls_that_ended_since_the_look_before() -> None:
    desk = Desk()
    desk.summary.items = today("2026-11-23", completed=5, failed=1, ringing=3)
    await desk.look()
    desk.summary.items = today("2026-11-23", completed=6, failed=3, busy=1, ringing=1)
    seen = await desk.look()
    assert (seen.one("calls_ended"), seen.one("calls_failed")) == (4.0, 2.0)
    desk.summary.items = today("2026-11-23", completed=6, failed=2, ringing=1)
    seen = await desk.look()  # corrected
    assert (seen.one("calls_ended"), seen.one("calls_failed")) == (0.0, 0.0)
    desk.summary.items = today("2026-11-24", completed=1, failed=1)
    seen = await desk.look()
    assert (seen.one("calls_ended"), seen.one("calls_failed")) == (2.0, 1.0)


async def test_running_campaigns_alone() -> None:
    desk = Desk()
    item = {"totalContacts": 100, "totalCalls": 30, "queuedCalls": 75, "activeCalls": 4}
    desk.campaign.items = {
        "spring": {**item, "status": "active"},
        "paused": {**item, "status": "paused"},
        "unknown": {**item, "status": "active", "totalContacts": None},
        "beyond": {**item, "status": "running", "totalCalls": 130, "queuedCalls": 1},
    }
    desk.live.items = {"CA1": {}, "CA2": {}}
    seen = await desk.look()
    # Of spring's 75 that wait, 70 are contacts without a call, 5 are calls Twilio has queued.
    assert seen.of("campaign_begun") == {"spring": 25.0, "beyond": 129.0}
    assert seen.of("campaign_left") == {"spring": 75.0, "beyond": 1.0}
    assert seen.of("campaign_active") == {"spring": 4.0, "beyond": 4.0}
    assert seen.one("live_calls") == 2.0
    desk.campaign.vouched = False
    assert (await desk.look()).of("campaign_begun") == {"spring": None, "beyond": None}


async def test_what_is_usual_is_the_same_hour_of_seven_days() -> None:
    desk = Desk()

    def look(days: int, minutes: int, ended: float, failed: float) -> Readings:
        at = NOON - timedelta(days=days) + timedelta(minutes=minutes)
        return Readings(at, {"calls_ended": {"": ended}, "calls_failed": {"": failed}})

    desk.store.stored = [
        look(1, -30, 100, 1),
        look(1, 29, 10, 2),
        look(7, 0, 1, 1),
        look(1, 30, 1_000, 0),
        look(8, 0, 1_000, 0),
        look(0, -5, 1_000, 0),
        Readings(NOON - timedelta(days=2), {"calls_ended": {"": None}}),
    ]
    seen = await desk.look()
    assert (seen.one("usual_ended"), seen.one("usual_failed")) == (111.0, 4.0)
    desk.store.stored = []
    assert (await desk.look()).one("usual_ended") == 111.0  # not read anew each time
    desk.clock.advance(timedelta(minutes=15))
    assert (await desk.look()).one("usual_ended") == 0.0
