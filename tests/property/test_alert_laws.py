"""Laws of the alert engine, for any readings whatever."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from support.alerting import NOON, played

from callboard.alerts import measures, readings
from callboard.alerts.changed import changed
from callboard.alerts.engine import FLAP, Transition
from callboard.alerts.readings import Readings, columns, looks_of
from callboard.alerts.rules import RULES, Rule
from callboard.alerts.stored import document_of, state_of

LIMITED = changed({"concurrency": {"limit": 20}})

VALUES = st.one_of(
    st.none(),
    st.sampled_from([0.0, 1.0, 2.0, 12.0, 40.0, 700.0]),
    st.floats(0, 1_000, allow_nan=False),
)
LABELS = st.sampled_from(["", "live", "twilio", "elevenlabs", "a", "b"])
NAMES = [
    "cache_hits",
    "cache_reads",
    "lag_s",
    "staleness_s",
    "drift_documents",
    "redis_up",
    "mongodb_up",
    "webhooks_accepted",
    "webhooks_refused",
    "live_calls",
    "calls_ended",
    "calls_failed",
    "usual_ended",
    "usual_failed",
    "campaign_begun",
    "campaign_left",
    "campaign_active",
]
FIGURES = st.dictionaries(
    st.sampled_from(NAMES), st.dictionaries(LABELS, VALUES, max_size=3), max_size=8
)
GAPS = st.sampled_from([1, 10, 10, 10, 60, 89, 90, 91, 600, 4_000])


@st.composite
def histories(draw: st.DrawFn) -> list[Readings]:
    """Draw looks in order of time; many are like the look before."""
    at, found = NOON, []
    figures = draw(FIGURES)
    for gap_s in draw(st.lists(GAPS, min_size=1, max_size=40)):
        at += timedelta(seconds=gap_s)
        if draw(st.booleans()):
            figures = draw(FIGURES)
        found.append(Readings(at, figures))
    return found


def by_label(told: list[Transition]) -> dict[tuple[str, str], list[Transition]]:
    """Return transitions by what they are about."""
    found: dict[tuple[str, str], list[Transition]] = {}
    for transition in told:
        found.setdefault((transition.rule, transition.label), []).append(transition)
    return found


@given(histories())
def test_firing_and_clearing_alternate_in_order_of_time(history: list[Readings]) -> None:
    state, told = played(history, LIMITED)
    for key, about in by_label(told).items():
        assert [found.kind for found in about[::2]] == ["fired"] * len(about[::2])
        assert [found.kind for found in about[1::2]] == ["cleared"] * len(about[1::2])
        assert all(before.at < after.at for before, after in pairwise(about))
        assert (key in state.firing) == (len(about) % 2 == 1)
    assert state.firing.keys() <= by_label(told).keys()
    assert [found.at for found in told] == sorted(found.at for found in told)
    assert len({found.identity for found in told}) == len(told)


@given(histories(), st.frozensets(st.integers(0, 40)))
def test_a_restart_at_any_point_is_no_event(
    history: list[Readings], restarts: frozenset[int]
) -> None:
    state, told = played(history, LIMITED)
    again, told_again = played(history, LIMITED, restart_before=restarts)
    assert told_again == told
    assert document_of(again) == document_of(state)
    assert document_of(state_of(document_of(state))) == document_of(state)


@given(histories(), st.integers(0, 40))
def test_what_is_judged_twice_or_too_late_changes_nothing(
    history: list[Readings], at: int
) -> None:
    doubled = [look for look in history for _ in range(2)]
    late = [*history[:at], history[0], *history[at:]] if at else history
    assert played(doubled, LIMITED)[1] == played(history, LIMITED)[1]
    assert played(late, LIMITED)[1] == played(history, LIMITED)[1]


@given(histories())
def test_unknown_looks_tell_nothing_but_that_they_are_unknown(history: list[Readings]) -> None:
    state, _ = played(history, LIMITED)
    last = history[-1]
    blind = {name: dict.fromkeys(figure, None) for name, figure in last.figures.items()}
    after = [Readings(last.at + timedelta(seconds=10 * n), blind) for n in range(1, 100)]
    names = {key: value for key, value in state.firing.items() if key[0] != "unseen"}
    later, told = played(after, LIMITED, state=state)
    fired = [found for found in told if found.kind == "fired" and found.rule != "unseen"]
    assert fired == []
    # What is unknown still fires; what is not measured at all may clear.
    cleared = {(found.rule, found.label) for found in told if found.kind == "cleared"}
    assert names.keys() - cleared <= later.firing.keys()


@given(histories())
def test_looks_are_stored_without_loss(history: list[Readings]) -> None:
    assert [*looks_of(columns(history))] == history


@given(histories())
def test_memory_is_bounded(history: list[Readings]) -> None:
    stored = document_of(played(history, LIMITED)[0])["memory"]
    assert all(len(slots) <= 16 for _, _, slots in stored["slots"])
    assert len(stored["still"]) <= 50 + 6


@given(
    st.lists(st.sampled_from([0.0, 5.0, 10.0, None]), min_size=60, max_size=720),
    st.sampled_from([0.0, 20.0]),
    st.sampled_from([0.0, 30.0]),
)
def test_hysteresis_and_flapping_are_bounded(
    lag: list[float | None], for_s: float, clear_for_s: float
) -> None:
    """Fires after being bad for its time alone, clears after being good for its time alone."""
    rule = Rule(
        "x", "warning", "t", "a", measures.gauge("lag_s", "{value}"), "above",
        7.0, 3.0, for_s, clear_for_s,
    )  # fmt: skip
    looks = [
        Readings(NOON + timedelta(seconds=10 * n), {"lag_s": {"": value}})
        for n, value in enumerate(lag)
    ]
    _, told = played(looks, [rule])
    for found in told:
        number = (found.at - NOON) // timedelta(seconds=10)
        needed_s = for_s if found.kind == "fired" else clear_for_s
        wanted = 10.0 if found.kind == "fired" else 0.0
        known = [value for value in lag[: number + 1] if value is not None]
        assert lag[number] == wanted
        assert known[-int(needed_s // 10) - 1 :] == [wanted] * (int(needed_s // 10) + 1)
    fired = [found.at for found in told if found.kind == "fired"]
    for at in fired:
        assert sum(at <= other < at + FLAP for other in fired) <= 8


def test_the_names_here_are_all_there_are() -> None:
    constants = vars(readings).items()
    assert {*NAMES} == {v for k, v in constants if k.isupper() and isinstance(v, str)}
    assert {rule.name for rule in LIMITED} == {rule.name for rule in RULES}
