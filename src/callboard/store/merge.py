"""How a fact merges into its call document: one statement MongoDB executes by itself.

Stage one merges the fact's leaves (`callboard.domain.lattice`). Stage two derives the shown
fields from the leaves, each by one rule: Twilio's word, else ElevenLabs'.
A fact derives anew only what its own leaves can change; Twilio's facts, of which there are most,
may then name the leaf itself. Whoever reads the collection, with whatever tool, reads plain
`status` and `outcome` (docs/adr/0004).

Nothing from outside is ever read as an expression: a contact may be called "$gt".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from callboard.domain.lattice import TERMINAL_VERSION, CallFact

__all__ = ["DERIVE_ALL", "Shape", "group_statement", "shape", "update_statement"]

Expression = Any


def _else(shown: str) -> Expression:
    """Return what a field is when no leaf tells it: what another program wrote.

    But not once ElevenLabs has told of the call: what stands there may then follow from a
    conversation that a newer one has replaced.
    """
    told = [f"$elevenlabs.{kind}" for kind in ("conversation", "failure", "request")]
    return {"$cond": [{"$or": told}, "$$REMOVE", f"${shown}"]}


_ENDED_OUTCOME: Expression = {
    # product.md 3.2: exactly one outcome, first match wins.
    "$ifNull": [
        "$twilio.state.o",
        {
            "$cond": [
                "$elevenlabs.conversation.voicemail",
                "voicemail",
                {"$ifNull": ["$twilio.answered.o", "answered_unknown"]},
            ]
        },
    ]
}
_OUTCOME: Expression = {
    "$switch": {
        "branches": [
            {
                "case": {"$gte": ["$twilio.state.v", TERMINAL_VERSION]},
                "then": _ENDED_OUTCOME,
            },
            {
                "case": {"$gt": ["$elevenlabs.failure.outcome", None]},
                "then": "$elevenlabs.failure.outcome",
            },
            {
                "case": {"$eq": ["$elevenlabs.conversation.outcome", "answered_unknown"]},
                "then": {"$ifNull": ["$twilio.answered.o", "answered_unknown"]},
            },
        ],
        "default": {"$ifNull": ["$elevenlabs.conversation.outcome", _else("outcome")]},
    }
}
_START: Expression = {
    "$ifNull": [
        "$twilio.startedAt",
        "$elevenlabs.conversation.startTime",
        "$elevenlabs.requestedAt",
        "$twilio.reckonedAt",
        "$elevenlabs.failure.at",
        _else("startTime"),
    ]
}

# Shown fields that a Twilio leaf settles alone: once the leaf is there it is Twilio's word.
_BY_TWILIO: dict[str, dict[str, Expression]] = {
    "twilio.state": {"status": "$twilio.state.s"},
    "twilio.startedAt": {"startTime": "$twilio.startedAt"},
    "twilio.reckonedAt": {"startTime": _START},
    "twilio.seen.in-progress": {"answerTime": "$twilio.seen.in-progress"},
    "twilio.endedAt": {"endTime": "$twilio.endedAt", "outcome": _ENDED_OUTCOME},
    "twilio.callDuration": {"duration": "$twilio.callDuration"},
    "twilio.answered": {"answeredBy": "$twilio.answered.s", "outcome": _OUTCOME},
    "twilio.direction": {"direction": "$twilio.direction"},
    "twilio.from": {"from": "$twilio.from"},
    "twilio.to": {"to": "$twilio.to"},
    "context.agentId": {"agentId": "$context.agentId"},
    "context.agentName": {"agentName": "$context.agentName"},
}


def _said(*leaves: str, shown: str) -> Expression:
    """Return the first leaf that says something."""
    return {"$ifNull": [*(f"${leaf}" for leaf in leaves), _else(shown)]}


def _vendors(name: str) -> Expression:
    """Return the rule of a field that every kind of ElevenLabs event may tell."""
    kinds = ("failure", "conversation", "request")
    return _said(f"twilio.{name}", *(f"elevenlabs.{kind}.{name}" for kind in kinds), shown=name)


DERIVE_ALL: dict[str, Expression] = {
    "status": _said(
        "twilio.state.s",
        "elevenlabs.failure.status",
        "elevenlabs.conversation.callStatus",
        "elevenlabs.request.status",
        shown="status",
    ),
    "direction": _vendors("direction"),
    "from": _vendors("from"),
    "to": _vendors("to"),
    "startTime": _START,
    "answerTime": _said(
        "twilio.seen.in-progress", "elevenlabs.conversation.answerTime", shown="answerTime"
    ),
    "endTime": _said(
        "twilio.endedAt",
        "elevenlabs.conversation.endTime",
        "elevenlabs.failure.at",
        shown="endTime",
    ),
    "duration": _said(
        "twilio.callDuration", "elevenlabs.conversation.durationSecs", shown="duration"
    ),
    "agentId": _said("context.agentId", "elevenlabs.agentId", shown="agentId"),
    "agentName": _said(
        "context.agentName", "elevenlabs.conversation.agentName", shown="agentName"
    ),
    "answeredBy": _said("twilio.answered.s", shown="answeredBy"),
    "outcome": _OUTCOME,
    "success": _said("elevenlabs.conversation.success", shown="success"),
    "cost": _said("elevenlabs.conversation.cost", shown="cost"),
    "conversationId": _said("elevenlabs.conversationId", shown="conversationId"),
}
"""Every shown field that is derived, by its whole rule: once ElevenLabs has spoken, all follow
from the leaves alone."""


def update_statement(fact: CallFact) -> dict[str, Any]:
    """Return the member of an `update` command's `updates` that merges this fact.

    The filter is the call's key as `_id`, so that two first webhooks cannot make two calls.
    """
    merged: dict[str, Any] = {"sid": _literal(fact.key)}
    if fact.orphan:
        merged["orphan"] = True
    for path, value in fact.most.items():
        # MongoDB's `$max` and `$min` ignore the missing.
        merged[path] = {"$max": [f"${path}", _literal(value)]}
    for path, value in fact.least.items():
        merged[path] = {"$min": [f"${path}", _literal(value)]}
    stages: list[dict[str, Any]] = [{"$set": merged}]
    if derived := _derived(fact):
        stages.append({"$set": derived})
    return {"q": {"_id": fact.key}, "u": stages, "upsert": True}


Shape = tuple[str, ...]


def shape(fact: CallFact) -> Shape | None:
    """Return which leaves a fact has; facts of one shape merge by one statement.

    None for facts that are merged alone: ElevenLabs', of which there are few.
    """
    if fact.speaks_for_elevenlabs:
        return None
    return (*fact.most, "", *fact.least)


def group_statement(facts: Sequence[CallFact]) -> dict[str, Any]:
    """Return one statement that merges facts of one shape into as many calls that exist.

    It does what `update_statement` does for each, and creates nothing. MongoDB reads and plans
    a statement once, which is half of what a single one costs.
    """
    first = facts[0]
    names = {path: number for number, path in enumerate((*first.most, *first.least))}
    said = {path: {"$arrayElemAt": ["$_said", number]} for path, number in names.items()}
    merged: dict[str, Any] = {"sid": "$_id"}
    for path in first.most:
        merged[path] = {"$max": [f"${path}", said[path]]}
    for path in first.least:
        merged[path] = {"$min": [f"${path}", said[path]]}
    keys = [fact.key for fact in facts]
    values = [[*fact.most.values(), *fact.least.values()] for fact in facts]
    which = {"$indexOfArray": [{"$literal": keys}, "$_id"]}
    stages: list[dict[str, Any]] = [
        {"$set": {"_said": {"$arrayElemAt": [{"$literal": values}, which]}}},
        {"$set": merged},
        {"$set": {**_derived(first), "_said": "$$REMOVE"}},
    ]
    return {"q": {"_id": {"$in": keys}}, "u": stages, "multi": True}


def _derived(fact: CallFact) -> dict[str, Expression]:
    """Return the shown fields that a fact's leaves can change."""
    if fact.speaks_for_elevenlabs:
        return DERIVE_ALL
    derived: dict[str, Expression] = {}
    for paths in (fact.most, fact.least):
        for path in paths:
            derived.update(_BY_TWILIO.get(path, ()))
    if "twilio.endedAt" in fact.least:
        derived["outcome"] = _ENDED_OUTCOME
    return derived


def _literal(value: Any) -> Any:
    """Guard a value that MongoDB might read as an expression; all else is one already."""
    if isinstance(value, str):
        return {"$literal": value} if value.startswith("$") else value
    return {"$literal": value} if isinstance(value, (Mapping, list)) else value
