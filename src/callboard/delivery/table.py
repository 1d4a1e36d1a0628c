"""Rows as CSV (RFC 4180) that a spreadsheet may open without running what a caller was named.

A text that a spreadsheet would take for a formula gets an apostrophe before it. Phone numbers in
the form `+14155550100` stay as they are: a plus and digits can only be a number.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

__all__ = ["MEDIA_TYPE", "attachment", "cell", "flat", "rendered"]

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"

_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001  (spreadsheets take the wide ones too)
_PHONE_NUMBER = re.compile(r"\+[0-9]{1,20}")


def attachment(name: str) -> dict[str, str]:
    """Return the headers of a table that is saved, not shown, and kept by nobody else."""
    return {
        "Content-Disposition": f'attachment; filename="{name}.csv"',
        "Cache-Control": "no-store",
    }


def cell(value: Any) -> str | int | float:
    """Return a value as a cell.

    >>> cell("=1+1"), cell("+14155550100"), cell("-5"), cell(-5), cell(None), cell(True)
    ("'=1+1", '+14155550100', "'-5", -5, '', 'true')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return value
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    if _FORMULA.match(text) and not _PHONE_NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def rendered(rows: Iterable[Sequence[Any]]) -> bytes:
    """Return rows as CSV in UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the leaves of a document by their paths.

    >>> flat({"a": {"b": 1}, "c": [2, 3]})
    {'a.b': 1, 'c.0': 2, 'c.1': 3}
    """
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        path = f"{prefix}{name}"
        members = dict(enumerate(value)) if isinstance(value, list) else value
        if isinstance(members, Mapping):
            leaves |= flat({str(key): inner for key, inner in members.items()}, f"{path}.")
        else:
            leaves[path] = value
    return leaves
