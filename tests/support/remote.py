"""The hands of both vendors on a callboard that runs in a process of its own."""

from typing import Any, cast

from support.engines import Engines
from support.program import Program
from support.server import LocalServer

from callboard.app.compose import Server

__all__ = ["RemoteServer"]


class RemoteServer(LocalServer):
    """What `LocalServer` offers, for a `Program` on the same database."""

    def __init__(self, engines: Engines, running: Program, **overrides: Any) -> None:
        super().__init__(engines, **overrides)
        self.server = cast("Server", running)  # only its URL is asked for
        self.client = running.client()

    async def start(self, port: int = 0) -> None:
        """Refuse: whoever runs the program starts it."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Close the connections; whoever runs the program ends it."""
        await self.client.aclose()
        await self.database.client.close()
        await self.redis.aclose()
