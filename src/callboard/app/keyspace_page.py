"""The table of what is cached as people read it: in the terminal, and as a page of the docs."""

from collections.abc import Iterable, Mapping

from callboard.keyspaces import VIEWS, Cached

__all__ = ["cached_rows", "page", "view_rows"]

_TITLES = ("keyspace", "what", "route", "TTL", "made old by", "tags", "warmed", "window")
_VIEW_TITLES = ("view", "TTL", "shards", "deltas kept a shard", "made old by")


def _duration(seconds: float | None) -> str:
    """Return a duration in words.

    >>> _duration(3600), _duration(90), _duration(None)
    ('60 min', '90 s', '-')
    """
    if not seconds:
        return "-"
    minutes = seconds / 60
    return (
        f"{minutes:g} min"
        if minutes >= _WHOLE_MINUTES_FROM and minutes.is_integer()
        else f"{seconds:g} s"
    )


_WHOLE_MINUTES_FROM = 5


def _ttl(row: Cached) -> str:
    ttl, soft = _duration(row.space.ttl_s), row.space.soft_ttl_s
    return f"{ttl}, refreshed from {_duration(soft)}" if soft is not None else ttl


def cached_rows(rows: Mapping[str, Cached]) -> list[tuple[str, ...]]:
    """Return the table of cached things, titles first."""
    shown = [
        (
            row.name,
            row.what,
            row.route,
            _ttl(row),
            "; ".join(f"{source.collection}: {source.fields}" for source in row.sources),
            row.tags,
            row.warmer,
            _duration(row.window_s),
        )
        for row in rows.values()
    ]
    return [_TITLES, *shown]


def view_rows() -> list[tuple[str, ...]]:
    """Return the table of views, titles first."""
    shown = [
        (
            view.name,
            _duration(view.ttl_s),
            str(view.shards),
            str(view.log_length_max),
            "never: the projector moves it, change by change",
        )
        for view in VIEWS
    ]
    return [_VIEW_TITLES, *shown]


def page(rows: Mapping[str, Cached]) -> str:
    """Return `docs/internals/keyspaces.md`."""
    return _PAGE.format(views=_markdown(view_rows()), cached=_markdown(cached_rows(rows)))


def _markdown(table: Iterable[tuple[str, ...]]) -> str:
    titles, *rows = table
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_PAGE = """\
# Keyspaces

What is kept in Redis, made from `src/callboard/keyspaces.py` by `callboard keyspaces --markdown`.
A test compares. Every key begins with `cb:`, those of cached things with `cb:c:<keyspace>:`.

## Views

The projector moves these itself, so they are never loaded and never old; a view nobody vouches
for any more expires, and reads then ask MongoDB.

{views}

## Cached things

Loaded from MongoDB by who asks first, and made unusable by the changes in the fifth column, which
the projector reads from the change stream, whoever wrote them: of an update the *names* of the
changed fields decide. An entry carries the tags of its row, `all`, and `space:<keyspace>`.

What belongs to one call or one campaign is made old at once. Lists and figures, which hold for
many, are made old by their tags: at once after a pause, then no more than once in their row's
*window*, or a busy hour would be one long miss. So a list is at most its window behind, beside
the views' staleness bound; `Cache-Control: no-cache` asks for the newest, and gets it.

While no projector vouches for the views, nothing here is served either. TTLs are the net below
all that; `CALLBOARD_CACHE_TTLS` changes them, and `CALLBOARD_CACHE_WINDOWS` the windows.

{cached}

All are spread over the slots of a Redis Cluster by their ids; a tag is a key of its own.
"""
