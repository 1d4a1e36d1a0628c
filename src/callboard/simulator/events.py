"""A drawn conversation as the event bodies ElevenLabs would send.

Fields and values follow the sample captures as far as people or callboard look at them.
"""

from base64 import b64encode
from datetime import datetime, timedelta
from typing import Any

import orjson

from callboard.simulator.conversations import Conversation, FailedAttempt
from callboard.simulator.forms import Pairs, call_query
from callboard.simulator.lifecycle import CallPlan, stamp

__all__ = ["elevenlabs_events"]

_USD_A_CREDIT = 0.0002
_FAILURE_REASONS = {"busy": "busy", "no-answer": "no-answer"}

_Json = dict[str, Any]


def elevenlabs_events(
    told: Conversation | FailedAttempt, end: Pairs, start_at: datetime
) -> tuple[tuple[float, bytes], ...]:
    """Return what ElevenLabs sends, each with its time in seconds since the scenario's start.

    `end` is the form of Twilio's terminal callback, which ElevenLabs passes on when an attempt
    failed. Times in the bodies count from `start_at`.
    """
    if isinstance(told, FailedAttempt):
        data = {
            "agent_id": told.plan.campaign.agent_id,
            "conversation_id": told.id,
            "failure_reason": _FAILURE_REASONS.get(told.plan.final_status, "unknown"),
            "metadata": {"type": "twilio", "body": dict(end)},
        }
        return (_event("call_initiation_failure", told.told_at_s, data, start_at),)
    audio = {
        "agent_id": told.plan.campaign.agent_id,
        "conversation_id": told.id,
        "full_audio": b64encode(told.audio).decode(),
    }
    transcription = _transcription(told, start_at)
    return (
        _event("post_call_transcription", told.analysed_at_s, transcription, start_at),
        _event("post_call_audio", told.recorded_at_s, audio, start_at),
    )


def _event(kind: str, at_s: float, data: _Json, start_at: datetime) -> tuple[float, bytes]:
    timestamp = int(stamp(start_at, at_s).timestamp())
    return at_s, orjson.dumps({"type": kind, "event_timestamp": timestamp, "data": data})


def _transcription(told: Conversation, start_at: datetime) -> _Json:
    """Return the `data` of a transcription."""
    plan, count = told.plan, len(told.turns)
    return {
        "agent_id": plan.campaign.agent_id,
        "agent_name": plan.campaign.agent_name,
        "conversation_id": told.id,
        "status": "done",
        "user_id": plan.contact.id if plan.recognised else None,
        "transcript": [
            {
                "role": turn.role,
                "message": turn.message,
                "tool_calls": [],
                "tool_results": [],
                "time_in_call_secs": told.duration_s * position // count,
                "interrupted": False,
                "source_medium": "audio" if turn.role == "user" else None,
            }
            for position, turn in enumerate(told.turns)
        ],
        "metadata": _metadata(told, start_at),
        "analysis": {
            "evaluation_criteria_results": {},
            "data_collection_results": {},
            "call_successful": told.verdict,
            "transcript_summary": told.summary,
            "call_summary_title": plan.campaign.name,
        },
        "conversation_initiation_client_data": {"dynamic_variables": _variables(told, start_at)},
        "has_audio": True,
        "has_user_audio": True,
        "has_response_audio": True,
    }


def _metadata(told: Conversation, start_at: datetime) -> _Json:
    begun = int(_begun_at(told, start_at).timestamp())
    cost = told.call_credits + told.llm_credits
    return {
        "start_time_unix_secs": begun,
        "accepted_time_unix_secs": begun,
        "call_duration_secs": told.duration_s,
        "queue_wait_secs": None,
        "cost": cost,
        "cost_fiat": round(cost * _USD_A_CREDIT, 4),
        "charging": {
            "dev_discount": False,
            "is_burst": False,
            "tier": "pro",
            "llm_price": round(told.llm_credits * _USD_A_CREDIT, 4),
            "llm_charge": told.llm_credits,
            "call_charge": told.call_credits,
        },
        "phone_call": _phone_call(told),
        "batch_call": None,
        "termination_reason": told.termination_reason,
        "error": None,
        "warnings": [],
        "main_language": "en",
        "text_only": False,
        "features_usage": {"voicemail_detection": {"enabled": True, "used": told.voicemail}},
        "conversation_initiation_source": "twilio",
        "timezone": "UTC",
    }


def _phone_call(told: Conversation) -> _Json:
    campaign = told.plan.campaign
    return {
        "type": "twilio",
        "direction": _direction(told.plan),
        "phone_number_id": f"phnum_{campaign.from_number.removeprefix('+')}",
        "agent_number": campaign.from_number,
        "external_number": told.plan.contact.number,
        "call_result": "voicemail" if told.voicemail else "answered",
        "stream_sid": told.stream_sid,
        "call_sid": told.plan.sid,
    }


def _variables(told: Conversation, start_at: datetime) -> _Json:
    """Return the dynamic variables: the vendor's own, and whom the call is for."""
    plan = told.plan
    return {
        "system__agent_id": plan.campaign.agent_id,
        "system__conversation_id": told.id,
        "system__caller_id": plan.from_number,
        "system__called_number": plan.to_number,
        "system__call_duration_secs": told.duration_s,
        "system__time_utc": _begun_at(told, start_at).isoformat(),
        "system__call_sid": plan.sid,
        **dict(call_query(plan)),
    }


def _begun_at(told: Conversation, start_at: datetime) -> datetime:
    """Return when the agent started, so that it ends when the call does."""
    return stamp(start_at, told.plan.ended_at_s) - timedelta(seconds=told.duration_s)


def _direction(plan: CallPlan) -> str:
    return "inbound" if plan.direction == "inbound" else "outbound"
