"""Invalidations that Redis could not be told of, kept until it can be.

Bounded: beyond the bound the single keys are given up for one floor over everything, which costs
a walk over the keys when the server is back, but forgets nothing.
"""

from collections.abc import Iterator

__all__ = ["Debt", "Owed"]

Debt = tuple[bytes, int | None, bool]
"""Key, commit time (None: unknown), whether it is a tag's."""

OWED_MAX = 10_000


class Owed:
    """What is owed: for each key the latest commit time, which stands for all before it."""

    def __init__(self, limit: int = OWED_MAX) -> None:
        self._debts: dict[bytes, tuple[int | None, bool, bool]] = {}
        self._limit = limit
        self.everything = False
        """Too much was owed: every key must be given the floor."""
        self.everything_at = 0
        self.everything_purged = False
        """Among it was something without a commit time."""

    def add(self, raw: bytes, at: int | None, *, is_tag: bool = False) -> None:
        """Remember an invalidation."""
        held = self._debts.get(raw)
        latest, purge = (held[0], held[1]) if held is not None else (None, False)
        if at is None:
            purge = True
        elif latest is None or at > latest:
            latest = at
        if held is None and len(self._debts) >= self._limit:
            self._give_up_singles()
            self._widen(latest, purge=purge)
            return
        self._debts[raw] = (latest, purge, is_tag)

    def _widen(self, at: int | None, *, purge: bool) -> None:
        self.everything = True
        self.everything_at = max(self.everything_at, at or 0)
        self.everything_purged = self.everything_purged or purge

    def _give_up_singles(self) -> None:
        # Tags stay: a tag's key may not exist, so no walk would find it.
        for raw, (at, purge, is_tag) in list(self._debts.items()):
            if not is_tag:
                self._widen(at, purge=purge)
                del self._debts[raw]

    def floor(self, raw: bytes) -> int:
        """Return the commit time a load of this key must reach."""
        held = self._debts.get(raw)
        return max(self.everything_at, (held[0] or 0) if held is not None else 0)

    def each(self) -> Iterator[Debt]:
        """Yield the debts; one with and without a commit time is yielded twice."""
        for raw, (at, purge, is_tag) in list(self._debts.items()):
            if purge:
                yield raw, None, is_tag
            if at is not None:
                yield raw, at, is_tag

    def state(self, raw: bytes) -> tuple[int | None, bool, bool] | None:
        """Return a debt as it is, to be given to `settle` once it was paid."""
        return self._debts.get(raw)

    def settle(self, raw: bytes, state: tuple[int | None, bool, bool] | None) -> None:
        """Strike a debt out, unless it has grown since."""
        if self._debts.get(raw) == state:
            self._debts.pop(raw, None)

    def settle_everything(self) -> None:
        """Every key of every server has been given the floor."""
        self.everything = self.everything_purged = False
        self.everything_at = 0

    def __len__(self) -> int:
        return len(self._debts) + self.everything
