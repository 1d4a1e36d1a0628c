"""What a server under attack shows from outside: its log, its memory, its figures."""

import statistics
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import orjson
from support.program import children_of
from support.truth import day_truth
from support.waiting import eventually

from callboard.store.database import MongoDatabase, connect

__all__ = ["Log", "Memory", "figures_are_true"]

_EVIL = (b"Traceback", b'"http.failed"', b'"service.failed"', b"exception", b"never retrieved")
_PAGE_MB = 4_096 / 1e6
_GROWN_BY, _GROWN_MB = 1.10, 20.0
_CATCH_UP_S = 90.0


class Log:
    """The server's standard error, as a file that grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self.events: Counter[str] = Counter()
        self.url = ""

    def look(self) -> list[str]:
        """Read what is new; return the lines that must not be there."""
        with self._path.open("rb") as log:
            log.seek(self._offset)
            new = log.read()
        whole, _, _ = new.rpartition(b"\n")
        if not whole:
            return []
        self._offset += len(whole) + 1
        evil = []
        for line in whole.split(b"\n"):
            if any(word in line for word in _EVIL):
                evil.append(line.decode(errors="replace"))
            self._count(line)
        return evil

    def _count(self, line: bytes) -> None:
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError:
            self.events[line[:60].decode(errors="replace")] += 1
            return
        self.events[entry["event"]] += 1
        if entry["event"] == "server.ready":
            self.url = entry["url"]


class Memory:
    """Resident memory of a server and its engines over time."""

    def __init__(self, pid: int) -> None:
        engines = {name: number for number, name in children_of(pid).items()}
        self._pids = {"server": pid, **engines}
        self.samples: list[tuple[float, dict[str, float]]] = []

    def look(self, at_s: float) -> None:
        """Take a sample."""
        self.samples.append((at_s, {name: _rss_mb(pid) for name, pid in self._pids.items()}))

    def fifths(self) -> tuple[float, float]:
        """Return the server's median memory in the second and in the last fifth, MB."""
        said = [sample["server"] for _, sample in self.samples]
        fifth = len(said) // 5
        if not fifth:
            return 0.0, 0.0
        return statistics.median(said[fifth : 2 * fifth]), statistics.median(said[-fifth:])

    def slope(self) -> float:
        """Return how fast the server grew from the second fifth on, MB/min, by least squares."""
        points = [(at_s / 60, mb["server"]) for at_s, mb in self.samples]
        points = points[len(points) // 5 :]
        if len(points) < 2:
            return 0.0
        return statistics.linear_regression(*zip(*points, strict=True)).slope

    def grew(self) -> bool:
        """Tell whether the server's memory is not flat."""
        early, late = self.fifths()
        return late > early * _GROWN_BY and late > early + _GROWN_MB

    def series(self, name: str) -> str:
        """Return one process' memory over time, in MB."""
        return " ".join(f"{sample[name]:.0f}" for _, sample in self.samples if name in sample)


def _rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_MB


async def figures_are_true(http: httpx.AsyncClient, data: Path) -> dict[str, Any]:
    """Return what MongoDB counts today once the summary, and every day's figures, say so too.

    Raises:
        AssertionError: they do not, in time.
    """
    port = (data / "mongod" / "port").read_text()
    database = connect(f"mongodb://127.0.0.1:{port}/callboard?directConnection=true")
    try:
        return await eventually(
            lambda: _compared(http, database),
            lambda seen: not seen["wrong"],
            within_s=_CATCH_UP_S,
        )
    finally:
        await database.client.close()


async def _compared(http: httpx.AsyncClient, database: MongoDatabase) -> dict[str, Any]:
    answer = await http.get("/api/dashboard/summary", headers={"Cache-Control": "no-cache"})
    said = answer.json()["summary"]
    days = await database.analytics.find({"type": "daily", "campaignId": None}).to_list()
    truth = await day_truth(database, said["day"])
    shown = {name: said[name] for name in truth if not name.startswith("by")}
    wrong = {name: (n, truth[name]) for name, n in shown.items() if n != truth[name]}
    for day in days:
        expected = await day_truth(database, day["day"])
        counted = day["callVolume"]["total"], day["duration"]["total"]
        meant = expected.get("totalCalls", 0), expected.get("totalDuration", 0)
        if counted != meant:
            wrong[day["day"]] = (counted, meant)
    return {"wrong": wrong, "days": len(days), **shown}
