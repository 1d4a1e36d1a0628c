"""Simulated traffic against a running server: what `demo` and `simulate` share."""

import asyncio
from dataclasses import dataclass, replace

import httpx
import structlog

from callboard.clock import Clock
from callboard.domain.webhooks import CALL_STATUS, ELEVENLABS
from callboard.errors import StoreUnavailable
from callboard.simulator.driver import Driver, DriverReport
from callboard.simulator.posts import ElevenLabsPosts, TwilioPosts
from callboard.simulator.scenario import Scenario, ScenarioOptions

__all__ = ["Target", "play"]

_log = structlog.get_logger(__name__)

_REQUEST_TIMEOUT_S = 15.0  # Twilio's own ceiling for a call-related request


@dataclass(frozen=True, slots=True)
class Target:
    """Where the traffic goes, and how it proves to be the vendors'."""

    url: str
    """Base URL that is really called."""
    public_url: str
    """Base URL that Twilio's signatures are made for."""
    auth_token: str
    elevenlabs_secret: str | None
    """None plays Twilio's side only."""
    api_key: str | None
    """A key with scope `write` for creating the campaigns; None to leave them alone."""


async def play(
    target: Target,
    options: ScenarioOptions,
    clock: Clock,
    *,
    until_s: float | None,
    stop: asyncio.Event,
) -> DriverReport:
    """Create the scenario's campaigns, then play its calls until told to stop.

    Raises:
        StoreUnavailable: the server does not answer.
    """
    secret = target.elevenlabs_secret
    if secret is None:
        _log.warning("simulated_without_elevenlabs", missing="ELEVENLABS_WEBHOOK_SECRET")
    scenario = Scenario(replace(options, elevenlabs=secret is not None), clock.now())
    async with httpx.AsyncClient(timeout=_REQUEST_TIMEOUT_S, trust_env=False) as client:
        try:
            await _create_campaigns(client, target, scenario)
        except httpx.HTTPError as error:
            message = f"{target.url} does not answer: {error}"
            raise StoreUnavailable(message) from error
        driver = Driver(
            client=client,
            twilio=TwilioPosts(
                target.url + CALL_STATUS, target.public_url + CALL_STATUS, target.auth_token
            ),
            clock=clock,
            elevenlabs=ElevenLabsPosts(target.url + ELEVENLABS, secret, clock)
            if secret is not None
            else None,
        )
        stopping = asyncio.get_running_loop().create_task(_stop_when(stop, driver))
        try:
            return await driver.play(scenario.deliveries(), until_s=until_s)
        finally:
            stopping.cancel()


async def _create_campaigns(client: httpx.AsyncClient, target: Target, scenario: Scenario) -> None:
    """Make the campaigns known; one that exists already stays as it is."""
    headers = {"Authorization": f"Bearer {target.api_key}"} if target.api_key else {}
    for campaign in scenario.campaigns:
        body = {
            "id": campaign.id,
            "name": campaign.name,
            "status": "active",
            "totalContacts": campaign.total_contacts,
        }
        answer = await client.post(f"{target.url}/api/campaigns", json=body, headers=headers)
        if answer.is_error:
            reason = answer.json().get("detail", answer.text)
            _log.warning("simulated_campaign_refused", campaign=campaign.id, reason=reason)


async def _stop_when(stop: asyncio.Event, driver: Driver) -> None:
    await stop.wait()
    driver.stop()
