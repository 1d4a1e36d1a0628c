"""A call as callboard understands it: statuses, and the document people are shown.

What webhooks say about a call is in `callboard.domain.lattice`; this module holds the
vocabulary both ends share.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from callboard.clock import isoformat_z

__all__ = [
    "ACTIVE_STATUSES",
    "CALL_FIELDS",
    "OUTCOME_BY_STATUS",
    "STATUS_RANK",
    "TERMINAL_STATUSES",
    "TWILIO_STATUSES",
    "UNCONFIRMED",
    "call_key",
    "is_active",
    "is_child_leg",
    "jsonable",
    "last_news",
    "shown_call",
    "shows",
    "silence_flagged",
]

UNCONFIRMED = "unconfirmed"
"""The call ended, or went on without us: the stale-call watch closed it for want of news."""

STATUS_RANK: Mapping[str, int] = {
    "queued": 0,
    "initiated": 1,
    "ringing": 2,
    "in-progress": 3,
    "completed": 4,
    "busy": 4,
    "failed": 4,
    "no-answer": 4,
    "canceled": 4,
    UNCONFIRMED: 4,
}
"""Twilio's nine callback statuses and our own; no vendor moves a call to a lower rank."""

TWILIO_STATUSES = frozenset(STATUS_RANK) - {UNCONFIRMED}
"""What Twilio may say."""

ACTIVE_STATUSES = frozenset({"initiated", "ringing", "in-progress"})
"""A call in one of these occupies a line now; a queued one does not yet."""

TERMINAL_STATUSES = frozenset(name for name, rank in STATUS_RANK.items() if rank == 4)  # noqa: PLR2004  (the terminal rank)
"""A call in one of these is over for whoever looks; an unconfirmed one may still be corrected."""

OUTCOME_BY_STATUS: Mapping[str, str] = {
    "canceled": "canceled",
    "failed": "failed",
    "busy": "busy",
    "no-answer": "no_answer",
}
"""Outcomes that follow from the status alone; `completed` may be a person or a voicemail."""

CALL_FIELDS = (
    "sid",
    "status",
    "direction",
    "from",
    "to",
    "startTime",
    "answerTime",
    "endTime",
    "duration",
    "campaignId",
    "contactId",
    "contactName",
    "agentId",
    "agentName",
    "answeredBy",
    "outcome",
    "success",
    "cost",
    "conversationId",
    "updatedAt",
)
"""The contract's fields of a call, in the order people read them."""

# Merge state inside a vendor's sub-document that means nothing to a reader.
_INTERNAL = frozenset({"state", "answered"})
_VERSION = "v"

# While the call goes on these are one vendor's guess, or left from an earlier conversation.
_SHOWN_AT_THE_END = ("endTime", "duration", "outcome")


def call_key(document: Mapping[str, Any]) -> str:
    """Return the id callboard shows for a stored call: its `sid`, else its `_id`.

    Other programs write to `calls` too, and not all of them use the call SID as `_id`.
    """
    sid = document.get("sid")
    return sid if isinstance(sid, str) and sid else str(document["_id"])


def is_child_leg(document: Mapping[str, Any]) -> bool:
    """Tell a leg that another call made: a transfer, a `<Dial>`.

    It has a document of its own, but it is a part of its parent: neither counted nor live.
    """
    twilio = document.get("twilio")
    # `dict` is what drivers return; asking for a Mapping costs ten times as much.
    return isinstance(twilio, dict) and bool(twilio.get("parentCallSid"))


def is_active(document: Mapping[str, Any] | None) -> bool:
    """Tell whether this stored call is going on now."""
    if document is None:
        return False
    status = document.get("status")
    return isinstance(status, str) and status in ACTIVE_STATUSES and not is_child_leg(document)


def last_news(document: Mapping[str, Any]) -> datetime | None:
    """Return when a stored call was last heard of: the latest instant anybody gave it.

    The vendors' instants stand for webhooks that were not dated. None for an undated call.

    >>> last_news({"_id": "CA1", "status": "ringing"}) is None
    True
    """
    told = [document.get(name) for name in ("updatedAt", "startTime", "answerTime")]
    told += _section(document, "twilio", "seen").values()
    told.append(_section(document, "elevenlabs").get("requestedAt"))
    told.append(_section(document, "elevenlabs", "conversation").get("startTime"))
    return max((at for at in told if isinstance(at, datetime)), default=None)


def _section(document: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return an object inside a stored call, empty when there is none."""
    for name in path:
        inner = document.get(name)
        document = inner if isinstance(inner, Mapping) else {}
    return document


def silence_flagged(document: Mapping[str, Any]) -> datetime | None:
    """Return since when a call has been silent, if the watch flagged it and no news came since.

    An undated call counts as heard of when it was flagged.
    """
    since = _section(document, "watch", "flagged").get(_VERSION)
    if not isinstance(since, datetime):
        return None
    heard = last_news(document)
    return since if heard is None or since >= heard else None


def shown_call(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the call as the contract shows it: every field present, instants as text.

    `orphan` is added to a conversation whose call is not known yet, `stale` to an active call
    that has been silent for too long.

    >>> shown_call({"_id": "CA1", "status": "ringing"})["sid"]
    'CA1'
    """
    shown = {
        # Asked here, not in a call for each of twenty fields: this runs for every change.
        name: value if type(value := document.get(name)) in _PLAIN else jsonable(value)
        for name in CALL_FIELDS
    }
    shown["sid"] = call_key(document)
    if document.get("orphan"):
        shown["orphan"] = True
    if shown["status"] in ACTIVE_STATUSES:
        shown |= dict.fromkeys(_SHOWN_AT_THE_END)
        if "watch" in document and silence_flagged(document) is not None:
            shown["stale"] = True
    for vendor in ("twilio", "elevenlabs"):
        said = document.get(vendor)
        if isinstance(said, Mapping):
            shown[vendor] = {
                name: value if type(value) in _PLAIN else jsonable(_unversioned(value))
                for name, value in said.items()
                if name not in _INTERNAL
            }
    return shown


def shows(path: str) -> bool:
    """Tell whether what people are shown of a call depends on a stored path.

    >>> shows("status"), shows("twilio.sipResponseCode")
    (True, True)
    >>> shows("twilio.state.ended"), shows("tags")
    (False, False)
    """
    top, _, inner = path.partition(".")
    if top in ("twilio", "elevenlabs"):
        return inner.partition(".")[0] not in _INTERNAL
    if top == "watch":
        return not inner or inner.partition(".")[0] == "flagged"
    return top in _SHOWN


_SHOWN = frozenset({*CALL_FIELDS, "orphan"})


def _unversioned(value: Any) -> Any:
    if isinstance(value, dict) and _VERSION in value:
        return {name: inner for name, inner in value.items() if name != _VERSION}
    return value


_PLAIN = frozenset({str, int, float, bool, type(None)})
"""Types that are JSON already."""


def jsonable(value: Any) -> Any:
    """Return a JSON value for anything MongoDB may hold."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, datetime):
        return isoformat_z(value)
    if isinstance(value, (dict, Mapping)):
        return {str(name): jsonable(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(inner) for inner in value]
    return value if isinstance(value, (str, int, float)) else str(value)
