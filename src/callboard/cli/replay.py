"""`callboard replay`: the inbox understood anew."""

from datetime import UTC, datetime

import click
import uvloop

from callboard.app.replay import replay_inbox
from callboard.clock import SystemClock
from callboard.observe.logs import configure_logs
from callboard.settings import load_settings
from callboard.store.inbox import InboxSelection

__all__ = ["replay"]

_INSTANT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])


@click.command()
@click.option("--since", type=_INSTANT, help="Only webhooks received at or after it, UTC.")
@click.option("--until", type=_INSTANT, help="Only webhooks received before it, UTC.")
@click.option("--vendor", type=click.Choice(["twilio", "elevenlabs"]), help="Only this vendor's.")
@click.option("--problems", is_flag=True, help="Only those that could not be understood.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")
def replay(
    since: datetime | None,
    until: datetime | None,
    vendor: str | None,
    *,
    problems: bool,
    dry_run: bool,
) -> None:
    """Understand kept webhooks anew and merge them into their calls.

    Merging again changes nothing, so this is safe at any time, also beside a running server.
    """
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    selection = InboxSelection(_utc(since), _utc(until), vendor, problems)
    report = uvloop.run(replay_inbox(settings, SystemClock(), selection, dry_run=dry_run))
    print(
        f"{'would merge' if dry_run else 'merged'} {report.merged} of {report.read} webhooks; "
        f"{report.understood_now} newly understood, {report.not_understood} not understood, "
        f"{report.failed} refused by MongoDB"
    )


def _utc(instant: datetime | None) -> datetime | None:
    return instant.replace(tzinfo=UTC) if instant is not None else None
