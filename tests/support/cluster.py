"""A real Valkey Cluster of three primaries on loopback."""

import asyncio
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError
from support.waiting import eventually

from callboard.embedded.binaries import find_valkey
from callboard.embedded.child import Child, free_port

__all__ = ["Cluster"]

_SLOTS = 16_384
_PRIMARIES = 3


class Cluster:
    """Three primaries that share the slots evenly."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[Child] = []
        self.ports: list[int] = []

    @property
    def url(self) -> str:
        """Return a URL that names two of the nodes."""
        return ",".join(f"redis://127.0.0.1:{port}" for port in self.ports[:2])

    async def start(self) -> None:
        """Start the nodes, share out the slots, and wait until all agree."""
        self.ports = [free_port() for _ in range(_PRIMARIES)]
        # The default bus port, port + 10000, may lie beyond 65535.
        buses = [free_port() for _ in range(_PRIMARIES)]
        for port, bus in zip(self.ports, buses, strict=True):
            self._start_node(port, bus)
        share = -(-_SLOTS // _PRIMARIES)
        for number, port in enumerate(self.ports):
            first, last = number * share, min((number + 1) * share, _SLOTS) - 1
            async with Redis(port=port) as node:
                await eventually(lambda node=node: _answers(node))  # type: ignore[misc]  # binds the loop's value
                await _say(node, "CLUSTER", "ADDSLOTSRANGE", first, last)
        async with Redis(port=self.ports[0]) as node:
            for port, bus in list(zip(self.ports, buses, strict=True))[1:]:
                await _say(node, "CLUSTER", "MEET", "127.0.0.1", port, bus)
        for port in self.ports:
            async with Redis(port=port) as node:
                await eventually(lambda node=node: _agrees(node))  # type: ignore[misc]  # binds the loop's value

    def _start_node(self, port: int, bus: int) -> None:
        folder = self._folder / str(port)
        folder.mkdir(parents=True)
        options = {
            "--port": str(port),
            "--cluster-port": str(bus),
            "--bind": "127.0.0.1",
            "--dir": str(folder),
            "--cluster-enabled": "yes",
            "--cluster-node-timeout": "2000",
            "--save": "",
        }
        command = [find_valkey(), *(word for pair in options.items() for word in pair)]
        child = Child("valkey-server", command, folder / "log")
        child.start()
        self._children.append(child)

    async def stop(self) -> None:
        """Stop every node."""
        await asyncio.gather(*(asyncio.to_thread(c.stop, 5) for c in self._children))


async def _say(node: Redis, *words: str | int) -> Any:
    """Run a command for which the driver has no typed method."""
    command: Any = node.execute_command
    return await command(*words)


async def _answers(node: Redis) -> bool:
    try:
        return bool(await _say(node, "PING"))
    except (OSError, RedisError):
        return False


async def _agrees(node: Redis) -> bool:
    """Tell whether a node sees every slot served by somebody it knows."""
    told = await _say(node, "CLUSTER", "INFO")
    text = told.decode() if isinstance(told, bytes) else str(told)
    return "cluster_state:ok" in text and f"cluster_known_nodes:{_PRIMARIES}" in text
