"""Documents as they are stored against documents as they should be, byte for byte."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import bson

__all__ = ["assert_same_documents"]

Document = dict[str, Any]

_DIFFERENCES_SHOWN = 40


def assert_same_documents(stored: dict[str, Document], expected: dict[str, Document]) -> None:
    """Compare byte for byte but for the order of names, and show each path that differs."""
    lines = [f"{key}: is missing" for key in sorted(expected.keys() - stored.keys())]
    lines += [f"{key}: should not be there" for key in sorted(stored.keys() - expected.keys())]
    for key in sorted(stored.keys() & expected.keys()):
        if bson.encode(_in_order(stored[key])) != bson.encode(_in_order(expected[key])):
            lines += [f"{key}: {line}" for line in _different(stored[key], expected[key])]
    text = "\n".join(lines[:_DIFFERENCES_SHOWN])
    assert not lines, f"figures and calls differ in {len(lines)} places, the first:\n{text}"


def _in_order(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _in_order(value[name]) for name in sorted(value)}
    return [_in_order(inner) for inner in value] if isinstance(value, list) else value


def _different(stored: Document, expected: Document) -> list[str]:
    """Return every path whose values, or their types, are not the same."""
    ours, theirs = _paths(stored), _paths(expected)
    return [
        f"{path} is {ours.get(path, 'absent')}, should be {theirs.get(path, 'absent')}"
        for path in sorted(ours.keys() | theirs.keys())
        if ours.get(path) != theirs.get(path)
    ]


def _paths(value: Any, path: str = "") -> dict[str, str]:
    """Return what stands at each path, its type as BSON knows it included."""
    if isinstance(value, list):
        value = {str(number): inner for number, inner in enumerate(value)}
    if isinstance(value, Mapping) and value:
        found: dict[str, str] = {}
        for name, inner in value.items():
            found |= _paths(inner, f"{path}.{name}" if path else str(name))
        return found
    shown = value.isoformat() if isinstance(value, datetime) else repr(value)
    return {path: f"{shown} (BSON {bson.encode({'': value})[4]:#04x})"}
