"""Plays a scenario against a running callboard as the vendors would: signed posts, on time.

Like Twilio, it tries a webhook once more only if no connection could be made. Unlike Twilio's
default, a 503 is retried too, because the callback URL we recommend asks for it in its fragment
(`#rc=5&rp=5xx,ct,rt`). ElevenLabs' retries, where switched on, come after half a minute and
later; here its events are tried again as soon as Twilio's. It never posts early; when late it
catches up.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import httpx
import structlog

from callboard.clock import Clock
from callboard.errors import ConfigurationError
from callboard.simulator.deliveries import Delivery
from callboard.simulator.posts import Posts
from callboard.simulator.report import DriverReport, Tally

__all__ = ["Driver", "DriverReport"]

_log = structlog.get_logger(__name__)

_TERMINAL = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})

_COULD_NOT_CONNECT = (httpx.ConnectError, httpx.ConnectTimeout)
_CONNECT_RETRIES_MAX = 1
_UNAVAILABLE_RETRIES_MAX = 5
_RETRY_AFTER_S = 1.0
_RETRY_AFTER_S_MAX = 15.0

# The longest nap while waiting for a webhook's time, so that `stop` is noticed.
_NAP_S_MAX = 0.25
_NAP_S_MIN = 0.001


@dataclass(slots=True)
class _Call:
    """A call under way: each vendor's latest webhook, which the vendor's next one waits for."""

    tails: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    end_accepted: bool = False


@dataclass(slots=True, eq=False)
class Driver:
    """Posts deliveries at their times, each as its vendor would. Plays once.

    Raises:
        ConfigurationError: `in_flight_max` is below 1.
    """

    client: httpx.AsyncClient
    """Makes the requests; its owner closes it."""
    twilio: Posts
    """How Twilio's callbacks are posted."""
    clock: Clock
    """Paces the webhooks (its steady seconds) and reads dates in `Retry-After`."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    """How to wait so many seconds of that clock."""
    elevenlabs: Posts | None = None
    """How ElevenLabs' events are posted; needed if the scenario has any."""
    in_flight_max: int = 64
    """At most so many webhooks under way at once, waits for a retry included; 1 or more."""
    retry_unavailable: bool = True
    """Whether a 503 is tried again, up to 5 times, after its `Retry-After` (15 s at most)."""
    _calls: dict[str, _Call] = field(default_factory=dict, init=False, repr=False)
    _tally: Tally = field(default_factory=Tally, init=False, repr=False)
    _stopped: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.in_flight_max < 1:
            raise ConfigurationError("in_flight_max must be 1 or more")

    async def play(
        self, deliveries: Iterable[Delivery], *, until_s: float | None = None, drain: bool = True
    ) -> DriverReport:
        """Post every delivery, time 0 being now, and return what came of them.

        A vendor's webhooks about a call go out one after the other, in the order given; the
        other vendor's do not wait for them. After `until_s`
        seconds no new call begins; with `drain` those under way are played to their end,
        otherwise nothing more is posted. Draining takes as long as the longest call, and needs
        each call's last delivery marked `last`. Requests under way are always waited for.
        """
        slots = asyncio.Semaphore(self.in_flight_max)
        zero_s = self.clock.monotonic_s()
        async with asyncio.TaskGroup() as tasks:
            for delivery in deliveries:
                late = until_s is not None and delivery.at_s > until_s
                over = late and (not drain or not self._calls)
                if over or self._stopped:
                    break
                if late and delivery.call_sid not in self._calls:
                    # Skipping is quick, but may go on for thousands: let the others work.
                    await self.sleep(0)
                    continue
                if not await self._wait_until(zero_s + delivery.at_s):
                    break
                await slots.acquire()
                self._send(delivery, tasks, slots)
        return self.report()

    def stop(self) -> None:
        """End `play` early: nothing new is posted and nothing retried; it returns soon."""
        self._stopped = True

    def report(self) -> DriverReport:
        """Return what came of the webhooks so far; may be asked while playing."""
        return self._tally.report()

    async def _wait_until(self, due_s: float) -> bool:
        """Wait until the clock says `due_s`; False if stopped meanwhile."""
        while not self._stopped:
            left_s = due_s - self.clock.monotonic_s()
            if left_s <= 0:
                return True
            await self.sleep(min(max(left_s, _NAP_S_MIN), _NAP_S_MAX))
        return False

    def _send(
        self, delivery: Delivery, tasks: asyncio.TaskGroup, slots: asyncio.Semaphore
    ) -> None:
        """Start posting a delivery behind its call's previous one."""
        call = self._calls.get(delivery.call_sid)
        if call is None:
            call = self._calls[delivery.call_sid] = _Call()
            self._tally.started_calls += 1
        if delivery.last:
            del self._calls[delivery.call_sid]
        before = call.tails.get(delivery.vendor)
        posts = self._posts(delivery)

        async def deliver() -> None:
            try:
                if before is not None:
                    await asyncio.wait({before})
                accepted = await self._post(posts, delivery)
                if accepted and _ends_call(delivery) and not call.end_accepted:
                    call.end_accepted = True
                    self._tally.ended_calls += 1
            finally:
                slots.release()

        call.tails[delivery.vendor] = tasks.create_task(deliver())

    def _posts(self, delivery: Delivery) -> Posts:
        if delivery.vendor == "twilio":
            return self.twilio
        if self.elevenlabs is None:
            raise ConfigurationError(
                "the scenario has events of ElevenLabs, but no way to post them"
            )
        return self.elevenlabs

    async def _post(self, posts: Posts, delivery: Delivery) -> bool:
        """Post with retries, count the result, and tell whether it was accepted."""
        request = posts.request(self.client, delivery)
        connect_retries = unavailable_retries = 0
        while True:
            try:
                response = await self._attempt(request)
            except httpx.RequestError as error:
                if self._may_reconnect(error, connect_retries):
                    connect_retries += 1
                    self._tally.retried += 1
                    continue
                self._count_failed(error)
                return False
            if not self._may_wait(response, unavailable_retries):
                return self._count_answered(response, accepted=posts.accepts(response))
            again_s = self.clock.monotonic_s() + self._retry_after_s(response)
            if not await self._wait_until(again_s):
                return self._count_answered(response, accepted=posts.accepts(response))
            unavailable_retries += 1
            self._tally.retried += 1

    async def _attempt(self, request: httpx.Request) -> httpx.Response:
        began_s = self.clock.monotonic_s()
        response = await self.client.send(request)
        self._tally.latencies_s.append(self.clock.monotonic_s() - began_s)
        return response

    def _may_reconnect(self, error: httpx.RequestError, retries: int) -> bool:
        could_not_connect = isinstance(error, _COULD_NOT_CONNECT)
        return could_not_connect and retries < _CONNECT_RETRIES_MAX and not self._stopped

    def _may_wait(self, response: httpx.Response, retries: int) -> bool:
        unavailable = response.status_code == httpx.codes.SERVICE_UNAVAILABLE
        return unavailable and self.retry_unavailable and retries < _UNAVAILABLE_RETRIES_MAX

    def _retry_after_s(self, response: httpx.Response) -> float:
        """Return how long a 503 asks to wait: seconds or a date; 1 s if it does not say."""
        text = response.headers.get("Retry-After", "").strip()
        try:
            wait_s = float(text) if text.isdigit() else self._seconds_until(text)
        except ValueError:
            wait_s = _RETRY_AFTER_S
        return min(max(wait_s, 0.0), _RETRY_AFTER_S_MAX)

    def _seconds_until(self, date: str) -> float:
        return (parsedate_to_datetime(date) - self.clock.now()).total_seconds()

    def _count_failed(self, error: httpx.RequestError) -> None:
        # Once is enough: a server that is down would fill the log.
        if not self._tally.failed:
            _log.warning("simulated_webhook_failed", error=repr(error))
        self._tally.failed += 1

    def _count_answered(self, response: httpx.Response, *, accepted: bool) -> bool:
        if accepted:
            self._tally.accepted += 1
            return True
        if response.status_code not in self._tally.refused:
            _log.warning("simulated_webhook_refused", http_status=response.status_code)
        self._tally.refused[response.status_code] += 1
        return False


def _ends_call(delivery: Delivery) -> bool:
    return dict(delivery.form).get("CallStatus") in _TERMINAL
