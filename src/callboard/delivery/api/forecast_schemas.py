"""What the forecast of a campaign answers, for the OpenAPI document."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = ["Forecast"]


class _Shown(BaseModel):
    """A JSON object that has these members and no others."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class Eta(_Shown):
    """Instants before which it is done with a chance of 10, 50 and 90 %."""

    p10: str
    p50: str
    p90: str


class Remaining(_Shown):
    """What is left to do; null without a list."""

    attempts: int | None = Field(description="Of contacts without a call, and queued calls.")
    uncalled: int | None = Field(description="Contacts without a call.")
    queued: int = Field(description="Calls that wait in Twilio's queue.")


class SlotSeconds(_Shown):
    """For how long a call holds its line: dial, ring and talk."""

    mean: float
    p50: float
    p95: float


class Caps(_Shown):
    """How many calls a minute may begin; null: no limit is known."""

    cps: float
    concurrency: float | None


class Forecast(_Shown):
    """When a campaign will be done, and what that depends on; rates are calls a minute."""

    campaign_id: str
    computed_at: str
    eta: Eta | None
    because: Literal["too_few_calls", "paused", "no_list", "done", "no_progress"] | None = Field(
        description="Why there is no `eta`."
    )
    remaining: Remaining
    attempts_per_contact: float | None = Field(description="So far; null before the first.")
    per_minute: float = Field(description="What is reckoned with: the least of the others.")
    observed_per_minute: int = Field(description="Begun in the last 60 s.")
    recent_per_minute: float = Field(description="Of the last 15 minutes, the newest weigh most.")
    slot_seconds: SlotSeconds | None
    caps: Caps
    binding: Literal["cps", "concurrency", "rate", "paused", "list"] | None
    sample: int = Field(description="Ended calls that slots were measured on, 200 at most.")
