"""Laws of a call's first webhook: made whole, it is what merging into nothing makes."""

import random
from typing import Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import a_form, a_kept, an_event, sid
from support.merging import derived_anew, merged

from callboard.domain.calls import TWILIO_STATUSES
from callboard.domain.lattice import CallFact
from callboard.domain.webhooks import CALL_STATUS, INITIATION
from callboard.ingest.understand import understand
from callboard.store.first import first_document, first_statement

words = st.sampled_from(["", "$gt", "$status", "$$NOW", "a.b", "{}", "é", "\x00", "Ada"])
names = ("campaignId", "contactId", "contactName", "agentId", "agentName", "callId", "other")


def understood(body: bytes, path: str, query: str = "") -> CallFact:
    """Return what a webhook says."""
    fact = understand(a_kept(body, path, query)).fact
    assert fact is not None
    return fact


@st.composite
def statuses(draw: st.DrawFn) -> CallFact:
    """Return what some status callback says, dated or not."""
    instant = "Thu, 26 Mar 2026 08:15:%02d +0000"
    optional: dict[str, Any] = {
        "CallDuration": st.integers(0, 99).map(str),
        "AnsweredBy": st.sampled_from(
            ["", "human", "machine_start", "machine_end_other", "fax", "unknown"]
        ),
        "SipResponseCode": st.sampled_from(["", "200", "486"]),
        "From": words,
        "To": words,
        "Direction": st.sampled_from(["inbound", "outbound-dial", "sideways", ""]),
        "ParentCallSid": words,
        "StirStatus": words,
        "RecordingSid": words,
        "RecordingUrl": words,
        "SequenceNumber": st.integers(0, 4).map(str),
        "Timestamp": st.none() | st.integers(0, 59).map(lambda second: instant % second),
    }
    said = draw(st.fixed_dictionaries({}, optional=optional))
    spellings = ["cancelled", "no_answer", "in_progress"]
    form = a_form(CallStatus=draw(st.sampled_from([*sorted(TWILIO_STATUSES), *spellings])), **said)
    query = draw(st.fixed_dictionaries({}, optional=dict.fromkeys(names, words)))
    return understood(urlencode(form).encode(), CALL_STATUS, urlencode(query))


@settings(max_examples=300, deadline=None)
@given(statuses())
def test_a_status_makes_at_once_what_merging_it_into_nothing_makes(fact: CallFact) -> None:
    assert first_document(fact) == merged([fact])


@settings(max_examples=100, deadline=None)
@given(statuses())
def test_what_is_shown_of_it_follows_from_its_leaves(fact: CallFact) -> None:
    whole = first_document(fact)
    assert whole is not None
    assert derived_anew(whole) == whole


@settings(max_examples=100, deadline=None)
@given(st.lists(statuses(), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_a_call_may_begin_with_any_of_its_statuses(
    history: list[CallFact], chance: random.Random
) -> None:
    end = merged(history)
    chance.shuffle(history)
    assert merged(history[1:], first_document(history[0])) == end


@settings(max_examples=100, deadline=None)
@given(statuses())
def test_the_statement_only_ever_makes_a_call(fact: CallFact) -> None:
    statement = first_statement(fact)
    assert statement is not None
    ((operator, document),) = statement["u"].items()
    assert (operator, statement["q"], statement["upsert"]) == (
        "$setOnInsert",
        {"_id": fact.key},
        True,
    )
    # What classic updates read as paths would be those names.
    assert not [name for name in document if "." in name or name.startswith("$")]
    assert {"_id": fact.key, **document} == first_document(fact)


def test_what_is_no_status_of_twilio_is_merged() -> None:
    amd = urlencode({"CallSid": sid(), "AnsweredBy": "human"}).encode()
    recording = urlencode({"CallSid": sid(), "RecordingSid": "RE1"}).encode()
    request = b'{"call_sid": "%s"}' % sid().encode()
    facts = [
        understood(amd, CALL_STATUS),
        understood(recording, CALL_STATUS),
        understood(request, INITIATION),
        understood(an_event(), "/webhook/elevenlabs"),
    ]
    assert [first_document(fact) for fact in facts] == [None] * 4
    assert [first_statement(fact) for fact in facts] == [None] * 4
