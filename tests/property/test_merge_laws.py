"""Law of the merge: whatever a webhook says stands inside a `$literal`, never beside one.

A contact may be called "$gt" or "$$NOW", a recording's URL may look like a field path: MongoDB
is told to take them as they are. Outside of literals a statement holds only our own words, and
these are the same for every value.
"""

from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import START, a_fact, sid

from callboard.domain.calls import STATUS_RANK, CallContext, CallFact
from callboard.store.merge import update_statement

MARK = "☎"
"""Part of every text from outside in these tests, and of nothing else."""

words = st.sampled_from(["$gt", "$$NOW", "$twilio.state", "a.b", "", "Ada"]).map(
    lambda word: word + MARK
)
contexts = st.builds(
    CallContext, *(st.none() | words for _ in ("campaign", "contact", "name", "agent", "agent"))
)
facts = st.builds(
    a_fact,
    status=st.none() | st.sampled_from([*STATUS_RANK]),
    sequence=st.integers(0, 999_999),
    direction=st.none() | words,
    from_number=st.none() | words,
    to_number=st.none() | words,
    duration_s=st.none() | st.integers(0, 10**9),
    answered_by=st.none() | words,
    details=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("recordingUrl", "parentCallSid", "stirStatus"), words)
    ),
    context=contexts,
)


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


def literals(node: Any) -> Iterator[Any]:
    """Yield what stands inside the literals."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$literal":
                yield value
            else:
                yield from literals(value)
    elif isinstance(node, list):
        for inner in node:
            yield from literals(inner)


@settings(max_examples=40, deadline=None)
@given(facts)
def test_no_word_from_outside_is_ever_interpreted(fact: CallFact) -> None:
    statement = update_statement(fact)
    interpreted = list(outside_literals(statement["u"]))
    assert not any(MARK in word for word in interpreted if isinstance(word, str))
    assert START not in interpreted
    said = repr(list(literals(statement["u"])))
    told = [fact.direction, fact.from_number, fact.answered_by, *fact.details.values()]
    for word in [*told, fact.context.contact_name, fact.context.campaign_id]:
        assert word is None or repr(word) in said


@settings(max_examples=24, deadline=None)
@given(facts)
def test_every_statement_merges_into_the_one_call_of_its_sid(fact: CallFact) -> None:
    statement = update_statement(fact)
    assert set(statement) == {"q", "u", "upsert"}
    assert statement["q"] == {"_id": sid()}
    assert statement["upsert"] is True
    stage, derived = statement["u"]
    assert set(stage) == set(derived) == {"$set"}
    for name, merged in stage["$set"].items():
        if name == "sid":
            assert merged == {"$literal": sid()}
            continue
        ((operator, (path, literal)),) = merged.items()
        assert operator in {"$min", "$max"}
        assert path == f"${name}"
        assert list(literal) == ["$literal"]


@settings(max_examples=24, deadline=None)
@given(facts, facts)
def test_what_is_derived_is_the_same_for_every_fact(first: CallFact, second: CallFact) -> None:
    assert update_statement(first)["u"][1] == update_statement(second)["u"][1]


@settings(max_examples=32, deadline=None)
@given(
    st.sampled_from([*STATUS_RANK]),
    st.sampled_from([*STATUS_RANK]),
    st.integers(0, 999_999),
    st.integers(0, 999_999),
)
def test_a_higher_rank_wins_over_any_sequence_and_then_the_sequence(
    earlier: str, later: str, first: int, second: int
) -> None:
    def version(status: str, sequence: int) -> int:
        merged = update_statement(a_fact(status=status, sequence=sequence))["u"][0]["$set"]
        found: int = merged["twilio.state"]["$max"][1]["$literal"]["v"]
        return found

    ranks = STATUS_RANK[earlier], STATUS_RANK[later]
    wins = version(earlier, first) < version(later, second)
    assert wins == (ranks[0] < ranks[1] or (ranks[0] == ranks[1] and first < second))
