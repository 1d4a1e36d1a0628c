"""One Valkey of a contender's own, that can be killed, frozen and brought back."""

import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import redis

from callboard.clock import SystemClock
from callboard.embedded.binaries import find_valkey
from callboard.embedded.child import Child, free_port

__all__ = ["Server"]

_CLOCK = SystemClock()
_START_S = 15.0
_NOT_THEIRS = ("info", "ping", "hello", "client|")
"""Our own questions, introductions, and the pings by which links and pools look for life."""


class Server:
    """A server without persistence on a loopback port that stays the same."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Return the URL to connect to."""
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def _pid(self) -> int:
        assert self._child is not None
        assert self._child.pid is not None
        return self._child.pid

    def start(self) -> None:
        """Start it, and return when it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [find_valkey(), "--bind", "127.0.0.1", "--port", str(self._port)]
        command += ["--dir", str(self._folder), "--save", "", "--maxmemory", "256mb"]
        self._child = Child("valkey", command, self._folder / "log")
        self._child.start()
        deadline_s = _CLOCK.monotonic_s() + _START_S
        while True:
            try:
                self._ask("server")
            except redis.ConnectionError:
                self._child.require_running()
                assert _CLOCK.monotonic_s() < deadline_s, "the server does not answer"
                time.sleep(0.005)
            else:
                break

    def kill(self) -> None:
        """End it without a word."""
        os.kill(self._pid, signal.SIGKILL)
        self.stop()

    def freeze(self) -> None:
        """Stop it in its tracks: connections stand, nothing answers."""
        os.kill(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it."""
        if self._child is not None:
            self._child.stop(2.0)

    def version(self) -> str:
        """Return what it is."""
        about = self._ask("server")
        number = about.get("valkey_version", about["redis_version"])
        return f"{about.get('server_name', 'redis')} {number}"

    def cpu_s(self) -> float:
        """Return the processor seconds it has used."""
        used = self._ask("cpu")
        return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])

    def commands(self) -> Counter[str]:
        """Return how often each command was called, scripts' own calls among them."""
        stats = self._ask("commandstats")
        named = {name.removeprefix("cmdstat_"): entry["calls"] for name, entry in stats.items()}
        return Counter({name: n for name, n in named.items() if not name.startswith(_NOT_THEIRS)})

    def _ask(self, section: str) -> dict[str, Any]:
        # One connection a question: none is left over when the server is killed or frozen.
        with redis.Redis(port=self._port, single_connection_client=True) as client:
            answer: dict[str, Any] = client.info(section)
            return answer
