"""What it means that an index or a collection is not as declared."""

from collections.abc import Iterable, Iterator

from callboard.app.doctor.findings import Finding, Level
from callboard.store.declared import Difference

__all__ = ["index_findings"]

_RESTART = "restart callboard, which makes it anew"
_BAD = ("warning", "fault")
_MEANINGS: dict[str, tuple[Level, str, str, str]] = {
    "no-collection": (
        *("note", "mongodb.indexes", "{0}: not there yet"),
        "start `callboard serve`, which makes them",
    ),
    "missing": (
        *(
            "warning",
            "mongodb.indexes",
            "the index {1} of {0} is missing: all of it is read instead",
        ),
        _RESTART,
    ),
    "different": (
        *("fault", "mongodb.indexes", "the index {1} of {0} is not as we declare it: {2}"),
        'drop it (db.{0}.dropIndex("…") in mongosh) and restart: until then serve cannot start',
    ),
    "hidden": (
        *("warning", "mongodb.indexes", "the index {1} of {0} is hidden, so nothing uses it"),
        'run db.{0}.unhideIndex("{1}") in mongosh',
    ),
    "obsolete": (
        *("note", "mongodb.indexes", "the index {1} of {0} is an earlier version's"),
        "none needed: the next start drops it",
    ),
    "refuses": (
        *(
            "warning",
            "mongodb.indexes",
            "the unique index {1} of {0} is not ours, and may refuse webhooks",
        ),
        'drop it: db.{0}.dropIndex("{1}") in mongosh; who made it?',
    ),
    "deletes": (
        *("warning", "mongodb.indexes", "the index {1} of {0} is not ours and deletes {2}"),
        "drop it unless you mean it; our own retention is a setting, CALLBOARD_CALLS_KEPT_DAYS",
    ),
    "extra": (
        *("note", "mongodb.indexes", "the index {1} of {0} is not ours"),
        "drop it if nothing of yours reads by it: every webhook pays for it",
    ),
    "retention": (
        *("warning", "mongodb.retention", "{0} expire {2}, as these settings say"),
        "restart callboard, which puts the settings in force; give every process the same",
    ),
    "no-images": (
        *("fault", "mongodb.images", "{0} keeps no change images: figures are folded anew"),
        _RESTART,
    ),
    "no-schema": ("note", "mongodb.schema", "{0} has no schema: nothing is refused", _RESTART),
}


def index_findings(differences: Iterable[Difference]) -> Iterator[Finding]:
    """Judge what is not as declared."""
    found = list(differences)
    absent = [each.collection for each in found if each.kind == "no-collection"]
    if absent:
        level, name, what, advice = _MEANINGS["no-collection"]
        yield Finding(level, name, what.format(", ".join(absent)), advice)
    for difference in found:
        if difference.kind == "no-collection":
            continue
        level, name, what, advice = _MEANINGS[difference.kind]
        told = (difference.collection, difference.index, difference.detail)
        yield Finding(level, name, what.format(*told), advice.format(*told))
    if not any(_MEANINGS[each.kind][0] in _BAD for each in found) and not absent:
        yield Finding("ok", "mongodb.indexes", "every index is as declared")
