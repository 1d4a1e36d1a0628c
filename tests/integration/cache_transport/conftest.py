"""What the transport contract is tried with: servers started once, and transports to them."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
from support.cache_sites import SITES, TRANSPORTS, Listening, Open, Site, open_site

from callboard.cache.transport import Transport


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """Start every kind of server once; a test that breaks one has it brought back."""

    async def start() -> list[Site]:
        # One after the other: the cluster agrees faster when nothing else starts beside it.
        return [await open_site(name, tmp_path_factory.mktemp(name)) for name in SITES]

    async def stop(started: Sequence[Site]) -> None:
        await asyncio.gather(*(site.stop() for site in started))

    started = asyncio.run(start())
    yield dict(zip(SITES, started, strict=True))
    asyncio.run(stop(started))


@pytest.fixture(params=SITES)
async def site(
    request: pytest.FixtureRequest, sites: dict[str, Site], monkeypatch: pytest.MonkeyPatch
) -> Site:
    """One kind of server, healthy and empty."""
    site = sites[request.param]
    if site.certificate is not None:
        monkeypatch.setenv("SSL_CERT_FILE", str(site.certificate))
    await site.healthy()
    return site


@pytest.fixture(params=TRANSPORTS)
async def opened(request: pytest.FixtureRequest, site: Site) -> AsyncIterator[Open]:
    """Open started transports; they are closed at the end."""
    transports: list[Transport] = []

    async def open_(
        password: str | None = None, listener: Listening | None = None
    ) -> tuple[Transport, Listening]:
        transport = TRANSPORTS[request.param](site.url, password)
        transports.append(transport)
        listener = listener or Listening()
        await transport.start(listener)
        return transport, listener

    yield open_
    for transport in transports:
        await transport.close()


@pytest.fixture
def key() -> bytes:
    """A key of the cache's namespace; all keys that begin with it lie on one server."""
    return b"cb:c:t:{%s}" % secrets.token_hex(4).encode()
