"""Conversations find their calls: told by commits, kept meanwhile, swept now and then."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import pytest
from support.builders import CONVERSATION, a_fact, settle, sid, until

from callboard.errors import InvariantViolated, StoreUnavailable
from callboard.ingest import joiner as module
from callboard.ingest.joiner import Joiner

AWAY = StoreUnavailable("no primary")


class Orphans:
    """Remembers what it was asked to join."""

    def __init__(self) -> None:
        self.joins: list[tuple[set[str], set[str]]] = []
        self.sweeps = 0
        self.known: dict[str, str] = {}
        self.failures: list[Exception] = []
        self.sweep_failures: list[Exception] = []

    async def call_of(self, conversation_id: str | None, call_id: str | None) -> str | None:
        """Return the call that is known for either id."""
        self._fail()
        return self.known.get(conversation_id or "") or self.known.get(call_id or "")

    async def join(self, conversation_ids: Collection[str], call_ids: Collection[str]) -> int:
        """Note what was asked for."""
        if conversation_ids or call_ids:
            self.joins.append((set(conversation_ids), set(call_ids)))
            self._fail()
        return len(conversation_ids)

    async def sweep(self) -> int:
        """Count."""
        self.sweeps += 1
        if self.sweep_failures:
            raise self.sweep_failures.pop(0)
        return 0

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


@asynccontextmanager
async def running(orphans: Orphans) -> AsyncIterator[Joiner]:
    """Run a joiner until the block ends."""
    joiner = Joiner(orphans)
    run = asyncio.ensure_future(joiner.run())
    try:
        await until(lambda: orphans.sweeps or run.done())
        yield joiner
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing wait for a second."""
    monkeypatch.setattr(module, "_RETRY_S", 0)


async def test_it_begins_with_a_sweep() -> None:
    orphans = Orphans()
    async with running(orphans):
        await settle()
    assert (orphans.sweeps, orphans.joins) == (1, [])


async def test_what_was_noted_together_is_joined_together_and_once() -> None:
    orphans = Orphans()
    async with running(orphans) as joiner:
        joiner.note(a_fact(conversation_id=CONVERSATION))
        joiner.note(a_fact(call_id="own-1"))
        joiner.note(a_fact(conversation_id="conv_2", call_id="own-1"))
        await until(lambda: orphans.joins)
        await settle()
    assert orphans.joins == [({CONVERSATION, "conv_2"}, {"own-1"})]


async def test_a_fact_that_names_nobody_is_no_reason_to_look() -> None:
    orphans = Orphans()
    async with running(orphans) as joiner:
        joiner.note(a_fact())
        await settle()
    assert orphans.joins == []


async def test_what_was_noted_is_kept_while_the_store_is_away() -> None:
    orphans = Orphans()
    async with running(orphans) as joiner:
        orphans.failures = [AWAY, AWAY]
        joiner.note(a_fact(conversation_id=CONVERSATION, call_id="own-1"))
        await until(lambda: len(orphans.joins) == 3)
        await settle()
    assert orphans.joins == [({CONVERSATION}, {"own-1"})] * 3


async def test_what_is_noted_during_an_attempt_is_the_next_one() -> None:
    orphans = Orphans()
    async with running(orphans) as joiner:
        join = orphans.join
        second = a_fact(conversation_id="conv_2")

        async def noting(conversation_ids: Collection[str], call_ids: Collection[str]) -> int:
            if not orphans.joins:
                joiner.note(second)
            return await join(conversation_ids, call_ids)

        orphans.join = noting  # type: ignore[method-assign]  # (a stand-in)
        joiner.note(a_fact(conversation_id=CONVERSATION))
        await until(lambda: len(orphans.joins) == 2)
    assert orphans.joins == [({CONVERSATION}, set()), ({"conv_2"}, set())]


async def test_a_quiet_while_is_followed_by_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SWEEP_EVERY_S", 0)
    orphans = Orphans()
    async with running(orphans):
        await until(lambda: orphans.sweeps >= 3)
    assert orphans.joins == []


async def test_a_bug_is_not_swallowed() -> None:
    orphans = Orphans()
    orphans.sweep_failures = [InvariantViolated("a bug")]
    with pytest.raises(InvariantViolated):
        await Joiner(orphans).run()


async def test_an_orphan_whose_call_is_known_is_located() -> None:
    orphans = Orphans()
    joiner = Joiner(orphans)
    fact = a_fact(key=CONVERSATION, orphan=True, conversation_id=CONVERSATION, call_id="own-1")
    assert await joiner.located(fact) == fact
    orphans.known = {"own-1": sid(3)}
    assert await joiner.located(fact) == fact.of_call(sid(3))
    orphans.known = {CONVERSATION: sid(2), "own-1": sid(3)}
    assert (await joiner.located(fact)).key == sid(2)


async def test_a_fact_of_a_call_is_not_looked_up() -> None:
    orphans = Orphans()
    orphans.failures = [AWAY]
    fact = a_fact(conversation_id=CONVERSATION)
    assert await Joiner(orphans).located(fact) is fact


async def test_an_orphan_that_cannot_be_looked_up_is_not_acknowledged() -> None:
    orphans = Orphans()
    orphans.failures = [AWAY]
    with pytest.raises(StoreUnavailable):
        await Joiner(orphans).located(a_fact(orphan=True, conversation_id=CONVERSATION))


async def test_a_sweep_that_failed_is_tried_again() -> None:
    orphans = Orphans()
    orphans.sweep_failures = [AWAY, AWAY]
    async with running(orphans):
        await until(lambda: orphans.sweeps == 3)
        await settle()
    assert orphans.sweeps == 3


async def test_a_busy_server_sweeps_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SWEEP_EVERY_S", 0)
    orphans = Orphans()
    async with running(orphans) as joiner:
        for _ in range(30):
            joiner.note(a_fact(conversation_id=CONVERSATION))
            await settle(3)
    assert orphans.sweeps >= 2
    assert orphans.joins
