"""How many changes a second does one projector fold, and how long after a commit is a view right?

The projector alone in a process of its own, real engines; this process writes calls as ingest
does (every change is one status of a whole Twilio call) and reads the view as a server does.

- projection: 20,000 changes of 10, 1,000 or 5,000 live calls, each touched in turn and followed
  by another when it completes, are folded at one go. `restarted`: they were written while no
  projector ran; its views then begin with a snapshot, so that only the figures are caught up.
  `paused`: they were written while it stood still, and move figures and views. Timed from its
  first look at the changes until `state` says that the last one is in the figures; processor
  time until 0.25 s later, the views' last writes included. `deltas` are those of the live calls'
  view per change: fewer than 1 when a batch is coalesced.
- projection_latency: changes of 1,000 live calls at a steady rate, written in groups as ingest
  would. From when the write was acknowledged to when this process had the change's delta, or a
  later one of the same call (`coalesced`); by one clock. `at rate` is what was really written.
  Medians of three rounds, and the worst of all.

It fails unless figures and view end exact. Shorter: `CALLBOARD_BENCH_CHANGES` is how many are
folded, `CALLBOARD_BENCH_S` how long a rate is held. `CALLBOARD_BENCH_PROFILE` names a folder for
cProfile's figures of the projectors.
"""

import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import uvloop
from processes import Sample, sample
from projection_bench import Bench, Engines, engines
from projection_latency import latency
from projection_process import Projection, projecting
from report import write_report

LEVELS = (10, 1_000, 5_000)
CHANGES = int(os.environ.get("CALLBOARD_BENCH_CHANGES", "20000"))
RATES = (100, 500, 2_000)
RATES_LIVE = 1_000
SECONDS = float(os.environ.get("CALLBOARD_BENCH_S", "6"))
ROUNDS = 3
"""Of each rate: the disk of a shared machine stalls for a quarter of a second now and then."""
SETTLE_S = 0.25

Row = dict[str, Any]


async def folds(pair: Engines, live: int) -> list[Row]:
    """Let one projector catch up with a backlog, once restarted and once paused."""
    pids = pair.pids()
    async with Bench.open(pair, f"fold_{live}", live) as bench:
        async with projecting(bench.where):
            pass  # the first folds what stands, and leaves a checkpoint
        token = await bench.write_all(CHANGES)
        async with projecting(bench.where) as projector:
            pids["projector"] = projector.pid
            restarted = await fold(bench, pids, token, None)
            await bench.require_right()
            projector.freeze()
            token = await bench.write_all(CHANGES)
            paused = await fold(bench, pids, token, projector)
            await bench.require_right()
    return [
        {"live calls": live, "backlog": "restarted", **restarted},
        {"live calls": live, "backlog": "paused", **paused},
    ]


async def fold(bench: Bench, pids: dict[str, int], token: str, frozen: Projection | None) -> Row:
    """Return the figures of one catching up; it begins now."""
    commits, deltas = await bench.commits(), await bench.deltas()
    before = sample(pids)
    if frozen is not None:
        frozen.thaw()
    await bench.folded(token)
    window = sample(pids).since(before)
    await asyncio.sleep(SETTLE_S)
    cost = sample(pids).since(before)
    commits = await bench.commits() - commits
    return {
        "changes/s": round(CHANGES / window.at_s),
        "commits": commits,
        "deltas": round((await bench.deltas() - deltas) / CHANGES, 2),
        **costs(cost),
        **{f"{who} cores": round(share, 2) for who, share in window.cores().items()},
    }


def costs(cost: Sample) -> Row:
    """Return processor microseconds per change."""
    return {f"{who} µs": round(used * 1e6 / CHANGES, 1) for who, used in cost.used_s.items()}


async def rates(pair: Engines) -> list[Row]:
    """Measure each rate on calls and a projector of its own."""
    rows = []
    for rate in RATES:
        async with (
            Bench.open(pair, f"rate_{rate}", RATES_LIVE) as bench,
            projecting(bench.where) as projector,
        ):
            pids = {**pair.pids(), "projector": projector.pid, "writer": os.getpid()}
            rounds = [await latency(bench, pids, rate, SECONDS) for _ in range(ROUNDS)]
            await bench.require_right()
        rows.append(typical(rounds))
    return rows


def typical(rounds: Sequence[Row]) -> Row:
    """Return the median of each figure, but the greatest of the greatest."""
    row = {name: round(median(found[name] for found in rounds), 2) for name in rounds[0]}
    return row | {"max ms": max(found["max ms"] for found in rounds)}


async def measure(folder: Path) -> tuple[list[Row], list[Row]]:
    """Measure both on one pair of engines."""
    async with engines(folder) as pair:
        folded = [row for live in LEVELS for row in await folds(pair, live)]
        return folded, await rates(pair)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        folded, shown = uvloop.run(measure(Path(scratch)))
    write_report("projection", __doc__, folded)
    write_report("projection_latency", __doc__, shown)
