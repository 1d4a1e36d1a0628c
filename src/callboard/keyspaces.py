"""The one table of what is cached: keys, TTLs, tags, what makes it old, who loads it ahead.

Two kinds of thing are kept in Redis, and every key begins with `cb:`. *Views* are maintained by
the projector, change by change. The rest is *cached*: loaded when somebody asks, and made
unusable by the changes its row names. `docs/internals/keyspaces.md` is made from this module.

A view's items and its delta log share a hash tag, so that one script moves both on one slot,
on a single node and on a cluster alike. The shard is a stable hash of the id's bytes: reading
24 hex digits as a number would lose the low ones.
"""

from binascii import crc32
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from urllib.parse import quote

from callboard.cache import BYTES, Keyspace
from callboard.domain.calls import shows

__all__ = [
    "ALL",
    "CACHED",
    "CAMPAIGNS",
    "LIVE",
    "SUMMARY",
    "VIEWS",
    "Cached",
    "Source",
    "ViewSpace",
    "scope_of",
    "scoped",
    "space_tag",
]


@dataclass(frozen=True, slots=True)
class ViewSpace:
    """One maintained view: where it lives and how long it is vouched for."""

    name: str
    """What deltas and metrics call it."""
    ttl_s: int
    """How long the view outlives the last sign of life of its projector."""
    shards: int
    """Over how many slots its items are spread."""
    log_length_max: int
    """How many deltas each shard keeps for readers that were away."""

    def shard_of(self, key: str) -> int:
        """Return the shard an item lives in.

        >>> LIVE.shard_of("CA0123456789abcdef0123456789abcdef") == LIVE.shard_of(
        ...     "CA0123456789abcdef0123456789abcdef")
        True
        """
        return crc32(key.encode()) % self.shards

    def items_key(self, shard: int) -> str:
        """Return the hash of a shard's items.

        >>> LIVE.items_key(7)
        'cb:live:{07}'
        """
        return f"cb:{self.name}:{{{shard:02d}}}"

    @property
    def head_key(self) -> str:
        """Return the string that names the position all shards have reached.

        >>> LIVE.head_key
        'cb:live:head'
        """
        return f"cb:{self.name}:head"

    def log_key(self, shard: int) -> str:
        """Return the stream of a shard's deltas, on the slot of its items."""
        return f"{self.items_key(shard)}:log"


# TTLs: the caching document, section 1 (live calls 15 s, summary 60 s, campaign status 30 s).
LIVE = ViewSpace(name="live", ttl_s=15, shards=8, log_length_max=2_000)
CAMPAIGNS = ViewSpace(name="campaign", ttl_s=30, shards=4, log_length_max=500)
SUMMARY = ViewSpace(name="summary", ttl_s=60, shards=1, log_length_max=100)

VIEWS = (LIVE, CAMPAIGNS, SUMMARY)

ALL = "all"
"""The tag of everything that is cached."""


@dataclass(frozen=True, slots=True)
class Source:
    """What makes entries of a row old."""

    collection: str
    """`calls`, `campaigns`, or `analytics`: figures that the projector has written."""
    fields: str
    """Which fields of it, for people."""
    touched_by: Callable[[str], bool]
    """Tells of a changed path whether an entry may look different by it."""


@dataclass(frozen=True, slots=True)
class Cached:
    """One kind of cached thing."""

    space: Keyspace[bytes]
    what: str
    route: str
    sources: tuple[Source, ...]
    tags: str
    """The tags of its entries beside `all` and `space:<name>`, for people."""
    warmer: str
    """Who loads it ahead of need: `start`, `active campaigns`, `predicted`; `none`."""
    max_age_s: int
    """What clients are told."""
    shards: str = "one key an entry, spread over all slots by its id"
    window_s: float = 0.0
    """Its tags are floored at most once in so long, so that a busy hour is not one long miss;
    so long is what it may be behind, beside the staleness bound of the views."""
    window_of: str = ""
    """Whose window that is: a row whose tags are also this one's."""

    @property
    def name(self) -> str:
        """Return the keyspace's name."""
        return self.space.name


def scope_of(campaign_id: str | None) -> str:
    """Return a campaign's id as a part of ids and tags; empty for all calls.

    >>> scope_of(None), scope_of("spring|2026")
    ('', 'spring%7C2026')
    """
    if campaign_id is None:
        return ""
    quoted = quote(campaign_id, safe="") or "="
    if len(quoted) <= _SCOPE_LENGTH_MAX:
        return quoted
    return "=" + blake2b(quoted.encode(), digest_size=16).hexdigest()


_SCOPE_LENGTH_MAX = 120


def scoped(tag: str, scope: str) -> str:
    """Return the tag of one scope.

    >>> scoped("calls", ""), scoped("calls", "spring")
    ('calls', 'calls@spring')
    """
    return f"{tag}@{scope}" if scope else tag


def space_tag(name: str) -> str:
    """Return the tag of everything in a keyspace."""
    return f"space:{name}"


def _tagged(name: str, *of_scope: str) -> Callable[[str], tuple[str, ...]]:
    """Return what names an entry's tags; ids begin with their scope and a bar."""

    def tags(id_: str) -> tuple[str, ...]:
        scope, _, _ = id_.partition("|")
        return (ALL, space_tag(name), *(scoped(tag, scope) for tag in of_scope))

    return tags


def _space(
    name: str, ttl_s: float, soft_ttl_s: float | None, *tags: str, **more: float
) -> Keyspace[bytes]:
    return Keyspace(
        name=name,
        codec=BYTES,
        ttl_s=ttl_s,
        soft_ttl_s=soft_ttl_s,
        tags=_tagged(name, *tags),
        negative_ttl_s=more.get("negative_ttl_s", 0.0),
    )


def _any(path: str) -> bool:
    return bool(path)


def _bounds_forecast(path: str) -> bool:
    return path in ("status", "totalContacts")


def _counts_contacts(path: str) -> bool:
    return path in ("totalContacts", "contactsUpdatedAt")


_SHOWN = Source("calls", "what is shown of a call; not the merge state inside", shows)
_FIGURES = Source("analytics", "any figure of its campaign and days", _any)
_MINUTE_S = 60.0
_HOUR_S = 3_600.0

CACHED: tuple[Cached, ...] = (
    Cached(
        _space("call", 300, None, negative_ttl_s=30),
        "one call by its SID, both vendors joined; one that goes on comes from the view `live`",
        "/api/calls/{sid}",
        (_SHOWN,),
        tags="none: each changed call's own key",
        warmer="predicted",
        max_age_s=300,
    ),
    Cached(
        _space("recent", 30, None, "recent"),
        "the newest 50 calls",
        "/api/calls",
        (_SHOWN,),
        tags="recent",
        warmer="start, predicted",
        max_age_s=30,
        window_s=5.0,
    ),
    Cached(
        _space("calls", 30, None, "calls"),
        "lists of calls by any filter, page by page",
        "/api/calls?…",
        (_SHOWN,),
        tags="calls, or calls@<campaign> when asked for one campaign's",
        warmer="active campaigns, predicted",
        max_age_s=30,
        window_s=10.0,
    ),
    Cached(
        _space("details", 300, None, negative_ttl_s=30),
        "a campaign's own document",
        "/api/campaigns/{id}",
        (Source("campaigns", "every field", _any),),
        tags="none: each changed campaign's own key",
        warmer="start, active campaigns, predicted",
        max_age_s=30,
    ),
    Cached(
        _space("contacts", 300, None, "contacts"),
        "a campaign's contacts, page by page",
        "/api/campaigns/{id}/contacts",
        (Source("campaigns", "totalContacts, contactsUpdatedAt", _counts_contacts),),
        tags="contacts@<campaign>",
        warmer="active campaigns, predicted",
        max_age_s=30,
    ),
    Cached(
        _space("forecast", 30, None, "calls"),
        "when a campaign will be done, and what that depends on",
        "/api/campaigns/{id}/forecast",
        (_SHOWN, Source("campaigns", "status, totalContacts", _bounds_forecast)),
        tags="calls@<campaign>, and each changed campaign's own key",
        warmer="none",
        max_age_s=30,
        window_s=10.0,
        window_of="calls",
    ),
    Cached(
        _space("analytics", _HOUR_S, 15 * _MINUTE_S, "figures"),
        "figures of closed local days, of all calls or one campaign's",
        "/api/analytics/daily",
        (_FIGURES,),
        tags="figures, or figures@<campaign>",
        warmer="predicted",
        max_age_s=900,
        window_s=1.0,
    ),
    Cached(
        _space("analytics-today", _MINUTE_S, None, "figures", "today"),
        "figures of a range of days that today is one of",
        "/api/analytics/daily",
        (_FIGURES,),
        tags="figures and today, or those @<campaign>",
        warmer="start, active campaigns, predicted",
        max_age_s=60,
        window_s=20.0,
    ),
    Cached(
        _space("period", 15 * _MINUTE_S, None, "figures", "today"),
        "the sums of yesterday, of 7 and of 30 days",
        "/api/dashboard/summary?period=…",
        (_FIGURES,),
        tags="figures and today",
        warmer="start, predicted",
        max_age_s=60,
        window_s=20.0,
        window_of="analytics-today",
    ),
    Cached(
        _space("durations", 300, None, "durations"),
        "how long calls lasted: percentiles and a histogram, of a range of days",
        "/api/analytics/durations",
        (Source("analytics", "how long a call of its campaign and days lasted", _any),),
        tags="durations, or durations@<campaign>",
        warmer="predicted",
        max_age_s=60,
        window_s=60.0,
    ),
    Cached(
        _space("concurrency", _MINUTE_S, None, "concurrency"),
        "how many calls went on at one time on a day, by quarters of an hour",
        "/api/analytics/concurrency",
        (Source("analytics", "the steps of concurrency of its campaign and days", _any),),
        tags="concurrency, or concurrency@<campaign>",
        warmer="predicted",
        max_age_s=60,
        window_s=20.0,
    ),
    Cached(
        _space("failures", 10, None, "calls"),
        "why the calls that ended lately did not come about",
        "/api/analytics/failures",
        (_SHOWN,),
        tags="calls, or calls@<campaign>",
        warmer="none",
        max_age_s=10,
        window_s=10.0,
        window_of="calls",
    ),
)
"""TTLs: the caching document, section 1, and the contract."""
