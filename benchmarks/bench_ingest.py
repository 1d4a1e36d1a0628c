"""How many webhooks a second does one `callboard serve` acknowledge, and what do they cost?

Embedded engines, everything on one machine; 64 keep-alive connections play whole, correctly
signed Twilio calls (initiated, ringing, in-progress, AMD, completed, recording; one webhook in
50 comes twice) while 10, 1,000 or 5,000 other calls stand. Closed loop for the most there is,
open loop at a steady rate for how long an acknowledgement takes. The whole pipe runs behind it.
A fresh server for each level and round, the order alternating; medians over the rounds.

Processor time is counted from the load's first webhook until the summary shows every call, so
that work left for later is paid for too; `pipe` is server, mongod and valkey together. The
busy cores are those of the measured window; much in `others` means that the machine was not
ours alone, and the run is worth little. It fails unless the summary ends exact.

Shorter: `CALLBOARD_BENCH_S` is the window's length, `CALLBOARD_BENCH_ROUNDS` the rounds.
"""

import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
import orjson
from load import Closed, Done, Order, Paced, Standing, generate
from processes import Sample, children, memory_mb, sample
from report import write_report

from callboard.clock import SystemClock

LEVELS = (10, 1_000, 5_000)
RATES = (500, 1_000)
MEASURE_S = float(os.environ.get("CALLBOARD_BENCH_S", "12"))
WARM_S = min(3.0, MEASURE_S / 4)
ROUNDS = int(os.environ.get("CALLBOARD_BENCH_ROUNDS", "3"))
LIVES_PER_S = 1_500
"""Calls built for each second of a closed loop: enough for 9,000 webhooks/s."""
START_S = 60
CATCH_UP_S = 240
TOKEN, KEY = "token-of-the-benchmark", "key-of-the-benchmark"
CALLBOARD = Path(__file__).parent.parent / ".venv" / "bin" / "callboard"
CLOCK = SystemClock()
ENGINES = {"mongod": "mongod", "valkey": "valkey-server"}


@dataclass
class Bench:
    """A running server, its load generator, and what the figures have to say."""

    url: str
    pids: dict[str, int]
    pipe: Connection
    http: httpx.Client
    standing: int
    played: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)

    def get(self, path: str) -> Any:
        """Read the API, as of now."""
        answer = self.http.get(path)
        answer.raise_for_status()
        return answer.json()

    def hear(self, timeout_s: float) -> Any:
        """Wait for the generator's next word."""
        assert self.pipe.poll(timeout_s), f"the generator said nothing for {timeout_s:.0f} s"
        return self.pipe.recv()

    def exact(self) -> bool:
        """Tell whether the summary shows every call sent, and each in its state."""
        shown = self.get("/api/dashboard/summary")["summary"]
        counted = [shown[name] for name in ("totalCalls", "completedCalls", "activeCalls")]
        return counted == [self.standing + self.played, self.played, self.standing]

    def require_exact(self) -> None:
        """Check the figures once more when nothing should move them, and the list of calls."""
        time.sleep(0.5)
        assert self.exact(), self.get("/api/dashboard/summary")
        calls = self.get("/api/calls/active")["active_calls"]
        assert len(calls) == self.standing, f"{len(calls)} calls stand, not {self.standing}"


def until(reached: Callable[[], bool], timeout_s: float, every_s: float, what: str) -> None:
    """Ask again and again."""
    deadline_s = CLOCK.monotonic_s() + timeout_s
    while not reached():
        assert CLOCK.monotonic_s() < deadline_s, f"{what}: not within {timeout_s:.0f} s"
        time.sleep(every_s)


def noon_zone(now: datetime) -> str:
    """Return a zone in which it is about noon: today must not end while it is counted."""
    return f"Etc/GMT{now.hour - 12:+d}"  # POSIX signs: west is positive


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[tuple[str, int]]:
    """Run a server, with further settings; yield its URL and process id."""
    environment = {
        "PATH": os.environ["PATH"],
        "CALLBOARD_DATA_DIR": str(folder / "data"),
        "TWILIO_AUTH_TOKEN": TOKEN,
        "CALLBOARD_API_KEYS": f"bench:admin:{KEY}",
        "CALLBOARD_LOG_FORMAT": "json",
        "CALLBOARD_REQUESTS_PER_S": "0",
        "CALLBOARD_TIMEZONE": noon_zone(CLOCK.now()),
        **settings,
    }
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603  (our own program)
            [CALLBOARD, "serve", "--port", "0"], env=environment, stdout=out, stderr=out
        )

    def url() -> str:
        assert process.poll() is None, log.read_text()
        lines = [line for line in log.read_bytes().splitlines() if b'"server.ready"' in line]
        return orjson.loads(lines[0])["url"] if lines else ""

    try:
        until(lambda: bool(url()), START_S, 0.05, "the server's start")
        yield url(), process.pid
    except BaseException:
        print(log.read_text()[-4_000:])
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()  # its engines end with it
            process.wait()


@contextmanager
def generating(order: Order) -> Iterator[tuple[Connection, int]]:
    """Run a load generator; yield the pipe to it, all requests built, and its process id."""
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=generate, args=(order, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        assert pipe.poll(120), "the requests were not built within 120 s"
        assert pipe.recv() == "ready"
        assert process.pid is not None
        yield pipe, process.pid
        pipe.send(None)
        process.join(5)
    finally:
        process.kill()
        process.join()


@contextmanager
def bench(folder: Path, standing: int, lives: int, seed: int) -> Iterator[Bench]:
    """Start a server and let calls stand on it."""
    headers = {"Authorization": f"Bearer {KEY}", "Cache-Control": "no-cache"}
    with serving(folder) as (url, pid):
        start = CLOCK.now().astimezone(UTC) - timedelta(hours=2)
        order = Order(url, TOKEN, start, standing, lives, seed)
        with (
            httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as http,
            generating(order) as (pipe, generator),
        ):
            until(lambda: http.get("/readyz").status_code == 200, START_S, 0.05, "readiness")
            found = children(pid)
            engines = {name: found[program] for name, program in ENGINES.items()}
            run = Bench(url, {"server": pid, **engines, "load": generator}, pipe, http, standing)
            pipe.send(Standing())
            done: Done = run.hear(CATCH_UP_S)
            assert done.calls == standing, done
            until(run.exact, CATCH_UP_S, 0.1, "the standing calls in the summary")
            run.require_exact()
            yield run


def measure(run: Bench, name: str, phase: Closed | Paced) -> dict[str, Any]:
    """Play one phase; return its row."""
    before = sample(run.pids)
    run.pipe.send(phase)
    assert run.hear(phase.warm_s + 30) == "begin"
    begun = sample(run.pids)
    assert run.hear(phase.measure_s + 30) == "end"
    window = sample(run.pids).since(begun)
    done: Done = run.hear(60)
    run.played += done.calls
    ended_s = CLOCK.monotonic_s()
    until(run.exact, CATCH_UP_S, 0.05, "every call sent in the summary")
    cost = sample(run.pids).since(before)
    memory = memory_mb(run.pids["server"])
    run.require_exact()
    assert set(done.other_statuses) <= {503}, done.other_statuses
    return {
        "load": name,
        "standing": run.standing,
        "acknowledged/s": done.acknowledged / done.window_s,
        "p50 ms": done.p50_s * 1e3,
        "p99 ms": done.p99_s * 1e3,
        "max ms": done.max_s * 1e3,
        "not 200": sum(done.other_statuses.values()),
        **costs(cost, done.sent),
        "server MB": memory,
        "catch-up s": before.at_s + cost.at_s - ended_s,
        **{f"{who} cores": share for who, share in window.cores().items()},
    }


def costs(cost: Sample, webhooks: int) -> dict[str, float]:
    """Return processor time by webhook; the same number is ms per 1,000 webhooks."""
    each = {f"{who} µs": used * 1e6 / webhooks for who, used in cost.used_s.items()}
    return {**each, "pipe µs": sum(each.values()) - each["load µs"]}


def closed(folder: Path, standing: int, seed: int) -> list[dict[str, Any]]:
    """Measure the closed loop on a fresh server."""
    lives = int(LIVES_PER_S * (WARM_S + MEASURE_S))
    with bench(folder, standing, lives, seed) as run:
        return [measure(run, "64 connections", Closed(WARM_S, MEASURE_S))]


def paced(folder: Path, seed: int) -> list[dict[str, Any]]:
    """Measure steady rates on a fresh server."""
    lives = int(sum(RATES) * (WARM_S + MEASURE_S) / 6) + 1_000
    with bench(folder, LEVELS[0], lives, seed) as run:
        return [measure(run, f"{rate}/s", Paced(rate, WARM_S, MEASURE_S)) for rate in RATES]


def medians(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one row for a level's rounds."""
    row: dict[str, Any] = {}
    for name, first in rounds[0].items():
        if isinstance(first, str) or name == "standing":
            row[name] = first
            continue
        value = statistics.median(found[name] for found in rounds)
        digits = 2 if name.endswith((" cores", " s")) else 1 if name.endswith(" ms") else None
        row[name] = round(value, digits)
    row["not 200"] = sum(found["not 200"] for found in rounds)
    return row


def bound_by(row: dict[str, Any]) -> str:
    """Name what a level cannot have more of; `server` has one thread that does the work."""
    if not row["load"].endswith("connections"):
        return "the rate"
    if row["idle cores"] < 0.15:
        return "both cores"
    return "server's thread" if row["server cores"] > 0.85 else "waiting"


def measure_all() -> list[dict[str, Any]]:
    """Alternate the order of the levels, so that drift hits all alike."""
    seen: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for number in range(ROUNDS):
        jobs = [*(partial(closed, standing=n, seed=number * 10_000 + n) for n in LEVELS)]
        jobs.append(partial(paced, seed=number))
        for job in jobs if number % 2 == 0 else reversed(jobs):
            with tempfile.TemporaryDirectory() as scratch:
                for row in job(Path(scratch)):
                    seen.setdefault((row["load"], row["standing"]), []).append(row)
                    print(f"round {number + 1}/{ROUNDS}", medians([row]), flush=True)
    rows = [medians(found) for _, found in sorted(seen.items(), key=_in_order)]
    for row in rows:
        row["cost / at 10"] = round(row["pipe µs"] / rows[0]["pipe µs"], 2)
        row["bound by"] = bound_by(row)
    return rows


def _in_order(item: tuple[tuple[str, int], Any]) -> tuple[bool, int, int]:
    (name, standing), rows = item
    return "/s" in name, standing, round(rows[0]["acknowledged/s"])


if __name__ == "__main__":
    # Being ended from outside must end what was started, too.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    write_report("ingest", __doc__, measure_all())
