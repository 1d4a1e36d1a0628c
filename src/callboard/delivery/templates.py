"""Which route a path belongs to, as one of few names: for metrics and traces."""

import re

__all__ = ["TEMPLATES", "template_of"]

_ID = r"[^/]+"
_PATTERNS = tuple(
    (re.compile(re.sub(r"\\\{\w+\\\}", _ID, re.escape(template))), template)
    for template in (
        "/api/calls/{sid}/timeline",
        "/api/campaigns/{campaign_id}/status",
        "/api/campaigns/{campaign_id}/forecast",
        "/api/campaigns/{campaign_id}/contacts",
        "/api/campaigns/{campaign_id}/contacts.csv",
        "/api/campaigns/{campaign_id}",
        "/api/calls/{sid}",
    )
)
_FIXED = frozenset(
    {
        "/",
        "/api/alerts",
        "/api/alerts/rules",
        "/api/analytics/concurrency",
        "/api/analytics/daily",
        "/api/analytics/daily.csv",
        "/api/analytics/durations",
        "/api/analytics/failures",
        "/api/calls",
        "/api/calls.csv",
        "/api/calls/active",
        "/api/campaigns",
        "/api/dashboard/summary",
        "/api/session",
        "/api/session/links",
        "/api/system",
        "/docs",
        "/healthz",
        "/metrics",
        "/openapi.json",
        "/readyz",
        "/webhook/call-status",
        "/webhook/elevenlabs",
        "/webhook/elevenlabs/initiation",
        "/webhook/twilio/events",
    }
)
_PREFIXES = {"/api/admin/": "/api/admin/…", "/assets/": "/assets/…", "/socket.io/": "/socket.io/"}
_OTHER = "other"
_PAGE = "/"
_SCREENS = frozenset(
    {"/live", "/campaigns", "/analytics", "/calls", "/alerts", "/system", "/wall"}
)
_SCREEN_OF_ONE = ("/campaigns/", "/calls/")

TEMPLATES = (*sorted(_FIXED), *(name for _, name in _PATTERNS), *_PREFIXES.values(), _OTHER)
"""Every name there is."""


def template_of(path: str) -> str:
    """Return the route a path belongs to; `other` for whatever is none of ours.

    >>> template_of("/api/calls/CA1"), template_of("/api/calls/active"), template_of("/x.php")
    ('/api/calls/{sid}', '/api/calls/active', 'other')
    >>> template_of("/analytics"), template_of("/campaigns/spring")
    ('/', '/')
    """
    if path in _FIXED:
        return path
    for prefix, name in _PREFIXES.items():
        if path.startswith(prefix):
            return name
    if path in _SCREENS or path.startswith(_SCREEN_OF_ONE):
        return _PAGE
    return next((name for pattern, name in _PATTERNS if pattern.fullmatch(path)), _OTHER)
