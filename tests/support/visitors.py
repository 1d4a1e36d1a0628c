"""People and programs at the door: browsers that say whence they come, and keys."""

import itertools

import httpx
from support.server import LocalServer

__all__ = ["browser_at", "status_by_key"]

_HOSTS = itertools.count()


def browser_at(url: str, **headers: str) -> httpx.AsyncClient:
    """Return a client that keeps cookies and says whence it comes, as browsers do."""
    own = {"Origin": url, "Sec-Fetch-Site": "same-origin"}
    return httpx.AsyncClient(base_url=url, headers=own | headers, timeout=10, trust_env=False)


async def status_by_key(server: LocalServer, key: str) -> int:
    """Return how a key is answered; where proxies are trusted each time to another address."""
    address = f"198.51.100.{next(_HOSTS) % 250}"
    headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": address}
    return (await server.client.get("/api/calls", headers=headers)).status_code
