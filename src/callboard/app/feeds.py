"""How the vendors' webhooks come, over all processes: when the last one came, and how many.

Webhooks arrive at any process. Each tells its own totals every ten seconds, beside those that
alerts judge by, and remembers an hour of everybody's; what it took itself it knows at once.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from callboard.app.traffic import Traffic
from callboard.clock import Clock, isoformat_z
from callboard.errors import StoreUnavailable

__all__ = ["Feeds", "Tallies"]

_EVERY_S = 10.0
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_KEPT = int(_HOUR.total_seconds() / _EVERY_S) + 1
_TOOK, _REFUSED, _LAST = "took", "refused", "last"
Totals = Mapping[str, Mapping[str, float]]


class Tallies(Protocol):
    """Where processes tell each other; `callboard.store.alerts` provides it."""

    async def tally(self, owner: str, at: datetime, counts: Mapping[str, float]) -> None:
        """Say what a process has counted since it began; raises StoreUnavailable."""

    async def tallies(self) -> dict[str, dict[str, float]]:
        """Return what every process has counted since it began; raises StoreUnavailable."""


class Feeds:
    """`run` it in every process; `told` costs nothing."""

    def __init__(
        self, traffic: Traffic, store: Tallies, expected: Sequence[str], clock: Clock
    ) -> None:
        self._traffic = traffic
        self._store = store
        self._expected = expected
        self._clock = clock
        self._owner = f"feeds-{secrets.token_hex(8)}"
        self._seen: deque[tuple[datetime, Totals]] = deque(maxlen=_KEPT)

    async def run(self) -> None:
        """Tell and learn until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Tell the others once, and learn what they tell; without MongoDB only of our own."""
        now, own = self._clock.now(), self._own()
        found: Totals
        try:
            if any(own.values()):
                await self._store.tally(self._owner, now, own)
            found = await self._store.tallies()
        except StoreUnavailable:
            found = {**self._seen[-1][1]} if self._seen else {}
        self._seen.append((now, {**found, self._owner: own}))

    def _own(self) -> dict[str, float]:
        counts: dict[str, float] = {}
        for (vendor, outcome), total in self._traffic.webhooks().items():
            name = _TOOK if outcome == "accepted" else _REFUSED
            if outcome in ("accepted", "bad_signature"):
                counts[f"{name}|{vendor}"] = float(total)
        for vendor, last in self._traffic.last_webhooks().items():
            counts[f"{_LAST}|{vendor}"] = last.timestamp()
        return counts

    def told(self, silent: frozenset[str]) -> list[dict[str, Any]]:
        """Return what there is to tell of each vendor; `silent` ones should have sent more."""
        now = self._clock.now()
        totals = {**(self._seen[-1][1] if self._seen else {}), self._owner: self._own()}
        grown = {
            length: _growth(self._before(now - length), totals) for length in (_MINUTE, _HOUR)
        }
        return [
            {
                "vendor": vendor,
                "configured": vendor in self._expected,
                "lastAt": _last(totals, vendor),
                "lastMinute": int(grown[_MINUTE].get(f"{_TOOK}|{vendor}", 0)),
                "lastHour": int(grown[_HOUR].get(f"{_TOOK}|{vendor}", 0)),
                "refused": int(grown[_HOUR].get(f"{_REFUSED}|{vendor}", 0)),
                "silent": vendor in silent,
            }
            for vendor in ("twilio", "elevenlabs")
        ]

    def _before(self, instant: datetime) -> Totals:
        """Return the totals at an instant: of the last look until then, or of the first ever."""
        found: Totals | None = None
        for at, totals in self._seen:
            if found is not None and at > instant:
                break
            found = totals
        return found or {}


def _growth(before: Totals, after: Totals) -> dict[str, float]:
    """Return by how much all totals have grown; who was not there before has begun since."""
    grown: dict[str, float] = {}
    for owner, counts in after.items():
        earlier = before.get(owner, {})
        for name, total in counts.items():
            grown[name] = grown.get(name, 0.0) + max(total - earlier.get(name, 0.0), 0.0)
    return grown


def _last(totals: Totals, vendor: str) -> str | None:
    found = max((counts.get(f"{_LAST}|{vendor}", 0.0) for counts in totals.values()), default=0.0)
    return isoformat_z(datetime.fromtimestamp(found, UTC)) if found else None
