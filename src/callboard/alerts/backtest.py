"""What rules would have done, over stored looks: the same machine as live, from nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from callboard.alerts.engine import State, Transition, judged
from callboard.alerts.readings import Readings
from callboard.alerts.rules import Rule

__all__ = ["Backtest", "Episode", "backtest"]


@dataclass(frozen=True, slots=True)
class Episode:
    """Once that a rule fired."""

    rule: str
    label: str
    fired_at: datetime
    cleared_at: datetime | None
    """None: it still fired at the last look."""
    shown: str
    """What was seen when it fired."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """What would have happened."""

    looks: int
    first_at: datetime | None
    last_at: datetime | None
    episodes: Sequence[Episode]
    """In the order in which they began."""


def backtest(
    rules: Sequence[Rule], zone: ZoneInfo, looks: Iterable[Readings], state: State | None = None
) -> Backtest:
    """Judge looks, oldest first."""
    state = state or State()
    number, first_at = 0, None
    episodes: list[Episode] = []
    for look in looks:
        state, transitions = judged(rules, zone, state, look)
        number += 1
        first_at = first_at or look.at
        for transition in transitions:
            _take(episodes, transition)
    return Backtest(number, first_at, state.at, tuple(episodes))


def _take(episodes: list[Episode], transition: Transition) -> None:
    rule, label = transition.rule, transition.label
    if transition.kind == "fired":
        episodes.append(Episode(rule, label, transition.at, None, transition.shown))
        return
    for place, episode in enumerate(episodes):
        if (episode.rule, episode.label, episode.cleared_at) == (rule, label, None):
            episodes[place] = replace(episode, cleared_at=transition.at)
