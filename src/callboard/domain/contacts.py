"""Whom a campaign calls: one contact a number, checked row by row.

A row is what people type or export: names of columns in any case, numbers with spaces and
dashes. What is wrong with it is said by the field; it never stops the other rows.
"""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

__all__ = ["FIELDS", "Contact", "RowError", "contact_of", "field_of", "shown_contact"]

FIELDS = ("contactId", "number", "name", "timezone", "notes")
"""The fields callboard knows; other columns are kept under `variables`."""

_KNOWN = {
    "contactid": "contactId",
    "id": "contactId",
    "number": "number",
    "phone": "number",
    "phonenumber": "number",
    "telephone": "number",
    "to": "number",
    "name": "name",
    "contactname": "name",
    "timezone": "timezone",
    "notes": "notes",
}
_LENGTHS_MAX = {"contactId": 100, "number": 40, "name": 200, "timezone": 64, "notes": 1_000}
_VARIABLES_MAX = 30
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ .-]{0,63}")
_VARIABLE_LENGTH_MAX = 500
_PUNCTUATION = str.maketrans("", "", " \t\u00a0\u202f()-./")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_ID = re.compile(r"[^\s/\x00-\x1f\x7f]{1,100}")


class RowError(ValueError):
    """What is wrong with a row, and with which field of it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Contact(NamedTuple):
    """One contact of one campaign."""

    campaign_id: str
    number: str
    """E.164."""
    contact_id: str
    name: str | None
    timezone: str | None
    notes: str | None
    variables: dict[str, str]
    """What the agent is told, by name."""

    @property
    def key(self) -> str:
        """Return the `_id`: a number is called once by a campaign, however often it is listed."""
        said = f"{self.campaign_id}\0{self.number}".encode()
        return blake2b(said, digest_size=12).hexdigest()


def contact_of(campaign_id: str, row: Mapping[str, Any]) -> Contact:
    """Return the contact a row means.

    >>> found = contact_of("spring", {"Phone": "+34 600-00 00 01", "Name": " Ada ", "plan": "B"})
    >>> found.number, found.name, found.variables
    ('+34600000001', 'Ada', {'plan': 'B'})

    Raises:
        RowError: a field is wrong; says which and why.
    """
    told: dict[str, str] = {}
    variables: dict[str, str] = {}
    for column, value in row.items():
        text = _text(column, value)
        field = field_of(str(column))
        if field is None:
            _note_variable(variables, str(column).strip(), text)
        elif text:
            if field in told:
                raise RowError(field, f"is given twice, also as '{column}'")
            told[field] = text
    for field, text in told.items():
        if len(text) > _LENGTHS_MAX[field]:
            raise RowError(field, f"is longer than {_LENGTHS_MAX[field]} characters")
    number = _number(told.get("number", ""))
    contact_id = told.get("contactId", number)
    if not _ID.fullmatch(contact_id):
        raise RowError("contactId", "must have 1 to 100 characters, no spaces and no slashes")
    name, timezone, notes = (told.get(field) for field in ("name", "timezone", "notes"))
    return Contact(campaign_id, number, contact_id, name, timezone, notes, variables)


def field_of(column: str) -> str | None:
    """Return the field a column is for, None if it is a variable of the agent's.

    >>> field_of("Phone number"), field_of("contact_id"), field_of("plan")
    ('number', 'contactId', None)
    """
    return _KNOWN.get(re.sub(r"[\s_-]", "", column).lower())


def _text(column: object, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RowError(str(column)[:64], "must be a text or a number")
    return str(value).strip()


def _note_variable(variables: dict[str, str], name: str, text: str) -> None:
    if not text:
        return
    if not _VARIABLE_NAME.fullmatch(name) or "$" in name:
        raise RowError(name[:64], "is no name of a column: letters, digits, spaces, _ . -")
    if len(text) > _VARIABLE_LENGTH_MAX:
        raise RowError(name, f"is longer than {_VARIABLE_LENGTH_MAX} characters")
    if len(variables) >= _VARIABLES_MAX:
        raise RowError(name, f"is one too many: {_VARIABLES_MAX} further columns are kept")
    variables[name.replace(".", "_")] = text


def _number(text: str) -> str:
    """Return a phone number as E.164 (ITU-T): `+`, country, at most 15 digits."""
    if not text:
        raise RowError("number", "is missing")
    plain = text.translate(_PUNCTUATION)
    if plain.startswith("00"):
        plain = "+" + plain[2:]
    if not _E164.fullmatch(plain):
        message = "must be a phone number with its country, like +34600000001"
        raise RowError("number", message)
    return plain


def shown_contact(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored contact as the API shows it; other programs may have written anything."""
    return {
        "contactId": _shown(document.get("contactId")) or str(document["_id"]),
        "number": _shown(document.get("number")),
        "name": _shown(document.get("name")),
        "timezone": _shown(document.get("timezone")),
        "notes": _shown(document.get("notes")),
        "variables": {
            str(name): str(value) for name, value in _object(document.get("variables")).items()
        },
    }


def _shown(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
