"""Tasks end when they are told to, even those that lose a cancellation."""

import asyncio

import pytest

from callboard.tasks import end, together


async def test_a_task_that_loses_its_cancellation_is_ended_all_the_same() -> None:
    lost = 0

    async def stubborn() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                # What `asyncio.wait_for` of Python 3.11 does now and then.
                lost += 1
                if lost > 1:
                    raise

    task = asyncio.ensure_future(stubborn())
    await asyncio.sleep(0)
    await end(task)
    assert task.cancelled()
    assert lost == 2


async def test_when_one_part_fails_the_others_end_and_its_error_is_raised() -> None:
    ended = asyncio.Event()

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def failing() -> None:
        message = "broken"
        raise ValueError(message)

    with pytest.raises(ValueError, match="broken"):
        await together(for_ever(), failing())
    assert ended.is_set()


async def test_being_cancelled_ends_every_part() -> None:
    ended: list[int] = []

    async def for_ever(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(number)

    running = asyncio.ensure_future(together(for_ever(1), for_ever(2)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await end(running)
    assert sorted(ended) == [1, 2]


async def test_whoever_is_cancelled_while_ending_tasks_still_waits_for_them() -> None:
    cancelled, may_end = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            await may_end.wait()
            message = "too late to matter"
            raise ValueError(message) from None

    task = asyncio.ensure_future(slow())
    await asyncio.sleep(0)
    ending = asyncio.ensure_future(end(task))
    await cancelled.wait()
    ending.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not ending.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert task.done()
