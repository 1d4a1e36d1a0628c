"""How soon does a client see a webhook, and what does a delivered message cost?

One `callboard serve` with embedded engines; Socket.IO clients by WebSocket in a process of
their own, all subscribed to every call, half of them offering permessage-deflate; signed Twilio
webhooks of whole calls at a steady rate from a third process. All on one machine, so clients
and webhooks take their share of its cores.

`sent` and `acknowledged` are from when a webhook was sent, or its answer had come, to when a
client had read the call's new status or a later one; by one clock, of the clients that read (the
others count bytes). A status is `coalesced` if only a later one of its call came, `never seen` if
neither did: of all statuses and reading clients, so the rest is what came of what was due.

`µs/message to` is the server's processor time by delivered update, all of it: ingest, projection
and fan-out. `from` is without that of the same webhooks with no clients; little beside what it is
taken from, it may be below nothing, and a busy server takes more webhooks at once, each for less.
What fan-out costs is between, and by itself in `bench_emit.py`. `KiB` is the growth of the
server's memory by client. `wrong` counts offsets missing or come again, clients of one kind that
were sent different numbers of bytes, and boards other than the API's in the end; `left out` writes
that slow clients were spared.

Shorter: `CALLBOARD_BENCH_S` is how long a rate is held. `CALLBOARD_BENCH_CLIENTS` and
`CALLBOARD_BENCH_RATES` are lists, with commas. `CALLBOARD_BENCH_DEFLATE` is the share of clients
that offer permessage-deflate, in percent: 0, 50 or 100.
"""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
from bench_ingest import KEY, START_S, TOKEN, serving, until
from fanout_audience import Audience, Heard, listen
from fanout_latency import latencies
from fanout_sender import send
from processes import Sample, children, sample
from report import write_report

from callboard.clock import SystemClock

CLOCK = SystemClock()
HELD_S = float(os.environ.get("CALLBOARD_BENCH_S", "8"))
CLIENTS = [int(n) for n in os.environ.get("CALLBOARD_BENCH_CLIENTS", "50,500,3000").split(",")]
RATES = [int(n) for n in os.environ.get("CALLBOARD_BENCH_RATES", "20,100,300").split(",")]
DEFLATE = int(os.environ.get("CALLBOARD_BENCH_DEFLATE", "50"))
READING = 10
SETTLE_S = 0.5
_CONTEXT = multiprocessing.get_context("spawn")


@contextmanager
def process(run: Callable[..., None], *arguments: Any, **options: Any) -> Iterator[Connection]:
    """Run a function that takes a pipe in a process; yield our end."""
    pipe, theirs = _CONTEXT.Pipe()
    child = _CONTEXT.Process(target=run, args=(*arguments, theirs), kwargs=options, daemon=True)
    child.start()
    theirs.close()
    try:
        yield pipe
        pipe.send(None)
        child.join(5)
    finally:
        child.kill()
        child.join()


def heard_from(pipe: Connection, within_s: float) -> Any:
    """Return what a process says next."""
    assert pipe.poll(within_s), f"nothing was said within {within_s:.0f} s"
    return pipe.recv()


def pss_kib(pid: int) -> int:
    """Return the proportional memory of a process in KiB (Linux)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("Pss:")))


def played(sender: Connection, rate: int, pids: dict[str, int]) -> tuple[Sample, list[Any]]:
    """Send webhooks at a rate; return what it cost and when each was sent and acknowledged."""
    sender.send((int(rate * HELD_S), rate))
    assert heard_from(sender, 60) == "ready"
    before = sample(pids)
    sender.send("go")
    webhooks = heard_from(sender, HELD_S + 60)
    time.sleep(SETTLE_S)
    return sample(pids).since(before), webhooks


def wrong_boards(http: httpx.Client, heard: list[Heard]) -> int:
    """Return how many clients that read hold other calls than the API tells, or none at all."""
    headers = {"Cache-Control": "no-cache"}
    told = http.get("/api/calls/active", headers=headers).json()["active_calls"]
    truth = {call["sid"]: call["status"] for call in told}
    return sum(client.board != truth for client in heard)


def left_out(http: httpx.Client) -> float:
    """Return how many writes the server has spared slow clients."""
    lines = http.get("/metrics").text.splitlines()
    found = next(line for line in lines if line.startswith("callboard_socket_left_out_total "))
    return float(found.split()[1])


def measured(
    url: str, pid: int, http: httpx.Client, count: int, alone: dict[int, float], *, batch: bool
) -> list[dict[str, Any]]:
    """Return the rows of one number of clients; with none, only fill `alone`."""
    rows = []
    start = CLOCK.now().astimezone(UTC) - timedelta(hours=2)
    pids = {"server": pid, **children(pid)}
    memory = pss_kib(pid)
    listeners = Audience(url, KEY, count, min(READING, count), batch, DEFLATE)
    with (
        process(listen, listeners) as audience,
        process(send, url, TOKEN, start) as sender,
    ):
        assert heard_from(audience, 120) == "ready"
        memory = pss_kib(pid) - memory
        for rate in RATES:
            audience.send("mark")
            heard_from(audience, 60)
            spared = left_out(http)
            cost, webhooks = played(sender, rate, pids)
            audience.send("report")
            report = heard_from(audience, 60)
            server_s = cost.used_s["server"]
            if not count:
                alone[rate] = server_s
                continue
            heard = report["heard"]
            updates = sum(client.updates for client in heard) / len(heard) * count
            cores = cost.cores()
            rows.append(
                {
                    "clients": count,
                    "webhooks/s": rate,
                    "told": "call_updates" if batch else "call_update",
                    **latencies(heard, webhooks),
                    "messages/s": round(updates / cost.at_s),
                    "µs/message from": round((server_s - alone[rate]) / max(1, updates) * 1e6, 1),
                    "µs/message to": round(server_s / max(1, updates) * 1e6, 1),
                    "bytes/message": round(report["bytes"] / max(1, updates)),
                    "KiB/client": round(memory / count),
                    "wrong": sum(one.gaps + one.duplicates for one in heard)
                    + report["uneven"]
                    + wrong_boards(http, heard),
                    "snapshots": sum(one.snapshots for one in heard),
                    "left out": int(left_out(http) - spared),
                    "server cores": round(cores["server"], 2),
                    "others cores": round(cores["others"], 2),
                    "idle cores": round(cores["idle"], 2),
                }
            )
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure every number of clients at every rate, each on a fresh server."""
    rows: list[dict[str, Any]] = []
    alone: dict[int, float] = {}
    levels = [(0, False), *((count, False) for count in CLIENTS), (CLIENTS[-1], True)]
    for count, batch in levels:
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as (url, pid):
            headers = {"Authorization": f"Bearer {KEY}"}
            with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as http:
                until(lambda: http.get("/readyz").status_code == 200, START_S, 0.05, "readiness")
                rows += measured(url, pid, http, count, alone, batch=batch)
    write_report("fanout", __doc__, rows)


if __name__ == "__main__":
    main()
