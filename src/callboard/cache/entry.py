"""The bytes of one entry in Redis: a header of 64 bytes, tags, payload.

An entry is its own lease and its own fence. One string holds the value, the stamp it is good for,
the floor below which nothing may be stored, and who has the right to load; so lock, value and
invalidation share one slot and one atomic step, on a single server and in a cluster alike.

```text
 0 kind    V value, N nothing, - no value; v n: purged, kept only in case the loader fails
 1 strict  1: a fill needs the lease's token (purged, or the loader has no clock)
 2 server  incarnation of the server it was written on; from another one it is no entry
 6 as_of   stamp the value is complete up to
14 floor   no value with an older stamp is valid
22 token   of the lease; 0: nobody loads
30 until   end of the lease, ms; without a lease the mark of the fill: which one it was
38 soft_at from here on one refresher reloads, ms
46 hard_at from here on it is no hit, ms
54 dirty   first invalidation since the load, ms; 0: none
62 length of the tags, then the tags, then the payload
```

Big-endian; milliseconds are wall time since 1970. Server: a cache that lost its memory (restart,
fail-over to a replica that lags) may show what was invalidated long ago; entries of another
incarnation are therefore not believed, only their floors are.
"""

from collections.abc import Mapping, Sequence
from struct import Struct, error
from typing import NamedTuple

__all__ = [
    "HEADER",
    "NO_STAMP",
    "NO_TOKEN",
    "Entry",
    "Seen",
    "checked_tags",
    "decode",
    "encode",
    "stamp",
]

HEADER = Struct(">cBIQQ8sQQQQH")
NO_TOKEN = b"\0" * 8
NO_STAMP = b"\0" * 8
_TAG = Struct(">IQQ")
_STAMP = Struct(">Q")
_TAGS_BYTES_MAX = 0xFFFF
_TAG_BYTES_MAX = 0xFF


class Seen(NamedTuple):
    """A tag as it was when an entry was filled, or as it is."""

    server: int
    """Incarnation of the server that keeps the tag."""
    floor: int
    purges: int
    """How often it was invalidated without a commit time."""


class Entry(NamedTuple):
    """A decoded entry."""

    kind: bytes
    strict: bool
    server: int
    as_of: int
    floor: int
    token: bytes
    soft_ms: int
    hard_ms: int
    dirty_ms: int
    tags: Mapping[str, Seen]
    payload: bytes
    mark: int = 0
    """Which fill it was: two may carry one stamp."""


def stamp(of: int) -> bytes:
    """Return a stamp's eight bytes.

    Raises:
        ValueError: it does not fit: not a commit time as one unsigned 64-bit integer.
    """
    try:
        return _STAMP.pack(of)
    except error as wrong:
        message = f"a stamp is an integer from 0 to 2**64 - 1, not {of!r}"
        raise ValueError(message) from wrong


def decode(raw: bytes | None) -> Entry | None:
    """Read an entry; None where there is none."""
    if raw is None or len(raw) < HEADER.size:
        return None
    kind, strict, server, as_of, floor, token, mark, soft, hard, dirty, length = (
        HEADER.unpack_from(raw)
    )
    start = HEADER.size + length
    tags = _tags(raw[HEADER.size : start]) if length else {}
    payload = raw[start:]
    return Entry(
        kind, strict == 1, server, as_of, floor, token, soft, hard, dirty, tags, payload, mark
    )


def encode(entry: Entry) -> bytes:
    """Return the bytes of an entry without a lease; the script sets server, stamps and mark.

    Raises:
        ValueError: the tags do not fit.
    """
    tags = b"".join(
        bytes([len(name)]) + name + _TAG.pack(*seen)
        for name, seen in ((tag.encode(), seen) for tag, seen in entry.tags.items())
    )
    if len(tags) > _TAGS_BYTES_MAX:
        message = f"an entry's tags take {len(tags)} bytes; {_TAGS_BYTES_MAX} fit"
        raise ValueError(message)
    header = HEADER.pack(
        entry.kind,
        entry.strict,
        entry.server,
        entry.as_of,
        entry.floor,
        NO_TOKEN,
        0,
        entry.soft_ms,
        entry.hard_ms,
        entry.dirty_ms,
        len(tags),
    )
    return header + tags + entry.payload


def _tags(raw: bytes) -> dict[str, Seen]:
    found = {}
    at = 0
    while at < len(raw):
        end = at + 1 + raw[at]
        found[raw[at + 1 : end].decode()] = Seen(*_TAG.unpack_from(raw, end))
        at = end + _TAG.size
    return found


def checked_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Return tags without repetition.

    Raises:
        ValueError: one is empty or longer than 255 bytes.
    """
    for tag in tags:
        if not 0 < len(tag.encode()) <= _TAG_BYTES_MAX:
            message = f"a tag has 1 to 255 bytes: {tag[:40]!r}"
            raise ValueError(message)
    return tuple(dict.fromkeys(tags))
