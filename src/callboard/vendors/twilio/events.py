"""Twilio Event Streams: CloudEvents, single or batched, that repeat a call's callbacks.

A `status-callback` event carries the form Twilio sent to the call's own callback URL, whoever
that belongs to (vendors.md 1.7). Delivery is at least once and unordered; the event's `id`
tells repetitions apart. https://www.twilio.com/docs/events/event-types/voice
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from callboard.domain.lattice import CallFact
from callboard.errors import MalformedPayload
from callboard.vendors.twilio.callbacks import parse_callback

__all__ = ["TwilioEvent", "parse_event", "split_events"]

_CALLBACK = re.compile(
    r"com\.twilio\.voice\.(webhook\.)?status-callback\.(call\.\w+|amd\.detected|recording\.processed)"
)
_ID_LENGTH_MAX = 128
_EVENTS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class TwilioEvent:
    """One CloudEvent of a delivery."""

    event_key: str
    """Made from the event's id: equal for every repetition of it; empty if it has none."""
    body: bytes
    """The event alone, as JSON."""
    problem: MalformedPayload | None = None
    """Why it is no event, if it is none; the others of its delivery are taken."""


def split_events(body: bytes) -> list[TwilioEvent]:
    """Return the events of a delivery, each once.

    Raises:
        MalformedPayload: it is no JSON, or no list of a length we take; `field` is `body`.
    """
    said = _json(body)
    events = said if isinstance(said, list) else [said]
    if not events or len(events) > _EVENTS_MAX:
        message = f"the body must hold 1 to {_EVENTS_MAX} CloudEvents, not {len(events)}"
        raise MalformedPayload(message, field="body")
    found = [_event(event, index) for index, event in enumerate(events)]
    return list({event.event_key or event.body: event for event in found}.values())


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        message = f"the body must be JSON: {error}"
        raise MalformedPayload(message, field="body") from error


def _event(event: Any, index: int) -> TwilioEvent:
    try:
        body = orjson.dumps(event)
    except orjson.JSONEncodeError as error:  # it reads deeper nesting than it writes
        message = f"'[{index}]' is nested too deeply"
        raise MalformedPayload(message, field=f"[{index}]") from error
    for name in ("id", "type"):
        value = event.get(name) if isinstance(event, Mapping) else None
        if not isinstance(value, str) or not 0 < len(value) <= _ID_LENGTH_MAX:
            message = f"'[{index}].{name}' must be a text of 1 to {_ID_LENGTH_MAX} characters"
            return TwilioEvent("", body, MalformedPayload(message, field=f"[{index}].{name}"))
    return TwilioEvent(f"twilio:event:{event['id']}", body)


def parse_event(body: bytes, received_at: datetime) -> CallFact | None:
    """Return what one event says about a call; None for types that repeat no callback.

    Raises:
        MalformedPayload: the callback inside cannot be understood; `field` names the offender.
    """
    event = _json(body)
    if not isinstance(event, Mapping) or not isinstance(event.get("type"), str):
        message = "the body must be a CloudEvent with a 'type'"
        raise MalformedPayload(message, field="type")
    if not _CALLBACK.fullmatch(event["type"]):
        return None
    data = event.get("data")
    request = data.get("request") if isinstance(data, Mapping) else None
    parameters = request.get("parameters") if isinstance(request, Mapping) else None
    if not isinstance(request, Mapping) or not isinstance(parameters, Mapping):
        message = "'data.request.parameters' must be the callback's form as an object"
        raise MalformedPayload(message, field="data.request.parameters")
    return parse_callback(_pairs(parameters), _query(request.get("url")), received_at)


def _pairs(parameters: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    return [
        (name, value if isinstance(value, str) else str(value))
        for name, value in parameters.items()
        if isinstance(value, (str, int))
    ]


def _query(url: Any) -> Sequence[tuple[str, str]]:
    """Return whom the call was for, from the URL that Twilio called; it may be another's."""
    if not isinstance(url, str):
        return []
    try:
        return parse_qsl(urlsplit(url).query, max_num_fields=200)
    except ValueError:
        return []
