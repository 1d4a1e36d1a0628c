"""REDbot's linter finds nothing bad, or to be warned of, in what the running server answers."""

from email.utils import parsedate_to_datetime

import httpx
import pytest
from httplint import HttpRequestLinter, HttpResponseLinter
from httplint.note import levels
from httplint.status import STATUS_BAD_REQUEST
from support.server import LocalServer, status_form
from support.waiting import eventually

SID = "CA" + "1" * 32
PATHS = [
    "/",
    "/api/admin/cache-stats",
    "/api/analytics/daily.csv?from=2026-01-01&to=2026-12-31",
    "/api/analytics/daily?from=2026-01-01&to=2026-12-31",
    "/api/analytics/durations?from=2026-01-01&to=2026-12-31",
    "/api/analytics/concurrency?day=2026-01-01",
    "/api/analytics/failures",
    "/api/calls",
    "/api/calls.csv",
    "/api/calls/active",
    "/api/calls/active?campaignId=camp_1",
    f"/api/calls/{SID}",
    f"/api/calls/{SID}/timeline",
    "/api/campaigns",
    "/api/campaigns/camp_1",
    "/api/campaigns/camp_1/status",
    "/api/campaigns/camp_1/forecast",
    "/api/dashboard/summary",
    "/api/dashboard/summary?period=7d",
    "/api/session",
    "/docs",
    "/docs.css",
    "/healthz",
    "/metrics",
    "/openapi.json",
    "/readyz",
]
WRONG = [
    ("GET", "/api/calls?colour=red", {}, 400),
    ("GET", "/api/calls", {"Authorization": "Bearer wrong"}, 401),
    ("POST", "/api/campaigns", {"Authorization": "Bearer read-only-key-of-tests"}, 403),
    ("GET", "/api/calls/nobody", {}, 404),
    ("GET", "/api/nothing", {}, 404),
    ("DELETE", "/api/campaigns", {}, 405),
]
CODINGS = ["", "gzip", "zstd", "gzip, deflate, br, zstd"]


async def sent(
    server: LocalServer, method: str, path: str, headers: dict[str, str]
) -> httpx.Response:
    """Send a request; its answer's content is left as it came."""
    request = server.client.build_request(method, path, headers=headers)
    answer = await server.client.send(request, stream=True)
    answer.extensions["raw"] = b"".join([chunk async for chunk in answer.aiter_raw()])
    await answer.aclose()
    return answer


def bad(answer: httpx.Response) -> list[str]:
    """Return what the linter finds wrong with an answer."""
    asked = HttpRequestLinter()
    asked.process_request_topline(
        answer.request.method.encode(), str(answer.request.url).encode(), b"HTTP/1.1"
    )
    asked.process_headers(answer.request.headers.raw)
    asked.finish_content(True)
    said = HttpResponseLinter(_related=asked)
    said.base_uri = str(answer.request.url)
    said.is_head_response = answer.request.method == "HEAD"
    phrase = answer.reason_phrase.encode()
    said.process_response_topline(b"HTTP/1.1", str(answer.status_code).encode(), phrase)
    said.process_headers(answer.headers.raw)
    said.feed_content(answer.extensions["raw"])
    said.finish_content(True)
    wrong = [note for note in said.notes if note.level in (levels.BAD, levels.WARN)]
    # Of a refusal it says that it is one.
    return [str(note) for note in wrong if not isinstance(note, STATUS_BAD_REQUEST)]


def lasting(answer: httpx.Response) -> dict[str, str]:
    """Return the headers that are the same for GET and HEAD, whenever they are asked."""
    passing = {"date", "expires", "server-timing", "transfer-encoding"}
    if answer.request.url.path in ("/metrics", "/api/session", "/api/admin/cache-stats"):
        passing.add("content-length")  # a clock's text, or a count, may have grown
    return {name: value for name, value in answer.headers.items() if name not in passing}


def expires_in_time(answer: httpx.Response) -> bool:
    """Tell whether `Expires` is `max-age` after `Date`.

    uvicorn writes `Date` about once a second, so it may be that old, and each is cut to seconds.
    """
    if "expires" not in answer.headers:
        return True
    expires = parsedate_to_datetime(answer.headers["expires"])
    lasts_s = (expires - parsedate_to_datetime(answer.headers["date"])).total_seconds()
    return 0 <= lasts_s - int(answer.headers["cache-control"].partition("max-age=")[2]) <= 2


async def filled(server: LocalServer) -> None:
    """Give every path something to show."""
    query = "campaignId=camp_1&contactName=Ada%20L"
    await server.webhook(status_form(SID, "in-progress"), query)
    for number in range(20):
        await server.webhook(status_form(f"CA{number:032x}", "ringing", number), query)
    await eventually(
        lambda: server.read("/api/calls/active"), lambda seen: seen["active_calls_count"] == 21
    )


async def test_every_get_route_lints_plain_compressed_and_not_modified(
    server: LocalServer,
) -> None:
    await filled(server)
    found: dict[str, list[str]] = {}
    codings: set[str] = set()
    for path in PATHS:
        await sent(server, "GET", path, {})  # what is cached says so from the second on
        for coding in CODINGS:
            accepts = {"Accept-Encoding": coding}
            whole = await sent(server, "GET", path, accepts)
            assert whole.status_code == 200, path
            codings.add(whole.headers.get("content-encoding", ""))
            found[f"{path} {coding}"] = bad(whole)
            head = await sent(server, "HEAD", path, accepts)
            assert (head.status_code, head.extensions["raw"]) == (200, b""), path
            found[f"HEAD {path} {coding}"] = bad(head)
            assert lasting(head) == lasting(whole), path
            assert expires_in_time(whole), path
            if "etag" in whole.headers:
                held = {**accepts, "If-None-Match": whole.headers["etag"]}
                again = await sent(server, "GET", path, held)
                assert (again.status_code, again.extensions["raw"]) == (304, b""), path
                found[f"304 {path} {coding}"] = bad(again)
    assert {name: notes for name, notes in found.items() if notes} == {}
    assert codings == {"", "gzip", "zstd"}


@pytest.mark.parametrize(("method", "path", "headers", "status"), WRONG)
async def test_refusals_lint(
    server: LocalServer, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = await sent(server, method, path, headers)
    assert (answer.status_code, bad(answer)) == (status, [])
    assert answer.headers["content-type"] == "application/problem+json"
