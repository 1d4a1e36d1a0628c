"""The cache's scripts once more, in Python, for the in-memory twin of Redis.

Written from the comments in `callboard.cache.scripts`, branch for branch, so that
`tests/integration/test_cache_scripts.py` can compare the two on a real server. Eight bytes in
network order compare like the numbers they are.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from callboard.cache import scripts
from callboard.cache.transport import Script

__all__ = ["STATED", "Keys"]

NONE = b"\0" * 8
ANYONE = b"\0" * 4
HEADER = 64


class Keys(Protocol):
    """The commands the scripts use."""

    def get(self, key: bytes) -> bytes | None:
        """GET."""

    def set(self, key: bytes, value: bytes, life_ms: int) -> None:
        """SET with PX."""

    def setrange(self, key: bytes, at: int, part: bytes) -> None:
        """SETRANGE within the value."""

    def live_for(self, key: bytes, life_ms: int) -> None:
        """PEXPIRE, unless it lives longer already."""

    def delete(self, key: bytes) -> None:
        """DEL."""


Restated = Callable[[Keys, bytes, Sequence[bytes]], Any]


class Head(NamedTuple):
    """The header of an entry, or of nothing."""

    known: bool
    here: bool
    kind: bytes
    strict: bool
    as_of: bytes
    floor: bytes
    token: bytes
    until: int
    soft: int
    hard: int
    dirty: int


def _head(raw: bytes | None, server: bytes) -> Head:
    if raw is None or len(raw) < HEADER:
        return Head(False, False, b"", False, NONE, NONE, NONE, 0, 0, 0, 0)
    return Head(
        known=True,
        here=_ours(raw[2:6], server),
        kind=raw[:1],
        strict=raw[1] == 1,
        as_of=raw[6:14],
        floor=raw[14:22],
        token=raw[22:30],
        until=_ms(raw, 30),
        soft=_ms(raw, 38),
        hard=_ms(raw, 46),
        dirty=_ms(raw, 54),
    )


def _ours(wrote: bytes, server: bytes) -> bool:
    return wrote in (server, ANYONE) or server == ANYONE


def _ms(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 8], "big")


def _pack(ms: int) -> bytes:
    return ms.to_bytes(8, "big")


def _bare(strict: bytes, server: bytes, floor: bytes, token: bytes, until: bytes) -> bytes:
    """Return an entry without a value."""
    return b"-" + strict + server + NONE + floor + token + until + NONE * 3 + b"\0\0"


def take(keys: Keys, key: bytes, argv: Sequence[bytes]) -> list[Any]:
    """V: it is valid; B: somebody loads; W: you load."""
    server, now_, least, token, lease, floor_ttl, coalesce, early, strict, rejected = argv
    now, raw = int(now_), keys.get(key)
    head, until = _head(raw, server), _pack(int(now_) + int(lease))
    if not head.here:
        mark = bytes([int(strict)])
        keys.set(key, _bare(mark, server, head.floor, token, until), int(floor_ttl))
        return [b"W", max(head.floor, least)]
    valid = head.kind in (b"V", b"N") and now < head.hard and head.as_of >= least
    valid = valid and (raw or b"")[30:38] != rejected
    if valid and head.as_of < head.floor:
        window = int(coalesce)
        valid = window > 0 and head.dirty > 0 and abs(now - head.dirty) < window
    if valid and (early != b"1" or now < head.soft):
        return [b"V", raw]
    if head.token != NONE and head.until > now:
        return [b"B", head.until]
    keys.setrange(key, 22, token + until)
    if strict == b"1":
        keys.setrange(key, 1, b"\1")
    keys.live_for(key, int(floor_ttl))
    return [b"W", max(head.floor, least, head.as_of)]


def fill(keys: Keys, key: bytes, argv: Sequence[bytes]) -> int:
    """1: stored; 0: older than what is known; -1: the lease is lost; -2: somebody else's."""
    server, _, token, as_of, put_, life, entry = argv
    clocked, put = as_of != b"", put_ == b"1"
    head = _head(keys.get(key), server)
    if head.here:
        mine = head.token != NONE and head.token == token
        if not put and not mine:
            return -2
        if clocked and (as_of < head.floor or as_of < head.as_of):
            if mine:
                keys.setrange(key, 22, NONE + NONE)
            return 0
    elif not put:
        return -1
    elif head.known and clocked and as_of < head.floor:
        return 0
    at = as_of if clocked else max(head.floor, head.as_of)
    keys.set(key, entry[:2] + server + at + at + NONE + token + entry[38:], int(life))
    return 1


def floor(keys: Keys, key: bytes, argv: Sequence[bytes]) -> int:
    """1: something changed; 0: nothing was older."""
    server, now, at, ttl = argv
    head = _head(keys.get(key), server)
    if not head.here:
        strict = b"\1" if at == b"" else b"\0"
        keys.set(key, _bare(strict, server, max(head.floor, at), NONE, NONE), int(ttl))
        return 1
    if at != b"":
        if head.as_of >= at or head.floor >= at:
            return 0
        keys.setrange(key, 14, at)
        if head.strict:
            keys.setrange(key, 22, NONE + NONE)
        if head.kind in (b"V", b"N") and head.dirty == 0:
            keys.setrange(key, 54, _pack(int(now)))
    else:
        if head.strict and head.token == NONE and head.kind not in (b"V", b"N"):
            return 0
        keys.setrange(key, 0, head.kind.lower() + b"\1")
        keys.setrange(key, 22, NONE + NONE)
    keys.live_for(key, int(ttl))
    return 1


def release(keys: Keys, key: bytes, argv: Sequence[bytes]) -> int:
    """Give a lease back."""
    server, _, token = argv
    head = _head(keys.get(key), server)
    if head.here and head.token == token:
        keys.setrange(key, 22, NONE + NONE)
    return 1


def renew(keys: Keys, key: bytes, argv: Sequence[bytes]) -> int:
    """1: the lease is kept; 0: it is not ours any more."""
    server, now, token, lease = argv
    head = _head(keys.get(key), server)
    if not head.here or head.token != token:
        return 0
    keys.setrange(key, 30, _pack(int(now) + int(lease)))
    return 1


def tag_floor(keys: Keys, key: bytes, argv: Sequence[bytes]) -> int:
    """1: the tag's floor changed; 0: it was as late already."""
    server, _, at, ttl = argv
    raw = keys.get(key) or b""
    known = len(raw) == len(ANYONE + NONE + NONE)
    low, purges = (raw[4:12], _ms(raw, 12)) if known else (NONE, 0)
    if at != b"":
        if known and _ours(raw[:4], server) and low >= at:
            return 0
        low = max(low, at)
    else:
        purges += 1
    keys.set(key, server + low + _pack(purges), int(ttl))
    return 1


def beat(keys: Keys, key: bytes, _: Sequence[bytes]) -> int:
    """Touch a key."""
    keys.set(key, b"1", 1000)
    keys.delete(key)
    return 1


STATED: dict[Script, Restated] = {
    scripts.TAKE: take,
    scripts.FILL: fill,
    scripts.FLOOR: floor,
    scripts.RELEASE: release,
    scripts.RENEW: renew,
    scripts.TAG_FLOOR: tag_floor,
    scripts.BEAT: beat,
}
"""What each script does."""
