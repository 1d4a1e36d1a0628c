"""`callboard demo`: a whole callboard with made-up traffic, in one command."""

import asyncio
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TypeVar
from zoneinfo import ZoneInfo

import click
import uvloop
from pydantic import SecretStr

from callboard.app.compose import Server
from callboard.app.replay import running_url
from callboard.cli.serve import run_server
from callboard.cli.traffic import Target, play
from callboard.clock import Clock, SystemClock
from callboard.embedded.folder import try_lock
from callboard.errors import ConfigurationError
from callboard.observe.logs import configure_logs
from callboard.settings import Settings, is_loopback, load_settings
from callboard.simulator.history import History, past_calls
from callboard.simulator.scenario import ScenarioOptions
from callboard.store import database as mongo

__all__ = ["demo"]

T = TypeVar("T")

_DEMOS_AT_ONCE_MAX = 9
_CONTACTS = 6_000
_PAST_CALLS_A_DAY = 400
_BATCH = 1_000
_ROOM = 1.3
_CALL_S = 30


@dataclass(frozen=True, slots=True)
class DemoTraffic:
    """What is played, and for how long."""

    options: ScenarioOptions
    duration_s: float | None
    history: History
    """What has happened before."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address.")
@click.option("--port", default=8000, show_default=True, help="If taken, any free one.")
@click.option("--concurrent", default=50, show_default=True, help="Calls alive at once.")
@click.option("--speed", default=1.0, show_default=True, help="2 plays twice as fast.")
@click.option("--duration", type=float, help="Stop placing calls after so many seconds, and end.")
@click.option("--seed", type=int, help="Play this very scenario; default: a new one each time.")
@click.option("--history", "days", default=14, show_default=True, help="Days of earlier calls.")
@click.option("--faults/--no-faults", default=True, help="Duplicates and disorder, as in life.")
def demo(  # noqa: PLR0913, PLR0917  (one argument per command line option)
    host: str,
    port: int,
    concurrent: int,
    speed: float,
    duration: float | None,
    seed: int | None,
    days: int,
    *,
    faults: bool,
) -> None:
    """Start everything with simulated, signed traffic of both vendors and print the board's URL.

    Runs on a database of its own that is emptied at each start, never on yours.
    """
    if not is_loopback(host):
        message = f"the demo has no sign-in, so it only listens on loopback addresses, not {host}"
        raise ConfigurationError(message)
    options = ScenarioOptions(
        seed=seed if seed is not None else secrets.randbits(31),
        concurrent_calls=concurrent,
        speed=speed,
        contacts_per_campaign=_CONTACTS,
        duplicate_rate=0.03 if faults else 0.0,
        disorder_rate=0.03 if faults else 0.0,
    )
    base = load_settings()
    configure_logs(base.log_format, base.log_level)
    folder, lock = _claim_folder(base.data_dir)
    try:
        settings = _demo_settings(base, folder, options)
        past = History(options.seed, days, _PAST_CALLS_A_DAY, options.campaigns, _CONTACTS)
        traffic = DemoTraffic(options, duration, past)
        code = uvloop.run(_run(settings, host, port, traffic))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()
    sys.exit(code)


def _demo_settings(base: Settings, folder: Path, options: ScenarioOptions) -> Settings:
    """Return settings that touch nothing of the operator's."""
    return base.model_copy(
        update={
            "mongodb_url": None,
            "redis_url": None,
            "public_url": None,
            "data_dir": folder,
            "auth": "off",
            # Such an account could carry the traffic, with a little room.
            "concurrency": base.concurrency or round(_ROOM * options.concurrent_calls) + 1,
            "calls_per_s": max(
                base.calls_per_s, _ROOM * options.concurrent_calls * options.speed / _CALL_S
            ),
            "webhook_signatures": "on",
            "twilio_auth_token": SecretStr(secrets.token_hex(16)),
            "elevenlabs_webhook_secret": SecretStr(f"wsec_{secrets.token_hex(32)}"),
        }
    )


async def _run(settings: Settings, host: str, port: int, traffic: DemoTraffic) -> int:
    clock: Clock = SystemClock()

    async def until(server: Server, stop: asyncio.Event) -> None:
        await _write_history(settings, traffic.history, clock)
        print(f"\n  callboard is live: {server.url}/\n\n  Ctrl-C ends it.\n", flush=True)
        token = settings.twilio_auth_token
        target = Target(
            url=server.url,
            public_url=server.url,
            auth_token=token.get_secret_value() if token else "",
            elevenlabs_secret=next(iter(settings.elevenlabs_secrets), None),
            api_key=None,
        )
        report = await play(target, traffic.options, clock, until_s=traffic.duration_s, stop=stop)
        print(
            f"  {report.started_calls} calls, {report.accepted} webhooks acknowledged, "
            f"{report.failed + sum(report.refused.values())} not.",
            flush=True,
        )

    server = Server(settings, clock, host, port, else_any_port=True)
    return await run_server(server, until)


async def _write_history(settings: Settings, history: History, clock: Clock) -> None:
    """Store the calls of earlier days as any other program would: the projector counts them."""
    url = running_url(settings.data_dir)
    if url is None or not history.days:
        return
    database = mongo.connect(url)
    try:
        calls = past_calls(history, clock.now(), ZoneInfo(settings.timezone))
        for batch in _batched(calls, _BATCH):
            await database.calls.insert_many(batch, ordered=False)
    finally:
        await database.client.close()


def _batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of at most so many; Python 3.12 has it."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _claim_folder(data_dir: Path) -> tuple[Path, IO[str]]:
    """Return an empty folder that no other running demo uses.

    Raises:
        ConfigurationError: it cannot be made, or too many demos run already.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        for number in range(1, _DEMOS_AT_ONCE_MAX + 1):
            lock = try_lock(data_dir / f"demo-{number}.lock")
            if lock is None:
                continue
            folder = data_dir / f"demo-{number}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            return folder, lock
    except OSError as error:
        message = f"CALLBOARD_DATA_DIR cannot be used: {error}"
        raise ConfigurationError(message) from error
    message = f"{_DEMOS_AT_ONCE_MAX} demos run already: end one of them"
    raise ConfigurationError(message)
