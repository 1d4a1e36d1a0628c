"""A real mongod and a real Valkey for tests."""

import secrets
from pathlib import Path

from callboard.clock import Clock
from callboard.embedded.mongod import EmbeddedMongo
from callboard.embedded.valkey import EmbeddedValkey

__all__ = ["Engines"]


class Engines:
    """One pair of engines; every test takes a database of its own."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.mongo = EmbeddedMongo(folder, clock)
        self.valkey = EmbeddedValkey(folder, clock)

    async def start(self) -> None:
        """Start both."""
        await self.mongo.start()
        await self.valkey.start()

    async def stop(self) -> None:
        """Stop both."""
        await self.valkey.stop()
        await self.mongo.stop()

    def mongo_url(self, database: str | None = None) -> str:
        """Return the URL of a database, a new one unless it is named."""
        name = database or f"test_{secrets.token_hex(6)}"
        return self.mongo.url.replace("/callboard?", f"/{name}?")
