"""How the calls of the last 24 hours ended, counted by MongoDB in one pass.

No index has the end of a call, and one more would cost every webhook. So the calls are found by
their start: those that began within 26 hours. A call that lasted or waited in the queue for more
than two hours may be missing from the end of the widest window; no other window is that far back.

Other programs write `calls` too: what is no instant, no number or no code counts as not told.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from callboard.domain.calls import TERMINAL_STATUSES, UNCONFIRMED, call_key
from callboard.domain.failures import WINDOWS, Ended
from callboard.domain.metrics import UNSUCCESSFUL_STATUSES
from callboard.store.database import MongoDatabase, MongoDocument
from callboard.store.snapshots import aggregate_as_of

__all__ = ["Endings"]

_BEGAN_WITHIN = timedelta(hours=26)
_DAY = timedelta(days=1)
_CODES = (100, 700)
_SECONDS_MAX = 1 << 31
_ENDED = sorted(TERMINAL_STATUSES - {UNCONFIRMED})
"""Of an unconfirmed call nobody knows when it ended."""


class Endings:
    """Reads of how calls ended lately."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database

    async def recent(
        self, now: datetime, campaign_id: str | None, after: int = 0
    ) -> tuple[list[Ended], int]:
        """Return the calls that ended in the last 24 hours, alike ones together, and as of when.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        pipeline = _pipeline(now, campaign_id)
        found, as_of = await aggregate_as_of(self._database, "calls", pipeline, after=after)
        return [_ended(counted) for counted in found if _is_plain(counted)], as_of


def _is_plain(counted: Mapping[str, Any]) -> bool:
    """Tell a status from a list of them, which another program may have stored."""
    return isinstance(counted["_id"]["status"], str)


def _ended(counted: MongoDocument) -> Ended:
    kind, last = counted["_id"], counted["last"]
    code = kind["code"]
    return Ended(
        kind["status"],
        int(code) if code is not None else None,
        tuple(counted[name] for name in WINDOWS),
        call_key(last),
        last["at"].replace(tzinfo=UTC),  # commands return instants without a zone
    )


def _pipeline(now: datetime, campaign_id: str | None) -> list[Mapping[str, Any]]:
    """Return what counts alike endings in every window."""
    within: dict[str, Any] = {
        name: {"$sum": {"$cond": [{"$gt": ["$end", now - window]}, 1, 0]}}
        for name, window in WINDOWS.items()
    }
    # Of what ended at the same time the greatest id is the last, whoever asks.
    last = {"$max": {"at": "$end", "_id": "$_id", "sid": "$sid"}}
    failed = {"$in": ["$status", sorted(UNSUCCESSFUL_STATUSES)]}
    kind = {"status": "$status", "code": {"$cond": [failed, _CODE, None]}}
    return [
        {"$match": _begun_lately(now, campaign_id)},
        {"$set": {"end": _END}},
        {"$match": {"end": {"$gt": now - max(WINDOWS.values()), "$lte": now}}},
        {"$group": {"_id": kind, **within, "last": last}},
        # A thousand kinds are read at most: more there are only if somebody made codes up.
        {"$sort": {max(WINDOWS, key=WINDOWS.__getitem__): -1}},
    ]


def _begun_lately(now: datetime, campaign_id: str | None) -> dict[str, Any]:
    """Return the filter of the calls that may have ended in the widest window; perhaps more."""
    since = now - _BEGAN_WITHIN
    # ISO text of any offset sorts after the day before; what is no instant is left out later.
    dated = [
        {"startTime": {"$gte": since, "$lte": now}},
        {"startTime": {"$gte": (since - _DAY).date().isoformat()}},
    ]
    wanted: dict[str, Any] = {
        "status": {"$in": _ENDED},
        # A leg is a part of its parent, as everywhere.
        "twilio.parentCallSid": {"$in": [None, ""]},
        "$or": dated,
    }
    return wanted if campaign_id is None else wanted | {"campaignId": campaign_id}


def _instant(path: str) -> dict[str, Any]:
    """Return an expression for a stored instant, also one that was written as text; else null."""
    read = {"$convert": {"input": path, "to": "date", "onError": None, "onNull": None}}
    return {
        "$switch": {
            "branches": [
                {"case": {"$eq": [{"$type": path}, "date"]}, "then": path},
                {"case": {"$eq": [{"$type": path}, "string"]}, "then": read},
            ],
            "default": None,
        }
    }


def _number(path: str, first: int, limit: int) -> dict[str, Any]:
    """Return a condition: a number from `first` to below `limit`."""
    bounds = [{"$gte": [path, first]}, {"$lt": [path, limit]}]
    return {"$and": [{"$isNumber": path}, *bounds]}


_LASTED_MS = {
    "$cond": [_number("$duration", 0, _SECONDS_MAX), {"$multiply": ["$duration", 1_000]}, 0]
}
_END = {"$ifNull": [_instant("$endTime"), {"$add": [_instant("$startTime"), _LASTED_MS]}]}
"""As the figures have it: when it ended, else so long after it began as people talked."""

_SIP = "$twilio.sipResponseCode"
_WHOLE = {"$in": [{"$type": _SIP}, ["int", "long"]]}
_CODE = {"$cond": [{"$and": [_WHOLE, _number(_SIP, *_CODES)]}, _SIP, None]}
