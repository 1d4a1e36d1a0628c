"""What changes make old, by the table: single entries at once, tags no more than once a window."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from support.builders import a_call, a_change, sid
from support.memory_site import Site, on_site
from support.simloop import SimClock

from callboard.app import invalidation
from callboard.app.caching import table
from callboard.app.invalidation import Invalidator, Tag, entries_of, tags_of
from callboard.cache import Answer, Key, Loaded, Source
from callboard.clock import FixedClock
from callboard.domain.changes import Change
from callboard.domain.figures import FigureWrite
from callboard.keyspaces import CACHED

ROWS = table({})
ZONE = ZoneInfo("Europe/Madrid")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def touching(*paths: str, **fields: Any) -> Change:
    """Return an update of a call that changed these paths."""
    change = a_change(a_call(), a_call(**fields))
    return Change("calls", "update", change.before, change.after, (100, 1), frozenset(paths))


def names(change: Change) -> set[str]:
    """Return what a change makes old: entries and tags."""
    entries = {f"{row}:{id_}" for row, id_ in entries_of(ROWS, change)}
    return entries | {tag.name for tag in tags_of(ROWS, change)}


def test_a_call_makes_itself_and_the_lists_it_is_in_old() -> None:
    everything = {f"call:{sid()}", "recent", "calls", "calls@spring"}
    assert names(a_change(None, a_call())) == everything
    assert names(a_change(a_call(), None)) == everything
    assert names(touching("status")) == everything
    assert names(touching("twilio.sipResponseCode")) == everything


@pytest.mark.parametrize("path", ["twilio.state.ended", "watch.closed.was", "notes", "tags.0"])
def test_what_nobody_is_shown_makes_nothing_old(path: str) -> None:
    assert names(touching(path)) == set()
    assert names(touching(path, "status")) != set()


def test_who_moves_to_another_campaign_leaves_the_first_ones_lists() -> None:
    moved = names(touching("campaignId", campaignId="autumn"))
    assert moved == {f"call:{sid()}", "recent", "calls", "calls@spring", "calls@autumn"}
    assert names(touching("campaignId", campaignId=7)) == {
        f"call:{sid()}",
        "recent",
        "calls",
        "calls@spring",
    }


def test_a_call_is_known_by_its_sid_and_by_its_id() -> None:
    change = a_change({"_id": "x", "sid": sid(1)}, {"_id": "x", "sid": sid(2)})
    assert {id_ for _, id_ in entries_of(ROWS, change)} == {"x", sid(1), sid(2)}


def test_a_campaign_makes_its_document_old_and_its_contacts_when_they_were_counted() -> None:
    def written(*paths: str) -> set[str]:
        campaign = {"_id": "spring|1"}
        return names(Change("campaigns", "update", campaign, campaign, (100, 1), frozenset(paths)))

    assert written("name") == {"details:spring|1"}
    assert written("contactsUpdatedAt") == {"details:spring|1", "contacts@spring%7C1"}
    new = a_change(None, {"_id": "autumn"}, collection="campaigns")
    assert names(new) == {"details:autumn", "contacts@autumn", "forecast:autumn"}
    for path in ("status", "totalContacts"):
        assert "forecast:spring%7C1" in written(path)


@pytest.mark.parametrize(
    ("now", "key", "tags"),
    [
        (NOON, "daily:2026-11-22", ["today"]),
        (NOON, "daily:2026-11-22:spring", ["today@spring"]),
        (NOON, "daily:2026-11-21:a:b", ["figures@a%3Ab"]),
        (NOON, "daily:2026-11-23", ["today"]),
        (NOON, "durations:2026-11-22:spring", ["durations@spring"]),
        (NOON, "steps-28:2026-11-22", ["concurrency"]),
        (NOON, "steps-00:2026-11-21:spring", ["concurrency@spring"]),
        (NOON, "campaign:spring", []),
        # Half a minute on either side of midnight in Madrid some clocks are past it.
        (datetime(2026, 11, 22, 22, 59, 30, tzinfo=UTC), "daily:2026-11-22", ["figures", "today"]),
        (datetime(2026, 11, 22, 23, 0, 30, tzinfo=UTC), "daily:2026-11-22", ["figures", "today"]),
        (datetime(2026, 11, 22, 23, 1, 30, tzinfo=UTC), "daily:2026-11-22", ["figures"]),
    ],
)
async def test_figures_make_the_ranges_old_that_show_them(
    now: datetime, key: str, tags: list[str]
) -> None:
    cache = mock.AsyncMock()
    told = Invalidator(cache, ROWS, ZONE, FixedClock(now))
    await told.counted([FigureWrite(key, None)], 7)
    assert cache.mock_calls == [mock.call.invalidate_tag(tag, at=7) for tag in tags]


class _Lists:
    """A list of all calls that lives in two processes' caches."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.key: Key[bytes] = ROWS["recent"].space.key("|recent")
        self.stamp = 0
        self.invalidator = Invalidator(site.a.cache, ROWS, ZONE, SimClock(site.loop))

    async def change(self) -> None:
        """Change a call."""
        self.stamp += 1
        change = a_change(None, a_call(self.stamp), (0, self.stamp))
        await self.invalidator.changed([change])

    async def read(self) -> Answer[bytes]:
        """Read the list elsewhere."""

        async def load(floor: int) -> Loaded[bytes]:
            assert floor <= self.stamp
            return Loaded(b"%d" % self.stamp, self.stamp)

        return await self.site.b.cache.get_or_load(self.key, load)


def following(
    test: Callable[[_Lists], Coroutine[Any, Any, None]],
) -> Callable[[], None]:
    """Run a test on a site whose first process projects."""

    async def on(site: Site) -> None:
        lists = _Lists(site)
        running = asyncio.ensure_future(lists.invalidator.run())
        await test(lists)
        running.cancel()

    on.__name__ = test.__name__
    return on_site(on)


@following
async def test_after_a_pause_a_list_is_old_at_once(lists: _Lists) -> None:
    await lists.read()
    await lists.change()
    await asyncio.sleep(0.01)
    assert (await lists.read()).value == b"1"


@following
async def test_in_a_busy_hour_a_list_is_loaded_once_a_window(lists: _Lists) -> None:
    loads = 0
    window_s = ROWS["recent"].window_s
    for _ in range(1_000):  # fifty seconds of twenty changes and reads a second
        await lists.change()
        await asyncio.sleep(0.05)
        loads += (await lists.read()).source is Source.LOADER
    assert 50 / window_s <= loads <= 50 / window_s + 2
    await asyncio.sleep(window_s)
    assert (await lists.read()).value == b"1000"


@following
async def test_a_list_is_never_further_behind_than_its_window(lists: _Lists) -> None:
    changed_s: list[float] = []
    for number in range(300):
        await lists.change()
        changed_s.append(lists.site.loop.time())
        await asyncio.sleep(0.003 * (number % 70))
        shown = int((await lists.read()).value or b"0")
        missed = changed_s[shown:]
        assert not missed or lists.site.loop.time() - missed[0] <= ROWS["recent"].window_s + 0.05


@following
async def test_a_new_projector_makes_everything_old(lists: _Lists) -> None:
    await lists.read()
    lists.stamp = 9
    await lists.invalidator.began((0, 9))
    await asyncio.sleep(0.01)
    assert (await lists.read()).value == b"9"


async def test_very_many_calls_at_once_are_told_of_by_one_command() -> None:
    cache = mock.AsyncMock()
    told = Invalidator(cache, ROWS, ZONE, FixedClock(NOON))
    many = [a_change(None, a_call(number), (5, number)) for number in range(1, 202)]
    await told.changed(many)
    assert not cache.invalidate.called
    assert sorted(call.args[0] for call in cache.invalidate_tag.mock_calls) == [
        "calls",
        "calls@spring",
        "recent",
        "space:call",
    ]
    assert {call.kwargs["at"] for call in cache.invalidate_tag.mock_calls} == {(5 << 32) + 201}


async def test_an_id_that_is_too_long_to_be_cached_stops_nothing() -> None:
    cache = mock.AsyncMock()
    told = Invalidator(cache, ROWS, ZONE, FixedClock(NOON))
    await told.changed([a_change(None, {"_id": "x" * 600}, collection="campaigns")])
    # A forecast is kept under its campaign's scope, which is short for every campaign.
    (only,) = cache.invalidate.mock_calls
    assert only.args[0].raw.startswith(ROWS["forecast"].space.key("x").raw[:-1])


def test_every_row_names_a_source_that_the_feed_tells_of() -> None:
    assert {source.collection for row in CACHED for source in row.sources} == {
        "calls",
        "campaigns",
        "analytics",
    }
    assert invalidation.touches(ROWS["call"], touching("status"))
    assert Tag("calls", 10.0) in tags_of(ROWS, touching("status"))
