"""The stored figures in memory: what a book reads from, and what its writes lead to."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from callboard.domain.buckets import Bucket
from callboard.domain.figures import GONE, FigureWrite
from callboard.projection.book import Scope

__all__ = ["StoredFigures"]

Document = dict[str, Any]


class StoredFigures:
    """Documents by `_id`; a write that does not lead to the whole document is an error."""

    def __init__(self) -> None:
        self.stored: dict[str, Document] = {}

    def write(self, writes: Sequence[FigureWrite]) -> None:
        """Do what MongoDB does with them."""
        for write in writes:
            if write.document is None:
                assert self.stored.pop(write.key, None) is not None
            elif write.changed is None:
                self.stored[write.key] = deepcopy(write.document)
            else:
                for path, value in write.changed.items():
                    _set(self.stored[write.key], path, value)
                assert self.stored[write.key] == write.document

    async def documents(self, scopes: Iterable[Scope]) -> list[Document]:
        """Return every document of these days and campaigns."""
        wanted = set(scopes)
        return self._all(lambda d: (d["day"], d["campaignId"]) in wanted)

    async def campaign_documents(self) -> list[Document]:
        """Return all-time figures."""
        return self._all(lambda d: d["type"] == "campaign")

    async def of_day(self, day: str) -> list[Document]:
        """Return every document of a day."""
        return self._all(lambda d: d["day"] == day)

    async def counted_days(self) -> list[str]:
        """Return the days for which anything is counted."""
        found = self._all(lambda d: d["type"] == "daily" and d["campaignId"] is None)
        return sorted(document["day"] for document in found)

    async def days(self, first: str, last: str, campaign_id: str | None) -> list[Document]:
        """Return the daily figures from one day to another."""
        return self._all(
            lambda d: (
                d["type"] == "daily"
                and first <= d["day"] <= last
                and d["campaignId"] == campaign_id
            )
        )

    async def read(self, buckets: Sequence[Bucket]) -> dict[Bucket, Document]:
        """Return stored figures."""
        return {b: deepcopy(self.stored[b.key]) for b in buckets if b.key in self.stored}

    def _all(self, wanted: Any) -> list[Document]:
        return [deepcopy(document) for document in self.stored.values() if wanted(document)]


def _set(document: Document, path: str, value: object) -> None:
    """Set or unset a path as MongoDB does."""
    *parents, leaf = path.split(".")
    node: Any = document
    for name in parents:
        node = node[int(name)] if isinstance(node, list) else node.setdefault(name, {})
    if isinstance(node, list):
        node[int(leaf)] = value
    elif value is GONE:
        del node[leaf]
    else:
        node[leaf] = value


def pick(document: Mapping[str, Any], path: str) -> Any:
    """Return the value at a path."""
    node: Any = document
    for name in path.split("."):
        node = node[int(name)] if isinstance(node, list) else node[name]
    return node
