"""From when webhooks were sent and acknowledged to when clients had read what they said."""

from collections.abc import Iterator
from typing import Any

from fanout_audience import Heard

__all__ = ["latencies", "shown_at"]

Instants = tuple[float, float]
"""When a webhook was sent, and when it was acknowledged, monotonic seconds."""


def shown_at(came: dict[str, float], statuses: list[str]) -> list[float | None]:
    """Return when each status of a call, in order, or a later one had come.

    Whoever is told a later status is not wrong: without this, what was coalesced, the slowest,
    would be missing from the figures.

    >>> shown_at({"CA1 ringing": 2.0}, ["CA1 initiated", "CA1 ringing", "CA1 completed"])
    [2.0, 2.0, None]
    """
    found: list[float | None] = []
    soonest: float | None = None
    for said in reversed(statuses):
        came_s = came.get(said)
        if came_s is not None:
            soonest = came_s if soonest is None else min(came_s, soonest)
        found.append(soonest)
    return found[::-1]


def _by_call(webhooks: list[Any]) -> list[dict[str, Instants]]:
    """Return the statuses of each call in order; the first of what came twice."""
    calls: dict[str, dict[str, Instants]] = {}
    for said, sent_s, acknowledged_s in webhooks:
        if said:
            call = calls.setdefault(said.partition(" ")[0], {})
            call.setdefault(said, (sent_s, acknowledged_s))
    return list(calls.values())


def _came(client: Heard, calls: list[dict[str, Instants]]) -> Iterator[tuple[Instants, float]]:
    """Yield a webhook's instants and when the client had read it, for each that it has."""
    for call in calls:
        shown = shown_at(client.came, list(call))
        for instants, came_s in zip(call.values(), shown, strict=True):
            if came_s is not None:
                yield instants, came_s


def latencies(heard: list[Heard], webhooks: list[Any]) -> dict[str, Any]:
    """Return the columns of a row: percentiles, and what came only by a later status or never."""
    calls = _by_call(webhooks)
    due = len(heard) * sum(map(len, calls))
    found = [one for client in heard for one in _came(client, calls)]
    told = sum(said in client.came for client in heard for call in calls for said in call)
    row: dict[str, Any] = {}
    for number, name in enumerate(("sent", "acknowledged")):
        took = sorted(came_s - instants[number] for instants, came_s in found)
        for share in (0.5, 0.99):
            value = took[int(len(took) * share)] * 1e3 if took else 0.0
            row[f"{name} p{share * 100:.0f} ms"] = round(value, 1)
    row["coalesced %"] = round(100 * (len(found) - told) / max(1, due), 2)
    row["never seen %"] = round(100 * (due - len(found)) / max(1, due), 2)
    return row
