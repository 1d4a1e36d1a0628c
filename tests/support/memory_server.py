"""The server half of the in-memory twin of Redis: bytes by key, lives, turns and incarnations."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from support.memory_scripts import STATED

from callboard.cache.transport import Script

__all__ = ["Command", "Connection", "MemoryRedis", "Message"]

PREFIX = b"cb:c:"


class Command(NamedTuple):
    """What a process asks."""

    future: "asyncio.Future[Any]"
    on_reply: Callable[[Any, int], Any]
    key: bytes
    script: Script | None
    arguments: Sequence[bytes]


class Message(NamedTuple):
    """What the server sends."""

    command: Command | None
    """Whose reply it is; None: it is a push."""
    told: Any


class Connection(Protocol):
    """What the server knows of a process' connection."""

    incarnation: int

    def receive(self, message: Message) -> None:
        """Take what the server sends."""

    def cut(self, why: str) -> None:
        """Be lost."""


class MemoryRedis:
    """The server.

    Args:
        now_ms: its clock.
        rng: in which order commands of several connections are run that came together; those of
            the first connection come first without.
        turn_ends: when the pushes of a turn leave, after its replies; None: with them. The next
            turn begins after that.
        noloop: whether a process is not told of what it wrote itself; the real ones tell it of
            what its scripts wrote, though asked not to.
    """

    def __init__(
        self,
        now_ms: Callable[[], int],
        rng: random.Random | None = None,
        turn_ends: Callable[[Callable[[], None]], None] | None = None,
        *,
        noloop: bool = False,
    ) -> None:
        self._now_ms = now_ms
        self._rng = rng
        self._turn_ends = turn_ends
        self._noloop = noloop
        self._busy = False
        self._writers: dict[bytes, set[Connection]] = {}
        self.incarnation = 1
        self.up = True
        self.values: dict[bytes, bytes] = {}
        self.ends_ms: dict[bytes, int] = {}
        self.wrote: dict[bytes, None] = {}
        """Keys written in this turn."""
        self.ran: list[tuple[Script | None, bytes]] = []
        """Every command so far and its key."""
        self.connections: list[Connection] = []
        self._inbox: deque[tuple[Connection, Command]] = deque()

    # -- commands --------------------------------------------------------------------------

    def get(self, key: bytes) -> bytes | None:
        """Return a key's value while it lives."""
        if key in self.values and self._now_ms() >= self.ends_ms.get(key, self._now_ms() + 1):
            self.delete(key)
        return self.values.get(key)

    def set(self, key: bytes, value: bytes, life_ms: int) -> None:
        """Set a value and its life."""
        self.values[key] = value
        self.ends_ms[key] = self._now_ms() + life_ms
        self.wrote[key] = None

    def setrange(self, key: bytes, at: int, part: bytes) -> None:
        """Overwrite a part of a value."""
        value = self.values[key]
        self.values[key] = value[:at] + part + value[at + len(part) :]
        self.wrote[key] = None

    def life_ms(self, key: bytes) -> int:
        """Return how long a key lives; -1: for ever."""
        end_ms = self.ends_ms.get(key)
        return -1 if end_ms is None else end_ms - self._now_ms()

    def live_for(self, key: bytes, life_ms: int) -> None:
        """Let a key live so long at least."""
        if self.life_ms(key) < life_ms:
            self.ends_ms[key] = self._now_ms() + life_ms
            self.wrote[key] = None

    def delete(self, key: bytes) -> None:
        """Remove a key."""
        del self.values[key]
        self.ends_ms.pop(key, None)
        self.wrote[key] = None

    def run(self, script: Script | None, key: bytes, argv: Sequence[bytes]) -> Any:
        """Run a script, or GET without one."""
        if key:
            self.ran.append((script, key))
        return self.get(key) if script is None else STATED[script](self, key, argv)

    # -- turns -----------------------------------------------------------------------------

    def receive(self, connection: "Connection", command: Command) -> None:
        """A command has come; it is run in the next turn."""
        self._inbox.append((connection, command))
        self._soon()

    def _soon(self) -> None:
        if self._inbox and not self._busy:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Run what has come: replies as it goes, pushes at the end, as the real one does."""
        waiting: dict[Connection, deque[Command]] = {}
        while self._inbox:
            connection, command = self._inbox.popleft()
            if connection.incarnation != self.incarnation:
                continue  # it was sent to the one before
            waiting.setdefault(connection, deque()).append(command)
        while self.up and waiting:
            connection = self._rng.choice(list(waiting)) if self._rng else next(iter(waiting))
            command = waiting[connection].popleft()
            if not waiting[connection]:
                del waiting[connection]
            argv = (connection.incarnation.to_bytes(4, "big"), *command.arguments)
            connection.receive(Message(command, self.run(command.script, command.key, argv)))
            if command.script is not None:
                self._writers.setdefault(command.key, set()).add(connection)
        if self._turn_ends is None or not self.wrote:
            self._end_turn()
        else:
            self._turn_ends(self._end_turn)

    def _end_turn(self) -> None:
        self._busy = False
        self.push()
        self._soon()

    def push(self) -> None:
        """Tell every connection what was written."""
        keys = [key for key in self.wrote if key.startswith(PREFIX)]
        self.wrote.clear()
        writers, self._writers = self._writers, {}
        for connection in self.connections:
            # Who may have written a key alone knows of it.
            own = [key for key in keys if self._noloop and writers.get(key) == {connection}]
            told = [key for key in keys if key not in own]
            if told:
                connection.receive(Message(None, told))

    # -- outages ---------------------------------------------------------------------------

    def go_down(self) -> None:
        """Die: every connection is cut."""
        self.up = False
        self._inbox.clear()
        for connection in list(self.connections):
            connection.cut("the server died")

    def come_up(self, values: dict[bytes, bytes] | None = None) -> None:
        """Come back as another incarnation, with nothing or with what a replica had."""
        self.up = True
        self.incarnation += 1
        self.values = dict(values or {})
        self.ends_ms = {key: end for key, end in self.ends_ms.items() if key in self.values}
