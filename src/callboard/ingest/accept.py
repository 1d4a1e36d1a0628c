"""What becomes of a webhook: signature, then meaning, then durability.

Nothing is stored before the signature holds. After it holds, nothing is lost: a body that
cannot be understood is kept raw with the reason, and its sender still gets the 400.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import parse_qsl

from callboard.clock import Clock
from callboard.domain.calls import CallFact
from callboard.domain.webhooks import InboxEntry
from callboard.errors import BadSignature, MalformedPayload
from callboard.vendors.twilio.callbacks import parse_callback
from callboard.vendors.twilio.signature import verify

__all__ = ["TwilioAcceptor", "Webhook"]

_FIELDS_MAX = 200


@dataclass(frozen=True, slots=True)
class Webhook:
    """One request from a vendor, as it came."""

    path: str
    """Path of the URL, as sent."""
    query: str
    """Raw query string."""
    body: bytes
    signature: str | None


class _Submit(Protocol):
    def __call__(self, entry: InboxEntry) -> Awaitable[None]: ...


class TwilioAcceptor:
    """Accepts Twilio's callbacks."""

    def __init__(
        self,
        submit: _Submit,
        clock: Clock,
        *,
        auth_token: str | None,
        check_signatures: bool,
        public_url: Callable[[], str],
    ) -> None:
        self._submit = submit
        self._clock = clock
        self._auth_token = auth_token
        self._check_signatures = check_signatures
        self._public_url = public_url

    async def accept(self, webhook: Webhook) -> None:
        """Return once the webhook is durable.

        Raises:
            BadSignature: it is not Twilio's; nothing was stored.
            MalformedPayload: it cannot be understood; it was kept raw if it was signed.
            StoreUnavailable: it could not be stored; Twilio may send it again.
        """
        if self._check_signatures and not webhook.signature:
            message = "the X-Twilio-Signature header is missing"
            raise BadSignature(message)
        form = _form(webhook.body)
        if self._check_signatures:
            self._verify(webhook, form)
        received_at = self._clock.now()
        try:
            fact = parse_callback(form, _query(webhook.query), received_at)
        except MalformedPayload as problem:
            await self._submit(_kept(webhook, received_at, None, str(problem)))
            raise
        await self._submit(_kept(webhook, received_at, fact, None))

    def _verify(self, webhook: Webhook, form: list[tuple[str, str]]) -> None:
        if self._auth_token is None:
            message = "TWILIO_AUTH_TOKEN is not set: Twilio's webhooks cannot be checked"
            raise BadSignature(message)
        url = self._public_url().rstrip("/") + webhook.path
        if webhook.query:
            url += "?" + webhook.query
        if not verify(url, form, self._auth_token, webhook.signature or ""):
            message = (
                "X-Twilio-Signature does not match; check TWILIO_AUTH_TOKEN and that "
                "CALLBOARD_PUBLIC_URL is the base of the URL that Twilio calls"
            )
            raise BadSignature(message)


def _kept(
    webhook: Webhook, received_at: datetime, fact: CallFact | None, problem: str | None
) -> InboxEntry:
    key = fact.event_key if fact else _raw_key(webhook)
    return InboxEntry(
        event_key=key,
        vendor="twilio",
        kind=fact.kind if fact else "unknown",
        query=webhook.query,
        body=webhook.body,
        received_at=received_at,
        fact=fact,
        problem=problem,
    )


def _raw_key(webhook: Webhook) -> str:
    """Return the event key of what could not be understood: its bytes."""
    said = webhook.query.encode() + b"\n" + webhook.body
    return "twilio:raw:" + hashlib.sha256(said).hexdigest()


def _form(body: bytes) -> list[tuple[str, str]]:
    """Read an urlencoded body.

    Raises:
        MalformedPayload: it is not one.
    """
    try:
        return _pairs(body.decode("ascii"))
    except (UnicodeDecodeError, ValueError) as error:
        message = "the body must be application/x-www-form-urlencoded"
        raise MalformedPayload(message, field="body") from error


def _query(text: str) -> list[tuple[str, str]]:
    """Read a query string.

    Raises:
        MalformedPayload: it is not one.
    """
    try:
        return _pairs(text)
    except ValueError as error:
        message = "the query string cannot be read"
        raise MalformedPayload(message, field="query") from error


def _pairs(text: str) -> list[tuple[str, str]]:
    # Empty values count in the signature: parse_qsl drops them unless told otherwise.
    return parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS_MAX, errors="strict")
