"""A web process' own copy of one view, moved by the view's deltas. Reads are a look-up.

The replica never fills the view. When Redis or the projector is silent for longer than the
view's TTL, `vouched` turns False and readers go to MongoDB instead.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import orjson
import structlog

from callboard.clock import Clock
from callboard.domain.stream import Delta, DeltaLog, Head, Position, Snapshot, Watermark
from callboard.errors import PositionLost, ViewsUnavailable

__all__ = ["Replica", "ViewSource"]

_log = structlog.get_logger(__name__)

_RETRY_S = 0.2
_HEAD_EVERY_S = 1.0
_ZERO = Position(0, 0)


class ViewSource(Protocol):
    """Where a view is read from; `callboard.views.reader` provides it."""

    async def head(self) -> Head:
        """Return what is vouched for; raises ViewsUnavailable."""

    async def load(self) -> Snapshot:
        """Return the view as of one position; raises ViewsUnavailable."""

    def tail(self, position: Position) -> AsyncIterator[list[Delta]]:
        """Yield deltas in order; raises PositionLost, ViewsUnavailable."""


class Replica:
    """One view in memory, with its last deltas for those who come back."""

    def __init__(self, name: str, source: ViewSource, clock: Clock, log_length_max: int) -> None:
        self.name = name
        self._source = source
        self._clock = clock
        self._snapshot = Snapshot({}, _ZERO, "")
        self._log = DeltaLog(log_length_max)
        self._vouched = False
        self._head_checked_s = 0.0
        self._head_wanted = _ZERO
        self._watermark = Watermark()
        self._items: dict[str, Any] = {}
        self.before: list[Any] = []
        """While `on_deltas` are told: what the item of each was before it, None if nothing."""
        self.on_deltas: list[Callable[[list[Delta]], None]] = []
        self.on_reset: list[Callable[[], None]] = []
        self.ready = asyncio.Event()

    @property
    def position(self) -> Position:
        """Return where this copy stands."""
        return self._snapshot.position

    @property
    def at(self) -> str:
        """Return when the view last moved, ISO-8601 UTC."""
        return self._snapshot.at

    @property
    def watermark(self) -> Watermark:
        """Return up to where this copy has everything; it may have more.

        The projector's clock, not ours, says what time it was.
        """
        return self._watermark

    @property
    def vouched(self) -> bool:
        """Tell whether a living projector stands behind this copy."""
        return self._vouched

    @property
    def items(self) -> dict[str, Any]:
        """Return the decoded items by key; do not change them."""
        return self._items

    def since(self, position: Position) -> list[Delta]:
        """Return the deltas a client at `position` has missed.

        Raises:
            PositionLost: they are not all here; it must take a snapshot.
        """
        return self._log.since(position, self.position)

    async def sync(self) -> None:
        """Return once this copy has everything the projector vouched for when asked.

        Raises:
            ViewsUnavailable: nobody vouches, or the copy does not get there in time.
        """
        head = (await self._source.head()).position
        deadline_s = self._clock.monotonic_s() + _HEAD_EVERY_S
        while self.position < head:
            if self._clock.monotonic_s() > deadline_s:
                message = f"the replica of '{self.name}' lags behind {head}"
                raise ViewsUnavailable(message)
            await asyncio.sleep(0.005)

    async def run(self) -> None:
        """Follow the view until cancelled."""
        while True:
            try:
                await self._follow()
            except PositionLost as error:
                _log.info("replica.reload", view=self.name, reason=str(error))
            except ViewsUnavailable as error:
                if self._vouched:
                    _log.warning("replica.unvouched", view=self.name, reason=str(error))
                self._vouched = False
                await asyncio.sleep(_RETRY_S)

    async def _follow(self) -> None:
        self._take(await self._source.load())
        async for deltas in self._source.tail(self.position):
            if deltas:
                self._apply(deltas)
            await self._check_head()

    def _take(self, snapshot: Snapshot) -> None:
        """Start over from a snapshot; clients learn of it unless nothing changed."""
        moved = snapshot.position != self.position
        self._snapshot = snapshot
        self._items = {key: orjson.loads(value) for key, value in snapshot.items.items()}
        self._vouched = True
        self._head_checked_s = self._clock.monotonic_s()
        self._head_wanted = snapshot.position
        self.ready.set()
        if moved:
            self._log.clear()
            for notify in self.on_reset:
                notify()

    def _apply(self, deltas: list[Delta]) -> None:
        fresh = [delta for delta in deltas if self._snapshot.apply(delta)]
        self.before = []
        for delta in fresh:
            self._log.append(delta)
            self.before.append(self._items.get(delta.key))
            if delta.keep:
                self._items[delta.key] = orjson.loads(delta.value)
            else:
                self._items.pop(delta.key, None)
        for notify in self.on_deltas if fresh else ():
            notify(fresh)

    async def _check_head(self) -> None:
        """Now and then ask whether the view is still vouched for and we are up to it.

        Raises:
            PositionLost: the view moved on without us, e.g. its log was lost and restored.
            ViewsUnavailable: nobody vouches for it.
        """
        now_s = self._clock.monotonic_s()
        if now_s - self._head_checked_s < _HEAD_EVERY_S:
            return
        if self.position < self._head_wanted:
            message = f"the view stood at {self._head_wanted}, this copy is at {self.position}"
            raise PositionLost(message)
        # The logs are read before the head, so a head ahead of us is normal under load: only
        # one that we have not reached by the next look means that deltas were lost.
        head = await self._source.head()
        if self.position >= head.position:
            self._watermark = head.watermark
        self._head_wanted = head.position
        self._head_checked_s = now_s
        if self._head_wanted.epoch != self.position.epoch:
            message = f"epoch {self._head_wanted.epoch} began"
            raise PositionLost(message)
