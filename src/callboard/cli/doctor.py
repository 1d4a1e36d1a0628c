"""`callboard doctor`: is everything as it must be, and if not, what to do."""

import asyncio
import sys

import click

from callboard.app.doctor.configuration import Given
from callboard.app.doctor.examination import diagnose
from callboard.app.doctor.findings import Finding, exit_code
from callboard.app.doctor.rendering import as_json, as_text
from callboard.app.doctor.web import HttpOutside, Target
from callboard.clock import SystemClock
from callboard.errors import ConfigurationError
from callboard.observe.logs import configure_logs
from callboard.settings import given, load_settings

__all__ = ["doctor"]

_DEFAULT_URL = "http://127.0.0.1:8000"


@click.command()
@click.option("--json", "wants_json", is_flag=True, help="For programs: one JSON document.")
@click.option("--url", help=f"A server that must be running; default: {_DEFAULT_URL}, if any.")
@click.option(
    "--key",
    envvar="CALLBOARD_API_KEY",
    show_envvar=True,
    help="Key with scope read, for its metrics.",
)
def doctor(*, wants_json: bool, url: str | None, key: str | None) -> None:
    """Look at settings, engines and a running server; say what is wrong and what to do.

    Nothing is changed. Ends with 0 when all is well, 1 when something is broken, 2 when not
    everything could be looked at.
    """
    findings = asyncio.run(_examined(url, key))
    # Unlike print, echo leaves the colours out where nobody could see them.
    click.echo(as_json(findings) if wants_json else as_text(findings))
    sys.exit(exit_code(findings))


async def _examined(url: str | None, key: str | None) -> list[Finding]:
    try:
        settings = load_settings()
        sources = given()
    except (ConfigurationError, UnicodeDecodeError) as error:
        advice = "mend them, in the environment or in .env; `callboard settings` describes each"
        return [Finding("fault", "settings.usable", str(error), advice, unseen=True)]
    configure_logs(settings.log_format, "error")
    target = Target((url or _DEFAULT_URL).rstrip("/"), key, is_named=url is not None)
    told = Given(*sources, also_known=_read_by_commands())
    return await diagnose(settings, told, target, HttpOutside(), SystemClock())


def _read_by_commands() -> list[str]:
    """Return the variables that stand for options of our commands."""
    root = click.get_current_context().find_root().command
    commands = root.commands.values() if isinstance(root, click.Group) else [root]
    names = [param.envvar for command in commands for param in command.params]
    return [name for name in names if isinstance(name, str)]
