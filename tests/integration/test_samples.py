"""Every sample of `tests/fixtures`, posted as bytes to the real endpoints of a real server."""

import base64
import json
from typing import Any

import pytest
from support.samples import BY_FILE, IN_ORDER, Sample, post, wrong
from support.server import SECRET, LocalServer, status_form
from support.truth import day_truth
from support.waiting import eventually

from callboard.clock import SystemClock

LIFECYCLE = "CA1f0a2b3c4d5e6f708192a3b4c5d6e7f8"
BUSY = "CA2e1b3c4d5e6f708192a3b4c5d6e7f809"
INBOUND = "CA887192a3b4c5d6e7f8091a2b3c4d5e6f"
CONVERSATION = "conv_1101k7hqxynnwwwwwwwwwwwwwwww"
ORPHANS = {"conv_7701k7hqwidgetnophonecallzzz", "conv_9901k7hqsipfailurezzzzzzzzzz"}
AMD_ONLY = "CA79608192a3b4c5d6e7f8091a2b3c4d5e"
PAIRS = (
    ("twilio_outbound_full_lifecycle.json", "elevenlabs_outbound_twilio_success.json"),
    ("twilio_busy.json", "elevenlabs_call_initiation_failure_twilio_busy.json"),
    ("twilio_inbound_full_lifecycle.json", "elevenlabs_inbound_twilio.json"),
)


def key_of(sample: Sample) -> str | None:
    """Return the id of the call that a sample speaks of."""
    said = json.loads(sample.body)
    if sample.expected.get("call_sid_is_twilio") is False:
        return str(said["data"]["conversation_id"])
    if sample.expected.get("stored_raw"):
        return None
    conversation_id = str(sample.expected.get("conversation_id"))
    joined = LIFECYCLE if conversation_id == CONVERSATION else conversation_id
    return str(sample.expected.get("call_sid") or joined)


async def all_joined(server: LocalServer) -> None:
    """Return when no orphan is left that has a call."""

    async def orphans() -> set[str]:
        return {call["_id"] async for call in server.database.calls.find({"orphan": True})}

    await eventually(orphans, lambda seen: seen <= ORPHANS)


async def figures_are_true(server: LocalServer, days: set[str]) -> None:
    """Compare the stored figures of some days with an aggregation over `calls`."""
    for day in days:
        truth = await day_truth(server.database, day)

        async def stored(day: str = day) -> Any:
            return await server.database.analytics.find_one({"_id": f"daily:{day}"}) or {}

        await eventually(
            stored,
            lambda seen, truth=truth: (  # type: ignore[misc]  # binds the loop's value
                seen.get("callVolume", {}).get("total") == truth["totalCalls"]
                and {k: n for k, n in seen["callVolume"]["byStatus"].items() if n}
                == truth["byStatus"]
                and seen["duration"]["total"] == truth["totalDuration"]
            ),
        )


@pytest.mark.parametrize("order", [IN_ORDER, IN_ORDER[::-1]], ids=["in order", "reversed"])
async def test_every_sample_comes_to_what_is_expected_of_it(
    server: LocalServer, order: list[Sample]
) -> None:
    for sample in order:
        assert set(await post(server, sample)) == {200}, sample.file
    await all_joined(server)
    assert (await server.read(f"/api/calls/{AMD_ONLY}"))["status"] is None
    problems = {}
    for sample in order:
        if (key := key_of(sample)) is not None:
            call = await server.read(f"/api/calls/{key}")
            problems[sample.file] = wrong(sample, call)
    assert {file: problem for file, problem in problems.items() if problem} == {}

    # One document for each call, and one more for each conversation without any.
    kept = await server.database.calls.distinct("_id")
    assert set(kept) == {key_of(sample) for sample in order} - {None}
    lifecycle = {"callSid": LIFECYCLE, "kind": "status"}
    for path, events in (("/webhook/call-status", 4), ("/webhook/twilio/events", 2)):
        assert await server.database.webhooks.count_documents(lifecycle | {"path": path}) == events
    assert await server.database.webhooks.count_documents({"problem": {"$ne": None}}) == 0
    begun = server.database.calls.find({"startTime": {"$ne": None}})
    await figures_are_true(server, {call["startTime"].date().isoformat() async for call in begun})


async def test_a_repeated_callback_is_kept_once_and_counted_once(server: LocalServer) -> None:
    sample = BY_FILE["twilio_duplicate_retry.json"]
    assert await post(server, sample) == [200, 200]
    (kept,) = await server.database.webhooks.find().to_list()
    assert kept["deliveries"] == 2
    await figures_are_true(server, {"2025-10-14"})
    (daily,) = await server.database.analytics.find({"_id": "daily:2025-10-14"}).to_list()
    assert daily["callVolume"]["total"] == 1


@pytest.mark.parametrize("first", ["twilio", "elevenlabs"])
async def test_pairs_join_whichever_vendor_is_first(server: LocalServer, first: str) -> None:
    for twilio, elevenlabs in PAIRS:
        pair = [BY_FILE[twilio], BY_FILE[elevenlabs]]
        for sample in pair if first == "twilio" else pair[::-1]:
            assert set(await post(server, sample)) == {200}
        call = await server.read(f"/api/calls/{key_of(pair[0])}")
        assert [wrong(sample, call) for sample in pair] == [{}, {}]
    assert await server.database.calls.count_documents({}) == len(PAIRS)


async def test_an_unknown_event_is_kept_raw(server: LocalServer) -> None:
    sample = BY_FILE["elevenlabs_unknown_event_type.json"]
    assert await post(server, sample) == [200]
    assert (await server.elevenlabs(b'{"type":"voice_removal_notice","data":{}}')).is_success
    kept = await server.database.webhooks.find({}, {"_id": 0}).sort("kind", 1).to_list()
    assert [found["kind"] for found in kept] == [
        "answering_machine_detection",
        "voice_removal_notice",
    ]
    assert kept[0]["body"] == sample.body
    assert await server.database.calls.count_documents({}) == 0


async def test_personalization_is_answered_with_our_id_of_the_call(server: LocalServer) -> None:
    sample = BY_FILE["elevenlabs_conversation_initiation_request.json"]
    answer = await server.initiation(sample.body)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "type": "conversation_initiation_client_data",
        "dynamic_variables": {"callboard_call_id": INBOUND},
    }
    call = await server.read(f"/api/calls/{INBOUND}")
    assert (call["status"], call["direction"], call["from"]) == (
        "in-progress",
        "inbound",
        "+13605550177",
    )


async def test_whatever_is_not_signed_is_refused_and_nothing_is_stored(
    server: LocalServer,
) -> None:
    transcript = BY_FILE["elevenlabs_outbound_twilio_success.json"].body
    events = BY_FILE["twilio_event_streams_batch.json"].body
    request = BY_FILE["elevenlabs_conversation_initiation_request.json"].body
    form = status_form(LIFECYCLE, "ringing")
    now = int(SystemClock().now().timestamp())
    answers = [
        await server.webhook(form, signature=None),
        await server.webhook(form, signature="Zm9yZ2Vk"),
        await server.events(events, signature=None),
        await server.events(events, signature="Zm9yZ2Vk"),
        await server.elevenlabs(transcript, signature=None),
        await server.elevenlabs(transcript, signature=f"t={now},v0={'0' * 64}"),
        await server.elevenlabs(transcript, signature="v0"),
        await server.initiation(request, secret=None),
        await server.initiation(request, secret=SECRET[:-1]),
        await server.initiation(request, secret=""),
    ]
    assert [answer.status_code for answer in answers] == [403] * len(answers)
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    for collection in ("webhooks", "calls"):
        assert await server.database[collection].count_documents({}) == 0


async def test_a_signature_of_long_ago_is_refused_with_its_age(server: LocalServer) -> None:
    transcript = BY_FILE["elevenlabs_outbound_twilio_success.json"].body
    for age_s, word in ((1_900, "old"), (-1_900, "future")):
        answer = await server.elevenlabs(transcript, age_s=age_s)
        assert answer.status_code == 403
        assert word in answer.json()["detail"]
        assert "1800 s are tolerated" in answer.json()["detail"]
    assert await server.database.webhooks.count_documents({}) == 0
    assert (await server.elevenlabs(transcript, age_s=1_700)).status_code == 200


async def test_events_with_a_changed_body_are_refused(server: LocalServer) -> None:
    events = BY_FILE["twilio_event_streams_batch.json"].body
    right = await server.events(events)
    name = "X-Twilio-Signature"
    headers = {name: right.request.headers[name]}
    url = right.request.url
    changed = await server.client.post(url, content=events[:-1] + b" ", headers=headers)
    assert (right.status_code, changed.status_code) == (200, 403)


async def test_audio_is_measured_and_not_kept(server: LocalServer) -> None:
    sound = bytes(range(256)) * (9 * 1024)
    sample = json.loads(BY_FILE["elevenlabs_post_call_audio.json"].body)
    encoded = base64.b64encode(sound).decode()
    sample["data"]["full_audio"] = encoded
    body = json.dumps(sample).encode()
    assert len(body) > 3_000_000
    await post(server, BY_FILE["elevenlabs_outbound_twilio_success.json"])
    assert (await server.elevenlabs(body)).status_code == 200
    (kept,) = await server.database.webhooks.find({"kind": "post_call_audio"}).to_list()
    assert len(kept["body"]) < 500
    assert json.loads(kept["body"])["data"]["full_audio_bytes"] == len(sound)
    call = await server.read(f"/api/calls/{LIFECYCLE}")
    assert call["elevenlabs"]["audio"] == {"bytes": len(sound)}
    assert encoded[:64] not in json.dumps(call)
    stored = await server.database.calls.find_one({"_id": LIFECYCLE})
    assert len(str(stored)) < 5_000
