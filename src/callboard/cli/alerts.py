"""`callboard alerts`: what fires, what would have fired, and whether messages arrive."""

import asyncio
import re
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import click
import uvloop

from callboard.alerts.backtest import Backtest, Episode
from callboard.alerts.changed import rules_of
from callboard.app.alert_sending import targets_of
from callboard.app.alerts import AlertsShown, alert_store, would_have_fired
from callboard.clock import SystemClock, isoformat_z
from callboard.errors import ConfigurationError
from callboard.observe.logs import configure_logs
from callboard.settings import Settings, load_settings

__all__ = ["alerts"]

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_SINCE = re.compile(r"(\d{1,4})([mhd])")


@click.group()
def alerts() -> None:
    """List alerts, try rules on what was seen, send a test message."""


@alerts.command(name="list")
def list_() -> None:
    """Show what fires now and what was told last."""
    settings = _settings()
    for line in uvloop.run(_listed(settings)):
        click.echo(line)


async def _listed(settings: Settings) -> list[str]:
    async with alert_store(settings) as store:
        found = await AlertsShown(store, rules_of(settings.alerts, settings.concurrency)).payload()
    lines = [f"judged last: {found['judgedAt'] or 'never'}"]
    for each in found["firing"]:
        about = _about(each["rule"], each["label"])
        lines.append(f"FIRING  {each['since']}  {each['severity']:8}  {about}: {each['seen']}")
    if not found["firing"]:
        lines.append("nothing fires")
    for each in found["recent"]:
        sent = ", ".join(f"{one['target']} {one['state']}" for one in each["sent"])
        about = _about(each["rule"], each["label"])
        lines.append(f"{each['at']}  {each['kind']:7}  {about}  {sent or 'not sent: no target'}")
    return lines


@alerts.command()
@click.option("--since", default="24h", show_default=True, help="How far back: 30m, 24h, 7d.")
@click.option("--rules", help="JSON, or a file of it, in place of CALLBOARD_ALERTS.")
@click.option("--send", is_flag=True, help="Send a test message instead, and say what came of it.")
def test(since: str, rules: str | None, *, send: bool) -> None:
    """Say which rules would have fired when, over the looks that are stored.

    Nothing is sent or recorded. Looks are kept for 30 days.
    """
    settings = _settings()
    if send:
        sys.exit(uvloop.run(_send(settings)))
    until = SystemClock().now()
    for line in uvloop.run(_tested(settings, rules, until - _span(since), until)):
        click.echo(line)


async def _tested(
    settings: Settings, rules: str | None, since: datetime, until: datetime
) -> list[str]:
    text = _text_of(rules) if rules is not None else settings.alerts
    chosen = rules_of(text, settings.concurrency)
    async with alert_store(settings) as store:
        found = await would_have_fired(store, chosen, settings, since, until)
    return [*_summary(found, [rule.name for rule in chosen])]


def _summary(found: Backtest, names: list[str]) -> Iterator[str]:
    """Yield what a back-test found: each rule, then each time it fired."""
    if found.first_at is None or found.last_at is None:
        yield "no looks are stored for that time"
        return
    yield (
        f"{found.looks} looks from {isoformat_z(found.first_at)} to {isoformat_z(found.last_at)}"
    )
    for name in names:
        times = [episode for episode in found.episodes if episode.rule == name]
        lasted_s = sum(_lasted_s(episode, found.last_at) for episode in times)
        said = f"{len(times)} times, {lasted_s:.0f} s in all" if times else "never"
        yield f"  {name:17} {said}"
    for episode in found.episodes:
        ended = isoformat_z(episode.cleared_at) if episode.cleared_at else "still firing"
        about = _about(episode.rule, episode.label)
        yield f"{isoformat_z(episode.fired_at)}  {ended}  {about}: {episode.shown}"


def _lasted_s(episode: Episode, last_at: datetime) -> float:
    return ((episode.cleared_at or last_at) - episode.fired_at).total_seconds()


async def _send(settings: Settings) -> int:
    """Send one message to each target; return the exit code."""
    urls = settings.alert_urls.get_secret_value() if settings.alert_urls is not None else ""
    targets = targets_of(urls)
    if not targets:
        message = "CALLBOARD_ALERT_URLS is not set: there is nowhere to send to"
        raise ConfigurationError(message)
    body = f"Sent by `callboard alerts test --send` at {isoformat_z(SystemClock().now())}."
    title = "callboard test: alerts arrive here"
    results = await asyncio.gather(*(target.send(title, body) for target in targets))
    for target, error in zip(targets, results, strict=True):
        click.echo(f"{target.name}: {'sent' if error is None else f'not sent: {error}'}")
    return 0 if not any(results) else 1


def _span(text: str) -> timedelta:
    found = _SINCE.fullmatch(text)
    if found is None:
        message = "--since must be like 30m, 24h or 7d"
        raise ConfigurationError(message)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _text_of(rules: str) -> str:
    """Return JSON as given, or of a file."""
    if rules.lstrip().startswith("{"):
        return rules
    try:
        return Path(rules).read_text("utf-8")
    except OSError as error:
        message = f"--rules: {rules} cannot be read ({error.strerror})"
        raise ConfigurationError(message) from error


def _about(rule: str, label: str) -> str:
    return f"{rule} ({label})" if label else rule


def _settings() -> Settings:
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    return settings
