"""ElevenLabs' events as facts: transcripts, audio, calls that never began, personalization.

Shapes: https://elevenlabs.io/docs/eleven-agents/workflows/post-call-webhooks and vendors.md 3.
Older events lack fields and newer ones add some, so only what joins an event to its call is
required; an optional field of an unexpected type counts as absent. The whole event stays in the
inbox; the call keeps what people look at.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from callboard.domain.lattice import CallFact
from callboard.errors import MalformedPayload
from callboard.vendors.elevenlabs.conversation import conversation, instant, section, text

__all__ = ["ElevenLabsEvent", "parse_event", "parse_initiation", "without_audio"]

_CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_ID_LENGTH_MAX = 128
_CALL_ID = "callboard_call_id"
"""Dynamic variable that carries the caller's own id of the call, or Twilio's call SID."""
_SHARED = ("campaignId", "contactId", "contactName")
_AGENT = ("agentId", "agentName")
_STATUS_BY_FAILURE = {"busy": "busy", "no-answer": "no-answer", "no_answer": "no-answer"}
_AUDIO = b'"full_audio"'

Leaves = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ElevenLabsEvent:
    """One webhook, understood as far as its type is known."""

    event_key: str
    """Empty when nothing in the event tells it from others of its kind."""
    kind: str
    """The event's `type`."""
    fact: CallFact | None
    """None for types that say nothing we merge: they are kept raw."""
    twilio_form: Sequence[tuple[str, str]] | None = None
    """The Twilio callback that ElevenLabs got itself and passed on."""


def parse_event(body: bytes) -> ElevenLabsEvent:
    """Return what a webhook says.

    Raises:
        MalformedPayload: the envelope cannot be understood; `field` names the offender.
    """
    event = _json_object(body)
    kind = _required(event, "type", "")
    data = event.get("data")
    data = data if isinstance(data, Mapping) else {}
    version = _version(event.get("event_timestamp"))
    conversation_id = text(data, "conversation_id")
    key = f"elevenlabs:{conversation_id or '-'}:{kind}:{version}"
    read = _READERS.get(kind)
    if read is None:
        # Workspace events have no conversation: their bytes tell them apart.
        return ElevenLabsEvent(key if conversation_id and version else "", kind, None)
    conversation_id = _required(data, "conversation_id", "data.")
    most: Leaves = {"elevenlabs.conversationId": conversation_id}
    if agent_id := text(data, "agent_id"):
        most["elevenlabs.agentId"] = agent_id
    if (said_at := instant(version)) is not None:
        most["updatedAt"] = said_at
    read(data, version, most)
    variables = _variables(data)
    _add_context(variables, most)
    sid = _call_sid(data, variables)
    fact = CallFact(
        key=sid or conversation_id,
        event_key=key,
        kind=kind,
        most=most,
        orphan=sid is None,
        conversation_id=conversation_id,
        call_id=most.get("context.callId"),
    )
    # Without a time two events of one kind could not be told apart: their bytes can.
    return ElevenLabsEvent(key if version else "", kind, fact, _passed_on(data))


def parse_initiation(body: bytes, received_at: datetime) -> CallFact:
    """Return what a personalization request says: the earliest notice of an inbound call.

    Raises:
        MalformedPayload: it names no call; `field` names the offender.
    """
    request = _json_object(body)
    sid = text(request, "call_sid")
    if sid is None or not _CALL_SID.fullmatch(sid):
        message = "'call_sid' must be Twilio's call SID: 'CA' and 32 hexadecimal digits"
        raise MalformedPayload(message, field="call_sid")
    said = {
        # ElevenLabs answers the call while it waits for us.
        "status": "in-progress",
        "direction": "inbound",
        "from": text(request, "caller_id"),
        "to": text(request, "called_number"),
    }
    most: Leaves = {"elevenlabs.request": {k: v for k, v in said.items() if v is not None}}
    if agent_id := text(request, "agent_id"):
        most["elevenlabs.agentId"] = agent_id
    return CallFact(
        key=sid,
        event_key=f"elevenlabs:{sid}:initiation",
        kind="initiation",
        most=most,
        least={"elevenlabs.requestedAt": received_at},
    )


def without_audio(body: bytes) -> bytes:
    """Return an audio event with the recording's size in the place of the recording.

    Recordings are megabytes and stay with ElevenLabs. Any other body is returned as it is.
    """
    if _AUDIO not in body:
        return body
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    data = event.get("data") if isinstance(event, Mapping) else None
    audio = data.get("full_audio") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(audio, str):
        return body
    del data["full_audio"]
    data["full_audio_bytes"] = len(audio.rstrip("=")) * 3 // 4
    try:
        return orjson.dumps(event)
    except orjson.JSONEncodeError:  # it reads deeper nesting than it writes
        return body


def _transcription(data: Mapping[str, Any], version: int, most: Leaves) -> None:
    most["elevenlabs.conversation"] = {"v": version, **conversation(data)}


def _audio(data: Mapping[str, Any], version: int, most: Leaves) -> None:
    size = data.get("full_audio_bytes")
    audio = data.get("full_audio")
    if isinstance(audio, str):
        size = len(audio.rstrip("=")) * 3 // 4
    said: Leaves = {"v": version}
    if isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 1 << 53:
        said["bytes"] = size
    most["elevenlabs.audio"] = said


def _failure(data: Mapping[str, Any], version: int, most: Leaves) -> None:
    reason = text(data, "failure_reason") or "unknown"
    status = _STATUS_BY_FAILURE.get(reason, "failed")
    metadata = section(data, "metadata")
    body = section(metadata, "body")
    said = {
        "reason": reason,
        "status": status,
        "outcome": status.replace("-", "_"),
        "direction": "outbound",
        "at": instant(version),
        "via": text(metadata, "type"),
        "from": text(body, "from_number"),
        "to": text(body, "to_number"),
        "sipStatusCode": _code(body.get("sip_status_code")),
        "error": text(body, "error_reason"),
    }
    said = {name: value for name, value in said.items() if value is not None}
    most["elevenlabs.failure"] = {"v": version, **said}


_READERS = {
    "post_call_transcription": _transcription,
    "post_call_audio": _audio,
    "call_initiation_failure": _failure,
}


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        message = f"the body must be JSON: {error}"
        raise MalformedPayload(message, field="body") from error
    if not isinstance(said, Mapping):
        message = "the body must be a JSON object"
        raise MalformedPayload(message, field="body")
    return said


def _required(said: Mapping[str, Any], name: str, path: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _ID_LENGTH_MAX:
        message = f"'{path}{name}' must be a text of 1 to {_ID_LENGTH_MAX} characters"
        raise MalformedPayload(message, field=f"{path}{name}")
    return value


def _version(timestamp: Any) -> int:
    """Return `event_timestamp`, Unix seconds; 0 when it is missing or no sane number."""
    if isinstance(timestamp, (int, float)) and not isinstance(timestamp, bool):
        return int(timestamp) if 0 <= timestamp < 1 << 40 else 0
    return 0


def _code(value: Any) -> int | None:
    """Return a SIP status: a number by the table, a text in the vendor's example."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:4])
    return value if type(value) is int and 0 < value < 1000 else None  # noqa: PLR2004  (three digits)


def _variables(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the dynamic variables."""
    return section(section(data, "conversation_initiation_client_data"), "dynamic_variables")


def _add_context(variables: Mapping[str, Any], most: Leaves) -> None:
    """Add whom the call was for, by the names that the callback URL's query uses too."""
    for name in _SHARED:
        if value := text(variables, name):
            most[name] = value
    for name in _AGENT:
        if value := text(variables, name):
            most[f"context.{name}"] = value
    own_id = text(variables, _CALL_ID)
    if own_id and not _CALL_SID.fullmatch(own_id):
        most["context.callId"] = own_id


def _call_sid(data: Mapping[str, Any], variables: Mapping[str, Any]) -> str | None:
    """Return Twilio's call SID from any place that may hold it; SIP trunks have UUIDs."""
    metadata = section(data, "metadata")
    candidates = (
        section(metadata, "phone_call").get("call_sid"),
        variables.get("system__call_sid"),
        section(metadata, "body").get("CallSid"),
        variables.get(_CALL_ID),
    )
    for candidate in candidates:
        if isinstance(candidate, str) and _CALL_SID.fullmatch(candidate):
            return candidate
    return None


def _passed_on(data: Mapping[str, Any]) -> Sequence[tuple[str, str]] | None:
    """Return the Twilio callback inside a failure event."""
    body = section(section(data, "metadata"), "body")
    if not isinstance(body.get("CallSid"), str) or "CallStatus" not in body:
        return None
    return [(name, str(value)) for name, value in body.items() if isinstance(value, (str, int))]
