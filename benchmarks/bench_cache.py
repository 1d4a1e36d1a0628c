"""What does a cached call record cost, and what do a stampede and an outage of Redis do?

Ours beside other caches, each in processes of its own on its own fresh Valkey, interleaved over
the rounds, medians. All keep the same record of about 1 KiB as JSON, with orjson where a library
takes another codec (cashews does not), and are otherwise left as they come; pools of redis-py
are given more than its 100 connections, or a stampede would raise. Processor microseconds are
those of all threads of the process and of Valkey; wall times suffer from what else runs.

- cache: hits in random order over 200 keys from 1 and from 64 callers. Then 400 callers in two
  processes ask for one cold key at one instant, pools connected; its loader takes 50 ms.
  Commands count what scripts call, but no pings and introductions.
- cache_ceiling: one GET of 953 bytes by the bare client, for what no cache on it can undercut.
- cache_outage: 64 callers ask for 50 keys, pausing 5 to 15 ms, loader 5 ms, for 0.5 s; then
  Redis is killed, or frozen, for 4 s, and started empty, or thawed. A block is one caller's wait
  for one answer or error, and `hung` counts those who still wait 3 s later. `from Redis again`
  is the first answer out of Redis (or of a memory, where a library does not say) to a question
  asked after it came back.

Shorter: `CALLBOARD_BENCH_S` is how long hits are counted, `CALLBOARD_BENCH_ROUNDS` the rounds;
`CALLBOARD_BENCH_LOOP=asyncio` instead of uvloop. Names of contenders as arguments: only those.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from cache_jobs import KEYS, Fill, Hits, Rushed, Stampede
from cache_outage import MODES, outage
from cache_process import LOOP, Runner, running
from cache_server import Server
from contenders import CEILINGS, CONTENDERS, Entry
from report import write_report

from callboard.clock import SystemClock

SECONDS = float(os.environ.get("CALLBOARD_BENCH_S", "0.5"))
ROUNDS = int(os.environ.get("CALLBOARD_BENCH_ROUNDS", "3"))
AWAY_S = 4.0
CONCURRENCY = (1, 64)
CALLERS = 200
LOAD_S = 0.05
LEAD_S = 0.2
"""From the order to the stampede, so that both processes have heard it."""
GET_BYTES = 953
NOT_AWAY = ("callboard L1+L2, bytes", "aiocache stampede")
"""Their twins' outages say it all."""
CLOCK = SystemClock()

Measured = dict[str, float]


def hits(server: Server, runner: Runner, entry: Entry) -> Measured:
    """Count what hits cost here and in the server."""
    measured: Measured = {}
    for concurrency in CONCURRENCY:
        commands, used_s = server.commands(), server.cpu_s()
        count, here_s = runner.ask(Hits(concurrency, SECONDS, entry.memory))
        there_s, sent = server.cpu_s() - used_s, server.commands() - commands
        measured |= {
            f"CPU µs/hit c={concurrency}": here_s / count * 1e6,
            f"server µs/hit c={concurrency}": there_s / count * 1e6,
            f"commands/hit c={concurrency}": sent.total() / count,
        }
    return measured


def stampede(server: Server, runners: tuple[Runner, Runner]) -> Measured:
    """Let two processes ask for one cold key at once."""
    commands = server.commands()
    job = Stampede("cold", CLOCK.monotonic_s() + LEAD_S, CALLERS, LOAD_S)
    for runner in runners:
        runner.tell(job)
    rushed: list[Rushed] = [runner.hear() for runner in runners]
    return {
        "stampede loads": sum(one.loads for one in rushed),
        "worst ms": max(one.worst_s for one in rushed) * 1e3,
        "commands": (server.commands() - commands).total(),
    }


def whole(server: Server, entry: Entry) -> Measured:
    """Measure one contender once."""
    with running(entry, server.url) as first, running(entry, server.url) as second:
        first.ask(Fill(CALLERS))
        measured = hits(server, first, entry)
        # A connection that was idle is looked at anew by some pools: both are warm again.
        first.ask(Fill(CALLERS))
        second.ask(Fill(CALLERS))
        return measured | stampede(server, (first, second))


def ceiling(server: Server, entry: Entry) -> Measured:
    """Measure a bare client once."""
    with redis.Redis.from_url(server.url) as client:
        client.mset(dict.fromkeys(KEYS, b"x" * GET_BYTES))
    with running(entry, server.url) as runner:
        runner.ask(Fill(max(CONCURRENCY)))
        return hits(server, runner, entry)


def rounds(
    entries: dict[str, Entry], once: Callable[[Server, Entry], Measured], folder: Path
) -> list[dict[str, Any]]:
    """Interleave the contenders over the rounds, so that drift hits all alike; the medians."""
    seen: dict[str, list[Measured]] = {name: [] for name in entries}
    engine = ""
    for number in range(ROUNDS):
        for name in list(entries)[:: -1 if number % 2 else 1]:
            with serving(
                folder / f"{once.__name__}-{number}-{list(entries).index(name)}"
            ) as server:
                seen[name].append(once(server, entries[name]))
                engine = server.version()
    return [
        {
            "contender": name,
            **{figure: shown(figure, results) for figure in results[0]},
            "version": entries[name].version(),
            "engine": engine,
            "loop": LOOP,
        }
        for name, results in seen.items()
    ]


def shown(figure: str, results: list[Measured]) -> float | str:
    """Return a median; of counts that differ from round to round, all of them."""
    values = [result[figure] for result in results]
    if figure == "stampede loads":
        return "/".join(str(round(value)) for value in values)
    return round(statistics.median(values), 2 if "hit" in figure else None)


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Run a fresh server."""
    server = Server(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def outages(entries: dict[str, Entry], folder: Path) -> list[dict[str, Any]]:
    """Take Redis away from each contender, in both ways."""
    rows = []
    for mode in MODES:
        for number, (name, entry) in enumerate(entries.items()):
            if name not in NOT_AWAY:
                row = outage(name, entry, mode, AWAY_S, folder / f"{mode}-{number}")
                rows.append({**row, "version": entry.version(), "loop": LOOP})
    return rows


if __name__ == "__main__":
    names = sys.argv[1:] or [*CONTENDERS]
    chosen = {name: entry for name, entry in CONTENDERS.items() if name in names}
    with tempfile.TemporaryDirectory() as scratch:
        write_report("cache_ceiling", __doc__, rounds(CEILINGS, ceiling, Path(scratch)))
        write_report("cache", __doc__, rounds(chosen, whole, Path(scratch)))
        write_report("cache_outage", __doc__, outages(chosen, Path(scratch)))
