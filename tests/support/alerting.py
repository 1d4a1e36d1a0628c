"""A simulated installation for alerts: looks every 10 s, and faults that begin and end."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from callboard.alerts.engine import State, Transition, judged
from callboard.alerts.readings import Readings
from callboard.alerts.rules import RULES, Rule
from callboard.alerts.stored import document_of, state_of

__all__ = [
    "EVERY",
    "FAULT_FROM",
    "FAULT_TO",
    "NOON",
    "UTC_ZONE",
    "Figures",
    "empty",
    "faulty",
    "healthy",
    "idle",
    "looks",
    "played",
]

Figures = dict[str, dict[str, float | None]]

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EVERY = timedelta(seconds=10)
FAULT_FROM, FAULT_TO = 60, 180
"""Looks between which a fault lasts."""
UTC_ZONE = ZoneInfo("UTC")


def healthy(number: int) -> Figures:
    """Return what a busy installation shows at a look: 40 calls live, two calls begun a look."""
    return {
        "cache_hits": {"": 95.0},
        "cache_reads": {"": 100.0},
        "lag_s": {"": 0.4 + number % 3},
        "staleness_s": {"live": 0.9, "campaign": 1.1, "summary": 1.3},
        "drift_documents": {"": 0.0},
        "redis_up": {"": 1.0},
        "mongodb_up": {"": 1.0},
        "webhooks_accepted": {"twilio": 8.0, "elevenlabs": 2.0},
        "webhooks_refused": {"twilio": 0.0, "elevenlabs": 0.0},
        "live_calls": {"": 40.0},
        "calls_ended": {"": 2.0},
        "calls_failed": {"": 1.0 if number % 10 == 0 else 0.0},
        "usual_ended": {"": 2_000.0},
        "usual_failed": {"": 100.0},
        "campaign_begun": {"spring": 2.0 * number, "autumn": 1.0 * (number // 6)},
        "campaign_left": {"spring": 5_000.0, "autumn": 900.0},
        "campaign_active": {"spring": 30.0, "autumn": 10.0},
    }


def idle(_number: int) -> Figures:
    """Return what an installation shows on which nothing happens, with a campaign that is done."""
    quiet: Figures = {name: dict.fromkeys(figure, 0.0) for name, figure in healthy(0).items()}
    return {
        **quiet,
        "redis_up": {"": 1.0},
        "mongodb_up": {"": 1.0},
        "campaign_begun": {"spring": 900.0},
        "campaign_left": {"spring": 0.0},
        "campaign_active": {"spring": 0.0},
    }


def empty(number: int) -> Figures:
    """Return a start from nothing: unknown, then cold, then warm, then busy."""
    if number < 2:
        unknown: Figures = {
            name: dict.fromkeys(figure, None) for name, figure in healthy(0).items()
        }
        return {**unknown, "campaign_begun": {}, "campaign_left": {}, "campaign_active": {}}
    hits = min(95.0, number * 4.0)
    begun: Figures = {**healthy(number), "usual_ended": {"": 0.0}, "usual_failed": {"": 0.0}}
    if number < 30:
        begun["cache_hits"] = {"": hits}
        begun["live_calls"] = {"": float(number)}
        begun["staleness_s"] = {"live": None, "campaign": 6.0, "summary": 1.0}
    return begun


def faulty(fault: Figures) -> Callable[[int], Figures]:
    """Return healthy figures with a fault in the middle."""

    def figures(number: int) -> Figures:
        found = healthy(number)
        if FAULT_FROM <= number < FAULT_TO:
            merged = dict(fault)
            if "campaign_begun" in merged:
                others = {**found["campaign_begun"], "spring": 118.0}
                merged["campaign_begun"] = others
            return {**found, **merged}
        return found

    return figures


def looks(
    figures: Callable[[int], Mapping[str, Any]], count: int, begin: datetime = NOON
) -> Iterator[Readings]:
    """Yield looks, 10 s apart."""
    for number in range(count):
        yield Readings(begin + number * EVERY, figures(number))


def played(
    readings: Sequence[Readings] | Iterator[Readings],
    rules: Sequence[Rule] = RULES,
    *,
    restart_before: frozenset[int] = frozenset(),
    state: State | None = None,
) -> tuple[State, list[Transition]]:
    """Judge looks; before some the process is started anew on what was stored."""
    state = state or State()
    told: list[Transition] = []
    for number, look in enumerate(readings):
        if number in restart_before:
            state = state_of(document_of(state))
        state, transitions = judged(rules, UTC_ZONE, state, look)
        told += transitions
    return state, told
