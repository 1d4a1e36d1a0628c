"""Twilio's callbacks become facts, and what cannot is refused by the name of the field."""

from datetime import UTC, datetime
from typing import Any

import pytest
from support.builders import START, a_form, sample, sample_forms, sid

from callboard.domain.calls import TERMINAL_STATUSES, CallContext
from callboard.errors import MalformedPayload
from callboard.vendors.twilio.callbacks import parse_callback

FORM_KINDS = {"twilio_form", "twilio_form_sequence", "twilio_delivery_list"}
SAMPLES = [
    (entry["file"], entry["expected"])
    for entry in sample("index.json")["files"]
    if entry["kind"] in FORM_KINDS and entry["file"].startswith("twilio_")
]
# What a sample expects of its last fact; the rest of an expectation concerns the store.
DETAILS = {
    "sip_response_code": "sipResponseCode",
    "machine_detection_ms": "machineDetectionMs",
    "recording_sid": "recordingSid",
}
FIELDS = {
    "final_status": "status",
    "duration_secs": "duration_s",
    "direction": "direction",
    "answered_by": "answered_by",
}


@pytest.mark.parametrize(("name", "expected"), SAMPLES, ids=[name for name, _ in SAMPLES])
def test_every_recorded_sample_says_what_it_should(name: str, expected: dict[str, Any]) -> None:
    facts = [parse_callback(form, [], START) for form in sample_forms(name)]
    last = facts[-1]
    assert {fact.call_sid for fact in facts} == {expected["call_sid"]}
    for said, field in FIELDS.items():
        if said in expected:
            assert getattr(last, field) == expected[said]
    for said, stored in DETAILS.items():
        if said in expected:
            assert last.details[stored] == expected[said]
    if expected.get("status_unchanged"):
        assert [fact.status for fact in facts] == [None] * len(facts)
    if "events_stored" in expected:
        assert len({fact.event_key for fact in facts}) == expected["events_stored"]


def test_a_whole_outbound_call_is_told_in_order() -> None:
    forms = sample_forms("twilio_outbound_full_lifecycle.json")
    facts = [parse_callback(form, [], START) for form in forms]
    assert [fact.status for fact in facts] == ["initiated", "ringing", "in-progress", "completed"]
    assert [fact.sequence for fact in facts] == [0, 1, 2, 3]
    assert {fact.direction for fact in facts} == {"outbound"}
    assert [fact.duration_s is None for fact in facts] == [True, True, True, False]
    assert facts[-1].at == datetime(2025, 10, 14, 15, 4, 58, tzinfo=UTC)


def test_the_samples_end_in_every_terminal_status() -> None:
    ends = {
        parse_callback(form, [], START).status
        for name, _ in SAMPLES
        for form in sample_forms(name)
    }
    assert ends >= TERMINAL_STATUSES


def test_the_three_families_are_told_apart_by_their_fields() -> None:
    amd = [("CallSid", sid()), ("AnsweredBy", "human")]
    recording = [("CallSid", sid()), ("RecordingSid", "RE1"), ("RecordingStatus", "completed")]
    assert parse_callback(a_form(), [], START).kind == "status"
    assert parse_callback(amd, [], START).kind == "amd"
    assert parse_callback(recording, [], START).kind == "recording"
    with_recording = a_form(CallStatus="completed", RecordingSid="RE1", AnsweredBy="human")
    fact = parse_callback(with_recording, [], START)
    assert (fact.kind, fact.answered_by) == ("status", "human")


def test_a_callback_without_a_timestamp_is_dated_by_its_arrival() -> None:
    for missing in (None, ""):
        fact = parse_callback(a_form(Timestamp=missing), [], START)
        assert (fact.at, fact.dated) == (START, False)
    assert parse_callback(a_form(), [], START).dated


def test_a_timestamp_keeps_its_zone_and_utc_where_it_has_none() -> None:
    moved = parse_callback(a_form(Timestamp="Thu, 26 Mar 2026 10:15:00 +0200"), [], START).at
    bare = parse_callback(a_form(Timestamp="Thu, 26 Mar 2026 08:15:00"), [], START).at
    unknown = parse_callback(a_form(Timestamp="Thu, 26 Mar 2026 08:15:00 -0000"), [], START).at
    assert moved == bare == unknown == START


def test_unknown_fields_are_accepted() -> None:
    fact = parse_callback(a_form(QueueTime="12", Surprise="x" * 5_000), [], START)
    assert fact == parse_callback(a_form(), [], START)


def test_the_query_says_whom_the_call_was_for_and_empty_values_say_nothing() -> None:
    query = [("campaignId", "spring"), ("contactName", "Ada"), ("agentName", ""), ("more", "x")]
    context = parse_callback(a_form(), query, START).context
    assert context == CallContext(campaign_id="spring", contact_name="Ada")


@pytest.mark.parametrize(
    ("direction", "seen"),
    [
        ("inbound", "inbound"),
        ("outbound-api", "outbound"),
        ("outbound-dial", "outbound"),
        ("trunking-originating", "inbound"),
        ("trunking-terminating", "outbound"),
        ("sideways", None),
        (None, None),
    ],
)
def test_direction_is_seen_from_us(direction: str | None, seen: str | None) -> None:
    assert parse_callback(a_form(Direction=direction), [], START).direction == seen


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("CallSid", value) for value in (None, "", "CA1", "CA" + "g" * 32, sid() + "0", "x")),
        *(("CallSid", value) for value in (sid() + "\n", "ca" + "0" * 32, "CA" + "٣" * 32)),
        *(("CallStatus", value) for value in ("", "cancelled", "answered", "COMPLETED", "$gt")),
        *(("SequenceNumber", value) for value in ("-1", "1.5", "one", "²", "٣", " 1", "9" * 12)),
        *(("CallDuration", value) for value in ("-1", "NaN", "1e3", "0x1", "9" * 4_000)),
        ("SipResponseCode", "busy"),
        *(("AnsweredBy", value) for value in ("Human", "robot", "machine_", "machine-start")),
        *(("Timestamp", value) for value in ("soon", "2026-03-26", "Thu, 99 Mar 2026 08:15:00")),
        ("Timestamp", "Thu, 26 Mar 2026 25:15:00 +0000"),
        ("Timestamp", "Thu, 26 Mar 99999 08:15:00 +0000"),
        ("Timestamp", "Thu, 26 Mar 2026 08:15:00 +9999"),
        ("Timestamp", "\x00" * 40),
    ],
)
def test_a_bad_field_is_refused_by_its_name(field: str, value: str | None) -> None:
    with pytest.raises(MalformedPayload) as caught:
        parse_callback(a_form(**{field: value}), [], START)
    assert caught.value.field == field
    assert field in str(caught.value)


def test_a_bad_number_of_the_other_families_is_refused_by_its_name() -> None:
    amd = [("CallSid", sid()), ("AnsweredBy", "human"), ("MachineDetectionDuration", "long")]
    recording = [("CallSid", sid()), ("RecordingSid", "RE1"), ("RecordingDuration", "long")]
    for form, field in ((amd, "MachineDetectionDuration"), (recording, "RecordingDuration")):
        with pytest.raises(MalformedPayload) as caught:
            parse_callback(form, [], START)
        assert caught.value.field == field


def test_a_form_of_no_family_is_refused() -> None:
    with pytest.raises(MalformedPayload, match="CallStatus") as caught:
        parse_callback([("CallSid", sid()), ("Digits", "1")], [], START)
    assert caught.value.field == "CallStatus"


def test_a_query_value_too_long_to_be_a_name_is_refused() -> None:
    assert parse_callback(a_form(), [("contactName", "x" * 512)], START).context.contact_name
    with pytest.raises(MalformedPayload) as caught:
        parse_callback(a_form(), [("contactName", "x" * 513)], START)
    assert caught.value.field == "contactName"


def test_a_number_of_any_length_is_refused_by_its_name() -> None:
    with pytest.raises(MalformedPayload):
        parse_callback(a_form(CallDuration="9" * 5_000), [], START)


def test_a_timestamp_that_is_no_instant_in_utc_is_refused_by_its_name() -> None:
    with pytest.raises(MalformedPayload):
        parse_callback(a_form(Timestamp="Fri, 31 Dec 9999 23:59:59 -1200"), [], START)


def test_an_amd_callback_without_a_verdict_is_refused_by_its_name() -> None:
    with pytest.raises(MalformedPayload):
        parse_callback([("CallSid", sid()), ("AnsweredBy", "")], [], START)
