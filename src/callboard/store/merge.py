"""How a fact merges into its call document: one statement MongoDB executes by itself.

Every stored fact merges by maximum, minimum or set-once-by-maximum, all of them commutative,
associative and idempotent, so that the order and repetition of webhooks do not matter. The
shown fields (`status`, `outcome`, …) are derived from the facts in the same statement: whoever
reads the collection, with whatever tool, reads what the board shows (docs/adr/0004).

A `$literal` stands around every value from outside: a contact may be called "$gt".
"""

from typing import Any

from callboard.domain.calls import STATUS_RANK, TERMINAL_STATUSES, CallFact

__all__ = ["update_statement"]

_RANK_STEP = 1_000_000
"""Room for sequence numbers inside one rank; Twilio sends single digits."""

# A later verdict of lower rank never hides a better one: "unknown" says least.
_ANSWERED_RANK = {"unknown": 0, "human": 1}
_MACHINE_RANK = 2

_CONTEXT_FIELDS = (
    ("campaignId", "campaign_id"),
    ("contactId", "contact_id"),
    ("contactName", "contact_name"),
    ("agentId", "agent_id"),
    ("agentName", "agent_name"),
)

_OUTCOMES_BY_STATUS = (
    ("canceled", "canceled"),
    ("failed", "failed"),
    ("busy", "busy"),
    ("no-answer", "no_answer"),
)

_OUTCOME: dict[str, Any] = {
    # product.md 3.2: exactly one outcome, first match wins; none while the call goes on.
    "$switch": {
        "branches": [
            *(
                {"case": {"$eq": ["$twilio.state.s", status]}, "then": outcome}
                for status, outcome in _OUTCOMES_BY_STATUS
            ),
            {"case": {"$ne": ["$twilio.state.s", "completed"]}, "then": "$$REMOVE"},
            {"case": {"$eq": ["$twilio.answered.v", _MACHINE_RANK]}, "then": "voicemail"},
            {"case": {"$eq": ["$twilio.answered.v", 1]}, "then": "human"},
        ],
        "default": "answered_unknown",
    }
}

_DERIVED: dict[str, Any] = {
    "$set": {
        "status": {"$ifNull": ["$twilio.state.s", "$status"]},
        "answerTime": {"$ifNull": ["$twilio.seen.in-progress", "$answerTime"]},
        "endTime": {
            "$ifNull": [
                {"$max": [f"$twilio.seen.{status}" for status in sorted(TERMINAL_STATUSES)]},
                "$endTime",
            ]
        },
        "duration": {"$ifNull": ["$twilio.callDuration", "$duration"]},
        "answeredBy": {"$ifNull": ["$twilio.answered.s", "$answeredBy"]},
        "outcome": {"$cond": [{"$gt": ["$twilio.state", None]}, _OUTCOME, "$outcome"]},
    }
}


def update_statement(fact: CallFact) -> dict[str, Any]:
    """Return the member of an `update` command's `updates` that merges this fact.

    The filter is the call SID as `_id`, so that two first webhooks cannot make two calls.
    """
    merged: dict[str, Any] = {"sid": _literal(fact.call_sid)}
    if fact.dated:
        merged["updatedAt"] = _most("updatedAt", fact.at)
    if fact.dated or fact.status is not None:
        # The first arrival stands in for a start that nobody dated; a repetition comes later.
        merged["startTime"] = _least("startTime", fact.at)
    shown = {"direction": fact.direction, "from": fact.from_number, "to": fact.to_number}
    shown |= {stored: getattr(fact.context, name) for stored, name in _CONTEXT_FIELDS}
    for name, value in shown.items():
        if value is not None:
            merged[name] = _most(name, value)
    merged |= _twilio(fact)
    return {
        "q": {"_id": fact.call_sid},
        "u": [{"$set": merged}, _DERIVED],
        "upsert": True,
    }


def _twilio(fact: CallFact) -> dict[str, Any]:
    """Return the merges of Twilio's own sub-document."""
    merged: dict[str, Any] = {}
    if fact.status is not None:
        version = STATUS_RANK[fact.status] * _RANK_STEP + min(fact.sequence, _RANK_STEP - 1)
        # BSON compares embedded documents field by field: version first, then the name.
        merged["twilio.state"] = _most("twilio.state", {"v": version, "s": fact.status})
        seen = f"twilio.seen.{fact.status}"
        merged[seen] = _least(seen, fact.at)
    if fact.duration_s is not None:
        merged["twilio.callDuration"] = _most("twilio.callDuration", fact.duration_s)
    if fact.answered_by is not None:
        rank = _ANSWERED_RANK.get(fact.answered_by, _MACHINE_RANK)
        verdict = {"v": rank, "s": fact.answered_by}
        merged["twilio.answered"] = _most("twilio.answered", verdict)
    for name, value in fact.details.items():
        merged[f"twilio.{name}"] = _most(f"twilio.{name}", value)
    return merged


def _literal(value: Any) -> dict[str, Any]:
    return {"$literal": value}


def _most(path: str, value: Any) -> dict[str, Any]:
    """Keep the greatest ever said; MongoDB ignores the missing."""
    return {"$max": [f"${path}", _literal(value)]}


def _least(path: str, value: Any) -> dict[str, Any]:
    """Keep the least ever said; MongoDB ignores the missing."""
    return {"$min": [f"${path}", _literal(value)]}
