"""Every rule fires on its fault and clears, once each way; nothing fires while all is well."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from support.alerting import (
    EVERY,
    FAULT_FROM,
    FAULT_TO,
    NOON,
    Figures,
    empty,
    faulty,
    healthy,
    idle,
    looks,
    played,
)

from callboard.alerts.changed import changed
from callboard.alerts.readings import Readings
from callboard.alerts.rules import RULES, Rule, rule_named
from callboard.alerts.statistics import wilson

LIMITED = changed({"concurrency": {"limit": 50}})

END = 420
"""Looks: ten minutes before the fault, 20 with it, and 40 after."""

FAULTS: dict[str, tuple[str, Figures]] = {
    "mongodb_down": ("", {"mongodb_up": {"": 0.0}}),
    "redis_down": ("", {"redis_up": {"": 0.0}}),
    "lag": ("", {"lag_s": {"": 31.0}}),
    "staleness": ("live", {"staleness_s": {"live": 11.0, "campaign": 1.0, "summary": 1.0}}),
    "drift": ("", {"drift_documents": {"": 1.0}}),
    "hit_ratio": ("", {"cache_hits": {"": 2.0}}),
    "signatures": (
        "twilio",
        {
            "webhooks_refused": {"twilio": 3.0, "elevenlabs": 0.0},
            "webhooks_accepted": {"twilio": 7.0, "elevenlabs": 2.0},
        },
    ),
    "silence": ("elevenlabs", {"webhooks_accepted": {"twilio": 8.0, "elevenlabs": 0.0}}),
    "failures": ("", {"calls_ended": {"": 4.0}, "calls_failed": {"": 2.0}}),
    "concurrency": ("", {"live_calls": {"": 46.0}}),
    "campaign_stalled": ("spring", {"campaign_begun": {"spring": 118.0, "autumn": 0.0}}),
}


def rule(name: str) -> Rule:
    """Return a rule by name."""
    found = rule_named(name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", FAULTS)
def test_each_rule_fires_on_its_fault_and_clears_once_each_way(name: str) -> None:
    label, fault = FAULTS[name]
    state, told = played(looks(faulty(fault), END), LIMITED)
    assert [(found.rule, found.label, found.kind) for found in told] == [
        (name, label, "fired"),
        (name, label, "cleared"),
    ]
    began, ended = NOON + FAULT_FROM * EVERY, NOON + FAULT_TO * EVERY
    assert began <= told[0].at < ended <= told[1].at
    assert told[1].fired_at == told[0].at
    assert state.firing == {}
    assert told[0].shown
    assert told[0].advice


def test_rules_that_cannot_be_judged_for_half_an_hour_are_told_once() -> None:
    def figures(number: int) -> Figures:
        away = 60 <= number < 300
        return {**healthy(number), "lag_s": {"": None if away else 1.0}}

    _, told = played(looks(figures, 400))
    assert [(found.rule, found.kind) for found in told] == [
        ("unseen", "fired"),
        ("unseen", "cleared"),
    ]
    assert told[0].at == NOON + 241 * EVERY
    assert "lag" in told[0].shown


def test_every_rule_has_a_fault_here() -> None:
    assert {rule.name for rule in RULES} == {*FAULTS, "unseen"}


@pytest.mark.parametrize("figures", [healthy, idle, empty])
@pytest.mark.parametrize("begin", [NOON, NOON.replace(hour=23, minute=50)])
def test_nothing_fires_in_thirty_minutes_of_what_is_well(
    figures: Callable[[int], Figures], begin: datetime
) -> None:
    state, told = played(looks(figures, 180, begin), LIMITED)
    assert told == []
    assert state.firing == {}


def test_too_small_a_sample_is_good() -> None:
    def few(_number: int) -> Figures:
        return {"cache_hits": {"": 0.0}, "cache_reads": {"": 5.0}}

    assert played(looks(few, 180))[1] == []


def test_exactly_the_smallest_sample_is_judged() -> None:
    small = [replace(rule("hit_ratio"), minimum=5.0, for_s=0.0)]
    look = Readings(NOON, {"cache_hits": {"": 0.0}, "cache_reads": {"": 5.0}})
    assert len(played([look], small)[1]) == 1
    assert played([look], [replace(small[0], minimum=5.1)])[1] == []


def test_what_is_no_longer_measured_clears() -> None:
    def figures(number: int) -> Figures:
        return {"redis_up": {"": 0.0}} if number < 10 else {}

    assert [found.kind for found in played(looks(figures, 20))[1]] == ["fired", "cleared"]


def test_a_campaign_that_is_paused_clears_and_one_without_contacts_never_fires() -> None:
    def figures(number: int) -> Figures:
        gone: Figures = {"campaign_begun": {}, "campaign_left": {}}
        there: Figures = {
            "campaign_begun": {"a": 5.0, "done": 9.0, "unknown": 1.0},
            "campaign_left": {"a": 5.0, "done": 0.0, "unknown": None},
        }
        return there if number < 120 else gone

    _, told = played(looks(figures, 180))
    assert [(found.label, found.kind) for found in told] == [("a", "fired"), ("a", "cleared")]
    assert told[0].at - NOON == timedelta(seconds=910)


def test_a_view_is_not_told_to_be_old_while_redis_is_down() -> None:
    def figures(number: int) -> Figures:
        down = 10 <= number < 60
        return {
            **healthy(number),
            "redis_up": {"": 0.0 if down else 1.0},
            "staleness_s": {"live": 300.0 if down else 1.0},
        }

    assert [(f.rule, f.kind) for f in played(looks(figures, 120))[1]] == [
        ("redis_down", "fired"),
        ("redis_down", "cleared"),
    ]


def test_failures_are_judged_by_what_is_usual() -> None:
    def figures(usual: float) -> Callable[[int], Figures]:
        return lambda _: {
            "calls_ended": {"": 4.0},
            "calls_failed": {"": 1.0},
            "usual_ended": {"": 2_000.0},
            "usual_failed": {"": usual},
        }

    # A quarter of the calls fails: as ever, or four times as often as ever.
    assert played(looks(figures(500.0), 180))[1] == []
    (told,) = played(looks(figures(120.0), 180))[1]
    assert told.shown == "20 of 80 calls failed, 25%, in 15 min; usual at this hour: 6%"


def test_a_vendor_that_was_never_heard_of_or_not_for_a_day_is_not_silent() -> None:
    def figures(number: int) -> Figures:
        heard = 1.0 if number == 0 else 0.0
        live = 40.0 if number > 8_700 or number < 90 else 0.0
        return {"webhooks_accepted": {"twilio": heard, "never": 0.0}, "live_calls": {"": live}}

    # At first it is silent; a day later calls are live again that do not go by it.
    _, told = played(looks(figures, 8_900))
    assert [(f.label, f.kind) for f in told] == [("twilio", "fired"), ("twilio", "cleared")]


@pytest.mark.parametrize(("live", "fires"), [(4.0, False), (5.0, True)])
def test_silence_is_heard_from_five_live_calls_on(live: float, fires: bool) -> None:
    def figures(number: int) -> Figures:
        said = 1.0 if number == 0 else 0.0
        return {"webhooks_accepted": {"twilio": said}, "live_calls": {"": live}}

    assert bool(played(looks(figures, 90))[1]) is fires


def test_without_earlier_days_every_fifth_call_may_fail() -> None:
    def figures(failed: float) -> Callable[[int], Figures]:
        return lambda _: {"calls_ended": {"": 10.0}, "calls_failed": {"": failed}}

    assert played(looks(figures(2.0), 180))[1] == []
    assert len(played(looks(figures(3.5), 180))[1]) == 1


def test_wilson_is_as_published() -> None:
    # Newcombe 1998, table I: 15 of 148 and 0 of 20, at 95 %.
    assert [round(bound, 4) for bound in wilson(15, 148, 1.959964)] == [0.0624, 0.1605]
    assert [round(bound, 4) for bound in wilson(0, 20, 1.959964)] == [0.0, 0.1611]


@pytest.mark.parametrize(
    ("figures", "unseen"),
    [
        ({"webhooks_accepted": {"twilio": 1.0}}, []),
        (
            {"webhooks_accepted": {"twilio": 1.0}, "live_calls": {"": None}},
            ["concurrency|", "silence|twilio"],
        ),
        ({"webhooks_accepted": {"twilio": None}, "live_calls": {"": 9.0}}, ["silence|twilio"]),
        ({"calls_ended": {"": None}, "calls_failed": {"": 1.0}}, ["failures|"]),
        ({"calls_ended": {"": 1.0}, "calls_failed": {"": None}}, ["failures|"]),
        ({"cache_reads": {"": None}}, ["hit_ratio|"]),
        ({"webhooks_refused": {"twilio": None}}, ["signatures|twilio"]),
        ({"live_calls": {"": None}}, ["concurrency|"]),
        ({"campaign_begun": {"a": None}, "campaign_left": {"a": 1.0}}, ["campaign_stalled|a"]),
        ({"campaign_begun": {"a": 1.0}, "campaign_left": {"a": None}}, ["campaign_stalled|a"]),
        ({"redis_up": {"": None}, "lag_s": {"": None}}, ["lag|", "redis_down|"]),
        ({}, []),
    ],
)
def test_what_is_asked_for_and_not_known_is_seen_to_be_so(
    figures: Figures, unseen: list[str]
) -> None:
    state, _ = played([Readings(NOON, figures)], LIMITED)
    assert sorted(state.memory.unseen) == unseen


@pytest.mark.parametrize(("usual", "fires"), [(99.0, False), (100.0, True)])
def test_of_a_hundred_earlier_calls_one_can_tell_what_is_usual(usual: float, fires: bool) -> None:
    seen: Figures = {
        "calls_ended": {"": 4.0},
        "calls_failed": {"": 1.0},
        "usual_ended": {"": usual},
        "usual_failed": {"": 0.0},
    }
    assert bool(played(looks(lambda _: seen, 180))[1]) is fires
