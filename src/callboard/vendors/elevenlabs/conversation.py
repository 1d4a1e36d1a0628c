"""What a call keeps of a conversation: who, how long, how it went, what it cost."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

__all__ = ["conversation", "instant", "section", "text"]

_TEXT_LENGTH_MAX = 4_000
_ID_LENGTH_MAX = 200
_ITEMS_MAX = 50
_SECONDS_MAX = 1 << 31

# Twilio's words for ElevenLabs' (vendors.md 3.2), when Twilio itself says nothing.
_STATUS_BY_RESULT = {
    "answered": "completed",
    "voicemail": "completed",
    "busy": "busy",
    "no_answer": "no-answer",
    "no-answer": "no-answer",
    "failed": "failed",
    "canceled": "canceled",
    "cancelled": "canceled",
}
_STATUS_BY_CONVERSATION = {
    "initiated": "initiated",
    "in-progress": "in-progress",
    "in_progress": "in-progress",
    "processing": "completed",
    "done": "completed",
    "failed": "failed",
}
_SUCCESS = {"success": True, "failure": False}


def section(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object inside an object, empty when it is none."""
    value = said.get(name)
    return value if isinstance(value, Mapping) else {}


def text(said: Mapping[str, Any], name: str) -> str | None:
    """Return a text, cut to what a record needs; None when it is empty or no text."""
    value = said.get(name)
    return value[:_TEXT_LENGTH_MAX] if isinstance(value, str) and value else None


def instant(seconds: Any) -> datetime | None:
    """Return Unix seconds as an instant; None for zero and for what is no sane number."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return None
    return datetime.fromtimestamp(int(seconds), UTC) if 0 < seconds < 1 << 35 else None


def conversation(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the leaves of one conversation, without those that are unknown."""
    metadata, analysis = section(data, "metadata"), section(data, "analysis")
    found = {
        "status": text(data, "status"),
        **_call(data, metadata),
        **_money(metadata),
        **_verdict(analysis),
        **_talk(data, metadata),
        "agentName": text(data, "agent_name"),
        "userId": text(data, "user_id"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _call(data: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the conversation seen as a phone call, in Twilio's words."""
    phone, features = section(metadata, "phone_call"), section(metadata, "features_usage")
    result = text(phone, "call_result")
    status = _STATUS_BY_RESULT.get(result or "") or _STATUS_BY_CONVERSATION.get(
        text(data, "status") or ""
    )
    voicemail = (
        result == "voicemail" or section(features, "voicemail_detection").get("used") is True
    )
    begun = _whole(metadata.get("start_time_unix_secs"))
    duration_s = _whole(metadata.get("call_duration_secs"))
    accepted = _whole(metadata.get("accepted_time_unix_secs"))
    answered = status in ("completed", "in-progress")
    return {
        "callStatus": status,
        "outcome": _outcome(status, voicemail=voicemail),
        "voicemail": voicemail or None,
        "callResult": result,
        "startTime": instant(begun),
        "answerTime": instant(accepted) if answered else None,
        "endTime": instant(begun + (duration_s or 0))
        if begun and status != "in-progress"
        else None,
        "durationSecs": duration_s,
        "queueWaitSecs": _whole(metadata.get("queue_wait_secs")),
        "transferred": section(features, "transfer_to_number").get("used") is True or None,
        **_numbers(phone),
    }


def _outcome(status: str | None, *, voicemail: bool) -> str | None:
    """Return product.md 3.2's outcome as far as ElevenLabs alone can tell it."""
    if status == "completed":
        return "voicemail" if voicemail else "answered_unknown"
    if status in ("busy", "failed", "canceled", "no-answer"):
        return status.replace("-", "_")
    return None


def _numbers(phone: Mapping[str, Any]) -> dict[str, Any]:
    """Return direction and numbers; `external_number` is the customer both ways."""
    direction = text(phone, "direction")
    if direction not in ("inbound", "outbound"):
        return {"via": text(phone, "type")}
    agent, customer = _e164(text(phone, "agent_number")), _e164(text(phone, "external_number"))
    inbound = direction == "inbound"
    return {
        "via": text(phone, "type"),
        "direction": direction,
        "from": customer if inbound else agent,
        "to": agent if inbound else customer,
    }


def _e164(number: str | None) -> str | None:
    """Return a number without the spaces and signs that people write into it."""
    if number is None or not number.startswith("+"):
        return number
    return "+" + "".join(character for character in number if character.isdigit())


def _money(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return credits and dollars, apart: they are not to be summed."""
    charging = section(metadata, "charging")
    return {
        "cost": _amount(metadata.get("cost")),
        "costUsd": _amount(metadata.get("cost_fiat")),
        "llmUsd": _amount(charging.get("llm_price")),
        "isBurst": charging.get("is_burst") is True or None,
    }


def _verdict(analysis: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the analysis judged the conversation."""
    said = text(analysis, "call_successful")
    criteria = section(analysis, "evaluation_criteria_results")
    collected = section(analysis, "data_collection_results")
    return {
        "callSuccessful": said,
        "success": _SUCCESS.get(said or ""),
        "summary": text(analysis, "transcript_summary"),
        "title": text(analysis, "call_summary_title"),
        "criteria": [
            {"id": name[:_ID_LENGTH_MAX], **_texts(found, "result", "rationale")}
            for name, found in list(criteria.items())[:_ITEMS_MAX]
            if isinstance(found, Mapping)
        ]
        or None,
        # Values are of any JSON type, and may hold names MongoDB refuses: kept as JSON text.
        "collected": [
            {"id": name[:_ID_LENGTH_MAX], "value": _as_json(found.get("value"))}
            for name, found in list(collected.items())[:_ITEMS_MAX]
            if isinstance(found, Mapping)
        ]
        or None,
    }


def _texts(said: Mapping[str, Any], *names: str) -> dict[str, str]:
    """Return the texts among these fields."""
    return {name: value for name in names if (value := text(said, name)) is not None}


def _as_json(value: Any) -> str:
    """Return a value of any JSON type as text, empty where it is nested too deeply to write."""
    try:
        return orjson.dumps(value).decode()[:_TEXT_LENGTH_MAX]
    except orjson.JSONEncodeError:
        return ""


def _talk(data: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was said about the talk itself; the turns stay in the inbox."""
    turns = data.get("transcript")
    spoken = (
        [turn for turn in turns if isinstance(turn, Mapping)] if isinstance(turns, list) else None
    )
    error, batch = section(metadata, "error"), section(metadata, "batch_call")
    return {
        "turns": len(spoken) if spoken is not None else None,
        "userTurns": sum(turn.get("role") == "user" for turn in spoken)
        if spoken is not None
        else None,
        "terminationReason": text(metadata, "termination_reason"),
        "errorCode": _whole(error.get("code")),
        "errorReason": text(error, "reason"),
        "language": text(metadata, "main_language"),
        "source": text(metadata, "conversation_initiation_source"),
        "batchCallId": text(batch, "batch_call_id"),
        "batchRecipientId": text(batch, "batch_call_recipient_id"),
    }


def _whole(value: Any) -> int | None:
    """Return a whole, not negative number that MongoDB can hold."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 <= value < _SECONDS_MAX * 8 else None


def _amount(value: Any) -> float | int | None:
    """Return an amount; a whole one as a whole number, so that 70.0 and 70 are equal."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e15:  # noqa: PLR2004  (exact in a double)
        return None
    return int(value) if value == int(value) else value
