"""How a fact merges into its call: least start, greatest state, and nothing it does not say."""

from typing import Any

from support.builders import START, a_fact, sid

from callboard.domain.calls import CallContext
from callboard.store.merge import update_statement


def merged(**fields: Any) -> dict[str, Any]:
    """Return what a fact sets, before anything is derived from it."""
    stage: dict[str, Any] = update_statement(a_fact(**fields))["u"][0]["$set"]
    return stage


def test_a_call_starts_at_the_earliest_and_was_updated_at_the_latest_fact() -> None:
    stage = merged()
    assert stage["startTime"] == {"$min": ["$startTime", {"$literal": START}]}
    assert stage["updatedAt"] == {"$max": ["$updatedAt", {"$literal": START}]}


def test_what_a_fact_does_not_say_it_does_not_touch() -> None:
    silent = merged(
        status=None, direction=None, from_number=None, to_number=None, context=CallContext()
    )
    assert set(silent) == {"sid", "startTime", "updatedAt"}
    assert silent["sid"] == {"$literal": sid()}


def test_a_time_of_arrival_is_no_fact_but_may_stand_in_for_a_start() -> None:
    assert {"startTime", "updatedAt"}.isdisjoint(merged(dated=False, status=None))
    assert "startTime" in merged(dated=False)
    assert "updatedAt" not in merged(dated=False)


def test_a_contact_may_be_called_anything() -> None:
    stage = merged(context=CallContext(contact_name="$$NOW", campaign_id="$gt"))
    assert stage["contactName"] == {"$max": ["$contactName", {"$literal": "$$NOW"}]}
    assert stage["campaignId"] == {"$max": ["$campaignId", {"$literal": "$gt"}]}


def test_a_status_is_remembered_with_the_first_time_it_was_seen() -> None:
    stage = merged(status="in-progress", sequence=2)
    assert stage["twilio.state"]["$max"][1] == {"$literal": {"v": 3_000_002, "s": "in-progress"}}
    assert stage["twilio.seen.in-progress"]["$min"][1] == {"$literal": START}


def test_a_better_verdict_of_who_answered_wins_over_unknown() -> None:
    verdicts = ["unknown", "human", "machine_start"]
    ranks = [
        merged(answered_by=name)["twilio.answered"]["$max"][1]["$literal"]["v"]
        for name in verdicts
    ]
    assert ranks == sorted(set(ranks))


def test_the_version_comes_first_where_documents_are_compared() -> None:
    stage = merged(answered_by="human")
    for name in ("twilio.state", "twilio.answered"):
        assert list(stage[name]["$max"][1]["$literal"]) == ["v", "s"]


def test_no_sequence_number_lifts_a_status_above_its_rank() -> None:
    ringing = merged(status="ringing", sequence=5_000_000)["twilio.state"]["$max"][1]["$literal"]
    ended = merged(status="completed", sequence=3)["twilio.state"]["$max"][1]["$literal"]
    assert ringing["v"] < ended["v"]
