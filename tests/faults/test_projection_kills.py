"""A projector is killed and paused again and again under load: each change counts exactly once.

50 kills; set `CALLBOARD_KILLS` for more or fewer, and `pytest -s` to read the report.
"""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from support.engines import Engines
from support.projection_site import INTERRUPTED, Site, site_under_load
from support.projector_process import LEADING, Halt, ProjectorProcess
from support.waiting import eventually

from callboard.clock import SystemClock

KILLS = int(os.environ.get("CALLBOARD_KILLS", "50"))
LEFT_ALONE = 4
"""Kills after which nobody helps: the next one waits until the dead one's lease has run out."""
SPARES = 3
SHORT_PAUSES = 10
LONG_PAUSES = (
    None,
    Halt(1, "before", field="startTransaction", signal="SIGSTOP"),
    Halt(1, "before", field="commitTransaction", signal="SIGSTOP"),
    Halt(1, "before", field="startTransaction", signal="SIGSTOP"),
)
"""Where a projector is stopped until it has been replaced; None: at any moment."""
SEED = int(os.environ.get("CALLBOARD_SEED", "20261123"))
When = Literal["before", "during", "after"]
WHEN: tuple[When, ...] = ("before", "during", "during", "after")


@dataclass
class Toll:
    """When processes were killed, and what the kills hit."""

    before_leading: int = 0
    anywhere: int = 0
    in_a_commit: int = 0
    left_a_transaction_open: int = 0


async def kill(site: Site, leader: ProjectorProcess, toll: Toll) -> None:
    """Let one lead and kill it: while it starts, whenever, or at some step of some commit."""
    rng, dice = site.rng, site.rng.random()
    if dice < 0.15:
        toll.before_leading += 1
        await leader.go()
        await asyncio.sleep(rng.uniform(0, 0.2))  # the moment is what is random
        await leader.kill()
    elif dice < 0.55:
        toll.anywhere += 1
        await leader.go()
        await leader.leads()
        await asyncio.sleep(rng.uniform(0, 0.8))  # the moment is what is random
        await leader.kill()
    else:
        toll.in_a_commit += 1
        when = rng.choice(WHEN)
        await leader.go(Halt(rng.randrange(1, 30), when, rng.uniform(0, 0.006)))
        await leader.gone()
    toll.left_a_transaction_open += await site.open_transactions() > 0


@pytest.mark.timeout(300)
async def test_a_projector_killed_again_and_again_counts_every_change_once(
    engines: Engines, tmp_path: Path
) -> None:
    clock, toll = SystemClock(), Toll()
    begun_s = clock.monotonic_s()
    left_alone = {(n + 1) * KILLS // (LEFT_ALONE + 1) for n in range(LEFT_ALONE)}
    async with site_under_load(engines, tmp_path, SEED) as site, AsyncExitStack() as started:
        spares = [await started.enter_async_context(site.start()) for _ in range(SPARES)]
        first = spares.pop(0)
        await first.go()
        await first.leads()  # what is folded from nothing is folded here, and never again
        await first.kill()
        for number in range(KILLS):
            if number not in left_alone:
                await site.free_lease()
            spares.append(await started.enter_async_context(site.start()))
            await kill(site, spares.pop(0), toll)
        await site.free_lease()
        await spares[0].go()
        await spares[0].leads()
        await site.caught_up(60)
        commits, killed_s = len(await site.commits()), clock.monotonic_s() - begun_s
        await site.load.end()
        await site.assert_true()
    print(f"\n{toll}, {commits} commits of {site.load.writes} writes in {killed_s:.0f} s")  # noqa: T201  (the report)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_one_that_dies_while_it_takes_over_leaves_no_locks_of_the_one_before(
    engines: Engines, tmp_path: Path, when: When
) -> None:
    async with site_under_load(engines, tmp_path, SEED) as site, AsyncExitStack() as started:
        first, second, third = [await started.enter_async_context(site.start()) for _ in range(3)]
        await first.go(Halt(20, "before", field="commitTransaction"))
        await first.gone()
        assert await site.open_transactions() == 1
        await site.free_lease()
        await second.go(Halt(1, when, field="killSessions"))
        await second.gone()
        await site.free_lease()
        await third.go()
        await third.leads()
        # MongoDB itself would end what the first has left open after more than a minute.
        await site.caught_up(15)
        await site.load.end()
        await site.assert_true()


async def pause_until_replaced(site: Site, halt: Halt | None, redis_pid: int) -> None:
    """Pause the one that leads until another has taken over and commits, then let it go on.

    Meanwhile the other stands still: whatever is written then, the first has written.
    One that halts in a commit goes on before it asks for its lease, and Redis stands still too:
    nothing but the data can fence it.
    """
    paused = await site.holder()
    other = next(process for process in site.all_started if process is not paused)
    led, interrupted = len(other.said(LEADING)), len(paused.said(INTERRUPTED))
    await asyncio.sleep(site.rng.uniform(0, 0.5))  # the moment is what is random
    if halt is None:
        paused.pause()
    else:
        await site.renewed()
        await paused.order(halt)
    await paused.stands_still()
    last = (await site.commits())[-1].epoch
    if halt is not None:
        await site.free_lease()
    await other.leads(led + 1)

    async def newest() -> int:
        return (await site.commits())[-1].epoch

    await eventually(newest, lambda epoch: epoch > last)
    other.pause()
    before = await site.at_rest()
    try:
        if halt is not None:
            os.kill(redis_pid, signal.SIGSTOP)
        paused.resume()
        await paused.until_said(INTERRUPTED, interrupted + 1)
    finally:
        os.kill(redis_pid, signal.SIGCONT)
    after = await site.written()
    assert [name for name in before if before[name] != after[name]] == []
    other.resume()
    assert await site.holder() is other
    await site.caught_up()


@pytest.mark.timeout(180)
async def test_one_that_was_paused_and_replaced_writes_nothing_when_it_wakes(
    engines: Engines, tmp_path: Path
) -> None:
    redis_pid = engines.valkey.pid
    assert redis_pid is not None
    async with (
        site_under_load(engines, tmp_path, SEED) as site,
        site.start() as one,
        site.start() as other,
    ):
        await one.go()
        await one.leads()
        await other.go()
        for _ in range(SHORT_PAUSES):
            holder = await site.holder()
            await asyncio.sleep(site.rng.uniform(0, 0.3))  # the moment is what is random
            holder.pause()
            await asyncio.sleep(site.rng.uniform(0, 1))  # less than is left of its lease
            holder.resume()
        await site.caught_up()
        for halt in LONG_PAUSES:
            await pause_until_replaced(site, halt, redis_pid)
        assert min(len(process.said(LEADING)) for process in (one, other)) >= 2
        await site.load.end()
        await site.assert_true()
