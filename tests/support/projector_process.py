"""A projector and nothing else in a process of its own, and the hand that kills or pauses it.

As a program it makes everything ready, then waits for a line on its standard input before it
tries to lead: one that was started early takes over at once. The line may say at which step of
which commit it has to kill or stop itself, which nobody could hit from outside.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pymongo import monitoring
from support.engines import Engines
from support.waiting import eventually

from callboard.app.projection import projector_of
from callboard.clock import SystemClock
from callboard.observe.logs import configure_logs
from callboard.projection.projector import Projector
from callboard.settings import load_settings
from callboard.store import database as mongo
from callboard.views import connection as redis

__all__ = ["LEADING", "Halt", "ProjectorProcess", "projector_process"]

LEASE_MS = 3_000
_PR_SET_PDEATHSIG = 1
_LOOK_EVERY_S = 0.01

READY, LEADING = "process.ready", "process.leading"


@dataclass(frozen=True)
class Halt:
    """Where a process kills or stops itself: at the n-th command to MongoDB from now on."""

    number: int
    when: Literal["before", "during", "after"]
    """Before the command is sent, `delay_s` after it was, or when its answer has come."""
    delay_s: float = 0.0
    field: str = "autocommit"
    """Count commands with this field, which is also their name: by default all in transactions."""
    signal: Literal["SIGKILL", "SIGSTOP"] = "SIGKILL"


class ProjectorProcess:
    """A running projector."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log: list[dict[str, Any]] = []
        self._reading = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        """Keep every line it prints."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            try:
                self.log.append(json.loads(line))
            except ValueError:  # a trace, or a library's warning
                self.log.append({"event": line.decode(errors="replace").rstrip()})

    def said(self, event: str) -> list[dict[str, Any]]:
        """Return what it printed of one kind."""
        return [entry for entry in self.log if entry["event"] == event]

    async def until_said(self, event: str, times: int, within_s: float = 15) -> None:
        """Wait until it has said something for the so manieth time."""

        async def seen() -> tuple[int, int | None]:
            return len(self.said(event)), self.process.returncode

        try:
            await eventually(
                seen, lambda now: now[0] >= times or now[1] is not None, within_s=within_s
            )
        except AssertionError as error:
            message = f"it never said '{event}' {times} times; it said {self.log}"
            raise AssertionError(message) from error
        assert len(self.said(event)) >= times, f"it ended; it said {self.log}"

    async def ready(self) -> None:
        """Wait until it could lead."""
        await self.until_said(READY, 1, 20)

    async def go(self, halt: Halt | None = None) -> None:
        """Let it try to lead from now on."""
        await self.ready()
        await self.order(halt)

    async def order(self, halt: Halt | None) -> None:
        """Say where it has to halt."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asdict(halt) if halt else {}).encode() + b"\n")
        await self.process.stdin.drain()

    async def leads(self, times: int = 1, *, within_s: float = 15) -> None:
        """Wait until it leads, for the so manieth time."""
        await self.until_said(LEADING, times, within_s)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; it may have ended just now."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def pause(self) -> None:
        """Stop it in the middle of whatever it does."""
        self.signal(signal.SIGSTOP)

    async def stands_still(self) -> None:
        """Wait until it is stopped (Linux)."""

        async def state() -> str:
            return _state_of(self.process.pid)

        await eventually(state, lambda seen: seen == "T")

    def resume(self) -> None:
        """Let it go on as if nothing had been."""
        self.signal(signal.SIGCONT)

    async def kill(self) -> None:
        """Kill it as a power cut would, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        await self.gone()

    async def gone(self) -> None:
        """Wait until it has ended, and all it printed was read."""
        try:
            async with asyncio.timeout(20):
                await self.process.wait()
                await self._reading
        except TimeoutError:
            message = f"it did not end; it said {self.log}"
            raise AssertionError(message) from None


@contextlib.asynccontextmanager
async def projector_process(
    engines: Engines, database: str, zone: str, cwd: Path
) -> AsyncIterator[ProjectorProcess]:
    """Start a projector that waits for `go`; at the end of the block it is gone."""
    tests = Path(__file__).parent.parent
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment: Mapping[str, str] = kept | {
        "MONGODB_URL": engines.mongo_url(database),
        "REDIS_URL": engines.valkey.url,
        "REDIS_PASSWORD": engines.valkey.password,
        "CALLBOARD_TIMEZONE": zone,
        "CALLBOARD_LEASE_MS": str(LEASE_MS),
        "PYTHONPATH": str(tests),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "support.projector_process",
        cwd=cwd,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=1 << 22,
    )
    running = ProjectorProcess(process)
    try:
        yield running
    finally:
        await running.kill()


def _state_of(pid: int) -> str:
    """Return a process' state as the kernel names it: T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


class _Halting(monitoring.CommandListener):
    """Counts commands and kills or stops this process at one of them."""

    def __init__(self) -> None:
        self._halt: Halt | None = None
        self._sent = 0
        self._waited_for = -1

    def order(self, line: str) -> None:
        """Take the line that says where to halt."""
        said = json.loads(line)
        self._sent, self._halt = 0, Halt(**said) if said else None

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """A command is about to be sent."""
        halt = self._halt
        if halt is None or halt.field not in event.command:
            return
        self._sent += 1
        if self._sent != halt.number:
            return
        if halt.when == "before":
            self._stop_here()
        elif halt.when == "during":
            threading.Timer(halt.delay_s, self._stop_here).start()
        else:
            self._waited_for = event.request_id

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """An answer has come; whoever asked does not know yet."""
        if event.request_id == self._waited_for:
            self._stop_here()

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """A refusal has come."""
        if event.request_id == self._waited_for:
            self._stop_here()

    def _stop_here(self) -> None:
        if self._halt is not None:
            os.kill(os.getpid(), signal.Signals[self._halt.signal])


def _say(event: str) -> None:
    # What the log says goes to the same pipe, line by line.
    print(json.dumps({"event": event}), file=sys.stderr, flush=True)  # noqa: T201  (the protocol)


async def _tell_when_leading(projector: Projector) -> None:
    while True:
        await projector.leading.wait()
        _say(LEADING)
        while projector.leading.is_set():  # noqa: ASYNC110  (nothing tells that it was cleared)
            await asyncio.sleep(_LOOK_EVERY_S)


async def _main() -> None:
    """Run a projector until killed, or until whoever started it is gone."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    configure_logs("json", "info")
    settings = load_settings()
    assert settings.mongodb_url is not None
    assert settings.redis_url is not None
    assert settings.redis_password is not None
    halting = _Halting()
    monitoring.register(halting)
    database = mongo.connect(settings.mongodb_url.get_secret_value())
    await database.command("ping")
    password = settings.redis_password.get_secret_value()
    writer = await redis.connect_writer(settings.redis_url.get_secret_value(), password)
    projector = projector_of(settings, SystemClock(), database, writer)
    loop = asyncio.get_running_loop()
    _say(READY)
    halting.order(await loop.run_in_executor(None, sys.stdin.readline) or "{}")
    running = [
        loop.create_task(projector.run()),
        loop.create_task(_tell_when_leading(projector)),
        loop.create_task(_hear(halting)),
    ]
    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    os._exit(0)


async def _hear(halting: _Halting) -> None:
    """Take orders until whoever gives them is gone."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        halting.order(line)


if __name__ == "__main__":
    asyncio.run(_main())
