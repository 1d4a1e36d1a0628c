"""What is shown of a call, derived from its leaves inside MongoDB: one rule for each field.

Twilio's word, else ElevenLabs'; while neither has told the end, the stale-call watch's, unless
something newer was heard (docs/adr/0017). A fact derives anew only what its own leaves can
change; Twilio's facts, of which there are most, may then name the leaf itself.
"""

from typing import Any

from callboard.domain.calls import TERMINAL_STATUSES, UNCONFIRMED
from callboard.domain.lattice import TERMINAL_VERSION, CallFact

__all__ = ["DERIVE_ALL", "Expression", "derived", "derived_shortly", "may_reopen"]

Expression = Any

# What stands in a shown field that no leaf tells, if the watch put it there: another's word.
_THEIRS: dict[str, Expression] = {
    "status": {
        "$cond": [
            {"$eq": [{"$ifNull": ["$status", UNCONFIRMED]}, UNCONFIRMED]},
            "$watch.closed.was",
            "$status",
        ]
    },
    "outcome": {"$cond": [{"$eq": ["$outcome", UNCONFIRMED]}, "$$REMOVE", "$outcome"]},
    "endTime": {"$cond": [{"$eq": ["$endTime", "$watch.closed.v"]}, "$$REMOVE", "$endTime"]},
}


def _else(shown: str) -> Expression:
    """Return what a field is when no leaf tells it: what another program wrote.

    But not once ElevenLabs has told of the call: what stands there may then follow from a
    conversation that a newer one has replaced.
    """
    told = [f"$elevenlabs.{kind}" for kind in ("conversation", "failure", "request")]
    return {"$cond": [{"$or": told}, "$$REMOVE", _THEIRS.get(shown, f"${shown}")]}


def _said(*leaves: str, shown: str) -> Expression:
    """Return the first leaf that says something."""
    return {"$ifNull": [*(f"${leaf}" for leaf in leaves), _else(shown)]}


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
_VENDORS_OUTCOME: Expression = {
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
# What the vendors say, as if nobody had given the call up.
_WORD: Expression = _said(
    "twilio.state.s",
    "elevenlabs.failure.status",
    "elevenlabs.conversation.callStatus",
    "elevenlabs.request.status",
    shown="status",
)
_ELEVENLABS_WORD: Expression = {
    "$ifNull": ["$elevenlabs.failure.status", "$elevenlabs.conversation.callStatus"]
}
_ENDS = sorted(TERMINAL_STATUSES - {UNCONFIRMED})
_NEWS = {
    "$max": [
        "$updatedAt",
        "$elevenlabs.requestedAt",
        "$elevenlabs.conversation.startTime",
        *(f"$twilio.seen.{status}" for status in ("queued", "initiated", "ringing")),
        "$twilio.seen.in-progress",
    ]
}
"""When the call was last heard of, by the leaves: never later than `domain.calls.last_news`, or
what the watch closes would be open. With any other status of Twilio's the call has ended."""
_NO_END: Expression = {"$not": [{"$in": [_WORD, _ENDS]}]}
_ELEVENLABS_END: Expression = {"$in": [_ELEVENLABS_WORD, _ENDS]}
_UNCONFIRMED: Expression = {
    # MongoDB looks no further than the first that does not hold.
    "$and": [
        "$watch.closed",
        _NO_END,
        {"$not": [_ELEVENLABS_END]},
        {"$gte": ["$watch.closed.v", _NEWS]},
    ]
}
_STATUS: Expression = {
    "$switch": {
        "branches": [
            {"case": _UNCONFIRMED, "then": UNCONFIRMED},
            {
                # Twilio's word is not waited for any more.
                "case": {"$and": ["$watch.closed", _NO_END, _ELEVENLABS_END]},
                "then": _ELEVENLABS_WORD,
            },
        ],
        "default": _WORD,
    }
}
_OUTCOME: Expression = {"$cond": [_UNCONFIRMED, UNCONFIRMED, _VENDORS_OUTCOME]}
_END: Expression = {
    "$cond": [
        _UNCONFIRMED,
        "$watch.closed.v",
        _said(
            "twilio.endedAt",
            "elevenlabs.conversation.endTime",
            "elevenlabs.failure.at",
            shown="endTime",
        ),
    ]
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
    "twilio.answered": {"answeredBy": "$twilio.answered.s", "outcome": _VENDORS_OUTCOME},
    "twilio.direction": {"direction": "$twilio.direction"},
    "twilio.from": {"from": "$twilio.from"},
    "twilio.to": {"to": "$twilio.to"},
    "context.agentId": {"agentId": "$context.agentId"},
    "context.agentName": {"agentName": "$context.agentName"},
}


def _vendors(name: str) -> Expression:
    """Return the rule of a field that every kind of ElevenLabs event may tell."""
    kinds = ("failure", "conversation", "request")
    return _said(f"twilio.{name}", *(f"elevenlabs.{kind}.{name}" for kind in kinds), shown=name)


DERIVE_ALL: dict[str, Expression] = {
    "status": _STATUS,
    "direction": _vendors("direction"),
    "from": _vendors("from"),
    "to": _vendors("to"),
    "startTime": _START,
    "answerTime": _said(
        "twilio.seen.in-progress", "elevenlabs.conversation.answerTime", shown="answerTime"
    ),
    "endTime": _END,
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

_WATCHED = ("status", "outcome", "endTime")
"""Shown fields that the watch may have told; any news may take them back."""
_MAY_REOPEN = frozenset({"updatedAt", "twilio.state", "twilio.answered"})
"""Leaves that are news, or that say something of the outcome."""


def may_reopen(fact: CallFact) -> bool:
    """Tell whether a fact of Twilio's may show that a call goes on which the watch has closed.

    Not if it tells the end: that settles what is shown.
    """
    if not fact.is_twilios_alone or "twilio.endedAt" in fact.least:
        return False
    return not _MAY_REOPEN.isdisjoint(fact.most)


def derived(fact: CallFact) -> dict[str, Expression]:
    """Return the shown fields that a fact's leaves can change."""
    found = derived_shortly(fact)
    if may_reopen(fact):
        for name in _WATCHED:
            short = found.get(name, f"${name}")
            found[name] = {"$cond": ["$watch.closed", DERIVE_ALL[name], short]}
    return found


def derived_shortly(fact: CallFact) -> dict[str, Expression]:
    """Return the shown fields that a fact's leaves can change, if the watch has not closed it."""
    if not fact.is_twilios_alone:
        return dict(DERIVE_ALL)
    found: dict[str, Expression] = {}
    for paths in (fact.most, fact.least):
        for path in paths:
            found.update(_BY_TWILIO.get(path, ()))
    if "twilio.endedAt" in fact.least:
        found["outcome"] = _ENDED_OUTCOME
    return found
