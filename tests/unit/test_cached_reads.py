"""Reads through the cache: where they came from, who vouches, what is kept of them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from support.memory_site import Site, on_site

from callboard.app.caching import table
from callboard.cache import Loaded
from callboard.delivery import cached
from callboard.delivery.cached import CachedReads, Wanted
from callboard.errors import StoreUnavailable
from callboard.keyspaces import ALL


class Reader:
    """Cached reads of one process, over a store that holds one text."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.vouched = True
        self.text: bytes | None = b'{"a":1}'
        self.stamp = 5
        self.floors: list[int] = []
        self.reads = CachedReads(site.a.cache, table({}), lambda: self.vouched, self.newest)

    async def newest(self) -> int:
        """Return the store's commit time."""
        return self.stamp

    async def load(self, floor: int) -> Loaded[bytes]:
        """Read the store."""
        self.floors.append(floor)
        return Loaded(self.text, self.stamp)

    async def said(self, *, fresh: bool = False) -> tuple[str, bytes] | None:
        """Read; return where it came from and what it is."""
        found = await self.reads.read(Wanted("call", "CA1", self.load), fresh=fresh)
        return None if found is None else (found.cache, found.body)


def reading(test: Callable[[Reader], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test on a site."""

    async def on(site: Site) -> None:
        await test(Reader(site))

    on.__name__ = test.__name__
    return on_site(on)


@reading
async def test_a_miss_then_hits_of_the_very_same_answer(reader: Reader) -> None:
    assert await reader.said() == ("MISS", b'{"a":1}')
    wanted = Wanted("call", "CA1", reader.load)
    first, again = await reader.reads.read(wanted), await reader.reads.read(wanted)
    assert first is again  # tagged and compressed once
    assert first is not None
    assert first.cache == "HIT"
    assert reader.floors == [0]


@reading
async def test_who_asks_for_the_newest_gets_what_was_committed_before(reader: Reader) -> None:
    await reader.said()
    assert await reader.said(fresh=True) == ("HIT", b'{"a":1}')  # nothing was written since
    reader.stamp, reader.text = 6, b"2"
    assert await reader.said() == ("HIT", b'{"a":1}')
    assert await reader.said(fresh=True) == ("MISS", b"2")
    assert await reader.said() == ("HIT", b"2")


@reading
async def test_while_nobody_vouches_nothing_kept_is_served(reader: Reader) -> None:
    await reader.said()
    reader.vouched, reader.text = False, b"2"
    assert await reader.said() == ("BYPASS", b"2")
    reader.vouched = True
    assert await reader.said() == ("HIT", b'{"a":1}')


@reading
async def test_without_redis_the_store_answers_once_a_second(reader: Reader) -> None:
    reader.site.a.transport.cut()
    assert await reader.said() == ("BYPASS", b'{"a":1}')
    reader.vouched = False  # as it is when Redis is away: it makes no difference
    assert await reader.said() == ("BYPASS", b'{"a":1}')
    assert len(reader.floors) == 1


@reading
async def test_what_there_is_not_is_remembered_too(reader: Reader) -> None:
    reader.text = None
    assert await reader.said() is None
    assert await reader.said() is None
    assert len(reader.floors) == 1


@reading
async def test_what_was_written_is_read_next_and_nothing_older_after_it(reader: Reader) -> None:
    await reader.said()
    await reader.reads.put("call", "CA1", b"7", 7)
    assert await reader.said() == ("HIT", b"7")
    await reader.reads.put("call", "CA1", b"6", 6)
    assert await reader.said() == ("HIT", b"7")
    reader.text, reader.stamp = b"8", 8
    await reader.reads.invalidate("call", "CA1", 8)
    assert await reader.said() == ("MISS", b"8")
    reader.text, reader.stamp = b"9", 9
    await reader.reads.invalidate_tag(ALL, 9)
    assert await reader.said() == ("MISS", b"9")


@reading
async def test_a_loader_that_takes_too_long_is_a_store_that_does_not_answer(
    reader: Reader,
) -> None:
    async def hang(floor: int) -> Loaded[bytes]:
        del floor
        await asyncio.sleep(60)
        return Loaded(b"")

    with pytest.raises(StoreUnavailable):
        await reader.reads.read(Wanted("call", "CA2", hang))


@reading
async def test_what_is_kept_is_bounded(reader: Reader) -> None:
    big = b"x" * (1 << 20)

    async def load(floor: int) -> Loaded[bytes]:
        return Loaded(big + b"%d" % floor, 1)

    for number in range(40):
        for _ in range(2):
            await reader.reads.read(Wanted("calls", f"|{number}", load))
    assert reader.reads._kept_bytes <= cached._KEPT_BYTES_MAX
    assert reader.reads._kept_bytes == sum(len(body) for body, _ in reader.reads._kept.values())


async def test_switched_off_everything_is_read_from_the_store() -> None:
    async def newest() -> int:
        raise AssertionError

    async def load(floor: int) -> Loaded[bytes]:
        return Loaded(b"%d" % floor, 1)

    reads = CachedReads(None, table({}), lambda: True, newest)
    assert not reads.enabled
    for fresh in (False, True):
        found = await reads.read(Wanted("call", "CA1", load), fresh=fresh)
        assert found is not None
        assert (found.cache, found.body) == ("BYPASS", b"0")
    await reads.put("call", "CA1", b"", 1)
    await reads.invalidate("call", "CA1", 1)
    await reads.invalidate_tag(ALL, 1)
