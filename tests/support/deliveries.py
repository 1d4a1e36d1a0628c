"""Webhooks as vendors send them, made up: one `KeptWebhook` for each request."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from callboard.domain.webhooks import (
    CALL_STATUS,
    ELEVENLABS,
    INITIATION,
    TWILIO_EVENTS,
    InboxEntry,
    KeptWebhook,
)
from callboard.ingest.understand import understand
from callboard.vendors.elevenlabs.events import without_audio
from callboard.vendors.twilio.events import split_events

__all__ = [
    "BEGUN",
    "amd_form",
    "audio",
    "callback",
    "entries_of",
    "event",
    "failure",
    "initiation",
    "recording_form",
    "status_form_at",
    "stream",
    "transcript",
]

BEGUN = datetime(2026, 3, 26, 8, 15, tzinfo=UTC)
"""When every made-up call begins; seconds count from here."""

FROM, TO = "+14155550100", "+13605550142"
Form = dict[str, str]


def at(second: int) -> datetime:
    """Return an instant of a call."""
    return BEGUN + timedelta(seconds=second)


def status_form_at(sid: str, status: str, sequence: int, second: int, **more: str) -> Form:
    """Return a status callback's form."""
    form = {
        "CallSid": sid,
        "AccountSid": "AC" + "0" * 32,
        "Direction": "outbound-api",
        "From": FROM,
        "To": TO,
        "ToCity": "",
        "CallStatus": status,
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(sequence),
        "Timestamp": at(second).strftime("%a, %d %b %Y %H:%M:%S +0000"),
    }
    return form | more


def amd_form(sid: str, answered_by: str) -> Form:
    """Return an asynchronous AMD verdict's form: it has no time."""
    return {
        "CallSid": sid,
        "AccountSid": "AC" + "0" * 32,
        "AnsweredBy": answered_by,
        "MachineDetectionDuration": "5120",
    }


def recording_form(sid: str, seconds: int) -> Form:
    """Return a recording callback's form."""
    return {
        "CallSid": sid,
        "RecordingSid": "RE" + sid[2:],
        "RecordingUrl": f"https://api.twilio.com/Recordings/RE{sid[2:]}",
        "RecordingStatus": "completed",
        "RecordingDuration": str(seconds),
    }


def callback(form: Mapping[str, str], query: str = "", received: int = 0) -> KeptWebhook:
    """Return a callback as it came."""
    return KeptWebhook(CALL_STATUS, query, urlencode(form).encode(), at(received))


def event(event_id: str, form: Mapping[str, str], query: str = "") -> dict[str, Any]:
    """Return Event Streams' copy of a callback."""
    kind = "call.completed" if "CallStatus" in form else "amd.detected"
    return {
        "specversion": "1.0",
        "type": f"com.twilio.voice.status-callback.{kind}",
        "source": form["CallSid"],
        "id": event_id,
        "data": {
            "request": {
                "method": "POST",
                "url": "https://calls.example.com/status" + (f"?{query}" if query else ""),
                "parameters": dict(form),
            }
        },
    }


def stream(events: Sequence[Mapping[str, Any]], received: int = 0) -> KeptWebhook:
    """Return one delivery of Event Streams."""
    return KeptWebhook(TWILIO_EVENTS, "", json.dumps(events).encode(), at(received))


def _elevenlabs(kind: str, second: int, data: Mapping[str, Any]) -> KeptWebhook:
    body = {"type": kind, "event_timestamp": int(at(second).timestamp()), "data": data}
    return KeptWebhook(ELEVENLABS, "", json.dumps(body).encode(), at(second))


def transcript(
    conversation_id: str,
    second: int,
    *,
    sid: str | None = None,
    variables: Mapping[str, str] | None = None,
    analysis: Mapping[str, Any] | None = None,
    **data: Any,
) -> KeptWebhook:
    """Return a transcription event; `sid` is where ElevenLabs tells Twilio's call SID."""
    phone = {"type": "twilio", "direction": "outbound", "agent_number": FROM}
    phone |= {"external_number": TO, "call_result": "answered"}
    if sid is not None:
        phone["call_sid"] = sid
    said: dict[str, Any] = {
        "agent_id": "agent_1",
        "agent_name": "Renewals",
        "conversation_id": conversation_id,
        "status": "done",
        "transcript": [{"role": "agent", "message": "Hi"}, {"role": "user", "message": "$gt"}],
        "metadata": {
            "start_time_unix_secs": int(at(9).timestamp()),
            "accepted_time_unix_secs": int(at(9).timestamp()),
            "call_duration_secs": 45,
            "cost": 318,
            "cost_fiat": 0.0641,
            "phone_call": phone,
        },
        "analysis": analysis,
        "conversation_initiation_client_data": {"dynamic_variables": dict(variables or {})},
    }
    return _elevenlabs("post_call_transcription", second, said | data)


def audio(conversation_id: str, second: int, encoded: str = "SUQzBAAAAAAAAGNh") -> KeptWebhook:
    """Return an audio event as it is kept: it names its conversation only."""
    said = {"agent_id": "agent_1", "conversation_id": conversation_id, "full_audio": encoded}
    kept = _elevenlabs("post_call_audio", second, said)
    return KeptWebhook(kept.path, kept.query, without_audio(kept.body), kept.received_at)


def failure(
    conversation_id: str, second: int, reason: str, forwarded: Mapping[str, str]
) -> KeptWebhook:
    """Return the report of a call that never began, Twilio's callback inside."""
    metadata = {"type": "twilio", "body": dict(forwarded)}
    said = {"conversation_id": conversation_id, "failure_reason": reason, "metadata": metadata}
    return _elevenlabs("call_initiation_failure", second, {"agent_id": "agent_1", **said})


def initiation(sid: str, received: int) -> KeptWebhook:
    """Return a personalization request."""
    body = {"caller_id": TO, "agent_id": "agent_1", "called_number": FROM, "call_sid": sid}
    return KeptWebhook(INITIATION, "", json.dumps(body).encode(), at(received))


def entries_of(kept: KeptWebhook) -> list[InboxEntry]:
    """Return what a request means, as the acceptors understand it."""
    if kept.path != TWILIO_EVENTS:
        return [understand(kept)]
    return [
        understand(
            KeptWebhook(kept.path, kept.query, event.body, kept.received_at),
            event_key=event.event_key,
        )
        for event in split_events(kept.body)
    ]
