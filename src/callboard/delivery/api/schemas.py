"""What the API answers, as its OpenAPI document describes it. Nothing is validated by these here.

Tests hold every answer against them. What other programs have written to `calls` and `campaigns`
is shown as it is, and may be of other types.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = [
    "Active",
    "Call",
    "CallPage",
    "CampaignAt",
    "CampaignDetails",
    "CampaignList",
    "CampaignWritten",
    "Days",
    "DurationSpread",
    "Liveness",
    "Problem",
    "Readiness",
    "Session",
    "Summary",
    "Timeline",
]

Status = Literal[
    "queued",
    "initiated",
    "ringing",
    "in-progress",
    "completed",
    "busy",
    "failed",
    "no-answer",
    "canceled",
    "unconfirmed",
]
Instant = str
Counts = dict[str, int]


class _Shown(BaseModel):
    """A JSON object that has these members and no others."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class Position(_Shown):
    """Where a view stands; offsets grow by one within an epoch."""

    epoch: str
    offset: int


class Call(_Shown):
    """One call, both vendors joined."""

    sid: str
    status: Status | None
    direction: Literal["inbound", "outbound"] | None
    from_: str | None = Field(alias="from")
    to: str | None
    start_time: Instant | None
    answer_time: Instant | None
    end_time: Instant | None
    duration: float | None = Field(description="Seconds.")
    campaign_id: str | None
    contact_id: str | None
    contact_name: str | None
    agent_id: str | None
    agent_name: str | None
    answered_by: str | None
    outcome: str | None
    success: str | bool | None
    cost: float | None
    conversation_id: str | None
    updated_at: Instant | None
    twilio: dict[str, Any] = Field({}, description="What Twilio said.")
    elevenlabs: dict[str, Any] = Field({}, description="What ElevenLabs said.")
    orphan: bool = Field(default=False, description="A conversation whose call is not known yet.")
    stale: bool = Field(default=False, description="Silent for unusually long.")


class CallPage(_Shown):
    """A page of calls, newest first."""

    calls: list[Call]
    next: str | None = Field(description="`before` of the next page, null at the end.")


class Active(BaseModel):
    """The calls that occupy a line now, newest first."""

    model_config = ConfigDict(extra="forbid")

    active_calls: list[Call]
    active_calls_count: int
    last_updated: Instant
    position: Position | None = Field(description="Null while nobody vouches for the view.")


class TimelineEvent(_Shown):
    """One webhook about a call, and what it was taken to say."""

    at: Instant = Field(description="When it happened, by the vendor's word if there is one.")
    received_at: Instant
    vendor: Literal["twilio", "elevenlabs"]
    kind: str
    event_key: str = Field(description="What makes two webhooks the same.")
    deliveries: int = Field(description="How often it came.")
    said: dict[str, Any] = Field(description="By names as in the call's sub-documents.")
    problem: str | None = Field(description="Why it could not be understood.")


class Timeline(_Shown):
    """The webhooks about a call, oldest first."""

    sid: str
    events: list[TimelineEvent]


class Rate(_Shown):
    """A share in percent; null for x/0."""

    numerator: int
    denominator: int
    value: float | None


class Rates(_Shown):
    """What can be divided."""

    answered: Rate
    human: Rate
    voicemail: Rate
    failed: Rate
    success: Rate


class Failures(_Shown):
    """Calls that failed."""

    total: int
    by_sip_code: Counts


class Concurrency(_Shown):
    """The most calls at one time, and when first."""

    peak: int | None
    at: Instant | None


class _Details(_Shown):
    outcomes: Counts
    contact: Counts
    failures: Failures
    evaluation: Counts
    cost: dict[str, dict[str, float]] = Field(description="By vendor and currency.")
    rates: Rates


class Figures(_Details):
    """The figures of a period."""

    day: str | None = Field(None, description="Of today's summary.")
    timezone: str | None = Field(None, description="Of today's summary.")
    total_calls: int
    active_calls: int
    completed_calls: int
    failed_calls: int
    total_duration: float
    average_duration: int | None
    success_rate: float | None
    by_status: Counts
    by_hour: list[int]
    attempts_by_hour: list[int]
    human_by_hour: list[int]
    by_direction: Counts
    duration_buckets: Counts
    max_duration: float | None
    concurrency: Concurrency


class Summary(BaseModel):
    """The figures of a period, and as of when."""

    model_config = ConfigDict(extra="forbid")

    summary: Figures
    period: Literal["today", "yesterday", "7d", "30d"]
    last_updated: Instant | None = Field(description="Null for periods other than today.")
    position: Position | None = Field(None, description="Of today's summary.")


class CampaignStatus(_Details):
    """A campaign's progress."""

    campaign_id: str
    name: str
    status: str = Field(description="`unknown` when nobody has said.")
    total_contacts: int | None
    total_calls: int
    active_calls: int
    queued_calls: int
    completed_calls: int
    failed_calls: int
    total_duration: float
    success_rate: float | None
    duration_buckets: Counts
    last_updated: Instant = Field(alias="last_updated")


class CampaignAt(CampaignStatus):
    """A campaign's progress at a position."""

    position: Position | None = Field(description="Null while nobody vouches for the view.")


class CampaignDetails(CampaignAt):
    """A campaign's progress at a position, and its own document."""

    details: dict[str, Any] | None = Field(description="As stored; null if only calls know it.")


class CampaignList(BaseModel):
    """Every campaign's progress, by name."""

    model_config = ConfigDict(extra="forbid")

    campaigns: list[CampaignStatus]
    last_updated: Instant


class CampaignWritten(_Shown):
    """What was written of a campaign."""

    campaign_id: str
    name: str | None = None
    status: Literal["draft", "active", "paused", "completed"] | None = None
    total_contacts: int | None = None


class Volume(_Shown):
    """How many calls."""

    total: int
    by_status: Counts
    by_hour: list[int]
    attempts_by_hour: list[int]
    human_by_hour: list[int]
    by_direction: Counts


class Durations(_Shown):
    """How long calls were, in seconds."""

    total: float
    count: int
    average: float | None
    max: float | None
    buckets: Counts


class Day(_Details):
    """The figures of one local day."""

    type: Literal["daily"]
    day: str
    date: Instant = Field(description="When the day began.")
    timezone: str
    campaign_id: str | None
    call_volume: Volume
    duration: Durations
    concurrency: Concurrency


class Days(_Shown):
    """Local days, oldest first; a day on which nothing happened is left out."""

    days: list[Day]
    timezone: str


class DurationSpread(_Shown):
    """How long the completed calls of some local days lasted, in seconds."""

    from_: str = Field(alias="from")
    to: str
    timezone: str
    campaign_id: str | None
    count: int
    total: int
    average: float | None
    min: int | None
    max: int | None
    percentiles: dict[str, int | None] = Field(description="By nearest rank: p10 to p99.")
    buckets: Counts


class Session(_Shown):
    """Who is signed in, and the server's clock."""

    authenticated: Literal[True]
    name: str
    scopes: list[Literal["read", "write", "admin"]]
    auth: Literal["on", "off"]
    timezone: str
    server_time: Instant


class Liveness(_Shown):
    """The process runs."""

    status: Literal["ok"]


class Readiness(_Shown):
    """Whether webhooks are taken and views are served, and what is missing."""

    status: Literal["ready", "waiting"]
    waiting_for: dict[str, str]


class FieldProblem(_Shown):
    """What was wrong with one field."""

    field: str
    message: str


class Problem(_Shown):
    """A problem document, RFC 9457."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str
    field: str | None = Field(None, description="Which field was to blame first.")
    errors: list[FieldProblem] = Field([], description="Every field that was wrong.")
