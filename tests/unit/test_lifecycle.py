"""Services start in order, stop in reverse, restart within a budget, and never stop for ever."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from support.builders import START, settle, until

from callboard.app import lifecycle as lifecycle_module
from callboard.app.lifecycle import Background, Lifecycle
from callboard.clock import FixedClock

AT_ONCE_S = 0.0


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restart without a pause."""
    monkeypatch.setattr(lifecycle_module, "_RESTART_PAUSE_S", 0)


class Part:
    """A service that notes what is done with it."""

    def __init__(
        self,
        name: str,
        seen: list[str],
        *,
        fails: Exception | None = None,
        stop_fails: bool = False,
        hangs: bool = False,
    ) -> None:
        self.name = name
        self._seen = seen
        self._fails = fails
        self._stop_fails = stop_fails
        self._hangs = hangs

    async def start(self) -> None:
        """Start, or fail."""
        self._seen.append(f"+{self.name}")
        if self._fails is not None:
            raise self._fails

    async def stop(self) -> None:
        """Stop, fail, or never come back."""
        self._seen.append(f"-{self.name}")
        if self._stop_fails:
            message = "cannot stop"
            raise RuntimeError(message)
        if self._hangs:
            await asyncio.Event().wait()


async def test_services_start_in_order_and_stop_in_reverse() -> None:
    seen: list[str] = []
    lifecycle = Lifecycle([Part(name, seen) for name in "abc"], drain_s=60)
    await lifecycle.start()
    await lifecycle.stop()
    assert seen == ["+a", "+b", "+c", "-c", "-b", "-a"]
    await lifecycle.stop()
    assert len(seen) == 6


async def test_a_service_that_cannot_start_stops_those_that_did() -> None:
    seen: list[str] = []
    broken = Part("b", seen, fails=ValueError("port taken"))
    lifecycle = Lifecycle([Part("a", seen), broken, Part("c", seen)], drain_s=60)
    with pytest.raises(ValueError, match="port taken"):
        await lifecycle.start()
    # The one that failed half-way is stopped too: it may have let go of nothing.
    assert seen == ["+a", "+b", "-b", "-a"]


async def test_a_service_that_fails_to_stop_does_not_keep_the_others() -> None:
    seen: list[str] = []
    parts = [Part("a", seen), Part("b", seen, stop_fails=True), Part("c", seen)]
    lifecycle = Lifecycle(parts, drain_s=60)
    await lifecycle.start()
    with capture_logs() as logs:
        await lifecycle.stop()
    assert seen[3:] == ["-c", "-b", "-a"]
    assert [(log["event"], log["service"]) for log in logs] == [("service.stop_failed", "b")]


async def test_a_service_that_hangs_is_not_waited_for_beyond_the_deadline() -> None:
    seen: list[str] = []
    lifecycle = Lifecycle([Part("a", seen), Part("b", seen, hangs=True)], drain_s=AT_ONCE_S)
    await lifecycle.start()
    with capture_logs() as logs:
        await lifecycle.stop()
    assert [log["event"] for log in logs] == ["lifecycle.drain_timeout"]
    assert "a" in logs[0]["not_stopped"]


async def test_the_service_that_hangs_is_named() -> None:
    seen: list[str] = []
    lifecycle = Lifecycle([Part("a", seen), Part("b", seen, hangs=True)], drain_s=AT_ONCE_S)
    await lifecycle.start()
    with capture_logs() as logs:
        await lifecycle.stop()
    assert "b" in logs[0]["not_stopped"]


async def test_the_deadline_holds_for_those_after_a_slow_background_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []
    deadline = asyncio.timeout(None)
    monkeypatch.setattr("callboard.app.lifecycle.asyncio.timeout", lambda _: deadline)

    async def slow_to_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.Event().wait()

    slow = Background("slow", slow_to_end, FixedClock(START), asyncio.Event())
    lifecycle = Lifecycle([Part("a", seen, hangs=True), slow], drain_s=60)
    await lifecycle.start()
    await settle()
    stopping = asyncio.ensure_future(lifecycle.stop())
    await settle()
    deadline.reschedule(asyncio.get_running_loop().time())
    with capture_logs():
        await settle()
    ended = stopping.done()
    for _ in range(3):
        stopping.cancel()
        await settle()
    assert ended


class Flaky:
    """A background coroutine that fails whenever it is let through."""

    def __init__(self) -> None:
        self.runs = 0
        self.clock = FixedClock(START)
        self.failed = asyncio.Event()
        self.gate = asyncio.Semaphore(0)
        self._expected = 0
        self.background = Background("flaky", self.run, self.clock, self.failed)

    async def run(self) -> None:
        """Fail when let through."""
        self.runs += 1
        await self.gate.acquire()
        message = "broken"
        raise RuntimeError(message)

    async def fail(self, times: int = 1) -> None:
        """Let it fail so many times."""
        for _ in range(times):
            self._expected = self.runs + 1
            self.gate.release()
            await until(self._moved_on)

    def _moved_on(self) -> bool:
        return self.runs >= self._expected or self.failed.is_set()


async def test_a_background_that_fails_is_started_again_within_its_budget() -> None:
    flaky = Flaky()
    await flaky.background.start()
    await settle()
    with capture_logs() as logs:
        await flaky.fail(times=5)
        assert (flaky.runs, flaky.failed.is_set()) == (6, False)
        await flaky.fail()
    assert (flaky.runs, flaky.failed.is_set()) == (6, True)
    assert [log["restarting"] for log in logs] == [True] * 5 + [False]
    await flaky.background.stop()


async def test_failures_far_apart_never_spend_the_budget() -> None:
    flaky = Flaky()
    await flaky.background.start()
    await settle()
    with capture_logs():
        for _ in range(20):
            flaky.clock.advance(timedelta(seconds=15))
            await flaky.fail()
    assert (flaky.runs, flaky.failed.is_set()) == (21, False)
    await flaky.background.stop()


async def test_stopping_a_background_cancels_it_and_waits_for_its_end() -> None:
    ended = asyncio.Event()

    async def run() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    background = Background("run", run, FixedClock(START), asyncio.Event())
    await background.stop()
    await background.start()
    await settle()
    await background.stop()
    assert ended.is_set()
