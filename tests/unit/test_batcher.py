"""Group commit: what arrives during a commit is the next batch, and each sender gets its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from support.builders import settle, until

from callboard.errors import (
    CallboardError,
    InvariantViolated,
    MalformedPayload,
    StoreUnavailable,
)
from callboard.ingest.batcher import Batcher


class Store:
    """A store whose commits are let through by hand."""

    def __init__(self, *, open_: bool = False) -> None:
        self.batches: list[list[str]] = []
        self.committed: list[str] = []
        self.gate = asyncio.Event()
        if open_:
            self.gate.set()
        self.failure: Exception | None = None

    async def commit(self, entries: Sequence[str]) -> list[CallboardError | None]:
        """Commit all but what is poisoned."""
        self.batches.append(list(entries))
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        self.committed += entries
        return [InvariantViolated(e) if e.startswith("poison") else None for e in entries]


@asynccontextmanager
async def running(
    store: Store, batch_length_max: int = 100, waiting_max: int = 100
) -> AsyncIterator[Batcher[str]]:
    """Run a batcher until the block ends."""
    batcher = Batcher(store.commit, batch_length_max=batch_length_max, waiting_max=waiting_max)
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(batcher.run())
        try:
            yield batcher
        finally:
            run.cancel()


async def end_of(run: "asyncio.Future[None]") -> BaseException:
    """Return what ended a run; one error may come in a group."""
    (told,) = await asyncio.gather(run, return_exceptions=True)
    assert told is not None
    if isinstance(told, BaseExceptionGroup):
        (told,) = told.exceptions
    return told


async def outcomes(*submitted: "asyncio.Task[None]") -> list[object]:
    """Return what each sender was told: None or the kind of error."""
    told = await asyncio.gather(*submitted, return_exceptions=True)
    return [type(answer) if isinstance(answer, BaseException) else answer for answer in told]


def send(batcher: Batcher[str], *entries: str) -> "list[asyncio.Task[None]]":
    """Submit entries at the same time."""
    return [asyncio.ensure_future(batcher.submit(entry)) for entry in entries]


async def test_an_idle_batcher_commits_a_lone_webhook_at_once() -> None:
    store = Store(open_=True)
    async with running(store) as batcher:
        await batcher.submit("a")
        await batcher.submit("b")
    assert store.batches == [["a"], ["b"]]


async def test_what_arrives_during_a_commit_is_the_next_batch() -> None:
    store = Store()
    async with running(store) as batcher:
        first = send(batcher, "a")
        await until(lambda: store.batches)
        rest = send(batcher, "b", "c", "d")
        await settle()
        assert store.batches == [["a"]]
        assert not any(task.done() for task in [*first, *rest])
        store.gate.set()
        assert await outcomes(*first, *rest) == [None] * 4
    assert store.batches == [["a"], ["b", "c", "d"]]


async def test_a_batch_is_never_longer_than_its_limit_and_keeps_the_order() -> None:
    store = Store(open_=True)
    async with running(store, batch_length_max=3) as batcher:
        await outcomes(*send(batcher, *"abcdefgh"))
    assert max(len(batch) for batch in store.batches) == 3
    assert store.committed == list("abcdefgh")


async def test_nobody_is_answered_before_the_commit_is_through() -> None:
    store = Store()
    async with running(store) as batcher:
        sent = send(batcher, "a")
        await settle()
        assert not sent[0].done()
        store.gate.set()
        await sent[0]
        assert store.committed == ["a"]


async def test_one_poisoned_entry_fails_alone() -> None:
    store = Store(open_=True)
    async with running(store) as batcher:
        told = await outcomes(*send(batcher, "a", "poison", "b"))
    assert told == [None, InvariantViolated, None]


async def test_too_many_waiting_are_told_to_come_again() -> None:
    store = Store()
    async with running(store, waiting_max=2) as batcher:
        first = send(batcher, "a")
        await until(lambda: store.batches)
        waiting = send(batcher, "b", "c")
        await settle()
        with pytest.raises(StoreUnavailable, match="2 webhooks are waiting"):
            await batcher.submit("d")
        store.gate.set()
        assert await outcomes(*first, *waiting) == [None] * 3
        await batcher.submit("e")
    assert store.committed == ["a", "b", "c", "e"]


async def test_a_commit_that_raises_acknowledges_nobody_and_ends_the_run() -> None:
    store = Store()
    store.failure = RuntimeError("the driver broke")
    batcher = Batcher(store.commit, batch_length_max=2, waiting_max=9)
    run = asyncio.ensure_future(batcher.run())
    sent = send(batcher, "a", "b", "c")
    await until(lambda: store.batches)
    store.gate.set()
    assert await outcomes(*sent) == [StoreUnavailable] * 3
    assert isinstance(await end_of(run), RuntimeError)
    assert store.committed == []


async def test_a_batcher_that_is_started_again_goes_on() -> None:
    store = Store(open_=True)
    store.failure = RuntimeError("the driver broke")
    batcher = Batcher(store.commit, batch_length_max=1, waiting_max=9)
    run = asyncio.ensure_future(batcher.run())
    assert await outcomes(*send(batcher, "a", "b")) == [StoreUnavailable] * 2
    await end_of(run)
    store.failure = None
    again = asyncio.ensure_future(batcher.run())
    await batcher.submit("c")
    again.cancel()
    assert store.committed == ["c"]


async def test_an_empty_batch_is_never_committed() -> None:
    store = Store(open_=True)
    store.failure = RuntimeError("the driver broke")
    batcher = Batcher(store.commit, batch_length_max=1, waiting_max=9)
    run = asyncio.ensure_future(batcher.run())
    await outcomes(*send(batcher, "a", "b"))
    await end_of(run)
    store.failure = None
    again = asyncio.ensure_future(batcher.run())
    await settle()
    again.cancel()
    assert store.batches == [["a"]]


@pytest.mark.parametrize("committing", [True, False])
async def test_a_sender_that_hangs_up_disturbs_nobody(committing: bool) -> None:
    store = Store()
    async with running(store) as batcher:
        blocking = send(batcher, "a")
        await until(lambda: store.batches)
        left, stays = send(batcher, "b", "c")
        await settle()
        if committing:
            store.gate.set()
            await until(lambda: len(store.batches) == 2 or left.done())
        left.cancel()
        store.gate.set()
        assert await outcomes(*blocking, stays) == [None, None]
        await batcher.submit("d")
    assert store.committed[-1] == "d"


async def test_stopping_tells_those_that_wait_to_come_again() -> None:
    store = Store()
    async with running(store) as batcher:
        sent = send(batcher, "a")
        await until(lambda: store.batches)
        sent += send(batcher, "b", "c")
        await settle()
    assert await outcomes(*sent) == [StoreUnavailable] * 3
    assert store.committed == []


async def test_who_comes_after_the_stop_is_told_so_too() -> None:
    store = Store(open_=True)
    async with running(store) as batcher:
        await batcher.submit("a")
    late = send(batcher, "b")[0]
    await settle()
    done = late.done()
    late.cancel()
    assert done


async def test_a_commit_that_answers_for_too_few_leaves_nobody_waiting() -> None:
    async def commit(_: Sequence[str]) -> list[CallboardError | None]:
        return [None]

    batcher = Batcher(commit, batch_length_max=9, waiting_max=9)
    sent = send(batcher, "a", "b")
    await settle()
    told = await end_of(asyncio.ensure_future(batcher.run()))
    assert isinstance(told, InvariantViolated)
    assert "answered for 1" in str(told)
    await settle()
    done = [task.done() for task in sent]
    for task in sent:
        task.cancel()
    assert done == [True, True]


def send_all(batcher: Batcher[str], entries: str) -> "asyncio.Task[None]":
    """Submit entries as one delivery."""
    return asyncio.ensure_future(batcher.submit_all(list(entries)))


async def test_a_delivery_is_committed_in_one_batch_and_answered_when_all_of_it_is() -> None:
    store = Store()
    async with running(store, batch_length_max=3) as batcher:
        sent = send_all(batcher, "abcde")
        await until(lambda: store.batches)
        await settle()
        assert not sent.done()
        store.gate.set()
        await sent
        await batcher.submit_all([])
    assert store.batches == [["a", "b", "c"], ["d", "e"]]


async def test_a_delivery_with_a_poisoned_entry_is_told_when_all_are_settled() -> None:
    store = Store()
    async with running(store, batch_length_max=1) as batcher:
        sent = asyncio.ensure_future(batcher.submit_all(["poison", "b"]))
        await until(lambda: store.batches)
        store.gate.set()
        assert await outcomes(sent) == [InvariantViolated]
    assert store.committed == ["poison", "b"]


async def test_a_delivery_too_long_to_wait_is_told_to_come_again_once_it_is_settled() -> None:
    store = Store(open_=True)
    async with running(store, waiting_max=2) as batcher:
        with pytest.raises(StoreUnavailable, match="2 webhooks are waiting"):
            await batcher.submit_all(list("abc"))
        assert store.committed == ["a", "b"]
        await batcher.submit_all(list("ab"))


async def test_a_delivery_whose_sender_hangs_up_disturbs_nobody() -> None:
    store = Store()
    async with running(store) as batcher:
        sent = send_all(batcher, "ab")
        await until(lambda: store.batches)
        waits = send_all(batcher, "cd")
        await settle()
        sent.cancel()
        waits.cancel()
        store.gate.set()
        await batcher.submit("e")
    assert store.committed == list("abcde")


async def test_a_delivery_after_the_stop_is_told_so() -> None:
    store = Store(open_=True)
    async with running(store) as batcher:
        await batcher.submit("a")
    assert await outcomes(send_all(batcher, "bc")) == [StoreUnavailable]


async def test_what_may_be_sent_again_is_told_before_what_is_refused() -> None:
    async def commit(entries: Sequence[str]) -> list[CallboardError | None]:
        results = [MalformedPayload("poison"), StoreUnavailable("no primary")]
        return list(results[: len(entries)])

    batcher = Batcher(commit, batch_length_max=9, waiting_max=9)
    run = asyncio.ensure_future(batcher.run())
    told = await outcomes(send_all(batcher, "ab"))
    run.cancel()
    assert told == [StoreUnavailable]
