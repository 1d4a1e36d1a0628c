"""One look at the system: an instant, and figures by name and label.

A figure that is not there at all is not measured in this installation. A value None was asked
for and is not known. A label that has gone, such as a finished campaign's, has nothing to say.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

__all__ = [
    "ACCEPTED",
    "ACTIVE",
    "BEGUN",
    "COUNTS",
    "DRIFT",
    "ENDED",
    "FAILED",
    "HITS",
    "LABELS_MAX",
    "LAG",
    "LEFT",
    "LIVE",
    "MONGODB",
    "READS",
    "REDIS",
    "REFUSED",
    "STALENESS",
    "USUAL_ENDED",
    "USUAL_FAILED",
    "Figure",
    "Readings",
    "columns",
    "looks_of",
]

HITS, READS = "cache_hits", "cache_reads"
LAG, STALENESS, DRIFT = "lag_s", "staleness_s", "drift_documents"
REDIS, MONGODB = "redis_up", "mongodb_up"
ACCEPTED, REFUSED = "webhooks_accepted", "webhooks_refused"
LIVE = "live_calls"
ENDED, FAILED = "calls_ended", "calls_failed"
USUAL_ENDED, USUAL_FAILED = "usual_ended", "usual_failed"
"""Of the same hour of earlier days."""
BEGUN, LEFT, ACTIVE = "campaign_begun", "campaign_left", "campaign_active"
"""Of running campaigns: calls begun so far, contacts without a call yet, calls alive."""

COUNTS = frozenset({HITS, READS, ACCEPTED, REFUSED, ENDED, FAILED})
"""How often something happened since the look before; all others say how it is now."""

LABELS_MAX = 50
"""Of each figure so many labels are kept, the first by name."""

Figure = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Readings:
    """What was seen at one instant."""

    at: datetime
    figures: Mapping[str, Figure] = field(default_factory=dict)

    def of(self, name: str) -> Figure | None:
        """Return a figure by label; None: it is not measured here."""
        return self.figures.get(name)

    def one(self, name: str, label: str = "") -> float | None:
        """Return one value, None when it is not known."""
        return self.figures.get(name, {}).get(label)

    def bounded(self) -> "Readings":
        """Return the same with no more labels than are kept."""
        figures = {
            name: {label: figure[label] for label in sorted(figure)[:LABELS_MAX]}
            for name, figure in self.figures.items()
        }
        return Readings(self.at, figures)


class Column(NamedTuple):
    """One figure's label over several looks; `values` of looks that lack it are missing."""

    name: str
    label: str
    looks: list[int]
    values: list[float | None]


def columns(looks: Iterable[Readings]) -> dict[str, Any]:
    """Return looks as one document, a column for each figure and label.

    A column that is there in every look, with one value, is only that value.
    """
    looks = list(looks)
    found: dict[tuple[str, str], Column] = {}
    for number, look in enumerate(looks):
        for name, figure in look.figures.items():
            found.setdefault((name, ""), Column(name, "", [], [])) if not figure else None
            for label, value in figure.items():
                column = found.setdefault((name, label), Column(name, label, [], []))
                column.looks.append(number)
                column.values.append(value)
    measured = {name: _present(looks, name) for name, _ in found}
    return {
        "at": [look.at for look in looks],
        "measured": [[name, *present] for name, present in measured.items()],
        "columns": [_packed(column, len(looks)) for column in found.values() if column.looks],
    }


def _present(looks: list[Readings], name: str) -> list[int]:
    """Return which looks have a figure at all; none named: every one."""
    present = [number for number, look in enumerate(looks) if name in look.figures]
    return [] if len(present) == len(looks) else present


def _packed(column: Column, length: int) -> dict[str, Any]:
    packed: dict[str, Any] = {"n": column.name, "l": column.label}
    if len(column.looks) < length:
        packed["i"] = column.looks
    same = all(value == column.values[0] for value in column.values)
    packed["v"] = column.values[0] if same else column.values
    return packed


def looks_of(document: Mapping[str, Any]) -> Iterator[Readings]:
    """Yield the looks of a document, as they were."""
    instants = document["at"]
    figures: list[dict[str, dict[str, float | None]]] = [{} for _ in instants]
    everywhere = range(len(instants))
    for name, *present in document["measured"]:
        for number in present or everywhere:
            figures[number][name] = {}
    for column in document["columns"]:
        numbers = column.get("i", everywhere)
        values = column["v"]
        for place, number in enumerate(numbers):
            value = values[place] if isinstance(values, list) else values
            figures[number][column["n"]][column["l"]] = value
    for instant, found in zip(instants, figures, strict=True):
        yield Readings(instant, found)
