"""From a signed webhook to every way out, on real engines."""

from support.server import LocalServer, status_form
from support.waiting import eventually

SID = "CA" + "1" * 32
QUERY = "campaignId=camp_1&contactId=c_1&contactName=Ada%20L&agentName=Nova"


async def test_a_call_shows_up_everywhere_and_leaves_when_it_ends(server: LocalServer) -> None:
    assert (await server.webhook(status_form(SID, "initiated", 0), QUERY)).status_code == 200
    assert (await server.webhook(status_form(SID, "ringing", 3), QUERY)).status_code == 200

    active = await eventually(
        lambda: server.read("/api/calls/active"),
        lambda seen: [call["status"] for call in seen["active_calls"]] == ["ringing"],
    )
    call = active["active_calls"][0]
    assert active["active_calls_count"] == 1
    assert (call["sid"], call["contactName"], call["agentName"]) == (SID, "Ada L", "Nova")
    assert (call["direction"], call["from"], call["to"]) == (
        "outbound",
        "+14155550100",
        "+13605550142",
    )
    assert call["startTime"].endswith("T12:00:00.000Z")

    # What shows figures follows when they are committed.
    status = await eventually(
        lambda: server.read("/api/campaigns/camp_1/status"), lambda seen: seen["activeCalls"] == 1
    )
    assert status["completedCalls"] == 0
    assert status["successRate"] is None

    await server.webhook(status_form(SID, "in-progress", 9), QUERY)
    ended = status_form(SID, "completed", 56, CallDuration="47", Duration="1", AnsweredBy="human")
    await server.webhook(ended, QUERY)
    await eventually(
        lambda: server.read("/api/calls/active"), lambda seen: seen["active_calls_count"] == 0
    )
    seen = await eventually(
        lambda: server.read("/api/dashboard/summary"),
        lambda seen: seen["summary"]["completedCalls"] == 1,
    )
    summary = seen["summary"]
    assert summary["totalCalls"] == 1
    assert (summary["activeCalls"], summary["failedCalls"]) == (0, 0)
    assert (summary["totalDuration"], summary["averageDuration"]) == (47, 47)
    assert summary["successRate"] == 100.0
    status = await server.read("/api/campaigns/camp_1/status")
    assert (status["activeCalls"], status["completedCalls"], status["successRate"]) == (0, 1, 100)

    listed = (await server.read("/api/calls?campaignId=camp_1"))["calls"]
    one = await server.read(f"/api/calls/{SID}")
    assert listed == [one]
    assert (one["status"], one["duration"], one["outcome"]) == ("completed", 47, "human")
    assert one["answerTime"].endswith("T12:00:09.000Z")
    assert one["endTime"].endswith("T12:00:56.000Z")


async def test_an_unsigned_or_forged_webhook_is_refused_and_nothing_is_stored(
    server: LocalServer,
) -> None:
    form = status_form(SID, "ringing")
    missing = await server.webhook(form, signature=None)
    forged = await server.webhook(form, signature="Zm9yZ2Vk")
    assert (missing.status_code, forged.status_code) == (403, 403)
    assert missing.headers["content-type"] == "application/problem+json"
    assert await server.database.calls.count_documents({}) == 0
    assert await server.database.webhooks.count_documents({}) == 0


async def test_a_signed_webhook_that_cannot_be_understood_names_the_field_and_is_kept(
    server: LocalServer,
) -> None:
    answer = await server.webhook(status_form(SID, "on-holiday"))
    assert answer.status_code == 400
    assert answer.json()["field"] == "CallStatus"
    kept = await server.database.webhooks.find_one({})
    assert kept is not None
    assert b"on-holiday" in kept["body"]
    assert "CallStatus" in kept["problem"]
    assert await server.database.calls.count_documents({}) == 0


async def test_a_body_over_the_limit_is_too_large(server: LocalServer) -> None:
    answer = await server.webhook(status_form(SID, "ringing", Junk="x" * 300_000))
    assert answer.status_code == 413
    assert await server.database.webhooks.count_documents({}) == 0


async def test_reads_name_what_is_wrong_with_them(server: LocalServer) -> None:
    unknown = await server.client.get(f"/api/calls/{SID}")
    assert (unknown.status_code, unknown.json()["status"]) == (404, 404)
    assert (await server.client.get("/api/campaigns/nobody/status")).status_code == 404
    wrong = await server.client.get("/api/calls?limit=0&colour=red")
    assert wrong.status_code == 400
    assert {error["field"] for error in wrong.json()["errors"]} == {"limit", "colour"}
    lost = await server.client.get("/api/calls?before=not-a-cursor")
    assert (lost.status_code, lost.json()["field"]) == (400, "before")
    assert (await server.client.get("/api/nothing")).status_code == 404


async def test_the_same_webhook_twice_changes_nothing(server: LocalServer) -> None:
    form = status_form(SID, "ringing")
    await server.webhook(form, QUERY)
    first = await eventually(
        lambda: server.read("/api/calls/active"), lambda seen: seen["active_calls_count"] == 1
    )
    before = await server.database.calls.find_one({"_id": SID})
    assert (await server.webhook(form, QUERY)).status_code == 200
    assert await server.database.calls.find_one({"_id": SID}) == before
    kept = await server.database.webhooks.find_one({})
    assert kept is not None
    assert kept["deliveries"] == 2
    # A marker call proves that the repeated webhook has passed through the whole pipe.
    await server.webhook(status_form("CA" + "2" * 32, "ringing"), QUERY)
    then = await eventually(
        lambda: server.read("/api/calls/active"), lambda seen: seen["active_calls_count"] == 2
    )
    assert then["position"]["offset"] == first["position"]["offset"] + 1


async def test_an_unchanged_answer_is_304_and_a_changed_one_is_not(server: LocalServer) -> None:
    paths = (
        "/api/calls/active",
        "/api/dashboard/summary",
        "/api/campaigns/camp_1/status",
        "/api/campaigns",
        "/api/calls",
        f"/api/calls/{SID}",
    )
    tags: dict[str, str] = {}
    shown = {
        "ringing": ('"status":"ringing"', '"activeCalls":1'),
        "completed": ('"status":"completed"', '"completedCalls":1', '"active_calls_count":0'),
    }
    for status, words in shown.items():
        await server.webhook(status_form(SID, status), QUERY)
        for path in paths:
            given = {"If-None-Match": tags.get(path, '"none"')}
            # The webhook's way through the pipe ends in a new tag on every path …
            first = await eventually(
                lambda path=path, given=given: server.client.get(path, headers=given),  # type: ignore[misc]  # defaults bind the loop's values
                lambda answer, words=words: any(word in answer.text for word in words),  # type: ignore[misc]  # as above
            )
            tags[path] = first.headers["etag"]
            assert first.headers["cache-control"].startswith("private, max-age=")
        for path in paths:
            # … which then stays, and is all that is sent.
            again = await server.client.get(path, headers={"If-None-Match": tags[path]})
            assert (again.status_code, again.content) == (304, b""), path
            assert again.headers["etag"] == tags[path]


async def test_pages_of_calls_follow_each_other_without_gap_or_overlap(
    server: LocalServer,
) -> None:
    sids = [f"CA{number:032x}" for number in range(25)]
    for number, sid in enumerate(sids):
        await server.webhook(status_form(sid, "ringing", number % 7))
    seen: list[str] = []
    path = "/api/calls?limit=7"
    while True:
        page = (await server.client.get(path)).json()
        seen += [call["sid"] for call in page["calls"]]
        if page["next"] is None:
            break
        path = f"/api/calls?limit=7&before={page['next']}"
    assert sorted(seen) == sids
    assert len(seen) == len(set(seen))


async def test_without_a_key_nothing_is_told(server: LocalServer) -> None:
    for path in ("/api/calls", "/api/calls/active", "/api/dashboard/summary", "/api/campaigns"):
        answer = await server.client.get(path, headers={"Authorization": "Bearer wrong"})
        assert answer.status_code == 401, path
        assert "Bearer" in answer.headers["www-authenticate"]
    screen = {"Authorization": "Bearer read-only-key-of-tests"}
    assert (await server.client.get("/api/calls", headers=screen)).status_code == 200
    refused = await server.client.post("/api/campaigns", json={"name": "x"}, headers=screen)
    assert refused.status_code == 403
    assert (await server.client.get("/healthz", headers={"Authorization": ""})).status_code == 200


async def test_a_campaign_can_be_written_and_is_read_back(server: LocalServer) -> None:
    body = {"id": "camp_9", "name": "Ninth", "totalContacts": 10}
    made = await server.client.post("/api/campaigns", json=body)
    assert (made.status_code, made.headers["location"]) == (201, "/api/campaigns/camp_9")
    assert (await server.client.post("/api/campaigns", json=body)).status_code == 409
    await server.webhook(status_form(SID, "ringing"), "campaignId=camp_9")
    await server.client.patch("/api/campaigns/camp_9", json={"status": "paused"})
    status = await eventually(
        lambda: server.read("/api/campaigns/camp_9/status"),
        lambda seen: seen["status"] == "paused" and seen["totalCalls"] == 1,
    )
    assert (status["name"], status["queuedCalls"], status["activeCalls"]) == ("Ninth", 9, 1)
    listed = await server.read("/api/campaigns")
    assert [row["campaignId"] for row in listed["campaigns"]] == ["camp_9"]
    unknown = await server.client.patch("/api/campaigns/camp_0", json={"status": "paused"})
    assert unknown.status_code == 404
