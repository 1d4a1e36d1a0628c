"""ElevenLabs' side of a scenario: which calls it tells of, what it says, and how often."""

import json
from base64 import b64decode
from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest

from callboard.domain.lattice import CallFact
from callboard.simulator.scenario import CallPlan, Delivery, Scenario, ScenarioOptions
from callboard.vendors.elevenlabs.events import parse_event

START = datetime(2026, 3, 26, 9, 15, 0, 700_000, tzinfo=UTC)
TRANSCRIPTION, AUDIO = "post_call_transcription", "post_call_audio"
FAILURE = "call_initiation_failure"

Event = dict[str, Any]


def scenario(**options: float | None) -> Scenario:
    return Scenario(ScenarioOptions(elevenlabs=True, **options), START)  # type: ignore[arg-type]  # by name


def events_by_call(made: Scenario) -> dict[str, list[tuple[float, Event]]]:
    found = defaultdict(list)
    for delivery in made.deliveries():
        if delivery.vendor == "elevenlabs":
            found[delivery.call_sid].append((delivery.at_s, json.loads(delivery.event)))
    return found


def with_transcription(made: Scenario) -> list[tuple[CallPlan, Event]]:
    events = events_by_call(made)
    return [
        (plan, event["data"])
        for plan in made.plans()
        for _, event in events[plan.sid]
        if event["type"] == TRANSCRIPTION
    ]


def kinds(plan: CallPlan, told: list[tuple[float, Event]]) -> tuple[str, tuple[str, ...]]:
    outcome = plan.final_status
    if plan.answered_by and plan.answered_by.startswith("machine"):
        outcome = "machine"
    return f"{plan.direction} {outcome}", tuple(event["type"] for _, event in told)


def test_each_outcome_is_told_of_by_its_own_events() -> None:
    made = scenario(call_limit=3000, inbound_share=0.3)
    events = events_by_call(made)
    seen: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for plan in made.plans():
        outcome, told = kinds(plan, events[plan.sid])
        seen[outcome].add(told)
    assert seen == {
        "outbound-api completed": {(TRANSCRIPTION, AUDIO)},
        "outbound-api machine": {(TRANSCRIPTION, AUDIO)},
        "inbound completed": {(TRANSCRIPTION, AUDIO)},
        "outbound-api busy": {(), (FAILURE,)},
        "outbound-api no-answer": {(), (FAILURE,)},
        "outbound-api failed": {(), (FAILURE,)},
        "outbound-api canceled": {()},
        "inbound no-answer": {()},
        "inbound busy": {()},
    }


def test_events_come_some_seconds_after_the_end_and_audio_last() -> None:
    made = scenario(call_limit=400)
    events = events_by_call(made)
    for plan in made.plans():
        times_s = [at_s - plan.ended_at_s for at_s, _ in events[plan.sid]]
        assert times_s == sorted(times_s)
        assert all(0.5 <= after_s <= 16 for after_s in times_s)
        for at_s, event in events[plan.sid]:
            assert event["event_timestamp"] == int(START.timestamp() + at_s)


def test_every_event_is_understood_and_all_but_audio_names_its_call() -> None:
    conversations: dict[str, set[str]] = defaultdict(set)
    for delivery in scenario(call_limit=300, inbound_share=0.2).deliveries():
        if delivery.vendor == "twilio":
            continue
        parsed = parse_event(delivery.event)
        fact = parsed.fact
        assert fact is not None
        assert parsed.event_key
        assert fact.orphan == (parsed.kind == AUDIO)
        assert fact.orphan or fact.key == delivery.call_sid
        assert fact.conversation_id is not None
        conversations[delivery.call_sid].add(fact.conversation_id)
        if parsed.kind == AUDIO:
            assert fact.most["elevenlabs.audio"]["bytes"] == 28
    assert {len(ids) for ids in conversations.values()} == {1}
    assert len(set.union(*conversations.values())) == len(conversations)


def told_by(data: Event) -> CallFact:
    event = {"type": TRANSCRIPTION, "event_timestamp": 1, "data": data}
    fact = parse_event(json.dumps(event).encode()).fact
    assert fact is not None
    return fact


def test_a_transcription_agrees_with_the_call() -> None:
    for plan, data in with_transcription(scenario(call_limit=500, inbound_share=0.3)):
        fact = told_by(data)
        said = fact.most["elevenlabs.conversation"]
        assert (said["from"], said["to"]) == (plan.from_number, plan.to_number)
        assert said["direction"] == ("inbound" if plan.direction == "inbound" else "outbound")
        assert said["callStatus"] == "completed"
        assert 0 <= plan.duration_s - said["durationSecs"] <= 2
        assert said["agentName"] == plan.campaign.agent_name
        assert fact.most["elevenlabs.agentId"] == plan.campaign.agent_id
        assert fact.most.get("campaignId") == (plan.campaign.id if plan.recognised else None)
        assert fact.most.get("contactId") == (plan.contact.id if plan.recognised else None)
        machine = (plan.answered_by or "").startswith("machine")
        assert said["callResult"] == ("voicemail" if machine else "answered")
        assert said.get("voicemail", False) == machine


def test_a_transcription_tells_what_people_look_at() -> None:
    for plan, data in with_transcription(scenario(call_limit=500, inbound_share=0.3)):
        said = told_by(data).most["elevenlabs.conversation"]
        assert said["cost"] == pytest.approx(said["durationSecs"] * 83 / 12, abs=14)
        assert said["costUsd"] > 0
        assert said["summary"].endswith(".")
        assert "\n" not in said["summary"]
        assert plan.recognised or plan.contact.name.split()[0] not in said["summary"]
        assert said["terminationReason"]
        assert 2 <= said["turns"] <= 5
        times_s = [turn["time_in_call_secs"] for turn in data["transcript"]]
        assert times_s == sorted(times_s)
        assert times_s[-1] <= said["durationSecs"]


def test_an_audio_event_has_three_fields_and_hardly_any_audio() -> None:
    events = events_by_call(scenario(call_limit=100)).values()
    audios = [event["data"] for told in events for _, event in told if event["type"] == AUDIO]
    assert len(audios) > 50
    for data in audios:
        assert set(data) == {"agent_id", "conversation_id", "full_audio"}
        assert len(b64decode(data["full_audio"])) < 100


def test_a_failure_passes_on_twilios_last_callback() -> None:
    made = scenario(call_limit=600, inbound_share=0)
    ends = {
        delivery.call_sid: dict(delivery.form)
        for delivery in made.deliveries()
        if delivery.vendor == "twilio"
    }
    reasons = {"busy": "busy", "no-answer": "no-answer", "failed": "unknown"}
    seen = set()
    for sid, told in events_by_call(made).items():
        for _, event in told:
            if event["type"] != FAILURE:
                continue
            assert event["data"]["metadata"] == {"type": "twilio", "body": ends[sid]}
            assert event["data"]["failure_reason"] == reasons[ends[sid]["CallStatus"]]
            seen.add(ends[sid]["CallStatus"])
    assert seen == set(reasons)


def test_success_follows_the_campaigns_odds() -> None:
    made = scenario(call_limit=9000, inbound_share=0)
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    for plan, data in with_transcription(made):
        who = plan.campaign.id if plan.answered_by == "human" else "machine"
        verdicts[who][data["analysis"]["call_successful"]] += 1
    for campaign in made.campaigns:
        found = verdicts[campaign.id]
        share = found["success"] / found.total()
        assert share == pytest.approx(campaign.profile.success, abs=0.05)
        assert found["unknown"] / found.total() == pytest.approx(0.1, abs=0.04)
    assert verdicts["machine"]["success"] == 0
    assert verdicts["machine"]["unknown"] < verdicts["machine"]["failure"]


def test_most_failed_attempts_are_told_of() -> None:
    made = scenario(call_limit=3000, inbound_share=0)
    events = events_by_call(made)
    unanswered = [
        plan for plan in made.plans() if plan.final_status in {"busy", "failed", "no-answer"}
    ]
    told = sum(bool(events[plan.sid]) for plan in unanswered)
    assert told / len(unanswered) == pytest.approx(0.8, abs=0.05)


def elevenlabs_only(**options: float) -> list[Delivery]:
    made = scenario(call_limit=2000, **options).deliveries()
    return [delivery for delivery in made if delivery.vendor == "elevenlabs"]


def test_faults_strike_events_at_their_rates() -> None:
    planned = len(elevenlabs_only())
    assert len(elevenlabs_only(duplicate_rate=0.2)) / planned == pytest.approx(1.2, abs=0.03)
    assert len(elevenlabs_only(loss_rate=0.2)) / planned == pytest.approx(0.8, abs=0.03)
    late = set(elevenlabs_only()) - set(elevenlabs_only(disorder_rate=0.2))
    assert len(late) / planned == pytest.approx(0.2, abs=0.03)


def test_disorder_brings_audio_before_its_transcription() -> None:
    events = events_by_call(scenario(call_limit=300, disorder_rate=0.3)).values()
    orders = {tuple(event["type"] for _, event in told) for told in events}
    assert {(TRANSCRIPTION, AUDIO), (AUDIO, TRANSCRIPTION)} <= orders


def test_the_same_seed_gives_the_same_events_and_another_seed_others() -> None:
    options = {"duplicate_rate": 0.2, "disorder_rate": 0.2, "loss_rate": 0.1, "call_limit": 100}
    first, again, other = (
        [d.event for d in scenario(seed=seed, **options).deliveries() if d.event]
        for seed in (7, 7, 8)
    )
    assert first == again
    assert not set(first) & set(other)


def test_the_stream_stays_lazy_and_unbounded() -> None:
    assert len(list(islice(scenario().deliveries(), 5000))) == 5000


def test_speed_shortens_the_wait_for_events() -> None:
    slow, fast = (elevenlabs_only(speed=speed) for speed in (1, 10))
    by_call = {delivery.call_sid: delivery.at_s for delivery in slow}
    for delivery in fast:
        assert delivery.at_s <= by_call[delivery.call_sid] / 10 + 1e-6
