"""A call's timeline: the inbox' webhooks about it, understood anew and shown.

Store and ingest never import each other; this is where what was kept meets what it means.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from callboard.clock import isoformat_z
from callboard.domain.calls import call_key
from callboard.ingest.understand import understand
from callboard.store.inbox import Stored
from callboard.store.reads import Calls
from callboard.store.timeline import Timelines

__all__ = ["CallTimeline", "shown_event"]

Document = dict[str, Any]

_NAMES = {"state": "status", "answered": "answeredBy"}
_VERSION, _WORD = "v", "s"


class CallTimeline:
    """Reads the events of a call."""

    def __init__(self, calls: Calls, timelines: Timelines) -> None:
        self._calls = calls
        self._timelines = timelines

    async def of(self, sid: str) -> Document:
        """Return a call's events, oldest first.

        Raises:
            CallNotFound: there is no such call.
            StoreUnavailable: MongoDB does not answer.
        """
        call = await self._calls.one(sid)
        key, conversation = call_key(call), call.get("conversationId")
        known = conversation if isinstance(conversation, str) else None
        found = await self._timelines.of(key, known)
        events = [shown_event(stored) for stored in found]
        events.sort(key=lambda event: (event["at"], event["receivedAt"], event["eventKey"]))
        return {"sid": key, "events": events}


def shown_event(stored: Stored) -> Document:
    """Return one webhook as people read it.

    When several of a call's webhooks happened in one second, as Twilio counts, they stand in
    the order in which they came.
    """
    own_key = stored.event_key
    entry = understand(stored.kept, event_key=own_key)
    most = entry.fact.most if entry.fact is not None else {}
    received_at = stored.kept.received_at
    return {
        "at": isoformat_z(most.get("updatedAt", received_at)),
        "receivedAt": isoformat_z(received_at),
        "vendor": entry.vendor,
        "kind": entry.kind,
        "eventKey": own_key,
        "deliveries": stored.deliveries,
        "said": _said(most, entry.vendor),
        "problem": entry.problem,
    }


def _said(most: Mapping[str, Any], vendor: str) -> Document:
    """Return what a fact's leaves say, without the versions that order them."""
    said: Document = {}
    for path, value in most.items():
        name = path.removeprefix(f"{vendor}.").removeprefix("context.")
        if name != "updatedAt":
            said[_NAMES.get(name, name)] = _plain(value)
    return said


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return isoformat_z(value)
    if isinstance(value, Mapping):
        inner = {str(key): _plain(item) for key, item in value.items() if key != _VERSION}
        # A leaf of a version and a word is that word.
        return inner[_WORD] if _VERSION in value and _WORD in inner else inner
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
