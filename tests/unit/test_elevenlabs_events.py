"""ElevenLabs' events: every recorded shape, and any optional field of any type."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import bson
import orjson
import pytest
from support.builders import CONVERSATION, START, an_event, sample, sample_bytes, sid
from support.merging import merged

from callboard.domain.lattice import CallFact
from callboard.errors import MalformedPayload
from callboard.store.merge import update_statement
from callboard.vendors.elevenlabs.events import parse_event, parse_initiation, without_audio

SAMPLES = {
    entry["file"]: entry["expected"]
    for entry in sample("index.json")["files"]
    if entry["kind"] == "elevenlabs_event"
}
SUCCESS = "elevenlabs_outbound_twilio_success.json"
ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e300, 1e30, -(10**18), "", "x", "\x00", [], [1], ["a"],
    {}, {"a": 1}, {"": None, "$gt": {"a.b": [[]]}},
]  # fmt: skip


def said(body: bytes) -> CallFact:
    """Return what an event says of a call."""
    fact = parse_event(body).fact
    assert fact is not None
    return fact


@pytest.mark.parametrize(("name", "expected"), SAMPLES.items(), ids=list(SAMPLES))
def test_every_recorded_sample_says_what_it_should(name: str, expected: dict[str, Any]) -> None:
    event = parse_event(sample_bytes(name))
    if expected.get("stored_raw"):
        assert event.fact is None
        assert event.event_key == (
            "elevenlabs:conv_2001k7hqodffffffffffffffffff:answering_machine_detection:1760455060"
        )
        return
    assert event.fact is not None
    fact = event.fact
    if expected.get("call_sid"):
        assert (fact.key, fact.orphan) == (expected["call_sid"], False)
    else:
        assert (fact.key, fact.orphan) == (fact.conversation_id, True)
    if "conversation_id" in expected:
        assert fact.conversation_id == expected["conversation_id"]
    assert event.event_key.startswith(f"elevenlabs:{fact.conversation_id}:{event.kind}:")
    conversation = fact.most.get("elevenlabs.conversation", {})
    call = merged([fact])
    customer = {"inbound": "from", "outbound": "to"}.get(call.get("direction", ""))
    for key, found in (
        ("call_successful", conversation.get("callSuccessful")),
        ("cost_credits", call.get("cost")),
        ("elevenlabs_status", conversation.get("status")),
        ("elevenlabs_duration_secs", conversation.get("durationSecs")),
        ("direction", call.get("direction")),
        ("external_number", call.get(customer) if customer else None),
        ("final_status", call.get("status")),
    ):
        if key in expected:
            assert found == expected[key], key
    if expected.get("status_unchanged"):
        assert "status" not in call


def test_the_successful_conversation_keeps_what_people_look_at() -> None:
    call = merged([said(sample_bytes(SUCCESS))])
    assert (call["status"], call["success"], call["outcome"]) == (
        "completed",
        True,
        "answered_unknown",
    )
    assert call["agentName"] == "Renewals outbound"
    found = call["elevenlabs"]["conversation"]
    assert found["turns"] >= found["userTurns"] > 0
    assert found["answerTime"] >= found["startTime"]
    assert "transcript" not in found
    assert len(bson.encode(call)) < 8_000


def test_a_failed_conversation_was_an_answered_call() -> None:
    call = merged([said(sample_bytes("elevenlabs_conversation_failed.json"))])
    assert (call["status"], call["outcome"]) == ("completed", "answered_unknown")
    found = call["elevenlabs"]["conversation"]
    assert (found["errorCode"], found["errorReason"]) == (1011, "Internal error")
    assert "success" not in call
    assert call["cost"] == 0


def test_a_transfer_is_noted() -> None:
    found = said(sample_bytes("elevenlabs_inbound_twilio.json")).most["elevenlabs.conversation"]
    assert found["transferred"] is True
    assert "voicemail" not in found


def test_a_sip_call_that_never_began_is_an_orphan_with_its_numbers() -> None:
    event = parse_event(sample_bytes("elevenlabs_call_initiation_failure_sip.json"))
    assert event.twilio_form is None
    assert event.fact is not None
    call = merged([event.fact])
    assert call["orphan"] is True
    assert call["_id"] == call["sid"] == "conv_9901k7hqsipfailurezzzzzzzzzz"
    assert (call["status"], call["outcome"], call["direction"]) == ("failed", "failed", "outbound")
    assert (call["from"], call["to"]) == ("+14155550100", "+13605550142")
    assert call["elevenlabs"]["failure"]["sipStatusCode"] == 503
    assert call["startTime"] == call["endTime"] == datetime.fromtimestamp(1760454540, UTC)


@pytest.mark.parametrize(
    ("code", "kept"),
    [("503", 503), (503, 503), ("0503", 503), ("x", None), ("٣", None), (True, None), (5e2, None),
     (0, None), (1000, None), ("9" * 5_000, None), (-503, None), (None, None), ([], None)],
)  # fmt: skip
def test_a_sip_code_may_be_a_number_or_a_text(code: Any, kept: int | None) -> None:
    body = an_event("call_initiation_failure", metadata={"body": {"sip_status_code": code}})
    assert said(body).most["elevenlabs.failure"].get("sipStatusCode") == kept


@pytest.mark.parametrize(
    ("reason", "status"),
    [("busy", "busy"), ("no-answer", "no-answer"), ("no_answer", "no-answer"), ("?", "failed"),
     ("unknown", "failed"), (None, "failed"), (7, "failed"), ("$gt", "failed")],
)  # fmt: skip
def test_a_failure_has_a_status_whatever_its_reason(reason: Any, status: str) -> None:
    call = merged([said(an_event("call_initiation_failure", failure_reason=reason))])
    assert call["status"] == status
    assert call["outcome"] == status.replace("-", "_")


def places(key: Any) -> Iterator[dict[str, Any]]:
    """Yield an event's data with the call's id in each place that may hold it."""
    yield {"metadata": {"phone_call": {"call_sid": key}}}
    for name in ("system__call_sid", "callboard_call_id"):
        variables = {"dynamic_variables": {name: key}}
        yield {"conversation_initiation_client_data": variables}
    yield {"metadata": {"body": {"CallSid": key}}}


@pytest.mark.parametrize("data", list(places(sid(7))))
@pytest.mark.parametrize(
    "kind", ["post_call_transcription", "post_call_audio", "call_initiation_failure"]
)
def test_the_call_sid_is_found_in_any_place(kind: str, data: dict[str, Any]) -> None:
    fact = said(an_event(kind, **data))
    assert (fact.key, fact.orphan, fact.conversation_id) == (sid(7), False, CONVERSATION)
    assert "context.callId" not in fact.most


@pytest.mark.parametrize(
    "key", ["d8e7f6a5-b4c3-4d5e-8f9a-0b1c2d3e4f5a", "CA1", "", None, 7, [sid()]]
)
def test_what_is_no_call_sid_leaves_an_orphan(key: Any) -> None:
    for data in places(key):
        fact = said(an_event(**data))
        assert (fact.key, fact.orphan) == (CONVERSATION, True)


def test_twilios_own_words_come_before_our_variable() -> None:
    variables = {"system__call_sid": sid(2), "callboard_call_id": sid(3)}
    client = {"dynamic_variables": variables}
    metadata = {"phone_call": {"call_sid": sid(1)}}
    both = an_event(metadata=metadata, conversation_initiation_client_data=client)
    assert said(both).key == sid(1)
    assert said(an_event(conversation_initiation_client_data=client)).key == sid(2)


def test_the_callers_own_id_and_context_ride_in_the_dynamic_variables() -> None:
    names = {"campaignId": "spring", "contactName": "$gt", "agentName": "Ava", "contactId": 7}
    client = {"dynamic_variables": {**names, "callboard_call_id": "own-1"}}
    fact = said(an_event(conversation_initiation_client_data=client))
    assert fact.call_id == fact.most["context.callId"] == "own-1"
    assert (fact.most["campaignId"], fact.most["contactName"]) == ("spring", "$gt")
    assert fact.most["context.agentName"] == "Ava"
    assert "contactId" not in fact.most
    assert fact.orphan


def test_an_audio_event_keeps_its_size_and_nothing_of_the_recording() -> None:
    body = sample_bytes("elevenlabs_post_call_audio.json")
    slim = without_audio(body)
    assert b"SUQz" not in slim
    assert json.loads(slim)["data"]["full_audio_bytes"] == 42
    assert parse_event(slim) == parse_event(body)
    assert said(slim).most["elevenlabs.audio"] == {"v": 1760454320, "bytes": 42}
    assert without_audio(slim) == slim


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"full_audio"', b'["full_audio"]', b'{"data": {"full_audio": 7}}',
     b'{"data": "full_audio", "full_audio": 1}', b'{"data": ["full_audio"]}',
     b'{"data": {"x": "full_audio"}}'],
)  # fmt: skip
def test_a_body_without_a_recording_is_left_as_it_is(body: bytes) -> None:
    assert without_audio(body) == body


@pytest.mark.parametrize("size", [True, -1, 1.5, 1 << 60, "7", [], None])
def test_a_size_that_is_none_is_left_out(size: Any) -> None:
    fact = said(an_event("post_call_audio", full_audio_bytes=size))
    assert "bytes" not in fact.most["elevenlabs.audio"]


@pytest.mark.parametrize("at", [None, True, "1760454320", -1, 1e300, 10**30, [], {}])
def test_an_instant_that_is_none_dates_nothing(at: Any) -> None:
    fact = said(an_event(at=at))
    assert fact.event_key == f"elevenlabs:{CONVERSATION}:post_call_transcription:0"
    assert "updatedAt" not in fact.most
    assert fact.most["elevenlabs.conversation"]["v"] == 0


def paths(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every place inside an object, transcripts' turns left out."""
    if isinstance(node, dict) and path[-1:] != ("transcript",):
        for name, value in node.items():
            yield (*path, name)
            yield from paths(value, (*path, name))


PLACES = [
    (name, path)
    for name in (SUCCESS, "elevenlabs_call_initiation_failure_twilio_busy.json")
    for path in paths(sample(name))
    if path not in {("type",), ("data",), ("data", "conversation_id")}
]


@pytest.mark.parametrize("odd", ODD, ids=lambda value: repr(value)[:20])
def test_any_optional_field_may_be_of_any_type(odd: Any) -> None:
    events = {name: sample(name) for name, _ in PLACES}
    for name, (*parents, leaf) in PLACES:
        node = events[name]
        for parent in parents:
            node = node[parent]
        usual, node[leaf] = node[leaf], odd
        fact = said(orjson.dumps(events[name]))
        assert fact.conversation_id == events[name]["data"]["conversation_id"]
        bson.encode(update_statement(fact))
        node[leaf] = usual


def test_any_optional_field_may_be_missing() -> None:
    for name, (*parents, leaf) in PLACES:
        event = node = sample(name)
        for parent in parents:
            node = node[parent]
        del node[leaf]
        assert said(orjson.dumps(event)).conversation_id == event["data"]["conversation_id"]


def test_unknown_types_are_kept_under_a_key() -> None:
    event = parse_event(an_event("agent_qa", at=5))
    assert (event.event_key, event.kind) == ("elevenlabs:conv_1:agent_qa:5", "agent_qa")
    assert event.fact is None
    workspace = parse_event(b'{"type": "voice_removal_notice", "data": ["x"]}')
    assert (workspace.event_key, workspace.fact) == ("", None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"), (b"{", "body"), (b"[]", "body"), (b"null", "body"), (b"\xff", "body"),
        (b"{}", "type"), (b'{"type": 7}', "type"), (b'{"type": ""}', "type"),
        (b'{"type": "%s"}' % (b"x" * 129), "type"),
        (b'{"type": "post_call_audio"}', "data.conversation_id"),
        (b'{"type": "post_call_audio", "data": []}', "data.conversation_id"),
        (an_event(conversation_id=7), "data.conversation_id"),
        (an_event(conversation_id=""), "data.conversation_id"),
        (an_event(conversation_id="x" * 129), "data.conversation_id"),
        (b'{"type": "\\ud800"}', "body"),
    ],
)  # fmt: skip
def test_an_envelope_is_refused_by_its_field(body: bytes, field: str) -> None:
    with pytest.raises(MalformedPayload) as caught:
        parse_event(body)
    assert caught.value.field == field


def test_a_personalization_request_is_the_first_notice_of_a_call() -> None:
    body = sample_bytes("elevenlabs_conversation_initiation_request.json")
    fact = parse_initiation(body, START)
    call = merged([fact])
    assert call["_id"] == "CA887192a3b4c5d6e7f8091a2b3c4d5e6f"
    assert (call["status"], call["direction"]) == ("in-progress", "inbound")
    assert (call["from"], call["to"]) == ("+13605550177", "+14155550100")
    assert call["startTime"] == START
    assert fact.event_key == f"elevenlabs:{fact.key}:initiation"


@pytest.mark.parametrize("key", [None, "", 7, "CA1", sid() + "\n", [sid()], "conv_1"])
def test_a_request_that_names_no_call_is_refused(key: Any) -> None:
    with pytest.raises(MalformedPayload) as caught:
        parse_initiation(json.dumps({"call_sid": key}).encode(), START)
    assert caught.value.field == "call_sid"
