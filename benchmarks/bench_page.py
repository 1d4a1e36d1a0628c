"""Does the page stay smooth with 5,000 live calls that change twenty times a second?

Chromium (headless, software rendering) shows the live calls of a real server while Twilio's
webhooks begin, change and end calls at a steady rate; the server sends what changed in ticks of
50 ms. On this machine browser, server, engines and load share the cores: `others` is the load.

`fps` counts the frames the page painted; `longest task ms` is the longest time its main thread
was busy at a stretch (`tasks > 50 ms` how many there were, `> 100 ms` those people feel); `heap`
is JavaScript's after a collection, before and after. `scrolling` turns the wheel all the time.

`CALLBOARD_BENCH_S` is how long is looked, 60 s by default.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
from bench_fanout import heard_from, process
from bench_ingest import KEY, TOKEN, serving, until
from load import Order, Paced, Standing, generate
from playwright.async_api import CDPSession, Page, async_playwright
from processes import Sample, sample
from report import write_report

from callboard.clock import SystemClock

CLOCK = SystemClock()
LOOKED_S = float(os.environ.get("CALLBOARD_BENCH_S", "60"))
STANDING = 5_000
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
RATES = (0, 80, 240)
START_S = 60.0
WATCHED = """
window.seen = {frames: 0, tasks: []};
const frame = () => { window.seen.frames += 1; requestAnimationFrame(frame); };
requestAnimationFrame(frame);
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) window.seen.tasks.push(duration);
}).observe({ type: "longtask" });
"""
RESET = "window.seen.frames = 0; window.seen.tasks = [];"


@contextmanager
def playing(load: Connection, rate: int) -> Iterator[None]:
    """Let webhooks come at a rate for as long as is looked."""
    if not rate:
        yield
        return
    load.send(Paced(rate, 1.0, LOOKED_S + 8))
    assert heard_from(load, 30) == "begin"
    yield
    assert heard_from(load, LOOKED_S + 60) == "end"
    heard_from(load, 60)


async def heap_mb(devtools: CDPSession) -> float:
    """Return the size of JavaScript's heap after a collection."""
    await devtools.send("HeapProfiler.collectGarbage")
    found = await devtools.send("Performance.getMetrics")
    sizes = {metric["name"]: metric["value"] for metric in found["metrics"]}
    return float(sizes["JSHeapUsedSize"]) / 1e6


async def scrolled(page: Page, until_s: float) -> None:
    """Turn the wheel up and down."""
    await page.mouse.move(700, 600)
    down = True
    while CLOCK.monotonic_s() < until_s:
        await page.mouse.wheel(0, 400 if down else -400)
        await asyncio.sleep(0.05)
        down = down if int(CLOCK.monotonic_s()) % 7 else not down


async def looked_at(page: Page, load: Connection, rate: int, *, scroll: bool) -> dict[str, Any]:
    """Return what was seen of the page at one rate."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Performance.enable")
    with playing(load, rate):
        before = await heap_mb(devtools)
        await page.evaluate(RESET)
        began = CLOCK.monotonic_s()
        if scroll:
            await scrolled(page, began + LOOKED_S)
        else:
            await asyncio.sleep(LOOKED_S)
        seen = await page.evaluate("window.seen")
        took_s = CLOCK.monotonic_s() - began
        after = await heap_mb(devtools)
    rows = await page.locator("[data-testid=live-calls] tbody tr[data-sid]").count()
    return {
        "webhooks/s": rate,
        "scrolling": "yes" if scroll else "",
        "fps": round(seen["frames"] / took_s, 1),
        "longest task ms": round(max(seen["tasks"], default=0)),
        "> 50 ms": len(seen["tasks"]),
        "> 100 ms": sum(task > 100 for task in seen["tasks"]),
        "heap MB": f"{before:.1f} -> {after:.1f}",
        "rows in the DOM": rows,
    }


def used(cost: Sample) -> dict[str, Any]:
    """Return who used the cores."""
    cores = cost.cores()
    return {"server cores": round(cores["server"], 2), "others": round(cores["others"], 2)}


async def looked(url: str, pid: int, load: Connection) -> list[dict[str, Any]]:
    """Return a row for each rate."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await page.add_init_script(WATCHED)
        await page.goto(f"{url}/live")
        await page.fill("[data-testid=sign-in] input[name=key]", KEY)
        await page.click("[data-testid=sign-in] button[type=submit]")
        shown = page.locator(f"[data-testid=live-calls] table[aria-rowcount='{STANDING + 1}']")
        await shown.wait_for(timeout=START_S * 1e3)
        rows = []
        for rate in RATES:
            for scroll in (False, True):
                before = sample({"server": pid})
                row = await looked_at(page, load, rate, scroll=scroll)
                rows.append({**row, **used(sample({"server": pid}).since(before))})
                print(rows[-1], flush=True)
        await browser.close()
    return rows


def main() -> None:
    """Measure."""
    patient: Mapping[str, str] = {
        f"CALLBOARD_{name}_S": "86400" for name in ("STALE_RINGING", "STALE_CONNECTED")
    }
    with tempfile.TemporaryDirectory() as name, serving(Path(name), **patient) as (url, pid):
        start = CLOCK.now().astimezone(UTC) - timedelta(minutes=5)
        lives = int(sum(RATES) * 2 * (LOOKED_S + 12) / 4) + 500
        order = Order(url, TOKEN, start, STANDING, lives, seed=11)
        with process(generate, order) as load:
            assert heard_from(load, 180) == "ready"
            load.send(Standing())
            heard_from(load, 180)
            until(lambda: live(url) == STANDING, START_S, 0.2, "every call to be live")
            rows = asyncio.run(looked(url, pid, load))
    write_report("page", __doc__, rows)


def live(url: str) -> int:
    """Return how many calls the server says are live."""
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = httpx.get(f"{url}/api/calls/active", headers=headers, trust_env=False)
    return int(answer.json().get("active_calls_count", 0)) if answer.status_code == 200 else 0


if __name__ == "__main__":
    main()
