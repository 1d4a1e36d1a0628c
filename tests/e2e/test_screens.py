"""Every screen in a real browser: with data, empty, cut off and recovered; axe finds nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from support.board_data import CAMPAIGN, ENDED, LIVE, fill
from support.browser import DESK, PHONE, board_page, sign_in, violations
from support.server import LocalServer

from callboard.clock import SystemClock
from callboard.delivery.page import DIST

pytestmark = pytest.mark.skipif(not DIST.exists(), reason="run `make setup`: no page is built")

SCREENS = {
    "now": "/",
    "live": "/live",
    "campaigns": "/campaigns",
    "campaign": f"/campaigns/{CAMPAIGN}",
    "analytics": "/analytics?range=7d",
    "calls": "/calls",
    "call": f"/calls/{ENDED}",
    "call-live": f"/calls/{LIVE[2]}",
    "alerts": "/alerts",
    "system": "/system",
    "wall": "/wall?rotate=0",
}
EMPTY = {name: path for name, path in SCREENS.items() if name not in ("campaign", "call-live")}
THEMES = {"light": (DESK, "light"), "dark": (DESK, "dark"), "phone": (PHONE, "light")}
LAMP = "[data-testid=connection]"


@pytest.fixture(params=sorted(THEMES))
async def look(request: pytest.FixtureRequest, server: LocalServer) -> AsyncIterator[Page]:
    """A page in light, dark, or as small as a phone."""
    size, theme = THEMES[request.param]
    async with board_page(server, size) as page:
        await page.add_init_script(f"localStorage.setItem('callboard.theme', '{theme}')")
        yield page


async def shown(page: Page, server: LocalServer, path: str) -> None:
    """Open a screen and wait until nothing on it is being loaded."""
    await page.goto(server.url + path)
    await expect(page.locator("main")).to_have_count(1)
    await settled(page)


async def settled(page: Page) -> None:
    """Wait until nothing is being loaded."""
    await expect(page.locator("main [data-state=loading], main .waiting")).to_have_count(0)


async def test_with_data_no_screen_breaks_a_rule(
    look: Page, server: LocalServer, artifacts: Path, request: pytest.FixtureRequest
) -> None:
    await fill(server)
    await sign_in(look, server)
    found: dict[str, list[str]] = {}
    for name, path in SCREENS.items():
        await shown(look, server, path)
        await expect(look.locator("main [data-state=error]")).to_have_count(0)
        theme = request.node.callspec.id
        await look.screenshot(path=artifacts / f"{name}-{theme}.png", full_page=True)
        found[name] = await violations(look)
        assert not await overflows(look), name
    assert {name: said for name, said in found.items() if said} == {}


async def overflows(page: Page) -> bool:
    """Tell whether the page itself scrolls sideways; tables do so in boxes of their own."""
    return bool(await page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"))


async def test_empty_screens_say_what_will_be_there(server: LocalServer, artifacts: Path) -> None:
    async with board_page(server) as page:
        await sign_in(page, server)
        found: dict[str, list[str]] = {}
        for name, path in EMPTY.items():
            await shown(page, server, path)
            await page.screenshot(path=artifacts / f"{name}-empty.png", full_page=True)
            found[name] = await violations(page)
            text = await page.locator("main").inner_text()
            for wrong in ("NaN", "undefined", "null", "Infinity"):
                assert wrong not in text, (name, wrong)
    assert {name: said for name, said in found.items() if said} == {}


async def test_cut_off_every_screen_says_so_and_recovers(
    server: LocalServer, artifacts: Path
) -> None:
    await fill(server, days=2)
    async with board_page(server) as page:
        await sign_in(page, server)
        lamp = page.locator(LAMP)
        # Each was seen once, as an operator has them open: then the server is gone.
        for link in await page.locator(".nav a").all():
            await link.click()
            if await page.locator(".nav").count() == 0:
                await page.go_back()
        await page.locator("[data-screen=now]").first.click()
        assert server.server is not None
        port = int(server.url.rpartition(":")[2])
        await server.server.stop()
        await expect(lamp).not_to_have_attribute("data-state", "live", timeout=10_000)
        for name in ("now", "live", "campaigns", "analytics", "calls", "alerts", "system"):
            await page.locator(f".nav [data-screen={name}]").click()
            await expect(page.locator(f"main[data-screen={name}].is-old")).to_be_visible()
            await expect(page.locator("[aria-label=Notice]")).to_contain_text("old")
            await page.screenshot(path=artifacts / f"{name}-cut-off.png", full_page=True)
        await page.locator(".nav [data-screen=alerts]").click()
        await server.start(port)
        await expect(lamp).to_have_attribute("data-state", "live", timeout=30_000)
        for name in ("alerts", "system", "analytics", "calls", "campaigns", "live", "now"):
            await page.locator(f".nav [data-screen={name}]").click()
            await settled(page)
            await expect(
                page.locator("main [data-state=error], main [data-state=old]")
            ).to_have_count(0, timeout=15_000)


async def test_by_keyboard_alone(server: LocalServer) -> None:
    await fill(server, days=1)
    async with board_page(server) as page:
        await sign_in(page, server)
        await page.reload()
        await expect(page.locator(LAMP)).to_have_attribute("data-state", "live")
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        await expect(focused).to_have_text("Skip to the screen")
        await page.keyboard.press("/")
        await expect(focused).to_have_attribute("name", "search")
        await page.keyboard.type(ENDED)
        await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_have_attribute("data-screen", "call")
        assert page.url == f"{server.url}/calls/{ENDED}"
        await page.go_back()
        await expect(page.locator("main")).to_have_attribute("data-screen", "now")


async def test_three_clicks_to_why_calls_failed_this_morning(server: LocalServer) -> None:
    await fill(server, days=2)
    failed = "CA" + "f" * 32
    morning = SystemClock().now().replace(hour=0, minute=0, second=1, microsecond=0)
    await server.database.calls.insert_one(
        {
            "_id": failed,
            "sid": failed,
            "status": "failed",
            "direction": "outbound",
            "startTime": morning,
            "endTime": morning,
            "twilio": {"sipResponseCode": 404},
        }
    )
    async with board_page(server) as page:
        await sign_in(page, server)
        figure = page.locator("[data-tile=failedCalls] a")
        await expect(figure).not_to_have_text("0")
        await figure.click()
        await page.get_by_role("button", name="This morning").click()
        await expect(page.locator("main")).to_contain_text("no such number")
        await page.locator(f"[data-sid={failed}] a").first.click()
        await expect(page.locator("main")).to_have_attribute("data-screen", "call")
        await expect(page.locator("main")).to_contain_text("404")
