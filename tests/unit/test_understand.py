"""From route and bytes to inbox entries: what is understood, what is kept raw, under which key."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from support.builders import (
    CONVERSATION,
    START,
    a_cloud_event,
    a_form,
    a_kept,
    an_event,
    sample,
    sample_bytes,
    sample_forms,
    sid,
)
from support.merging import merged

from callboard.domain.webhooks import CALL_STATUS, ELEVENLABS, INITIATION, TWILIO_EVENTS
from callboard.errors import MalformedPayload
from callboard.ingest.understand import not_understood, read_form, understand
from callboard.vendors.elevenlabs.events import parse_event

BUSY = "elevenlabs_call_initiation_failure_twilio_busy.json"


def a_callback(**fields: str | None) -> bytes:
    """Return a status callback's body."""
    return urlencode(a_form(**fields)).encode()


def a_failure(**forwarded: Any) -> bytes:
    """Return a failure event whose forwarded Twilio callback has these fields changed."""
    event = sample(BUSY)
    event["data"]["metadata"]["body"] |= forwarded
    return json.dumps(event).encode()


@pytest.mark.parametrize(
    ("path", "body", "vendor", "kind", "key"),
    [
        (CALL_STATUS, a_callback(), "twilio", "status", f"twilio:{sid()}:status:1:ringing"),
        (
            TWILIO_EVENTS,
            json.dumps(a_cloud_event(dict(a_form()))).encode(),
            "twilio",
            "status",
            "twilio:event:EZ1",
        ),
        (
            ELEVENLABS,
            an_event(),
            "elevenlabs",
            "post_call_transcription",
            "elevenlabs:conv_1:post_call_transcription:1774512960",
        ),
        (
            INITIATION,
            b'{"call_sid": "%s"}' % sid().encode(),
            "elevenlabs",
            "initiation",
            f"elevenlabs:{sid()}:initiation",
        ),
    ],
)
def test_each_route_has_its_reader(
    path: str, body: bytes, vendor: str, kind: str, key: str
) -> None:
    entry = understand(a_kept(body, path), event_key=key if path == TWILIO_EVENTS else "")
    assert (entry.vendor, entry.kind, entry.event_key, entry.problem) == (vendor, kind, key, None)
    assert entry.fact is not None
    assert entry.kept.body == body


def test_a_form_that_was_read_already_is_not_read_again() -> None:
    entry = understand(a_kept(b"never read", CALL_STATUS), a_form())
    assert entry.fact == understand(a_kept(a_callback(), CALL_STATUS)).fact


@pytest.mark.parametrize("path", [CALL_STATUS, TWILIO_EVENTS, ELEVENLABS, INITIATION])
@pytest.mark.parametrize(
    "body", [b"", b"\xff\x00", b"{", b"[]", b"null", b'{"type": 1}', b"a=%FF"]
)
def test_what_cannot_be_understood_is_kept_with_the_reason(path: str, body: bytes) -> None:
    entry = understand(a_kept(body, path))
    assert (entry.fact, entry.kind) == (None, "unknown")
    assert entry.problem
    assert entry.problem_field
    assert entry.event_key.startswith(f"{entry.vendor}:raw:")
    assert understand(a_kept(body, path)).event_key == entry.event_key


def test_an_event_of_a_stream_keeps_its_key_even_if_not_understood() -> None:
    event = json.dumps(a_cloud_event({"CallSid": "junk"})).encode()
    entry = understand(a_kept(event, TWILIO_EVENTS), event_key="twilio:event:EZ1")
    assert (entry.event_key, entry.problem_field) == ("twilio:event:EZ1", "CallSid")


def test_bytes_and_query_tell_two_raw_webhooks_apart() -> None:
    problem = MalformedPayload("no", field="body")
    keys = {
        not_understood(a_kept(body, path, query), problem).event_key
        for body in (b"a", b"b")
        for query in ("", "a", "b")
        for path in (CALL_STATUS, ELEVENLABS)
    }
    assert len(keys) == 12


def test_an_event_without_a_conversation_is_kept_under_its_bytes() -> None:
    body = b'{"type": "voice_removal_notice", "event_timestamp": 1, "data": {"voice": "v"}}'
    entry = understand(a_kept(body))
    assert (entry.kind, entry.fact, entry.problem) == ("voice_removal_notice", None, None)
    assert entry.event_key.startswith("elevenlabs:raw:")
    assert understand(a_kept(body + b" ")).event_key != entry.event_key


def test_an_unknown_type_with_a_conversation_is_kept_under_its_own_key() -> None:
    entry = understand(a_kept(sample_bytes("elevenlabs_unknown_event_type.json")))
    assert (entry.kind, entry.fact, entry.problem) == ("answering_machine_detection", None, None)
    assert entry.event_key.endswith(":answering_machine_detection:1760455060")


def test_a_forwarded_callback_is_understood_as_if_it_had_come_itself() -> None:
    entry = understand(a_kept(sample_bytes(BUSY)))
    assert entry.fact is not None
    call = merged([entry.fact])
    (*_, last) = sample_forms("twilio_busy.json")
    twilio = merged([understand(a_kept(urlencode(last).encode(), CALL_STATUS)).fact or entry.fact])
    for name in ("_id", "status", "outcome", "duration", "from", "to", "direction", "endTime"):
        assert call[name] == twilio[name], name
    assert call["twilio"] == twilio["twilio"]
    assert call["elevenlabs"]["failure"]["reason"] == "busy"
    assert (entry.fact.key, entry.fact.orphan) == ("CA2e1b3c4d5e6f708192a3b4c5d6e7f809", False)
    assert entry.event_key.startswith("elevenlabs:conv_1201")


@pytest.mark.parametrize(
    "forwarded",
    [
        {"CallStatus": "levitating"},
        {"CallStatus": None},
        {"Timestamp": "soon"},
        {"SequenceNumber": "many"},
        {"CallDuration": "9" * 5_000},
        {"AnsweredBy": "robot"},
    ],
)
def test_a_malformed_forwarded_callback_leaves_what_elevenlabs_says(
    forwarded: dict[str, Any],
) -> None:
    entry = understand(a_kept(a_failure(**forwarded)))
    assert entry.problem is None
    assert entry.fact is not None
    assert entry.fact == parse_event(a_failure(**forwarded)).fact
    assert entry.fact.key == "CA2e1b3c4d5e6f708192a3b4c5d6e7f809"
    assert merged([entry.fact])["status"] == "busy"


@pytest.mark.parametrize("key", ["CA1", "", None, 7, [], "d8e7f6a5-b4c3-4d5e-8f9a-0b1c2d3e4f5a"])
def test_a_forwarded_callback_of_no_call_leaves_an_orphan(key: Any) -> None:
    fact = understand(a_kept(a_failure(CallSid=key))).fact
    assert fact is not None
    assert (fact.orphan, fact.key) == (True, fact.conversation_id)
    assert not any(path.startswith("twilio.") for path in fact.most)


def test_a_forwarded_number_may_be_a_number() -> None:
    fact = understand(
        a_kept(a_failure(SequenceNumber=2, CallDuration=0, Extra=[1], ToCity=None))
    ).fact
    assert fact is not None
    assert fact.most["twilio.state"]["v"] == 4_000_002


@pytest.mark.parametrize("name", [e["file"] for e in sample("index.json")["files"]])
def test_no_sample_on_any_route_is_a_bug(name: str) -> None:
    for path in (CALL_STATUS, TWILIO_EVENTS, ELEVENLABS, INITIATION):
        entry = understand(a_kept(sample_bytes(name), path))
        assert entry.event_key


@pytest.mark.parametrize(
    "text",
    ["", "&", "&&a=1&", "a", "=", "a=", "=a", "a=b=c", "a+b=c+d", "%C3%89=%20", "a=%", "a=%zz",
     "a=1&a=2&b=", "+=+", "a;b=1", "%2B=%26&x"],
)  # fmt: skip
def test_a_form_is_read_as_the_standard_library_reads_it(text: str) -> None:
    assert read_form(text.encode()) == parse_qsl(text, keep_blank_values=True, errors="strict")


@pytest.mark.parametrize("body", [b"\xc3\x89=1", b"a=%FF", b"%C3=1", b"&" * 200, b"a=1&" * 201])
def test_a_body_that_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedPayload) as caught:
        read_form(body)
    assert caught.value.field == "body"


def test_as_many_fields_as_twilio_could_ever_send_are_read() -> None:
    assert len(read_form(b"&".join([b"a=1"] * 200))) == 200


@pytest.mark.parametrize("query", ["a=%FF", "a=%C3", "&".join(["a=1"] * 201)])
def test_a_query_that_cannot_be_read_is_the_querys_fault(query: str) -> None:
    entry = understand(a_kept(a_callback(), CALL_STATUS, query))
    assert entry.problem_field == "query"
    assert entry.fact is None


def test_two_events_of_a_conversation_at_one_instant_of_another_kind_are_two() -> None:
    keys = {understand(a_kept(an_event(kind))).event_key for kind in ("a", "post_call_audio")}
    assert len(keys) == 2
    assert all(CONVERSATION in key for key in keys)


def test_two_events_without_an_instant_are_both_kept() -> None:
    bodies = [an_event(at=None, status=status) for status in ("in-progress", "done")]
    assert len({understand(a_kept(body)).event_key for body in bodies}) == 2


def test_a_deeply_nested_event_is_never_a_bug() -> None:
    deep = b"[" * 300 + b"]" * 300
    body = b'{"type": "post_call_transcription", "data": {"conversation_id": "c", "analysis": '
    understand(a_kept(body + b'{"data_collection_results": {"a": {"value": %s}}}}}' % deep))


def test_the_received_instant_is_part_of_no_dated_fact() -> None:
    first, later = a_kept(a_callback(), CALL_STATUS), a_kept(a_callback(), CALL_STATUS)
    assert first.received_at == START
    assert understand(first) == understand(later)
