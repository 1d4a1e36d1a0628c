"""The caches that are measured side by side, each behind the same few calls.

A contender's module is imported by the process that runs it and by no other: what one library
imports does not weigh on another, and a library that is not installed is missed only there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from typing import Any

from contenders.base import Contender, Load

__all__ = ["CEILINGS", "CONTENDERS", "Contender", "Entry", "Load"]


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a contender is found."""

    module: str
    factory: str
    distribution: str
    options: Mapping[str, Any] = field(default_factory=dict)
    memory: bool = False
    """Whether a hit needs no server."""

    def make(self) -> Contender:
        """Return the contender, not open yet."""
        contender: Contender = getattr(import_module(self.module), self.factory)(**self.options)
        return contender

    def version(self) -> str:
        """Return the version of what is measured."""
        return f"{self.distribution} {version(self.distribution)}"


def _ours(factory: str = "Ours", *, memory: bool) -> Entry:
    return Entry("contenders.ours", factory, "callboard", {"memory": memory}, memory)


CONTENDERS = {
    "callboard L1+L2": _ours(memory=True),
    "callboard L1+L2, bytes": _ours("OursBytes", memory=True),
    "callboard L2": _ours(memory=False),
    "redis-py cache-aside": Entry("contenders.redis_py", "CacheAside", "redis"),
    "redis-py by URL": Entry("contenders.redis_py", "CacheAside", "redis", {"by_url": True}),
    "cashews": Entry("contenders.with_cashews", "Cashews", "cashews"),
    "cashews lock": Entry("contenders.with_cashews", "Cashews", "cashews", {"lock": True}),
    "cashews client_side": Entry(
        "contenders.with_cashews", "Cashews", "cashews", {"client_side": True}, memory=True
    ),
    "aiocache": Entry("contenders.with_aiocache", "Aiocache", "aiocache"),
    "aiocache stampede": Entry(
        "contenders.with_aiocache", "Aiocache", "aiocache", {"stampede": True}
    ),
    "fastapi-redis-sdk": Entry("contenders.with_sdk", "Sdk", "fastapi-redis-sdk"),
    "cachefence": Entry("contenders.with_cachefence", "Fence", "cachefence"),
}
"""Every cache, by the name under which it is reported."""

CEILINGS = {
    "link, one GET": Entry("contenders.ours", "BareLink", "callboard"),
    "redis-py, one GET": Entry("contenders.redis_py", "BareGet", "redis"),
}
"""What no cache over this client can be cheaper than."""
