"""Ending tasks for sure, and running some together.

On Python 3.11 `asyncio.wait_for` loses a cancellation that arrives in the very step in which
what it waits for is done (CPython issue 86296, mended in 3.12), and drivers use it: a task
that was cancelled once may go on for ever. So a task is cancelled until it has ended.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

__all__ = ["end", "together"]

_AGAIN_AFTER_S = 0.2
_ROUNDS_WHEN_CANCELLED = 10


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until every one has ended; how they end is theirs to tell.

    When we are cancelled ourselves the tasks still get two seconds to end: whoever cancelled us
    must not find them running.
    """
    running = {task for task in tasks if not task.done()}
    cancelled: asyncio.CancelledError | None = None
    rounds_left = _ROUNDS_WHEN_CANCELLED
    while running and rounds_left:
        for task in running:
            task.cancel()
        try:
            # Unlike awaiting a task, this tells its cancellation from our own.
            _, running = await asyncio.wait(running, timeout=_AGAIN_AFTER_S)
        except asyncio.CancelledError as error:
            cancelled = error
            running = {task for task in running if not task.done()}
        rounds_left -= cancelled is not None
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # asyncio would complain of a failure that nobody has looked at
    if cancelled is not None:
        raise cancelled


async def together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run parts side by side; when one ends, end the others and raise what it raised."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(part) for part in parts]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(*tasks)
    for task in ended:
        task.result()
