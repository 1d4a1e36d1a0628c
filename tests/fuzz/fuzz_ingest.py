# ruff: noqa: T201  (its report is what it prints)
"""Throws generated requests at the webhooks of a real `callboard serve`, for minutes.

    make fuzz                                  # ten minutes
    make fuzz FUZZ_S=60 FUZZ_SEED=7            # a minute, as the one of that seed

Signed and unsigned, well-formed and not, over raw connections and through httpx. It ends at the
first thing that must not happen: a 5xx other than 503, a well-formed signed webhook that is
refused, an answer that does not come, a trace in the log, a process that is gone. At the end the
figures must be those of an aggregation over `calls`, and the server no larger than it was.
The offending request is in `test-artifacts/`, with what is needed to send it again.
Not a part of the tests: it takes too long, and no two runs are the same.
"""

import asyncio
import json
import os
import secrets
import signal
import sys
import tempfile
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import uvloop
from fuzz.attempts import Attempt, Attempts
from fuzz.contents import Vendor
from fuzz.watching import Log, Memory, figures_are_true
from fuzz.wire import Answer, Dropped, Wire
from support.server import ADMIN_KEY, SECRET, TOKEN
from support.waiting import eventually

from callboard.clock import SystemClock

RUN_S = float(os.environ.get("FUZZ_S") or 600)
SEED = os.environ.get("FUZZ_SEED") or secrets.token_hex(4)
LANES, CLIENTS = 20, 4
LOOK_EVERY_S = 5.0
MEMORY_FROM_S = 300.0
"""In a shorter run every pool is still being filled, and memory says nothing."""
CALLBOARD = Path(sys.executable).parent / "callboard"
ARTIFACTS = Path(__file__).parent.parent.parent / "test-artifacts"
CLOCK = SystemClock()
SHARED = ("webhooks_sharedkey_1", "shared-key-of-the-fuzz")


class Violation(Exception):  # noqa: N818  (a finding, not an error of ours)
    """Something that must not happen has happened."""


@dataclass
class Run:
    """What was done and seen so far."""

    url: str
    process: asyncio.subprocess.Process
    log: Log
    memory: Memory
    begun_s: float = field(default_factory=CLOCK.monotonic_s)
    statuses: Counter[int | str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    recent: deque[Attempt] = field(default_factory=lambda: deque(maxlen=50))
    saved: int = 0

    @property
    def at_s(self) -> float:
        """Return for how long it runs."""
        return CLOCK.monotonic_s() - self.begun_s

    def require(self, attempt: Attempt, answer: Answer, sent: Sequence[Attempt]) -> None:
        """Check one answer; `sent` is all that went out with its request."""
        self.statuses[answer.status] += 1
        why = ""
        if answer.status >= 500 and answer.status != 503:
            why = f"answered by {answer.status}"
        elif attempt.good and answer.status not in (200, 503):
            why = f"well-formed and signed, but answered by {answer.status}"
        if why:
            self.fail(f"{attempt.kind}: {why}: {answer.body[:300]!r}", sent)

    def fail(self, why: str, attempts: Sequence[Attempt]) -> None:
        """Save what led to it and end the run."""
        ARTIFACTS.mkdir(exist_ok=True)
        for attempt in attempts:
            self.saved += 1
            name = ARTIFACTS / f"fuzz-{SEED}-{self.saved}"
            name.with_suffix(".bin").write_bytes(attempt.raw)
            told = {"why": why, "kind": attempt.kind, "url": self.url, "seed": SEED}
            name.with_suffix(".json").write_text(json.dumps(told, indent=1))
        message = f"{why} (saved {self.saved} requests as test-artifacts/fuzz-{SEED}-*)"
        raise Violation(message)


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, Log]]:
    """Run a server with engines of its own for the length of a block."""
    environment = {
        "PATH": os.environ["PATH"],
        "CALLBOARD_DATA_DIR": str(folder / "data"),
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_SHARED_KEYS": ":".join(SHARED),
        "ELEVENLABS_WEBHOOK_SECRET": SECRET,
        "CALLBOARD_API_KEYS": f"fuzz:admin:{ADMIN_KEY}",
        "CALLBOARD_LOG_FORMAT": "json",
    }
    with (folder / "log").open("ab") as err:
        process = await asyncio.create_subprocess_exec(
            CALLBOARD, "serve", "--port", "0", cwd=folder, env=environment, stderr=err
        )
    log = Log(folder / "log")
    try:

        async def ready() -> str:
            assert process.returncode is None, (folder / "log").read_text()
            log.look()
            return log.url

        await eventually(ready, within_s=60)
        yield process, log
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()


async def raw_lane(run: Run, vendor: Vendor, name: str) -> None:
    """Send over raw connections until the time is up; now and then several at once."""
    attempts, wire = Attempts(vendor, f"{SEED}-{name}"), Wire(run.url)
    following = attempts.make()
    while run.at_s < RUN_S:
        sent, following = [following], attempts.make()
        while sent[-1].pipes and following.pipes and attempts.another():
            sent.append(following)
            following = attempts.make()
        run.recent.extend(sent)
        run.kinds.update(attempt.kind.partition(",")[0] for attempt in sent)
        try:
            answers = await wire.send(sent)
        except Dropped as error:
            run.statuses["dropped"] += 1
            run.fail(f"{' | '.join(attempt.kind for attempt in sent)}: {error}", sent)
            raise
        if not answers:
            run.statuses["none due"] += 1
        for attempt, answer in zip(sent, answers, strict=False):
            run.require(attempt, answer, sent)
    wire.close()


async def client_lane(run: Run, vendor: Vendor, name: str) -> None:
    """Send through httpx until the time is up."""
    attempts = Attempts(vendor, f"{SEED}-{name}")
    async with httpx.AsyncClient(base_url=run.url, trust_env=False, timeout=30) as http:
        while run.at_s < RUN_S:
            attempt = attempts.make()
            if not attempt.plain:
                continue
            run.recent.append(attempt)
            try:
                headers = [(name.encode(), value) for name, value in attempt.headers]
                answer = await http.request(
                    attempt.method, attempt.target, headers=headers, content=attempt.body
                )
            except (httpx.InvalidURL, httpx.LocalProtocolError, httpx.UnsupportedProtocol):
                continue  # httpx itself refuses
            except httpx.ConnectError:
                if attempt.target.startswith("/") and not attempt.target.startswith("//"):
                    raise
                continue  # to another host
            except httpx.TransportError as error:
                run.statuses["dropped"] += 1
                run.fail(f"{attempt.kind} through httpx: {error!r}", [attempt])
                raise
            run.kinds[attempt.kind.partition(",")[0]] += 1
            run.require(attempt, Answer(answer.status_code, b"", answer.content), [attempt])


async def watch(run: Run) -> None:
    """Look at the log, the memory and the health, until the time is up."""
    async with httpx.AsyncClient(base_url=run.url, trust_env=False, timeout=30) as http:
        while run.at_s < RUN_S:
            look(run)
            if (answer := await http.get("/healthz")).status_code != 200:
                run.fail(f"/healthz says {answer.status_code}", [*run.recent])
            await asyncio.sleep(min(LOOK_EVERY_S, max(RUN_S - run.at_s, 0.0)))
    look(run)


def look(run: Run) -> None:
    """Look at what needs no request."""
    if run.process.returncode is not None:
        run.fail(f"the server ended with {run.process.returncode}", [*run.recent])
    run.memory.look(run.at_s)
    if evil := run.log.look():
        run.fail("the log says: " + "\n".join(line[:3_000] for line in evil[:3]), [*run.recent])


async def settled(run: Run, data: Path) -> None:
    """Check the figures when everything has been taken."""
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    client = httpx.AsyncClient(base_url=run.url, trust_env=False, timeout=30, headers=headers)
    async with client as http:

        async def ready() -> bool:
            return (await http.get("/readyz")).status_code == 200

        begun_s = run.at_s
        try:
            await eventually(ready, within_s=60)
            shown = await figures_are_true(http, data)
        except AssertionError as error:
            run.fail(f"the figures are not true: {error}", [*run.recent])
            raise
        print(f"figures true after {run.at_s - begun_s:.1f} s: {shown}")
    look(run)


def report(run: Run, took_s: float) -> None:
    """Print what was seen."""
    answered = sum(n for status, n in run.statuses.items() if isinstance(status, int))
    print(f"{answered} answers in {took_s:.0f} s: {answered / took_s:.0f}/s")
    print("answers:", dict(sorted(run.statuses.items(), key=str)))
    print("requests:", dict(run.kinds.most_common()))
    print("log events:", dict(run.log.events.most_common(12)))
    for name in ("server", "mongod", "valkey-server"):
        print(f"MB {name}: {run.memory.series(name)}")
    early, late = run.memory.fifths()
    slope = run.memory.slope()
    print(f"server: {early:.1f} MB in the second fifth, {late:.1f} MB in the last")
    print(f"server: {slope:+.2f} MB/min from the second fifth on")


async def fuzz() -> None:
    """Run everything."""
    print(f"seed {SEED}, {RUN_S:.0f} s", flush=True)
    with tempfile.TemporaryDirectory(prefix="callboard-fuzz-") as scratch:
        folder = Path(scratch)
        async with serving(folder) as (process, log):
            run = Run(log.url, process, log, Memory(process.pid))
            vendor = Vendor(log.url, TOKEN, SHARED, SECRET)
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(watch(run))
                    for number in range(LANES):
                        tasks.create_task(raw_lane(run, vendor, f"raw-{number}"))
                    for number in range(CLIENTS):
                        tasks.create_task(client_lane(run, vendor, f"httpx-{number}"))
                took_s = run.at_s
                await settled(run, folder / "data")
            finally:
                report(run, run.at_s)
            early, late = run.memory.fifths()
            if took_s >= MEMORY_FROM_S and run.memory.grew():
                run.fail(f"the server grew from {early:.1f} to {late:.1f} MB", [])


def main() -> int:
    """Fuzz; 1 when something happened that must not."""
    violations: list[BaseException] = []
    try:
        uvloop.run(fuzz())
    except* Violation as group:
        violations += group.exceptions
    for violation in violations:
        print("VIOLATION:", violation)
    print(f"{len(violations)} violations")
    return int(bool(violations))


if __name__ == "__main__":
    sys.exit(main())
