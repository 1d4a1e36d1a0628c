"""What a kept webhook means: from route and bytes to inbox entries. Pure; replay uses it too."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import unquote_plus

from callboard.domain.lattice import CallFact
from callboard.domain.webhooks import (
    CALL_STATUS,
    ELEVENLABS,
    INITIATION,
    TWILIO_EVENTS,
    InboxEntry,
    KeptWebhook,
)
from callboard.errors import MalformedPayload
from callboard.vendors.elevenlabs import events as elevenlabs
from callboard.vendors.twilio.callbacks import parse_callback
from callboard.vendors.twilio.events import parse_event

__all__ = ["Pairs", "not_understood", "read_form", "understand"]

_FIELDS_MAX = 200
_SHORT = 96

Pairs = list[tuple[str, str]]


def understand(kept: KeptWebhook, form: Pairs | None = None, event_key: str = "") -> InboxEntry:
    """Return what a webhook means; one that cannot be understood says so in `problem`.

    `form` spares reading a callback's body twice; `event_key` is that of an Event Streams event.
    """
    try:
        kind, key, fact = _READERS[kept.path](kept, form)
    except MalformedPayload as problem:
        return not_understood(kept, problem, event_key)
    vendor = _vendor(kept)
    return InboxEntry(event_key or key or _raw_key(vendor, kept), vendor, kind, kept, fact)


def not_understood(
    kept: KeptWebhook, problem: MalformedPayload, event_key: str = ""
) -> InboxEntry:
    """Return the entry that keeps a webhook raw, with the reason."""
    vendor = _vendor(kept)
    key = event_key or _raw_key(vendor, kept)
    return InboxEntry(key, vendor, "unknown", kept, None, str(problem), problem.field)


def _vendor(kept: KeptWebhook) -> str:
    return "elevenlabs" if kept.path.startswith(ELEVENLABS) else "twilio"


_Meaning = tuple[str, str, CallFact | None]


def _callback(kept: KeptWebhook, form: Pairs | None) -> _Meaning:
    fields = form if form is not None else read_form(kept.body)
    fact = parse_callback(fields, _query(kept.query), kept.received_at)
    return fact.kind, fact.event_key, fact


def _event(kept: KeptWebhook, form: Pairs | None) -> _Meaning:
    del form
    fact = parse_event(kept.body, kept.received_at)
    return (fact.kind if fact else "event"), "", fact


def _elevenlabs(kept: KeptWebhook, form: Pairs | None) -> _Meaning:
    del form
    event = elevenlabs.parse_event(kept.body)
    fact = event.fact
    if fact is not None and event.twilio_form is not None:
        try:
            forwarded = parse_callback(event.twilio_form, [], kept.received_at)
        except MalformedPayload:
            # What ElevenLabs says itself is understood; the rest is still in the inbox.
            forwarded = None
        if forwarded is not None:
            fact = fact.joined_with(forwarded)
    return event.kind, event.event_key, fact


def _initiation(kept: KeptWebhook, form: Pairs | None) -> _Meaning:
    del form
    fact = elevenlabs.parse_initiation(kept.body, kept.received_at)
    return fact.kind, fact.event_key, fact


_READERS: dict[str, Callable[[KeptWebhook, Pairs | None], _Meaning]] = {
    CALL_STATUS: _callback,
    TWILIO_EVENTS: _event,
    ELEVENLABS: _elevenlabs,
    INITIATION: _initiation,
}


def read_form(body: bytes) -> Pairs:
    """Read an urlencoded body; empty values count in the signature and are kept.

    Raises:
        MalformedPayload: it is not one, or has too many fields.
    """
    try:
        return _pairs(body.decode("ascii"))
    except ValueError as error:
        message = "the body must be application/x-www-form-urlencoded"
        raise MalformedPayload(message, field="body") from error


def _query(text: str) -> Pairs:
    try:
        return _pairs(text)
    except ValueError as error:
        message = "the query string cannot be read"
        raise MalformedPayload(message, field="query") from error


def _pairs(text: str) -> Pairs:
    """Return names and values as `urllib.parse.parse_qsl` does, in a third of its time.

    Raises:
        ValueError: more than 200 fields, or bytes that are no UTF-8.
    """
    if not text:
        return []
    parts = text.split("&")
    if len(parts) > _FIELDS_MAX:
        message = f"more than {_FIELDS_MAX} fields"
        raise ValueError(message)
    pairs = []
    for part in parts:
        if part:
            name, _, value = part.partition("=")
            pairs.append((_unquoted(name), _unquoted(value)))
    return pairs


def _unquoted(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    return _short_unquoted(text) if len(text) <= _SHORT else unquote_plus(text, errors="strict")


@lru_cache(maxsize=16_384)  # numbers and times come again and again
def _short_unquoted(text: str) -> str:
    return unquote_plus(text, errors="strict")


def _raw_key(vendor: str, kept: KeptWebhook) -> str:
    """Return the event key of what has none of its own: its bytes."""
    said = kept.query.encode() + b"\n" + kept.body
    return f"{vendor}:raw:{hashlib.sha256(said).hexdigest()}"
