"""`callboard stats`: the cache of a running server, in a terminal, again and again."""

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
import httpx
import orjson

from callboard.clock import Clock, SystemClock
from callboard.errors import ConfigurationError, Unavailable

__all__ = ["looked", "screen", "stats"]

_DEFAULT_URL = "http://127.0.0.1:8000"
_PATH = "/api/admin/cache-stats"
_TIMEOUT_S = 10.0
_OK, _NOBODY, _FORBIDDEN, _NOT_FOUND, _LIMITED = 200, 401, 403, 404, 429
_CLEAR = "\x1b[H\x1b[2J"
_TITLES = ("keyspace", "hits", "l1/s", "l2/s", "misses/s", "loads/s", "load ms", "stale", "keys")
_KIB, _MIB = 1 << 10, 1 << 20
_LEAST_S = 0.2

Stats = Mapping[str, Any]


@click.command()
@click.option("--url", default=_DEFAULT_URL, show_default=True, help="The server.")
@click.option("--key", envvar="CALLBOARD_API_KEY", show_envvar=True, help="Key with scope admin.")
@click.option(
    "--every",
    type=click.FloatRange(_LEAST_S, 3_600),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("--once", is_flag=True, help="One look; also where nobody could see a second one.")
@click.option("--json", "wants_json", is_flag=True, help="For programs: one look, as it came.")
def stats(*, url: str, key: str | None, every: float, once: bool, wants_json: bool) -> None:
    """Show what the cache does: share of hits, reads a second, its link, how old views may be."""
    once = once or wants_json or not sys.stdout.isatty()
    try:
        asyncio.run(_show(url.rstrip("/"), key, None if once else every, wants_json=wants_json))
    except KeyboardInterrupt:
        click.echo()


async def _show(url: str, key: str | None, every_s: float | None, *, wants_json: bool) -> None:
    """Print what is seen, once or every so many seconds; raises as `looked`."""
    clock = SystemClock()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    before: tuple[float, Stats] | None = None
    async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False, headers=headers) as client:
        while True:
            now = await looked(client, url, clock)
            if wants_json:
                click.echo(orjson.dumps(now[1], option=orjson.OPT_INDENT_2))
                return
            click.echo((_CLEAR if every_s else "") + screen(url, before, now))
            if every_s is None:
                return
            before = now
            await asyncio.sleep(every_s)


async def looked(client: httpx.AsyncClient, url: str, clock: Clock) -> tuple[float, Stats]:
    """Ask once; return what was answered, and when.

    Raises:
        ConfigurationError: the URL or the key cannot be right.
        Unavailable: nobody answers there, or not as it should.
    """
    try:
        answer = await client.get(url + _PATH)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
        message = f"--url {url} cannot be used: {error}"
        raise ConfigurationError(message) from error
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
        message = f"nobody answers at {url} ({why}): is `callboard serve` running there?"
        raise Unavailable(message) from error
    _require_good(url, answer)
    try:
        found = orjson.loads(answer.content)
    except orjson.JSONDecodeError as error:
        message = f"what answers at {url} is no callboard"
        raise Unavailable(message) from error
    return clock.monotonic_s(), found


def _require_good(url: str, answer: httpx.Response) -> None:
    """Raise, as `looked`, for whatever is no good answer."""
    wants = "give one with scope admin: --key, or CALLBOARD_API_KEY"
    makes = "`callboard keys add stats --scope admin` makes one"
    wrong = {
        _NOBODY: f"{url} does not know this key, or was sent none; {wants}; {makes}",
        _FORBIDDEN: f"this key may not do that at {url}; {wants}; {makes}",
        _NOT_FOUND: f"{url} has no {_PATH}: is it a callboard, and this version?",
    }
    if message := wrong.get(answer.status_code):
        raise ConfigurationError(message)
    if answer.status_code == _LIMITED:
        wait = answer.headers.get("retry-after", "some")
        message = f"{url} was asked too often; wait {wait} s"
        raise Unavailable(message)
    if answer.status_code != _OK:
        message = f"{url} answers {answer.status_code}; its log says why"
        raise Unavailable(message)


def screen(url: str, before: tuple[float, Stats] | None, now: tuple[float, Stats]) -> str:
    """Return what is shown of a look, with rates since the one before."""
    found = now[1]
    lines = [f"callboard at {url}", *_head(found), ""]
    rows = [_TITLES]
    for name, space in found["keyspaces"].items():
        was = before[1]["keyspaces"].get(name) if before is not None else None
        passed_s = now[0] - before[0] if before is not None else 0.0
        rows.append((name, *_cells(space, was, passed_s)))
    return "\n".join([*lines, *_table(rows)])


def _head(found: Stats) -> Iterator[str]:
    link = found["link"]
    state = "up" if link["up"] else "AWAY" if found["enabled"] else "off"
    lag = f", pushes {1000 * link['lagS']:.0f} ms late" if link["lagS"] is not None else ""
    owed = f", {link['owed']} invalidations owed" if link["owed"] else ""
    yield f"Redis     {state} since {link['since']}{lag}{owed}, {_memory(found)}"
    bound = found["stalenessBoundS"]
    behind = f"at most {bound:.1f} s behind" if bound is not None else "NOT KNOWN how far behind"
    yield f"views     {behind}; drift {found['drift']}"
    yield (
        f"reads     {_percent(found['ratio'])} hits of {found['hits'] + found['misses']:,} "
        f"since {found['since']}"
    )
    warming = found["warming"]
    if warming:
        yield (
            f"warming   {warming.get('warmed', 0):,} loaded ahead, "
            f"{warming.get('waiting', 0):,} waiting"
        )


def _memory(found: Stats) -> str:
    if found["memory"] is None:
        return "keys and memory unknown"
    size = found["memory"]
    shown = f"{size / _MIB:.1f} MiB" if size >= _MIB else f"{size / _KIB:.0f} KiB"
    return f"{'' if found['keysComplete'] else 'more than '}{found['keys']:,} keys, {shown}"


def _cells(space: Stats, was: Stats | None, passed_s: float) -> tuple[str, ...]:
    def rate(name: str) -> str:
        if was is None or passed_s <= 0:
            return "-"
        return f"{max(0, space[name] - was[name]) / passed_s:.1f}"

    loads = space["loads"]
    return (
        _percent(space["ratio"]),
        *(rate(name) for name in ("l1", "l2", "misses", "loads")),
        f"{1000 * space['loadSeconds'] / loads:.1f}" if loads else "-",
        str(space["stale"]),
        f"{space['keys']:,}" if space["keys"] is not None else "-",
    )


def _percent(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.1f} %"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
