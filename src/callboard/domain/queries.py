"""What can be asked of the calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

__all__ = ["CallPage", "CallQuery"]


@dataclass(frozen=True, slots=True)
class CallQuery:
    """Which calls a list wants; newest first."""

    limit: int
    before: str | None = None
    """Where the previous page ended: its `next`."""
    statuses: tuple[str, ...] = ()
    """Any of these, each once and in order; empty: any at all."""
    campaign_id: str | None = None
    direction: str | None = None
    from_number: str | None = None
    to_number: str | None = None
    number: str | None = None
    """Either side's."""
    conversation_id: str | None = None
    outcome: str | None = None
    """As people are shown it: a call that goes on has none yet."""
    sip_code: int | None = None
    min_duration_s: int | None = None
    """At least so long, of completed calls."""
    max_duration_s: int | None = None
    """Shorter than that, of completed calls."""
    success: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


class CallPage(NamedTuple):
    """One page of stored calls."""

    calls: Sequence[Mapping[str, Any]]
    next: str | None
    """The cursor of the page that follows, None at the end."""
    as_of: int
    """The commit time it is complete up to."""
