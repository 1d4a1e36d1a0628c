"""Made-up people at their screens: roles with habits, habits with noise, and days with shifts.

No trace of real people exists yet, so this one is simulated, from a seed. Who they are, what they
prefer, which campaigns are theirs and when they change their ways is drawn anew for each seed.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from callboard.warming.pages import Page

__all__ = ["Opened", "trace"]

_HOUR_S = 3_600.0
_DAY_S = 24 * _HOUR_S
_SINGLE = ("dashboard", "live", "campaigns", "calls", "analytics", "alerts", "system", "wall")
_KINDS = ("campaign/*", "campaign/*/contacts", "campaign/*/calls", "analytics/*", "call/*")

# What leads where, for each role; "=" keeps the campaign, "+" goes to the next of one's own.
_ROLES: dict[str, dict[str, dict[str, float]]] = {
    "supervisor": {
        "dashboard": {"live": 4, "campaign/*+": 4, "alerts": 1, "campaigns": 1},
        "live": {"call/*": 4, "dashboard": 5, "campaign/*+": 1},
        "campaign/*": {"campaign/*+": 5, "campaign/*/calls=": 3, "dashboard": 2},
        "campaign/*/calls": {"call/*": 3, "campaign/*+": 4, "dashboard": 2},
        "call/*": {"live": 5, "dashboard": 2, "calls": 1},
        "alerts": {"dashboard": 5, "campaign/*+": 3},
        "campaigns": {"campaign/*+": 8},
    },
    "manager": {
        "dashboard": {"campaigns": 5, "campaign/*+": 3, "analytics": 1},
        "campaigns": {"campaign/*+": 9, "dashboard": 1},
        "campaign/*": {"campaign/*/contacts=": 5, "analytics/*=": 3, "campaigns": 2},
        "campaign/*/contacts": {"campaign/*=": 5, "campaigns": 3, "campaign/*/calls=": 1},
        "campaign/*/calls": {"campaign/*=": 5, "call/*": 2},
        "analytics/*": {"campaign/*=": 4, "campaigns": 3, "analytics": 2},
        "analytics": {"analytics/*+": 5, "dashboard": 3},
        "call/*": {"campaign/*+": 3, "calls": 2},
    },
    "support": {
        "dashboard": {"calls": 9, "live": 1},
        "calls": {"call/*": 9, "dashboard": 1},
        "call/*": {"calls": 8, "campaign/*+": 1, "call/*": 1},
        "campaign/*": {"calls": 6, "campaign/*/contacts=": 3},
        "campaign/*/contacts": {"calls": 6, "campaign/*=": 2},
        "live": {"call/*": 6, "dashboard": 2},
    },
    "wallboard": {
        "dashboard": {"wall": 8, "live": 1},
        "wall": {"dashboard": 8},
        "live": {"wall": 5, "dashboard": 3},
    },
    "analyst": {
        "dashboard": {"analytics": 8, "campaigns": 1},
        "analytics": {"analytics/*+": 7, "calls": 1, "dashboard": 1},
        "analytics/*": {"analytics/*+": 6, "analytics": 2, "campaign/*=": 2},
        "campaign/*": {"analytics/*=": 6, "campaign/*/calls=": 1},
        "campaign/*/calls": {"analytics/*=": 4, "campaign/*=": 2},
        "campaigns": {"campaign/*+": 6},
        "calls": {"analytics": 4, "call/*": 2},
        "call/*": {"calls": 4, "analytics": 3},
    },
}
_SHARES = {"supervisor": 4, "manager": 5, "support": 6, "wallboard": 1, "analyst": 2}
_SHIFTS = {"supervisor": (8, 9), "manager": (9, 8), "support": (7, 8), "wallboard": (0, 24)}


class Opened(NamedTuple):
    """One page that somebody opened."""

    at_s: float
    person: str
    page: Page


@dataclass
class _Person:
    """One of them; habits are the role's, bent."""

    name: str
    role: str
    habits: dict[str, dict[str, float]]
    campaigns: list[str]
    noise: float
    pace_s: float
    campaign: int = 0


def trace(seed: int, people: int = 40, days: int = 5, campaigns: int = 12) -> list[Opened]:
    """Return what so many people opened in so many days, in order of time."""
    chance = random.Random(seed)  # noqa: S311  (a simulation)
    names = [f"c{seed}-{number}" for number in range(campaigns)]
    office = [_person(chance, f"{seed}-{number}", names) for number in range(people)]
    # A third changes its ways for good, on a day of their own.
    turns = {
        person.name: chance.randrange(1, days) for person in office if chance.random() < 1 / 3
    }
    found: list[Opened] = []
    for day in range(days):
        for person in office:
            if turns.get(person.name) == day:
                _change(chance, person, names)
            found += _day(chance, person, day * _DAY_S)
    found.sort(key=lambda opened: opened.at_s)
    return found


def _person(chance: random.Random, name: str, campaigns: list[str]) -> _Person:
    role = chance.choices(list(_SHARES), weights=list(_SHARES.values()))[0]
    noise = chance.uniform(0.03, 0.25)
    pace_s = chance.uniform(6.0, 25.0)
    own = chance.sample(campaigns, chance.randint(1, 5))
    return _Person(f"{role}-{name}", role, _bent(chance, role), own, noise, pace_s)


def _change(chance: random.Random, person: _Person, campaigns: list[str]) -> None:
    """Give somebody other campaigns, other preferences, and perhaps another job."""
    if chance.random() < 0.3:
        person.role = chance.choice([role for role in _ROLES if role != "wallboard"])
    person.habits = _bent(chance, person.role)
    person.campaigns = chance.sample(campaigns, chance.randint(1, 5))
    person.campaign = 0


def _bent(chance: random.Random, role: str) -> dict[str, dict[str, float]]:
    """Return a role's habits as one person has them: some prefer this, some that."""
    return {
        before: {after: weight * chance.gammavariate(1.5, 1.0) for after, weight in row.items()}
        for before, row in _ROLES[role].items()
    }


def _day(chance: random.Random, person: _Person, midnight_s: float) -> Iterator[Opened]:
    """Yield what somebody opens in a day: a few sittings in their shift."""
    begins, hours = _SHIFTS.get(person.role, (10, 6))
    for _ in range(chance.randint(3, 7)):
        at_s = midnight_s + begins * _HOUR_S + chance.uniform(0, hours * _HOUR_S)
        page = Page(chance.choice(["dashboard", "dashboard", "campaigns", "calls"]), "")
        for _ in range(min(60, 3 + int(chance.expovariate(1 / 15)))):
            yield Opened(at_s, person.name, page)
            at_s += chance.lognormvariate(0, 0.9) * person.pace_s
            page = _next(chance, person, page)


def _next(chance: random.Random, person: _Person, page: Page) -> Page:
    row = person.habits.get(page.kind)
    if row is None or chance.random() < person.noise:
        kind = chance.choice([*_SINGLE, *_KINDS])
        return _page(chance, person, page, kind if "*" not in kind else kind + "+")
    return _page(chance, person, page, chance.choices(list(row), weights=list(row.values()))[0])


def _page(chance: random.Random, person: _Person, page: Page, word: str) -> Page:
    kind = word.rstrip("=+")
    if kind == "call/*":
        return Page(kind, f"CA{chance.randrange(5_000):032x}")
    if "*" not in kind:
        return Page(kind, "")
    if word.endswith("=") and page.kind.startswith(("campaign/", "analytics/")):
        return Page(kind, page.id)
    # Mostly round one's own campaigns in order, now and then out of it.
    step = 1 if chance.random() < 0.8 else chance.randrange(len(person.campaigns))
    person.campaign = (person.campaign + step) % len(person.campaigns)
    return Page(kind, person.campaigns[person.campaign])
