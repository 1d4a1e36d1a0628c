"""What the page shows, read from its DOM, is what an aggregation from `calls` alone says.

The second opinion is tests/support/figures_oracle.py, which shares no code with the projection.
"""

from collections import Counter
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page, expect
from support.board_data import CAMPAIGN, fill
from support.browser import board_page, sign_in
from support.figures_oracle import ACTIVE, Document, expected_figures
from support.server import LocalServer
from support.waiting import eventually

from callboard.clock import SystemClock
from callboard.delivery.page import DIST
from callboard.domain.buckets import day_of

pytestmark = pytest.mark.skipif(not DIST.exists(), reason="run `make setup`: no page is built")

UTC = ZoneInfo("UTC")
UNSUCCESSFUL = ("busy", "failed", "no-answer", "canceled")
Shown = dict[str, str]


def share(numerator: int, denominator: int) -> str:
    """Return a share as the page holds it: percent with one decimal, as JavaScript writes it."""
    return number(round(100 * numerator / denominator, 1)) if denominator else ""


def number(value: float | None) -> str:
    """Return a number as JavaScript writes it; empty when unknown."""
    return "" if value is None else str(int(value)) if value == int(value) else str(value)


async def tiles(page: Page) -> Shown:
    """Return the bare value of every tile by its name."""
    found: Shown = await page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('main [data-tile]')].map((tile) =>"
        "[tile.dataset.tile, tile.querySelector('[data-value]').dataset.value]))"
    )
    return found


async def values(page: Page, chart: str, of: str = "[data-value]") -> list[str]:
    """Return the bare values of a chart's parts, in order."""
    found: list[str] = await page.evaluate(
        "([chart, of]) => [...document.querySelectorAll(`[data-testid=${chart}] ${of}`)]"
        ".map((part) => part.dataset.value)",
        [chart, of],
    )
    return found


async def agree(looked: Any, expected: Any) -> None:
    """Wait until what is looked at says what is expected."""
    await eventually(looked, lambda seen: seen == expected, within_s=20)


def unsuccessful(figures: Document) -> int:
    """Return how many calls ended in any other way than completed."""
    return sum(figures["callVolume"]["byStatus"][status] for status in UNSUCCESSFUL)


async def test_now_tells_the_truth(server: LocalServer) -> None:
    await fill(server)
    today = day_of(SystemClock().now(), UTC)
    figures = await expected_figures(server.database, UTC)
    day = figures[f"daily:{today}"]
    volume, contact = day["callVolume"], day["contact"]
    completed = volume["byStatus"]["completed"]
    live = await server.database.calls.count_documents({"status": {"$in": list(ACTIVE)}})
    money = day["cost"]["twilio"].get("USD", 0) + day["cost"]["elevenlabs"].get("USD", 0)
    expected = {
        "activeCalls": number(live),
        "totalCalls": number(volume["total"]),
        "completedCalls": number(completed),
        "failedCalls": number(unsuccessful(day)),
        "successRate": share(completed, completed + unsuccessful(day)),
        "averageDuration": number(round(day["duration"]["total"] / completed)),
        "funnel": number(contact["attempts"]),
        "humanRate": share(contact["human"], contact["attempts"]),
    }
    async with board_page(server) as page:
        await sign_in(page, server)

        async def shown() -> Shown:
            found = await tiles(page)
            return {name: found.get(name, "?") for name in expected}

        await agree(shown, expected)
        cost = (await tiles(page))["cost"]
        assert cost == (f"{money / 1e6:g} USD" if money else cost)
        funnel = await page.evaluate(
            "[...document.querySelectorAll('[data-tile=funnel] [data-field] b')]"
            ".map((step) => step.textContent)"
        )
        steps = (contact["attempts"], contact["human"], day["evaluation"]["success"])
        assert funnel == [f"{step:,}" for step in steps]
        hours = await values(page, "hours", ".column")
        hour_now = SystemClock().now().hour
        assert hours[: hour_now + 1] == [number(n) for n in volume["byHour"][: hour_now + 1]]


async def test_campaigns_tell_the_truth(server: LocalServer) -> None:
    await fill(server)
    figures = await expected_figures(server.database, UTC)
    campaigns = {key: found for key, found in figures.items() if found["type"] == "campaign"}
    assert len(campaigns) == 3
    async with board_page(server) as page:
        await sign_in(page, server, "/campaigns")
        for found in campaigns.values():
            row = page.locator(f"[data-campaign='{found['campaignId']}']")
            contact, judged = found["contact"], found["evaluation"]
            for field, value in {
                "attempts": number(contact["attempts"]),
                "human": share(contact["human"], contact["attempts"]),
                "success": share(judged["success"], judged["success"] + judged["failure"]),
                "unsuccessful": number(unsuccessful(found)),
            }.items():
                cell = row.locator(f"[data-field={field}]")
                await expect(cell).to_have_attribute("data-value", value)
        await page.goto(f"{server.url}/campaigns/{CAMPAIGN}")
        found = campaigns[f"campaign:{CAMPAIGN}"]
        contact, judged = found["contact"], found["evaluation"]
        expected = {
            "attempts": number(contact["attempts"]),
            "humanRate": share(contact["human"], contact["attempts"]),
            "voicemailRate": share(contact["voicemail"], contact["answered"]),
            "successRate": share(judged["success"], judged["success"] + judged["failure"]),
            "unsuccessful": number(unsuccessful(found)),
            "activeNow": number(sum(found["callVolume"]["byStatus"][name] for name in ACTIVE)),
        }

        async def shown() -> Shown:
            read = await tiles(page)
            return {name: read.get(name, "?") for name in expected}

        await agree(shown, expected)
        steps = [contact["attempts"], contact["answered"], contact["human"], judged["success"]]

        async def funnel() -> list[str]:
            return await values(page, "funnel", "[data-field]")

        await agree(funnel, [number(step) for step in steps])


def summed(days: list[Document], *path: str) -> int:
    """Return the sum of one counter of several days."""
    total = 0
    for day in days:
        found: Any = day
        for name in path:
            found = found[name]
        total += found
    return total


async def test_analytics_tell_the_truth(server: LocalServer) -> None:
    await fill(server)
    now = SystemClock().now()
    week = {day_of(now, UTC, days_back=back) for back in range(7)}
    figures = await expected_figures(server.database, UTC)
    days = [day for key, day in sorted(figures.items()) if key.removeprefix("daily:") in week]
    attempts, human = summed(days, "contact", "attempts"), summed(days, "contact", "human")
    answered = summed(days, "contact", "answered")
    success = summed(days, "evaluation", "success")
    buckets = {
        name: summed(days, "duration", "buckets", name) for name in days[0]["duration"]["buckets"]
    }
    talks = sum(buckets.values())
    calls = summed(days, "callVolume", "total")
    expected = {
        "calls": number(calls),
        "answerRate": share(answered, attempts),
        "humanRate": share(human, attempts),
        "voicemailRate": share(summed(days, "contact", "voicemail"), answered),
        "successRate": share(success, success + summed(days, "evaluation", "failure")),
        "failureRate": share(summed(days, "failures", "total"), calls),
        "shortShare": share(buckets["0-10"], talks),
        "engagedShare": share(talks - sum(buckets[n] for n in ("0-10", "10-30", "30-60")), talks),
        "talkTime": number(round(summed(days, "duration", "total") / talks)),
    }
    by_hour = [sum(day["callVolume"]["byHour"][hour] for day in days) for hour in range(24)]
    today = figures[f"daily:{day_of(now, UTC)}"]
    async with board_page(server) as page:
        await sign_in(page, server, "/analytics?range=7d")

        async def shown() -> Shown:
            found = await tiles(page)
            return {name: found.get(name, "?") for name in expected}

        await agree(shown, expected)
        assert await values(page, "by-day", ".column") == [
            number(day["callVolume"]["total"]) for day in days
        ]
        assert await values(page, "by-hour", ".column") == [number(n) for n in by_hour]
        assert await values(page, "durations", ".column") == [number(n) for n in buckets.values()]
        steps = [attempts, answered, human, success]
        assert await values(page, "funnel", "[data-field]") == [number(n) for n in steps]
        assert await heat(page) == heat_of(days)
        peak = page.locator("[data-testid=concurrency]")
        await expect(peak).to_have_attribute("data-value", number(today["concurrency"]["peak"]))
        await failures_agree(page, server)


async def heat(page: Page) -> list[str]:
    """Return the shares of the heat map, Monday's hours first; empty where nobody was called."""
    found: list[str] = await page.evaluate(
        "[...document.querySelectorAll('[data-testid=heat-map] td')]"
        ".map((cell) => cell.dataset.share ?? '')"
    )
    return found


def heat_of(days: list[Document]) -> list[str]:
    """Return the same from days."""
    counted: dict[tuple[int, int], list[int]] = {}
    for day in days:
        weekday = date.fromisoformat(day["day"]).weekday()
        for hour in range(24):
            cell = counted.setdefault((weekday, hour), [0, 0])
            cell[0] += day["callVolume"]["humanByHour"][hour]
            cell[1] += day["callVolume"]["attemptsByHour"][hour]
    cells = [counted.get((weekday, hour), [0, 0]) for weekday in range(7) for hour in range(24)]
    return [f"{human}/{attempts}" if attempts else "" for human, attempts in cells]


async def failures_agree(page: Page, server: LocalServer) -> None:
    """Count the calls of 24 hours that did not come about, by state and SIP code."""
    since = SystemClock().now() - timedelta(hours=24)
    found: Counter[str] = Counter()
    async for call in server.database.calls.find({"endTime": {"$gte": since}}):
        if call["status"] in UNSUCCESSFUL:
            code = call.get("twilio", {}).get("sipResponseCode")
            found[f"{call['status']} {f'sip:{code}' if code else call['status']}"] += 1
    rows = page.locator("[data-testid=failures] tr[data-cause]")
    await expect(rows).to_have_count(len(found))
    shown = {
        f"{await row.get_attribute('data-status')} {await row.get_attribute('data-cause')}": (
            await row.locator("td[data-value]").last.get_attribute("data-value")
        )
        for row in await rows.all()
    }
    assert shown == {cause: number(count) for cause, count in found.items()}
