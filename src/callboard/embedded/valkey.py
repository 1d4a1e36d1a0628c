"""An embedded Valkey. Without persistence: views are derived, and are derived anew."""

import asyncio
import secrets
from pathlib import Path

from callboard.clock import Clock
from callboard.embedded.binaries import find_valkey
from callboard.embedded.child import Child, free_port
from callboard.errors import ConfigurationError

__all__ = ["EmbeddedValkey"]

_START_TIMEOUT_S = 15.0
_STOP_TIMEOUT_S = 3.0


class EmbeddedValkey:
    """One valkey-server on a free loopback port, with a password of its own."""

    name = "embedded-valkey"

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._folder = data_dir.resolve() / "valkey"
        self._clock = clock
        self._child: Child | None = None
        self._port = 0
        self.password = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        """Return the URL to connect to; the password is told apart."""
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int | None:
        """Return the process id."""
        return self._child.pid if self._child else None

    async def start(self) -> None:
        """Start Valkey and return when it answers.

        Raises:
            ConfigurationError: it cannot be started; says why.
        """
        binary = find_valkey()
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            config = self._folder / "valkey.conf"
            # By file: a password on the command line is readable by everybody on the machine.
            config.touch(mode=0o600, exist_ok=True)
            self._port = free_port()
            config.write_text(self._config())
        except OSError as error:
            message = f"CALLBOARD_DATA_DIR cannot be used: {error}"
            raise ConfigurationError(message) from error
        self._child = Child("valkey-server", [binary, str(config)], self._folder / "log")
        self._child.start()
        await self._answering()

    def _config(self) -> str:
        lines = {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "requirepass": self.password,
            "dir": f'"{self._folder}"',
            "save": '""',
            "appendonly": "no",
            "maxmemory": "256mb",
            # Views and their floors must not vanish one by one: refuse writes instead.
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    async def _answering(self) -> None:
        """Wait for the port.

        Raises:
            ConfigurationError: the process ended, or did not listen in time.
        """
        deadline_s = self._clock.monotonic_s() + _START_TIMEOUT_S
        while self._clock.monotonic_s() < deadline_s:
            if self._child is not None:
                self._child.require_running()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
        message = f"valkey-server did not answer within {_START_TIMEOUT_S:.0f} s"
        raise ConfigurationError(message)

    async def stop(self) -> None:
        """Stop Valkey."""
        if self._child is not None:
            await asyncio.to_thread(self._child.stop, _STOP_TIMEOUT_S)
