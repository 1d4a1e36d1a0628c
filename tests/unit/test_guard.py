"""The guard by itself: what it lets through, and what it answers instead."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from support.builders import START

from callboard.clock import FixedClock
from callboard.delivery.auth import COOKIE, ApiKey, Gate, hash_key
from callboard.delivery.guard import PRINCIPAL, Guard, Limits

READ, WRITE = "read-key-0123456789", "write-key-0123456789"
KEYS = [
    ApiKey("board", frozenset({"read"}), hash_key(READ)),
    ApiKey("sync", frozenset({"read", "write"}), hash_key(WRITE)),
]
HOST = "board.example"


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with who asks; a sign-in succeeds with the right body."""
    asking = scope[PRINCIPAL]
    status = 200
    if scope["path"] == "/api/session" and scope["method"] == "POST":
        given = await Request(scope, receive).json()
        status = 200 if given == {"key": WRITE} else 401
    answer = JSONResponse({"name": asking.name if asking else None}, status)
    await answer(scope, receive, send)


class Site:
    """A guard with its clock, and a browser's requests."""

    def __init__(self, *, enabled: bool = True, requests_per_s: float = 5.0) -> None:
        self.clock = FixedClock(START)
        self.gate = Gate(KEYS, b"secret", self.clock, enabled=enabled)
        limits = Limits(self.clock, requests_per_s=requests_per_s)
        guard = Guard(behind, self.gate, limits, ["https://crm.example"])
        principal = self.gate.by_key(WRITE)
        assert principal is not None
        self.cookie = f"{COOKIE}={self.gate.session(principal)}"
        self._guard: Callable[[Scope, Receive, Send], Awaitable[None]] = guard

    async def ask(
        self, method: str = "GET", path: str = "/api/x", *, peer: str = "192.0.2.1", **more: Any
    ) -> httpx.Response:
        """Return the answer to one request."""
        transport = httpx.ASGITransport(self._guard, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            return await client.request(method, path, **more)


def bearer(key: str) -> dict[str, str]:
    """Return the header of a key."""
    return {"Authorization": f"Bearer {key}"}


async def test_who_asks_is_known_to_those_behind() -> None:
    site = Site()
    assert (await site.ask(headers=bearer(READ))).json() == {"name": "board"}
    assert (await site.ask(headers={"Cookie": site.cookie})).json() == {"name": "sync"}
    assert (await site.ask()).json() == {"name": None}
    assert (await Site(enabled=False).ask()).json() == {"name": "anybody"}


async def test_a_key_has_its_rate_whatever_the_address() -> None:
    site = Site()
    answers = [await site.ask(headers=bearer(READ), peer=f"192.0.2.{n}") for n in range(12)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    refused = answers[-1]
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["status"] == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["ratelimit-policy"] == '"key";q=10;w=2'
    assert refused.headers["ratelimit"] == '"key";r=0;t=1'
    assert (await site.ask(headers=bearer(WRITE))).status_code == 200
    site.clock.advance(timedelta(seconds=1))
    assert (await site.ask(headers=bearer(READ))).status_code == 200


async def test_boards_of_one_key_have_rates_of_their_own() -> None:
    site = Site()
    for _ in range(10):
        await site.ask(headers={"Cookie": site.cookie})
    assert (await site.ask(headers={"Cookie": site.cookie})).status_code == 429
    elsewhere = await site.ask(headers={"Cookie": site.cookie}, peer="192.0.2.2")
    assert elsewhere.status_code == 200


async def test_zero_means_no_rate_for_keys() -> None:
    site = Site(requests_per_s=0)
    answers = [await site.ask(headers=bearer(READ)) for _ in range(500)]
    assert {answer.status_code for answer in answers} == {200}


async def test_who_has_no_key_has_the_rate_of_the_address() -> None:
    site = Site()
    answers = [await site.ask(path="/") for _ in range(101)]
    assert [answer.status_code for answer in answers] == [200] * 100 + [429]
    assert (await site.ask(path="/", peer="192.0.2.2")).status_code == 200
    assert (await site.ask(headers=bearer(READ))).status_code == 200


async def test_wrong_keys_run_out_and_then_the_right_one_waits_too() -> None:
    site = Site()
    statuses = [(await site.ask(headers=bearer(f"wrong-{n}"))).status_code for n in range(12)]
    assert statuses == [200] * 10 + [429] * 2  # 200: those behind refuse, not the guard
    refused = await site.ask(headers=bearer(READ))
    assert refused.status_code == 429
    assert "wrong keys" in refused.json()["detail"]
    assert (await site.ask(headers={"Cookie": site.cookie})).status_code == 200
    site.clock.advance(timedelta(seconds=6))
    assert (await site.ask(headers=bearer(READ))).status_code == 200


@pytest.mark.parametrize("signed_in", [False, True])
async def test_a_session_does_not_make_guessing_fast(signed_in: bool) -> None:
    site = Site(requests_per_s=0)
    headers = {"Cookie": site.cookie} if signed_in else {}
    own = {"Origin": f"http://{HOST}"}
    for n in range(10):
        wrong = {"key": f"wrong-{n}"}
        answer = await site.ask("POST", "/api/session", headers=headers | own, json=wrong)
        assert answer.status_code == 401
    right = await site.ask("POST", "/api/session", headers=headers | own, json={"key": WRITE})
    assert right.status_code == 429
    by_header = await site.ask(headers=headers | bearer("wrong"))
    assert by_header.status_code == 429


async def test_two_authorization_headers_hide_no_guess() -> None:
    site = Site()
    both = [("Authorization", "Bearer wrong"), ("Authorization", "Basic x")]
    statuses = [(await site.ask(headers=both)).status_code for _ in range(11)]
    assert statuses[-1] == 429


@pytest.mark.parametrize("path", ["/api/x", "/api/session"])
async def test_no_other_refusal_tells_whether_a_key_is_right(path: str) -> None:
    site = Site()
    headers = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
    for n in range(10):
        await site.ask("POST", path, headers=headers | bearer(f"wrong-{n}"), content=b"x")
    right = await site.ask("POST", path, headers=headers | bearer(READ), content=b"x")
    wrong = await site.ask("POST", path, headers=headers | bearer("wrong"), content=b"x")
    assert (right.status_code, wrong.status_code) == (429, 429)
    assert right.json() == wrong.json()


async def test_signing_in_rightly_costs_no_guess() -> None:
    site = Site()
    for _ in range(30):
        answer = await site.ask("POST", "/api/session", json={"key": WRITE})
        assert answer.status_code == 200


async def test_health_is_never_limited() -> None:
    site = Site()
    scope: dict[str, Any] = {}

    async def seen(inner: Scope, receive: Receive, send: Send) -> None:
        scope.update(inner)
        await JSONResponse({})(inner, receive, send)

    guard = Guard(seen, site.gate, Limits(site.clock), [])
    transport = httpx.ASGITransport(guard)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        for _ in range(300):
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/readyz")).status_code == 200
    assert PRINCIPAL not in scope


OWN, FOREIGN, LISTED = f"https://{HOST}", "https://evil.example", "https://crm.example"


@pytest.mark.parametrize(
    ("site", "origin", "by_cookie", "by_nobody"),
    [
        ("same-origin", OWN, 200, 200),
        ("same-origin", None, 200, 200),
        (None, OWN, 200, 200),
        (None, f"http://{HOST}", 200, 200),  # a proxy may end TLS: the scheme is not ours to know
        (None, LISTED, 200, 200),
        ("same-site", LISTED, 200, 200),
        ("cross-site", LISTED, 200, 200),
        (None, None, 403, 200),  # no browser that could be abused sends neither
        ("none", None, 403, 200),
        (None, FOREIGN, 403, 403),
        (None, "null", 403, 403),
        (None, f"https://{HOST}.evil.example", 403, 403),
        (None, f"https://{HOST}:8443", 403, 403),
        ("same-site", FOREIGN, 403, 403),
        ("cross-site", FOREIGN, 403, 403),
        ("cross-site", None, 403, 403),
        ("cross-site", f"http://{HOST}", 403, 403),  # the same host without TLS is not we
        ("same-origin-ish", OWN, 403, 403),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
async def test_a_write_by_cookie_comes_from_our_page(
    site: str | None, origin: str | None, by_cookie: int, by_nobody: int, method: str
) -> None:
    guarded = Site()
    headers = {}
    if site is not None:
        headers["Sec-Fetch-Site"] = site
    if origin is not None:
        headers["Origin"] = origin
    cookie = {"Cookie": guarded.cookie}
    answer = await guarded.ask(method, headers=headers | cookie, json={})
    assert answer.status_code == by_cookie
    if by_cookie == 403:
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await guarded.ask(method, headers=headers, json={})).status_code == by_nobody
    by_key = await guarded.ask(method, headers=headers | bearer(WRITE) | cookie, json={})
    assert by_key.status_code == 200
    open_house = await Site(enabled=False).ask(method, headers=headers, json={})
    assert open_house.status_code == by_nobody


async def test_reads_by_cookie_come_from_anywhere() -> None:
    guarded = Site()
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": FOREIGN, "Cookie": guarded.cookie}
    for method in ("GET", "HEAD", "OPTIONS"):
        assert (await guarded.ask(method, headers=foreign)).status_code == 200


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        (None, 415),
    ],
)
async def test_a_body_is_json(kind: str | None, status: int) -> None:
    headers = bearer(WRITE) | ({"Content-Type": kind} if kind else {})
    answer = await Site().ask("POST", headers=headers, content=b"{}")
    assert answer.status_code == status


async def test_without_a_body_no_kind_is_asked_for() -> None:
    assert (await Site().ask("POST", headers=bearer(WRITE))).status_code == 200
    assert (await Site().ask("DELETE", headers=bearer(WRITE))).status_code == 200
