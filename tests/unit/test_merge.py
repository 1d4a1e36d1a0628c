"""How a fact becomes a statement: all from outside guarded, what can change derived.

What MongoDB makes of the statements is told by a small interpreter (`support.merging`) here, and
by MongoDB itself in `tests/integration/test_merge_laws.py`.
"""

from datetime import timedelta
from typing import Any

import pytest
from support.builders import START, a_fact, a_form, an_event, sid
from support.merging import applied, derived_anew, merged

from callboard.domain.lattice import CallFact, state
from callboard.store.merge import (
    DERIVE_ALL,
    group_statement,
    quick_statement,
    update_statement,
)
from callboard.vendors.elevenlabs.events import parse_event, parse_initiation
from callboard.vendors.twilio.callbacks import parse_callback

HOSTILE = ["$gt", "$$NOW", "$twilio.state", {"$add": [1, 2]}, ["$status"], {"v": 1, "s": "$x"}]


def stages(fact: CallFact) -> list[dict[str, Any]]:
    """Return what each stage of a fact's statement sets."""
    return [stage["$set"] for stage in update_statement(fact)["u"]]


def heard(**form: str | None) -> CallFact:
    """Return what a status callback says."""
    return parse_callback(a_form(**form), [], START)


def said(kind: str = "post_call_transcription", at: int = 1_774_512_960, **data: Any) -> CallFact:
    """Return what an ElevenLabs event says about our call."""
    fact = parse_event(an_event(kind, at, **data)).fact
    assert fact is not None
    return fact.of_call(sid())


def test_a_statement_merges_into_the_one_call_of_its_key() -> None:
    statement = update_statement(a_fact())
    assert statement["q"] == {"_id": sid()}
    assert statement["upsert"] is True
    assert set(statement) == {"q", "u", "upsert"}


def test_every_leaf_keeps_the_greatest_or_the_least() -> None:
    stage = stages(a_fact())[0]
    assert stage["updatedAt"] == {"$max": ["$updatedAt", START]}
    assert stage["twilio.startedAt"] == {"$min": ["$twilio.startedAt", START]}
    assert stage["campaignId"] == {"$max": ["$campaignId", "spring"]}
    assert set(stage) == {"sid", *a_fact().most, *a_fact().least}


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
@pytest.mark.parametrize("leaves", ["most", "least"])
def test_what_mongodb_might_read_as_an_expression_is_guarded(leaves: str, value: Any) -> None:
    stage = stages(a_fact(**{"most": {}, "least": {}, leaves: {"x.y": value}}))[0]
    ((_, (path, guarded)),) = stage["x.y"].items()
    assert path == "$x.y"
    assert guarded == {"$literal": value}


@pytest.mark.parametrize("value", ["", "a$b", "a.b", " $gt", 0, 1.5, True, START])
def test_what_is_no_expression_is_written_as_it_is(value: Any) -> None:
    stage = stages(a_fact(most={"x": value}, least={}))[0]
    assert stage["x"] == {"$max": ["$x", value]}


def test_a_key_is_guarded_too() -> None:
    fact = a_fact(key="$conversation", orphan=True, most={}, least={})
    assert stages(fact) == [{"sid": {"$literal": "$conversation"}, "orphan": True}]
    assert update_statement(fact)["q"] == {"_id": "$conversation"}


def test_only_an_orphan_is_marked_as_one() -> None:
    assert "orphan" not in stages(a_fact())[0]
    assert stages(a_fact(orphan=True))[0]["orphan"] is True
    assert "orphan" not in stages(a_fact(orphan=True).of_call(sid()))[0]


@pytest.mark.parametrize(
    ("form", "derived"),
    [
        ({}, {"status", "startTime", "direction", "from", "to", "outcome", "endTime"}),
        (
            {"From": None, "To": "", "Direction": None},
            {"status", "startTime", "outcome", "endTime"},
        ),
        (
            {"CallStatus": "in-progress", "From": None, "To": None, "Direction": "sideways"},
            {"status", "startTime", "answerTime", "outcome", "endTime"},
        ),
        (
            {"CallStatus": "completed", "From": None, "To": None, "Direction": None},
            {"status", "startTime", "endTime", "outcome"},
        ),
        (
            {"CallStatus": "busy", "CallDuration": "0", "AnsweredBy": "fax", "From": None},
            {
                *("status", "startTime", "endTime", "duration", "outcome", "answeredBy", "to"),
                "direction",
            },
        ),
    ],
)
def test_a_twilio_fact_derives_only_what_it_can_change(
    form: dict[str, str | None], derived: set[str]
) -> None:
    assert set(stages(heard(**form))[1]) == derived


def test_a_quick_statement_leaves_out_what_only_a_call_that_was_given_up_needs() -> None:
    ringing, ended = heard(), heard(CallStatus="completed", SequenceNumber="3")
    quick = quick_statement(ringing)["u"][1]["$set"]
    assert quick.keys() == {"status", "startTime", "direction", "from", "to"}
    assert quick_statement(ended) == update_statement(ended)
    assert quick_statement(said()) == update_statement(said())
    call = merged([ringing])
    assert applied(call, quick_statement(heard(SequenceNumber="2"))) == merged(
        [heard(SequenceNumber="2")], call
    )


def test_a_group_leaves_calls_alone_that_were_given_up_unless_it_tells_the_end() -> None:
    ended = heard(CallStatus="completed", SequenceNumber="3")
    assert group_statement([heard()])["q"] == {"_id": {"$in": [sid()]}, "watch.closed": None}
    assert group_statement([ended])["q"] == {"_id": {"$in": [sid()]}}


def test_a_recording_derives_nothing() -> None:
    form = [("CallSid", sid()), ("RecordingSid", "RE1"), ("RecordingDuration", "7")]
    assert len(stages(parse_callback(form, [("campaignId", "spring")], START))) == 1
    assert len(stages(a_fact(most={"campaignId": "c"}, least={}))) == 1


def test_elevenlabs_facts_derive_everything() -> None:
    request = parse_initiation(b'{"call_sid": "%s"}' % sid().encode(), START)
    failure = said("call_initiation_failure")
    for fact in (said(), said("post_call_audio"), failure, request, failure.joined_with(heard())):
        assert stages(fact)[1] == DERIVE_ALL


def test_a_twilio_form_of_a_rule_equals_the_whole_rule() -> None:
    facts = [
        heard(AnsweredBy="human", CallDuration="3"),
        heard(CallStatus="in-progress", SequenceNumber="2"),
        heard(CallStatus="completed", SequenceNumber="3", CallDuration="47"),
        parse_callback([("CallSid", sid()), ("AnsweredBy", "machine_start")], [], START),
        parse_callback(a_form(), [("agentId", "a"), ("agentName", "b"), ("callId", "c")], START),
    ]
    for first in facts:
        for second in facts:
            for others in ([], [said(status="done", metadata={"phone_call": {"x": 1}})]):
                call = merged([*others, first, second])
                assert derived_anew(call) == call


def test_a_status_never_moves_backwards() -> None:
    ended = heard(CallStatus="busy", SequenceNumber="2")
    assert merged([ended, heard(SequenceNumber="900000000")])["status"] == "busy"
    assert merged([heard(SequenceNumber="900000000"), ended])["outcome"] == "busy"


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ([heard(CallStatus="completed")], "answered_unknown"),
        ([heard(CallStatus="completed", AnsweredBy="unknown")], "answered_unknown"),
        ([heard(CallStatus="completed", AnsweredBy="human")], "human"),
        ([heard(CallStatus="completed", AnsweredBy="machine_end_beep")], "voicemail"),
        ([heard(CallStatus="completed", AnsweredBy="fax")], "voicemail"),
        ([heard(CallStatus="no-answer", AnsweredBy="human")], "no_answer"),
        ([heard(CallStatus="cancelled")], "canceled"),
        (
            [
                heard(CallStatus="completed", AnsweredBy="human"),
                said(metadata={"phone_call": {"call_result": "voicemail"}}),
            ],
            "voicemail",
        ),
        (
            [
                heard(CallStatus="failed"),
                said(metadata={"features_usage": {"voicemail_detection": {"used": True}}}),
            ],
            "failed",
        ),
        ([said(metadata={"phone_call": {"call_result": "voicemail"}})], "voicemail"),
        ([said(metadata={"phone_call": {"call_result": "no_answer"}})], "no_answer"),
        ([said(status="done")], "answered_unknown"),
        ([said(status="done"), heard(AnsweredBy="human")], "human"),
        ([said("call_initiation_failure", failure_reason="no-answer")], "no_answer"),
        ([said("call_initiation_failure", failure_reason="unknown")], "failed"),
        ([heard(CallStatus="in-progress")], None),
        ([heard(AnsweredBy="human")], None),
    ],
)
def test_a_call_has_the_first_outcome_that_matches(
    facts: list[CallFact], outcome: str | None
) -> None:
    for order in (facts, facts[::-1]):
        assert merged(order).get("outcome") == outcome


def test_twilios_word_comes_before_elevenlabs() -> None:
    conversation = said(
        status="done",
        metadata={
            "start_time_unix_secs": 1_774_512_905,
            "call_duration_secs": 45,
            "cost": 318,
            "phone_call": {"direction": "inbound", "external_number": "+1 360 555 0142"},
        },
    )
    ended = heard(CallStatus="completed", CallDuration="47", SequenceNumber="3")
    alone = merged([conversation])
    assert (alone["duration"], alone["from"], alone["status"]) == (45, "+13605550142", "completed")
    for facts in ([conversation, heard(), ended], [ended, heard(), conversation]):
        both = merged(facts)
        assert (both["duration"], both["direction"]) == (47, "outbound")
        assert both["from"] == "+14155550100"
        assert both["startTime"] == START - timedelta(seconds=2)
        assert both["cost"] == 318


def test_of_an_inbound_call_that_only_ended_the_start_is_reckoned_back() -> None:
    ended = heard(CallStatus="completed", CallDuration="94", Direction="inbound")
    at = START - timedelta(seconds=2)
    assert merged([ended])["startTime"] == at - timedelta(seconds=94)
    begun = parse_callback(a_form(Timestamp=None, SequenceNumber=None), [], START)
    for facts in ([ended, begun], [begun, ended]):
        assert merged(facts)["startTime"] == START


THEIRS = {"_id": sid(), "status": "ringing", "cost": 7, "note": "x", "outcome": "human"}


def test_what_other_programs_wrote_stands_until_a_webhook_says_otherwise() -> None:
    call = merged([heard(Direction=None)], {**THEIRS, "direction": "inbound"})
    assert (call["cost"], call["note"], call["outcome"]) == (7, "x", "human")
    assert call["direction"] == "inbound"
    assert merged([heard(CallStatus="busy")], THEIRS)["outcome"] == "busy"


def test_a_recording_takes_nothing_away_from_what_other_programs_wrote() -> None:
    call = merged([said("post_call_audio")], THEIRS)
    assert (call["status"], call["cost"], call["outcome"]) == ("ringing", 7, "human")


def test_no_sequence_number_lifts_a_status_above_its_rank() -> None:
    assert state("ringing", 5_000_000)["v"] < state("completed", 0)["v"]
    assert list(state("busy", 1)) == ["v", "s", "o"]


def newer_and_older(**older: Any) -> tuple[CallFact, CallFact]:
    """Return a conversation's event, and a later one that says less."""
    return said(at=1_774_512_960, **older), said(at=1_774_512_999, status="in-progress")


@pytest.mark.parametrize(
    "older",
    [
        {"analysis": {"call_successful": "success"}},
        {"metadata": {"cost": 70}},
        {"metadata": {"call_duration_secs": 9}},
        {"metadata": {"start_time_unix_secs": 1_774_512_900}},
        {"metadata": {"phone_call": {"direction": "inbound"}}},
        {"metadata": {"phone_call": {"call_result": "voicemail"}}},
    ],
)
def test_two_events_of_a_conversation_end_alike_in_any_order(older: dict[str, Any]) -> None:
    first, second = newer_and_older(**older)
    assert merged([first, second]) == merged([second, first])


def test_a_repeated_end_without_a_timestamp_changes_nothing() -> None:
    form = a_form(CallStatus="completed", Timestamp=None)
    first = parse_callback(form, [], START)
    again = parse_callback(form, [], START + timedelta(minutes=5))
    assert merged([first, again]) == merged([first])


def test_a_calls_outcome_goes_with_its_status() -> None:
    failure = said("call_initiation_failure", failure_reason="busy")
    call = merged([failure, said(status="done")])
    assert (call["status"] == "busy") == (call["outcome"] == "busy")
