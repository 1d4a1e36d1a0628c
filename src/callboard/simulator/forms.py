"""A planned call as the form bodies and the query Twilio would send.

Fields and values follow Twilio's status callbacks, optional ones included where the sample
captures show them. One deviation: a real number-level callback reports only the end of an
inbound call; here inbound calls send progress events too, so that a board can show them live.
"""

from datetime import datetime
from email.utils import format_datetime

from callboard.simulator.lifecycle import CallPlan, stamp
from callboard.simulator.people import OUR_PLACE, Place

__all__ = ["Pairs", "call_forms", "call_query"]

Pairs = tuple[tuple[str, str], ...]
"""Names and values in the order they are sent."""

_ANSWERED = "in-progress"
_SECONDS_A_MINUTE = 60


def call_query(plan: CallPlan) -> Pairs:
    """Return the callback URL's query; empty for a caller nobody recognises."""
    if not plan.recognised:
        return ()
    return (
        ("campaignId", plan.campaign.id),
        ("contactId", plan.contact.id),
        ("contactName", plan.contact.name),
        ("agentName", plan.campaign.agent_name),
    )


def call_forms(plan: CallPlan, account_sid: str, start_at: datetime) -> tuple[Pairs, ...]:
    """Return one form for each of the plan's events, in their order."""
    shared = _shared(plan, account_sid)
    return tuple(
        (
            *shared,
            ("CallStatus", event.status),
            ("CallbackSource", "call-progress-events"),
            ("SequenceNumber", str(sequence)),
            ("Timestamp", format_datetime(stamp(start_at, event.at_s))),
            *_particulars(plan, sequence),
        )
        for sequence, event in enumerate(plan.events)
    )


def _shared(plan: CallPlan, account_sid: str) -> Pairs:
    """Return what every form of this call carries."""
    inbound = plan.direction == "inbound"
    theirs, ours = plan.contact.place, OUR_PLACE
    from_place, to_place = (theirs, ours) if inbound else (ours, theirs)
    return (
        ("CallSid", plan.sid),
        ("AccountSid", account_sid),
        ("ApiVersion", "2010-04-01"),
        ("Direction", plan.direction),
        ("From", plan.from_number),
        ("To", plan.to_number),
        ("Caller", plan.from_number),
        ("Called", plan.to_number),
        *_geography("From", from_place),
        *_geography("Caller", from_place),
        *_geography("To", to_place),
        *_geography("Called", to_place),
    )


def _geography(prefix: str, place: Place) -> Pairs:
    return (
        (f"{prefix}City", place.city),
        (f"{prefix}State", place.state),
        (f"{prefix}Zip", place.zip),
        (f"{prefix}Country", place.country),
    )


def _particulars(plan: CallPlan, sequence: int) -> Pairs:
    """Return what only this event, or only this direction, carries."""
    inbound = plan.direction == "inbound"
    status = plan.events[sequence].status
    pairs: list[tuple[str, str]] = []
    if inbound:
        initial, family = plan.contact.name[0], plan.contact.name.split(" ", 1)[1]
        pairs.append(("CallerName", f"{initial} {family}".upper()))
        pairs.append(("StirVerstat", f"TN-Validation-Passed-{plan.stir}"))
    elif status in {"ringing", _ANSWERED}:
        pairs.append(("StirStatus", plan.stir))
    if sequence == len(plan.events) - 1:
        minutes = -(-plan.duration_s // _SECONDS_A_MINUTE)
        pairs.append(("Duration", str(minutes)))
        pairs.append(("CallDuration", str(plan.duration_s)))
        if plan.sip_code is not None:
            pairs.append(("SipResponseCode", str(plan.sip_code)))
        if plan.answered_by is not None:
            pairs.append(("AnsweredBy", plan.answered_by))
    return tuple(pairs)
