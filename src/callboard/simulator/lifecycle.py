"""How one call goes: which statuses, when, and how it ends.

A plan is drawn completely when the call is placed, so that tests know its end in advance. The
times are what a campaign sees in practice, not what any vendor promises.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log
from random import Random

from callboard.simulator.people import Campaign, Contact

__all__ = ["CallEvent", "CallPlan", "Outcome", "draw_inbound", "draw_outbound", "stamp"]


@dataclass(frozen=True, slots=True)
class CallEvent:
    """A status a call reaches, and when."""

    status: str
    """Twilio's callback status, e.g. `in-progress`."""
    at_s: float
    """Seconds since the scenario's start (within an `Outcome`: since the call's)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The course of a call before it has a place in time."""

    events: tuple[CallEvent, ...]
    """Offsets in real-time seconds since the call was placed, the first at 0."""
    answered_by: str | None
    """The AMD verdict; None if nobody answered, and for inbound calls."""
    sip_code: int | None
    """What Twilio reports with the end; None for inbound calls."""


@dataclass(frozen=True, slots=True)
class CallPlan:
    """Everything about one simulated call, its end included."""

    index: int
    """0 for the scenario's first call, counted in order of start."""
    sid: str
    """The call SID: `CA` and 32 hex digits."""
    direction: str
    """`outbound-api` or `inbound`."""
    campaign: Campaign
    """Whom the call is for; even of an inbound caller nobody recognises."""
    contact: Contact
    """The other end of the line."""
    recognised: bool
    """Whether the callback URL names campaign, contact and agent."""
    events: tuple[CallEvent, ...]
    """In order of time; the position is the `SequenceNumber`. The last one is terminal."""
    answered_by: str | None
    """The AMD verdict, or None."""
    sip_code: int | None
    """`SipResponseCode` of the end, or None."""
    stir: str
    """The STIR attestation level: A, B or C."""
    duration_s: int
    """Answer to end in whole seconds, as their time stamps say; 0 if nobody answered."""

    @property
    def started_at_s(self) -> float:
        """When the first event fires, in seconds since the scenario's start."""
        return self.events[0].at_s

    @property
    def ended_at_s(self) -> float:
        """When the terminal event fires, in seconds since the scenario's start."""
        return self.events[-1].at_s

    @property
    def final_status(self) -> str:
        """The terminal status, e.g. `no-answer`."""
        return self.events[-1].status

    @property
    def from_number(self) -> str:
        """The caller, E.164."""
        return self.contact.number if self.direction == "inbound" else self.campaign.from_number

    @property
    def to_number(self) -> str:
        """The callee, E.164."""
        return self.campaign.from_number if self.direction == "inbound" else self.contact.number


def stamp(start_at: datetime, at_s: float) -> datetime:
    """Return the instant Twilio writes for an event: whole seconds, rounded down."""
    return (start_at + timedelta(seconds=at_s)).replace(microsecond=0)


def draw_outbound(campaign: Campaign, rng: Random) -> Outcome:
    """Draw the course of a call we place, by the campaign's odds."""
    odds = campaign.profile
    draws = (_human, _voicemail, _no_answer, _busy, _failed, _canceled)
    weights = (
        odds.human,
        odds.voicemail,
        odds.no_answer,
        odds.busy,
        odds.failed,
        odds.canceled,
    )
    return rng.choices(draws, weights)[0](campaign, rng)


def draw_inbound(campaign: Campaign, rng: Random) -> Outcome:
    """Draw the course of a call somebody places to us: mostly answered, and at once."""
    fate = rng.choices(("completed", "no-answer", "busy"), (90, 7, 3))[0]
    if fate == "no-answer":
        events = _events("ringing", ("no-answer", rng.uniform(3, 20)))
    elif fate == "busy":
        events = _events("ringing", ("busy", rng.uniform(0.3, 1.5)))
    else:
        answered = ("in-progress", rng.uniform(1, 4))
        events = _events("ringing", answered, ("completed", _talk_s(campaign, rng)))
    return Outcome(events, answered_by=None, sip_code=None)


def _human(campaign: Campaign, rng: Random) -> Outcome:
    rings_s = min(max(rng.lognormvariate(log(8), 0.6), 2), 25)
    waits = (("in-progress", rings_s), ("completed", _talk_s(campaign, rng)))
    return Outcome(_ringing(rng, *waits), "human", 200)


def _voicemail(_campaign: Campaign, rng: Random) -> Outcome:
    verdict = rng.choice(("machine_start", "machine_end_beep", "machine_end_silence"))
    waits = (("in-progress", rng.uniform(12, 25)), ("completed", rng.uniform(12, 30)))
    return Outcome(_ringing(rng, *waits), verdict, 200)


def _no_answer(_campaign: Campaign, rng: Random) -> Outcome:
    return Outcome(_ringing(rng, ("no-answer", rng.uniform(25, 45))), None, 487)


def _busy(_campaign: Campaign, rng: Random) -> Outcome:
    wait = ("busy", rng.uniform(1, 5))
    rings = rng.random() < 0.5  # noqa: PLR2004  (half of them report busy before any ringing)
    return Outcome(_ringing(rng, wait) if rings else _events("initiated", wait), None, 486)


def _failed(_campaign: Campaign, rng: Random) -> Outcome:
    sip_code = rng.choices((404, 503), (3, 1))[0]
    return Outcome(_events("initiated", ("failed", rng.uniform(0.3, 2))), None, sip_code)


def _canceled(_campaign: Campaign, rng: Random) -> Outcome:
    return Outcome(_ringing(rng, ("canceled", rng.uniform(2, 15))), None, 487)


def _talk_s(campaign: Campaign, rng: Random) -> float:
    return min(max(rng.lognormvariate(log(campaign.profile.talk_median_s), 0.7), 3), 240)


def _ringing(rng: Random, *waits: tuple[str, float]) -> tuple[CallEvent, ...]:
    return _events("initiated", ("ringing", rng.uniform(0.5, 3)), *waits)


def _events(first: str, *waits: tuple[str, float]) -> tuple[CallEvent, ...]:
    """Chain statuses, each so many seconds after the one before."""
    events = [CallEvent(first, 0.0)]
    for status, wait_s in waits:
        events.append(CallEvent(status, events[-1].at_s + wait_s))
    return tuple(events)
