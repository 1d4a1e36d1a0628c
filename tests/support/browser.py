"""The page in a real Chromium: signed in, watched for complaints, judged by axe."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright, expect
from support.server import ADMIN_KEY, LocalServer

__all__ = ["CHROMIUM", "DESK", "FLAGS", "PHONE", "board_page", "sign_in", "violations"]

CHROMIUM = "/usr/bin/chromium"
# Without these Chromium calls home at every start; nothing here may leave the machine.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK, PHONE = (1440, 900), (390, 844)
_AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


@asynccontextmanager
async def board_page(server: LocalServer, size: tuple[int, int] = DESK) -> AsyncIterator[Page]:
    """Yield a signed-out page; an error of its scripts or a request to anybody else fails."""
    complaints: list[str] = []
    own = (server.url, server.url.replace("http", "ws", 1), "data:", "blob:")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        width, height = size
        page = await browser.new_page(viewport={"width": width, "height": height})
        page.on("pageerror", lambda error: complaints.append(str(error)))

        def asked(url: str) -> None:
            if not url.startswith(own):
                complaints.append(f"foreign request: {url}")

        def said(text: str) -> None:
            if "Content Security Policy" in text:
                complaints.append(text)

        page.on("request", lambda request: asked(request.url))
        page.on("console", lambda message: said(message.text))
        yield page
        await browser.close()
    assert complaints == []


async def sign_in(page: Page, server: LocalServer, path: str = "/") -> None:
    """Open a screen and sign in with the admin key."""
    await page.goto(server.url + path)
    await page.fill("[data-testid=sign-in] input[name=key]", ADMIN_KEY)
    await page.click("[data-testid=sign-in] button[type=submit]")
    await expect(page.locator("[data-testid=sign-in]")).to_have_count(0)
    if path != "/wall":
        lamp = page.locator("[data-testid=connection]")
        await expect(lamp).to_have_attribute("data-state", "live")


async def violations(page: Page) -> list[str]:
    """Return what axe finds wrong with the page: rule, place, and what it says."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_AXE.read_text())
    found: dict[str, Any] = json.loads(
        await page.evaluate("axe.run(document).then((found) => JSON.stringify(found))")
    )
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
