"""The first tier: entries in this process, bounded by bytes for each keyspace.

Eviction is CLOCK, also called second chance (Corbató, 1968): a hit only sets a mark, and the
oldest entry without a mark goes. `distrust` makes everything unusable as a hit in one step; what
was there stays, within the same bound, to be served marked stale when the loader fails.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from callboard.cache.answer import Answer
from callboard.cache.entry import Seen
from callboard.cache.policy import Keyspace
from callboard.cache.records import Record

__all__ = ["Memory", "Node"]

_OVERHEAD_BYTES = 500
"""What CPython uses for a node, its answer and its places in two dictionaries; measured."""


class Node:
    """One entry in memory. Times are seconds of the steady clock."""

    __slots__ = (
        "answer",
        "as_of",
        "generation",
        "hard_s",
        "hit",
        "loaded_s",
        "payload",
        "raw",
        "size",
        "soft_s",
        "space",
        "tags",
        "visited",
    )

    def __init__(  # noqa: PLR0913  (it is a record; all are told by name)
        self,
        *,
        raw: bytes,
        space: Keyspace[Any],
        answer: Answer[Any],
        payload: bytes | None,
        as_of: int,
        soft_s: float,
        hard_s: float,
        loaded_s: float,
        tags: Mapping[str, Seen],
        hit: Record,
        size: int,
    ) -> None:
        self.raw = raw
        self.space = space
        self.answer = answer
        """Ready to be handed out, but for the value where every caller gets one of its own."""
        self.payload = payload
        """To be decoded for every caller; None where the answer holds the value."""
        self.as_of = as_of
        self.soft_s = soft_s
        self.hard_s = hard_s
        self.loaded_s = loaded_s
        self.tags = tags
        self.hit = hit
        self.size = size + len(raw) + _OVERHEAD_BYTES
        self.generation = 0
        self.visited = False


class _Room:
    """The entries of one keyspace in the order they came."""

    __slots__ = ("bytes", "queue")

    def __init__(self) -> None:
        self.queue: OrderedDict[bytes, Node] = OrderedDict()
        self.bytes = 0


class Memory:
    """Every entry this process holds.

    Args:
        evicted: told of each keyspace's name when one of its entries had to go.
    """

    def __init__(self, evicted: Callable[[str], None]) -> None:
        self.nodes: dict[bytes, Node] = {}
        self.generation = 1
        self._rooms: dict[str, _Room] = {}
        self._tagged: dict[str, set[bytes]] = {}
        self._evicted = evicted

    def get(self, raw: bytes, now_s: float) -> Node | None:
        """Return a usable entry and mark it as used."""
        node = self.nodes.get(raw)
        if node is None or node.generation != self.generation or now_s >= node.hard_s:
            return None
        node.visited = True
        return node

    def put(self, node: Node) -> None:
        """Keep an entry, evicting others of its keyspace until it fits."""
        self.drop(node.raw)
        cap = node.space.l1_bytes
        if node.size > cap:
            return
        room = self._rooms.setdefault(node.space.name, _Room())
        node.generation = self.generation
        self.nodes[node.raw] = room.queue[node.raw] = node
        room.bytes += node.size
        for tag in node.tags:
            self._tagged.setdefault(tag, set()).add(node.raw)
        while room.bytes > cap:
            self._evict_one(room)

    def _evict_one(self, room: _Room) -> None:
        while True:
            raw, node = room.queue.popitem(last=False)
            if node.visited and node.generation == self.generation:
                node.visited = False
                room.queue[raw] = node
                continue
            room.queue[raw] = node
            self.drop(raw)
            self._evicted(node.space.name)
            return

    def drop(self, raw: bytes) -> None:
        """Forget an entry; one that is not there is none."""
        node = self.nodes.pop(raw, None)
        if node is None:
            return
        room = self._rooms[node.space.name]
        del room.queue[raw]
        room.bytes -= node.size
        for tag in node.tags:
            held = self._tagged.get(tag)
            if held is not None:
                held.discard(raw)
                if not held:
                    del self._tagged[tag]

    def drop_tag(self, tag: str) -> None:
        """Forget every entry of a tag."""
        for raw in list(self._tagged.get(tag, ())):
            self.drop(raw)

    def distrust(self) -> None:
        """Make every entry unusable as a hit."""
        self.generation += 1

    def remembered(self, raw: bytes) -> Node | None:
        """Return an entry whether or not it may be trusted; for when the loader fails."""
        return self.nodes.get(raw)

    def keys(self) -> Iterable[bytes]:
        """Return the keys that may be hits."""
        return [raw for raw, node in self.nodes.items() if node.generation == self.generation]

    @property
    def bytes(self) -> int:
        """What all entries take together, about."""
        return sum(room.bytes for room in self._rooms.values())
