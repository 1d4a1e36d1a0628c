"""What rules look at: from readings and memory to one value for each label.

A measure answers None where its figures are not measured at all. Every value has a sample, how
many things it was made of, and a sentence for people.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import TYPE_CHECKING

from callboard.alerts import readings as names
from callboard.alerts.memory import Memory
from callboard.alerts.readings import Figure, Readings
from callboard.alerts.statistics import wilson

if TYPE_CHECKING:
    from callboard.alerts.rules import Rule

__all__ = [
    "Measure",
    "Measured",
    "concurrency",
    "down",
    "failures",
    "gauge",
    "hit_ratio",
    "signatures",
    "silence",
    "stalled",
    "unseen",
]

_USUAL_SAMPLE_MIN = 100
"""Of fewer calls nobody can say what is usual."""
_USUAL_UNKNOWN = 0.2
_USUAL_FLOOR = 0.05
"""A share of failures that is never worth a call at night, however good earlier days were."""
_SPEAKS = timedelta(days=1)
_SILENCE = "silence|"
_STALLED = "stalled|"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a rule sees of one label."""

    value: float | None
    """None: not known."""
    sample: float = inf
    shown: str = ""


UNKNOWN = Measured(None)
_UP = Measured(0.0, shown="it answers")

Measure = Callable[["Rule", Readings, Memory], Mapping[str, Measured] | None]


def gauge(name: str, shown: str) -> Measure:
    """Return a measure of a figure as it is; `shown` has a place for it."""

    def measure(
        _rule: "Rule", readings: Readings, _memory: Memory
    ) -> Mapping[str, Measured] | None:
        figure = readings.of(name)
        if figure is None:
            return None
        return {
            label: UNKNOWN if value is None else Measured(value, shown=shown.format(value=value))
            for label, value in figure.items()
        }

    return measure


def down(name: str, shown: str) -> Measure:
    """Return a measure that is 1 while a part does not answer."""

    def measure(
        _rule: "Rule", readings: Readings, _memory: Memory
    ) -> Mapping[str, Measured] | None:
        figure = readings.of(name)
        if figure is None:
            return None
        return {
            label: UNKNOWN if up is None else (_UP if up else Measured(1.0, shown=shown))
            for label, up in figure.items()
        }

    return measure


def hit_ratio(rule: "Rule", readings: Readings, memory: Memory) -> Mapping[str, Measured] | None:
    """Return the share of cached reads that were answered from the cache."""
    if names.READS not in readings.figures:
        return None
    if readings.one(names.READS) is None:
        return {"": UNKNOWN}
    reads = memory.total(names.READS, "", readings.at, rule.window_s)
    hits = memory.total(names.HITS, "", readings.at, rule.window_s)
    ratio = hits / reads if reads else 1.0
    shown = f"{hits:.0f} of {reads:.0f} reads were hits, {ratio:.0%}, {_window(rule)}"
    return {"": Measured(ratio, reads, shown)}


def signatures(rule: "Rule", readings: Readings, memory: Memory) -> Mapping[str, Measured] | None:
    """Return the share of a vendor's webhooks whose signature was wrong."""
    refused = readings.of(names.REFUSED)
    if refused is None:
        return None
    found = {}
    for vendor, value in refused.items():
        bad = memory.total(names.REFUSED, vendor, readings.at, rule.window_s)
        all_ = bad + memory.total(names.ACCEPTED, vendor, readings.at, rule.window_s)
        shown = (
            f"{bad:.0f} of {all_:.0f} webhooks were not signed as they must be, {_window(rule)}"
        )
        known = Measured(bad / all_ if all_ else 0.0, all_, shown)
        found[vendor] = UNKNOWN if value is None else known
    return found


def silence(rule: "Rule", readings: Readings, memory: Memory) -> Mapping[str, Measured] | None:
    """Return for how many seconds a vendor has said nothing while enough calls were live.

    Who has not been heard of for a day is not silent: no call goes by it.
    """
    accepted, live = readings.of(names.ACCEPTED), readings.one(names.LIVE)
    if accepted is None or readings.of(names.LIVE) is None:
        return None
    found = {}
    for vendor, value in accepted.items():
        key = _SILENCE + vendor
        if value is None or live is None:
            memory.restart(key)
            found[vendor] = UNKNOWN
            continue
        if value > 0:
            memory.heard[vendor] = readings.at
        if value > 0 or live < rule.minimum or not _speaks(memory, vendor, readings.at):
            memory.restart(key)
        silent_s = memory.still_s(key, 0.0, readings.at)
        shown = f"not a word for {_minutes(silent_s)} while {live:.0f} calls were live"
        found[vendor] = Measured(silent_s, live, shown)
    return found


def _speaks(memory: Memory, vendor: str, at: datetime) -> bool:
    heard = memory.heard.get(vendor)
    return heard is not None and at - heard <= _SPEAKS


def failures(rule: "Rule", readings: Readings, memory: Memory) -> Mapping[str, Measured] | None:
    """Return by how much more calls fail than usual: what is certain of both.

    The lower bound of the window's share less the upper bound of the same hour of earlier days,
    Wilson's at 99 %.
    """
    if names.ENDED not in readings.figures:
        return None
    if readings.one(names.ENDED) is None or readings.one(names.FAILED) is None:
        return {"": UNKNOWN}
    ended = memory.total(names.ENDED, "", readings.at, rule.window_s)
    failed = min(memory.total(names.FAILED, "", readings.at, rule.window_s), ended)
    usual = readings.one(names.USUAL_FAILED), readings.one(names.USUAL_ENDED)
    bar, told = _USUAL_UNKNOWN, "what is usual is not known yet"
    if usual[0] is not None and usual[1] is not None and usual[1] >= _USUAL_SAMPLE_MIN:
        bar = max(wilson(usual[0], usual[1])[1], _USUAL_FLOOR)
        told = f"usual at this hour: {usual[0] / usual[1]:.0%}"
    share = failed / ended if ended else 0.0
    shown = f"{failed:.0f} of {ended:.0f} calls failed, {share:.0%}, {_window(rule)}; {told}"
    return {"": Measured(wilson(failed, ended)[0] - bar, ended, shown)}


def concurrency(
    rule: "Rule", readings: Readings, _memory: Memory
) -> Mapping[str, Measured] | None:
    """Return live calls as a share of the limit that the operator has told."""
    if not rule.limit or names.LIVE not in readings.figures:
        return None
    live = readings.one(names.LIVE)
    if live is None:
        return {"": UNKNOWN}
    return {"": Measured(live / rule.limit, shown=f"{live:.0f} of {rule.limit:.0f} calls")}


def stalled(_rule: "Rule", readings: Readings, memory: Memory) -> Mapping[str, Measured] | None:
    """Return for how many seconds a running campaign with contacts left has begun no call."""
    begun = readings.of(names.BEGUN)
    if begun is None:
        return None
    found = {}
    for campaign, value, left in _running(begun, readings.of(names.LEFT) or {}):
        key = _STALLED + campaign
        if value is None or left is None:
            found[campaign] = UNKNOWN
            memory.keep(key)
            continue
        still_s = memory.still_s(key, value, readings.at)
        active = readings.one(names.ACTIVE, campaign) or 0
        rest = f"{left:.0f} contacts left, {active:.0f} calls live"
        shown = f"no call begun for {_minutes(still_s)}, {rest}"
        found[campaign] = Measured(still_s, shown=shown)
    memory.forget_untouched(_STALLED)
    return found


def _running(begun: Figure, left: Figure) -> Iterator[tuple[str, float | None, float | None]]:
    """Yield the campaigns that have somebody to call."""
    for campaign, value in begun.items():
        if (contacts := left.get(campaign)) is None or contacts > 0:
            yield campaign, value, contacts


def unseen(_rule: "Rule", readings: Readings, memory: Memory) -> Mapping[str, Measured]:
    """Return for how many seconds the figures of any rule have not been known."""
    waits = {key: (readings.at - since).total_seconds() for key, since in memory.unseen.items()}
    longest_s = max(waits.values(), default=0.0)
    blind = ", ".join(sorted({key.partition("|")[0] for key in waits}))
    return {
        "": Measured(longest_s, shown=f"for {_minutes(longest_s)} nobody could judge: {blind}")
    }


def _window(rule: "Rule") -> str:
    return f"in {_minutes(rule.window_s)}"


def _minutes(seconds: float) -> str:
    """Return a span as people say it.

    >>> _minutes(45), _minutes(600)
    ('45 s', '10 min')
    """
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004  (two minutes)
