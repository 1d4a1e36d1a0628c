"""How a fact merges into its call document: one statement MongoDB executes by itself.

Stage one merges the fact's leaves (`callboard.domain.lattice`). Stage two derives the shown
fields from the leaves (`callboard.store.rules`). Whoever reads the collection, with whatever
tool, reads plain `status` and `outcome` (docs/adr/0004).

Nothing from outside is ever read as an expression: a contact may be called "$gt".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from callboard.domain.lattice import CallFact
from callboard.store.rules import DERIVE_ALL, Expression, derived, derived_shortly, may_reopen

__all__ = [
    "DERIVE_ALL",
    "GIVEN_UP",
    "Shape",
    "group_statement",
    "quick_statement",
    "shape",
    "update_statement",
    "watch_statement",
]

GIVEN_UP = 241
"""MongoDB's `ConversionFailure`: `quick_statement` met a call that the watch has closed."""

# An object is no date: MongoDB refuses the statement, and writes nothing of it. No other
# statement of ours converts anything.
_FAIL: Expression = {"$toDate": "$watch.closed"}


def update_statement(fact: CallFact) -> dict[str, Any]:
    """Return the member of an `update` command's `updates` that merges this fact.

    The filter is the call's key as `_id`, so that two first webhooks cannot make two calls.
    """
    return _statement(fact, derived(fact))


def quick_statement(fact: CallFact) -> dict[str, Any]:
    """Return a cheaper statement that does the same, or fails with `GIVEN_UP` and does nothing.

    It fails where the watch has closed the call, and `update_statement` must be asked: its rule
    for these few costs MongoDB more to read than all the rest.
    """
    found = derived_shortly(fact)
    if may_reopen(fact):
        short = found.get("status", "$status")
        found["status"] = {"$cond": ["$watch.closed", _FAIL, short]}
    return _statement(fact, found)


def _statement(fact: CallFact, shown: Mapping[str, Expression]) -> dict[str, Any]:
    merged: dict[str, Any] = {"sid": _literal(fact.key)}
    if fact.orphan:
        merged["orphan"] = True
    for path, value in fact.most.items():
        # MongoDB's `$max` and `$min` ignore the missing.
        merged[path] = {"$max": [f"${path}", _literal(value)]}
    for path, value in fact.least.items():
        merged[path] = {"$min": [f"${path}", _literal(value)]}
    stages: list[dict[str, Any]] = [{"$set": merged}]
    if shown:
        stages.append({"$set": dict(shown)})
    return {"q": {"_id": fact.key}, "u": stages, "upsert": True}


def watch_statement(identity: Any, fact: CallFact) -> dict[str, Any]:
    """Return the member of `updates` that merges a fact of the watch's.

    The call may be another program's, whose `_id` is no call SID; one that was deleted
    meanwhile is not made again.
    """
    merged, shown = update_statement(fact)["u"]
    del merged["$set"]["sid"]
    return {"q": {"_id": identity}, "u": [merged, shown], "upsert": False}


Shape = tuple[str, ...]


def shape(fact: CallFact) -> Shape | None:
    """Return which leaves a fact has; facts of one shape merge by one statement.

    None for facts that are merged alone: ElevenLabs', of which there are few.
    """
    if not fact.is_twilios_alone:
        return None
    return (*fact.most, "", *fact.least)


def group_statement(facts: Sequence[CallFact]) -> dict[str, Any]:
    """Return one statement that merges facts of one shape into as many calls that exist.

    It does what `update_statement` does for each, and creates nothing. MongoDB reads and plans
    a statement once, which is half of what a single one costs. A call that the watch has closed
    is left out if the fact may reopen it: merge that by itself.
    """
    first = facts[0]
    names = {path: number for number, path in enumerate((*first.most, *first.least))}
    said = {path: {"$arrayElemAt": ["$_said", number]} for path, number in names.items()}
    merged: dict[str, Any] = {"sid": "$_id"}
    for path in first.most:
        merged[path] = {"$max": [f"${path}", said[path]]}
    for path in first.least:
        merged[path] = {"$min": [f"${path}", said[path]]}
    keys = [fact.key for fact in facts]
    values = [[*fact.most.values(), *fact.least.values()] for fact in facts]
    which = {"$indexOfArray": [{"$literal": keys}, "$_id"]}
    stages: list[dict[str, Any]] = [
        {"$set": {"_said": {"$arrayElemAt": [{"$literal": values}, which]}}},
        {"$set": merged},
        {"$set": {**derived_shortly(first), "_said": "$$REMOVE"}},
    ]
    named: dict[str, Any] = {"_id": {"$in": keys}}
    if may_reopen(first):
        named["watch.closed"] = None
    return {"q": named, "u": stages, "multi": True}


def _literal(value: Any) -> Any:
    """Guard a value that MongoDB might read as an expression; all else is one already."""
    if isinstance(value, str):
        return {"$literal": value} if value.startswith("$") else value
    return {"$literal": value} if isinstance(value, (Mapping, list)) else value
