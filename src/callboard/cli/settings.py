"""`callboard settings`: every setting, its value and what it is for. Secrets stay secret."""

import click

from callboard.settings import load_settings

__all__ = ["settings"]


@click.command()
def settings() -> None:
    """Print every setting, its value and its description."""
    rows = load_settings().described()
    width = max(len(name) for name, _, _ in rows)
    for name, value, description in rows:
        click.echo(f"{name:<{width}}  {value}")
        # Unlike print, echo leaves the colours out where nobody could see them.
        click.echo(f"{'':<{width}}  {click.style(description, dim=True)}")
