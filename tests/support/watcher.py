"""The official npm Socket.IO client as a child process."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

__all__ = ["Watcher", "watching"]

_SCRIPT = Path(__file__).parent.parent / "e2e" / "clients" / "watch.mjs"

Event = dict[str, Any]


class Watcher:
    """Collects what one client hears."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.heard: list[Event] = []

    async def until(self, event: str, holds: Callable[[Any], bool] = lambda _: True) -> Any:
        """Return the payload of the next event of that name for which it holds."""
        async with asyncio.timeout(10):
            while True:
                assert self._process.stdout is not None
                line = await self._process.stdout.readline()
                if not line:
                    message = f"the client ended before '{event}'; it heard {self.heard}"
                    raise AssertionError(message)
                heard = json.loads(line)
                self.heard.append(heard)
                if heard["event"] == event and holds(heard.get("payload")):
                    return heard.get("payload")

    async def send(self, event: str, payload: Any = None) -> None:
        """Have the client emit an event."""
        assert self._process.stdin is not None
        line = json.dumps({"event": event, "payload": payload}) + "\n"
        self._process.stdin.write(line.encode())
        await self._process.stdin.drain()

    def events(self, name: str) -> list[Any]:
        """Return the payloads heard so far under a name."""
        return [heard.get("payload") for heard in self.heard if heard["event"] == name]


@contextlib.asynccontextmanager
async def watching(url: str, **options: Any) -> AsyncIterator[Watcher]:
    """Run a client for the length of a block."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(_SCRIPT),
        url,
        json.dumps(options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    try:
        yield Watcher(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
