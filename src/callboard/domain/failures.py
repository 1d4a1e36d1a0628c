"""Why calls did not come about lately: by cause, in windows of time that end now.

What is counted is how calls ended, by when they ended. MongoDB counts (`store.failures`); this
says what the windows are and what people read.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from callboard.clock import isoformat_z
from callboard.domain.metrics import UNSUCCESSFUL_STATUSES

__all__ = ["WINDOWS", "Ended", "shown_failures"]

WINDOWS = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
}
"""Each goes back from now; a call that ended just as one begins is not in it."""


class Ended(NamedTuple):
    """Calls that ended alike."""

    status: str
    sip_code: int | None
    """Twilio's, None when it told none; of calls that were completed nobody asks."""
    counts: tuple[int, ...]
    """How many, by window."""
    last_sid: str
    last_at: datetime


def shown_failures(found: Iterable[Ended], now: datetime) -> dict[str, Any]:
    """Return what people read; the causes with the most calls of a day come first.

    A cause is `sip:<code>`, or the status where no code is known. What Twilio calls busy stays
    apart from what it calls canceled, also with the same code: a code does not tell the status.
    """
    ended = [0] * len(WINDOWS)
    causes: list[dict[str, Any]] = []
    for alike in found:
        ended = [sum(pair) for pair in zip(ended, alike.counts, strict=True)]
        if alike.status in UNSUCCESSFUL_STATUSES:
            causes.append(_shown(alike))
    causes.sort(key=lambda cause: (-cause["counts"][-1], cause["cause"], cause["status"]))
    return {"windows": [*WINDOWS], "now": isoformat_z(now), "ended": ended, "causes": causes}


def _shown(alike: Ended) -> dict[str, Any]:
    code = alike.sip_code
    return {
        "cause": alike.status if code is None else f"sip:{code}",
        "status": alike.status,
        "sipCode": code,
        "counts": list(alike.counts),
        "lastSid": alike.last_sid,
        "lastAt": isoformat_z(alike.last_at),
    }
