"""Contacts through a real server: pages, writes that are read next, a table of 100,000 rows."""

import asyncio
import json
from typing import Any

import pytest
from support.server import LocalServer
from support.waiting import eventually

PATH = "/api/campaigns/spring/contacts"
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
async def campaign(server: LocalServer) -> LocalServer:
    """Return a server with a campaign."""
    body = {"id": "spring", "name": "Spring"}
    assert (await server.client.post("/api/campaigns", json=body)).status_code == 201
    return server


def number(of: int) -> str:
    """Return a phone number."""
    return f"+346{of:08d}"


def table(count: int, start: int = 0) -> bytes:
    """Return a table of contacts."""
    rows = [f"{number(n)},Person {n},plan {n % 3}" for n in range(start, start + count)]
    return "\n".join(["number,name,plan", *rows]).encode()


async def imported(server: LocalServer, body: bytes, query: str = "") -> list[dict[str, Any]]:
    """Import a table; return the lines that told of it."""
    post = server.client.stream(
        "POST", f"{PATH}.csv{query}", content=body, headers=CSV, timeout=60
    )
    async with post as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"] == "application/x-ndjson"
        return [json.loads(line) async for line in answer.aiter_lines()]


async def everybody(server: LocalServer, limit: int = 500) -> list[dict[str, Any]]:
    """Return all contacts, page by page."""
    found: list[dict[str, Any]] = []
    path: str | None = f"{PATH}?limit={limit}"
    while path is not None:
        page = (await server.client.get(path)).json()
        found += page["contacts"]
        path = f"{PATH}?limit={limit}&before={page['next']}" if page["next"] else None
    return found


async def test_what_was_written_is_read_next(campaign: LocalServer) -> None:
    empty = (await campaign.client.get(PATH)).json()
    assert empty == {"contacts": [], "next": None, "total": None}
    body = {"contacts": [{"number": "+34 600 000 001", "name": "Ada", "plan": "B"}]}
    told = await campaign.client.post(PATH, json=body)
    counts = {"rows": 1, "added": 1, "changed": 0, "unchanged": 0, "refused": 0}
    assert told.json() == {**counts, "total": 1, "problems": []}
    page = (await campaign.client.get(PATH)).json()
    assert page["total"] == 1
    assert page["contacts"] == [
        {
            "contactId": "+34600000001",
            "number": "+34600000001",
            "name": "Ada",
            "timezone": None,
            "notes": None,
            "variables": {"plan": "B"},
        }
    ]
    body["contacts"][0]["name"] = "Grace"
    again = (await campaign.client.post(PATH, json=body)).json()
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 1, 0)
    assert (await campaign.client.get(PATH)).json()["contacts"][0]["name"] == "Grace"
    same = (await campaign.client.post(PATH, json=body)).json()
    assert (same["added"], same["changed"], same["unchanged"]) == (0, 0, 1)
    # The campaign says how many there are, and how many wait to be called.
    status = (await campaign.client.get("/api/campaigns/spring/status")).json()
    assert (status["totalContacts"], status["queuedCalls"]) == (1, 1)


async def test_a_wrong_row_is_named_and_stops_no_other(campaign: LocalServer) -> None:
    rows = [{"number": "+34600000001"}, {"number": "600"}, {"name": "nobody"}]
    told = (await campaign.client.post(PATH, json={"contacts": rows})).json()
    assert (told["added"], told["refused"], told["total"]) == (1, 2, 1)
    assert [(found["line"], found["field"]) for found in told["problems"]] == [
        (2, "number"),
        (3, "number"),
    ]
    body = b"\xef\xbb\xbfPhone;Name\r\n+34600000002;Ada\r\n12;Bad\r\n\r\n+34600000003;a;b\r\n"
    *_, done = await imported(campaign, body)
    assert (done["done"], done["added"], done["refused"], done["total"]) == (True, 1, 2, 2)
    assert [found["line"] for found in done["problems"]] == [3, 5]
    strict = await campaign.client.post(f"{PATH}.csv?strict=true", content=body, headers=CSV)
    assert strict.status_code == 400
    assert "nothing was written: 2 of 3 rows are wrong, the first on line 3" in strict.text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "must name the columns"),
        (b"name,plan\nAda,B\n", "must name the columns, one of them 'number'; found 'name'"),
        (b"number,number\n1,2\n", "must name each column once"),
        (b"number,name\n+34600000001,\xff\xfe\n", "is not UTF-8"),
        (b'number,name\n+34600000001,"Ada', "is no CSV near line 2"),
        (b"number\n" + b"+34600000001\n" * 100_001, "a file may have 100000 rows"),
    ],
)
async def test_a_file_that_is_no_table_is_refused_before_anything_is_written(
    campaign: LocalServer, body: bytes, said: str
) -> None:
    answer = await campaign.client.post(f"{PATH}.csv", content=body, headers=CSV, timeout=60)
    assert answer.status_code in (400, 413)
    assert said in answer.json()["detail"]
    assert await everybody(campaign) == []


async def test_who_may_not_or_says_it_wrong_is_told_so(campaign: LocalServer) -> None:
    nobody = {"Authorization": "Bearer read-only-key-of-tests"}
    body = {"contacts": [{"number": "+34600000001"}]}
    post = campaign.client.post
    assert (await post(PATH, json=body, headers=nobody)).status_code == 403
    assert (await post("/api/campaigns/none/contacts", json=body)).status_code == 404
    assert (await campaign.client.get("/api/campaigns/none/contacts")).status_code == 404
    json_as_table = await post(f"{PATH}.csv", json=body)
    assert (json_as_table.status_code, json_as_table.json()["title"]) == (
        415,
        "Unsupported media type",
    )
    assert (await post(PATH, json={"contacts": []})).status_code == 400
    assert (await campaign.client.get(f"{PATH}?before=nonsense")).status_code == 400
    too_long = await post(f"{PATH}.csv", content=b"x" * ((32 << 20) + 1), headers=CSV)
    assert too_long.status_code == 413


async def test_pages_show_everybody_once(campaign: LocalServer) -> None:
    await imported(campaign, table(1_234))
    found = await everybody(campaign)
    assert sorted(contact["number"] for contact in found) == [number(n) for n in range(1_234)]
    theirs = [{"campaignId": "spring", "number": number(9_000 + n)} for n in range(7)]
    await campaign.database.contacts.insert_many(theirs)
    # Other programs' contacts are told of by the campaign.
    told = {"$set": {"totalContacts": 1_241}}
    await campaign.database.campaigns.update_one({"_id": "spring"}, told)

    async def total() -> Any:
        return (await campaign.client.get(PATH)).json()["total"]

    await eventually(total, lambda count: count == 1_241)
    assert len(await everybody(campaign, 100)) == 1_241


async def test_a_hundred_thousand_rows_are_imported_with_progress(campaign: LocalServer) -> None:
    lines = await imported(campaign, table(100_000))
    *progress, done = lines
    assert done == {
        "done": True,
        "rows": 100_000,
        "added": 100_000,
        "changed": 0,
        "unchanged": 0,
        "refused": 0,
        "total": 100_000,
        "problems": [],
    }
    assert [told["added"] for told in progress] == list(range(500, 100_001, 500))
    assert (await campaign.client.get(PATH)).json()["total"] == 100_000


async def test_who_goes_away_in_the_middle_leaves_what_was_told(campaign: LocalServer) -> None:
    post = campaign.client.stream("POST", f"{PATH}.csv", content=table(50_000), headers=CSV)
    async with post as answer:
        lines = answer.aiter_lines()
        told = json.loads(await anext(lines))

    async def counted() -> tuple[Any, int]:
        status = await campaign.client.get("/api/campaigns/spring/status")
        stored = await campaign.database.contacts.count_documents({})
        return status.json()["totalContacts"], stored

    total, stored = await eventually(counted, lambda found: found[0] == found[1])
    assert stored >= told["added"]
    await asyncio.gather(imported(campaign, table(2_000)), imported(campaign, table(2_000)))
    assert len({contact["number"] for contact in await everybody(campaign)}) >= total
