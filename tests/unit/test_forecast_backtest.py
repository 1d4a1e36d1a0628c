"""The forecast against campaigns whose end is known: some four of five end within its range.

Each is made up from its seed, called to its end, and looked at when between a fifth and four
fifths of its calls had begun.
"""

import heapq
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from random import Random
from typing import NamedTuple

import pytest
from support.builders import START

from callboard.domain.forecast import ENDED_MAX, MINUTES, Course, Limits, forecast

CAMPAIGNS = 200


class Kind(NamedTuple):
    """A kind of campaign."""

    contacts: int
    per_minute: float
    """Calls begin at random, so many a minute."""
    again: float
    """How likely a contact is called once more."""
    lines: int | None = None
    """How many calls may go on at one time; a call waits for a line."""


KINDS = {
    "steady": Kind(600, 10, 0.0),
    "with retries": Kind(600, 10, 0.4),
    "fast": Kind(2_000, 60, 0.3),
    "slow": Kind(200, 2, 0.2),
    "few lines": Kind(900, 600, 0.2, lines=8),
}


def called(kind: Kind, chosen: Random) -> Iterator[tuple[float, float, int]]:
    """Yield begin, end and contact of every call, in the order they begin."""
    now_s, contact = 0.0, 0
    held: list[float] = []
    while contact < kind.contacts:
        now_s += chosen.expovariate(kind.per_minute / 60)
        if kind.lines is not None and len(held) >= kind.lines:
            now_s = max(now_s, heapq.heappop(held))
        answered = chosen.random() < 0.4
        end_s = now_s + (20 + chosen.expovariate(1 / 60) if answered else chosen.uniform(10, 30))
        heapq.heappush(held, end_s)
        yield now_s, end_s, contact
        contact += chosen.random() >= kind.again


def course_at(now_s: float, calls: list[tuple[float, float, int]], contacts: int) -> Course:
    """Return what is known of a campaign at a moment."""
    begun = [call for call in calls if call[0] <= now_s]
    tries = Counter(contact for _, _, contact in begun)
    minutes = Counter(int((now_s - begin_s) // 60) for begin_s, _, _ in begun)
    ended = sorted((end_s, begin_s) for begin_s, end_s, _ in begun if end_s <= now_s)
    return Course(
        status="active",
        total_contacts=contacts,
        contacts=len(tries),
        attempted=len(tries),
        attempts=len(begun),
        squares=sum(number**2 for number in tries.values()),
        queued=0,
        age_s=now_s - calls[0][0],
        begun=[minutes[minute] for minute in range(MINUTES)],
        ended=[(begin_s, end_s) for end_s, begin_s in ended[-ENDED_MAX:]],
    )


def ended(kind: Kind, seed: int) -> str:
    """Return where in its range a campaign ended."""
    chosen = Random(seed)  # noqa: S311  (seeded)
    calls = list(called(kind, chosen))
    now_s = calls[int(len(calls) * chosen.uniform(0.2, 0.8))][0]
    course = course_at(now_s, calls, kind.contacts)
    eta = forecast(course, Limits(100.0, kind.lines), START)["eta"]
    left = {name: (datetime.fromisoformat(at) - START).total_seconds() for name, at in eta.items()}
    true_s = max(end_s for _, end_s, _ in calls) - now_s
    if true_s < left["p10"]:
        return "before"
    return "after" if true_s > left["p90"] else "within"


@pytest.mark.parametrize("name", KINDS)
def test_some_four_of_five_end_within_the_range(name: str) -> None:
    found = Counter(ended(KINDS[name], seed) for seed in range(CAMPAIGNS))
    # A range that always holds would say nothing.
    assert 0.72 * CAMPAIGNS <= found["within"] <= 0.96 * CAMPAIGNS, found
    assert max(found["before"], found["after"]) <= 0.2 * CAMPAIGNS, found
