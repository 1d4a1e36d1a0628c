"""Laws of the curve of concurrency: its quarters are what looking at single seconds says.

Of calls of any length, in zones whose days have 23, 24, 24½ and 25 hours; and the day's peak is
the one that its figures have.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import a_call

from callboard.domain.concurrency import Quarter, curve_of
from callboard.projection.fold import fold

Document = dict[str, Any]

DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)
SECOND = timedelta(seconds=1)
# Each zone with an evening before its clocks change, if they do.
PLACES = [
    (ZoneInfo("UTC"), datetime(2026, 3, 28, 20, tzinfo=UTC)),
    (ZoneInfo("Europe/Madrid"), datetime(2026, 3, 28, 20, tzinfo=UTC)),
    (ZoneInfo("Europe/Madrid"), datetime(2026, 10, 24, 20, tzinfo=UTC)),
    (ZoneInfo("America/Santiago"), datetime(2026, 9, 5, 20, tzinfo=UTC)),
    (ZoneInfo("Australia/Lord_Howe"), datetime(2026, 4, 4, 8, tzinfo=UTC)),
]
LATER_S = 4 * 24 * 3_600
# Many in few quarters, and often just as a quarter or the day begins.
seconds = st.one_of(
    st.integers(0, 4 * 3_600),
    st.integers(0, 200).map(lambda quarter: quarter * 900),
    st.integers(0, 50 * 3_600),
)
lengths = st.sampled_from([0, 1, 5, 59, 600, 899, 900, 901, 4_000, 90_000, 200_000])
lives = st.tuples(
    seconds,
    lengths,
    st.sampled_from(["ended", "ended", "ended", "undated", "ringing", "queued"]),
    st.sampled_from(["spring", None]),
)


def placed(
    number: int, began: datetime, length_s: int, kind: str, campaign: str | None
) -> Document:
    """Return a call; `undated` has told how long people talked, and not when it ended."""
    call = a_call(number, startTime=began, campaignId=campaign, status="completed")
    if kind == "ended":
        return call | {"endTime": began + timedelta(seconds=length_s)}
    return call | ({"duration": length_s} if kind == "undated" else {"status": kind})


def line(call: Document, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return from when to when a call held a line, half open."""
    began: datetime = call["startTime"]
    limit = midnight(began.astimezone(zone).date() + 2 * DAY, zone)
    if call["status"] == "queued":
        return began, began
    if call["status"] == "ringing":
        return began, limit
    ended = call.get("endTime", began + timedelta(seconds=call.get("duration", 0)))
    return began, min(ended, limit)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when a local day begins."""
    begins = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    while (begins - SECOND).astimezone(zone).date() >= day:
        begins -= QUARTER
    return begins


def quarters(
    lines: list[tuple[datetime, datetime]], day: date, zone: ZoneInfo, now: datetime
) -> list[Quarter]:
    """Return the quarters of a day that have begun, by looking where the number may change."""
    found = []
    at, following = midnight(day, zone), midnight(day + DAY, zone)
    while at < following and at <= now:
        after = min(at + QUARTER, following)
        looked = {at, after - SECOND, *(begin for begin, _ in lines if at <= begin < after)}
        held = {look: sum(begin <= look < end for begin, end in lines) for look in looked}
        found.append(Quarter(at, max(held.values()), held[after - SECOND]))
        at = after
    return found


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(PLACES),
    st.lists(lives, max_size=9),
    st.sampled_from([None, "spring"]),
    st.just(LATER_S) | st.integers(0, 400).map(lambda quarter: LATER_S - quarter * 901),
)
async def test_quarters_are_what_single_seconds_say(
    place: tuple[ZoneInfo, datetime],
    told: list[tuple[int, int, str, str | None]],
    campaign: str | None,
    now_s: int,
) -> None:
    zone, evening = place
    calls = [
        placed(number, evening + timedelta(seconds=second), length, kind, of)
        for number, (second, length, kind, of) in enumerate(told)
    ]

    async def each() -> Any:
        for call in calls:
            yield call

    documents, _ = await fold(each(), zone)
    lines = [line(call, zone) for call in calls if campaign in (None, call["campaignId"])]
    now = evening + timedelta(seconds=now_s)
    for days in range(-1, 5):
        day = evening.astimezone(zone).date() + days * DAY
        steps = [
            document
            for document in documents.values()
            if document["type"] == "steps"
            and (document["day"], document["campaignId"]) == (day.isoformat(), campaign)
        ]
        curve = curve_of(steps, day, zone, now)
        assert list(curve.quarters) == quarters(lines, day, zone, now), day
        _same_peak(documents, (day, campaign), curve.peak if curve.quarters else None, now)


def _same_peak(
    documents: dict[str, Document], of: tuple[date, str | None], peak: Any, now: datetime
) -> None:
    """Hold a day's peak to its figures, if it has begun and has any."""
    day, campaign = of
    figures = documents.get(f"daily:{day}" + (f":{campaign}" if campaign else ""))
    if figures is not None and figures["date"] <= now:
        assert (peak and tuple(peak)) == (
            figures["concurrency"]["peak"] and tuple(figures["concurrency"].values())
        )


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from([date.min, date.max, date.max - DAY]))
def test_at_the_ends_of_the_calendar_there_is_nothing_to_tell_or_whole_days(
    place: tuple[ZoneInfo, datetime], day: date
) -> None:
    zone, now = place
    assert curve_of([], day, zone, now).peak is None
