"""What `/api/alerts` answers, as the OpenAPI document describes it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = ["AlertRules", "Alerts"]

Severity = Literal["critical", "warning"]


class _Shown(BaseModel):
    """A JSON object that has these members and no others."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class FiringAlert(_Shown):
    """What is wrong now."""

    rule: str
    label: str = Field(description="Which view, vendor or campaign; empty where there is one.")
    severity: Severity
    title: str
    seen: str = Field(description="What was seen at the last look.")
    advice: str
    since: str
    clearing: bool = Field(description="Whether it is good again, but not for long enough yet.")


class SentAlert(_Shown):
    """What came of telling one target."""

    target: str = Field(description="Kind and digest of its URL.")
    state: Literal["waiting", "sent", "failed"]
    attempts: int
    sent_at: str | None
    error: str | None = Field(description="Of the last attempt.")


class ToldAlert(_Shown):
    """Something that began or ended."""

    id: str
    rule: str
    label: str
    kind: Literal["fired", "cleared"]
    severity: Severity
    title: str
    seen: str
    at: str
    fired_at: str
    sent: list[SentAlert]


class Alerts(_Shown):
    """What fires now, and what was told last, newest first."""

    judged_at: str | None = Field(description="When was last looked; null: never.")
    firing: list[FiringAlert]
    recent: list[ToldAlert]


class AlertRule(_Shown):
    """One rule in force."""

    name: str
    title: str
    severity: Severity
    condition: str = Field(description="When it is bad, as a sentence without its end.")
    for_s: float = Field(description="How long it must be bad to fire.")
    clear_for_s: float = Field(description="How long it must be good to clear.")
    minimum: float | None = Field(description="The smallest sample that is judged.")
    advice: str


class AlertRules(_Shown):
    """The rules in force."""

    rules: list[AlertRule]
