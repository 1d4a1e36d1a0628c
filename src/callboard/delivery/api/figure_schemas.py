"""What the reads of concurrency and failures answer, as the OpenAPI document describes it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = ["ConcurrencyCurve", "FailureCauses"]

Instant = str


class _Shown(BaseModel):
    """A JSON object that has these members and no others."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class QuarterHour(_Shown):
    """A quarter of an hour."""

    at: Instant = Field(description="When it begins.")
    peak: int = Field(description="The most calls at one time within it.")
    end: int = Field(description="How many went on at its end, or go on now.")


class ConcurrencyCurve(_Shown):
    """How many calls went on at one time on a local day, exactly, by quarters of an hour."""

    day: str
    timezone: str
    campaign_id: str | None
    quarters: list[QuarterHour] = Field(description="Those that have begun.")
    peak: int | None
    at: Instant | None = Field(description="When the peak was reached first.")
    limit: int | None = Field(description="`CALLBOARD_CONCURRENCY`.")


class FailureCause(_Shown):
    """Calls that ended alike."""

    cause: str = Field(description="`sip:<code>`, or the status where no code is known.")
    status: Literal["failed", "busy", "no-answer", "canceled"]
    sip_code: int | None = Field(description="Twilio's.")
    counts: list[int] = Field(description="By window.")
    last_sid: str
    last_at: Instant


class FailureCauses(_Shown):
    """Why calls did not come about, by when they ended, in windows back from now."""

    windows: list[str]
    now: Instant
    ended: list[int] = Field(description="All calls that ended, by window.")
    causes: list[FailureCause] = Field(description="The most frequent of 24 hours first.")
