"""The driver posts ElevenLabs' events beside Twilio's callbacks, signed at their time."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from callboard.clock import FixedClock
from callboard.errors import ConfigurationError
from callboard.simulator.deliveries import Delivery
from callboard.simulator.driver import Driver, DriverReport
from callboard.simulator.posts import ElevenLabsPosts, TwilioPosts
from callboard.simulator.scenario import Scenario, ScenarioOptions
from callboard.vendors.elevenlabs.signature import check

START = datetime(2026, 3, 26, 8, 15, tzinfo=UTC)
TWILIO_URL = "http://127.0.0.1:8700/webhook/call-status"
URL = "http://127.0.0.1:8700/webhook/elevenlabs"
SECRET = "made-up-secret"
EVENT = b'{"type":"post_call_audio"}'
ENDED = (("CallSid", "CA1"), ("CallStatus", "completed"))


class Receiver:
    """Answers by URL, in made-up time: each sleep moves the clock."""

    def __init__(self, answers: dict[str, list[int]] | None = None) -> None:
        self.answers = answers or {}
        self.clock = FixedClock(START)
        self.requests: list[httpx.Request] = []

    async def sleep(self, seconds: float) -> None:
        """Let everything else that can go on do so, then move the clock."""
        for _ in range(20):
            await asyncio.sleep(0)
        self.clock.advance(timedelta(seconds=seconds))

    def receive(self, request: httpx.Request) -> httpx.Response:
        """Check an event's signature against the clock, and answer."""
        self.requests.append(request)
        url = str(request.url).partition("?")[0]
        if url == URL:
            header, now_s = request.headers["ElevenLabs-Signature"], self.clock.now().timestamp()
            problem = check(header, request.content, [SECRET], now_s=now_s, tolerance_s=1.0)
            assert problem is None
        left = self.answers.get(url)
        return httpx.Response(left.pop(0) if left else 200)

    async def play(
        self, deliveries: list[Delivery], *, secret: str | None = SECRET
    ) -> DriverReport:
        """Play to the end."""
        async with httpx.AsyncClient(transport=httpx.MockTransport(self.receive)) as client:
            driver = Driver(
                client,
                TwilioPosts(TWILIO_URL, TWILIO_URL, "token"),
                self.clock,
                self.sleep,
                ElevenLabsPosts(URL, secret, self.clock) if secret else None,
            )
            return await driver.play(deliveries)


async def test_an_event_is_posted_as_json_signed_with_the_time_of_the_post() -> None:
    receiver = Receiver()
    await receiver.play([Delivery(90.0, "CA1", event=EVENT)])
    [request] = receiver.requests
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.content == EVENT
    assert request.headers["Content-Type"] == "application/json"
    signed_at_s = int(START.timestamp()) + 90
    assert request.headers["ElevenLabs-Signature"].startswith(f"t={signed_at_s},v0=")


async def test_a_whole_scenario_is_acknowledged_and_counted_once_each() -> None:
    options = ScenarioOptions(
        call_limit=60, elevenlabs=True, duplicate_rate=0.2, disorder_rate=0.2, loss_rate=0.1
    )
    deliveries = list(Scenario(options, START).deliveries())
    receiver = Receiver()
    report = await receiver.play(deliveries)
    assert report.accepted == report.sent == len(deliveries) == len(receiver.requests)
    assert report.started_calls == len({delivery.call_sid for delivery in deliveries})
    paths = Counter(request.url.path for request in receiver.requests)
    vendors = Counter(delivery.vendor for delivery in deliveries)
    assert paths["/webhook/elevenlabs"] == vendors["elevenlabs"] > 60


async def test_elevenlabs_takes_only_200_for_success() -> None:
    answers = {URL: [204], TWILIO_URL: [204]}
    deliveries = [Delivery(0.0, "CA1", form=ENDED), Delivery(1.0, "CA1", event=EVENT, last=True)]
    report = await Receiver(answers).play(deliveries)
    assert (report.accepted, report.refused) == (1, {204: 1})


async def test_an_event_is_not_the_end_of_a_call() -> None:
    report = await Receiver().play([Delivery(0.0, "CA1", event=EVENT, last=True)])
    assert (report.started_calls, report.ended_calls) == (1, 0)


async def test_a_callback_that_is_retried_holds_back_no_event() -> None:
    deliveries = [Delivery(0.0, "CA1", form=ENDED), Delivery(0.1, "CA1", event=EVENT, last=True)]
    receiver = Receiver({TWILIO_URL: [503]})
    await receiver.play(deliveries)
    assert [str(request.url) for request in receiver.requests] == [TWILIO_URL, URL, TWILIO_URL]


async def test_without_a_secret_events_cannot_be_posted() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await Receiver().play([Delivery(0.0, "CA1", event=EVENT)], secret=None)
    assert caught.group_contains(ConfigurationError, match="no way to post")
