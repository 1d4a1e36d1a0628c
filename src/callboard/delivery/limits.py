"""How often somebody may ask: token buckets by name, in bounded memory (docs/adr/0018).

A token bucket is one number: the instant at which it will be full again. Nothing runs in the
background; one that nobody asks about costs nothing but its place, and the one that was asked
about longest ago makes room for a new one.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

from callboard.clock import Clock

__all__ = ["Guesses", "Limiter", "Rate"]

_NAMES_MAX = 10_000
_ROUNDING_S = 1e-9
"""Who waits exactly as long as told must not meet a rounding error."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second for long, and so many at once."""

    per_s: float
    burst: float

    @property
    def window_s(self) -> float:
        """Return how long an empty one takes to be full."""
        return self.burst / self.per_s


class Limiter:
    """One token bucket for each name."""

    def __init__(self, rate: Rate, clock: Clock, *, names_max: int = _NAMES_MAX) -> None:
        self.rate = rate
        self._token_s = 1.0 / rate.per_s
        self._depth_s = rate.burst / rate.per_s
        self._now_s = clock.monotonic_s
        self._names_max = names_max
        self._full_at_s: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """Return how many names are in memory."""
        return len(self._full_at_s)

    def allow(self, name: str, cost: float = 1.0) -> float:
        """Take tokens and return 0.0, or take none and return how many seconds to wait.

        More than a full bucket holds can never be had: `inf`.
        """
        now_s = self._now_s()
        known = self._full_at_s
        full_at_s = known.get(name)
        after_s = (now_s if full_at_s is None or full_at_s < now_s else full_at_s) + (
            cost * self._token_s
        )
        wait_s = after_s - now_s - self._depth_s
        if wait_s > _ROUNDING_S:
            if full_at_s is not None:
                known.move_to_end(name)
            return math.inf if cost > self.rate.burst else wait_s
        known[name] = after_s
        if full_at_s is not None:
            known.move_to_end(name)
        elif len(known) > self._names_max:
            known.popitem(last=False)
        return 0.0

    def wait_s(self, name: str) -> float:
        """Return how many seconds `allow` would tell to wait, and take nothing."""
        full_at_s = self._full_at_s.get(name)
        if full_at_s is None:
            return 0.0
        wait_s = full_at_s + self._token_s - self._now_s() - self._depth_s
        return wait_s if wait_s > _ROUNDING_S else 0.0

    def give_back(self, name: str, cost: float = 1.0) -> None:
        """Put tokens back that were taken for something that did not count."""
        if name in self._full_at_s:
            self._full_at_s[name] -= cost * self._token_s

    def forget(self, name: str) -> None:
        """Forget somebody who is gone."""
        self._full_at_s.pop(name, None)


class Guesses:
    """Makes guessing keys slow: ten wrong ones at once from an address, then one in 6 s.

    While an address has no guess left, a right key is refused like a wrong one, or guessing
    would go on at full speed; except a key that was right from that address before, so that a
    program with an old key does not lock out the others behind the same address.
    """

    def __init__(self, clock: Clock, rate: Rate = Rate(10 / 60, 10)) -> None:
        self._wrong = Limiter(rate, clock)
        self._familiar: OrderedDict[tuple[str, str], None] = OrderedDict()

    @property
    def rate(self) -> Rate:
        """Return how often one may be wrong."""
        return self._wrong.rate

    def wrong(self, address: str) -> float:
        """Count a wrong key; return how many seconds to wait, 0.0 to say that it is wrong."""
        return self._wrong.allow(address)

    def right(self, address: str, name: str) -> float:
        """Return 0.0 to let a right key in, else how many seconds to wait."""
        known = (address, name)
        if known in self._familiar:
            self._familiar.move_to_end(known)
            return 0.0
        wait_s = self._wrong.wait_s(address)
        if not wait_s:
            self._familiar[known] = None
            if len(self._familiar) > _NAMES_MAX:
                self._familiar.popitem(last=False)
        return wait_s

    def begin(self, address: str) -> float:
        """Count an attempt whose end is not known yet as wrong; like `wrong`."""
        return self._wrong.allow(address)

    def was_right(self, address: str) -> None:
        """Take back what `begin` has counted."""
        self._wrong.give_back(address)
