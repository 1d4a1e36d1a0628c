"""A delivery as the request its vendor would make: address, headers, signature."""

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode
from uuid import NAMESPACE_URL, uuid5

import httpx

from callboard.clock import Clock
from callboard.simulator.deliveries import Delivery
from callboard.vendors.elevenlabs import signature as elevenlabs
from callboard.vendors.twilio import signature as twilio

__all__ = ["ElevenLabsPosts", "Posts", "TwilioPosts"]

# Twilio's own limits: 5 s to connect, 15 s to answer; ElevenLabs tells none of its own. Waiting
# for a free connection of our pool is our doing, not the server's, and has no limit.
_TIMEOUT = httpx.Timeout(15.0, connect=5.0, pool=None)


class Posts(Protocol):
    """How a vendor posts."""

    def request(self, client: httpx.AsyncClient, delivery: Delivery) -> httpx.Request:
        """Return the request, signed; every attempt sends the same."""
        ...

    def accepts(self, response: httpx.Response) -> bool:
        """Tell whether the vendor takes this answer for success."""
        ...


@dataclass(frozen=True, slots=True)
class TwilioPosts:
    """Forms to `url`, signed for `signed_url`."""

    url: str
    """The address really called, without query."""
    signed_url: str
    """The public address the signature is for: base URL and path, without query."""
    auth_token: str
    """The Twilio auth token the receiver checks signatures with."""

    def request(self, client: httpx.AsyncClient, delivery: Delivery) -> httpx.Request:
        """Return the form post; the fragment of a callback URL is neither sent nor signed."""
        query = f"?{urlencode(delivery.query)}" if delivery.query else ""
        body = urlencode(delivery.form)
        signed_url = self.signed_url.partition("#")[0] + query
        return client.build_request(
            "POST",
            self.url.partition("#")[0] + query,
            content=body.encode(),
            headers={
                "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
                "User-Agent": "TwilioProxy/1.1",
                "X-Twilio-Signature": twilio.sign(signed_url, delivery.form, self.auth_token),
                # Equal for every attempt at, and every repetition of, the same webhook.
                "I-Twilio-Idempotency-Token": str(uuid5(NAMESPACE_URL, body)),
            },
            timeout=_TIMEOUT,
        )

    def accepts(self, response: httpx.Response) -> bool:
        """Any 2xx is success."""
        return response.is_success


@dataclass(frozen=True, slots=True)
class ElevenLabsPosts:
    """JSON to `url`, signed with the current time."""

    url: str
    """The address called."""
    secret: str
    """A webhook secret the receiver checks signatures with."""
    clock: Clock
    """Says when a signature is made."""

    def request(self, client: httpx.AsyncClient, delivery: Delivery) -> httpx.Request:
        """Return the event's post."""
        now_s = int(self.clock.now().timestamp())
        return client.build_request(
            "POST",
            self.url,
            content=delivery.event,
            headers={
                "Content-Type": "application/json",
                "ElevenLabs-Signature": elevenlabs.sign(delivery.event, self.secret, now_s),
            },
            timeout=_TIMEOUT,
        )

    def accepts(self, response: httpx.Response) -> bool:
        """Only 200 is success."""
        return response.status_code == httpx.codes.OK
