"""Drift: figures held against the calls they count, both as of the projector's own position.

What differs once may have been cut in the middle of a change; what differs again in another
snapshot is wrong.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from callboard.app.doctor.findings import Finding
from callboard.clock import Clock
from callboard.domain.buckets import Bucket, midnight_s
from callboard.domain.figures import empty_document, is_empty, summed
from callboard.errors import StoreUnavailable
from callboard.projection.fold import fold
from callboard.settings import Settings
from callboard.store.counted import Counted, calls_as_of, counted
from callboard.store.database import MongoDatabase

__all__ = ["drift"]

Document = Mapping[str, Any]

_AGAIN_AFTER_S = 0.5
_DAYS = 2
_SHOWN = 3
_ADVICE = (
    "run `callboard reaggregate --from {first} --to {last}`, which puts it right; unless somebody "
    "wrote to `analytics`, tell us: it is a bug"
)


async def drift(
    settings: Settings, database: MongoDatabase, clock: Clock
) -> AsyncIterator[Finding]:
    """Count today and yesterday anew, and compare."""
    name = "figures.drift"
    today = clock.now().astimezone(settings.zone).date()
    days = [str(today - timedelta(days=back)) for back in reversed(range(_DAYS))]
    kept = settings.calls_kept_days
    if kept is not None and kept <= _DAYS:
        days = days[-1:]  # the calls of the day before may have expired already
    try:
        wrong = await _wrong(settings.zone, database, days)
        if wrong:
            await asyncio.sleep(_AGAIN_AFTER_S)
            wrong = (wrong or set()) & (await _wrong(settings.zone, database, days) or set())
    except StoreUnavailable as error:
        what = f"figures could not be compared with their calls: {error}"
        yield Finding("note", name, what, "see mongodb.projector; look again while it projects")
        return
    if wrong is None:
        yield Finding("note", name, "nothing is counted yet, in this zone")
    elif wrong:
        shown = ", ".join(sorted(wrong)[:_SHOWN]) + (", …" if len(wrong) > _SHOWN else "")
        what = f"{len(wrong)} documents of `analytics` differ from their calls: {shown}"
        yield Finding("fault", name, what, _ADVICE.format(first=days[0], last=days[-1]))
    else:
        yield Finding("ok", name, f"the figures of {' and '.join(days)} equal their calls")


async def _wrong(zone: ZoneInfo, database: MongoDatabase, days: Sequence[str]) -> set[str] | None:
    """Return the ids of documents that are wrong; None when there is nothing to compare."""
    stored = await counted(database, days)
    if stored is None or stored.timezone != zone.key:
        return None
    since, until = (
        datetime.fromtimestamp(midnight_s(date.fromisoformat(day), zone, shift), UTC)
        # Whoever calls on the day before may still call on the first.
        for day, shift in ((days[0], -1), (days[-1], 1))
    )
    calls = await calls_as_of(database, stored.reached, since, until)
    expected, _ = await fold(calls, zone, wanted=lambda bucket: bucket.day in days)
    found = {str(document["_id"]): document for document in stored.of_days}
    differ = {key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)}
    return differ | _wrong_sums(stored, zone)


def _wrong_sums(stored: Counted, zone: ZoneInfo) -> set[str]:
    """Return the campaigns whose all-time figures are not the sum of their days."""
    days: dict[str, list[Document]] = {}
    for document in stored.campaigns_days:
        days.setdefault(str(document["campaignId"]), []).append(document)
    whole = {str(document["campaignId"]): document for document in stored.campaigns}
    wrong = set()
    for campaign in days.keys() | whole.keys():
        bucket = Bucket(None, campaign)
        expected = summed(days.get(campaign, []), empty_document(bucket, zone))
        if (None if is_empty(expected) else expected) != whole.get(campaign):
            wrong.add(bucket.key)
    return wrong
