"""`callboard simulate`: made-up signed traffic against a server that already runs."""

import asyncio
import secrets
import signal
from urllib.parse import urlsplit

import click
import uvloop

from callboard.cli.traffic import Target, play
from callboard.clock import SystemClock
from callboard.errors import ConfigurationError
from callboard.observe.logs import configure_logs
from callboard.settings import is_loopback, load_settings
from callboard.simulator.driver import DriverReport
from callboard.simulator.scenario import ScenarioOptions

__all__ = ["simulate"]


@click.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The server.")
@click.option("--api-key", envvar="CALLBOARD_API_KEY", help="Key with scope write.")
@click.option("--concurrent", default=20, show_default=True, help="Calls alive at once.")
@click.option("--calls-per-second", type=float, help="At most so many new calls a second.")
@click.option("--speed", default=1.0, show_default=True, help="2 plays twice as fast.")
@click.option("--duration", type=float, help="Stop placing calls after so many seconds, and end.")
@click.option("--seed", type=int, help="Play this very scenario; default: a new one each time.")
@click.option("--duplicates", default=0.0, help="Share of webhooks that come twice.")
@click.option("--disorder", default=0.0, help="Share of webhooks that come late.")
@click.option("--loss", default=0.0, help="Share of webhooks that never come.")
@click.option("--hour-shape/--flat", default=False, help="Follow the hours of a day.")
def simulate(  # noqa: PLR0913, PLR0917  (one argument per command line option)
    url: str,
    api_key: str | None,
    concurrent: int,
    calls_per_second: float | None,
    speed: float,
    duration: float | None,
    seed: int | None,
    duplicates: float,
    disorder: float,
    loss: float,
    *,
    hour_shape: bool,
) -> None:
    """Play phone campaigns against a server, as Twilio and ElevenLabs would.

    Signed with TWILIO_AUTH_TOKEN and ELEVENLABS_WEBHOOK_SECRET; without the latter only Twilio's
    side is played. Only loopback addresses are accepted: this makes load.
    """
    if not is_loopback(urlsplit(url).hostname or ""):
        message = f"the simulator only plays against this machine, not {url}"
        raise ConfigurationError(message)
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    if settings.twilio_auth_token is None:
        message = "TWILIO_AUTH_TOKEN must be set to the server's, or its signatures will not match"
        raise ConfigurationError(message)
    options = ScenarioOptions(
        seed=seed if seed is not None else secrets.randbits(31),
        concurrent_calls=concurrent,
        calls_per_s_max=calls_per_second,
        speed=speed,
        duplicate_rate=duplicates,
        disorder_rate=disorder,
        loss_rate=loss,
        hour_shape=hour_shape,
    )
    target = Target(
        url=url.rstrip("/"),
        public_url=(settings.public_url or url).rstrip("/"),
        auth_token=settings.twilio_auth_token.get_secret_value(),
        elevenlabs_secret=next(iter(settings.elevenlabs_secrets), None),
        api_key=api_key,
    )
    report = uvloop.run(_play(target, options, duration))
    print(
        f"{report.started_calls} calls, {report.accepted} webhooks acknowledged "
        f"(p50 {report.latency_p50_s * 1000:.1f} ms, p99 {report.latency_p99_s * 1000:.1f} ms), "
        f"{report.failed + sum(report.refused.values())} not"
    )


async def _play(
    target: Target, options: ScenarioOptions, duration_s: float | None
) -> DriverReport:
    """Play until the duration is over or somebody asks to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return await play(target, options, SystemClock(), until_s=duration_s, stop=stop)
