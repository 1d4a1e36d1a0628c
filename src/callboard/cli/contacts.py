"""`callboard contacts import`: whom a campaign calls, from a CSV file."""

import sys
from pathlib import Path
from typing import IO, Any

import click
import httpx
import orjson

from callboard.delivery.importing import Tally, refused_rows, table_rows
from callboard.errors import CallboardError

__all__ = ["contacts"]

_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_PROBLEMS_SHOWN = 20


@click.group()
def contacts() -> None:
    """Whom campaigns call."""


@contacts.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--campaign", required=True, help="Id of the campaign; it must exist.")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The server.")
@click.option("--key", envvar="CALLBOARD_API_KEY", help="A key that may write; not for --dry-run.")
@click.option("--strict", is_flag=True, help="Write nothing if any row is wrong.")
@click.option("--dry-run", is_flag=True, help="Check the file here, and write nothing.")
def import_file(
    file: IO[bytes], campaign: str, url: str, key: str | None, *, strict: bool, dry_run: bool
) -> None:
    """Add the contacts of a CSV FILE to a campaign; a number that is there already is changed.

    The first line names the columns: one is `number`, with its country; `name`, `contactId`,
    `timezone` and `notes` are known, and all others are kept as variables.
    """
    try:
        told = _checked(file, campaign) if dry_run else _sent(file, campaign, url, key, strict)
    except CallboardError as error:
        message = f"{Path(file.name).name}: {error}"
        raise click.ClickException(message) from error
    for problem in told["problems"][:_PROBLEMS_SHOWN]:
        where = f"line {problem['line']}"
        click.echo(f"{where:>12}  {problem['field']} {problem['message']}".rstrip(), err=True)
    if told["refused"] > _PROBLEMS_SHOWN:
        click.echo(f"              … {told['refused'] - _PROBLEMS_SHOWN} more", err=True)
    click.echo(_summary(told, dry_run=dry_run))
    if told["refused"]:
        sys.exit(1)


def _checked(file: IO[bytes], campaign: str) -> dict[str, Any]:
    tally: Tally = refused_rows(table_rows(file), campaign)
    problems = [problem._asdict() for problem in tally.problems]
    return {**tally.counts(), "problems": problems}


def _sent(
    file: IO[bytes],
    campaign: str,
    url: str,
    key: str | None,
    strict: bool,  # noqa: FBT001  (an option)
) -> dict[str, Any]:
    if not key:
        message = "a key that may write is needed: --key, or CALLBOARD_API_KEY"
        raise click.UsageError(message)
    path = f"/api/campaigns/{campaign}/contacts.csv" + ("?strict=true" if strict else "")
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "text/csv"}
    try:
        with (
            httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT) as http,
            http.stream("POST", path, content=file) as answer,
        ):
            if answer.is_error:
                answer.read()
                raise click.ClickException(_refusal(answer))
            return _followed(answer)
    except httpx.HTTPError as error:
        message = f"{url} does not answer, or broke off: {error or type(error).__name__}"
        raise click.ClickException(message) from error


def _refusal(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError):
        detail = answer.reason_phrase
    return f"refused with {answer.status_code}: {detail}"


def _followed(answer: httpx.Response) -> dict[str, Any]:
    told: dict[str, Any] = {}
    shows = sys.stderr.isatty()
    for line in answer.iter_lines():
        told = orjson.loads(line)
        if shows:
            click.echo(f"\r{told['rows']:>8} rows", err=True, nl=False)
    if shows:
        click.echo("\r", err=True, nl=False)
    if not told.get("done"):
        reason = told.get("error", "the answer broke off")
        message = f"stopped after {told.get('rows', 0)} rows: {reason}; import it again"
        raise click.ClickException(message)
    return told


def _summary(told: dict[str, Any], *, dry_run: bool) -> str:
    if dry_run:
        return f"{told['rows']} rows, {told['refused']} of them wrong; nothing was written"
    return (
        f"{told['rows']} rows: {told['added']} added, {told['changed']} changed, "
        f"{told['unchanged']} unchanged, {told['refused']} refused; "
        f"the campaign has {told['total']} contacts"
    )
