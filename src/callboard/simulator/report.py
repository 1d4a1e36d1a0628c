"""What came of a play: counts and latencies."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

__all__ = ["DriverReport", "Tally"]

_LATENCIES_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class DriverReport:
    """What came of the webhooks so far; `sent` = accepted + refused + failed."""

    sent: int
    """Webhooks posted and settled, each counted once however often it was tried."""
    accepted: int
    """Answered with a 2xx."""
    refused: Mapping[int, int]
    """Answered otherwise in the end, counted by status code."""
    failed: int
    """Never answered: no connection, a timeout, or a broken answer."""
    retried: int
    """Additional attempts."""
    latency_p50_s: float
    """Median seconds from request to answer, over the latest 100 000 answers; 0 without any."""
    latency_p99_s: float
    """The same at the 99th percentile."""
    started_calls: int
    """Calls of which at least one webhook was due."""
    ended_calls: int
    """Of these, calls whose terminal webhook was accepted."""


@dataclass(slots=True)
class Tally:
    """Counts what comes of webhooks while they are played."""

    accepted: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    failed: int = 0
    retried: int = 0
    latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=_LATENCIES_KEPT))
    started_calls: int = 0
    ended_calls: int = 0

    def report(self) -> DriverReport:
        """Return the counts so far."""
        latencies_s = sorted(self.latencies_s)
        return DriverReport(
            sent=self.accepted + self.refused.total() + self.failed,
            accepted=self.accepted,
            refused=dict(self.refused),
            failed=self.failed,
            retried=self.retried,
            latency_p50_s=_quantile(latencies_s, 0.50),
            latency_p99_s=_quantile(latencies_s, 0.99),
            started_calls=self.started_calls,
            ended_calls=self.ended_calls,
        )


def _quantile(ordered: list[float], share: float) -> float:
    """Return the smallest value not below `share` of the ordered ones; 0.0 without any."""
    return ordered[max(ceil(share * len(ordered)) - 1, 0)] if ordered else 0.0
