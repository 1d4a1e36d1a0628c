"""The state machine: readings in order of time in, what begins and what ends out. Pure.

For each rule and label: ok → pending → firing → clearing → ok. Said is only what begins to fire
and what has cleared, each once. An unknown value changes nothing, and its time does not count.
A rule that fires again within an hour of clearing takes twice as long to clear, up to 16 times:
so whatever flaps is said a few times an hour and no more.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from callboard.alerts.measures import Measured
from callboard.alerts.memory import GAP, Memory
from callboard.alerts.readings import Readings
from callboard.alerts.rules import Rule, Severity
from callboard.clock import isoformat_z

__all__ = ["FLAP", "Phase", "State", "Transition", "Watched", "judged"]

Phase = Literal["ok", "pending", "firing", "clearing"]
Key = tuple[str, str]
"""Rule and label."""

FLAP = timedelta(hours=1)
_DOUBLINGS_MAX = 4
_CLEAR_AGAIN_S = 30.0
"""What fires again takes at least so long to clear, doubled each time."""
_GONE = Measured(0.0, sample=-1.0, shown="it is no longer measured")
"""What a label says that is no longer there: nothing bad."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of one rule and label."""

    phase: Phase = "ok"
    held_s: float = 0.0
    """For how long, of known time, it has been as the phase says."""
    known_at: datetime | None = None
    """The look before, if it was known then."""
    fired_at: datetime | None = None
    cleared_at: datetime | None = None
    again: int = 0
    """How often it fired within an hour of clearing, in a row."""
    value: float | None = None
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Transition:
    """What somebody is to be told."""

    rule: str
    label: str
    kind: Literal["fired", "cleared"]
    at: datetime
    severity: Severity
    title: str
    shown: str
    advice: str
    value: float | None
    fired_at: datetime

    @property
    def identity(self) -> str:
        """Return what makes two transitions the same."""
        return f"{self.rule}|{self.label}|{self.kind}|{isoformat_z(self.at)}"


@dataclass(frozen=True, slots=True)
class State:
    """Everything between two looks; never changed in place."""

    at: datetime | None = None
    watched: Mapping[Key, Watched] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)

    @property
    def firing(self) -> dict[Key, Watched]:
        """Return what fires now, also while it is clearing."""
        return {
            key: found
            for key, found in self.watched.items()
            if found.phase in ("firing", "clearing")
        }


def judged(
    rules: Sequence[Rule], zone: ZoneInfo, state: State, readings: Readings
) -> tuple[State, list[Transition]]:
    """Return the state after a look, and what began and ended; an older look changes nothing."""
    if state.at is not None and readings.at <= state.at:
        return state, []
    look = _Look(zone, state, readings.bounded(), rules)
    transitions: list[Transition] = []
    for rule in rules:
        transitions.extend(look.judge(rule))
    transitions.extend(look.dismiss({rule.name for rule in rules}))
    return State(readings.at, look.kept(), look.memory), transitions


class _Look:
    """One look while it is judged."""

    def __init__(
        self, zone: ZoneInfo, state: State, readings: Readings, rules: Sequence[Rule]
    ) -> None:
        self.memory = state.memory.copy()
        self._readings = readings
        self._at = readings.at
        self._local = readings.at.astimezone(zone).time()
        self._watched = dict(state.watched)
        self._blind_before = state.at is None or readings.at - state.at > GAP
        if self._blind_before:
            self.memory.blink()
        self.memory.take(readings, max((rule.window_s for rule in rules), default=0.0))

    def judge(self, rule: Rule) -> Iterator[Transition]:
        """Yield what begins and ends by one rule."""
        found = rule.measure(rule, self._readings, self.memory) or {}
        labels = {label for name, label in self._watched if name == rule.name}
        hushed = self._hushed(rule)
        for label in sorted(labels | found.keys()):
            key = rule.name, label
            measured = found.get(label, _GONE)
            self._note_unseen(key, measured)
            before = self._watched.get(key, Watched())
            after, kind = self._moved(rule, before, measured, hushed=hushed)
            self._watched[key] = after
            if kind is not None:
                yield self._transition(rule, label, kind, after)

    def _hushed(self, rule: Rule) -> bool:
        """Tell whether a rule may not begin to fire now."""
        if rule.quiet is not None and rule.quiet.covers(self._local):
            return True
        return any(
            name in rule.unless and watched.phase != "ok"
            for (name, _), watched in self._watched.items()
        )

    def _note_unseen(self, key: Key, measured: Measured) -> None:
        if measured.value is None:
            self.memory.unseen.setdefault("|".join(key), self._at)
        else:
            self.memory.unseen.pop("|".join(key), None)

    def _moved(
        self, rule: Rule, before: Watched, measured: Measured, *, hushed: bool
    ) -> tuple[Watched, Literal["fired", "cleared"] | None]:
        if measured.value is None:
            return replace(before, known_at=None), None
        bad, good = _verdict(rule, measured)
        now = replace(before, known_at=self._at, value=measured.value, shown=measured.shown)
        held_s = before.held_s + self._known_s(before)
        if before.phase in ("ok", "pending"):
            return self._rising(rule, now, held_s, bad=bad and not hushed)
        return self._falling(rule, now, held_s, good=good)

    def _known_s(self, before: Watched) -> float:
        """Return how much known time has gone by since the look before."""
        if before.known_at is None or self._blind_before:
            return 0.0
        return (self._at - before.known_at).total_seconds()

    def _rising(
        self, rule: Rule, now: Watched, held_s: float, *, bad: bool
    ) -> tuple[Watched, Literal["fired"] | None]:
        if not bad:
            return replace(now, phase="ok", held_s=0.0), None
        if now.phase == "ok":
            held_s = 0.0
        if held_s < rule.for_s:
            return replace(now, phase="pending", held_s=held_s), None
        recent = now.cleared_at is not None and self._at - now.cleared_at < FLAP
        again = min(now.again + 1, _DOUBLINGS_MAX) if recent else 0
        fired = replace(now, phase="firing", held_s=0.0, fired_at=self._at, again=again)
        return fired, "fired"

    def _falling(
        self, rule: Rule, now: Watched, held_s: float, *, good: bool
    ) -> tuple[Watched, Literal["cleared"] | None]:
        if not good:
            return replace(now, phase="firing", held_s=0.0), None
        if now.phase == "firing":
            held_s = 0.0
        least_s = _CLEAR_AGAIN_S if now.again else 0.0
        if held_s < max(rule.clear_for_s, least_s) * 2**now.again:
            return replace(now, phase="clearing", held_s=held_s), None
        return replace(now, phase="ok", held_s=0.0, cleared_at=self._at), "cleared"

    def dismiss(self, names: Iterable[str]) -> Iterator[Transition]:
        """Yield the end of what fires by a rule that is off by now."""
        known = set(names)
        for (name, label), watched in sorted(self._watched.items()):
            if name in known:
                continue
            del self._watched[name, label]
            self.memory.unseen.pop(f"{name}|{label}", None)
            if watched.phase in ("firing", "clearing") and watched.fired_at is not None:
                said = "the rule is switched off", "", None, watched.fired_at
                yield Transition(name, label, "cleared", self._at, "warning", name, *said)

    def _transition(
        self, rule: Rule, label: str, kind: Literal["fired", "cleared"], watched: Watched
    ) -> Transition:
        fired_at = watched.fired_at or self._at
        told = rule.title, watched.shown, rule.advice, watched.value, fired_at
        return Transition(rule.name, label, kind, self._at, rule.severity, *told)

    def kept(self) -> dict[Key, Watched]:
        """Return what is worth remembering: not what is well and has been for an hour."""
        return {
            key: watched
            for key, watched in self._watched.items()
            if watched.phase != "ok"
            or (watched.cleared_at is not None and self._at - watched.cleared_at < FLAP)
        }


def _verdict(rule: Rule, measured: Measured) -> tuple[bool, bool]:
    """Return whether a known value is bad, and whether it is good; it may be neither."""
    if measured.value is None or measured.sample < rule.minimum:
        return False, True
    return rule.is_bad(measured.value), rule.is_good(measured.value)
