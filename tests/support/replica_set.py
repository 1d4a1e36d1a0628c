"""Three real mongods that vote, so that a primary can be lost."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from support.waiting import eventually

from callboard.embedded.binaries import find_mongod
from callboard.embedded.child import Child, free_port

__all__ = ["ReplicaSet"]

_NAME = "callboard-tests"


class ReplicaSet:
    """A set of three nodes on loopback; every process is ended by its id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ports: list[int] = []
        self._nodes: dict[int, Child] = {}

    def url(self, database: str) -> str:
        """Return the URL of a database in the set."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"mongodb://{hosts}/{database}?replicaSet={_NAME}"

    async def start(self) -> None:
        """Start all nodes and wait for a primary and two secondaries."""
        while len(self.ports) < 3:
            port = free_port()
            if port not in self.ports:
                self.ports.append(port)
        for port in self.ports:
            self.start_node(port)
        members = [{"_id": i, "host": f"127.0.0.1:{port}"} for i, port in enumerate(self.ports)]
        config = {
            "_id": _NAME,
            "members": members,
            "settings": {"electionTimeoutMillis": 2_000, "heartbeatIntervalMillis": 500},
        }

        async def initiated() -> bool:
            try:
                await self._ask(self.ports[0], {"replSetInitiate": config})
            except PyMongoError as error:
                return "already initialized" in str(error)
            return True

        await eventually(initiated, within_s=30)
        await eventually(self.settled, within_s=30)

    def start_node(self, port: int) -> None:
        """Start one node on its data."""
        folder = self._folder / str(port)
        (folder / "db").mkdir(parents=True, exist_ok=True)
        options = {
            "--dbpath": str(folder / "db"),
            "--port": str(port),
            "--bind_ip": "127.0.0.1",
            "--replSet": _NAME,
            "--oplogSize": "128",
            "--wiredTigerCacheSizeGB": "0.25",
        }
        command = [find_mongod(), "--nounixsocket", "--quiet"]
        for name, value in options.items():
            command += [name, value]
        child = Child(f"mongod-{port}", command, folder / "log")
        child.start()
        self._nodes[port] = child

    async def settled(self) -> bool:
        """Tell whether there is a primary and everybody else follows it."""
        states = [await self._state(port) for port in self.ports]
        return sorted(states) == ["primary", "secondary", "secondary"]

    async def primary(self) -> int:
        """Return the primary's port."""
        for port in self.ports:
            if await self._state(port) == "primary":
                return port
        message = "there is no primary"
        raise AssertionError(message)

    async def kill(self, port: int) -> None:
        """Kill a node: no hand-over."""
        child = self._nodes[port]
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        await asyncio.to_thread(child.stop, 5.0)  # reaped

    async def step_down(self) -> None:
        """Ask the primary to hand over, as for maintenance."""
        command = {"replSetStepDown": 20, "secondaryCatchUpPeriodSecs": 10}
        await self._ask(await self.primary(), command)

    async def stop(self) -> None:
        """End every node; asked kindly, each would first hand over to those that end as well."""
        for port, child in self._nodes.items():
            if child.pid is not None:
                await self.kill(port)

    async def _state(self, port: int) -> str:
        try:
            hello = await self._ask(port, {"hello": 1})
        except PyMongoError:
            return "away"
        if hello.get("isWritablePrimary"):
            return "primary"
        return "secondary" if hello.get("secondary") else "other"

    @staticmethod
    async def _ask(port: int, command: dict[str, Any]) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            client: MongoClient[dict[str, Any]] = MongoClient(
                port=port, directConnection=True, serverSelectionTimeoutMS=500
            )
            with client:
                return client.admin.command(command)

        return await asyncio.to_thread(ask)
