"""What one call counts for: each counter it moves, and how far.

Everything is a whole number, so that adding and taking back end where they began: seconds,
calls, and millionths of a currency. Definitions: product.md section 3.
"""

from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, TypeGuard

from callboard.domain.calls import STATUS_RANK

__all__ = [
    "BUCKET_NAMES",
    "DIRECTIONS",
    "OUTCOMES",
    "UNKNOWN",
    "bucket_name",
    "counters",
    "left_the_queue",
    "whole_seconds",
]

UNKNOWN = "unknown"
OUTCOMES = (
    "human",
    "voicemail",
    "answered_unknown",
    "no_answer",
    "busy",
    "failed",
    "canceled",
    "unconfirmed",
)
DIRECTIONS = ("inbound", "outbound")
BUCKET_NAMES = ("0-10", "10-30", "30-60", "60-120", "120-180", "180+")
_EDGES_S = (10, 30, 60, 120, 180)
_ANSWERED = frozenset({"in-progress", "completed"})
_MICROS = 1_000_000
_AMOUNT_MAX = 1_000_000_000
_SECONDS_MAX = 1 << 31
_SIP_CODES = range(100, 700)
_CURRENCY_LENGTH = 3


def counters(call: Mapping[str, Any], hour: int) -> dict[str, int]:
    """Return the counters one call moves, each with how far.

    `contact.*` counts *attempts* only: calls we placed that left the queue. So do `attemptsByHour`
    and `humanByHour`, which are its `attempts` and `human` by the hour in which the call began.
    """
    status = _one_of(STATUS_RANK, call.get("status"))
    direction = _one_of(DIRECTIONS, call.get("direction"))
    outcome = _one_of(OUTCOMES, call.get("outcome"))
    moved = {
        "callVolume.total": 1,
        _HOUR_PATHS[hour]: 1,
        _STATUS_PATHS[status]: 1,
        _DIRECTION_PATHS[direction]: 1,
    }
    lasted_s = whole_seconds(call.get("duration"))
    if lasted_s is not None:
        moved["duration.total"] = lasted_s
        if status == "completed":
            # Unanswered calls report 0 s: they are no talk to be averaged over.
            moved["duration.count"] = 1
            moved[_DURATION_PATHS[_bucket_of(lasted_s)]] = 1
    if outcome != UNKNOWN:
        moved[f"outcomes.{outcome}"] = 1
    if direction != "inbound" and left_the_queue(call):
        moved[_ATTEMPT_PATHS[hour]] = 1
        _count_attempt(call, status, outcome, moved)
        if outcome == "human":
            moved[_HUMAN_PATHS[hour]] = 1
    if status == "failed":
        moved["failures.total"] = 1
        moved[f"failures.bySipCode.{_sip_code(call)}"] = 1
    _count_conversation(call, moved)
    _count_price(call, moved)
    return moved


def _count_attempt(
    call: Mapping[str, Any], status: str, outcome: str, moved: dict[str, int]
) -> None:
    """Add what became of a call that we placed."""
    moved["contact.attempts"] = 1
    if status in _ANSWERED or call.get("answerTime") is not None:
        moved["contact.answered"] = 1
    if outcome in ("human", "voicemail"):
        moved[f"contact.{outcome}"] = 1


def _count_conversation(call: Mapping[str, Any], moved: dict[str, int]) -> None:
    """Add how ElevenLabs judged the conversation, and what it asks for it."""
    success = call.get("success")
    if isinstance(success, bool):
        moved["evaluation.success" if success else "evaluation.failure"] = 1
    said = _section(_section(call, "elevenlabs"), "conversation")
    if not said:
        return
    if not isinstance(success, bool) and said.get("callSuccessful") == UNKNOWN:
        moved["evaluation.unknown"] = 1
    for name, currency in (("cost", "credits"), ("costUsd", "USD")):
        if micros := _micros(said.get(name)):
            moved[f"cost.elevenlabs.{currency}"] = micros


def _count_price(call: Mapping[str, Any], moved: dict[str, int]) -> None:
    """Add Twilio's price, which is negative: what is taken from the account."""
    twilio = _section(call, "twilio")
    if twilio.get("price") is None:
        return
    currency, micros = twilio.get("priceUnit"), _micros(twilio["price"])
    if micros and _is_currency(currency):
        moved[f"cost.twilio.{currency}"] = abs(micros)


def _section(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = said.get(name)
    # `dict` is what drivers return; asking for a Mapping costs ten times as much.
    return value if isinstance(value, dict) else _NOTHING


_NOTHING: Mapping[str, Any] = {}


def left_the_queue(call: Mapping[str, Any]) -> bool:
    """Tell a call that was placed: neither queued now, nor given up while it was."""
    status = call.get("status")
    if status == "unconfirmed":
        return _section(_section(call, "watch"), "closed").get("was") != "queued"
    return bool(status != "queued")


def whole_seconds(value: Any) -> int | None:
    """Return a duration that can be added and taken back; None for what is none."""
    return int(value) if _is_number(value) and 0 <= value < _SECONDS_MAX else None


def bucket_name(lasted_s: int) -> str:
    """Return the bucket a duration falls into.

    >>> bucket_name(9), bucket_name(10), bucket_name(4_000)
    ('0-10', '10-30', '180+')
    """
    return BUCKET_NAMES[_bucket_of(lasted_s)]


def _bucket_of(lasted_s: int) -> int:
    """Return the number of the bucket a duration falls into; lower bounds belong to it."""
    return sum(lasted_s >= edge_s for edge_s in _EDGES_S)


_HOUR_PATHS = [f"callVolume.byHour.{hour}" for hour in range(24)]
_ATTEMPT_PATHS = [f"callVolume.attemptsByHour.{hour}" for hour in range(24)]
_HUMAN_PATHS = [f"callVolume.humanByHour.{hour}" for hour in range(24)]
_STATUS_PATHS = {name: f"callVolume.byStatus.{name}" for name in (*STATUS_RANK, UNKNOWN)}
_DIRECTION_PATHS = {name: f"callVolume.byDirection.{name}" for name in (*DIRECTIONS, UNKNOWN)}
_DURATION_PATHS = [f"duration.buckets.{name}" for name in BUCKET_NAMES]


def _sip_code(call: Mapping[str, Any]) -> str:
    code = _section(call, "twilio").get("sipResponseCode")
    return str(code) if isinstance(code, int) and code in _SIP_CODES else UNKNOWN


def _is_currency(value: Any) -> TypeGuard[str]:
    """Tell an ISO 4217 code; anything else could be any number of counters."""
    return (
        isinstance(value, str)
        and len(value) == _CURRENCY_LENGTH
        and value.isascii()
        and value.isalpha()
        and value.isupper()
    )


def _micros(value: Any) -> int:
    """Return an amount in millionths; 0 for what is none."""
    if isinstance(value, str):
        try:
            value = float(Decimal(value))
        except (InvalidOperation, OverflowError, ValueError):
            return 0
    if not _is_number(value) or abs(value) >= _AMOUNT_MAX:
        return 0
    return round(value * _MICROS)


def _one_of(known: Collection[str], value: Any) -> str:
    """Return a word we count by; anything other programs may have stored is `unknown`."""
    return value if isinstance(value, str) and value in known else UNKNOWN


def _is_number(value: Any) -> TypeGuard[float]:
    """Tell a finite number; NaN and infinity cannot be added and taken back."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
