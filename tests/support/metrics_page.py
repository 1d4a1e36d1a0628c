"""What docs/metrics.md promises, read from its tables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from callboard.alerts.rules import RULES
from callboard.delivery.templates import TEMPLATES

__all__ = ["Promised", "promised"]

_PAGE = Path(__file__).parent.parent.parent / "docs" / "metrics.md"
_ROW = re.compile(r"^\| `(callboard_\w+)` \| (\w+) \|([^|]*)\| ([^|]+) \|$", re.MULTILINE)
_LABEL = re.compile(r"^\| `(\w+)` \| ([^|]+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Promised:
    """One row of the page."""

    kind: str
    labels: Mapping[str, frozenset[str]]
    means: str


def _in_code(text: str) -> frozenset[str]:
    """Return what stands between backticks."""
    return frozenset(re.findall(r"`([^`]+)`", text))


def promised() -> dict[str, Promised]:
    """Return the page's rows by name."""
    text = _PAGE.read_text("utf-8")
    general = {name: _in_code(values) for name, values in _LABEL.findall(text)}
    general |= {"route": frozenset(TEMPLATES), "rule": frozenset(rule.name for rule in RULES)}
    found = {}
    for name, kind, labels, means in _ROW.findall(text):
        values = {}
        for part in filter(None, (part.strip() for part in labels.split(";"))):
            label, _, told = part.partition(":")
            (label,) = _in_code(label)
            values[label] = _in_code(told) if told else general[label]
        assert name not in found, f"{name} has two rows"
        found[name] = Promised(kind, values, means)
    return found
