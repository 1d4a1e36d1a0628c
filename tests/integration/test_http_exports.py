"""Tables and timelines, from signed webhooks to what a spreadsheet or a person reads."""

import csv
import io
import json
from typing import Any

import pytest
from support.builders import an_event
from support.server import LocalServer, status_form
from support.waiting import eventually

from callboard.app.adapters import StoreReads
from callboard.clock import SystemClock
from callboard.delivery.api import calls
from callboard.errors import StoreUnavailable

SID = "CA" + "1" * 32


def rows(text: str) -> list[dict[str, str]]:
    """Read a table."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_calls_are_exported_with_the_lists_filters_in_pages(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_LIMIT_MAX", 3)
    for number in range(10):
        campaign = f"campaignId=camp_{number % 2}"
        await server.webhook(status_form(f"CA{number:032x}", "ringing", number), campaign)
    answer = await server.client.get("/api/calls.csv")
    assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert answer.headers["content-disposition"].startswith('attachment; filename="calls-2')
    assert [row["sid"] for row in rows(answer.text)] == [f"CA{n:032x}" for n in range(9, -1, -1)]
    some = rows((await server.client.get("/api/calls.csv?campaignId=camp_1&limit=4")).text)
    assert [row["sid"][-1] for row in some] == ["9", "7", "5", "3"]
    assert {row["campaignId"] for row in some} == {"camp_1"}
    listed = (await server.client.get("/api/calls?limit=3")).json()
    rest = rows((await server.client.get(f"/api/calls.csv?before={listed['next']}")).text)
    assert len(rest) == 7
    assert rows((await server.client.get("/api/calls.csv?status=busy")).text) == []
    for wrong in ("limit=0", "limit=100001", "before=x", "colour=red"):
        refused = await server.client.get(f"/api/calls.csv?{wrong}")
        assert (refused.status_code, refused.json()["status"]) == (400, 400), wrong
    head = await server.client.head("/api/calls.csv")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == answer.headers["content-type"]


async def test_no_cell_of_an_export_is_a_formula_and_numbers_stay_readable(
    server: LocalServer,
) -> None:
    names = [
        "=1+1",
        "+1+2",
        "-1",
        "@SUM(A1)",
        "\t=1",
        'a",=1',
        "Ada\r\n=1",
        "+4915550100",
        "Jürgen",
    ]
    shown = ["'=1+1", "'+1+2", "'-1", "'@SUM(A1)", "'\t=1", 'a",=1', "Ada\r\n=1"]
    shown += ["+4915550100", "Jürgen"]
    for number, name in enumerate(names):
        document: dict[str, Any] = {
            "_id": f"own-{number}",
            "sid": f"own-{number}",
            "contactName": name,
        }
        document |= {"status": "completed", "from": "+14155550100", "duration": -5 + number}
        await server.database.calls.insert_one({**document, "startTime": SystemClock().now()})
    answer = await server.client.get("/api/calls.csv")
    found = {row["sid"]: row for row in rows(answer.content.decode("utf-8"))}
    assert [found[f"own-{number}"]["contactName"] for number in range(len(names))] == shown
    assert {row["from"] for row in found.values()} == {"+14155550100"}
    assert found["own-0"]["duration"] == "-5"


async def test_an_export_that_breaks_off_does_not_look_whole(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_LIMIT_MAX", 2)
    for number in range(5):
        await server.webhook(status_form(f"CA{number:032x}", "ringing", number))
    pages = 0
    page = StoreReads.page

    async def failing(self: Any, query: Any) -> Any:
        nonlocal pages
        pages += 1
        if pages == 2:
            raise StoreUnavailable("gone")
        return await page(self, query)

    monkeypatch.setattr(StoreReads, "page", failing)
    with pytest.raises(Exception, match=r"incomplete chunked read|without sending complete"):
        await server.client.get("/api/calls.csv")


async def test_days_are_exported_as_rows(server: LocalServer) -> None:
    await server.webhook(status_form(SID, "completed", 50, CallDuration="47"))
    day = SystemClock().now().date().isoformat()

    async def look() -> list[dict[str, str]]:
        return rows(
            (await server.client.get(f"/api/analytics/daily.csv?from={day}&to={day}")).text
        )

    table = await eventually(look, lambda seen: len(seen) == 1)
    assert (table[0]["day"], table[0]["callVolume.total"]) == (day, "1")
    assert table[0]["callVolume.byHour.12"] == "1"
    assert table[0]["callVolume.attemptsByHour.12"] == "1"
    assert table[0]["callVolume.humanByHour.12"] == "0"
    assert table[0]["duration.max"] == "47"
    assert table[0]["rates.answered.value"] == "100.0"
    assert table[0]["campaignId"] == ""


async def test_a_timeline_tells_what_each_webhook_said_oldest_first(server: LocalServer) -> None:
    query = "campaignId=camp_1&contactName=Ada"
    await server.webhook(status_form(SID, "completed", 50, CallDuration="47"), query)
    for _ in range(2):
        await server.webhook(status_form(SID, "ringing", 3), query)
    await server.webhook(status_form("CA" + "2" * 32, "ringing", 4), query)
    said_at = int(SystemClock().now().timestamp())
    await server.elevenlabs(
        an_event(at=said_at, metadata={"phone_call": {"type": "twilio", "call_sid": SID}})
    )
    answer = await server.client.get(f"/api/calls/{SID}/timeline")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["sid"] == SID
    events = {(event["vendor"], event["kind"]): event for event in found["events"]}
    assert len(found["events"]) == 3, json.dumps(found, indent=1)
    order = [event["at"] for event in found["events"]]
    assert order == sorted(order)
    status = [event for event in found["events"] if event["kind"] == "status"]
    assert [event["said"]["status"] for event in status] == ["ringing", "completed"]
    assert [event["deliveries"] for event in status] == [2, 1]
    assert status[0]["at"].endswith("T12:00:03.000Z")
    assert status[1]["said"]["callDuration"] == 47
    assert events["elevenlabs", "post_call_transcription"]["said"]["conversationId"] == "conv_1"
    again = await server.client.get(
        f"/api/calls/{SID}/timeline", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304
    nobody = await server.client.get(f"/api/calls/CA{'9' * 32}/timeline")
    assert nobody.status_code == 404
