"""A webhook as the inbox keeps it: the bytes that came, and what was understood of them."""

from dataclasses import dataclass
from datetime import datetime

from callboard.domain.lattice import CallFact

__all__ = [
    "CALL_STATUS",
    "ELEVENLABS",
    "INITIATION",
    "TWILIO_EVENTS",
    "InboxEntry",
    "KeptWebhook",
]

CALL_STATUS = "/webhook/call-status"
TWILIO_EVENTS = "/webhook/twilio/events"
ELEVENLABS = "/webhook/elevenlabs"
INITIATION = "/webhook/elevenlabs/initiation"


@dataclass(frozen=True, slots=True)
class KeptWebhook:
    """What came, as it is kept: enough to understand it again with newer rules."""

    path: str
    """The route it came by: one of this module's four."""
    query: str
    """The raw query string of the request."""
    body: bytes
    """The raw body, byte for byte; of a batch one event, of an audio event all but the audio."""
    received_at: datetime


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """One webhook that passed its signature, and what it means."""

    event_key: str
    """What makes two webhooks the same; the inbox keeps one document per key."""
    vendor: str
    kind: str
    """The vendor's kind of event: status, amd, post_call_audio, …; `unknown` if not understood."""
    kept: KeptWebhook
    fact: CallFact | None
    """None when it says nothing about a call, or could not be understood."""
    problem: str | None = None
    """Why it could not, in one sentence."""
    problem_field: str | None = None
    """Which field was to blame."""
