"""A scenario's shapes are Twilio's, its stream repeats from the seed, its ramp gets there."""

import re
from collections import Counter
from datetime import UTC, datetime
from itertools import islice, pairwise

import pytest

from callboard.errors import ConfigurationError
from callboard.simulator.scenario import CallPlan, Delivery, Scenario, ScenarioOptions

START = datetime(2026, 3, 26, 9, 15, 0, 700_000, tzinfo=UTC)

# Field names as in the sample captures: what every status callback carries, what only some do.
EVERY_FORM = {
    *("CallSid", "AccountSid", "ApiVersion", "Direction", "From", "To", "Caller", "Called"),
    *(f"{end}{part}" for end in ("From", "Caller", "To", "Called") for part in ("City", "State")),
    *(f"{end}{part}" for end in ("From", "Caller", "To", "Called") for part in ("Zip", "Country")),
    *("CallStatus", "CallbackSource", "SequenceNumber", "Timestamp"),
}
OUTBOUND_END = {"Duration", "CallDuration", "SipResponseCode"}
OUTBOUND_EXTRA = {
    "initiated": set[str](),
    "ringing": {"StirStatus"},
    "in-progress": {"StirStatus"},
    "completed": OUTBOUND_END | {"AnsweredBy"},
    "busy": OUTBOUND_END,
    "no-answer": OUTBOUND_END,
    "failed": OUTBOUND_END,
    "canceled": OUTBOUND_END,
}
INBOUND_EXTRA = {"CallerName", "StirVerstat"}
INBOUND_END = INBOUND_EXTRA | {"Duration", "CallDuration"}

OUTBOUND_COURSES = {
    ("initiated", "ringing", "in-progress", "completed"),
    ("initiated", "ringing", "no-answer"),
    ("initiated", "ringing", "busy"),
    ("initiated", "busy"),
    ("initiated", "failed"),
    ("initiated", "ringing", "canceled"),
}
INBOUND_COURSES = {
    ("ringing", "in-progress", "completed"),
    ("ringing", "no-answer"),
    ("ringing", "busy"),
}


def scenario(**options: float | None) -> Scenario:
    return Scenario(ScenarioOptions(**options), START)  # type: ignore[arg-type]  # by name


def live_at(plans: list[CallPlan], at_s: float) -> int:
    return sum(plan.started_at_s <= at_s < plan.ended_at_s for plan in plans)


def starting_before(made: Scenario, until_s: float) -> list[CallPlan]:
    plans = []
    for plan in made.plans():
        if plan.started_at_s > until_s:
            break
        plans.append(plan)
    return plans


def forms(made: Scenario) -> list[dict[str, str]]:
    return [dict(delivery.form) for delivery in made.deliveries()]


def test_outbound_forms_carry_the_fields_of_the_captures() -> None:
    seen = set()
    for form in forms(scenario(call_limit=1500, inbound_share=0)):
        assert set(form) == EVERY_FORM | OUTBOUND_EXTRA[form["CallStatus"]]
        seen.add(form["CallStatus"])
    assert seen == set(OUTBOUND_EXTRA)


def test_inbound_forms_carry_the_fields_of_the_captures() -> None:
    for form in forms(scenario(call_limit=300, inbound_share=1)):
        ended = form["CallStatus"] in {"completed", "busy", "no-answer"}
        assert set(form) == EVERY_FORM | (INBOUND_END if ended else INBOUND_EXTRA)


def test_calls_take_the_documented_courses_and_no_others() -> None:
    courses: dict[str, set[tuple[str, ...]]] = {"inbound": set(), "outbound-api": set()}
    for plan in scenario(call_limit=2000, inbound_share=0.3).plans():
        courses[plan.direction].add(tuple(event.status for event in plan.events))
    assert courses == {"inbound": INBOUND_COURSES, "outbound-api": OUTBOUND_COURSES}


def test_sip_codes_fit_the_end() -> None:
    codes: dict[str, set[str]] = {}
    for form in forms(scenario(call_limit=2000, inbound_share=0)):
        if "SipResponseCode" in form:
            codes.setdefault(form["CallStatus"], set()).add(form["SipResponseCode"])
    assert codes == {
        "completed": {"200"},
        "no-answer": {"487"},
        "busy": {"486"},
        "failed": {"404", "503"},
        "canceled": {"487"},
    }


def test_values_look_like_twilios() -> None:
    made = scenario(call_limit=400)
    for form in forms(made):
        assert re.fullmatch(r"CA[0-9a-f]{32}", form["CallSid"])
        assert form["AccountSid"] == made.account_sid
        assert re.fullmatch(r"\+1\d{3}55501\d{2}", form["From"])
        assert re.fullmatch(r"\+1\d{3}55501\d{2}", form["To"])
        assert (form["Caller"], form["Called"]) == (form["From"], form["To"])
        assert form["CallbackSource"] == "call-progress-events"
        if "Duration" in form:
            assert int(form["Duration"]) == -(-int(form["CallDuration"]) // 60)


def test_geography_twilio_does_not_know_is_sent_as_empty_text() -> None:
    assert any(form["ToCity"] == "" for form in forms(scenario(call_limit=200, inbound_share=0)))


def test_a_time_stamp_is_the_events_own_second() -> None:
    delivery = next(scenario(concurrent_calls=1, inbound_share=0).deliveries())
    # 700 ms past the second, and the only line starts within the ramp of 20 s.
    seconds = int(0.7 + delivery.at_s)
    assert dict(delivery.form)["Timestamp"] == f"Thu, 26 Mar 2026 09:15:{seconds:02d} +0000"


def test_the_same_seed_gives_the_same_stream_and_another_seed_other_calls() -> None:
    options = {"duplicate_rate": 0.2, "disorder_rate": 0.2, "loss_rate": 0.1, "call_limit": 100}
    first, again, other = (list(scenario(seed=seed, **options).deliveries()) for seed in (7, 7, 8))
    assert first == again
    assert not {delivery.call_sid for delivery in first} & {
        delivery.call_sid for delivery in other
    }


def test_each_iterator_begins_anew() -> None:
    made = scenario(call_limit=20)
    assert list(made.deliveries()) == list(made.deliveries())
    assert list(made.plans()) == list(made.plans())


def test_the_stream_is_lazy_and_unbounded() -> None:
    assert len(list(islice(scenario().deliveries(), 5000))) == 5000


def test_call_limit_counts_calls() -> None:
    sids = {delivery.call_sid for delivery in scenario(call_limit=37).deliveries()}
    assert len(sids) == 37
    assert list(scenario(call_limit=0).deliveries()) == []


@pytest.mark.parametrize("target", [10, 100, 500])
@pytest.mark.parametrize("speed", [1.0, 10.0])
def test_the_ramp_reaches_the_target_and_stays(target: int, speed: float) -> None:
    plans = starting_before(scenario(concurrent_calls=target, speed=speed), 120 / speed)
    assert live_at(plans, 1 / speed) <= 0.2 * target
    for second in (30, 45, 60, 90, 120):
        assert 0.85 * target <= live_at(plans, second / speed) <= target


def test_speed_shortens_everything() -> None:
    slow, fast = (list(scenario(call_limit=50, speed=speed).plans()) for speed in (1, 10))
    for plan, hurried in zip(slow, fast, strict=True):
        assert hurried.sid == plan.sid
        for event, earlier in zip(plan.events, hurried.events, strict=True):
            assert earlier.at_s == pytest.approx(event.at_s / 10)


def test_the_cap_spaces_the_starts() -> None:
    made = scenario(concurrent_calls=50, calls_per_s_max=2, call_limit=200)
    starts_s = [plan.started_at_s for plan in made.plans()]
    assert all(later - earlier >= 0.5 - 1e-9 for earlier, later in pairwise(starts_s))


def test_the_hour_curve_scales_the_target() -> None:
    options = ScenarioOptions(concurrent_calls=100, hour_shape=True)
    by_hour = {
        hour: starting_before(Scenario(options, START.replace(hour=hour, minute=0)), 400)
        for hour in (3, 10)
    }
    assert live_at(by_hour[3], 300) <= 8
    assert live_at(by_hour[10], 300) >= 85


def test_outcomes_follow_the_odds() -> None:
    plans = list(scenario(call_limit=6000, inbound_share=0, campaigns=1).plans())
    shares = Counter((plan.answered_by or plan.final_status).split("_")[0] for plan in plans)
    expected = {"human": 0.45, "machine": 0.25, "no-answer": 0.17, "busy": 0.07, "failed": 0.05}
    for outcome, share in expected.items():
        assert shares[outcome] / len(plans) == pytest.approx(share, abs=0.025)
    assert 0 < shares["canceled"] / len(plans) < 0.02


def test_campaigns_differ_in_their_odds() -> None:
    made = scenario(call_limit=6000, inbound_share=0)
    humans = Counter(p.campaign.id for p in made.plans() if p.answered_by == "human")
    assert humans["camp_appointment_reminder"] > 1.3 * humans["camp_new_offer"]


def test_campaigns_have_stable_ids_names_and_agents() -> None:
    made = scenario(campaigns=8)
    assert [campaign.id for campaign in made.campaigns[:2]] == [
        "camp_spring_renewal",
        "camp_appointment_reminder",
    ]
    assert made.campaigns[6].name == "Spring renewal 2"
    assert len({campaign.id for campaign in made.campaigns}) == 8
    assert len({campaign.agent_name for campaign in made.campaigns}) >= 3
    assert made.campaigns == scenario(campaigns=8, seed=99).campaigns


def test_given_campaign_ids_are_used() -> None:
    options = ScenarioOptions(campaigns=1, campaign_ids=("a", "b"), contacts_per_campaign=5)
    made = Scenario(options, START)
    assert [campaign.id for campaign in made.campaigns] == ["a", "b"]
    assert {campaign.total_contacts for campaign in made.campaigns} == {5}
    assert all(len(made.contacts(campaign)) == 5 for campaign in made.campaigns)


def test_contacts_have_distinct_ids_and_are_called_in_turn() -> None:
    made = scenario(campaigns=2, contacts_per_campaign=30, call_limit=100, inbound_share=0)
    everybody = [contact.id for campaign in made.campaigns for contact in made.contacts(campaign)]
    assert len(set(everybody)) == 60
    first = made.campaigns[0]
    called = [plan.contact for plan in made.plans() if plan.campaign == first]
    assert called[:30] == list(made.contacts(first))
    assert called[30] == called[0]


def test_the_query_says_whom_the_call_is_for() -> None:
    made = scenario(call_limit=200, inbound_share=0.5)
    queries = {delivery.call_sid: dict(delivery.query) for delivery in made.deliveries()}
    for plan in made.plans():
        expected = {
            "campaignId": plan.campaign.id,
            "contactId": plan.contact.id,
            "contactName": plan.contact.name,
            "agentName": plan.campaign.agent_name,
        }
        assert queries[plan.sid] == (expected if plan.recognised else {})
        assert plan.recognised or plan.direction == "inbound"
    assert {} in queries.values()


def test_disorder_delivers_a_later_event_first() -> None:
    def sequence(delivery: Delivery) -> int:
        return int(dict(delivery.form)["SequenceNumber"])

    arrived: dict[str, list[int]] = {}
    for delivery in scenario(call_limit=300, disorder_rate=0.2).deliveries():
        arrived.setdefault(delivery.call_sid, []).append(sequence(delivery))
    assert any(order != sorted(order) for order in arrived.values())


def test_nonsense_options_are_named_all_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        ScenarioOptions(
            concurrent_calls=0,
            speed=0,
            loss_rate=1.5,
            calls_per_s_max=0,
            call_limit=-1,
            campaign_ids=("a", "a"),
        )
    for name in (
        *("concurrent_calls", "speed", "loss_rate", "calls_per_s_max", "call_limit"),
        "campaign_ids",
    ):
        assert name in str(caught.value)


def test_a_start_without_time_zone_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="time zone"):
        Scenario(ScenarioOptions(), START.replace(tzinfo=None))
