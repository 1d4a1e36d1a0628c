"""Rooms: who gets what, in one write for each client and tick.

What comes first after a quiet spell leaves at once; what follows within the tick leaves together
at its end, as one write. A tick grows with what a round of writing costs, so that a thousand
clients get fewer and larger writes, and a few get theirs at once.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from callboard.delivery.realtime.connection import Connection
from callboard.delivery.realtime.wire import Message

__all__ = ["TICK_S", "Pack", "Room", "Rooms", "as_they_are"]

TICK_S = 0.05
"""The longest that anything waits for company."""
_WRITE_S = 10e-6
"""About what one write to one client costs."""
_SHARE = 0.25
"""The share of a processor that writing may take before ticks grow."""

Pack = Callable[[list[Any]], Sequence[Message]]
"""Turns what came within a tick into messages, when it is about to leave."""


def as_they_are(came: list[Any]) -> Sequence[Message]:
    """Pack what are messages already."""
    return came


class Room:
    """Clients that get the same messages in the same order."""

    def __init__(self, name: str, pack: Pack, tick_s: float) -> None:
        self.name = name
        self.members: set[Connection] = set()
        self.writes = 0
        """How many writes to clients were made."""
        self.left_out = 0
        """How many were not, because the client was too slow."""
        self._pack = pack
        self._tick_s_max = tick_s
        self._loop = asyncio.get_running_loop()
        self._pending: list[Any] = []
        self._timer: asyncio.TimerHandle | None = None
        self._flushed_s = -1.0

    @property
    def tick_s(self) -> float:
        """Return how long what comes now waits for company."""
        return min(self._tick_s_max, len(self.members) * _WRITE_S / _SHARE)

    def publish(self, came: Iterable[Any]) -> None:
        """Send to every member, at once or with the tick."""
        if not self.members:
            return
        self._pending += came
        if self._timer is not None or not self._pending:
            return
        due_s = self._flushed_s + self.tick_s
        if self._loop.time() >= due_s:
            self.flush()
        else:
            self._timer = self._loop.call_at(due_s, self.flush)

    def send(self, messages: Sequence[Message]) -> None:
        """Send messages to every member now, after all that was published."""
        self.flush()
        self._write(messages)

    def flush(self) -> None:
        """Send what waits, now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pending:
            came, self._pending = self._pending, []
            self._flushed_s = self._loop.time()
            self._write(self._pack(came))

    def _write(self, messages: Sequence[Message]) -> None:
        plain = deflated = b""
        # A copy: a client that is kicked leaves.
        for member in tuple(self.members):
            if member.lagging or member.slow:
                member.lagging = True
                self.left_out += 1
                continue
            self.writes += 1
            wire = member.wire
            if wire is None:
                for message in messages:
                    member.push(message)
            elif wire.deflates:
                deflated = deflated or b"".join([message.deflated for message in messages])
                wire.write(deflated)
            else:
                plain = plain or b"".join([message.frame for message in messages])
                wire.write(plain)


class Rooms:
    """All rooms by name, and which clients are in which."""

    def __init__(self, pack_of: Callable[[str], Pack], tick_s: float = TICK_S) -> None:
        self._pack_of = pack_of
        self._tick_s = tick_s
        self._rooms: dict[str, Room] = {}
        self._of: dict[Connection, set[Room]] = {}
        self._writes = 0
        self._left_out = 0

    @property
    def writes(self) -> int:
        """Return how many writes to clients were made."""
        return self._writes + sum(room.writes for room in self._rooms.values())

    @property
    def left_out(self) -> int:
        """Return how many were not made, because a client was too slow."""
        return self._left_out + sum(room.left_out for room in self._rooms.values())

    def __contains__(self, name: object) -> bool:
        """Tell whether anybody is in a room."""
        return name in self._rooms

    def names(self) -> list[str]:
        """Return the names of the rooms that anybody is in."""
        return list(self._rooms)

    def of(self, member: Connection) -> set[str]:
        """Return the names of the rooms a client is in."""
        return {room.name for room in self._of.get(member, ())}

    def publish(self, name: str, came: Iterable[Any]) -> None:
        """Send to everybody in a room, at once or with the tick."""
        room = self._rooms.get(name)
        if room is not None:
            room.publish(came)

    def send(self, name: str, messages: Sequence[Message]) -> None:
        """Send messages to everybody in a room now."""
        room = self._rooms.get(name)
        if room is not None:
            room.send(messages)

    def enter(self, member: Connection, name: str) -> None:
        """Let a client into a room; what was published before is not for it."""
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = Room(name, self._pack_of(name), self._tick_s)
        if member not in room.members:
            room.flush()
            room.members.add(member)
            self._of.setdefault(member, set()).add(room)

    def leave(self, member: Connection, name: str) -> None:
        """Let a client out of a room, with all that was published so far."""
        room = self._rooms.get(name)
        if room is not None and member in room.members:
            room.flush()
            self._forget(member, room)

    def leave_all(self, member: Connection) -> None:
        """Forget a client that is gone."""
        for room in tuple(self._of.get(member, ())):
            self._forget(member, room)

    def flush_of(self, member: Connection) -> None:
        """Send what waits in a client's rooms, so that what it is sent next comes after it."""
        for room in tuple(self._of.get(member, ())):
            room.flush()

    def _forget(self, member: Connection, room: Room) -> None:
        room.members.discard(member)
        mine = self._of.get(member, set())
        mine.discard(room)
        if not mine:
            self._of.pop(member, None)
        if not room.members and self._rooms.pop(room.name, None) is not None:
            room.flush()  # ends its timer
            self._writes += room.writes
            self._left_out += room.left_out
