"""The rules, as data: what is looked at, when it is bad, when good again, and what to do.

Between the thresholds of firing and clearing nothing changes. `for_s` and `clear_for_s` are
counted over looks at which the value was known. Too small a sample is good: nobody suffers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import time
from typing import Literal

from callboard.alerts import measures
from callboard.alerts import readings as names
from callboard.alerts.measures import Measure

__all__ = ["RULES", "Quiet", "Rule", "Severity", "rule_named"]

Severity = Literal["critical", "warning"]

_DOWN = frozenset({"redis_down", "mongodb_down"})


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of the local day in which a rule does not begin to fire."""

    begin: time
    end: time

    def covers(self, local: time) -> bool:
        """Tell whether a local time is in it; the end is not, and it may go over midnight.

        >>> night = Quiet(time(21), time(8))
        >>> night.covers(time(23)), night.covers(time(8)), night.covers(time(7, 59))
        (True, False, True)
        """
        if self.begin <= self.end:
            return self.begin <= local < self.end
        return local >= self.begin or local < self.end


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that may go wrong."""

    name: str
    severity: Severity
    title: str
    """What is said when it fires."""
    advice: str
    measure: Measure
    direction: Literal["above", "below"]
    threshold: float
    """Bad beyond it."""
    clear: float
    """Good from here on; between the two neither."""
    for_s: float
    clear_for_s: float
    window_s: float = 0.0
    minimum: float = 0.0
    """Smallest sample that is judged."""
    quiet: Quiet | None = None
    limit: float | None = None
    unless: frozenset[str] = frozenset()
    """Rules that explain it: while one of them is bad, this one does not begin to fire."""

    def is_bad(self, value: float) -> bool:
        """Tell whether a value is beyond the threshold."""
        return value > self.threshold if self.direction == "above" else value < self.threshold

    def is_good(self, value: float) -> bool:
        """Tell whether a value is as good as it takes to clear."""
        return value <= self.clear if self.direction == "above" else value >= self.clear


_ALERT = Rule("", "warning", "", "", measures.unseen, "above", 0.0, 0.0, 0.0, 0.0)


def _rule(name: str, severity: Severity, title: str, advice: str) -> Rule:
    return replace(_ALERT, name=name, severity=severity, title=title, advice=advice)


RULES: Sequence[Rule] = (
    replace(
        _rule(
            "mongodb_down",
            "critical",
            "MongoDB does not answer",
            "Webhooks get 503 until it does. Look at MongoDB's log, disk and network.",
        ),
        measure=measures.down(names.MONGODB, "it takes no command within a second"),
        threshold=0.5,
        clear=0.5,
        for_s=20.0,
        clear_for_s=30.0,
    ),
    replace(
        _rule(
            "redis_down",
            "critical",
            "Redis does not answer",
            "Reads go to MongoDB and boards get no updates until it does. Look at Redis.",
        ),
        measure=measures.down(names.REDIS, "it takes no command within a second"),
        threshold=0.5,
        clear=0.5,
        for_s=20.0,
        clear_for_s=30.0,
    ),
    replace(
        _rule(
            "lag",
            "critical",
            "Figures lag behind",
            "Look at MongoDB's load, and for projection.interrupted in the log.",
        ),
        measure=measures.gauge(names.LAG, "the newest commits of {value:.0f} s are not counted"),
        threshold=30.0,
        clear=10.0,
        for_s=60.0,
        clear_for_s=60.0,
        unless=frozenset({"mongodb_down"}),
    ),
    replace(
        _rule(
            "staleness",
            "warning",
            "A view is old",
            "Look at Redis' load, then whether a process projects (callboard_projection_leading).",
        ),
        measure=measures.gauge(names.STALENESS, "it may be {value:.0f} s old"),
        threshold=10.0,
        clear=5.0,
        for_s=60.0,
        clear_for_s=60.0,
        unless=_DOWN,
    ),
    replace(
        _rule(
            "drift",
            "warning",
            "Figures differed from the calls",
            "They were put right. See projection.drift in the log; unless somebody wrote to "
            "`analytics` it is a bug: tell us.",
        ),
        measure=measures.gauge(names.DRIFT, "{value:.0f} documents were wrong and are right now"),
        clear_for_s=60.0,
    ),
    replace(
        _rule(
            "hit_ratio",
            "warning",
            "The cache is missed too often",
            "See `GET /api/admin/cache-stats`: which keyspace? Is Redis evicting, or a TTL short?",
        ),
        measure=measures.hit_ratio,
        direction="below",
        threshold=0.5,
        clear=0.6,
        for_s=600.0,
        clear_for_s=300.0,
        window_s=900.0,
        minimum=500.0,
    ),
    replace(
        _rule(
            "signatures",
            "warning",
            "Webhooks are refused for their signature",
            "Compare the vendor's secret and CALLBOARD_PUBLIC_URL with its console; else somebody "
            "is trying.",
        ),
        measure=measures.signatures,
        threshold=0.2,
        clear=0.05,
        for_s=60.0,
        clear_for_s=120.0,
        window_s=600.0,
        minimum=10.0,
    ),
    replace(
        _rule(
            "silence",
            "critical",
            "A vendor is silent while calls are live",
            "Is our public URL reachable from outside? Look at the vendor's webhook errors and "
            "status page.",
        ),
        measure=measures.silence,
        threshold=600.0,
        clear=60.0,
        for_s=0.0,
        clear_for_s=30.0,
        minimum=5.0,
    ),
    replace(
        _rule(
            "failures",
            "critical",
            "More calls fail than usual",
            "Look at `failures.bySipCode` of today's summary: numbers blocked, trunk, or balance?",
        ),
        measure=measures.failures,
        threshold=0.0,
        clear=-0.03,
        for_s=120.0,
        clear_for_s=300.0,
        window_s=900.0,
        minimum=30.0,
    ),
    replace(
        _rule(
            "concurrency",
            "warning",
            "Nearly as many calls as the limit allows",
            "Slow the campaigns down, or ask the vendor for more; beyond it calls wait or fail.",
        ),
        measure=measures.concurrency,
        threshold=0.9,
        clear=0.8,
        for_s=120.0,
        clear_for_s=300.0,
    ),
    replace(
        _rule(
            "campaign_stalled",
            "warning",
            "A running campaign begins no calls",
            "Does its dialer run? Pause the campaign if it is meant to rest.",
        ),
        measure=measures.stalled,
        threshold=900.0,
        clear=300.0,
        for_s=0.0,
        clear_for_s=30.0,
        quiet=Quiet(time(21), time(8)),
    ),
    # The last: it looks at what the others could not see.
    replace(
        _rule(
            "unseen",
            "warning",
            "Rules cannot be judged",
            "Their figures are not known: look at the log for what does not answer.",
        ),
        measure=measures.unseen,
        threshold=1800.0,
        clear=0.0,
        for_s=0.0,
        clear_for_s=60.0,
        unless=_DOWN,
    ),
)


def rule_named(name: str) -> Rule | None:
    """Return a rule as it is by default."""
    return next((rule for rule in RULES if rule.name == name), None)
