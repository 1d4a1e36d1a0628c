"""Fixtures every kind of test shares: real engines, one pair for the whole session."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings
from support.engines import Engines
from support.server import LocalServer

from callboard.clock import SystemClock

# The same examples in every run: who changes nothing is not told of a history nobody tried
# before. `make explore` looks for new ones.
settings.register_profile("seeded", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile("seeded")


@pytest.fixture(autouse=True)
def own_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the process its own logging back: a command run within it configures the whole."""
    configure = structlog.configure
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def configure_until_the_end(**said: Any) -> None:
        # A module's logger that keeps what it found first would log so in every later test.
        configure(**{**said, "cache_logger_on_first_use": False})

    monkeypatch.setattr(structlog, "configure", configure_until_the_end)
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Start a real mongod and a real Valkey; they are stopped at the end."""
    engines = Engines(tmp_path_factory.mktemp("engines"), SystemClock())
    asyncio.run(engines.start())
    yield engines
    asyncio.run(engines.stop())


@pytest.fixture
async def server(engines: Engines) -> AsyncIterator[LocalServer]:
    """Run a whole callboard in this process, on a database of its own."""
    server = LocalServer(engines)
    # One Redis serves one installation; the one of the test before is gone.
    await server.redis.flushall()
    await server.start()
    await server.ready()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Return the folder for what people want to look at afterwards; git ignores it."""
    folder = Path(__file__).parent.parent / "test-artifacts"
    folder.mkdir(exist_ok=True)
    return folder
