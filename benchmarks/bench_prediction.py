"""How often does predictive warming load the right thing, and what does a forecast cost?

Made-up people (`prediction_people.py`; no trace of real ones exists) open pages for five days, and
their habits change on the way. The constants were fitted on other seeds: other people, other
campaigns, other tastes (`--fit` shows how). Nobody is known when a trace begins.

Precision: pages loaded on a forecast that the same person opened within 60 s. Recall: pages that
read something cacheable, came after another page of that visit, and had been foretold. What a page
reads itself is no forecast: no contender gets points for it. Loads and cold reads: with entries
that live as long as their row says, shared by all.
"""

import sys
from collections.abc import Callable, Iterable
from itertools import product
from statistics import mean
from time import process_time
from typing import Any, NamedTuple, Protocol

from prediction_cost import costs
from prediction_people import Opened, trace
from report import write_report

from callboard.keyspaces import CACHED
from callboard.warming.model import Model, Tuning
from callboard.warming.pages import Page
from callboard.warming.plan import keyspace_of
from callboard.warming.predictive import Thresholds
from callboard.warming.rows import Row

FITTED_ON = (11, 12, 13)
HELD_OUT = (901, 902, 903, 904, 905)
HORIZON_S = 60.0
VISIT_S = 1_800.0
DEFAULT = Thresholds()

_TTL_S = {row.name: min(row.space.ttl_s, row.window_s or row.space.ttl_s) for row in CACHED}


WARMABLE = {
    "calls": ("/api/calls?limit=50",),
    "call/*": ("/api/calls/{id}",),
    "campaign/*": ("/api/campaigns/{id}",),
    "campaign/*/contacts": ("/api/campaigns/{id}/contacts",),
    "campaign/*/calls": ("/api/calls?campaignId={id}&limit=50",),
    "analytics": ("/api/analytics/daily?from={-6}&to={0}",),
    "analytics/*": ("/api/analytics/daily?campaignId={id}&from={-6}&to={0}",),
}
"""What the pages of this site read beside views, which are never loaded."""


class Contender(Protocol):
    """Forecasts what comes next."""

    def opened(self, person: str, before: Page | None, page: Page) -> Iterable[Page]:
        """Take in a page, and what came before it; return what to load."""


class Nothing:
    """Loads nothing ahead."""

    def opened(self, person: str, before: Page | None, page: Page) -> Iterable[Page]:
        """Return nothing."""
        del person, before, page
        return ()


class Rule:
    """The hard-coded rule: dashboard → summary, recent calls; campaign/X → details, contacts."""

    def opened(self, person: str, before: Page | None, page: Page) -> Iterable[Page]:
        """Return what it says; summary and details are what the page reads itself."""
        del person, before
        if page.kind == "dashboard":
            return (Page("calls", ""),)
        if page.kind == "campaign/*":
            return (Page("campaign/*/contacts", page.id),)
        return ()


class Learned:
    """Our model; `alone` leaves out what each person does."""

    def __init__(
        self, tuning: Tuning | None = None, likely: float | None = None, *, alone: bool = False
    ) -> None:
        self.model = Model(tuning)
        self._likely = DEFAULT.likely if likely is None else likely
        self._alone = alone

    def opened(self, person: str, before: Page | None, page: Page) -> Iterable[Page]:
        """Learn, and return what is likely enough."""
        if before is not None:
            self.model.learn(person, before, page)
        who = "" if self._alone else person
        forecasts = self.model.forecasts(who, page, DEFAULT.forecasts, self._likely)
        return [forecast.page for forecast in forecasts]


class Second(Learned):
    """Ours, and above it what each person does after two pages (PPM of order two)."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[tuple[str, str, str], Row] = {}
        self._earlier: dict[str, Page] = {}

    def opened(self, person: str, before: Page | None, page: Page) -> Iterable[Page]:
        """Learn both orders; mix as the model does."""
        earlier = self._earlier.get(person)
        if before is not None:
            self.model.learn(person, before, page)
            if earlier is not None:
                context = (person, earlier.kind, before.kind)
                self._rows.setdefault(context, Row(0.97, 16)).add(page.kind)
            self._earlier[person] = before
        else:
            self._earlier.pop(person, None)
        found = self.model.forecasts(person, page, 12)
        if before is not None and (row := self._rows.get((person, before.kind, page.kind))):
            kinds: dict[str, float] = {}
            for forecast in found:
                kinds[forecast.page.kind] = (
                    kinds.get(forecast.page.kind, 0.0) + forecast.probability
                )
            mixed = row.mixed(kinds, 4.0)
            found = [
                forecast._replace(
                    probability=forecast.probability
                    * mixed[forecast.page.kind]
                    / kinds[forecast.page.kind]
                )
                for forecast in found
            ]
            found.sort(key=lambda forecast: -forecast.probability)
        return [g.page for g in found[: DEFAULT.forecasts] if g.probability >= self._likely]


class Score(NamedTuple):
    """How a contender did on one trace."""

    precision: float
    recall: float
    foreseeable: float
    """Recall without single calls, of which each is looked at once."""
    f1: float
    loads: int
    useful: int
    cold: float
    us: float
    opened: int


class _Entries:
    """Entries that live as long as their row says, whoever loaded them."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], tuple[float, bool]] = {}
        self.loads = self.useful = 0

    def ahead(self, page: Page, now_s: float) -> None:
        """Load a page's reads where they are missing."""
        for template in WARMABLE.get(page.kind, ()):
            if self._until.get((template, page.id), (0.0, False))[0] < now_s:
                self.loads += 1
                self._until[template, page.id] = now_s + _TTL_S[keyspace_of(template)], True

    def read(self, page: Page, now_s: float) -> bool:
        """Read what a page reads; tell whether somebody had to wait."""
        waited = False
        for template in WARMABLE.get(page.kind, ()):
            key = template, page.id
            until_s, ahead = self._until.get(key, (0.0, False))
            if until_s < now_s:
                waited = True
                self._until[key] = now_s + _TTL_S[keyspace_of(template)], False
            elif ahead:
                self.useful += 1
                self._until[key] = until_s, False
        return waited


def play(contender: Contender, opened: list[Opened]) -> Score:
    """Let a contender see a trace page by page."""
    took_s = 0.0
    at: dict[str, tuple[float, Page]] = {}
    hopes: dict[str, dict[Page, float]] = {}
    entries = _Entries()
    foretold = wanted = foreseen = calls = cold = pages = 0
    for now_s, person, page in opened:
        last_s, before = at.get(person, (0.0, None))
        before = before if now_s - last_s <= VISIT_S else None
        at[person] = now_s, page
        mine = hopes.setdefault(person, {})
        if before != page and before is not None and WARMABLE.get(page.kind):
            wanted += 1
            until_s = mine.pop(page, None)
            foreseen += until_s is not None and now_s <= until_s
            calls += page.kind == "call/*"
        if WARMABLE.get(page.kind):
            pages += 1
            cold += entries.read(page, now_s)
        began_s = process_time()
        found = list(contender.opened(person, before, page))
        took_s += process_time() - began_s
        for forecast in found:
            if not WARMABLE.get(forecast.kind):
                continue
            entries.ahead(forecast, now_s)
            if mine.get(forecast, 0.0) < now_s:
                foretold += 1
                mine[forecast] = now_s + HORIZON_S
    precision, recall = foreseen / max(1, foretold), foreseen / max(1, wanted)
    foreseeable = foreseen / max(1, wanted - calls)
    f1 = 2 * precision * recall / max(1e-9, precision + recall)
    us = 1e6 * took_s / len(opened)
    return Score(
        precision=precision,
        recall=recall,
        foreseeable=foreseeable,
        f1=f1,
        loads=entries.loads,
        useful=entries.useful,
        cold=cold / pages,
        us=us,
        opened=len(opened),
    )


def fit() -> None:
    """Show how the constants do on the traces they are fitted on."""
    traces = [trace(seed) for seed in FITTED_ON]
    found = []
    for keep, own, rule, likely in product(
        (0.9, 0.93, 0.97), (1.0, 2.0, 4.0), (8.0,), (0.12, 0.16, 0.2, 0.25, 0.3)
    ):
        tuning = Tuning(keep_own=keep, all_strength=own, rule_strength=rule)
        scores = [play(Learned(tuning, likely), opened) for opened in traces]
        found.append((mean(score.f1 for score in scores), keep, own, rule, likely))
    for f1, *constants in sorted(found, reverse=True)[:15]:
        print(f"F1 {f1:.4f}", constants)


CONTENDERS: dict[str, Callable[[], Contender]] = {
    "nothing": Nothing,
    "hard-coded rule": Rule,
    "everybody's habits": lambda: Learned(alone=True),
    "own and everybody's (ours)": Learned,
    "the same, of order two": Second,
}


def rows() -> list[dict[str, Any]]:
    """Return one row for each contender, over the traces nothing was fitted on."""
    traces = [trace(seed) for seed in HELD_OUT]
    found = []
    for name, make in CONTENDERS.items():
        scores = [play(make(), opened) for opened in traces]
        f1s = [score.f1 for score in scores]
        useful = sum(score.useful for score in scores)
        found.append(
            {
                "warming": name,
                "precision": round(mean(score.precision for score in scores), 3),
                "recall": round(mean(score.recall for score in scores), 3),
                "without single calls": round(mean(score.foreseeable for score in scores), 3),
                "F1": round(mean(f1s), 3),
                "F1 worst/best trace": f"{min(f1s):.3f}/{max(f1s):.3f}",
                "loads per useful": round(sum(score.loads for score in scores) / useful, 2)
                if useful
                else "-",
                "pages that waited": f"{100 * mean(score.cold for score in scores):.1f} %",
                "µs a page": round(mean(score.us for score in scores), 1),
                "pages": sum(score.opened for score in scores),
            }
        )
    return found


if __name__ == "__main__":
    if "--fit" in sys.argv:
        fit()
    else:
        write_report("prediction", __doc__, rows())
        write_report(
            "prediction_cost",
            "What does a forecast cost the event loop?",
            costs(trace(HELD_OUT[0], people=150, days=3)),
        )
