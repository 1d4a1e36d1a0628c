"""What a server lets nobody do: guess, ask too often, write from another site's page."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from support.engines import Engines
from support.server import ADMIN_KEY, READ_KEY, LocalServer, status_form
from support.visitors import browser_at, status_by_key

from callboard.delivery.auth import COOKIE

LISTED = "https://crm.example"


@pytest.fixture
async def browser(server: LocalServer) -> AsyncIterator[httpx.AsyncClient]:
    """A browser on the board's own page, signed out."""
    async with browser_at(server.url) as browser:
        yield browser


async def test_guessing_is_slow_and_holds_nobody_else_up(
    server: LocalServer, browser: httpx.AsyncClient
) -> None:
    assert await status_by_key(server, ADMIN_KEY) == 200
    statuses = []
    for n in range(6):
        by_header = await browser.get("/api/calls", headers={"Authorization": f"Bearer no-{n}"})
        by_form = await browser.post("/api/session", json={"key": f"nobodys-key-{n}"})
        statuses += [by_header.status_code, by_form.status_code]
    assert statuses == [401] * 10 + [429] * 2
    right = await browser.post("/api/session", json={"key": READ_KEY})
    assert right.status_code == 429
    assert 1 <= int(right.headers["retry-after"]) <= 6
    assert right.headers["x-frame-options"] == "DENY"
    assert (await browser.post("/api/session", json={"link": "x"})).status_code == 429
    assert await status_by_key(server, ADMIN_KEY) == 200  # was right before
    assert (await browser.get("/healthz")).status_code == 200
    assert (await browser.get("/")).status_code == 200
    webhook = await server.webhook(status_form("CA" + "4" * 32, "ringing"))
    assert webhook.status_code == 200


async def test_a_proxy_is_believed_only_if_it_is_trusted(engines: Engines) -> None:
    server = LocalServer(engines, trusted_proxies="127.0.0.1")
    await server.redis.flushall()
    await server.start()

    async def guess(address: str) -> int:
        headers = {"Authorization": "Bearer wrong", "X-Forwarded-For": f"1.2.3.4, {address}"}
        return (await server.client.get("/api/calls", headers=headers)).status_code

    try:
        assert [await guess("198.51.100.1") for _ in range(11)] == [401] * 10 + [429]
        assert await guess("198.51.100.2") == 401
        assert await guess("2001:db8::1") == 401
        for _ in range(9):
            await guess("2001:db8::2")
        assert await guess("2001:db8:0:0:ffff::3") == 429
    finally:
        await server.stop()


async def test_a_foreign_page_cannot_write_by_the_session(
    server: LocalServer, browser: httpx.AsyncClient
) -> None:
    signed_in = await browser.post("/api/session", json={"key": ADMIN_KEY})
    cookie = {"Cookie": f"{COOKIE}={signed_in.cookies[COOKIE]}"}
    foreign: list[dict[str, str]] = [
        {"Origin": "https://evil.example"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"},
        {},
    ]
    body = {"id": "c1", "name": "One"}
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as bare:
        for headers in foreign:
            answer = await bare.post("/api/campaigns", headers=headers | cookie, json=body)
            assert answer.status_code == 403
            assert answer.headers["content-type"] == "application/problem+json"
            out = await bare.delete("/api/session", headers=headers | cookie)
            assert out.status_code == 403
            assert (await bare.get("/api/calls", headers=headers | cookie)).status_code == 200
        form = await bare.post(
            "/api/campaigns", headers=cookie | {"Origin": server.url}, data={"id": "c1"}
        )
        assert form.status_code == 415
        by_key = {"Authorization": f"Bearer {ADMIN_KEY}", "Origin": "https://evil.example"}
        written = await bare.post("/api/campaigns", headers=by_key | cookie, json=body)
        assert written.status_code == 201
    changed = await browser.patch("/api/campaigns/c1", json={"name": "Two"})
    assert changed.status_code == 200


SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


async def test_other_sites_read_only_if_named_and_every_answer_is_hardened(
    engines: Engines,
) -> None:
    server = LocalServer(engines, frontend_url=f"{LISTED},https://ops.example", requests_per_s=10)
    await server.redis.flushall()
    await server.start()
    client = server.client
    ask = {"Access-Control-Request-Method": "PATCH"}
    ask["Access-Control-Request-Headers"] = "authorization,content-type"
    try:
        for origin in (LISTED, "https://ops.example"):
            allowed = await client.get("/api/calls", headers={"Origin": origin})
            assert allowed.headers["access-control-allow-origin"] == origin
            assert allowed.headers["access-control-allow-credentials"] == "true"
            assert "Origin" in allowed.headers["vary"]
            preflight = await client.options("/api/calls", headers={"Origin": origin} | ask)
            assert preflight.status_code == 200
            assert preflight.headers["access-control-allow-origin"] == origin
            assert "PATCH" in preflight.headers["access-control-allow-methods"]
            assert "Origin" in preflight.headers["vary"]
        foreign: dict[str, Any] = {"Origin": "https://evil.example"}
        refused = await client.get("/api/calls", headers=foreign)
        assert "access-control-allow-origin" not in refused.headers
        preflight = await client.options("/api/calls", headers=foreign | ask)
        assert preflight.status_code == 400
        assert "access-control-allow-origin" not in preflight.headers

        nobody = foreign | {"Authorization": ""}
        answers = {
            "200": await client.get("/api/calls"),
            "page": await client.get("/"),
            "401": await client.get("/api/calls", headers={"Authorization": "Bearer x"}),
            "400": await client.get("/api/calls?limit=x"),
            "404": await client.get("/nowhere"),
            "405": await client.put("/api/calls"),
            "403": await client.post("/api/session", headers=nobody, json={"key": "x"}),
            "415": await client.post("/api/campaigns", content=b"x"),
            "preflight": preflight,
            "health": await client.get("/healthz"),
            "polling": await client.get("/socket.io/?EIO=4&transport=polling"),
            "webhook": await client.post("/webhook/call-status"),
        }
        many = await asyncio.gather(
            *(client.get("/api/calls", headers={"Origin": LISTED}) for _ in range(60))
        )
        answers["429"] = next(answer for answer in many if answer.status_code == 429)
        assert answers["429"].headers["access-control-allow-origin"] == LISTED
        for what, answer in answers.items():
            if what.isdigit():
                assert answer.status_code == int(what), (what, answer.text)
            assert SECURITY.items() <= dict(answer.headers).items(), what
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], what
    finally:
        await server.stop()
