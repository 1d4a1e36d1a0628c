"""The server is killed again and again under load: what was acknowledged is there, and once.

20 kills in CI; set `CALLBOARD_KILLS=50` for more, and `pytest -s` to read the report.
"""

import asyncio
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest
from support.engines import Engines
from support.ledger import Ledger, check, check_figures, play
from support.program import Program, program
from support.server import SECRET
from support.waiting import eventually

from callboard.embedded.child import free_port
from callboard.store.database import connect

KILLS = int(os.environ.get("CALLBOARD_KILLS", "20"))
LANES = 16


async def kill(ledger: Ledger, running: Program, rng: random.Random) -> None:
    """Kill a server at a random moment: some while they start, most under load."""
    if rng.random() < 0.2:
        await asyncio.sleep(rng.uniform(0.0, 0.9))  # the moment is what is random
    else:
        await running.ready()
        wanted = ledger.acknowledged + rng.randrange(120)

        async def acknowledged() -> int:
            return ledger.acknowledged

        await eventually(acknowledged, lambda count: count >= wanted, within_s=30)
    os.kill(running.process.pid, signal.SIGKILL)
    await running.process.communicate()


@pytest.mark.timeout(300)
async def test_a_server_killed_again_and_again_loses_and_doubles_nothing(
    engines: Engines, tmp_path: Path
) -> None:
    rng = random.Random(20_261_123)  # noqa: S311  (a seeded scenario)
    port = free_port()
    ledger = Ledger(f"http://127.0.0.1:{port}", rng)
    url = engines.mongo_url()
    environment: dict[str, Any] = {
        "MONGODB_URL": url,
        "REDIS_URL": engines.valkey.url,
        "REDIS_PASSWORD": engines.valkey.password,
        "ELEVENLABS_WEBHOOK_SECRET": SECRET,
    }
    database = connect(url)
    serve = (tmp_path / "data", "serve", "--port", str(port))
    lanes = [asyncio.get_running_loop().create_task(play(ledger)) for _ in range(LANES)]
    try:
        for _ in range(KILLS):
            async with program(*serve, ready=False, **environment) as running:
                await kill(ledger, running, rng)
        async with program(*serve, **environment) as running, running.client() as client:
            ledger.stop = True
            async with asyncio.timeout(60):
                await asyncio.gather(*lanes)
            await check(ledger, database)
            await check_figures(database, client)
    finally:
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        await database.client.drop_database(database.name)
        await database.client.close()
    print(f"\n{KILLS} kills, {ledger.lives} calls, {ledger.acknowledged} acknowledged")  # noqa: T201  (the report)
