"""A call's first webhook as a whole document, and which calls need none any more.

Making a whole document costs mongod half of a merge into nothing; most calls begin with a status
of Twilio's that nobody has heard of. If the call is there already, the merge decides.
"""

from collections import OrderedDict
from typing import Any

from callboard.domain.lattice import TERMINAL_VERSION, CallFact

__all__ = ["KnownCalls", "first_document", "first_statement"]

# Shown fields that follow a leaf in a call of which only this has been said.
_SHOWN = {
    "twilio.startedAt": "startTime",
    "twilio.seen.in-progress": "answerTime",
    "twilio.endedAt": "endTime",
    "twilio.callDuration": "duration",
    "twilio.direction": "direction",
    "twilio.from": "from",
    "twilio.to": "to",
    "context.agentId": "agentId",
    "context.agentName": "agentName",
}


class KnownCalls:
    """Remembers which calls MongoDB holds; a hint, and the oldest are forgotten."""

    def __init__(self, calls_max: int = 100_000) -> None:
        self._keys: OrderedDict[str, None] = OrderedDict()
        self._calls_max = calls_max

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def add(self, key: str) -> None:
        """Remember a call that was written."""
        self._keys[key] = None
        self._keys.move_to_end(key)
        if len(self._keys) > self._calls_max:
            self._keys.popitem(last=False)

    def discard(self, key: str) -> None:
        """Forget a call that was not there after all."""
        self._keys.pop(key, None)


def first_statement(fact: CallFact) -> dict[str, Any] | None:
    """Return an update that makes the call of a Twilio status, or finds it and does nothing."""
    document = first_document(fact)
    if document is None:
        return None
    del document["_id"]
    return {"q": {"_id": fact.key}, "u": {"$setOnInsert": document}, "upsert": True}


def first_document(fact: CallFact) -> dict[str, Any] | None:
    """Return the document that merging a Twilio status into nothing makes; None for others."""
    most, least = fact.most, fact.least
    state = most.get("twilio.state")
    if state is None or not fact.is_twilios_alone:
        return None
    document: dict[str, Any] = {"_id": fact.key, "sid": fact.key}
    for leaves in (most, least):
        for path, value in leaves.items():
            _put(document, path, value)
            if path in _SHOWN:
                document[_SHOWN[path]] = value
    document["status"] = state["s"]
    if "startTime" not in document and "twilio.reckonedAt" in least:
        document["startTime"] = least["twilio.reckonedAt"]
    verdict = most.get("twilio.answered", {})
    if verdict:
        document["answeredBy"] = verdict["s"]
    if state["v"] >= TERMINAL_VERSION:
        document["outcome"] = state.get("o") or verdict.get("o") or "answered_unknown"
    return document


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    *parents, leaf = path.split(".")
    for name in parents:
        document = document.setdefault(name, {})
    document[leaf] = value
