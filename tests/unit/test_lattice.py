"""A call's leaves: which way each merges, and how a stored call is read back as one fact."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from support.builders import (
    CONVERSATION,
    START,
    a_fact,
    a_form,
    a_kept,
    an_event,
    sample_bytes,
    sample_forms,
    sid,
)
from support.merging import compare, merged

from callboard.domain.calls import STATUS_RANK, TERMINAL_STATUSES
from callboard.domain.lattice import TERMINAL_VERSION, CallFact, leaves_of, state
from callboard.ingest.understand import understand
from callboard.vendors.elevenlabs.events import parse_event, parse_initiation
from callboard.vendors.twilio.callbacks import parse_callback

QUERY = [("campaignId", "spring"), ("agentId", "a1"), ("callId", "own-1")]


def life() -> list[CallFact]:
    """Return a whole call as both vendors tell it."""
    forms = sample_forms("twilio_outbound_full_lifecycle.json")
    facts = [parse_callback(form, QUERY, START) for form in forms]
    conversation = parse_event(sample_bytes("elevenlabs_outbound_twilio_success.json")).fact
    assert conversation is not None
    return [*facts, conversation]


def same(one: CallFact, other: CallFact) -> bool:
    """Tell whether two facts have the same leaves."""
    return (dict(one.most), dict(one.least)) == (dict(other.most), dict(other.least))


def test_a_stored_calls_leaves_are_all_it_was_ever_told() -> None:
    call = merged(life())
    found = leaves_of(call)
    told: dict[str, Any] = {}
    for fact in life():
        told |= {**fact.most, **fact.least}
    assert found.most.keys() | found.least.keys() == told.keys()
    assert not found.most.keys() & found.least.keys()
    for fact in life():
        assert found.least.keys() >= fact.least.keys()
        assert found.most.keys() >= fact.most.keys()


@pytest.mark.parametrize("begun", [False, True])
def test_merging_a_calls_leaves_elsewhere_copies_it_whole(begun: bool) -> None:
    call = merged(life())
    before = merged(life()[:1]) if begun else None
    assert merged([leaves_of(call)], before) == call
    assert merged([leaves_of(call)], call) == call
    assert same(leaves_of(merged([leaves_of(call)])), leaves_of(call))


def test_an_orphan_moves_to_its_call_in_any_order_of_things() -> None:
    audio = parse_event(an_event("post_call_audio", full_audio="AAAA")).fact
    talk = parse_event(an_event(status="done", metadata={"call_duration_secs": 9})).fact
    assert audio is not None
    assert talk is not None
    orphan = leaves_of(merged([audio, talk]))
    assert (orphan.key, orphan.orphan, orphan.conversation_id) == (
        CONVERSATION,
        True,
        CONVERSATION,
    )
    parts = [*life()[:4], orphan.of_call(life()[0].key)]
    ends = [merged(order) for order in permutations(parts)]
    assert all(end == ends[0] for end in ends)
    assert "orphan" not in ends[0]
    assert ends[0]["sid"] == life()[0].key
    assert ends[0]["conversationId"] == CONVERSATION


def test_what_a_call_does_not_say_is_no_leaf() -> None:
    call = {
        "_id": sid(),
        "campaignId": None,
        "status": "ringing",
        "twilio": {"state": {"v": 1, "s": "x"}, "seen": {}, "from": None, "new": {"a": {"b": 1}}},
        "elevenlabs": "written by somebody else",
        "context": None,
        "notes": ["theirs"],
    }
    found = leaves_of(call)
    assert found.most == {"twilio.state": {"v": 1, "s": "x"}, "twilio.new.a.b": 1}
    assert (found.least, found.orphan, found.call_id) == ({}, False, None)
    empty = leaves_of({"_id": 7})
    assert (empty.key, empty.most, empty.least) == ("7", {}, {})


def test_the_least_of_a_calls_instants_stay_the_least() -> None:
    request = parse_initiation(b'{"call_sid": "%s"}' % sid().encode(), START)
    late = parse_callback(a_form(Timestamp=None), [], START + timedelta(seconds=5))
    ended = parse_callback(
        a_form(CallStatus="completed", CallDuration="9"), [], START + timedelta(hours=1)
    )
    found = leaves_of(merged([late, request, ended]))
    assert set(found.least) >= {
        "twilio.startedAt",
        "twilio.reckonedAt",
        "twilio.seen.ringing",
        "twilio.seen.completed",
        "elevenlabs.requestedAt",
    }
    assert merged([found, late, request, ended]) == merged([ended, request, late])
    assert "elevenlabs.request" in found.most


def test_embedded_documents_that_move_as_one_begin_with_their_version() -> None:
    failure = parse_event(an_event("call_initiation_failure", failure_reason="busy")).fact
    audio = parse_event(an_event("post_call_audio", full_audio="AAAA")).fact
    request = parse_initiation(b'{"call_sid": "%s"}' % sid().encode(), START)
    assert failure is not None
    assert audio is not None
    facts = [*life(), failure, audio, parse_callback(a_form(AnsweredBy="human"), [], START)]
    units = {p: v for fact in facts for p, v in fact.most.items() if isinstance(v, dict)}
    assert len(units) == 5
    assert all(next(iter(unit)) == "v" for unit in units.values())
    # One request is as good as another: it has no version.
    assert "v" not in request.most["elevenlabs.request"]


def test_a_fact_may_turn_out_to_be_about_a_call() -> None:
    fact = a_fact(key=CONVERSATION, orphan=True, conversation_id=CONVERSATION)
    located = fact.of_call(sid(2))
    assert (located.key, located.orphan, located.conversation_id) == (sid(2), False, CONVERSATION)
    assert (located.event_key, located.most) == (fact.event_key, fact.most)
    assert fact.orphan


def test_two_facts_in_one_webhook_are_one_about_the_call() -> None:
    body = sample_bytes("elevenlabs_call_initiation_failure_twilio_busy.json")
    event = parse_event(body)
    assert event.fact is not None
    assert event.twilio_form is not None
    forwarded = parse_callback(event.twilio_form, [], START)
    joined = event.fact.joined_with(forwarded)
    assert joined.key == forwarded.key
    assert joined.event_key == event.event_key
    assert not joined.orphan
    assert joined.conversation_id == event.fact.conversation_id
    both = (event.fact.most["updatedAt"], forwarded.most["updatedAt"])
    assert both[0] != both[1]
    assert joined.most["updatedAt"] == max(both)
    apart = merged([event.fact.of_call(forwarded.key), forwarded])
    assert merged([joined]) == apart
    entry = understand(a_kept(body))
    assert entry.fact == joined


def test_leaves_of_joined_facts_are_disjoint_but_for_the_update() -> None:
    event = parse_event(sample_bytes("elevenlabs_call_initiation_failure_twilio_busy.json"))
    assert event.fact is not None
    assert event.twilio_form is not None
    forwarded = parse_callback(event.twilio_form, [], START)
    assert event.fact.most.keys() & forwarded.most.keys() == {"updatedAt"}
    assert not event.fact.least.keys() & forwarded.least.keys()


def test_an_ended_call_is_told_by_its_version() -> None:
    for status in STATUS_RANK:
        for sequence in (0, 3, 999_999, 10**9):
            ended = state(status, sequence)["v"] >= TERMINAL_VERSION
            assert ended == (status in TERMINAL_STATUSES)


def test_only_an_ending_has_an_outcome_and_completed_is_open() -> None:
    said = {status: state(status, 0).get("o") for status in STATUS_RANK}
    assert {status: o for status, o in said.items() if o} == {
        "busy": "busy",
        "failed": "failed",
        "no-answer": "no_answer",
        "canceled": "canceled",
    }


def test_bsons_order_is_that_of_mongodb() -> None:
    ascending = [
        None, -1, 0.5, 1, "", "Z", "a", {}, {"v": 1}, {"v": 1, "o": "x"}, {"v": 1, "s": "a"},
        {"v": 1, "s": "a", "x": 1}, {"v": 2}, {"a": ""}, [], [1], False, True, START,
    ]  # fmt: skip
    for index, value in enumerate(ascending):
        assert compare(value, value) == 0
        assert all(compare(value, other) == -1 for other in ascending[index + 1 :])
