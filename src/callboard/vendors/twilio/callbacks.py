"""Twilio's callbacks as facts: status, answering machine detection and recording.

All of them arrive on one URL and are told apart by their fields (vendors.md 1.1). The same
forms ride inside Event Streams' events and in ElevenLabs' report of a call that never began.
Fields: https://www.twilio.com/docs/voice/api/call-resource#statuscallback
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from callboard.domain.calls import STATUS_RANK, TERMINAL_STATUSES, TWILIO_STATUSES
from callboard.domain.lattice import CallFact, state
from callboard.errors import MalformedPayload

__all__ = ["parse_callback"]

_CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_FIELD_LENGTH_MAX = 512
_DIGITS_MAX = 9
_DIRECTIONS = {
    "inbound": "inbound",
    "trunking-originating": "inbound",
    "outbound-api": "outbound",
    "outbound-dial": "outbound",
    "trunking-terminating": "outbound",
}
_SPELLINGS = {"cancelled": "canceled", "no_answer": "no-answer", "in_progress": "in-progress"}
"""Other vendors' spellings, which compatible services send too."""
_ANSWERED_BY = re.compile(r"human|machine(_[a-z_]+)?|fax|unknown")
# A later verdict of lower rank never hides a better one: "unknown" says least.
_ANSWERED_RANK = {"unknown": 0, "human": 1}
_MACHINE_RANK = 2
_RECORDING_DETAILS = {"RecordingSid": "recordingSid", "RecordingUrl": "recordingUrl"}
_STATUS_DETAILS = {
    "From": "from",
    "To": "to",
    "ParentCallSid": "parentCallSid",
    "StirStatus": "stirStatus",
    **_RECORDING_DETAILS,
}
_SHARED = ("campaignId", "contactId", "contactName")
_AGENT = ("agentId", "agentName")
_CALL_ID = "callId"
_NAMES = frozenset({*_SHARED, *_AGENT, _CALL_ID})
_TIMESTAMP_LENGTH_MAX = 64
_DETAIL_LENGTH_MAX = 2_048

Pairs = Sequence[tuple[str, str]]
Leaves = dict[str, Any]


def parse_callback(form: Pairs, query: Pairs, received_at: datetime) -> CallFact:
    """Return what a callback says; `query` is what rode in the URL we gave Twilio.

    Raises:
        MalformedPayload: a field is missing or cannot be understood; `field` names it.
    """
    fields = dict(form)
    sid = fields.get("CallSid", "")
    if not _CALL_SID.fullmatch(sid):
        message = "'CallSid' must be 'CA' followed by 32 hexadecimal digits"
        raise MalformedPayload(message, field="CallSid")
    context = _context(tuple(pair for pair in query if pair[0] in _NAMES))
    most: Leaves = dict(context)
    fired_at = _timestamp(fields)
    if fired_at is not None:
        # A time of arrival is no fact: a repetition has another.
        most["updatedAt"] = fired_at
    least: Leaves = {}
    if "CallStatus" in fields:
        kind = _status(fields, most, least, fired_at or received_at)
    elif "RecordingSid" in fields:
        kind = _recording(fields, most)
    elif "AnsweredBy" in fields:
        kind = _amd(fields, most)
    else:
        message = "one of 'CallStatus', 'AnsweredBy' or 'RecordingSid' must be present"
        raise MalformedPayload(message, field="CallStatus")
    return CallFact(
        key=sid,
        event_key=f"twilio:{sid}:{kind}",
        kind=kind.partition(":")[0],
        most=most,
        least=least,
        call_id=context.get("context.callId"),
    )


def _status(fields: Mapping[str, str], most: Leaves, least: Leaves, at: datetime) -> str:
    """Add what a status callback says; returns what makes its event key."""
    said = fields["CallStatus"]
    status = _SPELLINGS.get(said, said)
    if status not in TWILIO_STATUSES:
        known = (name for name in STATUS_RANK if name in TWILIO_STATUSES)
        message = f"'CallStatus' must be one of {', '.join(known)}"
        raise MalformedPayload(message, field="CallStatus")
    sequence = _whole(fields, "SequenceNumber") or 0
    most["twilio.state"] = state(status, sequence)
    least[f"twilio.seen.{status}"] = at
    duration_s = _whole(fields, "CallDuration")
    if status in TERMINAL_STATUSES:
        least["twilio.endedAt"] = at
        # Of an inbound call Twilio may report the end alone: the start is reckoned back.
        least["twilio.reckonedAt"] = _before(at, duration_s or 0)
    else:
        # The first arrival stands in for a start that nobody dated; a repetition comes later.
        least["twilio.startedAt"] = at
    if duration_s is not None:
        most["twilio.callDuration"] = duration_s
    if direction := _DIRECTIONS.get(fields.get("Direction", "")):
        most["twilio.direction"] = direction
    if (sip_code := _whole(fields, "SipResponseCode")) is not None:
        most["twilio.sipResponseCode"] = sip_code
    if (verdict := _answered_by(fields)) is not None:
        most["twilio.answered"] = verdict
    _details(fields, _STATUS_DETAILS, most)
    return f"status:{sequence}:{status}"


def _amd(fields: Mapping[str, str], most: Leaves) -> str:
    """Add what an asynchronous AMD callback says."""
    verdict = _answered_by(fields)
    if verdict is None:
        message = "'AnsweredBy' is empty"
        raise MalformedPayload(message, field="AnsweredBy")
    most["twilio.answered"] = verdict
    if (took_ms := _whole(fields, "MachineDetectionDuration")) is not None:
        most["twilio.machineDetectionMs"] = took_ms
    return f"amd:{verdict['s']}"


def _recording(fields: Mapping[str, str], most: Leaves) -> str:
    """Add what a recording callback says."""
    _details(fields, _RECORDING_DETAILS, most)
    if (duration_s := _whole(fields, "RecordingDuration")) is not None:
        most["twilio.recordingDuration"] = duration_s
    return f"recording:{fields['RecordingSid']}:{fields.get('RecordingStatus', '')}"


@lru_cache(maxsize=4_096)  # every callback of a call carries the same query
def _context(query: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """Read whom the call was for, as leaves; a value too long to be a name is refused."""
    said = dict(query)
    for name, value in said.items():
        if len(value) > _FIELD_LENGTH_MAX:
            message = f"query parameter '{name}' is longer than {_FIELD_LENGTH_MAX} characters"
            raise MalformedPayload(message, field=name)
    leaves = {name: said[name] for name in _SHARED if said.get(name)}
    leaves |= {f"context.{name}": said[name] for name in (*_AGENT, _CALL_ID) if said.get(name)}
    return leaves


def _details(fields: Mapping[str, str], names: Mapping[str, str], most: Leaves) -> None:
    for name, stored in names.items():
        if value := fields.get(name):
            if len(value) > _DETAIL_LENGTH_MAX:
                message = f"'{name}' is longer than {_DETAIL_LENGTH_MAX} characters"
                raise MalformedPayload(message, field=name)
            most[f"twilio.{stored}"] = value


def _timestamp(fields: Mapping[str, str]) -> datetime | None:
    """Return when the event fired; None when Twilio does not say."""
    text = fields.get("Timestamp")
    if not text:
        return None
    if len(text) > _TIMESTAMP_LENGTH_MAX:
        message = f"'Timestamp' is longer than {_TIMESTAMP_LENGTH_MAX} characters"
        raise MalformedPayload(message, field="Timestamp")
    return _rfc2822(text)


@lru_cache(maxsize=4_096)  # one-second resolution: many callbacks share one text
def _rfc2822(text: str) -> datetime:
    try:
        fired_at = parsedate_to_datetime(text)
        return (fired_at if fired_at.tzinfo else fired_at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        message = "'Timestamp' must be an RFC 2822 date, e.g. 'Wed, 08 Oct 2025 13:54:12 +0000'"
        raise MalformedPayload(message, field="Timestamp") from error


def _before(at: datetime, seconds: int) -> datetime:
    try:
        return at - timedelta(seconds=seconds)
    except OverflowError:  # at the very beginning of the calendar
        return at


def _whole(fields: Mapping[str, str], name: str) -> int | None:
    """Return a field as a whole number; None when it is absent or empty."""
    text = fields.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > _DIGITS_MAX:
        message = f"'{name}' must be a whole number"
        raise MalformedPayload(message, field=name)
    return int(text)


def _answered_by(fields: Mapping[str, str]) -> Leaves | None:
    """Return the AMD verdict as a leaf that orders by how much it says."""
    text = fields.get("AnsweredBy")
    if not text:
        return None
    if not _ANSWERED_BY.fullmatch(text):
        message = "'AnsweredBy' must be human, machine_…, fax or unknown"
        raise MalformedPayload(message, field="AnsweredBy")
    rank = _ANSWERED_RANK.get(text, _MACHINE_RANK)
    verdict: Leaves = {"v": rank, "s": text}
    if rank:
        verdict["o"] = "voicemail" if rank == _MACHINE_RANK else "human"
    return verdict
