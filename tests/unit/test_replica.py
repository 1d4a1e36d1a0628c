"""A web process' copy of a view: it follows, reloads when it must, and knows who vouches."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from support.builders import AT, START, a_delta, settle, until

from callboard.clock import FixedClock
from callboard.delivery import replica as replica_module
from callboard.delivery.replica import Replica
from callboard.domain.stream import Delta, Head, Position, Snapshot, Watermark
from callboard.errors import PositionLost, ViewsUnavailable


class Script:
    """A view source that does what a test tells it to, step by step."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | Exception = Snapshot({"a": b"1"}, Position(1, 0), AT)
        self.vouched: Position | Exception = Position(1, 0)
        self.steps: asyncio.Queue[list[Delta] | Exception] = asyncio.Queue()
        self.loads = 0
        self.tails: list[Position] = []

    async def head(self) -> Head:
        """Return the position vouched for."""
        if isinstance(self.vouched, Exception):
            raise self.vouched
        return Head(self.vouched, AT, Watermark(AT, 7))

    async def load(self) -> Snapshot:
        """Return the whole view."""
        await asyncio.sleep(0)
        self.loads += 1
        if isinstance(self.snapshot, Exception):
            raise self.snapshot
        return Snapshot(self.snapshot.items, self.snapshot.position, self.snapshot.at)

    async def tail(self, position: Position) -> AsyncIterator[list[Delta]]:
        """Yield the steps that tests put on the queue."""
        self.tails.append(position)
        while True:
            step = await self.steps.get()
            if isinstance(step, Exception):
                raise step
            yield step


class Bench:
    """A replica before a scripted source."""

    def __init__(self) -> None:
        self.source = Script()
        self.clock = FixedClock(START)
        self.replica = Replica("live", self.source, self.clock, 3)
        self.heard: list[list[Delta]] = []
        self.resets = 0
        self.replica.on_deltas.append(self.heard.append)
        self.replica.on_reset.append(self._reset)

    def _reset(self) -> None:
        self.resets += 1

    async def tell(self, *steps: list[Delta] | Exception) -> None:
        """Let the source yield or raise, and the replica take it in."""
        for step in steps:
            self.source.steps.put_nowait(step)
        await until(self.source.steps.empty)
        await settle()


@asynccontextmanager
async def following(bench: Bench | None = None) -> AsyncIterator[Bench]:
    """Run a replica until the block ends."""
    bench = bench or Bench()
    run = asyncio.ensure_future(bench.replica.run())
    try:
        await until(lambda: bench.source.loads)
        await settle()
        yield bench
        assert not run.done()
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a retry take no time."""
    monkeypatch.setattr(replica_module, "_RETRY_S", 0)


def test_before_it_has_loaded_nobody_vouches_for_it() -> None:
    replica = Bench().replica
    assert not replica.vouched
    assert not replica.ready.is_set()
    assert replica.items == {}


async def test_it_loads_the_view_and_then_follows_from_there() -> None:
    async with following() as bench:
        assert (bench.replica.items, bench.replica.position) == ({"a": 1}, Position(1, 0))
        assert bench.replica.vouched
        assert bench.replica.ready.is_set()
        assert bench.source.tails == [Position(1, 0)]
        assert bench.resets == 1


async def test_deltas_move_the_items_the_position_and_the_listeners() -> None:
    async with following() as bench:
        first = [a_delta(1, "b", b'{"n":2}'), a_delta(2, "a", keep=False)]
        await bench.tell(first, [], [a_delta(3, "b", b'{"n":3}')])
        assert bench.replica.items == {"b": {"n": 3}}
        assert bench.replica.position == Position(1, 3)
        assert bench.replica.at == AT
        assert bench.heard == [first, [a_delta(3, "b", b'{"n":3}')]]


async def test_who_comes_back_gets_what_was_missed_while_it_is_kept() -> None:
    async with following() as bench:
        deltas = [a_delta(offset) for offset in range(1, 6)]
        await bench.tell(*([delta] for delta in deltas))
        assert bench.replica.since(Position(1, 5)) == []
        assert bench.replica.since(Position(1, 2)) == deltas[2:]
        for lost in (Position(1, 1), Position(1, 6), Position(2, 3)):
            with pytest.raises(PositionLost):
                bench.replica.since(lost)


@pytest.mark.parametrize("lost", [PositionLost("gone"), [a_delta(3)], [a_delta(1, epoch=2)]])
async def test_a_lost_position_means_loading_anew_and_telling_everybody(
    lost: PositionLost | list[Delta],
) -> None:
    async with following() as bench:
        await bench.tell([a_delta(1)])
        bench.source.snapshot = Snapshot({"z": b"9"}, Position(2, 7), AT)
        await bench.tell(lost)
        assert (bench.replica.items, bench.replica.position) == ({"z": 9}, Position(2, 7))
        assert (bench.source.loads, bench.resets) == (2, 2)
        with pytest.raises(PositionLost):
            bench.replica.since(Position(1, 0))


async def test_without_redis_nobody_vouches_until_it_is_back() -> None:
    async with following() as bench:
        await bench.tell([a_delta(1, "b")])
        bench.source.snapshot = ViewsUnavailable("down")
        await bench.tell(ViewsUnavailable("down"))
        assert not bench.replica.vouched
        assert bench.replica.items == {"a": 1, "b": 1}
        bench.source.snapshot = Snapshot({"a": b"1", "b": b"1"}, Position(1, 1), AT)
        await until(lambda: bench.replica.vouched)
        assert bench.resets == 1
        assert bench.replica.since(Position(1, 0)) == [a_delta(1, "b")]


async def test_a_view_whose_head_has_expired_is_not_vouched_for() -> None:
    async with following() as bench:
        bench.source.vouched = bench.source.snapshot = ViewsUnavailable("expired")
        await bench.tell([])
        assert bench.replica.vouched
        bench.clock.advance(timedelta(seconds=2))
        await bench.tell([])
        assert not bench.replica.vouched


async def test_a_head_ahead_is_normal_once_and_a_loss_the_second_time() -> None:
    async with following() as bench:
        bench.source.vouched = Position(1, 4)
        bench.clock.advance(timedelta(seconds=2))
        await bench.tell([])
        assert bench.source.loads == 1
        bench.clock.advance(timedelta(seconds=2))
        await bench.tell([a_delta(1)])
        assert bench.source.loads == 2


async def test_a_head_of_another_epoch_means_loading_anew() -> None:
    async with following() as bench:
        bench.source.vouched = Position(2, 0)
        bench.source.snapshot = Snapshot({}, Position(2, 0), AT)
        bench.clock.advance(timedelta(seconds=2))
        await bench.tell([])
        assert bench.replica.position == Position(2, 0)
        assert bench.resets == 2


def sleeping(monkeypatch: pytest.MonkeyPatch, slept: Callable[[], None]) -> None:
    """Let each of the replica's sleeps be something that happens instead."""
    sleep = asyncio.sleep

    async def instead(_: float) -> None:
        slept()
        await sleep(0)

    monkeypatch.setattr("callboard.delivery.replica.asyncio.sleep", instead)


async def test_sync_waits_for_what_was_vouched_for_when_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with following() as bench:
        await bench.replica.sync()
        bench.source.vouched = Position(1, 1)
        waits: list[None] = []
        sleeping(monkeypatch, lambda: waits.append(None))
        syncing = asyncio.ensure_future(bench.replica.sync())
        await until(lambda: waits)
        assert not syncing.done()
        bench.source.steps.put_nowait([a_delta(1)])
        await syncing
        assert bench.replica.position == Position(1, 1)


async def test_sync_gives_up_on_a_copy_that_lags(monkeypatch: pytest.MonkeyPatch) -> None:
    async with following() as bench:
        bench.source.vouched = Position(1, 1)
        sleeping(monkeypatch, lambda: bench.clock.advance(timedelta(milliseconds=300)))
        with pytest.raises(ViewsUnavailable, match="lags"):
            await bench.replica.sync()
        bench.source.vouched = ViewsUnavailable("down")
        with pytest.raises(ViewsUnavailable, match="down"):
            await bench.replica.sync()


async def test_deltas_that_lie_behind_change_nothing() -> None:
    async with following() as bench:
        newer = a_delta(2, "b", b"2")
        await bench.tell([a_delta(1, "b", b"1"), newer], [a_delta(1, "b", b"1")])
        assert bench.replica.items["b"] == 2
        assert bench.replica.since(Position(1, 1)) == [newer]
