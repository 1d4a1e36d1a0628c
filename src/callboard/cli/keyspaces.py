"""`callboard keyspaces`: what is cached, for how long, and what makes it old."""

import click

from callboard.app.caching import rows_of, table
from callboard.app.keyspace_page import cached_rows, page, view_rows
from callboard.settings import load_settings

__all__ = ["keyspaces"]


@click.command()
@click.option("--markdown", is_flag=True, help="As a page of the documentation, with defaults.")
def keyspaces(*, markdown: bool) -> None:
    """Print what is cached, with the TTLs and windows that are set."""
    if markdown:
        click.echo(page(table({})), nl=False)
        return
    rows = rows_of(load_settings())
    for found in (view_rows(), cached_rows(rows)):
        titles, *lines = found
        for line in lines:
            click.secho(line[0], bold=True)
            for title, value in zip(titles[1:], line[1:], strict=True):
                click.echo(f"  {title:<18} {value}")
        click.echo()
