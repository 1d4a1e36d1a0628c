"""The projector before stores in memory: figures first, then views, and one leader at a time."""

import asyncio
from datetime import timedelta

import pytest
from support.builders import a_call, a_change, sid, until
from support.projection import Mark, MemoryWorld, leading

from callboard.domain.buckets import Bucket
from callboard.domain.stream import Watermark
from callboard.errors import LeaseLost, ResumeTokenExpired, StoreUnavailable, ViewsUnavailable
from callboard.projection import projector as projector_module

TODAY = Bucket("2026-03-26", None)
SPRING = Bucket(None, "spring")
NEVER_S = 3_600.0


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let standing by take no time, and nothing happen by the clock alone."""
    monkeypatch.setattr(projector_module, "_STANDBY_S", 0)
    monkeypatch.setattr(projector_module, "_RENEW_EVERY_S", NEVER_S)
    monkeypatch.setattr(projector_module, "_VOUCH_EVERY_S", NEVER_S)


async def test_without_a_checkpoint_the_figures_are_folded_from_nothing() -> None:
    world = MemoryWorld()
    world.truth.calls = [a_call(1), a_call(2, status="completed", duration=9)]
    async with leading(world):
        assert world.total(TODAY) == world.total(SPRING) == 2
        assert list(world.live.shown()) == [sid(1)]
        assert world.summary.shown()["today"]["totalCalls"] == 2
        assert world.campaigns.shown()["spring"]["completedCalls"] == 1
        assert world.happened("changes") == [(None, (50, 0))]


async def test_with_a_checkpoint_it_goes_on_from_the_token() -> None:
    world = MemoryWorld()
    world.ledger.mark = Mark({"n": 0}, (10, 0))
    async with leading(world):
        assert world.happened("changes") == [({"n": 0}, (10, 0))]
        assert world.happened("all_calls") == []


async def test_figures_are_committed_before_the_views_show_them() -> None:
    async with leading(MemoryWorld()) as world:
        world.seen.clear()
        await world.through(a_change(None, a_call()))
        committed = world.seen.index(("commit", 1))
        # A live call holds no figure: it is shown while the figures are being committed.
        assert ("flush", "live") in world.seen
        assert {("flush", "campaign"), ("flush", "summary")} <= {*world.seen[committed:]}
        assert not {("flush", "campaign"), ("flush", "summary")} & {*world.seen[:committed]}
        assert world.live.shown()[sid()]["status"] == "ringing"
        assert world.campaigns.shown()["spring"]["activeCalls"] == 1
        summary = world.summary.shown()["today"]
        assert (summary["totalCalls"], summary["activeCalls"]) == (1, 1)


async def test_a_batch_renders_a_campaign_and_the_summary_at_most_once() -> None:
    async with leading(MemoryWorld()) as world:
        await world.through(*(a_change(None, a_call(number)) for number in range(5)))
        assert len(world.live.deltas) == 5
        assert world.campaigns.changes() == [("spring", "insert")]
        assert world.summary.changes() == [("today", "update")]


async def test_a_batch_that_cancels_out_moves_no_figures() -> None:
    async with leading(MemoryWorld()) as world:
        await world.through(a_change(None, a_call()), a_change(a_call(), None))
        assert world.ledger.stored == {}
        assert world.live.changes() == [(sid(), "delete")]
        assert world.live.shown() == {}


async def test_without_redis_the_figures_go_on_and_the_views_come_back() -> None:
    async with leading(MemoryWorld()) as world:
        world.live.failure = ViewsUnavailable("down")
        await world.through(a_change(None, a_call(1)))
        await world.through(a_change(None, a_call(2)))
        assert world.total(TODAY) == 2
        assert world.live.shown() == {}
        world.live.failure = None
        await world.through(a_change(None, a_call(3)))
        assert set(world.live.shown()) == {sid(1), sid(2), sid(3)}


async def test_changes_older_than_the_epochs_snapshot_move_figures_only() -> None:
    world = MemoryWorld()
    world.ledger.mark = Mark({"n": 0}, None)
    world.truth.calls = [a_call(status="in-progress")]
    async with leading(world):
        old = a_change(None, a_call(), at=(49, 9))
        shown = a_change(a_call(), a_call(status="in-progress"), at=(50, 0))
        await world.through(old, shown)
        assert world.total(TODAY) == 1
        assert world.live.deltas == []
        await world.through(a_change(a_call(status="in-progress"), None, at=(50, 1)))
        assert world.live.changes() == [(sid(), "delete")]
        assert world.total(TODAY) == 0


async def test_a_new_day_begins_with_what_was_already_counted_for_it() -> None:
    async with leading(MemoryWorld()) as world:
        await world.through(a_change(None, a_call()))
        world.clock.advance(timedelta(days=1))
        tomorrow = a_call(2, startTime=world.clock.now())
        await world.through(a_change(None, tomorrow))
        shown = world.summary.shown()["today"]
        assert (shown["day"], shown["totalCalls"], shown["activeCalls"]) == ("2026-03-27", 1, 2)
        await world.through(a_change(tomorrow, {**tomorrow, "status": "completed"}))
        assert world.summary.shown()["today"]["completedCalls"] == 1


async def test_the_day_turns_without_any_call() -> None:
    async with leading(MemoryWorld()) as world:
        await world.through(a_change(None, a_call(status="completed")))
        world.clock.advance(timedelta(days=1))
        await world.through()
        shown = world.summary.shown()["today"]
        assert (shown["day"], shown["totalCalls"]) == ("2026-03-27", 0)


async def test_an_idle_feed_still_moves_the_token_now_and_then() -> None:
    async with leading(MemoryWorld()) as world:
        await world.through()
        assert world.happened("commit") == []
        world.clock.advance(timedelta(seconds=11))
        await world.through()
        await world.through()
        assert world.happened("commit") == [2]


async def test_a_taken_lease_is_waited_for() -> None:
    world = MemoryWorld()
    world.lease.free = False
    run = asyncio.ensure_future(world.projector.run())
    await until(lambda: len(world.happened("acquire")) >= 3)
    assert not world.projector.leading.is_set()
    world.lease.free = True
    await until(world.projector.leading.is_set)
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert world.happened("release") == [None]
    assert not world.projector.leading.is_set()


async def test_a_lease_that_was_taken_means_standing_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector_module, "_RENEW_EVERY_S", 0)
    async with leading(MemoryWorld()) as world:
        world.lease.lost = True
        world.lease.free = False
        await world.until(lambda: ("acquire", False) in world.seen)
        assert not world.projector.leading.is_set()
        assert world.happened("release") == [None]
        world.lease.free = True
        await world.until(world.projector.leading.is_set)
        assert world.live.position.epoch == 2


async def test_views_are_vouched_for_while_nothing_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(projector_module, "_VOUCH_EVERY_S", 0)
    async with leading(MemoryWorld()) as world:
        await world.until(lambda: world.happened("flush").count("summary") > 3)
        assert world.happened("commit") == []


@pytest.mark.parametrize("failure", [LeaseLost("moved"), StoreUnavailable("no primary")])
async def test_a_commit_that_fails_means_standing_by_and_trying_anew(failure: Exception) -> None:
    async with leading(MemoryWorld()) as world:
        world.ledger.failure = failure
        await world.through(a_change(None, a_call()))
        await world.until(lambda: world.lease.epoch == 2)
        assert world.total(TODAY) == 0


async def test_a_feed_that_fails_is_opened_again_from_the_last_token() -> None:
    async with leading(MemoryWorld()) as world:
        await world.through(a_change(None, a_call()))
        world.truth.feed.put_nowait(StoreUnavailable("no primary"))
        await world.until(lambda: len(world.happened("changes")) == 2)
        assert world.happened("changes")[-1] == ({"n": 1}, (50, 0))


async def test_a_lost_history_is_folded_anew() -> None:
    async with leading(MemoryWorld()) as world:
        world.truth.calls = [a_call(number) for number in range(3)]
        world.truth.feed.put_nowait(ResumeTokenExpired("the oplog is too short"))
        await world.until(lambda: len(world.happened("changes")) == 2)
        assert world.total(TODAY) == 3
        assert world.live.position.epoch > 1


async def test_a_view_is_never_written_twice_at_once() -> None:
    async with leading(MemoryWorld()) as world:
        gate, writing, most = asyncio.Event(), 0, 0

        async def slow(watermark: Watermark, *, vouch: bool = False) -> None:
            nonlocal writing, most
            writing += 1
            most = max(most, writing)
            await gate.wait()
            writing -= 1

        world.live.failure = ViewsUnavailable("down")
        world.summary.flush = slow  # type: ignore[method-assign]  # a pen that takes its time
        passing = [
            asyncio.ensure_future(world.through(a_change(None, a_call(number))))
            for number in (1, 2)
        ]
        for _ in range(100):
            await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*passing)
        assert (most, writing) == (1, 0)


async def test_the_watermark_is_promised_when_the_feed_was_read_to_its_end() -> None:
    async with leading(MemoryWorld()) as world:
        assert world.summary.watermark == Watermark()
        assert world.projector.current_at is not None
        await world.through(a_change(None, a_call(), at=(51, 3)), complete=False)
        assert world.summary.watermark == Watermark()
        await world.through(a_change(None, a_call(2), at=(52, 1)))
        assert world.summary.watermark == Watermark("2026-03-26T08:15:00.000Z", (52 << 32) + 1)
        assert world.projector.current_at == world.clock.now()
    assert world.projector.current_at is None
