"""What a call keeps of a conversation, and what of it is left out as no value at all."""

import json
from typing import Any

import pytest
from support.builders import an_event

from callboard.domain.lattice import CallFact
from callboard.vendors.elevenlabs.events import parse_event, without_audio


def said(body: bytes) -> CallFact:
    """Return what an event says of a call."""
    fact = parse_event(body).fact
    assert fact is not None
    return fact


def talk(**data: Any) -> dict[str, Any]:
    """Return the conversation that a transcription tells."""
    found: dict[str, Any] = said(an_event(**data)).most["elevenlabs.conversation"]
    return found


def test_the_least_an_old_event_may_say_is_enough() -> None:
    fact = said(b'{"type": "post_call_transcription", "data": {"conversation_id": "c"}}')
    assert fact.most == {"elevenlabs.conversationId": "c", "elevenlabs.conversation": {"v": 0}}
    assert talk(transcript=None, analysis=None)["v"] == 1_774_512_960


def test_whole_credits_are_whole_however_they_are_written() -> None:
    for cost in (70, 70.0, 7e1):
        kept = talk(metadata={"cost": cost})["cost"]
        assert (kept, type(kept)) == (70, int)
    assert talk(metadata={"cost": 0.5, "cost_fiat": -0.01})["costUsd"] == -0.01
    for odd in (True, "70", 1e15, -1e300, [70]):
        assert "cost" not in talk(metadata={"cost": odd})


def test_the_customers_number_is_cleaned_of_spaces() -> None:
    phone = {"direction": "inbound", "external_number": "+1 (360) 555-0142", "agent_number": "x y"}
    found = talk(metadata={"phone_call": phone})
    assert (found["from"], found["to"]) == ("+13605550142", "x y")


def test_long_texts_and_many_items_are_cut() -> None:
    criteria = {str(n): {"result": "success", "rationale": "x" * 9_000} for n in range(80)}
    values = {str(n): {"value": {"$gt": "y" * 9_000}} for n in range(80)}
    found = talk(
        analysis={
            "transcript_summary": "z" * 9_000,
            "evaluation_criteria_results": criteria,
            "data_collection_results": values,
        }
    )
    assert len(found["criteria"]) == len(found["collected"]) == 50
    assert len(found["summary"]) == len(found["criteria"][0]["rationale"]) == 4_000
    assert len(found["collected"][0]["value"]) == 4_000


def test_only_turns_that_are_turns_are_counted() -> None:
    turns = [{"role": "user"}, {"role": "agent"}, None, "user", {"role": ["user"]}, {}]
    found = talk(transcript=turns)
    assert (found["turns"], found["userTurns"]) == (4, 1)
    assert talk(transcript=[])["turns"] == 0
    assert "turns" not in talk(transcript={"role": "user"})


DEEP = json.loads("[" * 300 + "]" * 300)


@pytest.mark.parametrize(
    "data",
    [
        {"analysis": {"data_collection_results": {"a": {"value": DEEP}}}},
        {"full_audio": "AAAA", "more": DEEP},
    ],
)
def test_a_deeply_nested_event_is_refused_or_taken_but_no_bug(data: dict[str, Any]) -> None:
    parse_event(without_audio(an_event(**data)))


def test_long_ids_are_cut_too() -> None:
    found = talk(analysis={"evaluation_criteria_results": {"x" * 100_000: {"result": "success"}}})
    assert len(found["criteria"][0]["id"]) <= 4_000
