"""Laws of a scenario, for any seed and size.

Without faults every call counts its webhooks from 0 without a gap, ends exactly once, never goes
back in time, and reports the duration its time stamps show; no more calls live at once than
asked for. Duplicates and disorder change nothing about the set of facts; loss only takes away.
Whatever the faults, deliveries never go back in time and each call's last one is marked.
With ElevenLabs' side, Twilio's is the same as without; every event is understood, belongs to a
call that ended before it, and no call has two conversations.
"""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.simulator.scenario import Delivery, Scenario, ScenarioOptions
from callboard.vendors.elevenlabs.events import parse_event

START = datetime(2026, 3, 26, 23, 59, 50, 250_000, tzinfo=UTC)
TERMINAL = {"completed", "busy", "failed", "no-answer", "canceled"}

rates = st.floats(0, 1)
faultless = st.builds(
    ScenarioOptions,
    seed=st.integers(),
    concurrent_calls=st.integers(1, 30),
    campaigns=st.integers(1, 8),
    contacts_per_campaign=st.integers(1, 20),
    inbound_share=rates,
    speed=st.sampled_from([0.6, 1.0, 7.3, 60.0]),
    calls_per_s_max=st.none() | st.floats(0.1, 50),
    hour_shape=st.booleans(),
    call_limit=st.integers(0, 60),
)


def played(options: ScenarioOptions) -> list[Delivery]:
    return list(Scenario(options, START).deliveries())


def by_call(deliveries: list[Delivery]) -> dict[str, list[dict[str, str]]]:
    calls = defaultdict(list)
    for delivery in deliveries:
        calls[delivery.call_sid].append(dict(delivery.form))
    return calls


def facts(deliveries: list[Delivery]) -> set[tuple[object, bytes]]:
    return {(delivery.form, delivery.event) for delivery in deliveries}


@settings(max_examples=60, deadline=None)
@given(faultless)
def test_a_call_counts_from_zero_and_ends_exactly_once(options: ScenarioOptions) -> None:
    for forms in by_call(played(options)).values():
        assert [form["SequenceNumber"] for form in forms] == [str(n) for n in range(len(forms))]
        ended = [form["CallStatus"] in TERMINAL for form in forms]
        assert ended == [False] * (len(forms) - 1) + [True]


@settings(max_examples=60, deadline=None)
@given(faultless)
def test_stamps_never_go_back_and_agree_with_the_duration(options: ScenarioOptions) -> None:
    for forms in by_call(played(options)).values():
        stamps = [parsedate_to_datetime(form["Timestamp"]) for form in forms]
        assert stamps == sorted(stamps)
        answered = [
            at
            for at, form in zip(stamps, forms, strict=True)
            if form["CallStatus"] == "in-progress"
        ]
        talked_s = (stamps[-1] - answered[0]).total_seconds() if answered else 0
        assert int(forms[-1]["CallDuration"]) == talked_s


@settings(max_examples=60, deadline=None)
@given(faultless)
def test_never_more_calls_live_than_asked_for(options: ScenarioOptions) -> None:
    live: set[str] = set()
    for delivery in played(options):
        if dict(delivery.form)["CallStatus"] in TERMINAL:
            live.discard(delivery.call_sid)
        else:
            live.add(delivery.call_sid)
        assert len(live) <= options.concurrent_calls


@settings(max_examples=60, deadline=None)
@given(faultless)
def test_plans_foretell_the_end(options: ScenarioOptions) -> None:
    calls = by_call(played(options))
    plans = list(Scenario(options, START).plans())
    assert {plan.sid for plan in plans} == set(calls)
    assert len(plans) == len(calls) == options.call_limit
    for plan in plans:
        last = calls[plan.sid][-1]
        assert (plan.final_status, str(plan.duration_s)) == (
            last["CallStatus"],
            last["CallDuration"],
        )


@settings(max_examples=60, deadline=None)
@given(faultless, rates, rates)
def test_duplicates_and_disorder_keep_the_facts(
    options: ScenarioOptions, duplicate_rate: float, disorder_rate: float
) -> None:
    both = replace(options, elevenlabs=True)
    faulty = replace(both, duplicate_rate=duplicate_rate, disorder_rate=disorder_rate)
    assert facts(played(faulty)) == facts(played(both))


@settings(max_examples=60, deadline=None)
@given(faultless, rates)
def test_loss_only_takes_away(options: ScenarioOptions, loss_rate: float) -> None:
    both = replace(options, elevenlabs=True)
    left = Counter(played(replace(both, loss_rate=loss_rate)))
    assert left <= Counter(played(both))


@settings(max_examples=60, deadline=None)
@given(faultless, rates, rates, rates)
def test_deliveries_never_go_back_in_time_and_the_last_one_says_so(
    options: ScenarioOptions, duplicate_rate: float, disorder_rate: float, loss_rate: float
) -> None:
    faulty = replace(
        options,
        duplicate_rate=duplicate_rate,
        disorder_rate=disorder_rate,
        loss_rate=loss_rate,
        elevenlabs=True,
    )
    deliveries = played(faulty)
    times_s = [delivery.at_s for delivery in deliveries]
    assert all(earlier <= later for earlier, later in pairwise(times_s))
    through: set[str] = set()
    for delivery in deliveries:
        assert delivery.call_sid not in through
        if delivery.last:
            through.add(delivery.call_sid)
    assert through == {delivery.call_sid for delivery in deliveries}


@settings(max_examples=60, deadline=None)
@given(faultless, rates, rates, rates)
def test_elevenlabs_changes_nothing_about_twilio(
    options: ScenarioOptions, duplicate_rate: float, disorder_rate: float, loss_rate: float
) -> None:
    alone = replace(
        options,
        duplicate_rate=duplicate_rate,
        disorder_rate=disorder_rate,
        loss_rate=loss_rate,
    )
    both = played(replace(alone, elevenlabs=True))
    assert [delivery for delivery in both if delivery.vendor == "twilio"] == played(alone)


@settings(max_examples=60, deadline=None)
@given(faultless)
def test_every_event_is_understood_and_follows_the_end_of_its_call(
    options: ScenarioOptions,
) -> None:
    both = replace(options, elevenlabs=True)
    plans = {plan.sid: plan for plan in Scenario(both, START).plans()}
    conversations: dict[str, str] = {}
    keys: set[str] = set()
    for delivery in played(both):
        if delivery.vendor == "twilio":
            continue
        parsed = parse_event(delivery.event)
        assert parsed.fact is not None
        assert delivery.at_s > plans[delivery.call_sid].ended_at_s
        sid = delivery.call_sid if parsed.kind != "post_call_audio" else parsed.fact.key
        assert parsed.fact.key == sid
        conversation = parsed.fact.conversation_id
        assert conversation is not None
        assert conversations.setdefault(conversation, delivery.call_sid) == delivery.call_sid
        keys.add(parsed.event_key)
    assert len(set(conversations.values())) == len(conversations)
    assert len(keys) == sum(d.vendor == "elevenlabs" for d in played(both))
