"""Raw keep-alive connections: bytes out, answers in, and whether the other end hung up."""

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from fuzz.attempts import Attempt

from callboard.clock import SystemClock

__all__ = ["Answer", "Dropped", "Wire"]

_ANSWER_WITHIN_S = 30.0
_LOOK_S = 0.2
_KEPT_S = 3.0
"""The server closes a connection that is idle for 5 s."""
_STATUS = re.compile(rb"HTTP/1\.[01] (\d\d\d)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_NO_BODY = (204, 304)


class Dropped(Exception):  # noqa: N818  (what happened, not an error of ours)
    """The server closed a connection, or said nothing, where an answer is due."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    head: bytes
    body: bytes


class Wire:
    """One connection at a time; a new one whenever the last one is over."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname, parts.port
        self._clock = SystemClock()
        self._used_s = 0.0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, attempts: Sequence[Attempt]) -> list[Answer]:
        """Send requests one behind the other; return their answers.

        Raises:
            Dropped: an answer that is due did not come.
        """
        reader, writer = await self._connected()
        raw = b"".join(attempt.raw for attempt in attempts)
        answers: list[Answer] = []
        writing = asyncio.ensure_future(_write(writer, raw))
        try:
            if not all(attempt.due for attempt in attempts):
                return await self._glance(reader, writing)
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                for attempt in attempts:
                    answers.append(await _read(reader, attempt.method))
                    if _CLOSE.search(answers[-1].head):
                        break
                else:
                    await writing
                    self._used_s = self._clock.monotonic_s()
                    return answers
            self.close()
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.close()
            why = f"{type(error).__name__} after {len(answers)} answers"
            raise Dropped(why) from error
        else:
            return answers
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _glance(
        self, reader: asyncio.StreamReader, writing: "asyncio.Future[None]"
    ) -> list[Answer]:
        """Hang up, after a look at what may come."""
        try:
            async with asyncio.timeout(_LOOK_S):
                await writing
                return [await _read(reader, "POST")]
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, Dropped):
            return []
        finally:
            self.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._clock.monotonic_s() - self._used_s > _KEPT_S:
            self.close()
        if self._reader is None or self._writer is None:
            host, port = self._address
            self._reader, self._writer = await asyncio.open_connection(host, port, limit=1 << 20)
        return self._reader, self._writer

    def close(self) -> None:
        """Hang up, whatever is under way."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None


async def _write(writer: asyncio.StreamWriter, raw: bytes) -> None:
    with contextlib.suppress(ConnectionError):  # the answer may be there already
        writer.write(raw)
        await writer.drain()


async def _read(reader: asyncio.StreamReader, method: str) -> Answer:
    """Read one answer.

    Raises:
        Dropped: what came is none.
    """
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        found = _STATUS.match(head)
        if found is None:
            message = f"no HTTP: {head[:80]!r}"
            raise Dropped(message)
        status = int(found[1])
        if status >= 200:
            break
    length = _LENGTH.search(head)
    if method == "HEAD" or status in _NO_BODY:
        return Answer(status, head, b"")
    if length is None:
        message = f"an answer of no length: {head[:300]!r}"
        raise Dropped(message)
    return Answer(status, head, await reader.readexactly(int(length[1])))
