"""Filters of the list of calls, from the request to MongoDB: what is listed is what was asked."""

import csv
import io
from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest
from support.builders import a_call
from support.deliveries import at
from support.server import LocalServer

from callboard.delivery.api import calls as routes
from callboard.domain.calls import STATUS_RANK, shown_call
from callboard.domain.counting import OUTCOMES
from callboard.domain.queries import CallQuery
from callboard.store.database import MongoDatabase
from callboard.store.reads import Calls

NUMBERS = ("+34600000001", "+34600000002", "+14155550100")
STATUSES = (*STATUS_RANK, "theirs")


def made_up(chosen: Random, number: int) -> dict[str, Any]:
    """Return a stored call in which anything may be missing."""
    told = {
        "status": chosen.choice(STATUSES),
        "direction": chosen.choice(("inbound", "outbound")),
        "from": chosen.choice(NUMBERS),
        "to": chosen.choice(NUMBERS),
        "campaignId": chosen.choice(("spring", "autumn")),
        "conversationId": f"conv_{chosen.randrange(5)}",
        "outcome": chosen.choice(OUTCOMES),
        "duration": chosen.choice((0, 9, 10, 59, 60, 61.5, "long", None)),
        "success": chosen.choice((True, False, "success", None)),
        "twilio": {"sipResponseCode": chosen.choice((200, 486, 503)), "state": {"v": 1}},
    }
    kept = {name: value for name, value in told.items() if chosen.random() < 0.9}
    # Many begin in the same second, so that pages end among them.
    call: dict[str, Any] = {"_id": f"CA{number:032x}", "startTime": at(chosen.randrange(20))}
    return call | kept


def asked_for(chosen: Random) -> dict[str, Any]:
    """Return up to four filters."""
    some = {
        "statuses": tuple(sorted(chosen.sample(STATUSES[:-1], chosen.randrange(1, 5)))),
        "direction": "inbound",
        "campaign_id": "spring",
        "number": chosen.choice(NUMBERS),
        "from_number": chosen.choice(NUMBERS),
        "conversation_id": f"conv_{chosen.randrange(5)}",
        "outcome": chosen.choice(OUTCOMES),
        "sip_code": chosen.choice((486, 503, 404)),
        "min_duration_s": chosen.choice((0, 10, 60)),
        "max_duration_s": chosen.choice((0, 10, 60, 61)),
        "success": chosen.choice((True, False)),
        "since": at(chosen.randrange(20)),
        "until": at(chosen.randrange(20)),
    }
    names = chosen.sample(sorted(some), chosen.randrange(5))
    return {name: some[name] for name in names}


def lists(call: dict[str, Any], query: CallQuery) -> bool:
    """Tell by what people are shown of a call whether a query asks for it."""
    shown = shown_call(call)
    lasted_s = shown["duration"]
    is_completed = shown["status"] == "completed" and isinstance(lasted_s, int | float)
    exact = {
        "direction": query.direction,
        "campaignId": query.campaign_id,
        "from": query.from_number,
        "conversationId": query.conversation_id,
        "outcome": query.outcome,
    }
    code = shown.get("twilio", {}).get("sipResponseCode")
    return all(
        (
            not query.statuses or shown["status"] in query.statuses,
            all(wanted is None or shown[name] == wanted for name, wanted in exact.items()),
            query.number is None or query.number in (shown["from"], shown["to"]),
            query.sip_code in (None, code),
            query.min_duration_s is None or (is_completed and lasted_s >= query.min_duration_s),
            query.max_duration_s is None or (is_completed and lasted_s < query.max_duration_s),
            query.success is None or shown["success"] is query.success,
            query.since is None or call["startTime"] >= query.since,
            query.until is None or call["startTime"] < query.until,
        )
    )


async def test_any_filters_list_exactly_the_calls_they_mean_page_by_page(
    database: MongoDatabase,
) -> None:
    chosen = Random(8)  # noqa: S311  (seeded)
    calls = [made_up(chosen, number) for number in range(400)]
    await database.calls.insert_many(calls)
    newest_first = sorted(calls, key=lambda call: (call["startTime"], call["_id"]), reverse=True)
    found_any = 0
    for _ in range(250):
        query = CallQuery(limit=chosen.choice((7, 40)), **asked_for(chosen))
        expected = [call["_id"] for call in newest_first if lists(call, query)]
        found = [call["_id"] async for call in all_of(Calls(database), query)]
        assert found == expected, query
        found_any += bool(found)
    assert found_any > 80


async def all_of(calls: Calls, query: CallQuery) -> Any:
    """Yield every call of a query, page by page."""
    before = None
    while True:
        asked = {name: getattr(query, name) for name in query.__slots__} | {"before": before}
        page = await calls.page(CallQuery(**asked))
        for call in page.calls:
            yield call
        before = page.next
        if before is None:
            return


ONES = {
    "status=busy,failed": "345",
    "status=completed": "0126",
    "number=%2B34600000001": "035",
    "conversationId=conv_2": "2",
    "outcome=human": "01",
    "sipCode=486": "3",
    "minDuration=10": "126",
    "maxDuration=60": "01",
    "minDuration=10&maxDuration=60": "1",
    "success=true": "0",
    "success=false": "1",
    "number=%2B34600000001&status=failed,completed": "05",
    "number=%2B34600000001&sipCode=486": "3",
    "outcome=human&maxDuration=10": "0",
    "campaignId=spring&status=ringing&number=%2B34600000009": "7",
    "outcome=voicemail": "",
    "status=queued,canceled": "",
}


def few() -> Iterator[dict[str, Any]]:
    """Yield eight calls, the last of which began first."""
    told: list[dict[str, Any]] = [
        {"status": "completed", "duration": 9, "outcome": "human", "success": True},
        {"status": "completed", "duration": 59, "outcome": "human", "success": False},
        {"status": "completed", "duration": 60, "conversationId": "conv_2"},
        {"status": "busy", "duration": 0, "twilio": {"sipResponseCode": 486}},
        {"status": "failed", "twilio": {"sipResponseCode": 503}},
        {"status": "failed"},
        {"status": "completed", "duration": 200},
        # An answering machine's verdict while the call goes on is no outcome yet.
        {"status": "ringing", "outcome": "human", "from": "+34600000009"},
    ]
    for number, fields in enumerate(told):
        side = "from" if number == 0 else "to"
        dialed = {side: "+34600000001"} if number in (0, 3, 5) else {}
        yield a_call(number, **{"startTime": at(-number), **dialed, **fields})


async def listed(server: LocalServer, query: str) -> str:
    """Return the last digits of the calls of a list, in two's pages."""
    found, before = "", ""
    while before is not None:
        page = await server.read(f"/api/calls?limit=2&{query}{before and f'&before={before}'}")
        found += "".join(call["sid"][-1] for call in page["calls"])
        before = page["next"]
    return found


async def test_each_filter_alone_and_together_in_pages_and_in_the_table(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.database.calls.insert_many(list(few()))
    monkeypatch.setattr(routes, "_LIMIT_MAX", 2)  # the table reads pages too
    for query, expected in ONES.items():
        assert await listed(server, query) == expected, query
        table = await server.client.get(f"/api/calls.csv?{query}")
        rows = csv.DictReader(io.StringIO(table.text, newline=""))
        assert "".join(row["sid"][-1] for row in rows) == expected, query


async def test_what_is_listed_under_one_filter_is_not_answered_to_another(
    server: LocalServer,
) -> None:
    await server.database.calls.insert_many(list(few()))
    for _ in range(2):  # the second time from the cache
        for query, expected in ONES.items():
            body = (await server.client.get(f"/api/calls?{query}")).json()
            assert "".join(call["sid"][-1] for call in body["calls"]) == expected, query
    same = await server.client.get("/api/calls?status=failed,busy,busy")
    assert same.headers["x-cache"] == "HIT"  # asked as `busy,failed` before


@pytest.mark.parametrize(
    ("parameters", "field", "said"),
    [
        ({"status": "busy,ended"}, "status", "there is no status 'ended'; there are queued"),
        ({"status": ""}, "status", "there is no status ''"),
        ({"outcome": "happy"}, "outcome", "'human'"),
        ({"sipCode": "1000"}, "sipCode", "699"),
        ({"minDuration": "-1"}, "minDuration", "0"),
        ({"maxDuration": "1e9x"}, "maxDuration", "integer"),
        ({"success": "1"}, "success", "'true'"),
        ({"number": "9" * 101}, "number", "100"),
        ({"conversationId": "c" * 201}, "conversationId", "200"),
    ],
)
async def test_a_bad_value_is_named(
    server: LocalServer, parameters: dict[str, str], field: str, said: str
) -> None:
    for path in ("/api/calls", "/api/calls.csv"):
        answer = await server.client.get(f"{path}?{urlencode(parameters)}")
        (wrong,) = answer.json()["errors"]
        assert (answer.status_code, wrong["field"]) == (400, field)
        assert said in wrong["message"]
