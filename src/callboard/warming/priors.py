"""What is believed of people before anything was seen of them: the caching document's rule.

A dashboard's visitors look at the summary and the recent calls; a campaign's at its details and
contacts. These are beliefs that count like a few observations, and no more than that.
"""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["NEXT", "READS"]

NEXT: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "dashboard": {"calls": 0.3, "campaign/*": 0.2, "live": 0.15, "campaigns": 0.1},
        "campaigns": {"campaign/*": 0.6},
        "campaign/*": {
            "campaign/*/contacts=": 0.35,
            "campaign/*/calls=": 0.2,
            "campaigns": 0.1,
            "dashboard": 0.1,
        },
        "campaign/*/contacts": {"campaign/*=": 0.4},
        "campaign/*/calls": {"call/*": 0.4, "campaign/*=": 0.2},
        "calls": {"call/*": 0.6},
        "call/*": {"calls": 0.4},
        "live": {"call/*": 0.5, "dashboard": 0.2},
    }
)
"""From a class of pages to the next, how likely; `=`: with the same id."""

_CALLS = "/api/calls?campaignId={id}&limit=50"
_DAYS = "from={-6}&to={0}"

READS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "dashboard": ("/api/dashboard/summary", "/api/calls/active", "/api/campaigns"),
        "live": ("/api/calls/active",),
        "campaigns": ("/api/campaigns",),
        "campaign/*": ("/api/campaigns/{id}", "/api/campaigns/{id}/status"),
        "campaign/*/contacts": ("/api/campaigns/{id}/contacts",),
        "campaign/*/calls": (_CALLS,),
        "calls": ("/api/calls?limit=50",),
        "call/*": ("/api/calls/{id}", "/api/calls/{id}/timeline"),
        "analytics": (f"/api/analytics/daily?{_DAYS}",),
        "analytics/*": (f"/api/analytics/daily?campaignId={{id}}&{_DAYS}",),
        "wall": ("/api/dashboard/summary", "/api/calls/active"),
    }
)
"""What the pages of a class read. A dashboard's recent calls and a campaign's contacts, which the
rule names too, are pages of their own that are likely to be next."""
