"""Twilio's voice callbacks as facts: status, asynchronous AMD and recording, on one URL.

Field reference: https://www.twilio.com/docs/voice/api/call-resource#statuscallback. The three
families are told apart by their fields. Unknown fields are accepted: Twilio adds them freely.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from callboard.domain.calls import STATUS_RANK, CallContext, CallFact
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
_ANSWERED_BY = re.compile(r"human|machine(_[a-z_]+)?|fax|unknown")
_TEXT_DETAILS = {"ParentCallSid": "parentCallSid", "StirStatus": "stirStatus"}
_RECORDING_DETAILS = {"RecordingSid": "recordingSid", "RecordingUrl": "recordingUrl"}

Pairs = Sequence[tuple[str, str]]


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
    context = _context(dict(query))
    if "CallStatus" in fields:
        return _status(sid, fields, context, received_at)
    if "RecordingSid" in fields:
        return _recording(sid, fields, context, received_at)
    if "AnsweredBy" in fields:
        return _amd(sid, fields, context, received_at)
    message = "one of 'CallStatus', 'AnsweredBy' or 'RecordingSid' must be present"
    raise MalformedPayload(message, field="CallStatus")


def _status(
    sid: str, fields: Mapping[str, str], context: CallContext, received_at: datetime
) -> CallFact:
    status = fields["CallStatus"]
    if status not in STATUS_RANK:
        message = f"'CallStatus' must be one of {', '.join(STATUS_RANK)}"
        raise MalformedPayload(message, field="CallStatus")
    sequence = _whole(fields, "SequenceNumber") or 0
    details = _details(fields, _TEXT_DETAILS)
    if (sip_code := _whole(fields, "SipResponseCode")) is not None:
        details["sipResponseCode"] = sip_code
    return CallFact(
        call_sid=sid,
        event_key=f"twilio:{sid}:status:{sequence}:{status}",
        kind="status",
        at=_timestamp(fields, received_at),
        dated=bool(fields.get("Timestamp")),
        status=status,
        sequence=sequence,
        direction=_DIRECTIONS.get(fields.get("Direction", "")),
        from_number=fields.get("From") or None,
        to_number=fields.get("To") or None,
        duration_s=_whole(fields, "CallDuration"),
        answered_by=_answered_by(fields),
        details=details,
        context=context,
    )


def _amd(
    sid: str, fields: Mapping[str, str], context: CallContext, received_at: datetime
) -> CallFact:
    verdict = _answered_by(fields)
    if verdict is None:
        message = "'AnsweredBy' is empty"
        raise MalformedPayload(message, field="AnsweredBy")
    details: dict[str, str | int] = {}
    if (took_ms := _whole(fields, "MachineDetectionDuration")) is not None:
        details["machineDetectionMs"] = took_ms
    return CallFact(
        call_sid=sid,
        event_key=f"twilio:{sid}:amd:{verdict}",
        kind="amd",
        at=_timestamp(fields, received_at),
        dated=bool(fields.get("Timestamp")),
        answered_by=verdict,
        details=details,
        context=context,
    )


def _recording(
    sid: str, fields: Mapping[str, str], context: CallContext, received_at: datetime
) -> CallFact:
    details = _details(fields, _RECORDING_DETAILS)
    if (duration_s := _whole(fields, "RecordingDuration")) is not None:
        details["recordingDuration"] = duration_s
    status = fields.get("RecordingStatus", "")
    return CallFact(
        call_sid=sid,
        event_key=f"twilio:{sid}:recording:{fields['RecordingSid']}:{status}",
        kind="recording",
        at=_timestamp(fields, received_at),
        dated=bool(fields.get("Timestamp")),
        details=details,
        context=context,
    )


def _context(query: Mapping[str, str]) -> CallContext:
    """Read whom the call was for; a value too long to be a name is refused."""
    for name, value in query.items():
        if len(value) > _FIELD_LENGTH_MAX:
            message = f"query parameter '{name}' is longer than {_FIELD_LENGTH_MAX} characters"
            raise MalformedPayload(message, field=name)
    return CallContext(
        campaign_id=query.get("campaignId") or None,
        contact_id=query.get("contactId") or None,
        contact_name=query.get("contactName") or None,
        agent_id=query.get("agentId") or None,
        agent_name=query.get("agentName") or None,
    )


def _details(fields: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str | int]:
    return {stored: fields[name] for name, stored in names.items() if fields.get(name)}


def _timestamp(fields: Mapping[str, str], received_at: datetime) -> datetime:
    """Return when the event fired, RFC 2822; the time of arrival when Twilio does not say."""
    text = fields.get("Timestamp")
    if not text:
        return received_at
    try:
        fired_at = parsedate_to_datetime(text)
        return (fired_at if fired_at.tzinfo else fired_at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        message = "'Timestamp' must be an RFC 2822 date, e.g. 'Wed, 08 Oct 2025 13:54:12 +0000'"
        raise MalformedPayload(message, field="Timestamp") from error


def _whole(fields: Mapping[str, str], name: str) -> int | None:
    """Return a field as a whole number; None when it is absent or empty."""
    text = fields.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > _DIGITS_MAX:
        message = f"'{name}' must be a whole number"
        raise MalformedPayload(message, field=name)
    return int(text)


def _answered_by(fields: Mapping[str, str]) -> str | None:
    text = fields.get("AnsweredBy")
    if not text:
        return None
    if not _ANSWERED_BY.fullmatch(text):
        message = "'AnsweredBy' must be human, machine_…, fax or unknown"
        raise MalformedPayload(message, field="AnsweredBy")
    return text
