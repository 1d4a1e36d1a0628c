"""What the projector's feed makes old, by the table of `keyspaces`.

Only here are cached rows invalidated, whoever wrote to MongoDB. Single entries at once; the tags
of lists and figures, which hold for many, at once and then no more than once in their row's
window, with the latest commit time: a busy hour must not be one long miss. What is still waiting
when a projector dies is made good by its successor, which begins with everything.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from callboard.cache import Cache
from callboard.clock import Clock
from callboard.domain.buckets import DURATIONS, day_of, is_steps
from callboard.domain.calls import call_key
from callboard.domain.changes import Change, ClusterTime
from callboard.domain.figures import FigureWrite
from callboard.keyspaces import ALL, Cached, scope_of, scoped, space_tag

__all__ = ["Invalidator", "entries_of", "tags_of"]

_ID_LENGTH_MAX = 512
_SINGLES_MAX = 200
"""Beyond so many entries at once their whole keyspace is made old, by one command."""
_SKEW = timedelta(seconds=60)
"""How far apart the clocks of processes may be: around midnight both sides of it are told."""
_FORGET_S = 60.0


class Tag(NamedTuple):
    """A tag to be floored, at most once in its window."""

    name: str
    window_s: float


def touches(row: Cached, change: Change) -> bool:
    """Tell whether a change may make entries of a row look different."""
    sources = [source for source in row.sources if source.collection == change.collection]
    if change.paths is None:
        return bool(sources)
    return any(source.touched_by(path) for source in sources for path in change.paths)


def entries_of(rows: Mapping[str, Cached], change: Change) -> Iterator[tuple[str, str]]:
    """Yield keyspace and id of every single entry that a change makes old."""
    documents = [document for document in (change.before, change.after) if document is not None]
    if change.collection == "calls" and touches(rows["call"], change):
        ids = {str(d["_id"]) for d in documents if "_id" in d} | {call_key(d) for d in documents}
        yield from (("call", id_) for id_ in sorted(ids))
    if change.collection == "campaigns" and touches(rows["details"], change):
        yield "details", str(documents[0]["_id"])
    if change.collection == "campaigns" and touches(rows["forecast"], change):
        yield "forecast", scope_of(str(documents[0]["_id"]))


def tags_of(rows: Mapping[str, Cached], change: Change) -> Iterator[Tag]:
    """Yield the tags that a change makes old."""
    documents = [document for document in (change.before, change.after) if document is not None]
    if change.collection == "calls" and touches(rows["calls"], change):
        window_s = rows["calls"].window_s
        yield Tag("recent", rows["recent"].window_s)
        yield Tag("calls", window_s)
        for campaign_id in {document.get("campaignId") for document in documents}:
            if isinstance(campaign_id, str):
                yield Tag(scoped("calls", scope_of(campaign_id)), window_s)
    if change.collection == "campaigns" and touches(rows["contacts"], change):
        scope = scope_of(str(documents[0]["_id"]))
        yield Tag(scoped("contacts", scope), rows["contacts"].window_s)


class Invalidator:
    """Tells the cache, and through it every process."""

    def __init__(
        self, cache: Cache, rows: Mapping[str, Cached], zone: ZoneInfo, clock: Clock
    ) -> None:
        self._cache = cache
        self._rows = rows
        self._zone = zone
        self._clock = clock
        self._told_s: dict[str, float] = {}
        """When each tag was floored last, by the steady clock."""
        self._waiting: dict[str, tuple[float, int]] = {}
        """Tags whose window is not over: when it is, and the latest commit time."""
        self._more = asyncio.Event()

    async def changed(self, changes: Sequence[Change]) -> None:
        """Make old what changes of calls and campaigns touch."""
        singles: dict[tuple[str, str], int] = {}
        tags: dict[Tag, int] = {}
        for change in changes:
            at = _stamp(change.at)
            for entry in entries_of(self._rows, change):
                singles[entry] = max(at, singles.get(entry, 0))
            for tag in tags_of(self._rows, change):
                tags[tag] = max(at, tags.get(tag, 0))
        await self._tell(singles, tags)

    async def counted(self, writes: Sequence[FigureWrite], at: int) -> None:
        """Make old what shows figures that the commit `at` has moved."""
        now = self._clock.now()
        # Days before the first are closed for everybody, days from the second on for nobody.
        closing = day_of(now - _SKEW, self._zone), day_of(now + _SKEW, self._zone)
        tags = {tag: at for write in writes for tag in self._of_figures(write.key, closing)}
        await self._tell({}, tags)

    def _of_figures(self, key: str, closing: tuple[str, str]) -> Iterator[Tag]:
        series, _, rest = key.partition(":")
        day, _, campaign_id = rest.partition(":")
        scope = scope_of(campaign_id or None)
        if series == "daily":
            if day < closing[1]:
                yield Tag(scoped("figures", scope), self._rows["analytics"].window_s)
            if day >= closing[0]:
                yield Tag(scoped("today", scope), self._rows["analytics-today"].window_s)
        elif series == DURATIONS:
            yield Tag(scoped("durations", scope), self._rows["durations"].window_s)
        elif is_steps(series):
            yield Tag(scoped("concurrency", scope), self._rows["concurrency"].window_s)

    async def began(self, at: ClusterTime) -> None:
        """Make everything old that was read before a projector began."""
        await self._cache.invalidate_tag(ALL, at=_stamp(at))

    async def run(self) -> None:
        """Floor tags when their windows are over, until cancelled."""
        while True:
            if not self._waiting:
                self._more.clear()
                await self._more.wait()
            due_s = min(due_s for due_s, _ in self._waiting.values())
            await asyncio.sleep(max(due_s - self._clock.monotonic_s(), 0.0))
            await self._flush()

    async def _flush(self) -> None:
        now_s = self._clock.monotonic_s()
        due = {name: at for name, (due_s, at) in self._waiting.items() if due_s <= now_s}
        for name in due:
            del self._waiting[name]
            self._told_s[name] = now_s
        self._told_s = {n: at_s for n, at_s in self._told_s.items() if now_s - at_s < _FORGET_S}
        await asyncio.gather(
            *(self._cache.invalidate_tag(name, at=at) for name, at in due.items())
        )

    async def _tell(self, singles: Mapping[tuple[str, str], int], tags: Mapping[Tag, int]) -> None:
        now = [(tag.name, at) for tag, at in tags.items() if self._is_due(tag, at)]
        if len(singles) > _SINGLES_MAX:
            now += _whole_spaces(singles)
            singles = {}
        told = [
            self._cache.invalidate(self._rows[row].space.key(id_), at=at)
            for (row, id_), at in singles.items()
            if 0 < len(id_) <= _ID_LENGTH_MAX  # what is longer was never cached
        ]
        told += [self._cache.invalidate_tag(name, at=at) for name, at in now]
        await asyncio.gather(*told)

    def _is_due(self, tag: Tag, at: int) -> bool:
        """Tell whether to floor a tag now; otherwise it is remembered until its window is over."""
        now_s = self._clock.monotonic_s()
        told_s = self._told_s.get(tag.name)
        if tag.name not in self._waiting and (told_s is None or now_s - told_s >= tag.window_s):
            self._told_s[tag.name] = now_s
            return True
        due_s, latest = self._waiting.get(tag.name, ((told_s or now_s) + tag.window_s, 0))
        self._waiting[tag.name] = due_s, max(latest, at)
        self._more.set()
        return False


def _whole_spaces(singles: Mapping[tuple[str, str], int]) -> Iterable[tuple[str, int]]:
    """Return the tags of the keyspaces that entries are in, each with its latest commit time."""
    latest: dict[str, int] = {}
    for (row, _), at in singles.items():
        latest[space_tag(row)] = max(at, latest.get(space_tag(row), 0))
    return latest.items()


def _stamp(at: ClusterTime) -> int:
    seconds, ordinal = at
    return (seconds << 32) + ordinal
