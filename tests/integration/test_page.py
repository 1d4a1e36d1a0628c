"""The page's addresses: each screen is the same page, and what is no screen is not found."""

import pytest
from support.server import LocalServer

from callboard.delivery.page import DIST, SCREENS

pytestmark = pytest.mark.skipif(not DIST.exists(), reason="run `make setup`: no page is built")


async def test_every_screen_is_the_same_page(server: LocalServer) -> None:
    pages = [await server.client.get(path.format(id="c 1", sid="CA1")) for path in SCREENS]
    assert {page.status_code for page in pages} == {200}
    assert len({page.content for page in pages}) == 1
    for page in pages:
        assert page.headers["cache-control"] == "no-cache"
        assert "script-src 'self'" in page.headers["content-security-policy"]
        again = await server.client.get(page.url, headers={"If-None-Match": page.headers["etag"]})
        assert again.status_code == 304
    head = await server.client.head("/live")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("path", ["/lives", "/calls/a/b", "/index.html", "/api/x"])
async def test_what_is_no_screen_is_not_found(server: LocalServer, path: str) -> None:
    answer = await server.client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_a_signed_out_browser_gets_the_page_of_every_screen(server: LocalServer) -> None:
    answer = await server.client.get("/analytics", headers={"Authorization": ""})
    assert answer.status_code == 200
