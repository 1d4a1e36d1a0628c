"""What the routes of contacts answer, for the OpenAPI document."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = ["ContactPage", "ContactsWritten"]


class _Shown(BaseModel):
    """A JSON object that has these members and no others."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class Contact(_Shown):
    """Somebody a campaign calls."""

    contact_id: str
    number: str | None
    name: str | None
    timezone: str | None
    notes: str | None
    variables: dict[str, str] = Field(description="What the agent is told, by name.")


class ContactPage(_Shown):
    """A page of a campaign's contacts, in no order that means anything."""

    contacts: list[Contact]
    next: str | None = Field(description="`before` of the next page, null at the end.")
    total: int | None


class RowProblem(_Shown):
    """What is wrong with a row."""

    line: int
    field: str
    message: str


class ContactsWritten(_Shown):
    """What became of the rows; `refused` ones are told of in `problems`, the first hundred."""

    rows: int
    added: int
    changed: int
    unchanged: int
    refused: int
    total: int
    problems: list[RowProblem]
