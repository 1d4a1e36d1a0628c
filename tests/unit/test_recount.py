"""Days counted anew beside the fold: what differs is found, put right and said."""

import asyncio
import random
from collections.abc import Awaitable
from copy import deepcopy
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from support.builders import a_call, a_change, until
from support.projection import MemoryWorld, leading

from callboard.errors import LeaseLost
from callboard.projection import projector as projector_module
from callboard.projection.checks import Checks
from callboard.projection.recount import Recounted

TODAY = "2026-03-26"
SEEDED = random.Random(7)  # noqa: S311  (no secret: which day is looked at)
ENDED = {"status": "completed", "duration": 9, "outcome": "human"}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing happen by the clock alone."""
    for name in ("_RENEW_EVERY_S", "_VOUCH_EVERY_S"):
        monkeypatch.setattr(projector_module, name, 3_600.0)


async def counted(world: MemoryWorld, day: str = TODAY) -> Recounted:
    """Count a day anew, with batches passing by."""
    recount = asyncio.ensure_future(world.projector.recounts.recount(day))
    return await passing(world, recount)


async def passing(world: MemoryWorld, result: Awaitable[Recounted]) -> Recounted:
    """Let empty batches pass by until there is a result."""
    waiting = asyncio.ensure_future(result)
    while not waiting.done():
        await world.through()
    return await waiting


async def test_figures_that_are_right_stay_as_they_are() -> None:
    async with leading(MemoryWorld()) as world:
        world.truth.calls = [a_call(1), a_call(2, **ENDED)]
        await world.through(*(a_change(None, call) for call in world.truth.calls))
        before = dict(world.ledger.stored)
        assert await counted(world) == Recounted(TODAY, 2, 6, 0)
        assert world.ledger.stored == before
        assert await counted(world, "2026-03-24") == Recounted("2026-03-24", 0, 0, 0)


@pytest.mark.parametrize("key", ["daily:2026-03-26", "daily:2026-03-26:spring", "campaign:spring"])
@pytest.mark.parametrize("how", ["changed", "deleted", "invented"])
async def test_figures_that_somebody_changed_are_put_right(key: str, how: str) -> None:
    async with leading(MemoryWorld()) as world:
        world.truth.calls = [a_call(1), a_call(2, **ENDED)]
        await world.through(*(a_change(None, call) for call in world.truth.calls))
        right = deepcopy(world.ledger.stored)
        if how == "changed":
            world.ledger.stored[key]["callVolume"]["total"] += 1
        elif how == "deleted":
            del world.ledger.stored[key]
        else:
            invented = {**world.ledger.stored[key], "_id": f"daily:{TODAY}:may"}
            world.ledger.stored[invented["_id"]] = invented | {
                "campaignId": "may",
                "type": "daily",
                "day": TODAY,
            }
        found = await counted(world)
        assert found.drifted == 1
        assert world.ledger.stored == right
        assert (await counted(world)).drifted == 0


async def test_what_changes_while_a_day_is_counted_is_counted_once() -> None:
    async with leading(MemoryWorld()) as world:
        world.truth.calls = [a_call(1)]
        await world.through(a_change(None, a_call(1)))
        recount = asyncio.ensure_future(world.projector.recounts.recount(TODAY))
        await until(lambda: world.happened("calls_between"))
        # In the count already (50, 0), and after it (51, 0).
        await world.through(a_change(a_call(1), a_call(1, **ENDED), at=(51, 0)))
        await world.through(a_change(None, a_call(2), at=(52, 0)))
        found = await passing(world, recount)
        assert (found.calls, found.drifted) == (1, 0)
        assert world.total_of(f"daily:{TODAY}") == 2


async def test_a_lost_lease_ends_the_count() -> None:
    async with leading(MemoryWorld()) as world:
        recount = asyncio.ensure_future(world.projector.recounts.recount(TODAY))
        await until(lambda: world.happened("calls_between"))
        world.truth.feed.put_nowait(LeaseLost("moved"))
        with pytest.raises(LeaseLost):
            await recount


class Wished:
    """Wishes in memory."""

    def __init__(self) -> None:
        self.following = date(2026, 3, 26)
        self.last: date | None = None
        self.done: list[tuple[date, int, bool]] = []
        self.closed: str | None = None

    @property
    def finished(self) -> bool:
        """Tell whether nothing is left."""
        return self.last is None or self.following > self.last

    async def progress(self) -> "Wished":
        """Return what is wished for."""
        return self

    async def advance(self, day: date, *, drifted: int, skipped: bool) -> None:
        """Say that a day is done."""
        self.done.append((day, drifted, skipped))
        self.following = day + timedelta(days=1)

    async def counted_nightly(self) -> str | None:
        """Return the last closed day."""
        return self.closed

    async def close(self, day: str, at: datetime) -> None:
        """Remember."""
        assert at.tzinfo is not None
        self.closed = day


def checks_of(world: MemoryWorld, wishes: Wished) -> Checks:
    """Return the checks of a world's projector."""
    projector = world.projector
    return Checks(projector.recounts, wishes, projector.leading, world.clock, SEEDED)


async def once(world: MemoryWorld, checks: Checks) -> bool:
    """Let the checks do what is due, with batches passing by."""
    result: Any = await passing(world, checks.once())  # type: ignore[arg-type]  # a bool here
    return bool(result)


async def test_days_that_are_wished_for_come_first_and_one_by_one() -> None:
    async with leading(MemoryWorld()) as world:
        world.truth.calls = [a_call(1)]
        await world.through(a_change(None, a_call(1)))
        world.ledger.stored["daily:2026-03-26"]["callVolume"]["total"] = 9
        wishes = Wished()
        wishes.last = date(2026, 3, 27)
        checks = checks_of(world, wishes)
        assert await once(world, checks)
        assert await once(world, checks)
        assert wishes.done == [(date(2026, 3, 26), 1, False), (date(2026, 3, 27), 0, False)]
        assert (checks.drift, checks.drifted, checks.compared) == (0, 1, 2)


async def test_closed_days_are_counted_once_a_night_and_not_before_five_past() -> None:
    world = MemoryWorld()
    async with leading(world):
        wishes = Wished()
        checks = checks_of(world, wishes)
        world.clock.advance(timedelta(hours=15, minutes=49))
        assert world.clock.now() == datetime.fromisoformat("2026-03-27T00:04:00Z")
        assert not await once(world, checks)
        world.clock.advance(timedelta(minutes=1))
        assert await once(world, checks)
        assert (wishes.closed, checks.compared) == ("2026-03-26", 2)
        checks.night()
        assert not await once(world, checks)
        assert checks.compared == 2


async def test_a_sample_compares_a_day_there_is() -> None:
    async with leading(MemoryWorld()) as world:
        wishes = Wished()
        wishes.closed = "2026-03-25"
        checks = checks_of(world, wishes)
        checks.sample()
        assert not await once(world, checks)
        world.truth.calls = [a_call(1)]
        await world.through(a_change(None, a_call(1)))
        checks.sample()
        assert await once(world, checks)
        assert not await once(world, checks)
        assert (checks.compared, checks.drift) == (1, 0)
