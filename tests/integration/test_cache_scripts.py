"""The cache's scripts on real servers and their twin in Python: the same, step by step.

Random sequences with few keys, few stamps (beyond 2**53, where Lua's numbers end), few tokens,
two incarnations and an unknown one, and entries written past the scripts. After every step the
reply, the stored bytes, the life of the key and the pushes to an onlooker are compared.
"""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import hiredis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.memory_server import MemoryRedis
from support.redis_servers import RedisServer

from callboard.cache import scripts
from callboard.cache.entry import HEADER, NO_STAMP, NO_TOKEN
from callboard.cache.resp import pack
from callboard.cache.transport import Script
from callboard.clock import SystemClock

pytestmark = pytest.mark.engines

NOW = 1_800_000_000_000
LIFE_ERROR_MS = 1_500

Step = tuple[str, bytes, tuple[bytes, ...]]
"""A script, its key and ARGV; `write`: the bytes to be written, none to delete."""

NAMED: dict[str, Script] = {
    name: getattr(scripts, name)
    for name in ("TAKE", "FILL", "FLOOR", "RELEASE", "RENEW", "TAG_FLOOR", "BEAT")
}
"""By name, so that a failure is short enough to be read."""

stamps = st.sampled_from(
    [0, 1, 2, 2**32 - 1, 2**32, 2**53 - 1, 2**53, 2**53 + 1, 2**63, 2**64 - 2, 2**64 - 1]
).map(lambda number: number.to_bytes(8, "big"))
perhaps_stamp = st.one_of(stamps, st.just(b""))
servers = st.sampled_from([b"\0\0\0\0", b"AAAA", b"AAAA", b"BBBB"])
tokens = st.sampled_from([b"token--1", b"token--2"])
any_token = st.sampled_from([b"token--1", b"token--2", NO_TOKEN])
flags = st.sampled_from([b"0", b"1"])
instants = st.integers(-3, 3).map(lambda seconds: NOW + 1000 * seconds)
nows = instants.map(lambda ms: b"%d" % ms)
lives = st.sampled_from([b"60000", b"120000", b"10000000"])
spans = st.sampled_from([b"0", b"1", b"1000", b"2500"])
keys = st.sampled_from([b"cb:c:k:1", b"cb:c:k:2"])
tags = st.just(b"cb:c:#t")
tag_values = st.tuples(servers, stamps, st.integers(0, 3)).map(
    lambda told: told[0] + told[1] + told[2].to_bytes(8, "big")
)
"""Purges are few: beyond 2**53 Lua could not count them."""
odd_values = st.binary(max_size=70).filter(lambda raw: len(raw) not in (20, *range(64, 71)))
"""Neither an entry nor a tag: their numbers are within what Lua can count."""


@st.composite
def entries(draw: st.DrawFn) -> bytes:
    """An entry as it might lie there."""
    header = HEADER.pack(
        draw(st.sampled_from([b"V", b"V", b"N", b"-", b"v", b"n"])),
        draw(st.integers(0, 1)),
        int.from_bytes(draw(servers), "big"),
        int.from_bytes(draw(stamps), "big"),
        int.from_bytes(draw(stamps), "big"),
        draw(any_token),
        draw(instants),
        draw(instants),
        draw(instants),
        draw(st.one_of(st.just(0), instants)),
        0,
    )
    return header + draw(st.binary(max_size=3))


def steps() -> st.SearchStrategy[Step]:
    """One call of a script, or a write past them."""
    head = (servers, nows)

    def call(script: str, key: st.SearchStrategy[bytes], *argv: Any) -> Any:
        return st.tuples(st.just(script), key, st.tuples(*head, *argv))

    return st.one_of(
        call(
            *("TAKE", keys, stamps, tokens, spans, lives, spans, flags, flags),
            perhaps_stamp | tokens,
        ),
        call("FILL", keys, any_token, perhaps_stamp, flags, lives, entries()),
        call("FLOOR", keys, perhaps_stamp, lives),
        call("RELEASE", keys, any_token),
        call("RENEW", keys, any_token, spans),
        call("TAG_FLOOR", tags, perhaps_stamp, lives),
        call("BEAT", keys),
        st.tuples(st.just("write"), keys, st.tuples(entries())),
        st.tuples(st.just("write"), keys | tags, st.tuples(odd_values)),
        st.tuples(st.just("write"), tags, st.tuples(tag_values)),
        st.tuples(st.just("write"), keys | tags, st.just(())),
    )


class Client:
    """A connection that blocks, and keeps the pushes it meets."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self._reader = hiredis.Reader()
        self.pushed: list[bytes] = []
        self.ask(b"HELLO", b"3")

    def ask(self, *words: bytes) -> Any:
        """Send a command and return its reply."""
        self._socket.sendall(pack(*words))
        while True:
            reply = self._reader.gets()
            if isinstance(reply, hiredis.PushNotification):
                self.pushed += reply[1]
            elif reply is not False:
                assert not isinstance(reply, Exception), (words, reply)
                return reply
            else:
                self._reader.feed(self._socket.recv(1 << 16))

    def close(self) -> None:
        """Close it."""
        self._socket.close()


class Pair:
    """A real server, and the twin."""

    def __init__(self, port: int) -> None:
        self.client, self.onlooker = Client(port), Client(port)
        self.onlooker.ask(b"CLIENT", b"TRACKING", b"ON", b"BCAST", b"PREFIX", b"cb:c:")
        for script in scripts.SCRIPTS:
            self.client.ask(b"SCRIPT", b"LOAD", script.source.encode())
        self.twin = self._anew()

    def _anew(self) -> MemoryRedis:
        clock = SystemClock()
        return MemoryRedis(lambda: int(clock.monotonic_s() * 1000))

    def empty(self) -> None:
        """Forget everything."""
        for key in (b"cb:c:k:1", b"cb:c:k:2", b"cb:c:#t"):
            self.client.ask(b"DEL", key)
        self._pushes()
        self.twin = self._anew()

    def _pushes(self) -> set[bytes]:
        self.onlooker.ask(b"PING")
        pushed, self.onlooker.pushed = set(self.onlooker.pushed), []
        return pushed

    def take(self, step: Step) -> None:
        """Do the same on both, and compare."""
        script, key, argv = step
        if script == "write":
            self._write(key, argv)
        else:
            said = self.client.ask(b"EVALSHA", NAMED[script].sha.encode(), b"1", key, *argv)
            assert said == self.twin.run(NAMED[script], key, argv), step
        wrote = set(self.twin.wrote)
        self.twin.wrote.clear()
        assert self._pushes() == wrote, step
        assert self.client.ask(b"GET", key) == self.twin.get(key), step
        if self.twin.get(key) is not None:
            life_ms = self.client.ask(b"PTTL", key)
            assert abs(life_ms - self.twin.life_ms(key)) < LIFE_ERROR_MS, step

    def _write(self, key: bytes, value: Sequence[bytes]) -> None:
        twin = self.twin
        if value:
            self.client.ask(b"SET", key, *value)
            twin.values[key] = value[0]
            twin.ends_ms.pop(key, None)
            twin.wrote[key] = None
        elif self.client.ask(b"DEL", key):
            twin.delete(key)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
        self.onlooker.close()


@pytest.fixture(scope="module", params=["valkey", "redis7"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """A server of its own for this file."""
    folder: Path = tmp_path_factory.mktemp("scripts")
    server = RedisServer(folder, request.param)
    asyncio.run(server.start())
    pair = Pair(server.port)
    yield pair
    pair.close()
    asyncio.run(server.stop())


@settings(
    max_examples=250,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(done=st.lists(steps(), min_size=1, max_size=40))
def test_scripts_and_their_twin_agree(pair: Pair, done: list[Step]) -> None:
    pair.empty()
    for step in done:
        pair.take(step)


def test_a_story_of_every_reply(pair: Pair) -> None:
    """What random sequences meet seldom: each reply of TAKE and FILL at least once."""
    pair.empty()
    server, now, early = b"AAAA", b"%d" % NOW, b"0"
    key, one, two = b"cb:c:k:1", b"token--1", b"token--2"
    two_53 = (2**53).to_bytes(8, "big")
    later = (2**53 + 1).to_bytes(8, "big")

    def take(token: bytes, *, rejected: bytes = b"") -> Step:
        argv = (NO_STAMP, token, b"1000", b"60000", b"0", early, b"0", rejected)
        return ("TAKE", key, (server, now, *argv))

    def fill(token: bytes, as_of: bytes, put: bytes = b"0") -> Step:
        entry = HEADER.pack(b"V", 0, 0, 0, 0, NO_TOKEN, 0, NOW + 1, NOW + 1, 0, 0) + b"x"
        return ("FILL", key, (server, now, token, as_of, put, b"60000", entry))

    floor: Step = ("FLOOR", key, (server, now, later, b"60000"))
    purge: Step = ("FLOOR", key, (server, now, b"", b"60000"))
    tale: list[tuple[Step, Any]] = [
        (fill(one, two_53), -1),
        (take(one), [b"W", NO_STAMP]),
        (take(two), [b"B", NOW + 1000]),
        (floor, 1),
        (fill(one, two_53), 0),
        (take(one), [b"W", later]),
        (fill(one, later), 1),
        (floor, 0),
        (take(two, rejected=one), [b"W", later]),
        (purge, 1),
        (fill(two, later), -2),
        (fill(NO_TOKEN, two_53, b"1"), 0),
        (fill(NO_TOKEN, later, b"1"), 1),
    ]
    for step, said in tale:
        script, _, argv = step
        twin = MemoryRedis(lambda: 0)
        twin.values = dict(pair.twin.values)
        assert twin.run(NAMED[script], key, argv) == said, step
        pair.take(step)
