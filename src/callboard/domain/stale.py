"""When a call that is not heard of any more is flagged, and when it is given up.

Vendors lose webhooks, and so do tunnels; a call must not be shown as going on for days because
nobody told its end. The watch's word is a fact like a vendor's (`callboard.domain.lattice`),
and as good as how late it last heard of the call: whatever is newer takes it back by itself, in
any order (docs/adr/0017).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from callboard.domain.calls import ACTIVE_STATUSES, call_key, last_news, silence_flagged
from callboard.domain.lattice import CallFact

__all__ = ["UNENDED_STATUSES", "Limit", "StaleRule", "Word", "percentile_95", "word_on"]

UNENDED_STATUSES = ACTIVE_STATUSES | {"queued"}
"""Nobody has told the end of a call in one of these."""

_TALKING = frozenset({"in-progress"})
_QUEUED = frozenset({"queued"})
_QUEUED_S_MAX = 24 * 3600.0
"""Twilio drops a call that has waited this long."""
_TALKS_MIN = 20
"""Of fewer talks no tail can be told."""
_TALK_FACTOR = 3
_PERCENTILE = 0.95


@dataclass(frozen=True, slots=True)
class Limit:
    """How long calls in some statuses may be silent."""

    statuses: frozenset[str]
    flag_after: timedelta
    close_after: timedelta


@dataclass(frozen=True, slots=True)
class Word:
    """What the watch says about one call."""

    identity: Any
    """`_id` of the stored call, whatever type another program gave it."""
    fact: CallFact
    closes: bool


@dataclass(frozen=True, slots=True)
class StaleRule:
    """How long a call may be silent, in seconds."""

    ringing_s: float = 120.0
    connected_s: float = 1_800.0
    unconfirmed_ringing_s: float = 900.0
    unconfirmed_s: float = 14_400.0

    def limits(self, talk_p95_s: float | None) -> tuple[Limit, ...]:
        """Return the limits of every status a call can be stale in.

        `talk_p95_s` is the 95th percentile of recent talks, None if unknown: where talks are
        long, silence is no sign yet. No call is given up sooner than it is flagged.
        """
        connected_s = max(self.connected_s, _TALK_FACTOR * (talk_p95_s or 0.0))
        dialing_s = self.unconfirmed_ringing_s
        return (
            _limit(ACTIVE_STATUSES - _TALKING, self.ringing_s, dialing_s),
            _limit(_TALKING, connected_s, self.unconfirmed_s),
            _limit(_QUEUED, _QUEUED_S_MAX + self.ringing_s, _QUEUED_S_MAX + dialing_s),
        )


def _limit(statuses: frozenset[str], flag_s: float, close_s: float) -> Limit:
    return Limit(statuses, timedelta(seconds=flag_s), timedelta(seconds=max(close_s, flag_s)))


def word_on(document: Mapping[str, Any], limits: Collection[Limit], now: datetime) -> Word | None:
    """Return what is to be said about a stored call now; None: nothing, or nothing new.

    A call is flagged first, and given up at a later look only.
    """
    status = document.get("status")
    if not isinstance(status, str):
        return None
    limit = next((limit for limit in limits if status in limit.statuses), None)
    if limit is None:
        return None
    since = silence_flagged(document)
    if since is not None:
        closed = {"v": since, "at": now, "was": status}
        long = now - since >= limit.close_after
        return _word(document, {"watch.closed": closed}, "close") if long else None
    heard = last_news(document)
    if heard is not None and now - heard < limit.flag_after:
        return None
    # An undated call counts as heard of now: it is there.
    return _word(document, {"watch.flagged": {"v": heard or now, "at": now}}, "flag")


def _word(document: Mapping[str, Any], said: Mapping[str, Any], kind: str) -> Word:
    key = call_key(document)
    fact = CallFact(key=key, event_key=f"callboard:{key}:{kind}", kind=kind, most=said)
    return Word(document["_id"], fact, closes=kind == "close")


def percentile_95(seconds: Collection[float]) -> float | None:
    """Return the 95th percentile of talk times by nearest rank; None of too few.

    >>> percentile_95(range(1, 101))
    95
    """
    if len(seconds) < _TALKS_MIN:
        return None
    ordered = sorted(seconds)
    return ordered[ceil(_PERCENTILE * len(ordered)) - 1]
