"""What people open, as pages; what a page reads, as templates of API paths.

A page has a *class*, such as `campaign/*`, and the id that stands for its star: what is learned of
one campaign holds for all. All of it comes from clients, so the classes are a closed list, ids are
bounded, and of queries only words are kept that are no free text: no numbers of people.
"""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote

__all__ = ["CLASSES", "Page", "Read", "filled", "opaque", "page_named", "read_of", "subject"]

CLASSES = frozenset(
    {
        "alerts",
        "analytics",
        "analytics/*",
        "call/*",
        "calls",
        "campaign/*",
        "campaign/*/calls",
        "campaign/*/contacts",
        "campaigns",
        "dashboard",
        "live",
        "system",
        "wall",
    }
)
"""The screens there are, the same for every client."""

_ALSO = {"": "dashboard", "now": "dashboard", "calls/*": "call/*", "campaigns/*": "campaign/*"}
_NAME_LENGTH_MAX = 260
_ID_LENGTH_MAX = 200
_TARGET_LENGTH_MAX = 700
_PARTS_MAX = 3
_DAYS_BACK_MAX = 400
_KNOWN_MAX = 2_048

_LISTS = {
    ("dashboard", "summary"): "dashboard",
    ("calls", "active"): "live",
    ("calls",): "calls",
    ("campaigns",): "campaigns",
    ("analytics", "daily"): "analytics",
    ("analytics", "durations"): "analytics",
    ("analytics", "concurrency"): "analytics",
}
_ONES = {
    ("calls", ""): "call/*",
    ("calls", "timeline"): "call/*",
    ("campaigns", ""): "campaign/*",
    ("campaigns", "status"): "campaign/*",
    ("campaigns", "contacts"): "campaign/*/contacts",
}
_OF_CAMPAIGN = {"calls": "campaign/*/calls", "live": "campaign/*", "analytics": "analytics/*"}
_PLAIN = {
    "limit": re.compile(r"[0-9]{1,4}"),
    "period": re.compile(r"[0-9a-z]{1,12}"),
    "status": re.compile(r"[a-z-]{1,20}"),
    "direction": re.compile(r"[a-z]{1,10}"),
}
_DAYS = frozenset({"from", "to", "day"})
_RELATIVE = re.compile(r"\{(0|-[0-9]{1,3})\}")


class Page(NamedTuple):
    """What a person looks at."""

    kind: str
    """Its class, one of `CLASSES`."""
    id: str
    """What stands for the star; empty without one."""


class Read(NamedTuple):
    """One read of the API."""

    home: Page
    """The page it is the main thing of."""
    template: str
    """Its path with `{id}` for the id and `{-6}` for six days ago; empty: not to be repeated."""


def subject(kind: str) -> str:
    """Return whose id a class of pages carries: a campaign's or a call's.

    >>> subject("campaign/*/contacts"), subject("analytics/*"), subject("call/*"), subject("wall")
    ('campaign', 'campaign', 'call', '')
    """
    if "*" not in kind:
        return ""
    return "call" if kind.startswith("call/") else "campaign"


def page_named(name: object) -> Page | None:
    """Return the page a client says it shows, None if it is none.

    >>> page_named("campaign/c1")
    Page(kind='campaign/*', id='c1')
    >>> page_named("campaign/c1/payroll") is None
    True
    """
    if not isinstance(name, str) or len(name) > _NAME_LENGTH_MAX:
        return None
    parts = name.strip("/").split("/")
    if len(parts) > _PARTS_MAX:
        return None
    id_ = parts[1] if len(parts) > 1 else ""
    if id_:
        parts[1] = "*"
    kind = "/".join(parts)
    kind = _ALSO.get(kind, kind)
    if kind not in CLASSES or ("*" in kind and not _is_id(id_)):
        return None
    return Page(kind, id_)


@lru_cache(maxsize=_KNOWN_MAX)
def read_of(target: str, today: date) -> Read | None:
    """Return what a path with its query reads, None if no page is made of it.

    >>> read_of("/api/campaigns/c1/status", date(2026, 3, 26))
    Read(home=Page(kind='campaign/*', id='c1'), template='/api/campaigns/{id}/status')
    >>> read_of("/api/analytics/daily?to=2026-03-26&from=2026-03-20", date(2026, 3, 26)).template
    '/api/analytics/daily?from={-6}&to={0}'
    """
    path, _, query = target.partition("?")
    if len(target) > _TARGET_LENGTH_MAX or not path.startswith("/api/"):
        return None
    parts = tuple(path[len("/api/") :].split("/"))
    asked = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=None))
    if (home := _LISTS.get(parts)) is not None:
        return _read_of_list(home, path, asked, today)
    if len(parts) not in (2, _PARTS_MAX):
        return None
    id_ = unquote(parts[1])
    one = _ONES.get((parts[0], parts[2] if len(parts) == _PARTS_MAX else ""))
    if one is None or not _is_id(id_):
        return None
    base = "/".join(("/api", parts[0], "{id}", *parts[2:]))
    return Read(Page(one, id_), _template(base, asked, today, ""))


def _read_of_list(home: str, path: str, asked: dict[str, str], today: date) -> Read | None:
    id_ = asked.get("campaignId", "")
    if not id_:
        return Read(Page(home, ""), _template(path, asked, today, ""))
    if home not in _OF_CAMPAIGN or not _is_id(id_):
        return None
    return Read(Page(_OF_CAMPAIGN[home], id_), _template(path, asked, today, id_))


def _template(base: str, asked: Mapping[str, str], today: date, campaign_id: str) -> str:
    """Return what can be asked again another day of another campaign; empty: nothing can."""
    words = []
    for name, value in sorted(asked.items()):
        said = "{id}" if name == "campaignId" and campaign_id else _said(base, name, value, today)
        if not said:
            return ""
        words.append(f"{name}={said}")
    return f"{base}?{'&'.join(words)}" if words else base


def _said(base: str, name: str, value: str, today: date) -> str:
    """Return a parameter's value as it is kept, empty if it is not."""
    if name in _DAYS and base.startswith("/api/analytics/"):
        try:
            days = (date.fromisoformat(value) - today).days
        except ValueError:
            return ""
        return f"{{{days}}}" if -_DAYS_BACK_MAX < days <= 0 else ""
    plain = _PLAIN.get(name)
    return value if plain is not None and plain.fullmatch(value) else ""


def filled(template: str, id_: str, today: date) -> str:
    """Return the path a template stands for.

    >>> filled("/api/analytics/daily?campaignId={id}&from={-6}", "a b", date(2026, 3, 26))
    '/api/analytics/daily?campaignId=a%20b&from=2026-03-20'
    """
    dated = _RELATIVE.sub(
        lambda found: (today + timedelta(days=int(found[1]))).isoformat(), template
    )
    return dated.replace("{id}", quote(id_, safe=""))


def opaque(name: str, address: str, secret: bytes) -> str:
    """Return what a person is called here: the same for the same, and telling nothing."""
    said = f"{name}\0{address}".encode("utf-8", "surrogatepass")
    return blake2b(said, digest_size=9, key=secret[:64]).hexdigest()


def _is_id(text: str) -> bool:
    """Tell whether an id can be asked for: no path of its own, nothing invisible."""
    fits = 0 < len(text) <= _ID_LENGTH_MAX and text.isprintable()
    return fits and "/" not in text and text not in (".", "..")
