"""A webhook as the inbox keeps it: the bytes that came, and what was understood of them."""

from dataclasses import dataclass
from datetime import datetime

from callboard.domain.calls import CallFact

__all__ = ["InboxEntry"]


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """One webhook that passed its signature."""

    event_key: str
    """What makes two webhooks the same; the inbox keeps one document per key."""
    vendor: str
    kind: str
    """The vendor's kind of event: status, amd, recording; `unknown` if not understood."""
    query: str
    """The raw query string of the request."""
    body: bytes
    """The raw body, byte for byte."""
    received_at: datetime
    fact: CallFact | None
    """None when the body could not be understood."""
    problem: str | None = None
    """Why it could not, in one sentence."""
