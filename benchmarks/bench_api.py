"""What does a read of the API cost, and what remains of its rate while webhooks flow?

`callboard serve` with embedded engines, and beside it `usual`: FastAPI with cashews on engines of
the same kind. `wrk` with 16 keep-alive connections reads one route at a time as fast as it is
answered, plainly or with the newest tag it was told (`304 %` is what was answered so); webhooks of
whole Twilio calls are sent at a steady rate meanwhile, or none, and `webhooks acked/s` is what was
acknowledged: less than was sent, and the row is not one of that rate. Everything on one machine:
without `idle cores` it is the machine that ends, not only the server. Reading tags costs wrk time,
so rows with tags are compared among themselves.

`µs/request to` is the server's processor time by request, that of the webhooks included;
`from` without what as many webhooks cost when nobody reads. The truth is between: a busy server
takes more webhooks at once, each for less. Without webhooks there is no difference.
`of quiet %` is the rate beside that without webhooks.

Needs wrk (Debian: `apt-get install wrk`). Shorter: `CALLBOARD_BENCH_S` is how long a row takes.
"""

import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
import uvloop
from bench_fanout import heard_from, process
from bench_ingest import KEY, START_S, TOKEN, serving, until
from contenders.api_usual import serve
from load import Order, Paced, Standing, generate
from processes import sample
from report import write_report

from callboard.clock import SystemClock
from callboard.embedded.mongod import EmbeddedMongo
from callboard.embedded.valkey import EmbeddedValkey

CLOCK = SystemClock()
HELD_S = float(os.environ.get("CALLBOARD_BENCH_S", "4"))
RATES = (0, 100, 500)
ROUTES = {
    "summary": "/api/dashboard/summary",
    "campaign": "/api/campaigns/camp_1/status",
    "active": "/api/calls/active",
    "calls": "/api/calls",
}
LEVELS = {100: ("summary", "campaign", "active", "calls"), 2_000: ("active",)}
_RATE = re.compile(r"Requests/sec: +([0-9.]+)")
_TOTAL = re.compile(r"(\d+) requests in")
_UNCHANGED = re.compile(r"^unchanged (\d+)$", re.MULTILINE)
_P99 = re.compile(r"99% +([0-9.]+)(us|ms|s)")
_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
_CONDITIONAL = Path(__file__).parent / "api_conditional.lua"


@dataclass
class Site:
    """A server that is read."""

    name: str
    url: str
    pid: int
    standing: int
    load: Connection
    http: httpx.Client
    quiet: dict[tuple[str, bool], float] = field(default_factory=dict)
    alone_s: dict[int, float] = field(default_factory=dict)
    """Processor time of one webhook at a rate, without reads."""


@dataclass(frozen=True)
class Told:
    """What wrk told."""

    requests: int
    per_s: float
    p99_ms: float
    unchanged: int


def wrk(site: Site, path: str, *, tagged: bool) -> Told:
    """Read for a while."""
    command = ["wrk", "-t1", "-c16", f"-d{HELD_S:.0f}s", "--latency"]
    command += ["-H", f"Authorization: Bearer {KEY}"]
    command += ["-s", str(_CONDITIONAL)] if tagged else []
    told = subprocess.run(  # noqa: S603  (fixed words and our own URL)
        [*command, site.url + path], capture_output=True, text=True, check=True
    ).stdout
    total, rate, p99 = _TOTAL.search(told), _RATE.search(told), _P99.search(told)
    assert total is not None, told
    assert rate is not None, told
    assert p99 is not None, told
    assert "Non-2xx" not in told, told
    assert "Socket errors" not in told, told
    unchanged = _UNCHANGED.search(told)
    return Told(
        requests=int(total[1]),
        per_s=float(rate[1]),
        p99_ms=float(p99[1]) * _MS[p99[2]],
        unchanged=int(unchanged[1]) if unchanged else 0,
    )


@contextmanager
def webhooks(site: Site, rate: int, seconds: float) -> Iterator[dict[str, float]]:
    """Let webhooks come for the length of a block; yield where their acknowledged rate will be."""
    found = {"per_s": 0.0}
    if rate:
        site.load.send(Paced(rate, 0.5, seconds))
        assert heard_from(site.load, 30) == "begin"
    yield found
    if rate:
        assert heard_from(site.load, 60) == "end"
        done = heard_from(site.load, 60)
        found["per_s"] = done.acknowledged / done.window_s


def read(site: Site, route: str, rate: int, *, tagged: bool) -> dict[str, Any]:
    """Return one row."""
    path = ROUTES[route]
    answer = site.http.get(path)
    answer.raise_for_status()
    with webhooks(site, rate, HELD_S + 1) as acknowledged:
        before = sample({"server": site.pid})
        told = wrk(site, path, tagged=tagged)
        cost = sample({"server": site.pid}).since(before)
    used_s, cores = cost.used_s["server"], cost.cores()
    webhooks_s = acknowledged["per_s"] * cost.at_s * site.alone_s[rate]
    quiet = site.quiet.setdefault((route, tagged), told.per_s)
    return {
        "server": site.name,
        "route": route,
        "live": site.standing,
        "tag": "If-None-Match" if tagged else "",
        "webhooks/s": rate,
        "webhooks acked/s": round(acknowledged["per_s"]),
        "requests/s": round(told.per_s),
        "of quiet %": round(100 * told.per_s / quiet),
        "304 %": round(100 * told.unchanged / told.requests, 1),
        "µs/request from": round(max(0.0, used_s - webhooks_s) / told.requests * 1e6, 1),
        "µs/request to": round(used_s / told.requests * 1e6, 1),
        "p99 ms": round(told.p99_ms, 2),
        "server cores": round(cores["server"], 2),
        "idle cores": round(cores["idle"], 2),
        "body bytes": len(answer.content),
    }


def rows_of(site: Site) -> Iterator[dict[str, Any]]:
    """Yield a row for each route, with and without tag, at each rate."""
    for rate in RATES:
        site.alone_s[rate] = alone(site, rate)
        for route in LEVELS[site.standing]:
            for tagged in (False, True) if site.name == "callboard" else (False,):
                yield read(site, route, rate, tagged=tagged)


def alone(site: Site, rate: int) -> float:
    """Return the processor seconds that one webhook costs at a rate, and nothing else."""
    if not rate:
        return 0.0
    with webhooks(site, rate, HELD_S) as acknowledged:
        before = sample({"server": site.pid})
        time.sleep(HELD_S - 0.5)
        cost = sample({"server": site.pid}).since(before)
    return cost.used_s["server"] / cost.at_s / acknowledged["per_s"]


@contextmanager
def loaded(name: str, url: str, pid: int, standing: int) -> Iterator[Site]:
    """Let calls stand on a server."""
    # Not so long ago that calls are flagged for their silence meanwhile.
    start = CLOCK.now().astimezone(UTC) - timedelta(minutes=5)
    lives = int(sum(RATES) * (HELD_S + 3) * 9 / 6) + 500
    order = Order(url, TOKEN, start, standing, lives, seed=standing)
    # wrk asks for no coding, and each has a tag of its own.
    headers = {"Authorization": f"Bearer {KEY}", "Accept-Encoding": "identity"}
    with (
        httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as http,
        process(generate, order) as load,
    ):
        assert heard_from(load, 120) == "ready"
        load.send(Standing())
        heard_from(load, 120)
        yield Site(name, url, pid, standing, load, http)


@contextmanager
def ours(standing: int) -> Iterator[Site]:
    """Run callboard."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as (url, pid):
        client = httpx.Client(base_url=url, trust_env=False)
        until(lambda: client.get("/readyz").status_code == 200, START_S, 0.05, "readiness")
        client.close()
        with loaded("callboard", url, pid, standing) as site:
            path = ROUTES["active"]
            until(
                lambda: site.http.get(path).json()["active_calls_count"] == standing,
                START_S,
                0.1,
                "the standing calls",
            )
            yield site


@contextmanager
def usual(standing: int) -> Iterator[Site]:
    """Run the usual application on engines of its own."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        mongo = EmbeddedMongo(Path(folder), CLOCK)
        valkey = EmbeddedValkey(Path(folder), CLOCK)
        with uvloop_running() as run:
            run(mongo.start())
            run(valkey.start())
            redis_url = valkey.url.replace("://", f"://:{valkey.password}@")
            pipe, theirs = context.Pipe()
            child = context.Process(target=serve, args=(mongo.url, redis_url, theirs), daemon=True)
            child.start()
            try:
                url = f"http://127.0.0.1:{heard_from(pipe, 60)}"
                assert child.pid is not None
                with loaded("usual", url, child.pid, standing) as site:
                    yield site
            finally:
                child.kill()
                child.join()
                run(valkey.stop())
                run(mongo.stop())


@contextmanager
def uvloop_running() -> Iterator[Any]:
    """Yield what runs a coroutine to its end."""
    loop = uvloop.new_event_loop()
    try:
        yield loop.run_until_complete
    finally:
        loop.close()


def main() -> None:
    """Measure both servers."""
    if shutil.which("wrk") is None:
        sys.exit("this benchmark needs wrk: apt-get install wrk")
    rows = []
    for standing in LEVELS:
        for server in (ours, usual):
            with server(standing) as site:
                for row in rows_of(site):
                    print(row, flush=True)
                    rows.append(row)
    write_report("api", __doc__, rows)


if __name__ == "__main__":
    main()
