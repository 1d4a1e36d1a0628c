"""Calls that are over, for a board that is not empty when a demo begins.

Pure, like a scenario: the documents that `calls` would hold after days of the same campaigns. No
webhooks belong to them; the database says so of every call another program has written.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from callboard.simulator.lifecycle import Outcome, draw_inbound, draw_outbound
from callboard.simulator.people import Campaign, Contact, make_campaigns, make_contacts

__all__ = ["History", "past_calls"]

Document = dict[str, Any]

# How many calls begin in an hour of a working day, relative, and how readily people pick up then.
_BUSY = (*(0,) * 8, 3, 7, 10, 10, 7, 6, 9, 10, 9, 8, 5, 2, *(0,) * 4)
_WEEKEND = 0.3
_PICK_UP = (*(0.6,) * 8, 0.7, 0.8, 0.9, 1.0, 1.3, 1.1, 0.9, 0.9, 1.0, 1.3, 1.6, 1.5, *(0.8,) * 4)
_INBOUND_SHARE = 0.08
_UNKNOWN_SHARE = 0.1
_PRICE_A_MINUTE = 0.014
_CREDITS_A_MINUTE = 400
_USD_A_CREDIT = 0.0002
_MOST_A_DAY_APART = timedelta(minutes=10)
"""Calls of today end before the demo begins."""


@dataclass(frozen=True, slots=True)
class History:
    """What has happened before."""

    seed: int
    days: int
    """How many days before today; today's hours until now come on top."""
    calls_a_day: int
    """On a working day, of all campaigns together."""
    campaigns: int
    contacts_per_campaign: int


def past_calls(history: History, now: datetime, zone: ZoneInfo) -> Iterator[Document]:
    """Yield the calls of the days before `now` and of today until then, oldest day first."""
    rng = Random(f"history:{history.seed}")  # noqa: S311  (a seeded scenario)
    campaigns = make_campaigns(history.campaigns, (), history.contacts_per_campaign)
    contacts = make_contacts(campaigns, rng)
    called = dict.fromkeys(contacts, 0)
    today = now.astimezone(zone).date()
    for back in range(history.days, -1, -1):
        day = today - timedelta(days=back)
        share = _WEEKEND if day.isoweekday() > 5 else 1.0  # noqa: PLR2004  (Saturday and Sunday)
        for _ in range(round(history.calls_a_day * share)):
            hour = rng.choices(range(24), _BUSY)[0]
            begins = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
            begins += timedelta(seconds=rng.randrange(3_600))
            campaign = rng.choices(campaigns, range(len(campaigns) + 1, 1, -1))[0]
            mine = contacts[campaign.id]
            contact = mine[called[campaign.id] % len(mine)]
            document = _call(rng, campaign, contact, begins)
            if document["endTime"] < now - _MOST_A_DAY_APART:
                called[campaign.id] += 1
                yield document


def _call(rng: Random, campaign: Campaign, contact: Contact, begins: datetime) -> Document:
    inbound = rng.random() < _INBOUND_SHARE
    profile = campaign.profile
    reached = replace(profile, human=profile.human * _PICK_UP[begins.hour])
    asked = replace(campaign, profile=reached)
    outcome = draw_inbound(asked, rng) if inbound else draw_outbound(asked, rng)
    at = {event.status: begins + timedelta(seconds=int(event.at_s)) for event in outcome.events}
    status, ends = outcome.events[-1].status, max(at.values())
    answered = at.get("in-progress")
    lasted_s = int((ends - answered).total_seconds()) if answered else 0
    sid = f"CA{rng.getrandbits(128):032x}"
    document: Document = {
        "_id": sid,
        "sid": sid,
        "status": status,
        "direction": "inbound" if inbound else "outbound",
        "from": contact.number if inbound else campaign.from_number,
        "to": campaign.from_number if inbound else contact.number,
        "startTime": begins,
        "answerTime": answered,
        "endTime": ends,
        "duration": lasted_s,
        "campaignId": campaign.id,
        "contactId": contact.id,
        "contactName": contact.name,
        "agentId": campaign.agent_id,
        "agentName": campaign.agent_name,
        "answeredBy": outcome.answered_by,
        "outcome": _outcome(status, outcome, inbound=inbound),
        "updatedAt": ends,
        "twilio": {"status": status, **_price(lasted_s), **_sip(outcome)},
    }
    if answered is not None:
        document |= _conversation(rng, campaign, document, lasted_s)
    return document


def _outcome(status: str, outcome: Outcome, *, inbound: bool) -> str:
    if status != "completed":
        return status.replace("-", "_")
    by = outcome.answered_by or ""
    return "human" if inbound or not by.startswith("machine") else "voicemail"


def _price(lasted_s: int) -> Document:
    """Return what Twilio takes: begun minutes, as text, negative."""
    minutes = -(-lasted_s // 60)
    if not minutes:
        return {}
    return {"price": f"{-_PRICE_A_MINUTE * minutes:.5f}", "priceUnit": "USD"}


def _sip(outcome: Outcome) -> Document:
    return {} if outcome.sip_code is None else {"sipResponseCode": outcome.sip_code}


def _conversation(rng: Random, campaign: Campaign, call: Document, lasted_s: int) -> Document:
    """Return what ElevenLabs adds to a call that was answered."""
    goal_met = call["outcome"] == "human" and rng.random() < campaign.profile.success
    verdict = "success" if goal_met else "failure"
    if rng.random() < _UNKNOWN_SHARE:
        verdict = "unknown"
    credits_ = round(_CREDITS_A_MINUTE * lasted_s / 60)
    said = {
        "startTime": call["answerTime"] + timedelta(seconds=rng.choice((1, 1, 1, 2, 3))),
        "durationSecs": max(lasted_s - 1, 0),
        "callSuccessful": verdict,
        "cost": credits_,
        "costUsd": round(credits_ * _USD_A_CREDIT, 4),
    }
    judged = {} if verdict == "unknown" else {"success": verdict == "success"}
    conversation_id = f"conv_{rng.getrandbits(112):028x}"
    return {"conversationId": conversation_id, "elevenlabs": {"conversation": said}, **judged}
