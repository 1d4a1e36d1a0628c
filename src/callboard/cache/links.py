"""The links to one server or to a whole cluster, as one transport.

A single server is the cluster whose slots are all served by one. In a cluster every primary has
its link and its pushes; whatever changes about who serves what makes memory distrusted, because
a push may have been missed in between.
"""

import asyncio
import contextlib
import select
import ssl
from collections.abc import AsyncIterator, Sequence

from callboard.cache.errors import TierUnavailable
from callboard.cache.link import Address, Link, LinkOptions
from callboard.cache.places import literally, read_urls
from callboard.cache.policy import NAMESPACE
from callboard.cache.resp import Command
from callboard.cache.scripts import SCRIPTS
from callboard.cache.slots import SLOTS, address_in, owners, slot_of
from callboard.cache.transport import Listener, OnReply, Script, T
from callboard.clock import Clock, SystemClock

__all__ = ["Links", "open_links"]

_REDIRECTS_MAX = 5
_REFRESH_LEAST_S = 0.1
"""Between two readings of the map: a moving slot redirects many commands at once."""


def open_links(
    urls: str,
    password: str | None = None,
    *,
    namespace: str = NAMESPACE,
    scripts: Sequence[Script] = SCRIPTS,
    timeout_s: float = 0.25,
    clock: Clock | None = None,
) -> "Links":
    """Return the transport to `redis://` or `rediss://` URLs, comma-separated; connects later.

    With an empty `namespace` nothing is told of changes, and other `scripts` may be run.

    Raises:
        ValueError: a URL cannot be understood; its password is not repeated.
    """
    places = read_urls(urls, password)
    options = LinkOptions(
        prefix=namespace.encode(),
        username=places.username,
        password=places.password,
        database=places.database,
        tls=ssl.create_default_context() if places.tls else None,
        scripts=scripts,
        timeout_s=timeout_s,
    )
    return Links(places.nodes, options, clock or SystemClock())


class Links:
    """Every link there is, and which keys go where."""

    tracking = True

    def __init__(self, seeds: Sequence[Address], options: LinkOptions, clock: Clock) -> None:
        self._seeds = list(seeds)
        self._options = options
        self._clock = clock
        self._links: dict[Address, Link] = {}
        self._slots: list[Link | None] = []
        self._single: Link | None = None
        self._listener: Listener | None = None
        self._poll = select.poll()
        self._watched: dict[int, Link] = {}
        self._refresh_wanted = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    # -- life ------------------------------------------------------------------------------

    async def start(self, listener: Listener) -> None:
        """Connect; returns when every server has been tried once."""
        self._listener = listener
        for seed in self._seeds:
            self._link(seed)
        # The first one that answers may name others.
        while untried := [link for link in self._links.values() if not link.tried.is_set()]:
            await asyncio.gather(*(link.tried.wait() for link in untried))
        self._spawn(self._keep_map())

    async def close(self) -> None:
        """Close every connection."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        links, self._links = self._links, {}
        self._single, self._slots = None, []
        await asyncio.gather(*(link.close() for link in links.values()))

    def _link(self, address: Address) -> Link:
        """Return the link to a server, made when there is none."""
        link = self._links.get(address)
        if link is None:
            link = self._links[address] = Link(address, self._options, self, self._clock)
            link.start()
        return link

    def _spawn(self, work: "asyncio.Future[None] | object") -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]  # a coroutine
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- sending ---------------------------------------------------------------------------

    def _of(self, key: bytes) -> Link | None:
        return self._single or (self._slots[slot_of(key)] if self._slots else None)

    def _need(self, key: bytes) -> Link:
        link = self._of(key)
        if link is None:
            message = "no server is known for this key"
            raise TierUnavailable(message)
        return link

    def up(self, key: bytes) -> bool:
        """Whether the server of a key answers and is trusted."""
        link = self._of(key)
        return link is not None and link.up

    def server_of(self, key: bytes) -> str:
        """Return the name of the server that holds a key; empty when none is known."""
        link = self._of(key)
        return link.name if link is not None else ""

    def serves(self, server: str) -> bool:
        """Whether a server of this name holds keys, whether it answers or not."""
        return any(link.name == server for link in self._serving())

    def get(self, key: bytes, on_reply: OnReply[T]) -> "asyncio.Future[T]":
        """Send GET. Raises TierUnavailable, at once or through the future."""
        return self._need(key).get(key, on_reply)

    def run(
        self, script: Script, key: bytes, arguments: Sequence[bytes], on_reply: OnReply[T]
    ) -> "asyncio.Future[T]":
        """Run a script. Raises TierUnavailable, at once or through the future."""
        return self._need(key).run(script, key, arguments, on_reply)

    def barrier(self, key: bytes) -> "asyncio.Future[None]":
        """Done when the pushes of what the key's server has answered so far have left it.

        Raises TierUnavailable, at once or through the future.
        """
        return self._need(key).barrier()

    def unread(self) -> bool:
        """Whether bytes have arrived that were not looked at yet: one system call."""
        return bool(self._poll.poll(0))

    @property
    def reads(self) -> int:
        """How often bytes have arrived, over all links."""
        return sum(link.reads for link in self._links.values())

    async def scan(self, prefix: bytes, server: str = "") -> AsyncIterator[bytes]:
        """Walk over the keys that begin with a prefix, of all servers or of a named one.

        Raises:
            TierUnavailable: one of them does not answer.
        """
        pattern = literally(prefix) + b"*"
        for link in self._serving():
            if server and link.name != server:
                continue
            cursor = b"0"
            while True:
                cursor, keys = await link.ask(b"SCAN", cursor, b"MATCH", pattern, b"COUNT", b"500")
                for key in keys:
                    yield key
                if cursor == b"0":
                    break

    def _serving(self) -> list[Link]:
        if self._single is not None:
            return [self._single]
        return [link for link in dict.fromkeys(self._slots) if link is not None]

    # -- what links say --------------------------------------------------------------------

    def pushed(self, keys: list[bytes] | None) -> None:
        """Keys changed; None: all of them."""
        if self._listener is None:
            return
        if keys is None:
            self._listener.distrusted("all keys were removed")
        else:
            self._listener.changed(keys)

    def lost(self, link: Link, why: str) -> None:
        """A link is gone: what memory holds may be wrong from now on."""
        self._forget_socket(link)
        if self._listener is not None:
            self._listener.distrusted(why)
        self._refresh_wanted.set()

    async def connected(self, link: Link) -> None:
        """A link can send: learn what it serves, then let the listener send what is owed."""
        fileno = link.unread()
        if fileno >= 0:
            self._poll.register(fileno, select.POLLIN)
            self._watched[fileno] = link
        if not self._slots and self._single is None:
            await self._discover(link)
        if self._listener is not None:
            await self._listener.restoring(link.name)

    def redirected(self, link: Link, command: Command, error: str) -> bool:
        """Send a command where the server says it belongs."""
        if self._single is not None or command.tries >= _REDIRECTS_MAX or not command.key:
            return False
        target = self._link(address_in(error, link.address))
        asking = error.startswith("ASK")
        if not asking:
            if self._slots:
                self._slots[slot_of(command.key)] = target
            if self._listener is not None:
                self._listener.distrusted(f"a slot moved to {target.name}")
            self._refresh_wanted.set()
        again = command._replace(tries=command.tries + 1)
        if target.up:
            with contextlib.suppress(TierUnavailable):
                target.send(again, asking=asking)
                return True
        self._spawn(self._send_when_up(target, again, asking=asking))
        return True

    async def _send_when_up(self, target: Link, command: Command, *, asking: bool) -> None:
        """Wait for a server we have just heard of, not longer than anybody waits for a reply."""
        try:
            async with asyncio.timeout(self._options.timeout_s):
                await target.tried.wait()
            if target.up:
                target.send(command, asking=asking)
                return
            why = "is not up"
        except (TierUnavailable, TimeoutError) as error:
            why = str(error)
        if not command.future.done():
            command.future.set_exception(TierUnavailable(f"{target.name}: {why}"))

    def _forget_socket(self, link: Link) -> None:
        for fileno in [number for number, of in self._watched.items() if of is link]:
            del self._watched[fileno]
            with contextlib.suppress(KeyError, OSError):
                self._poll.unregister(fileno)

    # -- the map ---------------------------------------------------------------------------

    async def _discover(self, link: Link) -> None:
        """Ask the first server that answers whether it is a cluster's, and for the map."""
        info = await link.ask(b"INFO", b"cluster")
        if b"cluster_enabled:1" in info:
            await self._read_map(link)
        else:
            self._single = link

    async def _read_map(self, link: Link) -> None:
        found = owners(await link.ask(b"CLUSTER", b"SLOTS"), link.address)
        if not any(found):
            message = f"{link.name}: no slot of the cluster is served"
            raise TierUnavailable(message)
        by_address = {a: self._link(a) for a in dict.fromkeys(found) if a is not None}
        slots = [by_address[a] if a is not None else None for a in found]
        if slots == self._slots:
            return
        moved = bool(self._slots)
        self._slots = slots
        if moved and self._listener is not None:
            self._listener.distrusted("the cluster's slots are served by others now")
        for address in set(self._links) - set(by_address) - {link.address}:
            gone = self._links.pop(address)
            self._forget_socket(gone)
            self._spawn(gone.close())

    async def _keep_map(self) -> None:
        """Read the map again after a redirect or a loss, until every slot's server is up."""
        while True:
            await self._refresh_wanted.wait()
            self._refresh_wanted.clear()
            if self._single is not None:
                continue
            if len(self._slots) != SLOTS or not all(link and link.up for link in self._slots):
                self._refresh_wanted.set()
            for link in [*self._serving(), *self._links.values()]:
                if link.up:
                    with contextlib.suppress(TierUnavailable, RuntimeError):
                        await self._read_map(link)
                        break
            await asyncio.sleep(_REFRESH_LEAST_S)
