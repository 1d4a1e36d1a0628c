"""MongoDB's primary is killed under load, and steps down: nothing acknowledged is lost."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from support.engines import Engines
from support.ledger import Ledger, check, check_figures, play
from support.program import program
from support.replica_set import ReplicaSet
from support.server import SECRET
from support.waiting import eventually

from callboard.clock import SystemClock
from callboard.store.database import connect

LANES = 12


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[ReplicaSet]:
    """Run three mongods."""
    nodes = ReplicaSet(tmp_path / "nodes")
    try:
        await nodes.start()
        yield nodes
    finally:
        await nodes.stop()


async def more(ledger: Ledger, count: int) -> None:
    """Wait until so many more webhooks are acknowledged."""
    wanted = ledger.acknowledged + count

    async def acknowledged() -> int:
        return ledger.acknowledged

    await eventually(acknowledged, lambda seen: seen >= wanted, within_s=60)


async def time_to_resume(ledger: Ledger, disturb: Callable[[], Awaitable[None]]) -> float:
    """Disturb, and return for how many seconds nothing new was acknowledged at the longest."""
    clock = SystemClock()
    await disturb()
    seen, since_s, longest_s = ledger.acknowledged, clock.monotonic_s(), 0.0
    wanted = seen + 300

    async def look() -> int:
        nonlocal seen, since_s, longest_s
        longest_s = max(longest_s, clock.monotonic_s() - since_s)
        if ledger.acknowledged != seen:
            seen, since_s = ledger.acknowledged, clock.monotonic_s()
        return seen

    await eventually(look, lambda count: count >= wanted, within_s=60)
    return longest_s


async def disturbed(ledger: Ledger, nodes: ReplicaSet) -> dict[str, float]:
    """Kill the primary, bring it back, ask the next one to step down; return the pauses."""

    async def kill() -> None:
        await nodes.kill(await nodes.primary())

    await more(ledger, 300)
    killed = await nodes.primary()
    paused_s = {"killed": await time_to_resume(ledger, kill)}
    nodes.start_node(killed)
    await eventually(nodes.settled, within_s=60)
    paused_s["stepped down"] = await time_to_resume(ledger, nodes.step_down)
    return paused_s


@pytest.mark.timeout(240)
async def test_a_lost_primary_and_a_planned_step_down_lose_and_double_nothing(
    engines: Engines,
    nodes: ReplicaSet,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    url = nodes.url("failover")
    environment: dict[str, Any] = {
        "MONGODB_URL": url,
        "REDIS_URL": engines.valkey.url,
        "REDIS_PASSWORD": engines.valkey.password,
        "ELEVENLABS_WEBHOOK_SECRET": SECRET,
    }
    database = connect(url)
    lanes: list[asyncio.Task[None]] = []
    try:
        async with (
            program(tmp_path / "data", "serve", "--port", "0", **environment) as running,
            running.client() as client,
        ):
            ledger = Ledger(running.url, random.Random(7))  # noqa: S311  (a seeded scenario)
            loop = asyncio.get_running_loop()
            lanes += [loop.create_task(play(ledger)) for _ in range(LANES)]
            paused_s = await disturbed(ledger, nodes)
            ledger.stop = True
            async with asyncio.timeout(60):
                await asyncio.gather(*lanes)
            await check(ledger, database)
            await check_figures(database, client)
    finally:
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        await database.client.close()
    for event, seconds in paused_s.items():
        record_property(f"seconds without an acknowledgement, primary {event}", round(seconds, 2))
    print(f"\nprimary {paused_s}, {ledger.acknowledged} acknowledged, others {ledger.other}")  # noqa: T201  (the report)
