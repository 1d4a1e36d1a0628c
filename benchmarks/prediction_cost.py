"""What predictive warming costs the event loop, call by call."""

import tracemalloc
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from time import process_time
from typing import Any

import orjson
from prediction_people import Opened

from callboard.clock import SystemClock
from callboard.keyspaces import CACHED
from callboard.warming.budget import Budget, Strain
from callboard.warming.model import Model
from callboard.warming.pages import Page
from callboard.warming.plan import plan_of
from callboard.warming.predictive import Predictor
from callboard.warming.warmer import Warmer

__all__ = ["costs"]


class _Idle:
    """Routes and campaigns that are never asked."""

    async def warm(self, path: str) -> bool:
        """Load nothing."""
        del path
        return False

    def active(self) -> list[str]:
        """Return none."""
        return []

    def is_leading(self) -> bool:
        """Tell that it does not."""
        return False


def timed(count: int, work: Callable[[int], object]) -> float:
    """Return the microseconds of processor time of one piece of work, the best of three tries."""
    tries = []
    for _ in range(3):
        began_s = process_time()
        for number in range(count):
            work(number)
        tries.append(1e6 * (process_time() - began_s) / count)
    return min(tries)


def costs(opened: list[Opened]) -> list[dict[str, Any]]:
    """Return what each call costs the event loop, with a model that has seen a week."""
    clock, today = SystemClock(), date(2026, 3, 26)
    budget = Budget(lambda: Strain(0.0, 0, is_up=True), clock)
    plan = plan_of((row.name, row.warmer) for row in CACHED)
    tracemalloc.start()
    model = Model()
    warmer = Warmer(_Idle(), _Idle(), plan, budget, lambda: today)
    predictor = Predictor(model, warmer, clock, lambda: today)
    at: dict[str, Page] = {}
    for _, person, page in opened:
        if (before := at.get(person)) is not None:
            model.learn(person, before, page)
        at[person] = page
    held_kb = tracemalloc.get_traced_memory()[0] / 1024
    tracemalloc.stop()
    sample = opened[:5_000]
    names = [(person, page.kind.replace("*", page.id)) for _, person, page in sample]
    pairs = list(pairwise(sample))
    person, poll = names[0][0], "/api/campaigns/c1/status"
    predictor.read(person, poll)
    people = model.newest()
    saved = orjson.dumps(model.to_json())
    jobs: dict[str, tuple[int, Callable[[int], object]]] = {
        "a read that tells nothing new": (50_000, lambda _: predictor.read(person, poll)),
        "a move learned": (4_000, lambda n: model.learn(pairs[n][0].person, *_pages(pairs[n]))),
        "a forecast made": (
            4_000,
            lambda n: model.forecasts(sample[n].person, sample[n].page, 4, 0.2),
        ),
        "a page opened: scored, learned, foretold, handed over": (
            4_000,
            lambda n: predictor.opened(*names[n]),
        ),
        "one person's habits as JSON": (200, lambda n: model.habits_of(people[n % len(people)])),
        "the whole model as JSON, person by person": (5, lambda _: orjson.dumps(model.to_json())),
        "and read again": (5, lambda _: Model.from_json(orjson.loads(saved))),
    }
    found = [{"what": name, "µs": round(timed(*job), 1)} for name, job in jobs.items()]
    found.append({"what": f"KiB saved, of {len(people)} people", "µs": round(len(saved) / 1024)})
    found.append({"what": "KiB held in memory", "µs": round(held_kb)})
    return [{"what": row["what"], "µs, or as named": row["µs"]} for row in found]


def _pages(pair: tuple[Opened, Opened]) -> tuple[Page, Page]:
    return pair[0].page, pair[1].page
