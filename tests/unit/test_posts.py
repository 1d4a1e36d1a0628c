"""A delivery becomes the very request its vendor would make."""

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest

from callboard.clock import FixedClock
from callboard.simulator.deliveries import Delivery
from callboard.simulator.posts import ElevenLabsPosts, Posts, TwilioPosts
from callboard.simulator.scenario import Scenario, ScenarioOptions
from callboard.vendors.elevenlabs.signature import check
from callboard.vendors.twilio.signature import verify

START = datetime(2026, 3, 26, 8, 15, tzinfo=UTC)
URL = "http://127.0.0.1:8700/webhook/call-status"
SIGNED_URL = "https://calls.example.com/webhook/call-status"
ELEVENLABS_URL = "http://127.0.0.1:8700/webhook/elevenlabs"
TOKEN = "made-up-token"
SECRET = "made-up-secret"

TWILIO = TwilioPosts(URL, SIGNED_URL, TOKEN)
ELEVENLABS = ElevenLabsPosts(ELEVENLABS_URL, SECRET, FixedClock(START))


def requests(posts: Posts, vendor: str) -> Iterator[httpx.Request]:
    options = ScenarioOptions(call_limit=60, inbound_share=0.4, elevenlabs=True)
    for delivery in Scenario(options, START).deliveries():
        if delivery.vendor == vendor:
            yield posts.request(httpx.AsyncClient(), delivery)


def test_every_callback_is_signed_for_the_public_address() -> None:
    posted = list(requests(TWILIO, "twilio"))
    assert len(posted) > 100
    for request in posted:
        query = request.url.query.decode()
        signed = f"{SIGNED_URL}?{query}" if query else SIGNED_URL
        pairs = parse_qsl(request.content.decode(), keep_blank_values=True)
        assert verify(signed, pairs, TOKEN, request.headers["X-Twilio-Signature"])
        assert not verify(URL, pairs, TOKEN, request.headers["X-Twilio-Signature"])


def test_a_callback_has_exactly_the_form_the_query_and_twilios_headers() -> None:
    query = (("contactName", "Zoë O'Brien & Søn"), ("campaignId", "a+b/c?d#e"))
    form = (("CallSid", "CA1"), ("ToCity", ""), ("CallStatus", "completed"), ("To", "+15"))
    request = TWILIO.request(httpx.AsyncClient(), Delivery(0.0, "CA1", query, form))
    assert request.method == "POST"
    assert str(request.url) == f"{URL}?{urlencode(query)}"
    assert request.content == b"CallSid=CA1&ToCity=&CallStatus=completed&To=%2B15"
    assert request.headers["User-Agent"] == "TwilioProxy/1.1"
    assert request.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert request.headers["I-Twilio-Idempotency-Token"]


def test_the_fragment_of_a_callback_url_is_neither_sent_nor_signed() -> None:
    rules = "#rc=5&rp=5xx,ct,rt"
    form = (("CallSid", "CA1"), ("CallStatus", "completed"))
    posts = TwilioPosts(URL + rules, SIGNED_URL + rules, TOKEN)
    request = posts.request(httpx.AsyncClient(), Delivery(0.0, "CA1", form=form))
    assert str(request.url) == URL
    assert verify(SIGNED_URL, form, TOKEN, request.headers["X-Twilio-Signature"])


def test_every_event_is_signed_with_the_current_time() -> None:
    posted = list(requests(ELEVENLABS, "elevenlabs"))
    assert len(posted) > 60
    for request in posted:
        assert (request.method, str(request.url)) == ("POST", ELEVENLABS_URL)
        assert request.headers["Content-Type"] == "application/json"
        header, now_s = request.headers["ElevenLabs-Signature"], START.timestamp()
        assert check(header, request.content, [SECRET], now_s=now_s, tolerance_s=0.0) is None
        assert check(header, request.content, ["another"], now_s=now_s, tolerance_s=0.0)


@pytest.mark.parametrize(
    ("status", "twilio", "elevenlabs"),
    [(200, True, True), (204, True, False), (302, False, False), (503, False, False)],
)
def test_any_2xx_pleases_twilio_and_only_200_elevenlabs(
    status: int, twilio: bool, elevenlabs: bool
) -> None:
    response = httpx.Response(status)
    assert (TWILIO.accepts(response), ELEVENLABS.accepts(response)) == (twilio, elevenlabs)
