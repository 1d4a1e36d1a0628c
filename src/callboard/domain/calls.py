"""A call as callboard understands it: statuses, facts, and the document people are shown.

A *fact* is what one webhook tells about one call. Facts merge into the call document by
operations that do not care about order or repetition (`callboard.store.merge`); this module
holds the vocabulary both ends share. It deliberately does not merge: MongoDB does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from callboard.clock import isoformat_z

__all__ = [
    "ACTIVE_STATUSES",
    "CALL_FIELDS",
    "STATUS_RANK",
    "TERMINAL_STATUSES",
    "CallContext",
    "CallFact",
    "call_key",
    "is_active",
    "shown_call",
]

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
}
"""Twilio's nine callback statuses; a call never moves to a lower rank."""

ACTIVE_STATUSES = frozenset({"initiated", "ringing", "in-progress"})
"""A call in one of these occupies a line now; a queued one does not yet."""

TERMINAL_STATUSES = frozenset(name for name, rank in STATUS_RANK.items() if rank == 4)  # noqa: PLR2004  (the terminal rank)

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


@dataclass(frozen=True, slots=True)
class CallContext:
    """What rode along in a callback URL's query: whom the call was for. All optional."""

    campaign_id: str | None = None
    contact_id: str | None = None
    contact_name: str | None = None
    agent_id: str | None = None
    agent_name: str | None = None


@dataclass(frozen=True, slots=True)
class CallFact:
    """What one Twilio callback says about one call."""

    call_sid: str
    """Twilio's id of the leg: `CA` and 32 hex digits."""
    event_key: str
    """Equal for two webhooks that are the same fact, e.g. `twilio:CA…:status:3:completed`."""
    kind: str
    """`status`, `amd` or `recording`."""
    at: datetime
    """When the event fired at the vendor; the time of arrival where the vendor does not say."""
    dated: bool = True
    """Whether the vendor said so. A time of arrival is no fact: a repetition has another."""
    status: str | None = None
    """One of `STATUS_RANK`, or None when the callback says nothing about it."""
    sequence: int = 0
    """Twilio's `SequenceNumber`: the order in which events of one call fired."""
    direction: str | None = None
    """`inbound` or `outbound`, seen from us."""
    from_number: str | None = None
    to_number: str | None = None
    duration_s: int | None = None
    """Answer to hang-up, whole seconds; only terminal callbacks carry it."""
    answered_by: str | None = None
    """Twilio's AMD verdict: human, machine_start, machine_end_*, fax, unknown."""
    details: Mapping[str, str | int] = field(default_factory=dict)
    """Further facts kept in the `twilio` sub-document by their own names."""
    context: CallContext = field(default_factory=CallContext)


def call_key(document: Mapping[str, Any]) -> str:
    """Return the id callboard shows for a stored call: its `sid`, else its `_id`.

    Other programs write to `calls` too, and not all of them use the call SID as `_id`.
    """
    sid = document.get("sid")
    return sid if isinstance(sid, str) and sid else str(document["_id"])


def is_active(document: Mapping[str, Any] | None) -> bool:
    """Tell whether this stored call occupies a line now."""
    status = document.get("status") if document is not None else None
    return isinstance(status, str) and status in ACTIVE_STATUSES


def shown_call(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the call as the contract shows it: every field present, instants as text.

    >>> shown_call({"_id": "CA1", "status": "ringing"})["sid"]
    'CA1'
    """
    shown = {name: _jsonable(document.get(name)) for name in CALL_FIELDS}
    shown["sid"] = call_key(document)
    for vendor in ("twilio", "elevenlabs"):
        said = document.get(vendor)
        if isinstance(said, Mapping):
            shown[vendor] = {
                name: _jsonable(value) for name, value in said.items() if name not in _INTERNAL
            }
    return shown


def _jsonable(value: Any) -> Any:
    """Return a JSON value for anything MongoDB may hold."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, datetime):
        return isoformat_z(value if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, Mapping):
        return {str(name): _jsonable(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(inner) for inner in value]
    return str(value)
