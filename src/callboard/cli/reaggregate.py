"""`callboard reaggregate`: figures counted anew from the calls."""

from datetime import date, datetime

import click
import uvloop

from callboard.app.reaggregate import reaggregate_days
from callboard.errors import ConfigurationError
from callboard.observe.logs import configure_logs
from callboard.settings import Settings, load_settings
from callboard.store.reaggregation import Reaggregation

__all__ = ["reaggregate"]

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("--from", "first", type=_DAY, required=True, help="First local day, 2026-11-01.")
@click.option("--to", "last", type=_DAY, required=True, help="Last local day, included.")
def reaggregate(first: datetime, last: datetime) -> None:
    """Count days anew from their calls and put right what differs.

    The running server does it, day by day and beside its other work; nobody sees a wrong figure
    meanwhile. Stopping this command does not stop it: the same command again shows how far it is.
    """
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    if last < first:
        message = "--to must be at or after --from"
        raise ConfigurationError(message)
    done = uvloop.run(_follow(settings, first.date(), last.date()))
    kept = f", {done.skipped} days skipped: their calls are no longer kept" if done.skipped else ""
    wrong = f"{done.drifted} documents were wrong and are right now"
    print(f"counted {done.days} days anew: {wrong if done.drifted else 'all were right'}{kept}")


async def _follow(settings: Settings, first: date, last: date) -> Reaggregation:
    """Draw a bar until all days are counted."""
    days = (last - first).days + 1
    with click.progressbar(length=days, label="counting days") as bar:
        async for progress in reaggregate_days(settings, first, last):
            bar.update(progress.counted - bar.pos)
    return progress
