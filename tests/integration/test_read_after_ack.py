"""Read after acknowledgement: no view is older than the staleness bound that it publishes.

A webhook was acknowledged; whoever then reads a view with `no-cache` sees it, or the bound that
was published before the read says that it need not be there yet.
"""

from collections.abc import Callable
from typing import Any

from support.server import LocalServer, status_form
from support.waiting import eventually

from callboard.clock import SystemClock

CLOCK = SystemClock()
WEBHOOKS = 60
NO_CACHE = {"Cache-Control": "no-cache"}
VIEWS: dict[str, tuple[str, Callable[[Any, int], bool]]] = {
    "live": (
        "/api/calls/active",
        lambda body, number: any(call["sid"] == sid_of(number) for call in body["active_calls"]),
    ),
    "campaign": (
        "/api/campaigns/camp_1/status",
        lambda body, number: body.get("activeCalls", 0) > number,
    ),
    "summary": (
        "/api/dashboard/summary",
        lambda body, number: body["summary"]["totalCalls"] > number,
    ),
}


def sid_of(number: int) -> str:
    """Return the call SID of a webhook."""
    return f"CA{number:032x}"


async def bounds(server: LocalServer) -> dict[str, float]:
    """Return the published staleness bound of each view, in seconds."""
    name = "callboard_staleness_bound_seconds"
    lines = (await server.client.get("/metrics")).text.splitlines()
    told = [line for line in lines if line.startswith(f"{name}{{")]
    return {line.split('"')[1]: float(line.split()[1]) for line in told}


async def test_what_was_acknowledged_is_read_within_the_published_bound(
    server: LocalServer,
) -> None:
    await eventually(lambda: bounds(server), lambda told: set(told) == set(VIEWS))
    longest = dict.fromkeys(VIEWS, 0.0)
    greatest = dict.fromkeys(VIEWS, 0.0)
    for number in range(WEBHOOKS):
        answer = await server.webhook(status_form(sid_of(number), "ringing"), "campaignId=camp_1")
        assert answer.status_code == 200
        acknowledged_s = CLOCK.monotonic_s()
        unseen = set(VIEWS)
        while unseen:
            asked_s = CLOCK.monotonic_s()
            told = await bounds(server)
            for view in sorted(unseen):
                greatest[view] = max(greatest[view], told[view])
                path, shows = VIEWS[view]
                body = (await server.client.get(path, headers=NO_CACHE)).json()
                if shows(body, number):
                    unseen.discard(view)
                    took_s = CLOCK.monotonic_s() - acknowledged_s
                    longest[view] = max(longest[view], took_s)
                else:
                    # What is older than the bound was there when the bound was read.
                    age_s = asked_s - acknowledged_s
                    assert age_s <= told[view], (view, number)
    print(f"\nlongest from acknowledged to read, s: {longest}")  # noqa: T201  (the report)
    print(f"greatest bound published, s: {greatest}")  # noqa: T201  (the report)
    assert all(longest[view] <= greatest[view] + 1 for view in VIEWS)
