"""MongoDB's side of a merge in a few lines of Python: enough to run our statements without it.

Every expression that `callboard.store.merge` uses, and BSON's order of values. Integration tests
hold that the real MongoDB does the same; here thousands of histories cost milliseconds.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import datetime
from functools import cmp_to_key
from typing import Any

from callboard.domain.lattice import CallFact
from callboard.store.merge import DERIVE_ALL, update_statement

__all__ = ["applied", "compare", "derived_anew", "evaluate", "merged"]

Document = dict[str, Any]

_MISSING = object()
# BSON's order of types: null, numbers, text, objects, lists, booleans, instants.
_TYPES: tuple[tuple[type, int], ...] = (
    (type(None), 1),
    (bool, 6),
    (int, 2),
    (float, 2),
    (str, 3),
    (Mapping, 4),
    (list, 5),
    (datetime, 7),
)


def _rank(value: Any) -> int:
    if value is _MISSING:
        return 0
    return next(rank for kind, rank in _TYPES if isinstance(value, kind))


def _sign(one: Any, other: Any) -> int:
    return int(one > other) - int(one < other)


def compare(one: Any, other: Any) -> int:
    """Return -1, 0 or 1 as MongoDB orders two values."""
    if by_type := _sign(_rank(one), _rank(other)):
        return by_type
    if isinstance(one, (Mapping, list)):
        # Field by field: type, then name, then value; the shorter one comes first.
        parts = (_fields(one), _fields(other))
        for (*key, value), (*other_key, other_value) in zip(*parts, strict=False):
            if found := _sign(key, other_key) or compare(value, other_value):
                return found
        return _sign(len(one), len(other))
    if isinstance(one, str):
        return _sign(one.encode(), other.encode())
    return 0 if _absent(one) else _sign(one, other)


def _fields(value: Any) -> list[tuple[Any, ...]]:
    named = value.items() if isinstance(value, Mapping) else (("", inner) for inner in value)
    return [(_rank(inner), name, inner) for name, inner in named]


def _at(document: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(document, Mapping) or name not in document:
            return _MISSING
        document = document[name]
    return document


def _absent(value: Any) -> bool:
    return value is _MISSING or value is None


def _truth(value: Any) -> bool:
    return not _absent(value) and value not in (False, 0)


def evaluate(expression: Any, document: Document) -> Any:
    """Return what an expression is worth in a document; a sentinel where nothing is."""
    if isinstance(expression, str) and expression.startswith("$"):
        return _MISSING if expression == "$$REMOVE" else _at(document, expression[1:])
    if not isinstance(expression, Mapping):
        return expression
    ((operator, argument),) = expression.items()
    if operator == "$literal":
        return argument
    if operator == "$cond":
        test, yes, no = argument
        return evaluate(yes if _truth(evaluate(test, document)) else no, document)
    if operator == "$switch":
        cases = (b["then"] for b in argument["branches"] if _truth(evaluate(b["case"], document)))
        return evaluate(next(cases, argument["default"]), document)
    return _of_all(operator, [evaluate(inner, document) for inner in argument])


def _of_all(operator: str, values: list[Any]) -> Any:
    """Return the worth of an operator that takes its arguments' worths."""
    if operator == "$ifNull":
        return next((value for value in values if not _absent(value)), values[-1])
    if operator in ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte"):
        order = compare(values[0], values[1])
        tests = {"$eq": order == 0, "$ne": order != 0, "$gt": order > 0, "$gte": order >= 0}
        return {**tests, "$lt": order < 0, "$lte": order <= 0}[operator]
    if operator in ("$and", "$or", "$not"):
        truths = [_truth(value) for value in values]
        return {"$and": all(truths), "$or": any(truths), "$not": not truths[0]}[operator]
    if operator == "$in":
        return values[0] in values[1]
    found = sorted((v for v in values if not _absent(v)), key=cmp_to_key(compare))
    if operator == "$min":
        return found[0] if found else None
    assert operator == "$max", operator
    return found[-1] if found else None


def _set(document: Document, path: str, value: Any) -> None:
    *parents, leaf = path.split(".")
    for name in parents:
        if not isinstance(document.get(name), dict):
            document[name] = {}
        document = document[name]
    if value is _MISSING:
        document.pop(leaf, None)
    else:
        document[leaf] = deepcopy(value)


def applied(document: Document | None, statement: Mapping[str, Any]) -> Document:
    """Return the document after a statement; None stands for one that is not there yet."""
    found = deepcopy(document) if document is not None else {"_id": statement["q"]["_id"]}
    assert found["_id"] == statement["q"]["_id"]
    for stage in statement["u"]:
        ((operator, fields),) = stage.items()
        assert operator == "$set"
        # A stage sees the document as it was before the stage.
        worth = {path: evaluate(expression, found) for path, expression in fields.items()}
        for path, value in worth.items():
            _set(found, path, value)
    return found


def merged(facts: Iterable[CallFact], document: Document | None = None) -> Document:
    """Return the call that facts about it end in."""
    for fact in facts:
        document = applied(document, update_statement(fact))
    assert document is not None
    return document


def derived_anew(document: Document) -> Document:
    """Return the document with every shown field derived by its whole rule."""
    return applied(document, {"q": {"_id": document["_id"]}, "u": [{"$set": DERIVE_ALL}]})
