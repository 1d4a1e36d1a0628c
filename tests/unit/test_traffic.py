"""What is counted of requests, whoever answered them."""

from typing import Any

import pytest
from starlette.types import Message, Scope

from callboard.app.traffic import Traffic
from callboard.domain.webhooks import CALL_STATUS, ELEVENLABS, INITIATION, TWILIO_EVENTS

HIT = (b"x-cache", b"HIT")
BYPASS = (b"x-cache", b"BYPASS")


async def answer(
    traffic: Traffic, path: str, status: int = 200, query: bytes = b"", **more: Any
) -> list[Message]:
    """Let a request be answered; return what was sent."""
    sent: list[Message] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        del scope, receive
        headers = more.get("headers", [])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"!"})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    method = more.get("method", "GET")
    scope = {"type": "http", "path": path, "method": method, "query_string": query}
    await traffic.around(app)(scope, receive, send)
    return sent


async def test_answers_go_out_as_they_were_and_are_counted_once() -> None:
    traffic = Traffic()
    sent = await answer(traffic, "/api/calls/CA1", headers=[HIT])
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert traffic.requests() == {("/api/calls/{sid}", "2xx"): 1}


async def test_sockets_are_no_requests() -> None:
    traffic, served = Traffic(), []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        served.append((scope["type"], receive, send))

    given: Any = object()
    await traffic.around(app)({"type": "websocket", "path": "/socket.io/"}, given, given)
    assert served == [("websocket", given, given)]
    assert traffic.requests() == {}


@pytest.mark.parametrize(
    ("path", "vendor"),
    [
        (CALL_STATUS, "twilio"),
        (TWILIO_EVENTS, "twilio"),
        (ELEVENLABS, "elevenlabs"),
        (INITIATION, "elevenlabs"),
    ],
)
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "accepted"),
        (400, "malformed"),
        (403, "bad_signature"),
        (413, "too_large"),
        (503, "unavailable"),
        (500, "failed"),
    ],
)
async def test_a_webhooks_outcome_is_how_it_was_answered(
    path: str, vendor: str, status: int, outcome: str
) -> None:
    traffic = Traffic()
    await answer(traffic, path, status, method="POST")
    counted = {key: count for key, count in traffic.webhooks().items() if count}
    assert counted == {(vendor, outcome): 1}


async def test_a_browser_that_looks_at_the_webhook_is_no_webhook() -> None:
    traffic = Traffic()
    await answer(traffic, CALL_STATUS, 405)
    assert not any(traffic.webhooks().values())


@pytest.mark.parametrize(
    ("path", "query", "view"),
    [
        ("/api/calls/active", b"campaignId=x", "live"),
        ("/api/campaigns", b"", "campaign"),
        ("/api/campaigns/spring/status", b"", "campaign"),
        ("/api/dashboard/summary", b"", "summary"),
        ("/api/dashboard/summary", b"period=today", "summary"),
    ],
)
async def test_reads_of_a_view_are_counted_by_who_answered(
    path: str, query: bytes, view: str
) -> None:
    traffic = Traffic()
    await answer(traffic, path, 200, query, headers=[HIT])
    await answer(traffic, path, 304, query, headers=[HIT])
    await answer(traffic, path, 200, query, headers=[BYPASS])
    assert traffic.view_reads(view) == (2, 1)


async def test_what_no_view_answers_is_no_read_of_one() -> None:
    traffic = Traffic()
    await answer(traffic, "/api/dashboard/summary", 200, b"period=7d", headers=[HIT])
    await answer(traffic, "/api/campaigns", 201, method="POST")
    await answer(traffic, "/api/campaigns", 200, method="POST")
    await answer(traffic, "/api/calls/active", 401)
    assert [traffic.view_reads(view) for view in ("live", "campaign", "summary")] == [(0, 0)] * 3
