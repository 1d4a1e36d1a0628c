"""What the engine asks of a link to Redis or Valkey, and what the link tells the engine.

Replies are handed to `on_reply` in wire order, inside the reader, before anything that came
later on the same connection is looked at: this is what lets memory be kept right by pushes.
An `on_reply` must not block nor await; what it returns is what the caller gets.
"""

from asyncio import Future
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any, Protocol, TypeVar

__all__ = ["Listener", "OnReply", "Script", "Transport"]

T = TypeVar("T")

OnReply = Callable[[Any, int], T]
"""Given the reply and the incarnation of the server that gave it."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script that touches one key.

    Its first argument is added by the transport: the four bytes of the incarnation of the server
    it runs on.
    """

    source: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        digest = sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "sha", digest)


class Listener(Protocol):
    """The engine, as the link sees it. Called on the event loop's thread, in wire order."""

    def changed(self, keys: Sequence[bytes]) -> None:
        """Others wrote these keys, or they expired."""

    def distrusted(self, reason: str) -> None:
        """Pushes may have been missed (link lost, topology changed): trust nothing in memory."""

    async def restoring(self, server: str) -> None:
        """A server answers again: send what is owed before anybody relies on it.

        Commands sent from inside reach the server although it is not `up` yet.

        Raises:
            TierUnavailable: it went away again; the link will call once more later.
        """


class Transport(Protocol):
    """One or more servers that share the keys."""

    @property
    def tracking(self) -> bool:
        """Whether the listener is told of changes; without, nothing is kept in memory."""

    async def start(self, listener: Listener) -> None:
        """Connect; returns when the first attempt has succeeded or failed, and goes on alone."""

    async def close(self) -> None:
        """Close every connection."""

    def up(self, key: bytes) -> bool:
        """Whether the server of a key answers and is trusted."""

    def server_of(self, key: bytes) -> str:
        """Return the name of the server that holds a key, as `restoring` is told it."""

    def serves(self, server: str) -> bool:
        """Whether a server of this name holds keys, whether it answers or not."""

    def get(self, key: bytes, on_reply: OnReply[T]) -> "Future[T]":
        """Send GET.

        Raises (at once, or through the future):
            TierUnavailable: it could not be sent, or no reply came.
        """

    def run(
        self, script: Script, key: bytes, arguments: Sequence[bytes], on_reply: OnReply[T]
    ) -> "Future[T]":
        """Run a script on one key.

        Raises (at once, or through the future):
            TierUnavailable: it could not be sent, or no reply came: it may have run.
        """

    def barrier(self, key: bytes) -> "Future[None]":
        """Done when the pushes of whatever the key's server has answered so far have left it.

        A server answers the writer and pushes to everybody else in one turn of its loop, in an
        order of its own: the writer's answer may be the first. What is asked after that answer
        is answered in a later turn.

        Raises (at once, or through the future):
            TierUnavailable: there is no connection any more.
        """

    def unread(self) -> bool:
        """Whether bytes have arrived that were not looked at yet (so pushes may be among them)."""

    def scan(self, prefix: bytes, server: str = "") -> AsyncIterator[bytes]:
        """Walk over the keys that begin with a prefix, of all servers or of a named one."""
