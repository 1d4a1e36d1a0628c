"""`callboard`: the root command, and how errors end it."""

import sys

import click

from callboard import __version__
from callboard.cli.alerts import alerts
from callboard.cli.contacts import contacts
from callboard.cli.demo import demo
from callboard.cli.doctor import doctor
from callboard.cli.keys import keys, link
from callboard.cli.keyspaces import keyspaces
from callboard.cli.reaggregate import reaggregate
from callboard.cli.replay import replay
from callboard.cli.serve import serve
from callboard.cli.settings import settings
from callboard.cli.simulate import simulate
from callboard.cli.stats import stats
from callboard.errors import ConfigurationError, Unavailable

__all__ = ["main"]

EXIT_CONFIGURATION = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="callboard")
def root() -> None:
    """What your AI phone campaigns are doing now."""


for command in (
    serve,
    demo,
    simulate,
    keys,
    link,
    replay,
    reaggregate,
    settings,
    keyspaces,
    contacts,
    doctor,
    alerts,
    stats,
):
    root.add_command(command)


def main() -> None:
    """Run a command; what the operator must act on ends with one sentence and code 2."""
    try:
        root()
    except (ConfigurationError, Unavailable) as error:
        print(f"callboard: {error}", file=sys.stderr)
        sys.exit(EXIT_CONFIGURATION)
