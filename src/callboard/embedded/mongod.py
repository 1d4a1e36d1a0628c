"""An embedded single-node replica set: change streams and transactions need one."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from callboard.clock import Clock
from callboard.embedded.binaries import find_mongod
from callboard.embedded.child import Child, free_port, is_free
from callboard.errors import ConfigurationError

__all__ = ["EmbeddedMongo"]

_SET = "callboard"
_START_TIMEOUT_S = 60.0
_NOT_YET_INITIALIZED = 94
_PORT_MAX = 65_535
_STOP_TIMEOUT_S = 15.0


class EmbeddedMongo:
    """One mongod with its data under our data directory."""

    name = "embedded-mongod"

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._folder = data_dir.resolve() / "mongod"
        self._clock = clock
        self._child: Child | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Return the URL to connect to."""
        return f"mongodb://127.0.0.1:{self._port}/callboard?directConnection=true"

    @property
    def pid(self) -> int | None:
        """Return the process id."""
        return self._child.pid if self._child else None

    async def start(self) -> None:
        """Start mongod and return when it takes writes.

        Raises:
            ConfigurationError: it cannot be started; says why.
        """
        binary = find_mongod()
        try:
            (self._folder / "db").mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            message = f"CALLBOARD_DATA_DIR cannot be used: {error}"
            raise ConfigurationError(message) from error
        self._port = self._choose_port()
        self._child = Child("mongod", self._command(binary), self._folder / "log")
        self._child.start()
        await self._elect()

    def _choose_port(self) -> int:
        """Return last time's port if it is free: the replica set remembers its own address."""
        remembered = self._folder / "port"
        try:
            port = int(remembered.read_text())
        except (OSError, ValueError):
            port = 0
        if not 0 < port <= _PORT_MAX or not is_free(port):
            port = free_port()
            remembered.write_text(str(port))
        return port

    def _command(self, binary: str) -> list[str]:
        options = {
            "--dbpath": str(self._folder / "db"),
            "--port": str(self._port),
            "--bind_ip": "127.0.0.1",
            "--replSet": _SET,
            "--oplogSize": "512",
            "--wiredTigerCacheSizeGB": "0.5",
        }
        parameters = (
            "diagnosticDataCollectionEnabled=false",
            # A single node has nobody to hand over to: do not wait 15 s for it.
            "shutdownTimeoutMillisForSignaledShutdown=100",
        )
        command = [binary, "--nounixsocket", "--quiet"]
        for name, value in options.items():
            command += [name, value]
        for parameter in parameters:
            command += ["--setParameter", parameter]
        return command

    async def _elect(self) -> None:
        """Make the node primary of its own set, under today's port.

        Raises:
            ConfigurationError: it ended, or did not get there in time.
        """
        deadline_s = self._clock.monotonic_s() + _START_TIMEOUT_S
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            self.url, serverSelectionTimeoutMS=500
        )
        try:
            while self._clock.monotonic_s() < deadline_s:
                if self._child is not None:
                    self._child.require_running()
                if await self._is_primary(client):
                    return
                await asyncio.sleep(0.05)
        finally:
            await client.close()
        message = f"mongod did not become ready within {_START_TIMEOUT_S:.0f} s"
        raise ConfigurationError(message)

    async def _is_primary(self, client: AsyncMongoClient[dict[str, Any]]) -> bool:
        host = f"127.0.0.1:{self._port}"
        try:
            hello = await client.admin.command("hello")
            if hello.get("isWritablePrimary"):
                return True
            config = (await client.admin.command("replSetGetConfig"))["config"]
            if config["members"][0]["host"] != host:
                config["members"][0]["host"] = host
                config["version"] += 1
                await client.admin.command("replSetReconfig", config, force=True)
        except OperationFailure as error:
            if error.code == _NOT_YET_INITIALIZED:
                await self._initiate(client, host)
        except PyMongoError:
            return False  # not listening yet
        return False

    async def _initiate(self, client: AsyncMongoClient[dict[str, Any]], host: str) -> None:
        """Make a new set; a node that is still reading its old configuration refuses."""
        members = [{"_id": 0, "host": host}]
        with contextlib.suppress(PyMongoError):
            await client.admin.command("replSetInitiate", {"_id": _SET, "members": members})

    async def stop(self) -> None:
        """Stop mongod."""
        if self._child is not None:
            await asyncio.to_thread(self._child.stop, _STOP_TIMEOUT_S)
