"""What a person opens next: learned of each, backed off to all, backed off to a rule.

A first-order model. Moves are learned between *classes* of pages, with a mark where the id is
carried over (`campaign/c1` to `campaign/c1/contacts`); which campaign is opened where none is
carried over is learned apart, after the one that was open last. Every estimate is mixed with the
next wider one, which counts like a few observations (Dirichlet): who is new gets everybody's
habits, and soon their own.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import nlargest
from operator import attrgetter
from typing import NamedTuple

from callboard.warming.pages import CLASSES, Page, subject
from callboard.warming.priors import NEXT, READS
from callboard.warming.rows import Row

__all__ = ["Forecast", "Model", "Tuning"]

_VERSION = 1
_TARGETS_MAX = 16
_SAME = "="
_SUBJECTS = frozenset({"campaign", "call"})
_RETURNED_TO = frozenset({"campaign"})
"""People go round their campaigns; a call is looked at and done with."""
_SAVED_LENGTH_MAX = 260


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was fitted (`benchmarks/bench_prediction.py`), and what bounds the memory."""

    keep_own: float = 0.93
    """What a move of a person is worth after another from there."""
    keep_all: float = 0.998
    rule_strength: float = 8.0
    """Like so many moves the rule counts beside everybody's."""
    all_strength: float = 2.0
    """Like so many moves everybody's count beside a person's own."""
    people_max: int = 500
    ids_max: int = 16
    """Of how many ids it is remembered how often each follows, in one row."""
    id_rows_max: int = 24
    """After how many ids it is remembered which follow, of one person."""
    reads_max: int = 16
    saved_people_max: int = 200


class Forecast(NamedTuple):
    """A page that may come next."""

    page: Page
    probability: float


@dataclass(slots=True)
class _Habits:
    """What one person does, or everybody."""

    moves: dict[str, Row] = field(default_factory=dict)
    ids: OrderedDict[str, Row] = field(default_factory=OrderedDict)
    """After an id of a subject (`campaign|c1`), or any (`campaign|`), the next ones."""
    last: dict[str, str] = field(default_factory=dict)
    """The id that was open last, of each subject."""


_PROBABILITY = attrgetter("probability")


class Model:
    """Learns of every move, and forecasts the next. Its memory is bounded whatever comes in."""

    def __init__(self, tuning: Tuning | None = None) -> None:
        self.tuning = tuning or Tuning()
        self._all = _Habits()
        self._people: OrderedDict[str, _Habits] = OrderedDict()
        self._reads: dict[str, Row] = {}

    @property
    def people(self) -> int:
        """Return of how many people habits are remembered."""
        return len(self._people)

    # -- pages

    def learn(self, person: str, before: Page, after: Page) -> None:
        """Take in that somebody went from one page to another."""
        if before == after:
            return
        own = self._habits(person)
        same = _is_carried(before, after)
        word = after.kind + _SAME if same else after.kind
        tuning = self.tuning
        for habits, keep in ((own, tuning.keep_own), (self._all, tuning.keep_all)):
            row = habits.moves.get(before.kind)
            if row is None:
                row = habits.moves[before.kind] = Row(keep, _TARGETS_MAX)
            row.add(word)
        if after.id and not same:
            self._learn_id(own, subject(after.kind), after.id)
        for page in (before, after):
            if page.id:
                own.last[subject(page.kind)] = page.id

    def _learn_id(self, own: _Habits, of: str, id_: str) -> None:
        tuning = self.tuning
        self._id_row(self._all, f"{of}|", tuning.keep_all).add(id_)
        self._id_row(own, f"{of}|", tuning.keep_own).add(id_)
        last = own.last.get(of, "")
        if last and of in _RETURNED_TO:
            self._id_row(own, f"{of}|{last}", tuning.keep_own).add(id_)

    def forecasts(
        self, person: str, page: Page, most: int = 6, least: float = 0.0
    ) -> list[Forecast]:
        """Return the likeliest next pages of somebody, at least so likely, the likeliest first."""
        own = self._people.get(person)
        ids: dict[str, Mapping[str, float]] = {}
        found: list[Forecast] = []
        for word, probability in self._next(own, page.kind).items():
            if probability < least:
                continue
            kind, of = word.removesuffix(_SAME), subject(word)
            if not of:
                found.append(Forecast(Page(kind, ""), probability))
            elif word.endswith(_SAME):
                found.append(Forecast(Page(kind, page.id), probability))
            else:
                if of not in ids:
                    ids[of] = self._next_ids(own, of, page)
                carried = page.id if of == subject(page.kind) else ""
                found += [
                    Forecast(Page(kind, id_), probability * share)
                    for id_, share in ids[of].items()
                    if id_ != carried and probability * share >= least
                ]
        return nlargest(most, found, key=_PROBABILITY)

    def _next(self, own: _Habits | None, kind: str) -> Mapping[str, float]:
        tuning = self.tuning
        mixed = NEXT.get(kind, {})
        if (row := self._all.moves.get(kind)) is not None:
            mixed = row.mixed(mixed, tuning.rule_strength)
        if own is not None and (row := own.moves.get(kind)) is not None:
            mixed = row.mixed(mixed, tuning.all_strength)
        return mixed

    def _next_ids(self, own: _Habits | None, of: str, page: Page) -> Mapping[str, float]:
        tuning = self.tuning
        mixed: Mapping[str, float] = {}
        if (row := self._all.ids.get(f"{of}|")) is not None:
            mixed = row.mixed(mixed, tuning.rule_strength)
        if own is None:
            return mixed
        if (row := own.ids.get(f"{of}|")) is not None:
            mixed = row.mixed(mixed, tuning.all_strength)
        last = page.id if of == subject(page.kind) else own.last.get(of, "")
        if last and (row := own.ids.get(f"{of}|{last}")) is not None:
            mixed = row.mixed(mixed, tuning.all_strength)
        return mixed

    def _habits(self, person: str) -> _Habits:
        own = self._people.get(person)
        if own is None:
            own = self._people[person] = _Habits()
            if len(self._people) > self.tuning.people_max:
                self._people.popitem(last=False)
        else:
            self._people.move_to_end(person)
        return own

    def _id_row(self, habits: _Habits, name: str, keep: float) -> Row:
        row = habits.ids.get(name)
        if row is None:
            row = habits.ids[name] = Row(keep, self.tuning.ids_max)
            if len(habits.ids) > self.tuning.id_rows_max:
                habits.ids.popitem(last=False)
        else:
            habits.ids.move_to_end(name)
        return row

    # -- what pages read

    def opened(self, kind: str) -> None:
        """Take in that a page of a class was opened; its reads follow."""
        row = self._reads.get(kind)
        if row is None:
            row = self._reads[kind] = Row(self.tuning.keep_all, self.tuning.reads_max)
        row.turn()

    def read(self, kind: str, template: str) -> None:
        """Take in what the page of a class that was just opened reads; once for each opening."""
        row = self._reads.get(kind)
        if row is not None:
            row.weigh(template)

    def reads(self, kind: str) -> dict[str, float]:
        """Return what the pages of a class read, and how likely each does."""
        rule = dict.fromkeys(READS.get(kind, ()), 1.0)
        row = self._reads.get(kind)
        mixed = rule if row is None else row.mixed(rule, self.tuning.rule_strength)
        return {template: min(1.0, share) for template, share in mixed.items()}

    # -- beyond a restart

    def to_json(self) -> dict[str, object]:
        """Return what was learned as plain JSON, of those people that were seen last."""
        return self.as_json([[person, self.habits_of(person)] for person in self.newest()])

    def as_json(self, people: list[list[object]]) -> dict[str, object]:
        """Return what was learned of everybody, with some people's habits."""
        return {
            "version": _VERSION,
            "all": _saved(self._all),
            "people": people,
            "reads": {kind: row.to_json() for kind, row in self._reads.items()},
        }

    def newest(self) -> list[str]:
        """Return whose habits are worth saving: those who were seen last."""
        return list(self._people)[-self.tuning.saved_people_max :]

    def habits_of(self, person: str) -> dict[str, object]:
        """Return one person's habits as plain JSON."""
        habits = self._people.get(person)
        return _saved(habits) if habits is not None else {}

    @classmethod
    def from_json(cls, document: object, tuning: Tuning | None = None) -> "Model":
        """Return a model with what was saved; what makes no sense is left out."""
        model = cls(tuning)
        if not isinstance(document, dict) or document.get("version") != _VERSION:
            return model
        model._restore(model._all, document.get("all"), model.tuning.keep_all)
        people = document.get("people")
        for entry in people if isinstance(people, list) else ():
            match entry:
                case [str() as person, dict() as habits] if len(person) <= _SAVED_LENGTH_MAX:
                    model._restore(model._habits(person), habits, model.tuning.keep_own)
                case _:
                    continue
        for kind, saved in _items(document.get("reads")):
            if kind in CLASSES:
                row = model._reads[kind] = Row(model.tuning.keep_all, model.tuning.reads_max)
                row.restore(saved, alone=False)
        return model

    def _restore(self, habits: _Habits, document: object, keep: float) -> None:
        saved = dict(_items(document))
        for kind, moves in _items(saved.get("moves")):
            row = Row(keep, _TARGETS_MAX)
            row.restore(moves)
            if kind in CLASSES and _WORDS.issuperset(row):
                habits.moves[kind] = row
        for name, ids in _items(saved.get("ids")):
            if name.partition("|")[0] in _SUBJECTS:
                self._id_row(habits, name, keep).restore(ids)
        for of, id_ in _items(saved.get("last")):
            if of in _SUBJECTS and isinstance(id_, str) and len(id_) <= _SAVED_LENGTH_MAX:
                habits.last[of] = id_


_WORDS = CLASSES | {kind + _SAME for kind in CLASSES if "*" in kind}


def _is_carried(before: Page, after: Page) -> bool:
    """Tell whether one page's id is the other's: the same campaign, or the same call."""
    return bool(after.id) and before.id == after.id and subject(before.kind) == subject(after.kind)


def _saved(habits: _Habits) -> dict[str, object]:
    return {
        "moves": {kind: row.to_json() for kind, row in habits.moves.items()},
        "ids": {name: row.to_json() for name, row in habits.ids.items()},
        "last": dict(habits.last),
    }


def _items(document: object) -> list[tuple[str, object]]:
    if not isinstance(document, dict):
        return []
    return [
        (name, value)
        for name, value in document.items()
        if isinstance(name, str) and len(name) <= _SAVED_LENGTH_MAX
    ]
