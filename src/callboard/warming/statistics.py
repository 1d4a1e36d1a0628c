"""What warming has done, for metrics and the admin page."""

from collections import deque
from dataclasses import asdict, dataclass

__all__ = ["Latencies", "WarmingStats"]

_KEPT = 512


class Latencies:
    """The latest so many durations."""

    def __init__(self) -> None:
        self._ms: deque[float] = deque(maxlen=_KEPT)

    def add(self, seconds: float) -> None:
        """Take one in."""
        self._ms.append(1000 * seconds)

    def at(self, share: float) -> float | None:
        """Return what a share of them took at most, in milliseconds; None before the first."""
        if not self._ms:
            return None
        ordered = sorted(self._ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True, slots=True)
class WarmingStats:
    """What warming has done since the process began."""

    enabled: bool
    """Whether predictive warming is on."""
    warmed: int
    """Loads that were needed."""
    already_warm: int
    failed: int
    dropped: int
    """Given up before they were begun: the queue was full, or it was too late for the forecast."""
    waiting: int
    predicted: int
    """Pages that were foretold and whose reads were handed over."""
    hits: int
    """Forecasts that the person opened within a minute."""
    misses: int
    """Forecasts that they did not."""
    opened: int
    """Pages that came after another, and read something that can be warmed."""
    foreseen: int
    """Those of them that had been foretold."""
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    """From a page's event until what was foretold of it is warm."""
    budget_per_s: float
    paused: bool
    people: int

    @property
    def precision(self) -> float | None:
        """Return how many of the forecasts were right; None before the first is known."""
        known = self.hits + self.misses
        return self.hits / known if known else None

    @property
    def recall(self) -> float | None:
        """Return how many of the opened pages had been foretold; None before the first."""
        return self.foreseen / self.opened if self.opened else None

    def to_json(self) -> dict[str, object]:
        """Return it for the admin API."""
        return {**asdict(self), "precision": self.precision, "recall": self.recall}
