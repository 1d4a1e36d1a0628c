"""The stale-call watch: who watches, how patiently, and what it tells."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.builders import START, a_call, sid
from support.merging import applied

from callboard.clock import FixedClock
from callboard.domain.stale import Limit, StaleRule, Word
from callboard.errors import StoreUnavailable
from callboard.projection.watch import StaleWatch
from callboard.store.merge import watch_statement


class MemoryCalls:
    """Open calls in memory."""

    def __init__(self, *calls: dict[str, Any]) -> None:
        self.calls = {call["_id"]: call for call in calls}
        self.talks: list[float] = []
        self.asked: list[Sequence[Limit]] = []
        self.talks_asked = 0
        self.failure: Exception | None = None

    async def silent(
        self, limits: Sequence[Limit], now: datetime, count_max: int
    ) -> list[dict[str, Any]]:
        """Return all of them: the rule decides anyway."""
        assert now >= START
        if self.failure is not None:
            raise self.failure
        self.asked.append(limits)
        return [*self.calls.values()][:count_max]

    async def say(self, words: Collection[Word]) -> list[str]:
        """Merge what the watch says."""
        assert words
        for word in words:
            statement = watch_statement(word.identity, word.fact)
            self.calls[word.identity] = applied(self.calls[word.identity], statement)
        closed = [self.calls[word.identity] for word in words if word.closes]
        return [call["_id"] for call in closed if call["status"] == "unconfirmed"]

    async def talks_s(self, now: datetime) -> list[float]:
        """Return how long calls lasted."""
        assert now >= START
        self.talks_asked += 1
        return self.talks


class Desk:
    """A watch over calls in memory, at a time that is moved by hand."""

    def __init__(self, *calls: dict[str, Any]) -> None:
        self.calls = MemoryCalls(*calls)
        self.clock = FixedClock(START)
        self.leads = True
        self.watch = StaleWatch(self.calls, self.clock, StaleRule(), is_leading=lambda: self.leads)

    async def look_after(self, seconds: float) -> list[Any]:
        """Look so many seconds later; return what is logged."""
        self.clock.advance(timedelta(seconds=seconds))
        with capture_logs() as logs:
            await self.watch.look()
        return logs

    def status(self, number: int = 1) -> Any:
        """Return a call's status."""
        return self.calls.calls[sid(number)]["status"]


async def test_a_call_is_flagged_and_given_up_and_both_are_told_once() -> None:
    desk = Desk(a_call(), a_call(2), a_call(3, status="in-progress"))
    assert await desk.look_after(100) == []
    flagged = {"event": "watch.flagged", "calls": 2, "log_level": "info"}
    assert await desk.look_after(20) == [flagged]
    assert await desk.look_after(15) == []
    closed = [
        {"event": "watch.unconfirmed", "sid": sid(number), "log_level": "warning"}
        for number in (1, 2)
    ]
    assert await desk.look_after(800) == closed
    assert [desk.status(number) for number in (1, 2, 3)] == [
        "unconfirmed",
        "unconfirmed",
        "in-progress",
    ]
    assert await desk.look_after(15) == []


async def test_only_the_leader_watches_and_a_new_one_is_patient() -> None:
    desk = Desk(a_call())
    desk.leads = False
    assert await desk.look_after(5_000) == []
    assert desk.calls.asked == []
    desk.leads = True
    assert len(await desk.look_after(0)) == 1
    assert await desk.look_after(119) == []
    desk.leads = False
    await desk.look_after(1)
    desk.leads = True
    assert await desk.look_after(1) == []
    assert await desk.look_after(119) == []
    assert desk.status() == "ringing"
    await desk.look_after(1)
    assert desk.status() == "unconfirmed"


async def test_long_talks_are_asked_for_now_and_then() -> None:
    desk = Desk(a_call(status="in-progress"))
    desk.calls.talks = [1_000.0] * 20
    for _ in range(4):
        await desk.look_after(299)
    assert desk.calls.talks_asked == 2
    assert desk.calls.asked[-1][1].flag_after == timedelta(seconds=3_000)


async def test_a_store_that_does_not_answer_ends_the_look_and_nothing_more() -> None:
    desk = Desk(a_call())
    desk.calls.failure = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable):
        await desk.look_after(200)
    desk.calls.failure = None
    assert len(await desk.look_after(1)) == 1


async def test_it_goes_on_looking_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(a_call())
    desk.calls.failure = StoreUnavailable("away")
    slept: list[float] = []

    class EnoughError(Exception):
        pass

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise EnoughError

    monkeypatch.setattr("callboard.projection.watch.asyncio.sleep", sleep)
    with capture_logs() as logs, pytest.raises(EnoughError):
        await desk.watch.run()
    assert [log["event"] for log in logs] == ["watch.interrupted"] * 2
    assert slept == [15.0] * 3
