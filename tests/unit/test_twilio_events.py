"""Event Streams: single and batched CloudEvents, each once, told from those without a callback."""

import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest
from support.builders import START, a_cloud_event, a_form, sample, sample_bytes, sample_forms, sid
from support.merging import merged

from callboard.domain.webhooks import TWILIO_EVENTS, KeptWebhook
from callboard.errors import MalformedPayload
from callboard.ingest.understand import understand
from callboard.vendors.twilio.callbacks import parse_callback
from callboard.vendors.twilio.events import parse_event, split_events

SAMPLE = "twilio_event_streams_batch.json"
PREFIX = "com.twilio.voice."


def as_bytes(said: Any) -> bytes:
    """Return a value as it is posted."""
    return json.dumps(said).encode()


def an_event(**fields: Any) -> dict[str, Any]:
    """Return an event that repeats a ringing callback."""
    return a_cloud_event(dict(a_form()), **fields)


def test_the_recorded_batch_holds_each_event_once() -> None:
    (entry,) = (e for e in sample("index.json")["files"] if e["file"] == SAMPLE)
    events = split_events(sample_bytes(SAMPLE))
    assert len(events) == entry["expected"]["unique_events"]
    assert [event.event_key for event in events] == [
        "twilio:event:EZ00000000000000000000000000000007",
        "twilio:event:EZ00000000000000000000000000000005",
    ]
    facts = [parse_event(event.body, START) for event in events]
    assert {fact.key for fact in facts if fact} == {entry["expected"]["call_sid"]}


def test_an_event_says_what_the_callback_it_repeats_said() -> None:
    events = split_events(sample_bytes(SAMPLE))
    forms = sample_forms("twilio_outbound_full_lifecycle.json")
    for event, form in ((events[0], forms[3]), (events[1], forms[1])):
        fact = parse_event(event.body, START)
        assert fact is not None
        callback = parse_callback(form, [], START)
        assert merged([fact, callback]) == merged([callback])
        assert fact.event_key == callback.event_key


def test_a_single_event_is_taken_as_well_as_a_list() -> None:
    assert split_events(as_bytes(an_event())) == split_events(as_bytes([an_event()]))
    (event,) = split_events(as_bytes(an_event()))

    assert parse_event(event.body, START) == parse_callback(a_form(), [], START)


def test_an_event_keeps_its_key_whatever_it_came_with() -> None:
    alone = split_events(as_bytes(an_event()))[0]
    (_, again) = split_events(as_bytes([an_event(id="EZ0"), an_event()]))
    assert again == alone


@pytest.mark.parametrize(
    "kind",
    [
        "status-callback.call.initiated",
        "status-callback.call.answered",
        "webhook.status-callback.call.completed",
        "webhook.status-callback.amd.detected",
        "status-callback.recording.processed",
    ],
)
def test_both_prefixes_of_callbacks_are_understood(kind: str) -> None:
    assert parse_event(as_bytes(an_event(type=PREFIX + kind)), START) is not None


def test_amd_and_recordings_ride_in_events_too() -> None:
    amd = {"CallSid": sid(), "AnsweredBy": "human", "MachineDetectionDuration": 4100}
    event = a_cloud_event(amd, type=f"{PREFIX}status-callback.amd.detected")
    fact = parse_event(as_bytes(event), START)
    assert fact is not None
    assert (fact.kind, fact.most["twilio.machineDetectionMs"]) == ("amd", 4100)
    recording = {"CallSid": sid(), "RecordingSid": "RE1", "RecordingStatus": "completed"}
    event = a_cloud_event(recording, type=f"{PREFIX}status-callback.recording.processed")
    fact = parse_event(as_bytes(event), START)
    assert fact is not None
    assert fact.kind == "recording"


@pytest.mark.parametrize(
    "kind",
    [
        "com.twilio.voice.status-callback.stream.updated",
        "com.twilio.voice.api-request.call.created",
        "com.twilio.voice.insights.call-summary.complete",
        "com.twilio.voice.status-callback.call.",
        "com.twilio.voice.status-callback.call.ringing.twice",
        "com.twilio.messaging.message.sent",
        "x",
    ],
)
def test_other_types_are_kept_and_say_nothing(kind: str) -> None:
    datas: list[Any] = [{}, None, [], {"request": {"parameters": {"CallSid": "junk"}}}]
    for data in datas:
        body = as_bytes(an_event(type=kind, data=data))
        assert parse_event(body, START) is None
        (event,) = split_events(body)
        kept = KeptWebhook(TWILIO_EVENTS, "", event.body, START)
        entry = understand(kept, event_key=event.event_key)
        assert (entry.fact, entry.problem, entry.kind) == (None, None, "event")
        assert entry.event_key == "twilio:event:EZ1"


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "text",
        {},
        {"request": None},
        {"request": []},
        {"request": {"parameters": None}},
        {"request": {"parameters": [["CallSid", sid()]]}},
    ],
)
def test_a_callback_without_its_form_is_refused_by_the_name(data: Any) -> None:
    with pytest.raises(MalformedPayload) as caught:
        parse_event(as_bytes(an_event(data=data)), START)
    assert caught.value.field == "data.request.parameters"


def test_a_form_inside_is_refused_by_its_own_field() -> None:
    for broken in ({"CallSid": None}, {"CallSid": ["x"]}, {"CallSid": 7}):
        with pytest.raises(MalformedPayload) as caught:
            parse_event(as_bytes(a_cloud_event({**dict(a_form()), **broken})), START)
        assert caught.value.field == "CallSid"


def test_numbers_count_as_their_text_and_what_is_no_text_as_absent() -> None:
    form = {**dict(a_form(CallStatus="busy")), "SequenceNumber": 2, "CallDuration": 0}
    form |= {"From": None, "To": {"a": 1}, "StirStatus": 1.5}
    fact = parse_event(as_bytes(a_cloud_event(form)), START)
    assert fact is not None
    assert fact.most["twilio.callDuration"] == 0
    assert fact.most["twilio.state"]["v"] == 4_000_002
    assert not {"twilio.from", "twilio.to", "twilio.stirStatus"} & fact.most.keys()


@pytest.mark.parametrize("value", [True, -1, 10**12, 1e30])
def test_numbers_that_are_no_sequence_number_are_refused_or_absent(value: Any) -> None:
    event = as_bytes(a_cloud_event({**dict(a_form()), "SequenceNumber": value}))
    if isinstance(value, float):
        assert parse_event(event, START) is not None
        return
    with pytest.raises(MalformedPayload) as caught:
        parse_event(event, START)
    assert caught.value.field == "SequenceNumber"


def told_by(url: Any) -> dict[str, Any]:
    """Return the context that an event's URL gave."""
    event = an_event()
    event["data"]["request"]["url"] = url
    fact = parse_event(as_bytes(event), START)
    assert fact is not None
    context = {k: v for k, v in fact.most.items() if not k.startswith("twilio.")}
    del context["updatedAt"]
    return context


def test_whom_the_call_was_for_is_read_from_the_url_that_twilio_called() -> None:
    query = urlencode({"campaignId": "spring", "contactName": "Ada É", "callId": "own-1", "x": 1})
    assert told_by(f"https://calls.example.com/cb?{query}#rc=5") == {
        "campaignId": "spring",
        "contactName": "Ada É",
        "context.callId": "own-1",
    }


@pytest.mark.parametrize(
    "url",
    [
        None, 7, [], {}, True, "", "?", "https://[::1", "not a url", "https://a/?campaignId=",
        "https://a/#campaignId=x", "https://a/?" + "&".join(f"a{i}=1" for i in range(201)),
    ],
)  # fmt: skip
def test_a_url_that_says_nothing_is_no_reason_to_refuse(url: Any) -> None:
    assert told_by(url) == {}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"NaN", b"[" * 300 + b"]" * 300])
def test_what_is_no_delivery_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedPayload):
        split_events(body)


@pytest.mark.parametrize("body", [b"null", b"7", b'"x"', b"[null]", b"[[]]", b"{}"])
def test_what_is_no_event_is_told_by_the_place_of_the_fault(body: bytes) -> None:
    (event,) = split_events(body)
    assert event.problem is not None
    assert (event.event_key, event.problem.field) == ("", "[0].id")


@pytest.mark.parametrize("value", [None, "", 7, [], {}, True, "x" * 129])
@pytest.mark.parametrize("name", ["id", "type"])
def test_an_envelope_is_refused_by_the_place_of_the_fault(name: str, value: Any) -> None:
    (event,) = split_events(as_bytes(an_event(**{name: value})))
    assert event.problem is not None
    assert event.problem.field == f"[0].{name}"


def test_more_events_than_anybody_sends_are_refused() -> None:
    events = [{"id": str(number), "type": "x"} for number in range(1_001)]
    assert len(split_events(as_bytes(events[:1_000]))) == 1_000
    with pytest.raises(MalformedPayload, match="1 to 1000"):
        split_events(as_bytes(events))


@pytest.mark.parametrize("body", [b"[]", b"7", b"{", b'{"type": 7}', b"{}", b"null"])
def test_a_kept_body_that_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedPayload):
        parse_event(body, START)


def test_a_malformed_member_is_refused_alone() -> None:
    events = split_events(as_bytes([an_event(), {"id": 7}, an_event(id="EZ2")]))
    assert {"twilio:event:EZ1", "twilio:event:EZ2"} <= {event.event_key for event in events}


def test_a_deeply_nested_event_is_refused_or_taken_but_no_bug() -> None:
    deep = b"[" * 300 + b"]" * 300
    with suppress(MalformedPayload):
        split_events(b'{"id": "1", "type": "x", "data": %s}' % deep)


def test_another_s_long_url_is_no_reason_to_refuse() -> None:
    assert told_by("https://api.elevenlabs.example/cb?token=" + "x" * 600) == {}
