"""Law of the fast path: nobody can tell that it is there.

Whatever is asked, and however the views stand, the application with it and the one without it
give the same status, headers and body; and it does answer what it is there for.
"""

from collections import Counter
from datetime import timedelta
from typing import Any
from unittest import mock

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from support import reads_desk
from support.builders import START, a_call, sid
from support.reads_desk import READ_KEY, WRITE_KEY, ReadsDesk, ask, board

from callboard.clock import FixedClock
from callboard.delivery.auth import Principal
from callboard.delivery.fast import FastReads
from callboard.delivery.guard import PRINCIPAL, Limits
from callboard.delivery.known import Known
from callboard.delivery.limits import Guesses
from callboard.domain.metrics import campaign_status, summary, total_of

LIMITS = Limits(FixedClock(START))
DESK = ReadsDesk()
FAST, SLOW = board(DESK, LIMITS), board(DESK, LIMITS, fast=False)

HITS = [
    "/api/calls/active",
    "/api/campaigns",
    "/api/campaigns/camp_1/status",
    "/api/campaigns/with%20space/status",
    "/api/dashboard/summary",
]
RANGE = "from=2026-03-20&to=2026-03-25"
CACHED = [
    "/api/calls",
    "/api/calls?limit=1",
    "/api/calls?limit=0",
    f"/api/calls/{sid(1)}",
    f"/api/calls/{sid(9)}",
    f"/api/calls/{sid(1)}?limit=1",
    "/api/campaigns/camp_1",
    "/api/campaigns/nobody",
    "/api/dashboard/summary?period=7d",
    f"/api/analytics/daily?{RANGE}",
    f"/api/analytics/daily?{RANGE}&campaignId=camp_1",
    "/api/analytics/daily?from=2026-03-25",
    f"/api/analytics/durations?{RANGE}",
    "/api/analytics/concurrency?day=2026-03-25",
    "/api/analytics/concurrency?day=2026-03-25&campaignId=camp_1",
    "/api/analytics/failures",
    "/api/analytics/failures?campaignId=camp_1",
]
ODD = [
    "/api/calls/active/",
    "/api/campaigns/",
    "/api/campaigns//status",
    "/api/campaigns/camp_1%2Fstatus",
    "/api/campaigns/camp_1/status/",
    "/api/campaigns/" + "x" * 201,
    "/api/campaigns/nobody",
    "/api/session",
    "/healthz",
]
QUERIES = [
    "",
    "?",
    "?&",
    "?campaignId=",
    "?campaignId=%63amp_1",
    "?campaignId=camp_1",
    "?campaignId=camp_1&campaignId=other",
    "?campaignId=" + "x" * 201,
    "?colour=red",
    "?period=",
    "?period=7d",
    "?period=never",
    "?period=today",
    "?period=today&period=yesterday",
]
KEYS = [f"Bearer {READ_KEY}"] * 6 + [f"Bearer {WRITE_KEY}", "Bearer wrong", "Basic eDp5", ""]
ACCEPTED = [
    "",
    "gzip",
    "zstd",
    "gzip;q=0.5, zstd;q=0.1",
    "br",
    "*",
    "identity, gzip;q=0",
    "gzip;q=x",
]
CONTROL = ["", "", "", "no-cache", "max-age=0", "No-Cache"]
HELD = [
    "",
    "",
    '"none"',
    "*",
    '"1-7-1"',
    'W/"1-7-1-gzip"',
    '"1-7-1-zstd", "1-7-1"',
    '"1-7-2"',
    ",",
]

headers = st.fixed_dictionaries(
    {
        "authorization": st.sampled_from(KEYS),
        "accept-encoding": st.sampled_from(ACCEPTED),
        "cache-control": st.sampled_from(CONTROL),
        "if-none-match": st.sampled_from(HELD),
    }
).map(lambda found: {name: value for name, value in found.items() if value})
methods = st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "OPTIONS"])
asked = st.one_of(
    st.tuples(
        methods, st.sampled_from(HITS * 3 + ODD), st.sampled_from([""] * 12 + QUERIES), headers
    ),
    st.tuples(methods, st.sampled_from(CACHED), st.just(""), headers),
)
standings = st.fixed_dictionaries(
    {name: st.sampled_from([0, 1, 1, 2, 2]) for name in ("live", "campaign", "summary")}
)


def stand(standing: dict[str, int]) -> None:
    """Let every view stand at this offset; 0: nobody vouches for it."""
    DESK.truth.calls = [a_call(number) for number in range(1, 1 + standing["live"])]
    many = [a_call(number, campaignId="camp_1") for number in range(1, 4 * standing["live"])]
    DESK.live(*many, offset=max(1, standing["live"]))
    ids = ["camp_1", "status", "with space"][: 1 + standing["campaign"]]
    DESK.vouch(
        "campaign",
        {one: campaign_status(one, None, None) for one in ids},
        max(1, standing["campaign"]),
    )
    figures = {"day": "2026-03-26", "timezone": "UTC", **summary(total_of([]), standing["live"])}
    DESK.vouch("summary", {"today": figures}, max(1, standing["summary"]))
    for name, offset in standing.items():
        DESK.replicas[name]._vouched = offset > 0


def told(headers: dict[str, str]) -> dict[str, Any]:
    """Return what must be the same; how long it took need not."""
    return {name: value for name, value in headers.items() if name != "server-timing"}


@settings(max_examples=150, deadline=None)
@given(st.lists(standings, min_size=1, max_size=3), st.lists(asked, min_size=1, max_size=6))
async def test_with_and_without_it_answers_are_the_same(
    history: list[dict[str, int]], requests: list[tuple[str, str, str, dict[str, str]]]
) -> None:
    LIMITS.guesses = Guesses(FixedClock(START))  # or all that follow would be told to wait
    for standing in history:
        stand(standing)
        DESK.clock.advance(timedelta(seconds=1))
        for method, path, query, headers in requests:
            fast = await ask(FAST, method, path + query, headers)
            slow = await ask(SLOW, method, path + query, headers)
            assert fast.status == slow.status
            assert told(fast.headers) == told(slow.headers)
            assert fast.body == slow.body


async def test_it_answers_what_it_is_there_for() -> None:
    async def otherwise(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        pytest.fail(f"passed on: {scope['path']}")

    fast = FastReads(otherwise, DESK.reads, Known(DESK.clock), DESK.clock)

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        scope[PRINCIPAL] = Principal("reader", frozenset({"read"}))
        await fast(scope, receive, send)

    stand({"live": 2, "campaign": 2, "summary": 2})
    for path in HITS:
        for method in ("GET", "HEAD"):
            assert (await ask(guarded, method, path, {})).status == 200


async def test_who_wants_the_newest_is_not_answered_from_memory() -> None:
    stand({"live": 2, "campaign": 2, "summary": 2})
    looked = []
    for name, replica in DESK.replicas.items():

        async def sync(name: str = name) -> None:
            looked.append(name)

        replica.sync = sync  # type: ignore[method-assign]  # there is no Redis here to look at
    newest = {"authorization": f"Bearer {READ_KEY}", "cache-control": "max-age=0, NO-CACHE"}
    for path in ("/api/calls/active", "/api/campaigns", "/api/campaigns/camp_1/status"):
        assert (await ask(FAST, "GET", path, newest)).status == 200
    assert looked == ["live", "campaign", "campaign"]
    for replica in DESK.replicas.values():
        del replica.sync


async def test_who_asks_again_in_the_same_words_needs_no_route() -> None:
    desk = ReadsDesk()
    desk.truth.calls = [a_call()]
    known = Known(desk.clock)
    with mock.patch.object(reads_desk, "Known", return_value=known):
        app = board(desk, LIMITS)
    asked = {"authorization": f"Bearer {READ_KEY}"}
    routed = Counter[str]()

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        routed[scope["path"]] += 1
        await app(scope, receive, send)

    fast = FastReads(counting, desk.reads, known, desk.clock)

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        scope[PRINCIPAL] = Principal("reader", frozenset({"read"}))
        await fast(scope, receive, send)

    for _ in range(3):
        first = await ask(guarded, "GET", "/api/calls", asked)
        assert (first.status, routed) == (200, {"/api/calls": 1})
    desk.clock.advance(timedelta(seconds=15))  # what the words mean may be another thing by now
    assert (await ask(guarded, "GET", "/api/calls", asked)).status == 200
    assert routed == {"/api/calls": 2}
    for _ in range(2):
        assert (await ask(guarded, "GET", f"/api/calls/{sid(7)}", asked)).status == 404
    assert routed[f"/api/calls/{sid(7)}"] == 2
    desk.truth.calls = []
    assert orjson.loads((await ask(guarded, "GET", "/api/calls", asked)).body)["calls"] == []
