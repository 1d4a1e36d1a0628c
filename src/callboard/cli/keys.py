"""`callboard keys` and `callboard link`: who may come in, beside the settings."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import click
import uvloop

from callboard.app.keys import (
    NOTICED_S,
    access_store,
    check_name,
    made_secret,
    parse_keys,
    parse_scopes,
)
from callboard.clock import SystemClock
from callboard.delivery.auth import ApiKey, hash_key
from callboard.errors import ConfigurationError
from callboard.observe.logs import configure_logs
from callboard.settings import Settings, load_settings
from callboard.store.access import Grant

__all__ = ["keys", "link"]

_DEFAULT_URL = "http://127.0.0.1:8000"
_MINUTE_S = 60
_MINUTES_MAX = 7 * 24 * 60
_SCOPE_HELP = "read, write or admin; several joined by +."


@click.group()
def keys() -> None:
    """Add, list and revoke API keys; running servers notice within two seconds."""


@keys.command()
@click.argument("name")
@click.option("--scope", default="read", show_default=True, help=_SCOPE_HELP)
def add(name: str, scope: str) -> None:
    """Make a key and print it, this once: only its hash is stored."""
    settings = _settings()
    secret = made_secret()
    uvloop.run(_add(settings, name, parse_scopes(scope), secret))
    # The key alone on standard output, for who wants to keep it in a file or a secret store.
    click.echo(f"Key '{name}' with scope {scope}, shown this once:", err=True)
    click.echo(secret)


async def _add(settings: Settings, name: str, scopes: frozenset[str], secret: str) -> None:
    check_name(name, _named(settings))
    async with access_store(settings, SystemClock()) as access:
        taken = any(name == grant.name for grant in await access.grants())
        if taken or not await access.add_key(name, scopes, hash_key(secret)):
            message = f"there is a key '{name}' already: revoke it first, or take another name"
            raise ConfigurationError(message)
        await asyncio.sleep(NOTICED_S)  # what is printed works


@keys.command(name="list")
def list_() -> None:
    """List keys and one-time links by name: never their secrets, which are not stored."""
    settings = _settings()
    for line in _table(_named(settings), uvloop.run(_grants(settings))):
        click.echo(line)


async def _grants(settings: Settings) -> list[Grant]:
    async with access_store(settings, SystemClock()) as access:
        return await access.grants()


def _table(named: Sequence[ApiKey], grants: Sequence[Grant]) -> list[str]:
    """Return the lines of a table; a stored key that one of the settings hides is left out."""
    hidden = {key.name for key in named}
    rows = [("name", "scope", "made", "what it is")]
    rows += [(key.name, _scope(key.scopes), "", "CALLBOARD_API_KEYS") for key in named]
    for grant in grants:
        if grant.name not in hidden and not (grant.is_made and named):
            rows.append((grant.name, _scope(grant.scopes), _made(grant), _kind(grant)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _made(grant: Grant) -> str:
    if grant.is_made:
        return "at first start"
    return _minute(grant.created_at) if grant.created_at is not None else ""


def _kind(grant: Grant) -> str:
    if not grant.is_link or grant.ends_at is None:
        return "key"
    ended = grant.ends_at <= SystemClock().now()
    state = "session" if grant.used_at is not None else "unused link"
    return f"{state}, {'ended' if ended else 'until'} {_minute(grant.ends_at)}"


def _scope(scopes: frozenset[str]) -> str:
    return "+".join(sorted(scopes))


def _minute(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%MZ")


@keys.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Take a key or link away; requests, sessions and sockets that came by it end."""
    settings = _settings()
    if any(name == key.name for key in _named(settings)):
        message = f"'{name}' is named in CALLBOARD_API_KEYS: take it out there, and restart"
        raise ConfigurationError(message)
    uvloop.run(_revoke(settings, name))
    click.echo(f"'{name}' is revoked", err=True)


async def _revoke(settings: Settings, name: str) -> None:
    async with access_store(settings, SystemClock()) as access:
        if not await access.revoke(name):
            message = f"there is no key or link '{name}': see `callboard keys list`"
            raise ConfigurationError(message)
        await asyncio.sleep(NOTICED_S)  # what is said to be revoked is


@click.command()
@click.option("--scope", default="read", show_default=True, help=_SCOPE_HELP)
@click.option(
    "--minutes",
    type=click.IntRange(1, _MINUTES_MAX),
    default=10,
    show_default=True,
    help="How long it can be used.",
)
@click.option("--url", help=f"The board; default: CALLBOARD_PUBLIC_URL, else {_DEFAULT_URL}.")
def link(scope: str, minutes: int, url: str | None) -> None:
    """Print a URL that signs one browser in, once.

    The session it opens lasts 12 hours at most; `callboard keys revoke` ends it sooner.
    """
    settings = _settings()
    secret = made_secret()
    name = uvloop.run(_link(settings, parse_scopes(scope), secret, minutes))
    base = (url or settings.public_url or _DEFAULT_URL).rstrip("/")
    click.echo(f"'{name}' signs one browser in with scope {scope}, for {minutes} min:", err=True)
    # A fragment is not sent: no server or proxy can log it.
    click.echo(f"{base}/#link={secret}")


async def _link(settings: Settings, scopes: frozenset[str], secret: str, minutes: int) -> str:
    async with access_store(settings, SystemClock()) as access:
        name = await access.add_link(scopes, hash_key(secret), lives_s=minutes * _MINUTE_S)
        await asyncio.sleep(NOTICED_S)  # what is printed works, in whatever process
    return name


def _settings() -> Settings:
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    return settings


def _named(settings: Settings) -> list[ApiKey]:
    """Return the keys that the settings name."""
    secret = settings.api_keys
    return parse_keys(secret.get_secret_value()) if secret is not None else []
