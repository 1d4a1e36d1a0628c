"""A second opinion of every stored figure, reckoned from `calls` alone.

Shares no code with the projection on purpose: it may be slow, it must be obviously right. Calls
are sorted into the documents they belong to, and each document is then counted by itself.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from support.same_documents import assert_same_documents

from callboard.store.database import MongoDatabase

__all__ = [
    "ACTIVE",
    "TERMINAL",
    "assert_figures",
    "expected_figures",
    "figures_of",
]

Document = dict[str, Any]

ACTIVE = ("initiated", "ringing", "in-progress")
TERMINAL = ("completed", "busy", "failed", "no-answer", "canceled", "unconfirmed")
_STATUSES = ("queued", *ACTIVE, *TERMINAL)
_UNHEARD = ("no_answer", "busy", "failed", "canceled", "unconfirmed")
_DIRECTIONS = ("inbound", "outbound")
_OUTCOMES = ("human", "voicemail", "answered_unknown", *_UNHEARD)
_TALK = ("0-10", "10-30", "30-60", "60-120", "120-180", "180+")
_EDGES_S = (0, 10, 30, 60, 120, 180, math.inf)
_DAY = timedelta(days=1)


class _Call(NamedTuple):
    """A call that counts."""

    said: Mapping[str, Any]
    started: datetime
    day: date
    hour: int
    campaign: str | None


async def expected_figures(database: MongoDatabase, zone: ZoneInfo) -> dict[str, Document]:
    """Return every `daily` and `campaign` document that must be stored now, by `_id`."""
    return figures_of(await database.calls.find().to_list(), zone)


async def assert_figures(database: MongoDatabase, zone: ZoneInfo) -> None:
    """Hold every stored figure to the calls that are stored, byte for byte."""
    found = await database.analytics.find({"type": {"$in": ["daily", "campaign"]}}).to_list()
    stored = {document["_id"]: document for document in found}
    assert_same_documents(stored, await expected_figures(database, zone))


def figures_of(documents: Iterable[Mapping[str, Any]], zone: ZoneInfo) -> dict[str, Document]:
    """Return the figures of these calls, `_id` included, by `_id`."""
    calls = [call for said in documents if (call := _read(said, zone)) is not None]
    figures: dict[str, Document] = {}
    for campaign in sorted({call.campaign for call in calls if call.campaign is not None}):
        of_campaign = [call for call in calls if call.campaign == campaign]
        figures[f"campaign:{campaign}"] = {
            "_id": f"campaign:{campaign}",
            "type": "campaign",
            "day": None,
            "date": None,
            "timezone": zone.key,
            "campaignId": campaign,
            **_counted(of_campaign),
        }
        figures |= _days_of(of_campaign, campaign, zone)
    return figures | _days_of(calls, None, zone)


def _days_of(calls: list[_Call], campaign: str | None, zone: ZoneInfo) -> dict[str, Document]:
    """Return a document for each day on which one of these calls was initiated."""
    days: dict[str, Document] = {}
    for day in sorted({call.day for call in calls}):
        key = f"daily:{day}:{campaign}" if campaign is not None else f"daily:{day}"
        of_day = [call for call in calls if call.day == day]
        talks = [s for call in of_day if (s := _talk_s(call)) is not None]
        document = {
            "_id": key,
            "type": "daily",
            "day": day.isoformat(),
            "date": _midnight(day, zone),
            "timezone": zone.key,
            "campaignId": campaign,
            **_counted(of_day),
            "concurrency": _concurrency(calls, day, zone),
        }
        document["duration"]["max"] = max(talks, default=None)
        days[key] = document
    return days


def _read(said: Mapping[str, Any], zone: ZoneInfo) -> _Call | None:
    """Return a call that counts; None for a child leg, and for one that is not dated."""
    started = _instant(said.get("startTime"))
    if started is None or _inside(said, "twilio").get("parentCallSid"):
        return None
    local = started.astimezone(zone)
    campaign = said.get("campaignId")
    named = campaign if isinstance(campaign, str) and campaign else None
    return _Call(said, started, local.date(), local.hour, named)


def _counted(calls: list[_Call]) -> Document:
    """Return all that is counted of these calls, whatever their days."""
    statuses = Counter(_word(call.said.get("status"), _STATUSES) for call in calls)
    directions = Counter(_word(call.said.get("direction"), _DIRECTIONS) for call in calls)
    attempts = _attempts(calls)
    outcomes = Counter(call.said.get("outcome") for call in calls if _is_outcome(call, _OUTCOMES))
    durations = [_seconds(call.said.get("duration")) or 0 for call in calls]
    talks = [s for call in calls if (s := _talk_s(call)) is not None]
    return {
        "callVolume": {
            "total": len(calls),
            "byStatus": _known(statuses, _STATUSES),
            "byHour": _by_hour(calls),
            "attemptsByHour": _by_hour(attempts),
            "humanByHour": _by_hour([c for c in attempts if _is_outcome(c, ("human",))]),
            "byDirection": _known(directions, _DIRECTIONS),
        },
        "duration": {
            "total": sum(durations),
            "count": len(talks),
            "average": round(sum(durations) / len(talks), 1) if talks else None,
            "buckets": {
                name: sum(low <= talk < high for talk in talks)
                for name, (low, high) in zip(_TALK, pairwise(_EDGES_S), strict=True)
            },
        },
        "outcomes": {name: outcomes[name] for name in _OUTCOMES},
        "contact": _contact(attempts),
        "failures": _failures(calls),
        "evaluation": _evaluation(calls),
        "cost": _cost(calls),
    }


def _contact(attempts: list[_Call]) -> Document:
    talking = ("in-progress", "completed")
    return {
        "attempts": len(attempts),
        "answered": sum(
            call.said.get("status") in talking or call.said.get("answerTime") is not None
            for call in attempts
        ),
        "human": sum(_is_outcome(call, ("human",)) for call in attempts),
        "voicemail": sum(_is_outcome(call, ("voicemail",)) for call in attempts),
    }


def _attempts(calls: list[_Call]) -> list[_Call]:
    """Return the calls that we placed and that left the queue."""
    outgoing = [call for call in calls if call.said.get("direction") != "inbound"]
    return [call for call in outgoing if call.said.get("status") != "queued"]


def _by_hour(calls: list[_Call]) -> list[int]:
    return [sum(call.hour == hour for call in calls) for hour in range(24)]


def _failures(calls: list[_Call]) -> Document:
    codes: Counter[str] = Counter()
    for call in calls:
        if call.said.get("status") == "failed":
            code = _inside(call.said, "twilio").get("sipResponseCode")
            told = isinstance(code, int) and not isinstance(code, bool) and 100 <= code <= 699
            codes[str(code) if told else "unknown"] += 1
    return {"total": codes.total(), "bySipCode": dict(codes)}


def _evaluation(calls: list[_Call]) -> Document:
    verdicts: Counter[str] = Counter()
    for call in calls:
        success = call.said.get("success")
        if isinstance(success, bool):
            verdicts["success" if success else "failure"] += 1
        elif (
            _inside(_inside(call.said, "elevenlabs"), "conversation").get("callSuccessful")
            == "unknown"
        ):
            verdicts["unknown"] += 1
    return {name: verdicts[name] for name in ("success", "failure", "unknown")}


def _cost(calls: list[_Call]) -> Document:
    twilio: Counter[str] = Counter()
    elevenlabs: Counter[str] = Counter()
    for call in calls:
        price, unit = (_inside(call.said, "twilio").get(name) for name in ("price", "priceUnit"))
        if isinstance(unit, str) and len(unit) == 3 and all("A" <= c <= "Z" for c in unit):
            twilio[unit] += abs(_micros(price))
        conversation = _inside(_inside(call.said, "elevenlabs"), "conversation")
        for name, currency in (("cost", "credits"), ("costUsd", "USD")):
            elevenlabs[currency] += _micros(conversation.get(name))
    return {
        "twilio": {currency: micros for currency, micros in twilio.items() if micros},
        "elevenlabs": {currency: micros for currency, micros in elevenlabs.items() if micros},
    }


def _concurrency(calls: list[_Call], day: date, zone: ZoneInfo) -> Document:
    """Return the greatest number of lines held at once on a day: every second that matters.

    The height can only rise where a call begins, or at midnight, where it is carried in.
    """
    midnight = _second(_midnight(day, zone))
    lines = [_line(call, zone) for call in calls if call.day in (day - _DAY, day)]
    held = [(first, end) for first, end in lines if end > first and end > midnight]
    steps: Counter[int] = Counter()
    for first, end in held:
        steps[max(first, midnight)] += 1
        steps[end] -= 1
    height, peak, at = 0, 0, midnight
    for second in sorted(steps):
        if second >= _second(_midnight(day + _DAY, zone)):
            break
        height += steps[second]
        if height > peak:
            peak, at = height, second
    return {"peak": peak or None, "at": datetime.fromtimestamp(at, UTC) if peak else None}


def _line(call: _Call, zone: ZoneInfo) -> tuple[int, int]:
    """Return the first second in which a call held a line, and the first in which not."""
    status = call.said.get("status")
    first = _second(call.started)
    latest = _second(_midnight(call.day + 2 * _DAY, zone))
    if status in ACTIVE:
        return first, latest
    if status not in TERMINAL:
        return first, first
    ended = _instant(call.said.get("endTime"))
    if ended is None:
        return first, min(first + (_seconds(call.said.get("duration")) or 0), latest)
    return first, min(_second(ended), latest)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant that is of a local day, by looking at one second after another."""
    noon = _second(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    seconds = range(noon - 2 * 86_400, noon + 2 * 86_400)

    def has_begun(second: int) -> bool:
        return datetime.fromtimestamp(second, UTC).astimezone(zone).date() >= day

    return datetime.fromtimestamp(seconds[bisect_left(seconds, x=True, key=has_begun)], UTC)


def _second(instant: datetime) -> int:
    return math.floor(instant.timestamp())


def _instant(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) else None


def _seconds(value: Any) -> int | None:
    """Return a duration in whole seconds; None for what is none."""
    number = _number(value)
    return int(number) if number is not None and number >= 0 else None


def _talk_s(call: _Call) -> int | None:
    """Return how long people talked; only completed calls are talk."""
    return _seconds(call.said.get("duration")) if call.said.get("status") == "completed" else None


def _micros(value: Any) -> int:
    if isinstance(value, str):
        try:
            value = float(Decimal(value))
        except (InvalidOperation, ValueError):  # a signalling NaN is no amount either
            return 0
    number = _number(value)
    return round(number * 1e6) if number is not None and abs(number) < 1e9 else 0


def _word(value: Any, known: tuple[str, ...]) -> str:
    return value if isinstance(value, str) and value in known else "unknown"


def _known(counted: Counter[str], names: tuple[str, ...]) -> dict[str, int]:
    """Return all known words with their counts, and `unknown` only where it was said."""
    known = {name: counted[name] for name in names}
    return known | ({"unknown": counted["unknown"]} if counted["unknown"] else {})


def _is_outcome(call: _Call, names: tuple[str, ...]) -> bool:
    return _word(call.said.get("outcome"), names) != "unknown"


def _inside(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = said.get(name)
    return value if isinstance(value, Mapping) else {}
