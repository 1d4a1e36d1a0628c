"""A real cluster of three primaries on loopback, whose nodes can fail and whose slots can move."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError
from support.redis_servers import Flavour, RedisServer, quiet_port, say
from support.waiting import eventually

__all__ = ["AtStep", "Cluster", "Step"]

_SLOTS = 16_384
_PRIMARIES = 3
_MIGRATE_TIMEOUT_MS = 2_000

Step = Literal["marked", "key", "emptied", "half"]
"""Where a moving slot stands: *marked* (both sides know, no key has moved), *key* (one more key
has moved), *emptied* (all keys have moved, the map is the old one), *half* (the new owner knows
that it is the owner, the old one does not)."""

AtStep = Callable[[Step], Awaitable[None]]


class Cluster:
    """Three primaries that share the slots evenly.

    Args:
        folder: the nodes' folders lie in it.
        flavour: which server they are.
        replicas: how many each primary has; they are the nodes from number 3 on.
        config: further lines of every node's configuration.
    """

    def __init__(
        self,
        folder: Path,
        flavour: Flavour = "valkey",
        *,
        replicas: int = 0,
        config: Mapping[str, str] | None = None,
    ) -> None:
        # The default bus port, port + 10000, may lie beyond 65535.
        self._buses = [quiet_port() for _ in range(_PRIMARIES * (1 + replicas))]
        self.nodes = [
            RedisServer(folder / str(number), flavour, config=_clustered(bus) | dict(config or {}))
            for number, bus in enumerate(self._buses)
        ]

    @property
    def ports(self) -> list[int]:
        """Return the ports of the nodes."""
        return [node.port for node in self.nodes]

    @property
    def url(self) -> str:
        """Return a URL that names two of the nodes."""
        return ",".join(node.url for node in self.nodes[:2])

    async def start(self) -> None:
        """Start the nodes, share out the slots, and wait until all agree."""
        for node in self.nodes:
            node.launch()
        share = -(-_SLOTS // _PRIMARIES)
        for node in self.nodes:
            await eventually(node.answers)
        for number, node in enumerate(self.nodes[:_PRIMARIES]):
            first, last = number * share, min((number + 1) * share, _SLOTS) - 1
            async with node.admin() as admin:
                await say(admin, "CLUSTER", "ADDSLOTSRANGE", first, last)
        async with self.nodes[0].admin() as admin:
            for node, bus in list(zip(self.nodes, self._buses, strict=True))[1:]:
                await say(admin, "CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        await self.settled()
        for number, node in enumerate(self.nodes[_PRIMARIES:]):
            await self._replicate(self.nodes[number % _PRIMARIES], node)

    @staticmethod
    async def _replicate(primary: RedisServer, replica: RedisServer) -> None:
        """Make a node another one's replica, and wait until it has everything."""
        async with primary.admin() as leader, replica.admin() as admin:
            name = (await say(leader, "CLUSTER", "MYID")).decode()
            await say(admin, "CLUSTER", "REPLICATE", name)

            async def link() -> Any:
                return (await admin.info("replication")).get("master_link_status")

            await eventually(link, lambda status: status == "up")

    async def stop(self) -> None:
        """Stop every node."""
        await asyncio.gather(*(node.stop() for node in self.nodes))

    async def settled(self) -> None:
        """Wait until every node sees every slot served."""
        known = len(self.nodes)
        for node in self.nodes:
            await eventually(lambda node=node: _agrees(node, known))  # type: ignore[misc]  # binds the loop's value

    async def healthy(self) -> None:
        """Bring every node back from whatever a test did to it, emptied."""
        for node in self.nodes:
            await node.healthy()
        await self.settled()

    # -- failing ---------------------------------------------------------------------------

    async def kill(self, number: int) -> None:
        """End a node by SIGKILL; it remembers its slots for `restart`."""
        await self.nodes[number].kill()

    async def restart(self, number: int) -> None:
        """Start a node anew and wait until the cluster serves again: about two seconds."""
        await self.nodes[number].restart()
        await self.settled()

    def freeze(self, number: int) -> None:
        """Let a node hang."""
        self.nodes[number].freeze()

    def thaw(self, number: int) -> None:
        """Let a node go on."""
        self.nodes[number].thaw()

    # -- moving ----------------------------------------------------------------------------

    async def holder(self, key: bytes) -> int:
        """Return the number of the node that serves a key, as the first node knows it."""
        return await self._named_by(self.nodes[0], key_slot(key))

    async def owner(self, slot: int) -> int:
        """Return the number of the node that serves a slot, once all nodes say the same.

        After a move they tell one another; one that has not heard yet may name the owner before.
        """

        async def named() -> set[int]:
            return set(await asyncio.gather(*(self._named_by(node, slot) for node in self.nodes)))

        (owner,) = await eventually(named, lambda found: len(found) == 1)
        return owner

    async def _named_by(self, node: RedisServer, slot: int) -> int:
        async with node.admin() as admin:
            for first, last, primary, *_ in await say(admin, "CLUSTER", "SLOTS"):
                if first <= slot <= last:
                    return self.ports.index(int(primary[1]))
        message = f"slot {slot} is not served"
        raise AssertionError(message)

    async def move_slot(
        self, slot: int, source: int, target: int, at: AtStep | None = None
    ) -> None:
        """Move a slot key by key, as operators' tools do; `at` is awaited between the steps."""
        step = at or _go_on
        admins = [node.admin() for node in self.nodes]
        try:
            names = [(await say(admin, "CLUSTER", "MYID")).decode() for admin in admins]
            giver, taker = admins[source], admins[target]
            await say(taker, "CLUSTER", "SETSLOT", slot, "IMPORTING", names[source])
            await say(giver, "CLUSTER", "SETSLOT", slot, "MIGRATING", names[target])
            await step("marked")
            await self._move_keys(slot, giver, self.ports[target], step)
            await step("emptied")
            # The new owner first: if it were last and died, nobody would own the slot.
            await say(taker, "CLUSTER", "SETSLOT", slot, "NODE", names[target])
            await step("half")
            for admin in admins:
                await say(admin, "CLUSTER", "SETSLOT", slot, "NODE", names[target])
        finally:
            await asyncio.gather(*(admin.aclose() for admin in admins))

    async def _move_keys(self, slot: int, giver: Redis, port: int, step: AtStep) -> None:
        while keys := await say(giver, "CLUSTER", "GETKEYSINSLOT", slot, 100):
            for key in keys:
                # NOKEY is no failure: it expired meanwhile.
                await say(giver, "MIGRATE", "127.0.0.1", port, key, 0, _MIGRATE_TIMEOUT_MS)
                await step("key")


async def _go_on(step: Step) -> None:
    del step


def _clustered(bus: int) -> dict[str, str]:
    return {
        "cluster-enabled": "yes",
        "cluster-port": str(bus),
        "cluster-node-timeout": "2000",
        # A replica need not wait for others that may come.
        "repl-diskless-sync-delay": "0",
    }


async def _agrees(node: RedisServer, known: int) -> bool:
    """Tell whether a node sees every slot served by somebody it knows."""
    try:
        async with node.admin() as admin:
            told: Any = await say(admin, "CLUSTER", "INFO")
    except (OSError, RedisError):
        return False
    text = told.decode() if isinstance(told, bytes) else str(told)
    return "cluster_state:ok" in text and f"cluster_known_nodes:{known}" in text
