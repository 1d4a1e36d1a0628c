"""What becomes of a webhook: signature, then meaning, then durability.

Nothing is stored before the signature holds. After it holds, nothing is lost: a body that
cannot be understood is kept raw with the reason, and its sender still gets the 400.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import orjson
import structlog

from callboard.clock import Clock
from callboard.domain.lattice import CallFact
from callboard.domain.webhooks import (
    CALL_STATUS,
    ELEVENLABS,
    INITIATION,
    TWILIO_EVENTS,
    InboxEntry,
    KeptWebhook,
)
from callboard.errors import BadSignature, MalformedPayload, PayloadTooLarge, Unavailable
from callboard.ingest.understand import Pairs, not_understood, read_form, understand
from callboard.vendors.elevenlabs import signature as elevenlabs
from callboard.vendors.elevenlabs.events import without_audio
from callboard.vendors.twilio import signature as twilio
from callboard.vendors.twilio.events import TwilioEvent, split_events

__all__ = ["ElevenLabsAcceptor", "Inbox", "TwilioAcceptor", "TwilioKeys", "Webhook"]

_log = structlog.get_logger(__name__)

_CALLER_WAITS_S = 1.0
_LARGE_BYTES = 1024 * 1024
_KEPT_BYTES_MAX = 12 * 1024 * 1024
"""A MongoDB document has 16 MB."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One request from a vendor, as it came."""

    path: str
    """Path of the URL, as sent."""
    query: str
    """Raw query string."""
    body: bytes
    headers: Mapping[bytes, bytes]
    """Header values by lower-case name."""

    def header(self, name: bytes) -> str | None:
        """Return a header's text, None when it is missing."""
        value = self.headers.get(name)
        return value.decode("latin-1") if value is not None else None


@dataclass(frozen=True, slots=True)
class TwilioKeys:
    """What Twilio signs with."""

    auth_token: str | None
    shared: Mapping[str, str]
    """Shared signing keys by their id (`X-Twilio-Webhooks-Signature-Settings`)."""


class _Submit(Protocol):
    def __call__(self, entry: InboxEntry) -> Awaitable[None]: ...


class _SubmitAll(Protocol):
    def __call__(self, entries: Sequence[InboxEntry]) -> Awaitable[None]: ...


class _Joiner(Protocol):
    async def located(self, fact: CallFact) -> CallFact: ...

    def note(self, fact: CallFact) -> None: ...


class Inbox:
    """Keeps understood webhooks, and tells the joiner what they may have brought together."""

    def __init__(self, submit: _Submit, submit_all: _SubmitAll, joiner: _Joiner) -> None:
        self._submit = submit
        self._submit_all = submit_all
        self._joiner = joiner

    async def keep(self, entry: InboxEntry) -> None:
        """Return once the webhook is durable.

        Raises:
            MalformedPayload: it could not be understood, and was kept raw.
            StoreUnavailable: it could not be stored; its sender may send it again.
        """
        fact = entry.fact
        if fact is not None and fact.orphan:
            entry = replace(entry, fact=await self._joiner.located(fact))
        await self._submit(entry)
        if fact is not None:
            self._joiner.note(fact)
        elif entry.problem is not None:
            raise MalformedPayload(entry.problem, field=entry.problem_field)

    async def keep_all(self, entries: Sequence[InboxEntry]) -> None:
        """Return once all are durable; raises as `keep`, `MalformedPayload` if none made sense."""
        await self._submit_all(entries)
        for entry in entries:
            if entry.fact is not None:
                self._joiner.note(entry.fact)
        if all(entry.problem is not None for entry in entries):
            raise MalformedPayload(entries[0].problem or "", field=entries[0].problem_field)


class TwilioAcceptor:
    """Accepts Twilio's callbacks and its Event Streams."""

    def __init__(
        self,
        inbox: Inbox,
        clock: Clock,
        *,
        keys: TwilioKeys,
        check_signatures: bool,
        public_url: Callable[[], str],
    ) -> None:
        self._inbox = inbox
        self._clock = clock
        self._keys = keys
        self._check_signatures = check_signatures
        self._public_url = public_url

    async def callback(self, webhook: Webhook) -> None:
        """Take a status, AMD or recording callback; return once it is durable.

        Raises:
            BadSignature: it is not Twilio's; nothing was stored.
            MalformedPayload: it cannot be understood; it was kept raw if it was signed.
            StoreUnavailable: it could not be stored; Twilio may send it again.
        """
        form: Pairs | None = None
        if self._check_signatures:
            self._require_header(webhook)
            form = read_form(webhook.body)
            self._verify(webhook, form)
        kept = KeptWebhook(CALL_STATUS, webhook.query, webhook.body, self._clock.now())
        await self._inbox.keep(understand(kept, form))

    async def events(self, webhook: Webhook) -> None:
        """Take a delivery of Event Streams, whole: it is sent again as a whole.

        Raises as `callback`; `MalformedPayload` only when none of its events makes sense.
        """
        if self._check_signatures:
            self._require_header(webhook)
            self._verify(webhook, None)
        now = self._clock.now()
        try:
            events = split_events(webhook.body)
        except MalformedPayload as problem:
            kept = KeptWebhook(TWILIO_EVENTS, webhook.query, webhook.body, now)
            await self._inbox.keep(not_understood(kept, problem))
            raise
        await self._inbox.keep_all([_event_entry(event, webhook.query, now) for event in events])

    @staticmethod
    def _require_header(webhook: Webhook) -> None:
        if not webhook.headers.get(b"x-twilio-signature"):
            message = "the X-Twilio-Signature header is missing"
            raise BadSignature(message)

    def _verify(self, webhook: Webhook, form: Pairs | None) -> None:
        """Check a form's signature, or a JSON body's when there is no form."""
        settings = twilio.signature_settings(
            webhook.header(b"x-twilio-webhooks-signature-settings")
        )
        key = self._key(settings.key_id)
        url = self._public_url().rstrip("/") + webhook.path
        if webhook.query:
            url += "?" + webhook.query
        signature = webhook.header(b"x-twilio-signature") or ""
        if form is not None:
            signed = twilio.verify(url, form, key, signature, settings.algorithm)
        else:
            signed = twilio.verify_body(url, webhook.body, key, signature, settings.algorithm)
        if not signed:
            message = (
                "X-Twilio-Signature does not match; check TWILIO_AUTH_TOKEN and that "
                "CALLBOARD_PUBLIC_URL is the base of the URL that Twilio calls"
            )
            raise BadSignature(message)

    def _key(self, key_id: str | None) -> str:
        if key_id is not None:
            if (key := self._keys.shared.get(key_id)) is None:
                message = f"signed with the shared key '{key_id}', not in TWILIO_SHARED_KEYS"
                raise BadSignature(message)
            return key
        if self._keys.auth_token is None:
            message = "TWILIO_AUTH_TOKEN is not set: Twilio's webhooks cannot be checked"
            raise BadSignature(message)
        return self._keys.auth_token


def _event_entry(event: TwilioEvent, query: str, received_at: datetime) -> InboxEntry:
    kept = KeptWebhook(TWILIO_EVENTS, query, event.body, received_at)
    if event.problem is not None:
        return not_understood(kept, event.problem)
    return understand(kept, event_key=event.event_key)


class ElevenLabsAcceptor:
    """Accepts ElevenLabs' events and its personalization requests."""

    def __init__(
        self,
        inbox: Inbox,
        clock: Clock,
        *,
        secrets: Sequence[str],
        check_signatures: bool,
        tolerance_s: float,
        variables: Mapping[str, Any],
    ) -> None:
        self._inbox = inbox
        self._clock = clock
        self._secrets = secrets
        self._check_signatures = check_signatures
        self._tolerance_s = tolerance_s
        self._variables = variables

    async def event(self, webhook: Webhook) -> None:
        """Take an event; return once it is durable.

        Raises:
            BadSignature: it is not ElevenLabs', or too old; nothing was stored.
            MalformedPayload: it cannot be understood; it was kept raw if it was signed.
            StoreUnavailable: it could not be stored; ElevenLabs may send it again.
        """
        if len(webhook.body) < _LARGE_BYTES:
            body = self._checked(webhook)
        else:
            # Megabytes of audio would hold up everybody else.
            body = await asyncio.to_thread(self._checked, webhook)
        if len(body) > _KEPT_BYTES_MAX:
            message = f"the event without its audio is larger than {_KEPT_BYTES_MAX} bytes"
            raise PayloadTooLarge(message)
        kept = KeptWebhook(ELEVENLABS, webhook.query, body, self._clock.now())
        await self._inbox.keep(understand(kept))

    def _checked(self, webhook: Webhook) -> bytes:
        """Return the body as it is kept, once the signature holds."""
        self._verify(webhook)
        return without_audio(webhook.body)

    async def initiation(self, webhook: Webhook) -> bytes:
        """Take a personalization request; return the JSON that ElevenLabs waits for.

        ElevenLabs does not sign these: its secret comes in a header of the operator's making.
        It holds the caller meanwhile, so a store that does not answer soon is not waited for:
        an answer promises nothing here, and the call's other webhooks will tell of it.

        Raises:
            BadSignature: the secret is missing; nothing was stored.
            MalformedPayload: it is no JSON object; it was kept raw.
        """
        if not self._knows_secret(webhook):
            if self._check_signatures and b"elevenlabs-signature" not in webhook.headers:
                message = "X-Callboard-Secret must be set to ELEVENLABS_WEBHOOK_SECRET"
                raise BadSignature(message)
            self._verify(webhook)
        kept = KeptWebhook(INITIATION, webhook.query, webhook.body, self._clock.now())
        entry = understand(kept)
        try:
            async with asyncio.timeout(_CALLER_WAITS_S):
                await self._inbox.keep(entry)
        except MalformedPayload as problem:
            # A call that is not Twilio's has a caller, too.
            if problem.field != "call_sid":
                raise
        except (TimeoutError, Unavailable) as error:
            _log.warning("ingest.initiation_not_kept", reason=str(error) or "no answer in time")
        call_id = {"callboard_call_id": entry.fact.key} if entry.fact else {}
        answer = {
            "type": "conversation_initiation_client_data",
            "dynamic_variables": {**self._variables, **call_id},
        }
        return orjson.dumps(answer)

    def _knows_secret(self, webhook: Webhook) -> bool:
        """Tell whether `X-Callboard-Secret`, or a bearer token, is one of our secrets."""
        scheme, _, bearer = webhook.headers.get(b"authorization", b"").partition(b" ")
        given = webhook.headers.get(b"x-callboard-secret")
        if given is None:
            given = bearer if scheme.lower() == b"bearer" else b""
        matches = [hmac.compare_digest(given, secret.encode()) for secret in self._secrets]
        return any(matches)

    def _verify(self, webhook: Webhook) -> None:
        if not self._check_signatures:
            return
        if not self._secrets:
            message = "ELEVENLABS_WEBHOOK_SECRET is not set: its webhooks cannot be checked"
            raise BadSignature(message)
        problem = elevenlabs.check(
            webhook.header(b"elevenlabs-signature"),
            webhook.body,
            self._secrets,
            now_s=self._clock.now().timestamp(),
            tolerance_s=self._tolerance_s,
        )
        if problem is not None:
            raise BadSignature(problem)
