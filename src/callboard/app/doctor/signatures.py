"""Signatures: a made-up webhook of each vendor against our own acceptors, and who was refused.

The made-up webhooks never leave this process and are stored nowhere.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from urllib.parse import urlencode, urlsplit

from callboard.app.doctor.findings import Finding
from callboard.clock import Clock
from callboard.domain.lattice import CallFact
from callboard.domain.webhooks import CALL_STATUS, ELEVENLABS, InboxEntry
from callboard.errors import BadSignature
from callboard.ingest.accept import ElevenLabsAcceptor, Inbox, TwilioAcceptor, TwilioKeys, Webhook
from callboard.settings import Settings
from callboard.vendors.elevenlabs import signature as elevenlabs
from callboard.vendors.twilio import signature as twilio

__all__ = ["Outcomes", "refusals", "signatures"]

Outcomes = Mapping[tuple[str, str], float]
"""How many webhooks had an outcome since a server began, by vendor and outcome."""

_HERE = "http://127.0.0.1:8000"
_FORM = {"CallSid": "CA" + "0" * 32, "CallStatus": "completed", "SequenceNumber": "3"}
_BODY = b'{"type":"callboard_doctor","event_timestamp":1,"data":{}}'
_TOKEN = re.compile(r"[0-9a-f]{32}")
_SIDS = ("AC", "SK")
_TOLERANCE_LEAST_S = 300.0
_MANY = 0.05


class _Nowhere:
    """An inbox's surroundings that keep nothing."""

    async def submit(self, entry: InboxEntry) -> None:
        """Take one."""

    async def submit_all(self, entries: Sequence[InboxEntry]) -> None:
        """Take many."""

    async def located(self, fact: CallFact) -> CallFact:
        """Know of no call."""
        return fact

    def note(self, fact: CallFact) -> None:
        """Remember nothing."""


async def signatures(settings: Settings, clock: Clock) -> AsyncIterator[Finding]:
    """Sign as the vendors would, and check as we do."""
    nowhere = _Nowhere()
    inbox = Inbox(nowhere.submit, nowhere.submit_all, nowhere)
    token = settings.twilio_auth_token
    keys = {"auth token": token.get_secret_value()} if token is not None else {}
    for finding in _oddities(keys.get("auth token", ""), settings):
        yield finding
    for what, key in keys.items():
        yield await _twilio(settings, clock, inbox, what, key)
    if settings.elevenlabs_secrets:
        yield await _elevenlabs(settings, clock, inbox)


async def _twilio(settings: Settings, clock: Clock, inbox: Inbox, what: str, key: str) -> Finding:
    base = settings.public_url or _HERE
    acceptor = TwilioAcceptor(
        inbox,
        clock,
        keys=TwilioKeys(key, settings.shared_keys),
        check_signatures=True,
        public_url=lambda: base,
    )
    signature = twilio.sign(_as_twilio_calls(base), _FORM.items(), key)
    headers = {b"x-twilio-signature": signature.encode()}
    try:
        await acceptor.callback(Webhook(CALL_STATUS, "", urlencode(_FORM).encode(), headers))
    except BadSignature as error:
        told = f"a webhook signed with our {what} for {_as_twilio_calls(base)} is refused: {error}"
        advice = "set CALLBOARD_PUBLIC_URL to scheme, host and port alone, and restart"
        return Finding("fault", "signatures.twilio", told, advice)
    told = "a webhook that is signed as Twilio signs is accepted; Twilio must be told to call "
    return Finding("ok", "signatures.twilio", told + _as_twilio_calls(base))


def _as_twilio_calls(base: str) -> str:
    """Return the URL of the status callback as an operator would give it to Twilio."""
    parts = urlsplit(base)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}{CALL_STATUS}"


async def _elevenlabs(settings: Settings, clock: Clock, inbox: Inbox) -> Finding:
    acceptor = ElevenLabsAcceptor(
        inbox,
        clock,
        secrets=settings.elevenlabs_secrets,
        check_signatures=True,
        tolerance_s=settings.elevenlabs_tolerance_s,
        variables={},
    )
    now_s = int(clock.now().timestamp())
    for secret in settings.elevenlabs_secrets:
        signature = elevenlabs.sign(_BODY, secret, now_s).encode()
        try:
            await acceptor.event(
                Webhook(ELEVENLABS, "", _BODY, {b"elevenlabs-signature": signature})
            )
        except BadSignature as error:
            told = f"a webhook signed with our own secret is refused: {error}"
            advice = "set ELEVENLABS_WEBHOOK_SECRET anew, as ElevenLabs shows it, and restart"
            return Finding("fault", "signatures.elevenlabs", told, advice)
    told = "a webhook that is signed as ElevenLabs signs is accepted"
    return Finding("ok", "signatures.elevenlabs", told)


def _oddities(token: str, settings: Settings) -> Iterator[Finding]:
    """Yield what is set, but hardly can be what the vendor signs with."""
    name = "signatures.twilio"
    again = "copy the auth token from Twilio's console again, and restart"
    if token.startswith(_SIDS) and len(token) == len("AC") + 32:
        what = "TWILIO_AUTH_TOKEN looks like a SID: nothing is signed with one"
        yield Finding("fault", name, what, again)
    elif token and _TOKEN.fullmatch(token) is None:
        what = "TWILIO_AUTH_TOKEN is not 32 hexadecimal digits, as Twilio's are"
        yield Finding("note", name, what, again + "; none needed if you made it up")
    tolerance_s = settings.elevenlabs_tolerance_s
    if settings.elevenlabs_secrets and tolerance_s < _TOLERANCE_LEAST_S:
        what = f"ELEVENLABS_TOLERANCE_S is {tolerance_s:g}: ElevenLabs' repetitions are refused"
        advice = "take it out (1800 s), and restart: the last repetition comes after 40 minutes"
        yield Finding("warning", "signatures.elevenlabs", what, advice)


def refusals(outcomes: Outcomes, settings: Settings, *, clock_is_off: bool) -> Iterator[Finding]:
    """Judge how many webhooks a server has refused for their signature, and say why it may be."""
    for vendor in sorted({vendor for vendor, _ in outcomes}):
        refused = outcomes.get((vendor, "bad_signature"), 0.0)
        accepted = outcomes.get((vendor, "accepted"), 0.0)
        name = f"signatures.{vendor}"
        if not refused:
            if accepted:
                told = f"the server has accepted {accepted:.0f} webhooks and refused none"
                yield Finding("ok", name, told)
            continue
        what = f"the server has refused {refused:.0f} webhooks for their signature, "
        what += f"and accepted {accepted:.0f}"
        why = _why(vendor, settings, some_are_right=accepted > 0, clock_is_off=clock_is_off)
        if not accepted:
            yield Finding("fault", name, what, why)
        elif refused >= _MANY * (refused + accepted):
            yield Finding("warning", name, what, why)
        else:
            yield Finding("note", name, what, why)


def _why(vendor: str, settings: Settings, *, some_are_right: bool, clock_is_off: bool) -> str:
    """Return the likeliest reason, and what to do about it."""
    if vendor == "elevenlabs":
        reason = _why_elevenlabs(settings, some_are_right, clock_is_off)
    else:
        reason = _why_twilio(settings, some_are_right)
    return reason + "; each is in the log as http.refused, with its reason"


def _why_elevenlabs(settings: Settings, some_are_right: bool, clock_is_off: bool) -> str:  # noqa: FBT001  (told apart where it is called)
    if not settings.elevenlabs_secrets:
        return "ELEVENLABS_WEBHOOK_SECRET is not set here: set it, and restart"
    if clock_is_off:
        return "most likely our clock: mend it (NTP)"
    if some_are_right:
        return "most likely late repetitions, or a second webhook's secret: give both"
    return "most likely another webhook's secret: copy it from ElevenLabs again"


def _why_twilio(settings: Settings, some_are_right: bool) -> str:  # noqa: FBT001  (as above)
    if settings.twilio_auth_token is None and not settings.shared_keys:
        return "TWILIO_AUTH_TOKEN is not set here: set it, and restart"
    if some_are_right:
        return "most likely a sub-account, which signs with its own token, or a stranger"
    if settings.public_url is None:
        return "most likely CALLBOARD_PUBLIC_URL: set it to the URL Twilio calls"
    url = _as_twilio_calls(settings.public_url)
    return (
        f"most likely Twilio calls another URL than {url}, "
        "or TWILIO_AUTH_TOKEN is an old or another account's"
    )
