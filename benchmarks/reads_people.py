"""People who look at the board: pages made of reads, with time to think in between."""

import asyncio
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import httpx
import uvloop

from callboard.clock import SystemClock

__all__ = ["Heard", "People", "people"]

_CLOCK = SystemClock()
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class People:
    """Who looks."""

    url: str
    key: str
    count: int
    campaigns: int
    seconds: float
    think_s: tuple[float, float]
    """How long they look at a page, at least and at most."""
    today: str
    week: str
    """The local date six days ago."""
    seed: int


@dataclass
class Heard:
    """What they were answered."""

    reads: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By kind of read and where it came from."""
    took_s: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    unchanged: int = 0
    failed: Counter[str] = field(default_factory=Counter)


class _Person:
    """One of them: goes from page to page, and keeps tags as a browser does."""

    def __init__(self, order: People, number: int, http: httpx.AsyncClient, heard: Heard) -> None:
        self._order = order
        self._chance = random.Random(order.seed * 10_000 + number)  # noqa: S311  (a load)
        self._http = http
        self._heard = heard
        self._tags: dict[str, str] = {}
        self._calls: list[str] = []

    async def look(self, until_s: float) -> None:
        """Look at pages until it is time to go."""
        await asyncio.sleep(self._chance.random() * self._order.think_s[1])
        while _CLOCK.monotonic_s() < until_s:
            page = self._chance.choices(
                [self._dashboard, self._campaign, self._list, self._call, self._analytics],
                [35, 30, 15, 12, 8],
            )[0]
            await page()
            await asyncio.sleep(self._chance.uniform(*self._order.think_s))

    async def _read(self, kind: str, path: str) -> Any:
        tag = self._tags.get(path)
        headers = {"If-None-Match": tag} if tag else {}
        try:
            answer = await self._http.get(path, headers=headers)
        except httpx.HTTPError as error:
            self._heard.failed[type(error).__name__] += 1
            return None
        if answer.status_code not in (200, 304):
            self._heard.failed[f"{kind} {answer.status_code}"] += 1
            return None
        said = kind, answer.headers["x-cache"]
        self._heard.reads[said] += 1
        took_ms = answer.headers["server-timing"].rpartition("dur=")[2]
        self._heard.took_s[said].append(float(took_ms) / 1e3)
        self._tags[path] = answer.headers["etag"]
        self._heard.unchanged += answer.status_code == 304
        return answer.json() if answer.status_code == 200 else None

    def _some_campaign(self) -> str:
        return f"camp_{self._chance.randrange(self._order.campaigns)}"

    async def _dashboard(self) -> None:
        await asyncio.gather(
            self._read("summary (view)", "/api/dashboard/summary"),
            self._read("active (view)", "/api/calls/active"),
            self._read("campaigns (view)", "/api/campaigns"),
            self._recent(),
        )

    async def _recent(self) -> None:
        body = await self._read("recent", "/api/calls")
        if body is not None:
            self._calls = [call["sid"] for call in body["calls"]]

    async def _campaign(self) -> None:
        path = f"/api/campaigns/{self._some_campaign()}"
        await asyncio.gather(
            self._read("details", path),
            self._read("status (view)", f"{path}/status"),
            self._read("contacts", f"{path}/contacts"),
        )

    async def _list(self) -> None:
        await self._read("calls", f"/api/calls?campaignId={self._some_campaign()}")

    async def _call(self) -> None:
        if not self._calls:
            await self._recent()
        # What was just seen at the top of the list is what people open.
        newest = self._calls[: 1 + int(self._chance.expovariate(0.2))]
        if newest:
            await self._read("call", f"/api/calls/{self._chance.choice(newest)}")

    async def _analytics(self) -> None:
        days = f"from={self._order.week}&to={self._order.today}"
        scope = self._chance.choice(["", f"&campaignId={self._some_campaign()}"])
        await asyncio.gather(
            self._read("analytics-today", f"/api/analytics/daily?{days}{scope}"),
            self._read("durations", f"/api/analytics/durations?{days}{scope}"),
            self._read("period", "/api/dashboard/summary?period=7d"),
        )


def people(order: People, pipe: Connection) -> None:
    """Look, then tell what was heard; runs in a process of its own."""
    pipe.send(uvloop.run(_all(order)))


async def _all(order: People) -> Heard:
    heard = Heard()
    until_s = _CLOCK.monotonic_s() + order.seconds
    async with asyncio.TaskGroup() as group:
        for number in range(order.count):
            group.create_task(_one(order, number, heard, until_s))
    return heard


async def _one(order: People, number: int, heard: Heard, until_s: float) -> None:
    """Be one person: connections of one's own, or all wait for one pool's bookkeeping."""
    async with httpx.AsyncClient(
        base_url=order.url,
        headers={"Authorization": f"Bearer {order.key}"},
        timeout=_TIMEOUT_S,
        trust_env=False,
        verify=False,  # noqa: S501  (plain HTTP on loopback; its contexts cost 20 ms each)
    ) as http:
        await _Person(order, number, http, heard).look(until_s)
