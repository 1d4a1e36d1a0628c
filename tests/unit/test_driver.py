"""The driver posts what the vendors would, when they would, and reports what came of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import takewhile
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest

from callboard.clock import FixedClock
from callboard.errors import ConfigurationError
from callboard.simulator.driver import Driver, DriverReport
from callboard.simulator.posts import ElevenLabsPosts, TwilioPosts
from callboard.simulator.scenario import Delivery, Scenario, ScenarioOptions

START = datetime(2026, 3, 26, 8, 15, tzinfo=UTC)
URL = "http://127.0.0.1:8700/webhook/call-status"
SIGNED_URL = "https://calls.example.com/webhook/call-status"
ELEVENLABS_URL = "http://127.0.0.1:8700/webhook/elevenlabs"
TOKEN = "made-up-token"
SECRET = "made-up-secret"

Answer = Callable[[httpx.Request], httpx.Response]


@dataclass
class Bench:
    """A driver before a made-up receiver, in made-up time: each sleep moves the clock."""

    answer: Answer = lambda _request: httpx.Response(204)
    """What the receiver says."""
    linger: int = 0
    """How many turns of the loop the receiver takes."""
    stop_at: int | None = None
    """The driver is stopped while this request, counted from 1, is answered."""
    clock: FixedClock = field(default_factory=lambda: FixedClock(START))
    requests: list[tuple[float, httpx.Request]] = field(default_factory=list)
    drivers: list[Driver] = field(default_factory=list)
    slept_s: list[float] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    busy_max: int = 0
    overtakings: int = 0

    async def sleep(self, seconds: float) -> None:
        """Let everything else that can go on do so, then move the clock."""
        for _ in range(20):
            await asyncio.sleep(0)
        self.slept_s.append(seconds)
        self.clock.advance(timedelta(seconds=seconds))

    async def receive(self, request: httpx.Request) -> httpx.Response:
        """Take note of a request and answer it."""
        self.requests.append((self.clock.monotonic_s(), request))
        if len(self.requests) == self.stop_at:
            self.drivers[-1].stop()
        sid = form_of(request).get("CallSid", "an event of ElevenLabs")
        self.overtakings += sid in self.busy
        self.busy.append(sid)
        self.busy_max = max(self.busy_max, len(self.busy))
        for _ in range(self.linger):
            await asyncio.sleep(0)
        self.busy.remove(sid)
        return self.answer(request)

    @asynccontextmanager
    async def driver(self, **options: Any) -> AsyncIterator[Driver]:
        """Return a driver that posts here."""
        async with httpx.AsyncClient(transport=httpx.MockTransport(self.receive)) as client:
            defaults: dict[str, Any] = {
                "twilio": TwilioPosts(URL, SIGNED_URL, TOKEN),
                "elevenlabs": ElevenLabsPosts(ELEVENLABS_URL, SECRET, self.clock),
            }
            self.drivers.append(
                Driver(client, clock=self.clock, sleep=self.sleep, **(defaults | options))
            )
            yield self.drivers[-1]

    async def play(
        self, deliveries: Iterable[Delivery], *, until_s: float | None = None, drain: bool = True
    ) -> DriverReport:
        """Play with a driver of its own."""
        async with self.driver() as driver:
            return await driver.play(deliveries, until_s=until_s, drain=drain)


def form_of(request: httpx.Request) -> dict[str, str]:
    return dict(parse_qsl(request.content.decode(), keep_blank_values=True))


def is_twilios(request: httpx.Request) -> bool:
    return str(request.url).startswith(URL)


def scenario(**options: float) -> Scenario:
    return Scenario(ScenarioOptions(**options), START)  # type: ignore[arg-type]  # by name


def one(at_s: float = 0.0, sid: str = "CA1", status: str = "completed") -> Delivery:
    form = (("CallSid", sid), ("CallStatus", status))
    return Delivery(at_s, sid, (), form, last=status == "completed")


def sequence_of(answers: list[httpx.Response | Exception]) -> Answer:
    left = iter(answers)

    def answer(_request: httpx.Request) -> httpx.Response:
        following = next(left)
        if isinstance(following, Exception):
            raise following
        return following

    return answer


async def test_nothing_is_posted_early_and_little_late() -> None:
    bench = Bench()
    deliveries = list(scenario(call_limit=40).deliveries())
    await bench.play(deliveries)
    due_s = {urlencode(delivery.form): delivery.at_s for delivery in deliveries}
    for at_s, request in bench.requests:
        assert 0 <= at_s - due_s[request.content.decode()] < 0.002


async def test_late_deliveries_are_caught_up_without_waiting() -> None:
    bench = Bench()
    bench.clock.advance(timedelta(seconds=5))

    def late() -> Iterable[Delivery]:
        yield one(0.0, "CA1")
        bench.clock.advance(timedelta(seconds=60))
        yield from (one(float(second), f"CA{second}") for second in range(2, 50))

    report = await bench.play(late())
    assert report.accepted == 49
    assert bench.slept_s == []


async def test_a_call_keeps_its_order_while_calls_run_side_by_side() -> None:
    bench = Bench(linger=7)
    deliveries = [
        one(0.0, f"CA{call}", status)
        for status in ("initiated", "ringing", "in-progress", "completed")
        for call in range(5)
    ]
    await bench.play(deliveries)
    assert bench.overtakings == 0
    assert bench.busy_max == 5
    posted = [form_of(request) for _, request in bench.requests]
    for call in range(5):
        statuses = [form["CallStatus"] for form in posted if form["CallSid"] == f"CA{call}"]
        assert statuses == ["initiated", "ringing", "in-progress", "completed"]


async def test_a_retried_webhook_holds_back_its_calls_next_one() -> None:
    unavailable = httpx.Response(503, headers={"Retry-After": "3"})
    bench = Bench(sequence_of([unavailable, httpx.Response(204), httpx.Response(204)]))
    await bench.play([one(0.0, status="in-progress"), one(0.1, status="completed")])
    statuses = [form_of(request)["CallStatus"] for _, request in bench.requests]
    assert statuses == ["in-progress", "in-progress", "completed"]


async def test_no_more_in_flight_than_allowed() -> None:
    bench = Bench(linger=5)
    async with bench.driver(in_flight_max=3) as driver:
        await driver.play(one(0.0, f"CA{call}") for call in range(50))
    assert bench.busy_max == 3
    assert len(bench.requests) == 50


@pytest.mark.parametrize(
    ("retry_after", "wait_s"),
    [
        ("2", 2.0),
        ("0", 0.0),
        ("3600", 15.0),
        (format_datetime(START + timedelta(seconds=4)), 4.0),
        (None, 1.0),
        ("soon", 1.0),
    ],
)
async def test_a_503_is_tried_again_after_the_wait_it_asks_for(
    retry_after: str | None, wait_s: float
) -> None:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    bench = Bench(sequence_of([httpx.Response(503, headers=headers), httpx.Response(200)]))
    report = await bench.play([one()])
    assert (report.sent, report.accepted, report.retried) == (1, 1, 1)
    (first_s, first), (second_s, second) = bench.requests
    assert second_s - first_s == pytest.approx(wait_s, abs=0.002)
    token = "I-Twilio-Idempotency-Token"
    assert first.headers[token] == second.headers[token]


@pytest.mark.parametrize(("wanted", "retries"), [(True, 5), (False, 0)])
async def test_a_503_is_given_up_after_five_retries_or_none(wanted: bool, retries: int) -> None:
    bench = Bench(lambda _request: httpx.Response(503, headers={"Retry-After": "1"}))
    async with bench.driver(retry_unavailable=wanted) as driver:
        report = await driver.play([one()])
    assert len(bench.requests) == 1 + retries
    assert (report.sent, report.refused, report.retried) == (1, {503: 1}, retries)


@pytest.mark.parametrize("status", [302, 400, 403, 404, 500])
async def test_other_refusals_are_counted_and_not_retried(status: int) -> None:
    bench = Bench(lambda _request: httpx.Response(status))
    report = await bench.play([one(), one(1.0, "CA2")])
    assert len(bench.requests) == 2
    assert report.refused == {status: 2}
    assert (report.accepted, report.ended_calls) == (0, 0)


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow")])
async def test_no_connection_is_tried_once_more(error: Exception) -> None:
    bench = Bench(sequence_of([error, httpx.Response(200), error, error]))
    report = await bench.play([one(), one(1.0, "CA2")])
    assert len(bench.requests) == 4
    assert (report.sent, report.accepted, report.failed, report.retried) == (2, 1, 1, 2)


async def test_an_answer_that_never_comes_is_not_tried_again() -> None:
    bench = Bench(sequence_of([httpx.ReadTimeout("slow")]))
    report = await bench.play([one()])
    assert (report.sent, report.failed, report.retried) == (1, 1, 0)


async def test_after_until_no_call_begins_and_those_under_way_are_drained() -> None:
    made = scenario(concurrent_calls=10, elevenlabs=True)
    by_minute = takewhile(lambda plan: plan.started_at_s <= 60, made.plans())
    begun = {plan.sid for plan in by_minute}
    bench = Bench()
    report = await bench.play(made.deliveries(), until_s=60)
    posted = [form_of(request) for _, request in bench.requests if is_twilios(request)]
    assert {form["CallSid"] for form in posted} == begun
    assert report.started_calls == report.ended_calls == len(begun)
    assert sum("CallDuration" in form for form in posted) == len(begun)
    assert bench.clock.monotonic_s() > 60


async def test_without_draining_nothing_is_posted_after_until() -> None:
    bench = Bench()
    report = await bench.play(scenario().deliveries(), until_s=45, drain=False)
    assert max(at_s for at_s, _ in bench.requests) <= 45.3
    assert report.ended_calls < report.started_calls
    assert report.sent == report.accepted == len(bench.requests)


async def test_draining_ends_even_if_the_ends_of_calls_are_lost() -> None:
    made = scenario(loss_rate=0.5, duplicate_rate=0.3, disorder_rate=0.3, elevenlabs=True)
    bench = Bench()
    report = await bench.play(made.deliveries(), until_s=30)
    assert 0 < report.ended_calls < report.started_calls
    assert bench.clock.monotonic_s() < 30 + 300


async def test_draining_plays_what_follows_the_end_and_then_returns() -> None:
    held_back = [one(4.0, status="busy"), one(9.0, "CA2"), one(9.5), one(10.0, "CA3")]
    bench = Bench()
    report = await bench.play(held_back, until_s=5)
    assert [round(at_s, 1) for at_s, _ in bench.requests] == [4.0, 9.5]
    assert (report.started_calls, report.ended_calls) == (1, 1)


async def test_stop_ends_an_endless_play_soon() -> None:
    report = await Bench(stop_at=20).play(scenario().deliveries())
    assert report.accepted == report.sent == 20


async def test_stop_ends_the_wait_for_a_retry() -> None:
    unavailable = httpx.Response(503, headers={"Retry-After": "15"})
    bench = Bench(sequence_of([unavailable]), stop_at=1)
    report = await bench.play([one()])
    assert (report.refused, report.retried) == ({503: 1}, 0)
    assert bench.clock.monotonic_s() < 1


async def test_a_stopped_driver_plays_nothing() -> None:
    bench = Bench()
    async with bench.driver() as driver:
        driver.stop()
        report = await driver.play(scenario().deliveries())
    assert (report.sent, bench.requests) == (0, [])


async def test_the_report_tells_latencies_in_seconds() -> None:
    waits_s = iter([0.01] * 98 + [0.2, 0.5])
    bench = Bench()

    def answer(_request: httpx.Request) -> httpx.Response:
        bench.clock.advance(timedelta(seconds=next(waits_s)))
        return httpx.Response(200)

    bench.answer = answer
    report = await bench.play(one(float(call), f"CA{call}") for call in range(100))
    assert report.latency_p50_s == pytest.approx(0.01)
    assert report.latency_p99_s == pytest.approx(0.2)


async def test_a_report_of_nothing_is_all_zero() -> None:
    assert await Bench().play([]) == DriverReport(0, 0, {}, 0, 0, 0.0, 0.0, 0, 0)


async def test_a_bug_in_the_receiver_is_not_swallowed() -> None:
    with pytest.raises(ExceptionGroup):
        await Bench(sequence_of([ZeroDivisionError()])).play([one()])


async def test_calls_that_are_through_are_forgotten() -> None:
    async with Bench().driver() as driver:
        await driver.play(scenario(call_limit=50, loss_rate=0.3, elevenlabs=True).deliveries())
        assert driver._calls == {}


async def test_a_driver_needs_room_for_one() -> None:
    with pytest.raises(ConfigurationError, match="in_flight_max"):
        async with Bench().driver(in_flight_max=0):
            pass
