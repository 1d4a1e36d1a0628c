"""The page in a real browser: a call appears, changes, and leaves when it ends."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from support.browser import board_page, sign_in
from support.server import LocalServer, status_form

from callboard.delivery.page import DIST

SID = "CA" + "1" * 32
OTHER = "CA" + "2" * 32
QUERY = "campaignId=camp_1&contactName=Ada%20Lovelace&agentName=Nova"

pytestmark = pytest.mark.skipif(not DIST.exists(), reason="run `make setup`: no page is built")


@pytest.fixture
async def page(server: LocalServer) -> AsyncIterator[Page]:
    """A signed-out page on a desk."""
    async with board_page(server) as page:
        yield page


async def test_a_call_appears_changes_status_and_disappears(
    page: Page, server: LocalServer, artifacts: Path
) -> None:
    await sign_in(page, server)
    row = page.locator(f"[data-testid=live-calls] tr[data-sid={SID}]")
    status = row.locator("[data-field=status]")
    active = page.locator("[data-tile=activeCalls] [data-value]")
    await expect(row).to_have_count(0)

    await server.webhook(status_form(SID, "initiated"), QUERY)
    await expect(status).to_have_attribute("data-value", "initiated")
    await expect(row).to_contain_text("Ada Lovelace")
    await expect(active).to_have_attribute("data-value", "1")
    await server.webhook(status_form(OTHER, "ringing"), QUERY)
    await server.webhook(status_form(SID, "ringing"), QUERY)
    await expect(status).to_have_attribute("data-value", "ringing")
    await server.webhook(status_form(SID, "in-progress", 9), QUERY)
    await expect(status).to_have_attribute("data-value", "in-progress")
    await expect(active).to_have_attribute("data-value", "2")
    await page.screenshot(path=artifacts / "board-live.png")

    await server.webhook(status_form(SID, "completed", 56, CallDuration="47"), QUERY)
    await expect(row).to_have_count(0)
    await expect(active).to_have_attribute("data-value", "1")
    completed = page.locator("[data-tile=completedCalls] [data-value]")
    await expect(completed).to_have_attribute("data-value", "1")
    campaign = page.locator("[data-campaign=camp_1] [data-field=completed]")
    await expect(campaign).to_have_attribute("data-value", "1")
    await expect(page.locator(f"[data-testid=recent-calls] [data-sid={SID}]")).to_have_count(1)
    await page.screenshot(path=artifacts / "board-ended.png")


async def test_a_wrong_key_is_refused_with_words(page: Page, server: LocalServer) -> None:
    await page.goto(server.url)
    await page.fill("[data-testid=sign-in] input[name=key]", "not-the-key-at-all")
    await page.click("[data-testid=sign-in] button[type=submit]")
    await expect(page.locator("[role=alert]")).to_contain_text("key")
    await expect(page.locator("[data-testid=sign-in]")).to_be_visible()


async def test_the_page_says_when_the_server_is_gone_and_recovers_by_itself(
    page: Page, server: LocalServer, artifacts: Path
) -> None:
    await sign_in(page, server)
    await server.webhook(status_form(SID, "ringing"), QUERY)
    row = page.locator(f"[data-testid=live-calls] tr[data-sid={SID}]")
    await expect(row).to_have_count(1)
    assert server.server is not None
    port = int(server.url.rpartition(":")[2])
    await server.server.stop()
    lamp = page.locator("[data-testid=connection]")
    await expect(lamp).not_to_have_attribute("data-state", "live", timeout=10_000)
    await page.screenshot(path=artifacts / "board-reconnecting.png")
    await server.start(port)
    # Meanwhile the call ended: the page must not keep showing it.
    await server.webhook(status_form(SID, "busy", 20), QUERY)
    await expect(lamp).to_have_attribute("data-state", "live", timeout=30_000)
    await expect(row).to_have_count(0, timeout=20_000)


async def test_where_websockets_are_forbidden_it_polls(page: Page, server: LocalServer) -> None:
    await page.add_init_script(
        "window.WebSocket = class {"
        "constructor() { setTimeout(() => this.onclose()); }"
        "close() {} };"
    )
    await sign_in(page, server)
    row = page.locator(f"[data-testid=live-calls] tr[data-sid={SID}]")
    await server.webhook(status_form(SID, "ringing"), QUERY)
    await expect(row).to_have_count(1)
    await server.webhook(status_form(SID, "busy", 9), QUERY)
    await expect(row).to_have_count(0)
