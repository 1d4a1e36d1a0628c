"""Webhooks at a steady rate, in a process of its own: when each was sent, and acknowledged."""

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from time import perf_counter

import uvloop
from lives import Calls

__all__ = ["Webhook", "send"]

_LANES = 16
_SAID = re.compile(rb"[&\n](CallSid|CallStatus)=([^&]+)")


@dataclass
class Webhook:
    """What one webhook said, and its instants, monotonic seconds."""

    said: str
    """`sid status` as a client hears it, empty for what is no status."""
    request: bytes
    sent_s: float = 0.0
    acknowledged_s: float = 0.0


def _webhooks(url: str, token: str, start: datetime, count: int) -> list[Webhook]:
    """Return webhooks of whole calls, many of which go on at once."""
    calls = Calls(url, token, start, seed=count)
    found: list[Webhook] = []
    # Calls of one round take turns: every call has one webhook in each turn.
    while len(found) < count:
        lives = [calls.whole() for _ in range(40)]
        for turn in range(max(map(len, lives))):
            found += [_webhook(life[turn]) for life in lives if turn < len(life)]
    return found[:count]


def _webhook(request: bytes) -> Webhook:
    body = b"\n" + request.partition(b"\r\n\r\n")[2]
    said = dict(_SAID.findall(body))
    if b"CallStatus" not in said or b"AnsweredBy" in body or b"Recording" in body:
        return Webhook("", request)
    return Webhook(f"{said[b'CallSid'].decode()} {said[b'CallStatus'].decode()}", request)


async def _lane(host: str, port: int, waiting: "asyncio.Queue[Webhook | None]") -> None:
    """Send one webhook after another over one connection."""
    reader, writer = await asyncio.open_connection(host, port)
    while (webhook := await waiting.get()) is not None:
        webhook.sent_s = perf_counter()
        writer.write(webhook.request)
        head = await reader.readuntil(b"\r\n\r\n")
        webhook.acknowledged_s = perf_counter()
        assert head.startswith(b"HTTP/1.1 200"), head
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        assert length is not None, head
        await reader.readexactly(int(length[1]))
    writer.close()


async def _play(url: str, webhooks: list[Webhook], rate: int) -> None:
    host, _, port = url.partition("://")[2].partition(":")
    waiting: asyncio.Queue[Webhook | None] = asyncio.Queue()
    lanes = [asyncio.ensure_future(_lane(host, int(port), waiting)) for _ in range(_LANES)]
    begun_s = perf_counter()
    for number, webhook in enumerate(webhooks):
        early_s = begun_s + number / rate - perf_counter()
        if early_s > 0:
            await asyncio.sleep(early_s)
        waiting.put_nowait(webhook)
    for _ in lanes:
        waiting.put_nowait(None)
    await asyncio.gather(*lanes)


def send(url: str, token: str, start: datetime, pipe: Connection) -> None:
    """Be the sender's process: build for (count, rate), send when told to, until told None."""
    while (order := pipe.recv()) is not None:
        count, rate = order
        webhooks = _webhooks(url, token, start, count)
        pipe.send("ready")
        pipe.recv()
        uvloop.run(_play(url, webhooks, rate))
        pipe.send([(one.said, one.sent_s, one.acknowledged_s) for one in webhooks])
