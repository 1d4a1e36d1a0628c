"""A scenario: phone campaigns as an endless, repeatable stream of Twilio webhooks.

Pure: no I/O, no clock, and randomness only from the seed. It is a closed loop of lines: each
line places a call, waits a little after its end, and places the next, so that the number of live
calls stays near a target. Out go `Delivery` objects in order of time; `driver` posts them.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from operator import attrgetter
from random import Random

from callboard.errors import ConfigurationError
from callboard.simulator.forms import Pairs, call_forms, call_query
from callboard.simulator.lifecycle import (
    CallEvent,
    CallPlan,
    draw_inbound,
    draw_outbound,
    stamp,
)
from callboard.simulator.people import Campaign, Contact, Profile, make_campaigns, make_contacts

__all__ = [
    "CallEvent",
    "CallPlan",
    "Campaign",
    "Contact",
    "Delivery",
    "Profile",
    "Scenario",
    "ScenarioOptions",
]

_RAMP_S = 20.0
_GAP_S = (0.5, 3.0)
_DUPLICATE_AFTER_S = (0.2, 6.0)
_HELD_BACK_S = (0.2, 4.0)
_CLOSED_LINE_LOOKS_AGAIN_S = (30.0, 90.0)
_HOUR_CURVE = (
    *(0.05, 0.04, 0.03, 0.03, 0.05, 0.10, 0.20, 0.40, 0.65, 0.90, 1.00, 0.98),
    *(0.80, 0.78, 0.90, 0.98, 0.95, 0.85, 0.70, 0.55, 0.40, 0.25, 0.15, 0.08),
)


@dataclass(frozen=True, slots=True)
class ScenarioOptions:
    """What to simulate.

    Raises:
        ConfigurationError: Some values make no sense; the message names all of them.
    """

    seed: int = 1
    """Decides everything random, the call SIDs included: use a new one for every run into the
    same database, or the new run's calls are taken for repetitions of the old one's."""
    concurrent_calls: int = 20
    """How many calls to keep alive at once; never more, and a little fewer between calls."""
    campaigns: int = 3
    """How many campaigns call; at least as many as `campaign_ids` names."""
    contacts_per_campaign: int = 200
    """Length of each campaign's list; a campaign starts over at its end."""
    inbound_share: float = 0.1
    """Share of calls, 0 to 1, that come in instead of going out."""
    speed: float = 1.0
    """1 is real time; at 10 ringing, talking, gaps and faults take a tenth of it."""
    duplicate_rate: float = 0.0
    """Share of webhooks, 0 to 1, delivered a second time a few seconds later."""
    disorder_rate: float = 0.0
    """Share of webhooks, 0 to 1, held back until after the call's next one."""
    loss_rate: float = 0.0
    """Share of deliveries, 0 to 1, never made; the end of a call may be among them, and such a
    call never ends for the receiver."""
    calls_per_s_max: float | None = None
    """At most so many calls begin in a second, inbound ones included; not scaled by `speed`.
    A low cap may keep the live number below target. None: no cap."""
    hour_shape: bool = False
    """Whether the target follows the hour of the day in UTC: full at 10:00, 3 % at night. Calls
    alive when the target falls are not cut short."""
    call_limit: int | None = None
    """How many calls in all; None goes on for ever."""
    campaign_ids: tuple[str, ...] = ()
    """Ids to use for the first campaigns instead of made-up ones."""

    def __post_init__(self) -> None:
        shares = ("inbound_share", "duplicate_rate", "disorder_rate", "loss_rate")
        faults = [f"{name} must be 0 to 1" for name in shares if not 0 <= getattr(self, name) <= 1]
        counts = ("concurrent_calls", "campaigns", "contacts_per_campaign")
        faults += [f"{name} must be 1 or more" for name in counts if getattr(self, name) < 1]
        if not self.speed > 0:
            faults.append("speed must be above 0")
        if self.calls_per_s_max is not None and not self.calls_per_s_max > 0:
            faults.append("calls_per_s_max must be above 0")
        if self.call_limit is not None and self.call_limit < 0:
            faults.append("call_limit must be 0 or more")
        if len(set(self.campaign_ids)) < len(self.campaign_ids):
            faults.append("campaign_ids must be distinct")
        if faults:
            raise ConfigurationError("; ".join(faults))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook to post."""

    at_s: float
    """When, in seconds since the scenario's start."""
    call_sid: str
    """The call it is about."""
    query: Pairs
    """The callback URL's query: whom the call is for. Empty for unrecognised callers."""
    form: Pairs
    """The body's fields as Twilio sends them."""
    last: bool = field(default=False, compare=False)
    """Whether no other delivery about this call follows, by plan or because of faults. For the
    driver's bookkeeping; not part of the webhook."""


class Scenario:
    """Campaigns and their calls from `start_at` on; the same for the same arguments.

    Raises:
        ConfigurationError: `start_at` has no time zone.
    """

    def __init__(self, options: ScenarioOptions, start_at: datetime) -> None:
        if start_at.tzinfo is None:
            raise ConfigurationError("a scenario's start needs a time zone")
        self.options = options
        self.start_at = start_at.astimezone(UTC)
        people = self._random("people")
        self.account_sid = f"AC{people.getrandbits(128):032x}"
        self.campaigns = make_campaigns(
            max(options.campaigns, len(options.campaign_ids)),
            options.campaign_ids,
            options.contacts_per_campaign,
        )
        self._contacts = make_contacts(self.campaigns, people)

    def contacts(self, campaign: Campaign) -> tuple[Contact, ...]:
        """Return the campaign's list in the order it is called."""
        return self._contacts[campaign.id]

    def plans(self) -> Iterator[CallPlan]:
        """Yield every call, in order of start; each iterator begins anew."""
        rng = self._random("plans")
        draw = _PlanDrawer(self, rng)
        lines = self._lines(rng)
        limit, pace = self.options.call_limit, self.options.calls_per_s_max
        index, not_before_s = 0, 0.0
        while limit is None or index < limit:
            at_s, line = heapq.heappop(lines)
            if line >= self._open_lines(at_s):
                again_s = at_s + rng.uniform(*_CLOSED_LINE_LOOKS_AGAIN_S)
                heapq.heappush(lines, (again_s, line))
                continue
            at_s = max(at_s, not_before_s)
            not_before_s = at_s + 1 / pace if pace else at_s
            plan = draw.plan(index, at_s)
            heapq.heappush(lines, (plan.ended_at_s + self._scaled(rng, _GAP_S), line))
            index += 1
            yield plan

    def deliveries(self) -> Iterator[Delivery]:
        """Yield every webhook with `at_s` never falling; lazily, each iterator begins anew.

        Faults draw from a source of their own: the calls are the same with and without them.
        """
        rng = self._random("faults")
        waiting: list[tuple[float, int, Delivery]] = []
        ticket = count()
        for plan in self.plans():
            # Whatever comes later belongs to this call or to one that begins after it.
            while waiting and waiting[0][0] < plan.started_at_s:
                yield heapq.heappop(waiting)[2]
            for delivery in self._delivered(plan, rng):
                heapq.heappush(waiting, (delivery.at_s, next(ticket), delivery))
        while waiting:
            yield heapq.heappop(waiting)[2]

    def _delivered(self, plan: CallPlan, rng: Random) -> list[Delivery]:
        """Return one call's webhooks after duplication, disorder and loss, in order of time."""
        options, query = self.options, call_query(plan)
        forms = call_forms(plan, self.account_sid, self.start_at)
        delivered: list[Delivery] = []
        for position, (event, form) in enumerate(zip(plan.events, forms, strict=True)):
            times_s = [event.at_s]
            if rng.random() < options.disorder_rate:
                after = plan.events[min(position + 1, len(plan.events) - 1)]
                times_s = [after.at_s + self._scaled(rng, _HELD_BACK_S)]
            if rng.random() < options.duplicate_rate:
                times_s.append(times_s[0] + self._scaled(rng, _DUPLICATE_AFTER_S))
            delivered += [
                Delivery(at_s, plan.sid, query, form)
                for at_s in times_s
                if rng.random() >= options.loss_rate
            ]
        delivered.sort(key=attrgetter("at_s"))
        if delivered:
            delivered[-1] = replace(delivered[-1], last=True)
        return delivered

    def _lines(self, rng: Random) -> list[tuple[float, int]]:
        """Return the heap of (when free, line), spread over the ramp so that none burst."""
        apart_s = _RAMP_S / self.options.speed / self.options.concurrent_calls
        lines = [
            ((line + rng.random()) * apart_s, line)
            for line in range(self.options.concurrent_calls)
        ]
        heapq.heapify(lines)
        return lines

    def _open_lines(self, at_s: float) -> int:
        """Return how many lines may place calls now: by the hour's curve, at least one."""
        lines = self.options.concurrent_calls
        if not self.options.hour_shape:
            return lines
        now = self.start_at + timedelta(seconds=at_s)
        past = (now.minute * 60 + now.second) / 3600
        here, there = _HOUR_CURVE[now.hour], _HOUR_CURVE[(now.hour + 1) % 24]
        return max(1, round(lines * (here + (there - here) * past)))

    def _scaled(self, rng: Random, between_s: tuple[float, float]) -> float:
        return rng.uniform(*between_s) / self.options.speed

    def _random(self, purpose: str) -> Random:
        """Return a source of its own, so that one purpose never shifts another's draws."""
        return Random(f"{self.options.seed}:{purpose}")  # noqa: S311  (repeatable, not secret)


class _PlanDrawer:
    """Draws one plan after the other; keeps each campaign's place in its list."""

    def __init__(self, scenario: Scenario, rng: Random) -> None:
        self._scenario = scenario
        self._rng = rng
        self._called = dict.fromkeys((campaign.id for campaign in scenario.campaigns), 0)

    def plan(self, index: int, at_s: float) -> CallPlan:
        """Return the call that begins at `at_s`."""
        rng, options = self._rng, self._scenario.options
        inbound = rng.random() < options.inbound_share
        campaign = rng.choice(self._scenario.campaigns)
        outcome = (draw_inbound if inbound else draw_outbound)(campaign, rng)
        events = tuple(
            CallEvent(event.status, at_s + event.at_s / options.speed) for event in outcome.events
        )
        return CallPlan(
            index=index,
            sid=f"CA{rng.getrandbits(128):032x}",
            direction="inbound" if inbound else "outbound-api",
            campaign=campaign,
            contact=self._contact(campaign, inbound=inbound),
            recognised=not inbound or rng.random() < 0.5,  # noqa: PLR2004  (half of the callers)
            events=events,
            answered_by=outcome.answered_by,
            sip_code=outcome.sip_code,
            stir=rng.choices("ABC", (8, 3, 1))[0],
            duration_s=self._duration_s(events),
        )

    def _contact(self, campaign: Campaign, *, inbound: bool) -> Contact:
        """Return anybody from the list for an inbound call, else the next in line."""
        contacts = self._scenario.contacts(campaign)
        if inbound:
            return self._rng.choice(contacts)
        position = self._called[campaign.id]
        self._called[campaign.id] = position + 1
        return contacts[position % len(contacts)]

    def _duration_s(self, events: tuple[CallEvent, ...]) -> int:
        """Return answer to end by their stamps, so that a receiver can recompute it."""
        start_at = self._scenario.start_at
        for event in events:
            if event.status == "in-progress":
                talked = stamp(start_at, events[-1].at_s) - stamp(start_at, event.at_s)
                return int(talked.total_seconds())
        return 0
