"""callboard as the program people start: a process of its own, with embedded engines."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from support.server import ADMIN_KEY, TOKEN

__all__ = ["Program", "children_of", "is_alive", "program", "run_to_end"]

_CALLBOARD = str(Path(sys.executable).parent / "callboard")


def _environment(data_dir: Path, **more: str) -> dict[str, str]:
    """Return an environment in which nothing of the machine's own settings is left."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "CALLBOARD_DATA_DIR": str(data_dir),
        "TWILIO_AUTH_TOKEN": TOKEN,
        "CALLBOARD_API_KEYS": f"tests:admin:{ADMIN_KEY}",
        "CALLBOARD_LOG_FORMAT": "json",
        **more,
    }


class Program:
    """A running `callboard serve` or `callboard demo`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.url = ""
        self.log: list[dict[str, Any]] = []

    async def ready(self) -> None:
        """Read the log until the server says where it is."""
        assert self.process.stderr is not None
        async with asyncio.timeout(60):
            while not self.url:
                line = await self.process.stderr.readline()
                if not line:
                    message = f"ended while starting; log: {self.log}"
                    raise AssertionError(message)
                entry = json.loads(line)
                self.log.append(entry)
                if entry["event"] == "server.ready":
                    self.url = entry["url"]

    def client(self) -> httpx.AsyncClient:
        """Return a client with the admin key."""
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=10, trust_env=False)


@contextlib.asynccontextmanager
async def program(
    data_dir: Path, *arguments: str, ready: bool = True, **environment: str
) -> AsyncIterator[Program]:
    """Run callboard for the length of a block; afterwards it is gone, whatever happened."""
    process = await asyncio.create_subprocess_exec(
        _CALLBOARD,
        *arguments,
        cwd=data_dir.parent,
        env=_environment(data_dir, **environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 22,
    )
    running = Program(process)
    try:
        if ready:
            await running.ready()
        yield running
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(20):
                    await process.communicate()
            except TimeoutError:
                process.kill()
                await process.communicate()


async def run_to_end(data_dir: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run callboard until it ends by itself; return code, standard output and error."""
    async with program(data_dir, *arguments, ready=False, **environment) as running:
        async with asyncio.timeout(90):
            out, err = await running.process.communicate()
        assert running.process.returncode is not None
        return running.process.returncode, out.decode(), err.decode()


def children_of(pid: int) -> dict[int, str]:
    """Return the names of a process' children by id (Linux)."""
    found: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            name, _, rest = (folder / "stat").read_text().rpartition(")")
            if int(rest.split()[1]) == pid:
                found[int(folder.name)] = name.partition("(")[2]
    return found


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
