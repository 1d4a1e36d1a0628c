"""What can be asked of the calls."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["CallQuery"]


@dataclass(frozen=True, slots=True)
class CallQuery:
    """Which calls a list wants; newest first."""

    limit: int
    before: str | None = None
    """Where the previous page ended: its `next`."""
    status: str | None = None
    campaign_id: str | None = None
    direction: str | None = None
    from_number: str | None = None
    to_number: str | None = None
    since: datetime | None = None
    until: datetime | None = None
