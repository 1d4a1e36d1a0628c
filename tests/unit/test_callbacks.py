"""Twilio's callbacks become facts, and what cannot is refused by the name of the field."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.builders import START, Pairs, a_form, sample, sample_forms, sid
from support.merging import merged

from callboard.domain.calls import TERMINAL_STATUSES, TWILIO_STATUSES, is_active, is_child_leg
from callboard.domain.lattice import CallFact
from callboard.errors import MalformedPayload
from callboard.vendors.twilio.callbacks import parse_callback

FORM_KINDS = {"twilio_form", "twilio_form_sequence", "twilio_delivery_list"}
SAMPLES = [
    (entry["file"], entry["expected"])
    for entry in sample("index.json")["files"]
    if entry["kind"] in FORM_KINDS and entry["file"].startswith("twilio_")
]
# What a sample expects of the call in which its facts end, by the place where it is stored.
STORED = {
    "call_sid": "_id",
    "final_status": "status",
    "duration_secs": "duration",
    "direction": "direction",
    "answered_by": "answeredBy",
    "sip_response_code": "twilio.sipResponseCode",
    "machine_detection_ms": "twilio.machineDetectionMs",
    "recording_sid": "twilio.recordingSid",
}


def heard(form: Pairs, query: Pairs | None = None) -> CallFact:
    """Return what a callback says that arrives at `START`."""
    return parse_callback(form, query or [], START)


def stored(call: dict[str, Any], path: str) -> Any:
    """Return what a call holds at a dotted path."""
    for name in path.split("."):
        call = call.get(name, {})
    return call


@pytest.mark.parametrize(("name", "expected"), SAMPLES, ids=[name for name, _ in SAMPLES])
def test_every_recorded_sample_says_what_it_should(name: str, expected: dict[str, Any]) -> None:
    facts = [heard(form) for form in sample_forms(name)]
    call = merged(facts)
    for said, path in STORED.items():
        if said in expected:
            assert stored(call, path) == expected[said]
    if expected.get("status_unchanged"):
        assert "status" not in call
    if "events_stored" in expected:
        assert len({fact.event_key for fact in facts}) == expected["events_stored"]
    if expected.get("answered"):
        assert call["answerTime"] > call["startTime"]
    assert merged([*facts, *reversed(facts)]) == call


def test_a_whole_outbound_call_is_told_in_order() -> None:
    forms = sample_forms("twilio_outbound_full_lifecycle.json")
    facts = [heard(form) for form in forms]
    told = ["initiated", "ringing", "in-progress", "completed"]
    assert [fact.most["twilio.state"]["s"] for fact in facts] == told
    assert [fact.most["twilio.state"]["v"] % 1_000_000 for fact in facts] == [0, 1, 2, 3]
    assert {fact.most["twilio.direction"] for fact in facts} == {"outbound"}
    assert ["twilio.callDuration" in fact.most for fact in facts] == [False, False, False, True]
    assert facts[-1].most["updatedAt"] == datetime(2025, 10, 14, 15, 4, 58, tzinfo=UTC)
    assert [fact.event_key for fact in facts] == [
        f"twilio:{facts[0].key}:status:{sequence}:{status}" for sequence, status in enumerate(told)
    ]


def test_the_samples_end_in_every_terminal_status() -> None:
    ends = {
        merged([heard(form) for form in sample_forms(name)]).get("status") for name, _ in SAMPLES
    }
    assert ends >= TERMINAL_STATUSES & TWILIO_STATUSES


def test_the_three_families_are_told_apart_by_their_fields() -> None:
    amd = [("CallSid", sid()), ("AnsweredBy", "human"), ("MachineDetectionDuration", "4100")]
    recording = [("CallSid", sid()), ("RecordingSid", "RE1"), ("RecordingStatus", "completed")]
    assert heard(a_form()).kind == "status"
    assert (heard(amd).kind, heard(amd).event_key) == ("amd", f"twilio:{sid()}:amd:human")
    assert heard(recording).kind == "recording"
    assert heard(recording).event_key == f"twilio:{sid()}:recording:RE1:completed"
    fact = heard(a_form(CallStatus="completed", RecordingSid="RE1", AnsweredBy="human"))
    assert fact.kind == "status"
    assert fact.most["twilio.answered"] == {"v": 1, "s": "human", "o": "human"}
    assert fact.most["twilio.recordingSid"] == "RE1"


def test_amd_and_recordings_say_nothing_of_the_status() -> None:
    for form in (
        [("CallSid", sid()), ("AnsweredBy", "fax")],
        [("CallSid", sid()), ("RecordingSid", "RE1"), ("RecordingDuration", "7")],
    ):
        fact = heard(form)
        assert not {"twilio.state", "twilio.endedAt", "updatedAt"} & fact.most.keys()
        assert fact.least == {}


@pytest.mark.parametrize(
    ("answered_by", "leaf"),
    [
        ("unknown", {"v": 0, "s": "unknown"}),
        ("human", {"v": 1, "s": "human", "o": "human"}),
        ("machine", {"v": 2, "s": "machine", "o": "voicemail"}),
        ("machine_end_beep", {"v": 2, "s": "machine_end_beep", "o": "voicemail"}),
        ("fax", {"v": 2, "s": "fax", "o": "voicemail"}),
    ],
)
def test_a_verdict_orders_by_how_much_it_says(answered_by: str, leaf: dict[str, Any]) -> None:
    fact = heard([("CallSid", sid()), ("AnsweredBy", answered_by)])
    assert fact.most["twilio.answered"] == leaf
    assert next(iter(fact.most["twilio.answered"])) == "v"


@pytest.mark.parametrize(
    ("spelling", "status"),
    [("cancelled", "canceled"), ("no_answer", "no-answer"), ("in_progress", "in-progress")],
)
def test_other_spellings_are_twilios_words(spelling: str, status: str) -> None:
    fact = heard(a_form(CallStatus=spelling))
    assert fact == heard(a_form(CallStatus=status))
    assert merged([fact])["status"] == status


def test_a_time_of_arrival_is_no_update_but_may_stand_in_for_the_start() -> None:
    for missing in (None, ""):
        fact = heard(a_form(Timestamp=missing))
        assert "updatedAt" not in fact.most
        assert fact.least == {"twilio.seen.ringing": START, "twilio.startedAt": START}
    dated = heard(a_form())
    assert (
        dated.most["updatedAt"] == dated.least["twilio.startedAt"] == START - timedelta(seconds=2)
    )


def test_the_request_for_twiml_begins_an_inbound_call() -> None:
    request, ended = (heard(form) for form in sample_forms("twilio_inbound_full_lifecycle.json"))
    assert request.event_key == f"twilio:{request.key}:status:0:ringing"
    assert merged([request])["status"] == "ringing"
    assert is_active(merged([request]))
    call = merged([ended, request])
    assert (call["status"], call["direction"], call["duration"]) == ("completed", "inbound", 94)
    assert not is_active(call)
    # The request was "received" months after the end here; only that makes the start reckoned.
    alone = merged([ended])
    assert alone["startTime"] == alone["endTime"] - timedelta(seconds=94)


def test_an_end_at_the_beginning_of_the_calendar_is_reckoned_no_further() -> None:
    form = a_form(
        CallStatus="completed", CallDuration="94", Timestamp="Mon, 01 Jan 0100 00:00:00 +0000"
    )
    assert heard(form).least["twilio.reckonedAt"].year < 2000
    first = parse_callback(
        a_form(CallStatus="busy", CallDuration="9" * 9, Timestamp=None),
        [],
        datetime(1, 1, 1, tzinfo=UTC),
    )
    assert first.least["twilio.reckonedAt"] == datetime(1, 1, 1, tzinfo=UTC)


def test_a_leg_that_another_call_made_is_neither_counted_nor_live() -> None:
    leg = merged([heard(a_form(ParentCallSid=sid(9)))])
    assert leg["status"] == "ringing"
    assert is_child_leg(leg)
    assert not is_active(leg)
    first = merged([heard(a_form(ParentCallSid=""))])
    assert not is_child_leg(first)
    assert is_active(first)


def test_the_caller_s_own_id_joins_by_the_query() -> None:
    fact = heard(a_form(), [("callId", "own-1"), ("agentId", "a"), ("agentName", "Ava")])
    assert fact.call_id == fact.most["context.callId"] == "own-1"
    assert (fact.most["context.agentId"], fact.most["context.agentName"]) == ("a", "Ava")
    assert heard(a_form()).call_id is None
    assert fact.conversation_id is None
    assert not fact.orphan


def test_of_a_repeated_parameter_the_last_counts() -> None:
    fact = heard(a_form(), [("campaignId", "a"), ("campaignId", "b")])
    assert fact.most["campaignId"] == "b"


def test_a_timestamp_keeps_its_zone_and_utc_where_it_has_none() -> None:
    for text in ("10:15:00 +0200", "08:15:00", "08:15:00 -0000"):
        fact = heard(a_form(Timestamp=f"Thu, 26 Mar 2026 {text}"))
        assert fact.most["updatedAt"] == START


def test_unknown_fields_are_accepted() -> None:
    fact = heard(a_form(QueueTime="12", Surprise="x" * 5_000))
    assert fact == heard(a_form())


def test_the_query_says_whom_the_call_was_for_and_empty_values_say_nothing() -> None:
    query = [("campaignId", "spring"), ("contactName", "Ada"), ("agentName", ""), ("more", "x")]
    fact = heard(a_form(), query)
    context = {name: value for name, value in fact.most.items() if not name.startswith("twilio.")}
    assert context == {
        "campaignId": "spring",
        "contactName": "Ada",
        "updatedAt": START - timedelta(seconds=2),
    }


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
    assert heard(a_form(Direction=direction)).most.get("twilio.direction") == seen


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("CallSid", value) for value in (None, "", "CA1", "CA" + "g" * 32, sid() + "0", "x")),
        *(("CallSid", value) for value in (sid() + "\n", "ca" + "0" * 32, "CA" + "٣" * 32)),
        *(
            ("CallStatus", value)
            for value in ("", "canceling", "answered", "COMPLETED", "$gt", "unconfirmed")
        ),
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
    assert heard(a_form(), [("contactName", "x" * 512)]).most["contactName"]
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


def test_a_long_parameter_that_nobody_reads_is_no_reason_to_refuse() -> None:
    assert heard(a_form(), [("token", "x" * 600)]) == heard(a_form())
