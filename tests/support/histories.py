"""Joined histories: everything both vendors send about one call, made up from a seed."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from support import deliveries as made
from support.deliveries import entries_of

from callboard.domain.lattice import CallFact
from callboard.domain.webhooks import KeptWebhook

__all__ = ["History", "histories", "split", "times_sent"]

_VERDICT = {"call_successful": "success", "transcript_summary": "Renewed."}
_ENDS = ("completed", "completed", "busy", "no-answer", "failed", "canceled")


@dataclass(frozen=True)
class History:
    """One call."""

    sid: str | None
    """None: a conversation without any call."""
    conversation_id: str
    sent: Sequence[KeptWebhook]
    """The requests in the order things happened, each once."""

    @property
    def key(self) -> str:
        """Return the id the call ends under."""
        return self.sid or self.conversation_id

    def facts(self) -> Iterator[CallFact]:
        """Yield every fact in order, each about the call it belongs to."""
        for kept in self.sent:
            for entry in entries_of(kept):
                if entry.fact is not None:
                    yield entry.fact.of_call(self.sid) if self.sid else entry.fact


def histories(count: int, seed: int) -> list[History]:
    """Return so many different histories."""
    rng = random.Random(seed)  # noqa: S311  (seeded: a failure can be played again)
    kinds = (_by_twilio, _by_twilio, _by_own_id, _by_own_id, _inbound, _never_began, _widget)
    return [kinds[number % len(kinds)](number, rng) for number in range(count)]


def _ids(number: int) -> tuple[str, str, str]:
    return f"CA{number:032x}", f"conv_{number:04d}", f"own-{number}"


def _lifecycle(sid: str, number: int, rng: random.Random, query: str) -> list[KeptWebhook]:
    """Return Twilio's callbacks and Event Streams' copies; not every one arrives."""
    end = rng.choice(_ENDS)
    forms = [
        made.status_form_at(sid, "initiated", 0, 0),
        made.status_form_at(sid, "ringing", 1, 3, StirStatus="A"),
    ]
    ending = {"SipResponseCode": "200" if end == "completed" else "486"}
    if end == "completed":
        forms.append(made.status_form_at(sid, "in-progress", 2, 9))
        forms.append(made.amd_form(sid, rng.choice(["human", "machine_end_beep", "unknown"])))
        ending["CallDuration"] = "47"
    forms.append(made.status_form_at(sid, end, len(forms), 56, **ending))
    if end == "completed":
        forms.append(made.recording_form(sid, 47))
    sent = [made.callback(form, query, 5 * step) for step, form in enumerate(forms)]
    copies = [
        made.event(f"EZ{number}-{step}", form, query)
        for step, form in enumerate(forms)
        if "RecordingSid" not in form
    ]
    kept = [rng.choice(sent), *(one for one in sent if rng.random() < 0.8)]
    kept = [one for one in sent if one in kept]
    for begin in range(0, len(copies), 2):
        if rng.random() < 0.4:
            kept.append(made.stream([*copies[begin : begin + 2], rng.choice(copies)], 60))
    return kept


def _after(conversation_id: str, rng: random.Random) -> list[KeptWebhook]:
    """Return what comes by conversation id alone."""
    return [made.audio(conversation_id, 70)] if rng.random() < 0.8 else []


def _by_twilio(number: int, rng: random.Random) -> History:
    """ElevenLabs names Twilio's call SID, in one of the places where it may."""
    sid, conversation_id, own_id = _ids(number)
    sent = _lifecycle(sid, number, rng, f"campaignId=c1&contactName=%24gt{number}")
    variables = {"system__call_sid": sid, "callboard_call_id": own_id, "agentName": "Nova"}
    place: dict[str, Callable[[int], KeptWebhook]] = {
        "phone_call": lambda second: made.transcript(
            conversation_id, second, sid=sid, analysis=_VERDICT
        ),
        "system": lambda second: made.transcript(
            conversation_id, second, variables=variables, analysis=_VERDICT
        ),
        "own": lambda second: made.transcript(
            conversation_id, second, variables={"callboard_call_id": sid}, analysis=_VERDICT
        ),
    }
    tell = place[rng.choice([*place])]
    seconds = rng.choice([[62], [62, 90]])
    sent += [tell(second) for second in seconds]
    return History(sid, conversation_id, [*sent, *_after(conversation_id, rng)])


def _by_own_id(number: int, rng: random.Random) -> History:
    """The caller's own id is all that both vendors know."""
    sid, conversation_id, own_id = _ids(number)
    sent = _lifecycle(sid, number, rng, f"campaignId=c2&callId={own_id}&agentId=a{number % 3}")
    variables = {"callboard_call_id": own_id, "contactId": f"lead-{number}"}
    said = made.transcript(conversation_id, 62, variables=variables, analysis=_VERDICT)
    return History(sid, conversation_id, [*sent, said, *_after(conversation_id, rng)])


def _inbound(number: int, rng: random.Random) -> History:
    """The personalization request comes first; Twilio may tell only the end."""
    sid, conversation_id, _ = _ids(number)
    more = {"Direction": "inbound", "From": made.TO, "To": made.FROM, "CallDuration": "94"}
    end = made.status_form_at(sid, "completed", 0, 94, **more)
    sent = [made.initiation(sid, 1), made.transcript(conversation_id, 62, sid=sid)]
    if rng.random() < 0.7:
        sent.insert(1, made.callback(end, "", 95))
    return History(sid, conversation_id, [*sent, *_after(conversation_id, rng)])


def _never_began(number: int, rng: random.Random) -> History:
    """ElevenLabs placed the call; its report holds Twilio's own callback."""
    sid, conversation_id, own_id = _ids(number)
    end = rng.choice(["busy", "no-answer"])
    forwarded = made.status_form_at(sid, end, 2, 30, SipResponseCode="487", CallDuration="0")
    sent = [made.failure(conversation_id, 31, end, forwarded)]
    if rng.random() < 0.5:
        sent.insert(0, made.stream([made.event(f"EZ{number}", forwarded, f"callId={own_id}")], 32))
    return History(sid, conversation_id, [*sent, *_after(conversation_id, rng)])


def _widget(number: int, rng: random.Random) -> History:
    """A conversation in a browser: no call ever."""
    _, conversation_id, own_id = _ids(number)
    variables = rng.choice([{}, {"callboard_call_id": own_id}])
    phoneless = {"call_duration_secs": 30, "cost": 70.0, "phone_call": None}
    said = made.transcript(conversation_id, 62, variables=variables, metadata=phoneless)
    return History(None, conversation_id, [said, *_after(conversation_id, rng)])


def split(whole: Sequence[History], rng: random.Random) -> tuple[list[KeptWebhook], ...]:
    """Return everything in random order, some of it repeated, as two processes receive it."""
    halves: tuple[list[KeptWebhook], list[KeptWebhook]] = ([], [])
    for history in whole:
        for kept in [*history.sent, *history.sent[: rng.randrange(3)]]:
            halves[rng.randrange(2)].append(kept)
        for kept in history.sent:
            if rng.random() < 0.2:
                later = replace(kept, received_at=kept.received_at + timedelta(minutes=2))
                halves[rng.randrange(2)].append(later)
    for half in halves:
        rng.shuffle(half)
    return halves


def times_sent(halves: Sequence[Sequence[KeptWebhook]]) -> Counter[str]:
    """Return how often each event was sent."""
    return Counter(
        entry.event_key for half in halves for kept in half for entry in entries_of(kept)
    )
