"""The vendors' acceptors before a store in memory."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from support.builders import SECRET, START, TOKEN, Pairs, sid

from callboard.clock import FixedClock
from callboard.domain.lattice import CallFact
from callboard.domain.webhooks import (
    CALL_STATUS,
    ELEVENLABS,
    INITIATION,
    TWILIO_EVENTS,
    InboxEntry,
)
from callboard.ingest.accept import ElevenLabsAcceptor, Inbox, TwilioAcceptor, TwilioKeys, Webhook
from callboard.vendors.elevenlabs import signature as elevenlabs
from callboard.vendors.twilio import signature as twilio

__all__ = ["NOW_S", "PUBLIC", "Desk", "a_webhook"]

PUBLIC = "https://calls.example.com"
NOW_S = int(START.timestamp())


class Desk:
    """Acceptors before a store that remembers what it was asked to keep."""

    def __init__(self, *, failure: Exception | None = None, **options: Any) -> None:
        self.kept: list[InboxEntry] = []
        self.noted: list[CallFact] = []
        self.calls: dict[str, str] = {}
        self.hangs = False
        self._failure = failure
        check = options.pop("check_signatures", True)
        given: dict[str, Any] = {
            "keys": TwilioKeys(TOKEN, {}),
            "public_url": lambda: PUBLIC,
            "secrets": [SECRET],
            "tolerance_s": 1_800.0,
            "variables": {"shop": "Northside"},
            **options,
        }
        inbox = Inbox(self._submit, self._submit_all, self)
        names = ("keys", "public_url")
        self.twilio = TwilioAcceptor(
            inbox,
            FixedClock(START),
            check_signatures=check,
            **{name: given.pop(name) for name in names},
        )
        self.elevenlabs = ElevenLabsAcceptor(
            inbox, FixedClock(START), check_signatures=check, **given
        )

    async def _submit(self, entry: InboxEntry) -> None:
        await self._submit_all([entry])

    async def _submit_all(self, entries: Sequence[InboxEntry]) -> None:
        self.kept += entries
        if self.hangs:
            await asyncio.Event().wait()
        if self._failure is not None:
            raise self._failure

    async def located(self, fact: CallFact) -> CallFact:
        """Return the fact as one about the call that is known."""
        found = self.calls.get(fact.conversation_id or "")
        return fact.of_call(found) if found else fact

    def note(self, fact: CallFact) -> None:
        """Remember."""
        self.noted.append(fact)

    async def post(
        self,
        form: Pairs,
        *,
        query: str = "",
        base: str = PUBLIC,
        token: str = TOKEN,
        **headers: str,
    ) -> None:
        """Post a form, signed for `base`."""
        url = f"{base}{CALL_STATUS}?{query}" if query else f"{base}{CALL_STATUS}"
        signed = {"x_twilio_signature": twilio.sign(url, form, token), **headers}
        await self.post_raw(urlencode(form).encode(), query=query, **signed)

    async def post_raw(self, body: bytes, *, query: str = "", **headers: str) -> None:
        """Post any bytes as a callback."""
        await self.twilio.callback(a_webhook(CALL_STATUS, body, query, **headers))

    async def stream(self, *events: Any) -> None:
        """Post a delivery of Event Streams, with signatures off."""
        await self.twilio.events(a_webhook(TWILIO_EVENTS, json.dumps(events).encode()))

    async def report(self, body: bytes, *, secret: str = SECRET, at_s: int = NOW_S) -> None:
        """Post an ElevenLabs event, signed."""
        header = elevenlabs.sign(body, secret, at_s)
        await self.elevenlabs.event(a_webhook(ELEVENLABS, body, elevenlabs_signature=header))

    async def ask(self, *bodies: bytes, **headers: str) -> dict[str, Any]:
        """Post a personalization request; return the answer."""
        (body,) = bodies or (b'{"call_sid": "%s", "caller_id": "+1"}' % sid().encode(),)
        answer = await self.elevenlabs.initiation(a_webhook(INITIATION, body, **headers))
        found: dict[str, Any] = json.loads(answer)
        return found


def a_webhook(path: str, body: bytes, query: str = "", **headers: str) -> Webhook:
    """Return a request; underscores in a header's name stand for hyphens."""
    named = {name.replace("_", "-").encode(): v.encode() for name, v in headers.items()}
    return Webhook(path, query, body, named)
