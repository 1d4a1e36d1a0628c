"""Which paths are loaded ahead: from the table of what is cached, row by row.

The table says who warms a row (`start`, `active campaigns`, `predicted`, `none`); this module says
by which paths a row is asked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from callboard.warming.pages import filled

__all__ = ["Plan", "keyspace_of", "plan_of"]

_ROWS: Mapping[str, tuple[str, ...]] = {
    "recent": ("/api/calls?limit=50",),
    "calls": ("/api/calls?campaignId={id}&limit=50",),
    "details": ("/api/campaigns/{id}",),
    "contacts": ("/api/campaigns/{id}/contacts",),
    "analytics": ("/api/analytics/daily?from={-6}&to={-1}",),
    "analytics-today": ("/api/analytics/daily?from={-6}&to={0}",),
    "period": tuple(f"/api/dashboard/summary?period={of}" for of in ("yesterday", "7d", "30d")),
    "durations": ("/api/analytics/durations?from={-6}&to={0}",),
    "concurrency": ("/api/analytics/concurrency?day={0}",),
}
"""How each row is asked for by the pages; a call's is only known by its SID."""


def keyspace_of(template: str) -> str:
    """Return in which row a read is kept, empty: in none, it is a view or not cached.

    >>> keyspace_of("/api/calls?campaignId={id}&limit=50"), keyspace_of("/api/calls?limit=50")
    ('calls', 'recent')
    """
    path, _, query = template.partition("?")
    named = {
        "/api/calls": "recent" if query in ("", "limit=50") else "calls",
        "/api/calls/{id}": "call",
        "/api/campaigns/{id}": "details",
        "/api/campaigns/{id}/contacts": "contacts",
        "/api/analytics/daily": "analytics-today" if "to={0}" in query else "analytics",
        "/api/analytics/durations": "durations",
        "/api/analytics/concurrency": "concurrency",
        "/api/dashboard/summary": "" if query in ("", "period=today") else "period",
    }
    return named.get(path, "")


class Plan(NamedTuple):
    """What is loaded ahead, as templates."""

    first: tuple[str, ...]
    """At the start, of all."""
    first_of_campaign: tuple[str, ...]
    """At the start, of each active campaign."""
    of_campaign: tuple[str, ...]
    """Again and again, of each active campaign."""
    predictable: frozenset[str]
    """The rows that may be loaded because somebody may open them."""

    def at_start(self, campaigns: Sequence[str], today: date) -> list[str]:
        """Return what the first visitors need, what most of them need first."""
        return [filled(template, "", today) for template in self.first] + _each(
            self.first_of_campaign, campaigns, today
        )

    def regular(self, campaigns: Sequence[str], today: date) -> list[str]:
        """Return what is kept warm for as long as a campaign is active."""
        return _each(self.of_campaign, campaigns, today)

    def foresees(self, template: str) -> bool:
        """Tell whether a read may be loaded on a forecast."""
        return keyspace_of(template) in self.predictable


def plan_of(rows: Iterable[tuple[str, str]]) -> Plan:
    """Return the plan of a table: pairs of a row's name and its `warmer`.

    Raises:
        ValueError: a row is to be warmed, and nobody knows by which path; says which.
    """
    first: list[str] = []
    first_of: list[str] = []
    of_campaign: list[str] = []
    predictable: set[str] = set()
    for name, warmer in rows:
        words = {word.strip() for word in warmer.split(",")}
        templates = _ROWS.get(name, ())
        if not templates and words & {"start", "active campaigns"}:
            message = f"no path is known by which '{name}' is warmed ({warmer})"
            raise ValueError(message)
        for template in templates:
            if "start" in words:
                (first_of if "{id}" in template else first).append(template)
            if "active campaigns" in words:
                of_campaign.append(_narrowed(template))
        if "predicted" in words:
            predictable.add(name)
    return Plan(tuple(first), tuple(first_of), tuple(of_campaign), frozenset(predictable))


def _narrowed(template: str) -> str:
    """Return what is asked of all, asked of one campaign."""
    if "{id}" in template:
        return template
    path, _, query = template.partition("?")
    return f"{path}?campaignId={{id}}" + (f"&{query}" if query else "")


def _each(templates: Iterable[str], campaigns: Sequence[str], today: date) -> list[str]:
    wanted = list(templates)
    return [filled(template, id_, today) for id_ in campaigns for template in wanted]
