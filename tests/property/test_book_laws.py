"""Law of the book: what a history of batches leaves stored equals a fold from nothing.

Every call may be changed, taken back or deleted in any order; the book may be read anew at any
time, or let go of a day. The stored documents are then the same to the last field: maxima and
peaks included, which are also compared with what counting second by second says.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from property.test_fold_laws import MADRID_SPRING, calls, zones
from support.builders import sid
from support.figures import StoredFigures

from callboard.domain.buckets import midnight_s
from callboard.domain.contributions import Contribution, add, expanded, movement
from callboard.projection import book as book_module
from callboard.projection.book import Book
from callboard.projection.fold import fold

Document = dict[str, Any]

# Few hours and few words, so that calls meet on the same days and in the same seconds.
minutes = st.integers(0, 60 * 50) | st.sampled_from([0, 1, 179, 180, 181, 200])
lives = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["completed", "completed", "queued", "ringing", "busy"]),
        "startTime": minutes.map(lambda m: MADRID_SPRING + timedelta(minutes=m)),
        "campaignId": st.sampled_from(["spring", None]),
        "duration": st.sampled_from([None, 0, 5, 59, 600, 4_000]),
        "endTime": minutes.map(lambda m: MADRID_SPRING + timedelta(minutes=m)),
    }
)
histories = st.lists(
    st.tuples(st.integers(0, 5), st.none() | lives | lives | calls), min_size=8, max_size=24
)


async def folded(stored: dict[int, Document], zone: ZoneInfo) -> dict[str, Document]:
    """Fold what is left from nothing."""

    async def each() -> Any:
        for call in stored.values():
            yield call

    documents, _ = await fold(each(), zone)
    return documents


@settings(max_examples=120, deadline=None)
@given(histories, zones, st.integers(1, 5), st.integers(1, 3), st.data())
async def test_what_is_stored_equals_a_fold_from_nothing(
    history: list[tuple[int, Document | None]],
    zone: ZoneInfo,
    batch_length: int,
    scopes_max: int,
    data: st.DataObject,
) -> None:
    store = StoredFigures()
    book = Book(store, zone)
    stored: dict[int, Document] = {}
    with mock.patch.object(book_module, "_SCOPES_MAX", scopes_max):
        for start in range(0, len(history), batch_length):
            batch: Contribution = {}
            for number, after in history[start : start + batch_length]:
                before = stored.pop(number, None)
                if after is not None:
                    stored[number] = {"_id": sid(number), **after}
                add(batch, movement(before, stored.get(number), zone))
            spread = expanded(batch)
            moved = {b: s for b, steps in spread.items() if (s := _nonzero(steps))}
            if data.draw(st.booleans()):
                await book.open([])
            await book.load((bucket.day, bucket.campaign_id) for bucket in moved)
            store.write(book.take(moved))
            book.trim()
    assert store.stored == await folded(stored, zone)


def _nonzero(steps: dict[str, int]) -> dict[str, int]:
    return {path: step for path, step in steps.items() if step}


@settings(max_examples=60, deadline=None)
@given(st.lists(lives, min_size=1, max_size=8), zones, st.sampled_from([None, "spring"]))
async def test_the_peak_is_what_counting_second_by_second_says(
    found: list[Document], zone: ZoneInfo, campaign_id: str | None
) -> None:
    documents = await folded(dict(enumerate(found)), zone)
    ours = [call for call in found if campaign_id in (None, call["campaignId"])]
    for key, document in documents.items():
        if document["type"] != "daily" or document["campaignId"] != campaign_id:
            continue
        day = date.fromisoformat(document["day"])
        expected = _peak(ours, day, zone)
        at = document["concurrency"]["at"]
        assert (document["concurrency"]["peak"], at and at.timestamp()) == expected, key
        talks = [
            call["duration"]
            for call in ours
            if call["status"] == "completed"
            and call["duration"] is not None
            and call["startTime"].astimezone(zone).date() == day
        ]
        assert document["duration"]["max"] == max(talks, default=None)


def _peak(found: list[Document], day: date, zone: ZoneInfo) -> tuple[int | None, float | None]:
    """Return the most calls at one time on a day, and when first, by trying every minute."""
    best, at = 0, None
    for second in range(midnight_s(day, zone), midnight_s(day, zone, 1), 60):
        here = sum(_holds(call, second, zone) for call in found)
        if here > best:
            best, at = here, float(second)
    return (best, at) if best else (None, None)


def _holds(call: Document, second: int, zone: ZoneInfo) -> bool:
    """Tell whether a call holds a line at a second."""
    if call["status"] == "queued":
        return False
    begun = call["startTime"]
    limit = midnight_s(begun.astimezone(zone).date(), zone, 2)
    ended = limit
    if call["status"] in ("completed", "busy"):
        ended = int(call["endTime"].timestamp())
    return bool(int(begun.timestamp()) <= second < min(ended, limit))


async def test_a_book_that_was_read_anew_knows_what_was_longest() -> None:
    store, zone = StoredFigures(), ZoneInfo("UTC")
    book = Book(store, zone)
    stored: dict[int, Document] = {}
    for number, duration in enumerate([4_000, 5]):
        await book.open([])
        stored[number] = {
            "status": "completed",
            "startTime": MADRID_SPRING,
            "duration": duration,
        }
        moved = expanded(movement(None, stored[number], zone))
        await book.load((bucket.day, bucket.campaign_id) for bucket in moved)
        store.write(book.take(moved))
    assert store.stored["daily:2026-03-28"]["duration"]["max"] == 4_000
    assert store.stored == await folded(stored, zone)


async def test_a_day_of_25_hours_has_a_peak_in_its_last_hour() -> None:
    madrid = ZoneInfo("Europe/Madrid")
    at = datetime(2026, 10, 25, 22, 30, tzinfo=UTC)
    call = {"status": "completed", "startTime": at, "endTime": at + timedelta(seconds=9)}
    documents = await folded({0: call}, madrid)
    assert documents["daily:2026-10-25"]["concurrency"] == {"peak": 1, "at": at}
    assert list(documents) == ["daily:2026-10-25", "steps-98:2026-10-25"]
