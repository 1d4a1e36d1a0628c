"""A one-time link in a real browser: it signs in, leaves the address, and works once."""

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect
from support.browser import CHROMIUM, FLAGS
from support.server import LocalServer

from callboard.app.keys import made_secret
from callboard.delivery.auth import COOKIE, hash_key
from callboard.delivery.page import DIST
from callboard.store.access import AccessStore

pytestmark = pytest.mark.skipif(not DIST.exists(), reason="run `make setup`: no page is built")


async def made_link(server: LocalServer) -> str:
    """Return the token of a new link."""
    link = made_secret()
    await AccessStore(server.database).add_link(["read"], hash_key(link), lives_s=60)
    return link


async def opened(context: BrowserContext, url: str, asked: list[str]) -> Page:
    """Open a page and note every address it asks for."""
    page = await context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(url)
    return page


async def test_a_link_opens_the_board_once_and_leaves_the_address(server: LocalServer) -> None:
    link = await made_link(server)
    address = f"{server.url}/#link={link}"
    asked: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        mine = await browser.new_context()
        page = await opened(mine, address, asked)
        live = page.locator("[data-testid=connection]")
        await expect(live).to_have_attribute("data-state", "live")
        assert page.url == f"{server.url}/"
        (cookie,) = await mine.cookies()
        assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == (COOKIE, True, "Strict")
        await page.reload()
        await expect(live).to_have_attribute("data-state", "live")

        theirs = await browser.new_context()
        late = await opened(theirs, address, asked)
        await expect(late.locator("[role=alert]")).to_contain_text("used already")
        assert late.url == f"{server.url}/"

        # Pasted into the page that is open: it begins anew with it.
        await late.goto(f"{server.url}/#link={await made_link(server)}")
        state = late.locator("[data-testid=connection]")
        await expect(state).to_have_attribute("data-state", "live")
        await browser.close()
    # What a server or a proxy may log.
    requests = [url for url in asked if link in url.partition("#")[0]]
    assert requests == []
