"""What we declare of our collections, held against what a database really has."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pymongo.errors import PyMongoError

from callboard.store.database import CHANGE_SOURCES, MongoDatabase, Retention
from callboard.store.faults import unavailable
from callboard.store.schema import INDEXES, OBSOLETE_INDEXES, SCHEMAS

__all__ = ["Difference", "differences"]

Kind = Literal[
    "no-collection", "missing", "different", "hidden", "obsolete", "refuses", "deletes", "extra",
    "retention", "no-images", "no-schema",
]  # fmt: skip
Described = Mapping[str, Any]

_DAY_S = 24 * 3600
_OPTIONS = ("unique", "sparse", "partialFilterExpression", "expireAfterSeconds", "collation")
_WEBHOOKS_PAY = ("calls", "webhooks")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as declared."""

    kind: Kind
    collection: str
    index: str = ""
    detail: str = ""


async def differences(database: MongoDatabase, retention: Retention) -> list[Difference]:
    """Return whatever is not as the next start would make it, and what others have added.

    Raises:
        StoreUnavailable: MongoDB does not answer.
    """
    found: list[Difference] = []
    try:
        there = {entry["name"]: entry async for entry in await database.list_collections()}
        for name in INDEXES:
            if name not in there:
                found.append(Difference("no-collection", name))
                continue
            present = {
                str(index["name"]): dict(index)
                async for index in await database[name].list_indexes()
            }
            kept = _expiry(retention.get(name))
            found += _of_collection(name, there[name].get("options", {}))
            found += _of_indexes(name, present)
            found += _of_retention(name, present, kept)
            found += _of_others(name, present, kept)
    except PyMongoError as error:
        raise unavailable(error) from error
    return found


def _expiry(kept: tuple[str, int | None] | None) -> tuple[str, int | None] | None:
    """Return the name of a retention's index, and after how many seconds it lets expire."""
    if kept is None:
        return None
    path, days = kept
    return f"expire_{path}", days * _DAY_S if days is not None else None


def _of_collection(name: str, options: Described) -> Iterator[Difference]:
    if name in CHANGE_SOURCES:
        images = options.get("changeStreamPreAndPostImages", {})
        if not images.get("enabled"):
            yield Difference("no-images", name)
    if name in SCHEMAS and options.get("validator", {}).get("$jsonSchema") is None:
        yield Difference("no-schema", name)


def _of_indexes(name: str, present: Mapping[str, Described]) -> Iterator[Difference]:
    for model in INDEXES[name]:
        declared = model.document
        index = declared["name"]
        found = present.get(index)
        if found is None:
            rival = next((n for n, o in present.items() if _same(declared, o)), None)
            if rival is None:
                yield Difference("missing", name, index)
            else:
                yield Difference("different", name, index, f"there it is called {rival}")
        elif problem := _difference(declared, found):
            yield Difference("different", name, index, problem)
        elif found.get("hidden"):
            yield Difference("hidden", name, index)
    for index in OBSOLETE_INDEXES.get(name, ()):
        if index in present:
            yield Difference("obsolete", name, index)


def _same(declared: Described, other: Described) -> bool:
    """Tell whether MongoDB takes two indexes for the same one, whatever their names."""
    return _key(declared) == _key(other) and _difference(declared, other) == ""


def _difference(declared: Described, found: Described) -> str:
    """Return how an index differs from the declared one; empty when it does not."""
    if _key(declared) != _key(found):
        return f"its key is {dict(found['key'])}"
    for option in _OPTIONS:
        # `sparse: false` is as good as none.
        if (declared.get(option) or None) != (_plain(found.get(option)) or None):
            return f"its {option} is {found.get(option, 'not set')}"
    return ""


def _key(index: Described) -> list[tuple[str, Any]]:
    return [(path, direction) for path, direction in dict(index["key"]).items()]


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _of_retention(
    name: str, present: Mapping[str, Described], kept: tuple[str, int | None] | None
) -> Iterator[Difference]:
    if kept is None:
        return
    index, wanted_s = kept
    there_s = present.get(index, {}).get("expireAfterSeconds")
    if there_s != wanted_s:
        yield Difference("retention", name, index, f"{_days(there_s)}, not {_days(wanted_s)}")


def _days(seconds: float | None) -> str:
    return "never" if seconds is None else f"after {seconds / _DAY_S:g} days"


def _of_others(
    name: str, present: Mapping[str, Described], kept: tuple[str, int | None] | None
) -> Iterator[Difference]:
    """Yield indexes that somebody else made, by the harm they do."""
    ours = {model.document["name"] for model in INDEXES[name]}
    ours |= {"_id_", *OBSOLETE_INDEXES.get(name, ()), *([kept[0]] if kept else [])}
    for index, options in present.items():
        if index in ours:
            continue
        if "expireAfterSeconds" in options:
            yield Difference("deletes", name, index, _days(options["expireAfterSeconds"]))
        elif options.get("unique") and name in _WEBHOOKS_PAY:
            yield Difference("refuses", name, index)
        elif name in _WEBHOOKS_PAY:
            yield Difference("extra", name, index)
