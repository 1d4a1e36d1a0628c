"""How often is MongoDB asked when many people look, with the cache and without it?

200 people go from page to page (dashboard, a campaign, a list, a call, analytics), each with tags
as a browser keeps them, while Twilio's webhooks of whole calls come at a steady rate for five
campaigns. `think s` is how long they look at a page: one to four seconds, and in a hurry. Once
with `CALLBOARD_CACHE=off`, then as it is.

`db/1,000` is how many commands MongoDB was given for a thousand reads: all its reading commands
in that time, less those of as long a stretch with the same webhooks and nobody looking. `hit %`
and the times are what the server told of each answer (`X-Cache`, `Server-Timing`), by what was
read; rows of `(view)` come from maintained views, which are never loaded. `miss` times are those
of who had to wait for the loader; `loads` is how often the loader ran, warming included (many may
wait for one, and one that a view answers needs none).

`CALLBOARD_BENCH_S` is how long they look, 180 s by default.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from bench_fanout import heard_from, process
from bench_ingest import KEY, START_S, TOKEN, noon_zone, serving, until
from load import Order, Paced, Standing, generate
from processes import sample
from reads_people import Heard, People, people
from report import write_report

from callboard.clock import SystemClock
from callboard.domain.buckets import day_of
from callboard.embedded.mongod import EmbeddedMongo
from callboard.store.database import connect

CLOCK = SystemClock()
LOOKED_S = float(os.environ.get("CALLBOARD_BENCH_S", "180"))
ALONE_S = min(30.0, LOOKED_S)
PEOPLE, CAMPAIGNS, WEBHOOKS_PER_S, STANDING = 200, 5, 30, 60
CALM, HURRIED = (1.0, 4.0), (0.2, 1.0)
READING = ("find", "aggregate", "count", "distinct", "getMore")
CACHED = ("HIT", "MISS", "BYPASS")


class Database:
    """MongoDB, to be asked what it was asked."""

    def __init__(self, url: str) -> None:
        self._url = url

    def commands(self) -> dict[str, int]:
        """Return how many of each reading command it was given since it started."""
        return asyncio.run(self._commands())

    async def _commands(self) -> dict[str, int]:
        database = connect(self._url)
        try:
            status = await database.client.admin.command("serverStatus")
        finally:
            await database.client.close()
        told = status["metrics"]["commands"]
        return {name: int(told[name]["total"]) for name in READING}


@contextmanager
def mongodb(folder: Path) -> Iterator[str]:
    """Run a MongoDB of which we know the URL."""
    mongo = EmbeddedMongo(folder, CLOCK)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(mongo.start())
    try:
        yield mongo.url
    finally:
        loop.run_until_complete(mongo.stop())
        loop.close()


def loads(client: httpx.Client) -> dict[str, int]:
    """Return how often each keyspace was loaded since the server started."""
    told = client.get("/api/admin/cache-stats").raise_for_status().json()["keyspaces"]
    return {name: space["loads"] for name, space in told.items() if space["kind"] == "cached"}


def played(load: Connection, seconds: float) -> None:
    """Let webhooks begin to come for so long."""
    load.send(Paced(WEBHOOKS_PER_S, 0.5, seconds))
    assert heard_from(load, 30) == "begin"


def ended(load: Connection) -> None:
    """Wait until the webhooks have stopped."""
    assert heard_from(load, 60) == "end"
    heard_from(load, 60)


def per_s(database: Database, seconds: float) -> dict[str, float]:
    """Return how many commands came in each second of a stretch in which nobody looks."""
    before = database.commands()
    time.sleep(seconds)
    after = database.commands()
    return {name: (after[name] - before[name]) / seconds for name in READING}


def looked(
    client: httpx.Client,
    pid: int,
    database: Database,
    load: Connection,
    think_s: tuple[float, float],
) -> list[dict[str, Any]]:
    """Return the rows of one server."""
    played(load, ALONE_S + 2)
    alone = per_s(database, ALONE_S)
    ended(load)
    zone = ZoneInfo(noon_zone(CLOCK.now()))
    order = People(
        str(client.base_url),
        KEY,
        PEOPLE,
        CAMPAIGNS,
        LOOKED_S,
        think_s,
        day_of(CLOCK.now(), zone),
        day_of(CLOCK.now(), zone, days_back=6),
        seed=7,
    )
    played(load, LOOKED_S + 2)
    loaded = loads(client)
    before, began = database.commands(), sample({"server": pid})
    with process(people, order) as pipe:
        heard: Heard = heard_from(pipe, LOOKED_S + 120)
    after, cost = database.commands(), sample({"server": pid}).since(began)
    loaded = {name: count - loaded[name] for name, count in loads(client).items()}
    ended(load)
    asked = {n: after[n] - before[n] - alone[n] * cost.at_s for n in READING}
    rows = rows_of(heard, asked, cost.cores()["server"], cost.at_s)
    return [{**row, "loads": loaded.get(row["read"], "")} for row in rows[:-1]] + [
        {**rows[-1], "loads": sum(loaded.values())}
    ]


def rows_of(
    heard: Heard, asked: Mapping[str, float], cores: float, seconds: float
) -> list[dict[str, Any]]:
    """Return a row for each kind of read, and one for all."""
    assert not heard.failed, heard.failed
    total = heard.reads.total()
    rows = []
    for kind in sorted({kind for kind, _ in heard.reads}):
        of_kind = {said: heard.took_s.get((kind, said), []) for said in CACHED}
        rows.append({"read": kind, **_of(of_kind)})
    everything = {
        said: [t for (_, s), took in heard.took_s.items() if s == said for t in took]
        for said in CACHED
    }
    whole = {"read": "all", **_of(everything)}
    whole["reads/s"] = round(total / seconds)
    whole["db/1,000"] = round(1_000 * sum(asked.values()) / total, 1)
    whole["304 %"] = round(100 * heard.unchanged / total, 1)
    whole["server cores"] = round(cores, 2)
    return [*rows, whole]


def _of(took_s: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    reads = sum(map(len, took_s.values()))
    missed = [*took_s["MISS"], *took_s["BYPASS"]]
    return {
        "reads": reads,
        "hit %": round(100 * len(took_s["HIT"]) / reads, 2) if reads else None,
        "hit p50/p99 ms": _quantiles(took_s["HIT"]),
        "miss p50/p99 ms": _quantiles(missed),
        "reads/s": "",
        "db/1,000": "",
        "304 %": "",
        "server cores": "",
    }


def _quantiles(took_s: Sequence[float]) -> str:
    if not took_s:
        return ""
    ordered = sorted(took_s)
    p50, p99 = (ordered[int((len(ordered) - 1) * share)] * 1e3 for share in (0.5, 0.99))
    return f"{p50:.1f}/{p99:.1f}"


def measured(cache: str, think_s: tuple[float, float]) -> list[dict[str, Any]]:
    """Return the rows of a server with its cache `on` or `off`."""
    with tempfile.TemporaryDirectory() as name, mongodb(Path(name)) as mongo_url:
        settings = {"MONGODB_URL": mongo_url, "CALLBOARD_CACHE": cache}
        with serving(Path(name), **settings) as (url, pid):
            client = httpx.Client(
                base_url=url, trust_env=False, headers={"Authorization": f"Bearer {KEY}"}
            )
            until(lambda: client.get("/readyz").status_code == 200, START_S, 0.05, "readiness")
            for number in range(CAMPAIGNS):
                campaign = {"id": f"camp_{number}", "name": f"Campaign {number}"}
                client.post("/api/campaigns", json=campaign).raise_for_status()
                called = [{"number": f"+346{number}{n:07d}"} for n in range(500)]
                path = f"/api/campaigns/camp_{number}/contacts"
                client.post(path, json={"contacts": called}).raise_for_status()
            start = CLOCK.now().astimezone(UTC) - timedelta(minutes=5)
            lives = int(WEBHOOKS_PER_S * (LOOKED_S + ALONE_S + 20) / 4) + 200
            order = Order(url, TOKEN, start, STANDING, lives, seed=11, campaigns=CAMPAIGNS)
            with process(generate, order) as load:
                assert heard_from(load, 120) == "ready"
                load.send(Standing())
                heard_from(load, 120)
                rows = looked(client, pid, Database(mongo_url), load, think_s)
            client.close()
    return [{"cache": cache, "think s": "{}-{}".format(*think_s), **row} for row in rows]


def main() -> None:
    """Measure both."""
    rows = []
    for cache, think_s in (("off", CALM), ("on", CALM), ("on", HURRIED)):
        for row in measured(cache, think_s):
            print(row, flush=True)
            rows.append(row)
    write_report("reads", __doc__, rows)


if __name__ == "__main__":
    main()
