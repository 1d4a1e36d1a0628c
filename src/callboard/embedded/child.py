"""A child process that cannot outlive us, even when we are killed.

The kernel is asked (Linux: PR_SET_PDEATHSIG) to kill the child when the thread that started it
dies, so children are started from the main thread. Killing is safe: everything acknowledged is
in MongoDB's journal, and Valkey holds nothing that cannot be derived.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from callboard.errors import ConfigurationError

__all__ = ["Child", "free_port", "is_free"]

_PR_SET_PDEATHSIG = 1
_LOOPBACK = "127.0.0.1"
_LINES_LOOKED_AT = 40
_WORDS_LENGTH_MAX = 300


class Child:
    """One engine's process."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self._command = list(command)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Return the process id, None before the start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process.

        Raises:
            ConfigurationError: the binary cannot be run.
        """
        self._log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603  (our own command line)
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    # Ctrl-C goes to us alone; we stop the engines after the server.
                    start_new_session=True,
                    preexec_fn=_die_with_parent(),  # noqa: PLW1509  (no threads hold locks yet)
                )
        except OSError as error:
            message = f"{self.name} cannot be started from {self._command[0]}: {error.strerror}"
            raise ConfigurationError(message) from error

    def require_running(self) -> None:
        """Return if the process lives.

        Raises:
            ConfigurationError: it has ended; the message quotes its last words.
        """
        if self._process is None or self._process.poll() is None:
            return
        message = (
            f"{self.name} ended at once, code {self._process.returncode}: {self._last_words()} "
            f"(full log: {self._log})"
        )
        raise ConfigurationError(message)

    def _last_words(self) -> str:
        """Return the last line of the log that says why; mongod writes JSON with a severity."""
        with contextlib.suppress(OSError):
            lines = self._log.read_text("utf-8", "replace").strip().splitlines()
            for line in reversed(lines[-_LINES_LOOKED_AT:]):
                if (said := _error_in(line)) is not None:
                    return said
            return lines[-1][-_WORDS_LENGTH_MAX:] if lines else "no output"
        return "no output"

    def stop(self, timeout_s: float) -> None:
        """End the process: kindly, then by force."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _error_in(line: str) -> str | None:
    """Return what a JSON log line of severity error or fatal says, None for any other line."""
    try:
        entry = json.loads(line)
        if entry["s"] not in ("E", "F"):
            return None
        attributes = entry.get("attr", {})
        return f"{entry['msg']} {attributes.get('error', '')}".strip()[:_WORDS_LENGTH_MAX]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _die_with_parent() -> Callable[[], None] | None:
    """Return what a child runs before its program, None where the kernel cannot help."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)

    return ask_kernel


def free_port() -> int:
    """Return a loopback port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Tell whether nobody listens on a loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
    return True
