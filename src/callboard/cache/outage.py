"""Invalidations that Redis could not be told of, kept until it can be.

Bounded for each server: beyond the bound its single keys are given up for one floor over all its
keys, which costs a walk over them when it is back, but forgets nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

__all__ = ["OWED_MAX", "Debt", "Owed"]

OWED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Debt:
    """What is owed to one key, or to every key of a server."""

    at: int | None = None
    """The latest commit time, which stands for all before it; None: there was none."""
    purge: bool = False
    """Whether something without a commit time is owed as well."""
    is_tag: bool = False

    def and_also(self, at: int | None) -> "Debt":
        """Return this and another invalidation as one."""
        if at is None:
            return replace(self, purge=True)
        return replace(self, at=at if self.at is None else max(at, self.at))

    def instants(self) -> Iterator[int | None]:
        """Yield what must be told: once without a commit time, once with it."""
        if self.purge:
            yield None
        if self.at is not None:
            yield self.at


class Owed:
    """What is owed to each server."""

    def __init__(self, limit: int = OWED_MAX) -> None:
        self._limit = limit
        self.newest_told = 0
        """The latest commit time this process has told Redis: whoever loads without Redis must
        contain at least what we ourselves have said."""
        self._keys: dict[str, dict[bytes, Debt]] = {}
        self._everything: dict[str, Debt] = {}

    def add(self, server: str, raw: bytes, at: int | None, *, is_tag: bool = False) -> None:
        """Remember an invalidation."""
        keys = self._keys.setdefault(server, {})
        held = keys.get(raw)
        if held is None and len(keys) >= self._limit:
            self._give_up_singles(server)
            self._everything[server] = self._everything[server].and_also(at)
            if not is_tag:
                return
        keys[raw] = (held or Debt(is_tag=is_tag)).and_also(at)

    def _give_up_singles(self, server: str) -> None:
        # Tags stay as well: a tag's key may not exist, so no walk would find it. They are named
        # by code, not by data, and therefore few.
        whole = self._everything.get(server, Debt())
        keys = self._keys[server]
        for raw, debt in [(raw, debt) for raw, debt in keys.items() if not debt.is_tag]:
            for at in debt.instants():
                whole = whole.and_also(at)
            del keys[raw]
        self._everything[server] = whole

    def of(self, server: str) -> dict[bytes, Debt]:
        """Return what is owed to a server's keys, as of now."""
        return dict(self._keys.get(server, {}))

    def everything_of(self, server: str) -> Debt | None:
        """Return what is owed to all keys of a server, None when nothing is."""
        return self._everything.get(server)

    def concerns(self, raw: bytes) -> bool:
        """Whether something is owed to a key: what its server says of it is not believed."""
        if not self._keys and not self._everything:
            return False  # nearly always; asked before every read
        return bool(self._everything) or any(raw in keys for keys in self._keys.values())

    def floor(self, raw: bytes) -> int:
        """Return the commit time a load of this key must reach."""
        debts = [keys[raw] for keys in self._keys.values() if raw in keys]
        return max((debt.at or 0 for debt in (*debts, *self._everything.values())), default=0)

    def settle(self, server: str, raw: bytes, paid: Debt) -> None:
        """Strike a debt out, unless it has grown since it was paid."""
        keys = self._keys.get(server, {})
        if keys.get(raw) == paid:
            del keys[raw]
            if not keys:
                del self._keys[server]

    def settle_everything(self, server: str, paid: Debt) -> None:
        """Every key of a server has been told."""
        if self._everything.get(server) == paid:
            del self._everything[server]

    def servers(self) -> list[str]:
        """Return to whom something is owed."""
        return sorted({*self._keys, *self._everything})

    def __len__(self) -> int:
        return sum(map(len, self._keys.values())) + len(self._everything)
