"""The figures people are shown, from counters. Formulas: caching document sections 1 and 2.

Rates are percentages with one decimal and are None, never 0, when nothing can be divided.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from callboard.clock import isoformat_z
from callboard.domain.calls import ACTIVE_STATUSES
from callboard.domain.figures import empty_counters, summed

__all__ = [
    "UNSUCCESSFUL_STATUSES",
    "campaign_status",
    "details",
    "percentage",
    "shown_day",
    "summary",
    "total_of",
]

UNSUCCESSFUL_STATUSES = frozenset({"busy", "failed", "no-answer", "canceled"})
"""Ends other than `completed`. Of an `unconfirmed` call nobody knows how it ended."""

_MICROS = 1_000_000


def percentage(numerator: int, denominator: int) -> float | None:
    """Return `numerator / denominator` in percent with one decimal, None for x/0.

    >>> percentage(1200, 1245), percentage(0, 0)
    (96.4, None)
    """
    return round(100 * numerator / denominator, 1) if denominator else None


def total_of(documents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the sum of several buckets' counters, the longest call and the highest peak.

    A peak of several days is the highest of theirs: no moment belongs to two days.
    """
    documents = list(documents)
    total = summed(documents, empty_counters())
    longest = [d["duration"]["max"] for d in documents if d["duration"].get("max") is not None]
    total["duration"]["max"] = max(longest, default=None)
    peaks = [d["concurrency"] for d in documents if d.get("concurrency", {}).get("peak")]
    highest = max(peaks, key=lambda found: found["peak"], default={"peak": None, "at": None})
    total["concurrency"] = dict(highest)
    return total


def summary(counted: Mapping[str, Any], active_calls: int) -> dict[str, Any]:
    """Return a dashboard summary from a period's counters and the calls alive now.

    `completedCalls` ended as `completed`; `failedCalls` ended in any other way (busy,
    no-answer, failed, canceled); `successRate` is completed / (completed + failed);
    `averageDuration` is talk seconds / completed calls, whole seconds.
    """
    volume = counted["callVolume"]
    completed, failed = _ended(volume["byStatus"])
    talked_s = counted["duration"]["total"]
    return {
        "totalCalls": volume["total"],
        "activeCalls": active_calls,
        "completedCalls": completed,
        "failedCalls": failed,
        "totalDuration": talked_s,
        "averageDuration": round(talked_s / completed) if completed else None,
        "successRate": percentage(completed, completed + failed),
        "byStatus": dict(volume["byStatus"]),
        "byHour": list(volume["byHour"]),
        "attemptsByHour": list(volume["attemptsByHour"]),
        "humanByHour": list(volume["humanByHour"]),
        "byDirection": dict(volume["byDirection"]),
        **details(counted),
        "maxDuration": counted["duration"].get("max"),
        "concurrency": _peak(counted),
    }


def campaign_status(
    campaign_id: str, counted: Mapping[str, Any] | None, document: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return a campaign's status from its counters and its own document, either may be missing.

    `queuedCalls` are calls Twilio has queued and contacts for whom no call was placed yet.
    """
    counted = counted or empty_counters()
    document = document or {}
    by_status = counted["callVolume"]["byStatus"]
    total = counted["callVolume"]["total"]
    completed, failed = _ended(by_status)
    contacts = document.get("totalContacts")
    contacts = contacts if isinstance(contacts, int) else None
    waiting = max(contacts - total, 0) if contacts is not None else 0
    return {
        "campaignId": campaign_id,
        "name": _word(document.get("name"), campaign_id),
        "status": _word(document.get("status"), "unknown"),
        "totalContacts": contacts,
        "totalCalls": total,
        "activeCalls": sum(by_status.get(name, 0) for name in ACTIVE_STATUSES),
        "queuedCalls": by_status.get("queued", 0) + waiting,
        "completedCalls": completed,
        "failedCalls": failed,
        "totalDuration": counted["duration"]["total"],
        "successRate": percentage(completed, completed + failed),
        **details(counted),
    }


def shown_day(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored day as people read it: with rates, money in units, instants as text."""
    told = details(document)
    return {
        **{name: value for name, value in document.items() if name != "_id"},
        "date": isoformat_z(document["date"]),
        "cost": told["cost"],
        "rates": told["rates"],
        "concurrency": _peak(document),
    }


def details(counted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else a period's counters tell. Formulas: product.md section 3.3.

    A rate is `{numerator, denominator, value}`, `value` in percent, None for x/0. *Attempts* are
    calls we placed that left the queue; `answered` includes voicemail. Success is ElevenLabs'
    evaluation of the conversation; what it could not judge is not in the denominator.
    Money is in units of its currency; credits are no money, and currencies are never summed.
    """
    contact, judged = counted["contact"], counted["evaluation"]
    attempts = contact["attempts"]
    return {
        "outcomes": dict(counted["outcomes"]),
        "durationBuckets": dict(counted["duration"]["buckets"]),
        "contact": dict(contact),
        "failures": {**counted["failures"], "bySipCode": dict(counted["failures"]["bySipCode"])},
        "evaluation": dict(judged),
        "cost": {
            vendor: {unit: micros / _MICROS for unit, micros in amounts.items()}
            for vendor, amounts in counted["cost"].items()
        },
        "rates": {
            "answered": _rate(contact["answered"], attempts),
            "human": _rate(contact["human"], attempts),
            "voicemail": _rate(contact["voicemail"], contact["answered"]),
            "failed": _rate(counted["failures"]["total"], counted["callVolume"]["total"]),
            "success": _rate(judged["success"], judged["success"] + judged["failure"]),
        },
    }


def _rate(numerator: int, denominator: int) -> dict[str, Any]:
    value = percentage(numerator, denominator)
    return {"numerator": numerator, "denominator": denominator, "value": value}


def _peak(counted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the most calls at one time, and when first."""
    found = counted.get("concurrency") or {"peak": None, "at": None}
    return {"peak": found["peak"], "at": isoformat_z(found["at"]) if found["at"] else None}


def _word(value: object, otherwise: str) -> str:
    """Return a text, whatever another program stored in its place."""
    return value if isinstance(value, str) and value else otherwise


def _ended(by_status: Mapping[str, int]) -> tuple[int, int]:
    """Return how many calls ended completed, and how many in any other way."""
    failed = sum(by_status.get(name, 0) for name in UNSUCCESSFUL_STATUSES)
    return by_status.get("completed", 0), failed
