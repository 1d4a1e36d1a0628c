"""A process that runs one contender and does what it is told over a pipe."""

import asyncio
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import uvloop
from cache_jobs import Job, Subject
from contenders import Entry

__all__ = ["LOOP", "Runner", "running"]

LOOP = os.environ.get("CALLBOARD_BENCH_LOOP", "uvloop")
"""`uvloop`, on which callboard serves, or `asyncio`."""
_ANSWER_S = 60.0


class Runner:
    """The parent's end."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def tell(self, word: Any) -> None:
        """Send a job, or a word a job waits for."""
        self._pipe.send(word)

    def hear(self) -> Any:
        """Return what the job returned."""
        assert self._pipe.poll(_ANSWER_S), f"no answer within {_ANSWER_S:.0f} s"
        answer = self._pipe.recv()
        assert not isinstance(answer, BaseException), answer
        return answer

    def ask(self, job: Job) -> Any:
        """Have a job done."""
        self.tell(job)
        return self.hear()


@contextmanager
def running(entry: Entry, url: str) -> Iterator[Runner]:
    """Run a contender against a server; yield when it is open."""
    # A fresh interpreter: nothing of the parent's, nor of another contender's, weighs on it.
    spawning = multiprocessing.get_context("spawn")
    here, there = spawning.Pipe()
    process = spawning.Process(target=_child, args=(entry, url, there), daemon=True)
    process.start()
    there.close()
    runner = Runner(here)
    try:
        assert runner.hear() == "open"
        yield runner
        runner.tell(None)
        process.join(5.0)
    finally:
        process.kill()
        process.join()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes the event loop."""
    return uvloop.new_event_loop if LOOP == "uvloop" else asyncio.new_event_loop


def _child(entry: Entry, url: str, pipe: Connection) -> None:
    # What a library logs about an outage is not what is measured.
    logging.disable(logging.CRITICAL)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_obey(entry, url, pipe))


async def _obey(entry: Entry, url: str, pipe: Connection) -> None:
    loop = asyncio.get_running_loop()

    async def hear() -> Any:
        # In a thread: a link must be able to answer its server meanwhile.
        return await loop.run_in_executor(None, pipe.recv)

    try:
        subject = Subject(entry.make(), hear)
        await subject.contender.open(url, subject.load)
        pipe.send("open")
        while (job := await hear()) is not None:
            pipe.send(await job.run(subject))
    except Exception as error:
        pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))
        raise
    await subject.contender.close()
