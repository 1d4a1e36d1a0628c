"""The state as a document and back, without loss: a restart is no event."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from callboard.alerts.engine import State, Watched
from callboard.alerts.memory import Memory

__all__ = ["document_of", "state_of"]

_VERSION = 1
"""Of the document's form; another is not read."""

_INSTANTS = frozenset({"known_at", "fired_at", "cleared_at"})


def document_of(state: State) -> dict[str, Any]:
    """Return a state as it is stored; its instants are texts, whole to the microsecond."""
    return {
        "form": _VERSION,
        "at": _text(state.at),
        "watched": [
            {"rule": rule, "label": label, **_watched_document(watched)}
            for (rule, label), watched in sorted(state.watched.items())
        ],
        "memory": state.memory.as_document(),
    }


def state_of(document: Mapping[str, Any] | None) -> State:
    """Return a stored state; an empty one if there is none of this form."""
    if document is None or document.get("form") != _VERSION:
        return State()
    watched = {(entry["rule"], entry["label"]): _watched(entry) for entry in document["watched"]}
    return State(_instant(document["at"]), watched, Memory.of(document["memory"]))


def _watched_document(watched: Watched) -> dict[str, Any]:
    values = {field.name: getattr(watched, field.name) for field in fields(Watched)}
    return {name: _text(v) if name in _INSTANTS else v for name, v in values.items()}


def _watched(entry: Mapping[str, Any]) -> Watched:
    values: dict[str, Any] = {field.name: entry[field.name] for field in fields(Watched)}
    values |= {name: _instant(values[name]) for name in _INSTANTS}
    return Watched(**values)


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
