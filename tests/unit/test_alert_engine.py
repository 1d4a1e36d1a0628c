"""The engine: durations, hysteresis, quiet hours, flapping, what is unknown; stored looks."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import bson
import pytest
from support.alerting import (
    EVERY,
    NOON,
    UTC_ZONE,
    Figures,
    empty,
    faulty,
    healthy,
    idle,
    looks,
    played,
)

from callboard.alerts.backtest import backtest
from callboard.alerts.changed import changed
from callboard.alerts.engine import FLAP, State, judged
from callboard.alerts.messages import message_of
from callboard.alerts.readings import LABELS_MAX, Readings, columns, looks_of
from callboard.alerts.rules import RULES, Rule, rule_named

END = 420
"""Looks that are watched."""
STALE: Figures = {"staleness_s": {"live": 11.0, "campaign": 1.0, "summary": 1.0}}


def rule(name: str) -> Rule:
    """Return a rule by name."""
    found = rule_named(name)
    assert found is not None
    return found


@pytest.mark.parametrize(("for_s", "fires_at"), [(9.0, 1), (10.0, 2), (18.0, 2), (19.0, 3)])
def test_time_is_counted_from_the_first_bad_look(for_s: float, fires_at: int) -> None:
    rules = [replace(rule("redis_down"), for_s=for_s)]
    down = [Readings(NOON + n * timedelta(seconds=9), {"redis_up": {"": 0.0}}) for n in range(6)]
    (told,) = played(down, rules)[1]
    assert told.at == down[fires_at].at
    blind = [Readings(NOON - timedelta(seconds=9 * n), {"redis_up": {"": None}}) for n in (2, 1)]
    bad = Readings(NOON - timedelta(seconds=27), {"redis_up": {"": 0.0}})
    (told,) = played([bad, *blind, *down], rules)[1]
    assert told.at == down[fires_at].at


@pytest.mark.parametrize(
    ("name", "held_s", "fires"),
    [("redis_down", 20, False), ("redis_down", 30, True), ("lag", 60, False), ("lag", 70, True)],
)
def test_a_fault_must_hold_for_its_time(name: str, held_s: int, fires: bool) -> None:
    fault: Figures = {"redis_up": {"": 0.0}} if name == "redis_down" else {"lag_s": {"": 31.0}}
    bad = held_s // 10

    def figures(number: int) -> Figures:
        return {**healthy(number), **(fault if 10 <= number < 10 + bad else {})}

    _, told = played(looks(figures, 60))
    assert bool(told) is fires


@pytest.mark.parametrize(("clear_for_s", "clears_at"), [(9.0, 1), (10.0, 2), (18.0, 2), (19.0, 3)])
def test_time_is_counted_from_the_first_good_look(clear_for_s: float, clears_at: int) -> None:
    rules = [replace(rule("redis_down"), for_s=0.0, clear_for_s=clear_for_s)]
    nine = timedelta(seconds=9)
    bad = [Readings(NOON - n * nine, {"redis_up": {"": 0.0}}) for n in (2, 1)]
    good = [Readings(NOON + n * nine, {"redis_up": {"": 1.0}}) for n in range(6)]
    _, told = played([*bad, *good], rules)
    assert told[1].at == good[clears_at].at
    # One that is not good begins the count anew.
    again = Readings(NOON + 9 * nine, {"redis_up": {"": 0.0}})
    late = [Readings(NOON + n * nine, {"redis_up": {"": 1.0}}) for n in range(10, 16)]
    _, told = played([*bad, good[0], *([] if clears_at == 0 else [again]), *late], rules)
    assert told[1].at == late[clears_at].at


@pytest.mark.parametrize(("after_s", "again"), [(3_599, 1), (3_600, 0)])
def test_an_hour_after_clearing_it_is_no_longer_again(after_s: int, again: int) -> None:
    rules = [replace(rule("redis_down"), for_s=0.0, clear_for_s=0.0)]
    seconds = [(0, 0.0), (10, 1.0), *((n, 1.0) for n in range(70, 3_600, 60)), (10 + after_s, 0.0)]
    story = [Readings(NOON + timedelta(seconds=n), {"redis_up": {"": up}}) for n, up in seconds]
    state, _ = played(story, rules)
    assert state.watched["redis_down", ""].again == again


def test_a_rule_that_is_switched_off_after_it_cleared_tells_nothing() -> None:
    rules = [replace(rule("redis_down"), for_s=0.0, clear_for_s=0.0)]
    story = [Readings(NOON + n * EVERY, {"redis_up": {"": up}}) for n, up in enumerate([0.0, 1.0])]
    state, told = played(story, rules)
    assert [found.kind for found in told] == ["fired", "cleared"]
    assert judged([], UTC_ZONE, state, Readings(NOON + 2 * EVERY))[1] == []


def test_between_the_thresholds_nothing_changes() -> None:
    lag = [*[40.0] * 10, *[20.0] * 30, *[5.0] * 3, 20.0, *[5.0] * 10]
    _, told = played(looks(lambda n: {"lag_s": {"": lag[n]}}, len(lag)))
    # What clears is counted anew after every look that is not good.
    assert [(found.kind, (found.at - NOON) // EVERY) for found in told] == [
        ("fired", 6),
        ("cleared", 50),
    ]


def test_unknown_time_does_not_count() -> None:
    redis = [0.0, 0.0, *[None] * 20, 0.0, 0.0, 0.0]
    _, told = played(looks(lambda n: {"redis_up": {"": redis[n]}}, len(redis)))
    # 10 s are known before, 10 s after: together 20.
    assert [(found.at - NOON) // EVERY for found in told] == [23]


def test_time_that_nobody_looked_at_does_not_count() -> None:
    down = {"redis_up": {"": 0.0}}
    first, later = Readings(NOON, down), Readings(NOON + timedelta(hours=1), down)
    state, told = played([first, later])
    assert told == []
    assert state.watched["redis_down", ""].phase == "pending"


def test_unknown_neither_clears_nor_fires() -> None:
    redis = [0.0] * 5 + [None] * 100
    state, told = played(looks(lambda n: {"redis_up": {"": redis[n]}}, 105))
    assert [found.kind for found in told] == ["fired"]
    assert state.firing.keys() == {("redis_down", "")}


def test_quiet_hours_keep_from_firing_and_not_from_clearing() -> None:
    quiet = changed({"redis_down": {"quiet": "12:00-13:00"}})
    down = faulty({"redis_up": {"": 0.0}})
    assert played(looks(down, END), quiet)[1] == []
    before = [*looks(down, END, NOON - timedelta(minutes=12))]
    assert [found.kind for found in played(before, quiet)[1]] == ["fired", "cleared"]


def test_quiet_hours_are_local() -> None:
    quiet = changed({"redis_down": {"quiet": "13:00-14:00", "for_s": 0}})
    look = Readings(NOON, {"redis_up": {"": 0.0}})
    assert judged(quiet, ZoneInfo("Europe/Madrid"), State(), look)[1] == []
    assert len(judged(quiet, UTC_ZONE, State(), look)[1]) == 1


def test_what_flaps_is_said_a_few_times_an_hour() -> None:
    """Down for 30 s, up for 60 s, for six hours: 240 outages."""
    _, told = played(looks(lambda n: {"redis_up": {"": 1.0 if n % 10 >= 4 else 0.0}}, 2_160))
    hours = [sum(1 for f in told if (f.at - NOON) // FLAP == hour) for hour in range(6)]
    assert hours[0] <= 4
    assert max(hours[1:]) <= 2


@pytest.mark.parametrize(
    ("clear_for_s", "lasted_s"),
    [(30.0, [30, 60, 120, 240, 480, 480, 480]), (0.0, [0, 60, 120, 240, 480, 480, 480])],
)
def test_what_fires_again_takes_longer_to_clear_each_time(
    clear_for_s: float, lasted_s: list[int]
) -> None:
    rules = [replace(rule("redis_down"), for_s=0.0, clear_for_s=clear_for_s)]
    state, at, lasted = State(), NOON, []
    for _ in lasted_s:
        state, _told = judged(rules, UTC_ZONE, state, Readings(at, {"redis_up": {"": 0.0}}))
        good_from = at = at + EVERY
        while state.firing:
            state, _told = judged(rules, UTC_ZONE, state, Readings(at, {"redis_up": {"": 1.0}}))
            at += EVERY
        lasted.append((at - EVERY - good_from).total_seconds())
    assert lasted == lasted_s


@pytest.mark.parametrize(("apart_s", "fires"), [(90, True), (91, False)])
def test_looks_too_far_apart_do_not_count(apart_s: int, fires: bool) -> None:
    two = [Readings(NOON + timedelta(seconds=n), {"redis_up": {"": 0.0}}) for n in (0, apart_s)]
    assert bool(played(two)[1]) is fires


def test_a_long_calm_forgets_that_it_flapped() -> None:
    def figures(number: int) -> Figures:
        return {"redis_up": {"": 0.0 if number % 500 < 5 else 1.0}}

    _, told = played(looks(figures, 1_600))
    cleared = [found for found in told if found.kind == "cleared"]
    assert len(cleared) == 4
    assert {found.at - found.fired_at for found in cleared} == {timedelta(seconds=60)}


def test_a_rule_that_is_switched_off_ends_what_it_told() -> None:
    down = {"redis_up": {"": 0.0}}
    state, told = played(looks(lambda _: down, 5))
    off = changed({"redis_down": {"off": True}})
    state, ended = judged(off, UTC_ZONE, state, Readings(NOON + 5 * EVERY, down))
    assert [found.kind for found in [*told, *ended]] == ["fired", "cleared"]
    assert state.watched == {}


def test_an_older_look_changes_nothing() -> None:
    state, _ = played(looks(healthy, 3))
    again, told = judged(RULES, UTC_ZONE, state, Readings(NOON, {"drift_documents": {"": 9.0}}))
    assert again is state
    assert told == []


def test_many_campaigns_are_cut_to_the_first() -> None:
    many = {f"c{number:03d}": float(number) for number in range(LABELS_MAX + 20)}
    kept = Readings(NOON, {"campaign_begun": many}).bounded().of("campaign_begun")
    assert kept is not None
    assert [*kept] == sorted(many)[:LABELS_MAX]


def test_looks_come_back_as_they_were_stored() -> None:
    some = [
        *looks(empty, 5),
        Readings(NOON + 9 * EVERY, {"campaign_begun": {}}),
        Readings(NOON + 10 * EVERY),
        *looks(idle, 2, NOON + 11 * EVERY),
    ]
    stored = columns(some)
    assert [*looks_of(stored)] == some
    assert [*looks_of(columns([]))] == []


def test_a_quiet_minute_is_small() -> None:
    assert len(bson.encode(columns(looks(idle, 6)))) < 2_000


def test_a_back_test_tells_what_was_told() -> None:
    down = [*looks(faulty({"redis_up": {"": 0.0}}), END)]
    found = backtest(RULES, UTC_ZONE, down)
    _, told = played(down)
    (episode,) = found.episodes
    assert (episode.fired_at, episode.cleared_at) == (told[0].at, told[1].at)
    assert (found.looks, found.first_at, found.last_at) == (END, down[0].at, down[-1].at)
    still = backtest(RULES, UTC_ZONE, down[:100])
    assert [episode.cleared_at for episode in still.episodes] == [None]


def test_a_message_says_what_and_what_to_do() -> None:
    _, told = played(looks(faulty(STALE), END))
    title, body = message_of(told[0], "https://board.example.com")
    assert title == "callboard warning: A view is old (live)"
    assert told[0].shown in body
    assert told[0].advice in body
    assert told[0].identity in body
    assert "https://board.example.com" in body
    title, body = message_of(told[1])
    assert title == "callboard cleared: A view is old (live)"
    assert body.startswith("It lasted 20 min.")
