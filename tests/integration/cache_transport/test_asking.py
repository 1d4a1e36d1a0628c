"""The contract every cache transport keeps while its server is well.

The transports are listed in `support.cache_sites.TRANSPORTS`, the servers in `SITES`.
"""

import asyncio
import secrets
from typing import Any

import pytest
from support.cache_sites import Open, Site, reply
from support.redis_servers import say
from support.waiting import eventually

from callboard.cache.transport import Script, Transport

pytestmark = pytest.mark.engines

WRITE = Script("redis.call('SET', KEYS[1], ARGV[2]) return redis.call('GET', KEYS[1])")
COUNT = Script("return redis.call('INCR', KEYS[1])")
WRONG = Script("return redis.call('LPUSH', KEYS[1])")
REPLIES: list[tuple[str, Any]] = [
    ("return false", None),
    ("return 42", 42),
    ("return ARGV[2]", b"\x00\xff\r\n"),
    ("return {1, ARGV[2], {'deep', -7}, ''}", [1, b"\x00\xff\r\n", [b"deep", -7], b""]),
    ("return {}", []),
    ("return redis.status_reply('FINE')", b"FINE"),
]


async def test_values_are_read_as_they_were_written(opened: Open, key: bytes) -> None:
    transport, _ = await opened()
    assert transport.up(key)
    assert await transport.get(key, reply) is None
    odd = key + b"\x00\xff\r\n$5\r\n*"
    for value in (b"", b"\x00\xff\r\n", secrets.token_bytes(300_000), b"small again"):
        assert await transport.run(WRITE, odd, (value,), reply) == value
        assert await transport.get(odd, reply) == value
        assert await transport.get(odd, lambda got, _: len(got)) == len(value)


async def test_every_kind_of_reply_arrives(opened: Open, key: bytes) -> None:
    transport, _ = await opened()
    for source, expected in REPLIES:
        assert await transport.run(Script(source), key, (b"\x00\xff\r\n",), reply) == expected


async def test_scripts_are_told_the_incarnation_on_reply_is_told(opened: Open, key: bytes) -> None:
    transport, _ = await opened()
    script = Script("return ARGV[1]")
    for _ in range(3):
        told, incarnation = await transport.run(script, key, (), lambda got, own: (got, own))
        assert told == incarnation.to_bytes(4, "big")
        assert await transport.get(key, lambda _, own: own) == incarnation


async def test_a_forgotten_script_is_sent_again(opened: Open, site: Site, key: bytes) -> None:
    transport, _ = await opened()
    assert await transport.run(COUNT, key, (), reply) == 1
    async with await site.admin(key) as admin:
        await say(admin, "SCRIPT", "FLUSH")
    counted = await asyncio.gather(*(transport.run(COUNT, key, (), reply) for _ in range(10)))
    assert sorted(counted) == list(range(2, 12))
    assert transport.up(key)


async def test_replies_for_one_key_come_in_the_order_sent(opened: Open, key: bytes) -> None:
    transport, _ = await opened()
    seen: list[int] = []
    await transport.run(COUNT, key, (), reply)

    def see(number: int, got: Any) -> None:
        assert int(got) == number // 2 + 1
        seen.append(number)

    futures: list[asyncio.Future[None]] = []
    for number in range(1, 200):
        on_reply = lambda got, _, number=number: see(number, got)  # noqa: E731
        if number % 2:
            futures.append(transport.get(key, on_reply))
        else:
            futures.append(transport.run(COUNT, key, (), on_reply))
    await asyncio.gather(*futures)
    assert seen == list(range(1, 200))


async def test_a_cancelled_caller_disturbs_nobody(opened: Open, key: bytes) -> None:
    transport, _ = await opened()
    seen: set[int] = set()

    def ask(number: int) -> "asyncio.Future[None]":
        return transport.get(key + b":%d" % (number % 7), lambda _, __: seen.add(number))

    futures = [ask(number) for number in range(100)]
    for future in futures[::3]:
        future.cancel()
    await asyncio.sleep(0)
    futures[1].cancel()  # this one may have been sent already
    kept = [future for future in futures if not future.cancelled()]
    assert len(kept) == 65
    await asyncio.gather(*kept)
    await eventually(lambda: _value(seen), lambda got: got == set(range(100)))
    assert transport.up(key)


async def _value(seen: Any) -> Any:
    return seen


async def test_an_error_in_on_reply_reaches_its_caller_alone(opened: Open, key: bytes) -> None:
    transport, _ = await opened()

    def fail(got: Any, _: int) -> None:
        raise KeyError(got)

    before, wrong, after = (transport.get(key, what) for what in (reply, fail, reply))
    with pytest.raises(KeyError):
        await wrong
    assert await before is None
    assert await after is None


async def test_a_wrong_script_is_an_error_and_no_outage(opened: Open, key: bytes) -> None:
    transport, _ = await opened()
    with pytest.raises(RuntimeError):
        await transport.run(WRONG, key, (), reply)
    assert transport.up(key)
    assert await transport.get(key, reply) is None


async def test_a_scan_finds_the_prefix_as_it_is_written(opened: Open, site: Site) -> None:
    transport, _ = await opened()
    for prefix in (b"cb:c:s", b"cb:c:a*[b-d]?\\x^", b"cb:c:\xff\x00"):
        mine = {prefix + b":%d" % number for number in range(700)} | {prefix}
        others = {b"cb:c:aX[b-d]?\\x^", b"cb:c:acc", b"cb:c:\xff", b"x" + prefix, b"cb:c:"}
        writes = [transport.run(WRITE, name, (b"1",), reply) for name in mine | others]
        # A few at a time: on a busy machine so many at once can take longer than one may.
        while writes:
            await asyncio.gather(*(writes.pop() for _ in range(min(50, len(writes)))))
        assert await _scanned(transport, prefix) == mine
        assert await _scanned(transport, b"") >= mine | others


async def _scanned(transport: Transport, prefix: bytes) -> set[bytes]:
    return {found async for found in transport.scan(prefix)}
