"""A scenario: phone campaigns as an endless, repeatable stream of both vendors' webhooks.

Pure: no I/O, no clock, and randomness only from the seed. It is a closed loop of lines: each
line places a call, waits a little after its end, and places the next, so that the number of live
calls stays near a target. Out go `Delivery` objects in order of time; `driver` posts them.
"""

import heapq
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from operator import attrgetter
from random import Random

from callboard.errors import ConfigurationError
from callboard.simulator.conversations import draw_conversation
from callboard.simulator.deliveries import Delivery, Faults
from callboard.simulator.events import elevenlabs_events
from callboard.simulator.forms import call_forms, call_query
from callboard.simulator.lifecycle import (
    CallEvent,
    CallPlan,
    draw_inbound,
    draw_outbound,
    stamp,
)
from callboard.simulator.options import ScenarioOptions
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
_CLOSED_LINE_LOOKS_AGAIN_S = (30.0, 90.0)
_HOUR_CURVE = (
    *(0.05, 0.04, 0.03, 0.03, 0.05, 0.10, 0.20, 0.40, 0.65, 0.90, 1.00, 0.98),
    *(0.80, 0.78, 0.90, 0.98, 0.95, 0.85, 0.70, 0.55, 0.40, 0.25, 0.15, 0.08),
)


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
        people = self.random("people")
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
        rng = self.random("plans")
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

        Faults and ElevenLabs draw from sources of their own: the calls are the same with and
        without them.
        """
        webhooks = _Webhooks(self)
        waiting: list[tuple[float, int, Delivery]] = []
        ticket = count()
        for plan in self.plans():
            # Whatever comes later belongs to this call or to one that begins after it.
            while waiting and waiting[0][0] < plan.started_at_s:
                yield heapq.heappop(waiting)[2]
            for delivery in webhooks.of(plan):
                heapq.heappush(waiting, (delivery.at_s, next(ticket), delivery))
        while waiting:
            yield heapq.heappop(waiting)[2]

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

    def random(self, purpose: str) -> Random:
        """Return a source of its own, so that one purpose never shifts another's draws."""
        return Random(f"{self.options.seed}:{purpose}")  # noqa: S311  (repeatable, not secret)


class _Webhooks:
    """Makes one call's webhooks after the other, both vendors', faults included."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._talk = scenario.random("conversations")
        self._twilio_faults = Faults(scenario.options, scenario.random("faults"))
        self._elevenlabs_faults = Faults(scenario.options, scenario.random("elevenlabs faults"))

    def of(self, plan: CallPlan) -> list[Delivery]:
        """Return the webhooks about a call that arrive, in order of time."""
        start_at, options = self._scenario.start_at, self._scenario.options
        query = call_query(plan)
        forms = call_forms(plan, self._scenario.account_sid, start_at)
        delivered = self._twilio_faults.strike(
            [
                Delivery(event.at_s, plan.sid, query, form)
                for event, form in zip(plan.events, forms, strict=True)
            ]
        )
        if options.elevenlabs:
            told = draw_conversation(plan, self._talk, options.speed)
            events = elevenlabs_events(told, forms[-1], start_at) if told else ()
            delivered += self._elevenlabs_faults.strike(
                [Delivery(at_s, plan.sid, event=body) for at_s, body in events]
            )
        delivered.sort(key=attrgetter("at_s"))
        if delivered:
            delivered[-1] = replace(delivered[-1], last=True)
        return delivered


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
