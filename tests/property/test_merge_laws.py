"""Laws of the merge: order and repetition do not matter, and nothing from outside is interpreted.

Histories of both vendors' webhooks are merged by `support.merging`, which executes our statements
as MongoDB does; the integration tests hold the same of MongoDB itself. A contact may be called
"$gt", a recording's URL may look like a field path: whatever MongoDB might read as an expression
stands inside a `$literal`.
"""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import START, a_form, a_kept, an_event, sid
from support.merging import applied, derived_anew, merged

from callboard.domain.calls import STATUS_RANK, TERMINAL_STATUSES, TWILIO_STATUSES
from callboard.domain.lattice import CallFact, leaves_of, state
from callboard.domain.stale import UNENDED_STATUSES, StaleRule, word_on
from callboard.domain.webhooks import CALL_STATUS, INITIATION
from callboard.ingest.understand import understand
from callboard.store.merge import DERIVE_ALL, quick_statement, update_statement

MARK = "☎"
"""Part of every text from outside in these tests, and of nothing else."""

words = st.sampled_from(["$gt", "$$NOW", "$twilio.state", "a.b", "", "Ada"]).map(
    lambda word: word + MARK
)
seconds = st.integers(0, 59)


def understood(body: bytes, path: str = "", query: str = "") -> CallFact:
    """Return what a webhook says about our call."""
    fact = understand(a_kept(body, path, query) if path else a_kept(body)).fact
    assert fact is not None
    return fact.of_call(sid())


@st.composite
def twilio_facts(draw: st.DrawFn) -> CallFact:
    """Return what some callback says."""
    optional: dict[str, Any] = {
        "CallDuration": st.integers(0, 99).map(str),
        "AnsweredBy": st.sampled_from(["human", "machine_start", "fax", "unknown"]),
        "SipResponseCode": st.sampled_from(["200", "486"]),
        "RecordingUrl": words,
        "ParentCallSid": words,
    }
    fields = draw(st.fixed_dictionaries({}, optional=optional))
    form = a_form(
        CallStatus=draw(st.sampled_from(sorted(TWILIO_STATUSES))),
        SequenceNumber=str(draw(st.integers(0, 4))),
        Timestamp=f"Thu, 26 Mar 2026 08:15:{draw(seconds):02} +0000",
        From=draw(words),
        Direction=draw(st.sampled_from(["inbound", "outbound-api", "sideways"])),
        **fields,
    )
    shape = draw(st.sampled_from(["status", "status", "amd", "recording"]))
    if shape == "amd":
        form = [("CallSid", sid()), ("AnsweredBy", fields.get("AnsweredBy", "human"))]
    if shape == "recording":
        form = [("CallSid", sid()), ("RecordingSid", draw(words)), ("RecordingUrl", draw(words))]
    names = ("campaignId", "contactName", "agentId", "callId")
    query = draw(st.fixed_dictionaries({}, optional=dict.fromkeys(names, words)))
    return understood(urlencode(form).encode(), CALL_STATUS, urlencode(query))


@st.composite
def elevenlabs_facts(draw: st.DrawFn, at: int | None = None) -> CallFact:
    """Return what some event of a conversation says."""
    kind = draw(
        st.sampled_from(
            ["post_call_transcription", "post_call_audio", "call_initiation_failure", ""]
        )
    )
    if not kind:
        body = b'{"call_sid": "%s", "caller_id": "$gt%s"}' % (sid().encode(), MARK.encode())
        return understood(body, INITIATION)
    phone = {
        "call_result": draw(st.sampled_from(["answered", "voicemail", "busy", "no_answer", None])),
        "direction": draw(st.sampled_from(["inbound", "outbound", None])),
        "external_number": draw(words),
    }
    metadata = {
        "start_time_unix_secs": draw(st.none() | st.integers(1_774_512_900, 1_774_512_959)),
        "call_duration_secs": draw(st.none() | st.integers(0, 99)),
        "cost": draw(st.none() | st.integers(0, 400)),
        "phone_call": phone,
    }
    verdict = draw(st.sampled_from(["success", "failure", "unknown"]))
    return understood(
        an_event(
            kind,
            draw(st.integers(1_774_512_960, 1_774_513_000)) if at is None else at,
            status=draw(st.sampled_from(["done", "failed", "in-progress", None])),
            metadata=metadata,
            analysis={"call_successful": verdict, "transcript_summary": draw(words)},
            failure_reason=draw(st.sampled_from(["busy", "no-answer", "unknown"])),
            full_audio=draw(st.sampled_from(["", "AAAA", None])),
        )
    )


@st.composite
def watch_facts(draw: st.DrawFn, was: str) -> CallFact:
    """Return what the watch may say: that it has not heard of the call since some instant."""
    since = START + timedelta(seconds=draw(st.integers(-1, 120)))
    at = since + timedelta(hours=draw(st.integers(0, 2)))
    said: dict[str, Any] = {"watch.flagged": {"v": since, "at": at}}
    if draw(st.booleans()):
        said = {"watch.closed": {"v": since, "at": at, "was": was}}
    return CallFact(key=sid(), event_key=f"callboard:{sid()}:close", kind="close", most=said)


facts = twilio_facts() | elevenlabs_facts()

# What the watch found is told of again only if no leaf tells a status: it is then another
# program's word, and that stands still while these histories are told.
histories = st.sampled_from(["queued", "ringing", "in-progress"]).flatmap(
    lambda was: st.lists(facts | watch_facts(was), min_size=1, max_size=7)
)


@settings(max_examples=70, deadline=None)
@given(histories, st.randoms(use_true_random=False))
def test_order_repetition_and_splitting_do_not_matter(
    history: list[CallFact], chance: random.Random
) -> None:
    end = merged(history)
    again = [*history, *chance.choices(history, k=4)]
    chance.shuffle(again)
    assert merged(again) == end
    half = len(again) // 2
    # Two halves that were merged apart, as an orphan and its call are.
    parts = [leaves_of(merged(part)) for part in (again[:half], again[half:])]
    assert merged(parts) == merged(parts[::-1]) == end


@settings(max_examples=70, deadline=None)
@given(histories)
def test_every_short_rule_equals_the_whole_rule(history: list[CallFact]) -> None:
    call = merged(history)
    assert derived_anew(call) == call
    assert merged([leaves_of(call)]) == call


@settings(max_examples=100, deadline=None)
@given(histories)
def test_a_quick_statement_does_the_same_or_nothing(history: list[CallFact]) -> None:
    *before, last = history
    call = merged(before) if before else {"_id": sid()}
    closed = "closed" in merged(history).get("watch", {})
    if closed and quick_statement(last) != update_statement(last):
        failing = quick_statement(last)["u"][1]["$set"]["status"]["$cond"]
        assert failing[:2] == ["$watch.closed", {"$toDate": "$watch.closed"}]
    else:
        assert applied(call, quick_statement(last)) == applied(call, update_statement(last))


@settings(max_examples=100, deadline=None)
@given(histories)
def test_a_call_is_unconfirmed_only_if_nobody_told_its_end_and_nothing_newer(
    history: list[CallFact],
) -> None:
    call = merged(history)
    closed = call.get("watch", {}).get("closed")
    unconfirmed = call.get("status") == "unconfirmed"
    assert unconfirmed == (call.get("outcome") == "unconfirmed")
    vendors = merged([fact for fact in history if fact.kind != "close"] or [nothing()])
    if unconfirmed:
        assert vendors.get("status") not in TERMINAL_STATUSES
        assert call["endTime"] == closed["v"] >= call.get("updatedAt", closed["v"])
    elif vendors.get("status") in TERMINAL_STATUSES:
        told = {name: call.get(name) for name in ("status", "outcome", "endTime")}
        assert told == {name: vendors.get(name) for name in told}


@settings(max_examples=150, deadline=None)
@given(histories)
def test_whatever_was_heard_of_a_call_the_watch_can_close_it(history: list[CallFact]) -> None:
    call, limits = merged(history), StaleRule().limits(None)
    for days in (10, 20, 30):
        word = word_on(call, limits, START + timedelta(days=days))
        call = merged([word.fact], call) if word is not None else call
    assert call.get("status") not in UNENDED_STATUSES
    assert word_on(call, limits, START + timedelta(days=40)) is None


def nothing() -> CallFact:
    """Return a fact that says nothing about our call."""
    return CallFact(key=sid(), event_key="", kind="")


def outside_literals(node: Any) -> Iterator[Any]:
    """Yield every key and value of a statement that MongoDB would interpret."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield name
            if name != "$literal":
                yield from outside_literals(value)
    elif isinstance(node, list):
        for inner in node:
            yield from outside_literals(inner)
    else:
        yield node


@settings(max_examples=60, deadline=None)
@given(facts)
def test_no_word_from_outside_is_ever_interpreted(fact: CallFact) -> None:
    told = [
        word for word in outside_literals(update_statement(fact)["u"]) if isinstance(word, str)
    ]
    assert not any(word.startswith("$") and MARK in word for word in told)
    # Documents from outside are never read as expressions, whatever their names.
    values = [*fact.most.values(), *fact.least.values()]
    stage = update_statement(fact)["u"][0]["$set"]
    guarded = [merge[op][1] for merge in stage.values() if isinstance(merge, dict) for op in merge]
    for value in values:
        if isinstance(value, dict | list):
            assert {"$literal": value} in guarded


@settings(max_examples=60, deadline=None)
@given(facts)
def test_every_statement_merges_into_the_one_call_of_its_key(fact: CallFact) -> None:
    statement = update_statement(fact)
    assert set(statement) == {"q", "u", "upsert"}
    assert (statement["q"], statement["upsert"]) == ({"_id": sid()}, True)
    stage, *derived = (part["$set"] for part in statement["u"])
    assert stage.pop("sid") == sid()
    assert stage.keys() == fact.most.keys() | fact.least.keys()
    for name, merging in stage.items():
        ((operator, (path, _)),) = merging.items()
        assert operator == ("$max" if name in fact.most else "$min")
        assert path == f"${name}"
    assert all(part.keys() <= DERIVE_ALL.keys() for part in derived)
    assert not any(MARK in repr(part) for part in derived)


@settings(max_examples=32, deadline=None)
@given(
    st.sampled_from(sorted(TWILIO_STATUSES)),
    st.sampled_from(sorted(TWILIO_STATUSES)),
    st.integers(0, 999_999),
    st.integers(0, 999_999),
)
def test_a_higher_rank_wins_over_any_sequence_and_then_the_sequence(
    earlier: str, later: str, first: int, second: int
) -> None:
    ranks = STATUS_RANK[earlier], STATUS_RANK[later]
    wins = state(earlier, first)["v"] < state(later, second)["v"]
    assert wins == (ranks[0] < ranks[1] or (ranks[0] == ranks[1] and first < second))


@settings(max_examples=40, deadline=None)
@given(twilio_facts(), twilio_facts())
def test_a_call_never_moves_back(first: CallFact, second: CallFact) -> None:
    before, after = merged([first]).get("status"), merged([first, second]).get("status")
    if before is not None:
        assert STATUS_RANK[after or ""] >= STATUS_RANK[before]
    assert merged([first], {"_id": sid(), "note": START})["note"] == START
