"""What is remembered from look to look: sums of minutes, and since when something stands still.

It is small and is stored with the state, so that a restart forgets nothing.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from callboard.alerts.readings import COUNTS, Readings

__all__ = ["GAP", "Memory"]

GAP = timedelta(seconds=90)
"""Looks further apart than this have not seen what was between them."""

_SLOT_S = 60

Slots = dict[tuple[str, str], tuple[tuple[int, float], ...]]


class Memory:
    """Changed in place while a look is judged; `copy` it before."""

    def __init__(
        self,
        slots: Slots | None = None,
        still: dict[str, tuple[float, datetime]] | None = None,
        unseen: dict[str, datetime] | None = None,
        heard: dict[str, datetime] | None = None,
    ) -> None:
        self._slots: Slots = slots or {}
        self._still = still or {}
        self.unseen: dict[str, datetime] = unseen or {}
        """Since when a rule's readings have not been known, by rule and label."""
        self.heard: dict[str, datetime] = heard or {}
        """When a vendor was last heard of."""
        self._touched: set[str] = set()

    def copy(self) -> "Memory":
        """Return one that can be changed by itself."""
        return Memory(dict(self._slots), dict(self._still), dict(self.unseen), dict(self.heard))

    def take(self, readings: Readings, keep_s: float) -> None:
        """Add what happened since the look before; sums older than `keep_s` are forgotten."""
        now = _minute(readings.at)
        for name in sorted(COUNTS & readings.figures.keys()):
            for label, value in readings.figures[name].items():
                if value:
                    self._add((name, label), now, value)
        oldest = now - int(keep_s // _SLOT_S)
        kept = {
            key: tuple(slot for slot in slots if slot[0] >= oldest)
            for key, slots in self._slots.items()
        }
        self._slots = {key: slots for key, slots in kept.items() if slots}

    def _add(self, key: tuple[str, str], minute: int, value: float) -> None:
        slots = self._slots.get(key, ())
        if slots and slots[-1][0] == minute:
            self._slots[key] = (*slots[:-1], (minute, slots[-1][1] + value))
        else:
            self._slots[key] = (*slots, (minute, value))

    def total(self, name: str, label: str, at: datetime, window_s: float) -> float:
        """Return the sum of a window; its first minute counts whole."""
        oldest = _minute(at) - int(window_s // _SLOT_S)
        slots = self._slots.get((name, label), ())
        return sum(value for minute, value in slots if minute >= oldest)

    def still_s(self, key: str, value: float, at: datetime) -> float:
        """Return for how long a value has been the same."""
        before = self._still.get(key)
        self._touched.add(key)
        if before is None or before[0] != value:
            self._still[key] = (value, at)
            return 0.0
        return (at - before[1]).total_seconds()

    def restart(self, key: str) -> None:
        """Count from anew at the next look."""
        self._still.pop(key, None)

    def keep(self, key: str) -> None:
        """Remember what is not known just now."""
        self._touched.add(key)

    def blink(self) -> None:
        """Forget since when: nobody has looked for a while."""
        self._still.clear()
        self.unseen.clear()

    def forget_untouched(self, prefix: str) -> None:
        """Forget what has gone, among keys that begin alike."""
        for key in [key for key in self._still if key.startswith(prefix)]:
            if key not in self._touched:
                del self._still[key]

    def as_document(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {
            "slots": [
                [*key, [list(slot) for slot in slots]] for key, slots in _sorted(self._slots)
            ],
            "still": [[key, value, _text(at)] for key, (value, at) in _sorted(self._still)],
            "unseen": [[key, _text(at)] for key, at in _sorted(self.unseen)],
            "heard": [[key, _text(at)] for key, at in _sorted(self.heard)],
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Memory":
        """Return what was stored."""
        return cls(
            {
                (name, label): tuple((int(minute), float(value)) for minute, value in slots)
                for name, label, slots in document["slots"]
            },
            {key: (value, datetime.fromisoformat(at)) for key, value, at in document["still"]},
            {key: datetime.fromisoformat(at) for key, at in document["unseen"]},
            {key: datetime.fromisoformat(at) for key, at in document["heard"]},
        )


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // _SLOT_S


def _text(at: datetime) -> str:
    return at.isoformat()


def _sorted(items: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    return sorted(items.items(), key=lambda item: item[0])
