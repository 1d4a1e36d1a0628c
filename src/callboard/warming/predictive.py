"""From what people open to what is loaded for them, and how often that was right.

`opened` is told of pages, `read` of API paths; both only look things up and put paths into the
warmer's queue. Whoever sends `page` events is believed; of others the pages are made out from what
they read. Each forecast is kept for a minute, to see whether it came true.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from callboard.clock import Clock
from callboard.warming.model import Model
from callboard.warming.pages import Page, filled, page_named, read_of
from callboard.warming.statistics import WarmingStats
from callboard.warming.warmer import Warmer

__all__ = ["Predictor", "Thresholds"]

_OWN_SHARE = 0.2
"""A read that so many of a page's openings are followed by belongs to the page."""
_SEEN_MAX = 16
_TEMPLATES_MAX = 256
_COST_KEEP = 0.9


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a forecast is acted on, and when it counts as right."""

    likely: float = 0.2
    """Less likely pages are not loaded for, however dear a miss would be."""
    forecasts: int = 4
    """Pages loaded for at a time."""
    load_ms: float = 5.0
    """What a read is believed to take that was never loaded."""
    horizon_s: float = 60.0
    follow_s: float = 3.0
    """What is read so soon after a page was opened is read by that page."""
    visit_s: float = 1800.0
    """Whoever comes back later begins anew."""
    people_max: int = 1_000
    pending_max: int = 10_000


@dataclass(slots=True)
class _Visit:
    """Where somebody is."""

    page: Page
    at_s: float
    tells_s: float = float("-inf")
    """When they last told by an event which page they look at."""
    own: frozenset[str] = frozenset()
    """What the page is known to read."""
    seen: set[str] = field(default_factory=set)
    hopes: dict[Page, float] = field(default_factory=dict)
    """What was loaded for them, and until when it counts."""


class Predictor:
    """Forecasts and learns; every call takes microseconds and waits for nothing.

    Args:
        model: what was learned.
        warmer: loads what is foretold.
        clock: the time.
        today: returns the local day.
        enabled: off: nothing is learned and nothing loaded.
    """

    def __init__(
        self,
        model: Model,
        warmer: Warmer,
        clock: Clock,
        today: Callable[[], date],
        thresholds: Thresholds | None = None,
        *,
        enabled: bool = True,
    ) -> None:
        self.model = model
        self._warmer = warmer
        self._clock = clock
        self._today = today
        self._limits = thresholds or Thresholds()
        self._enabled = enabled
        self._visits: OrderedDict[str, _Visit] = OrderedDict()
        self._pending: deque[tuple[float, str, Page]] = deque()
        self._cost_ms: OrderedDict[str, float] = OrderedDict()
        self._predicted = self._hits = self._misses = self._opened = self._foreseen = 0
        warmer.on_done.append(self._note_cost)

    # -- what people do

    def opened(self, person: str, name: object) -> None:
        """Take in a `page` event."""
        if not self._enabled or (page := page_named(name)) is None:
            return
        visit = self._open(person, page)
        visit.tells_s = self._clock.monotonic_s()

    def read(self, person: str, target: str) -> None:
        """Take in a read of the API: its path, with the query."""
        if not self._enabled or (read := read_of(target, self._today())) is None:
            return
        visit = self._visits.get(person)
        if visit is None:
            self._open(person, read.home, target)
            return
        now_s, limits = self._clock.monotonic_s(), self._limits
        tells = now_s - visit.tells_s <= limits.visit_s
        fits = read.home.id in ("", visit.page.id)
        is_of_page = read.home == visit.page or (fits and read.template in visit.own)
        if not is_of_page and not tells:
            self._open(person, read.home, target)
        elif fits and read.template and now_s - visit.at_s <= limits.follow_s:
            self._learn_read(visit, read.template)

    def _learn_read(self, visit: _Visit, template: str) -> None:
        if template not in visit.seen and len(visit.seen) < _SEEN_MAX:
            visit.seen.add(template)
            self.model.read(visit.page.kind, template)

    def _open(self, person: str, page: Page, target: str = "") -> _Visit:
        """Note that somebody opens a page; score what was foretold, learn, forecast."""
        now_s = self._clock.monotonic_s()
        self._sweep(now_s)
        visit = self._visits.get(person)
        if visit is None:
            visit = self._come(person, page, now_s)
        else:
            self._visits.move_to_end(person)
            before, last_s = visit.page, visit.at_s
            visit.at_s = now_s
            if before == page:
                return visit
            if now_s - last_s <= self._limits.visit_s:
                self._score(visit, page)
                self.model.learn(person, before, page)
            visit.page = page
        self.model.opened(page.kind)
        visit.seen.clear()
        reads = self.model.reads(page.kind)
        visit.own = frozenset(read for read, share in reads.items() if share >= _OWN_SHARE)
        if target and (read := read_of(target, self._today())) is not None and read.template:
            self._learn_read(visit, read.template)
        self._foresee(person, visit, now_s, target)
        return visit

    def _come(self, person: str, page: Page, now_s: float) -> _Visit:
        visit = self._visits[person] = _Visit(page, now_s)
        if len(self._visits) > self._limits.people_max:
            self._visits.popitem(last=False)
        return visit

    # -- forecasting

    def _foresee(self, person: str, visit: _Visit, now_s: float, target: str) -> None:
        """Hand over what the page itself reads, then what its likely successors read."""
        here = [path for path in self._worth(visit.page, 1.0) if path != target]
        self._warmer.predicted(here, now_s)
        limits = self._limits
        likely = self.model.forecasts(person, visit.page, limits.forecasts, limits.likely)
        for page, probability in likely:
            paths = self._worth(page, probability)
            if not paths:
                continue
            self._warmer.predicted(paths, now_s)
            if page not in visit.hopes and len(self._pending) < limits.pending_max:
                self._predicted += 1
                self._pending.append((now_s + limits.horizon_s, person, page))
                visit.hopes[page] = now_s + limits.horizon_s

    def _worth(self, page: Page, probability: float) -> list[str]:
        """Return the paths of a page that are worth their load: waiting saved, on average."""
        price_ms, today = self._warmer.budget.price_ms, self._today()
        foresees = self._warmer.plan.foresees
        return [
            filled(template, page.id, today)
            for template, share in self.model.reads(page.kind).items()
            if share >= _OWN_SHARE
            and foresees(template)
            and probability * share * self._cost_of(template) >= price_ms
        ]

    def _cost_of(self, template: str) -> float:
        return self._cost_ms.get(template, self._limits.load_ms)

    def _note_cost(self, path: str, seconds: float) -> None:
        read = read_of(path, self._today())
        if read is None or not read.template:
            return
        before = self._cost_ms.get(read.template, 1000 * seconds)
        self._cost_ms[read.template] = _COST_KEEP * before + (1 - _COST_KEEP) * 1000 * seconds
        if len(self._cost_ms) > _TEMPLATES_MAX:
            self._cost_ms.popitem(last=False)

    # -- how right it was

    def _score(self, visit: _Visit, page: Page) -> None:
        """Count a page that was opened after another, if it reads what can be warmed."""
        # What was too late for has been swept away.
        foreseen = visit.hopes.pop(page, None) is not None
        self._hits += foreseen
        if foreseen or self._is_warmable(page.kind):
            self._opened += 1
            self._foreseen += foreseen

    def _is_warmable(self, kind: str) -> bool:
        foresees = self._warmer.plan.foresees
        reads = self.model.reads(kind).items()
        return any(share >= _OWN_SHARE and foresees(template) for template, share in reads)

    def _sweep(self, now_s: float) -> None:
        """Give up what was not opened in time."""
        while self._pending and self._pending[0][0] < now_s:
            until_s, person, page = self._pending.popleft()
            visit = self._visits.get(person)
            if visit is None:
                self._misses += 1
            elif visit.hopes.get(page) == until_s:
                del visit.hopes[page]
                self._misses += 1

    def stats(self) -> WarmingStats:
        """Return what was done so far."""
        self._sweep(self._clock.monotonic_s())
        warmer = self._warmer
        return WarmingStats(
            enabled=self._enabled,
            warmed=warmer.warmed,
            already_warm=warmer.already_warm,
            failed=warmer.failed,
            dropped=warmer.dropped,
            waiting=warmer.waiting,
            predicted=self._predicted,
            hits=self._hits,
            misses=self._misses,
            opened=self._opened,
            foreseen=self._foreseen,
            latency_p50_ms=warmer.latencies.at(0.5),
            latency_p95_ms=warmer.latencies.at(0.95),
            budget_per_s=warmer.budget.per_s,
            paused=warmer.budget.paused,
            people=self.model.people,
        )
