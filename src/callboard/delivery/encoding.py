"""Which content coding a client gets, and its bytes. RFC 9110 section 12.5.3; RFC 8878."""

import gzip
from functools import lru_cache

import zstandard

__all__ = ["CODINGS", "COMPRESSED_FROM", "IDENTITY", "encoded", "negotiated"]

IDENTITY = ""
CODINGS = ("zstd", "gzip")
"""The better first: of those a client likes equally it gets the first."""

COMPRESSED_FROM = 1_024
"""Bytes; a smaller body fits one packet either way."""

_GZIP_LEVEL = 4
_ZSTD_LEVEL = 1
_HEADER_LENGTH_MAX = 500
_ALIASES = {"x-gzip": "gzip"}

_zstd = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)


def encoded(body: bytes, coding: str) -> bytes:
    """Return a body in a content coding; the same bytes each time."""
    if coding == "zstd":
        return _zstd.compress(body)
    return gzip.compress(body, _GZIP_LEVEL, mtime=0) if coding == "gzip" else body


@lru_cache(maxsize=256)  # there are few browsers, and each sends the same text every time
def _negotiated(accepted: str) -> str:
    wanted: dict[str, float] = {}
    for part in accepted.lower().split(","):
        coding, _, parameter = part.partition(";")
        name, _, value = parameter.partition("=")
        weight = _weight(value) if name.strip() == "q" else 1.0
        wanted[_ALIASES.get(coding.strip(), coding.strip())] = weight
    otherwise = wanted.get("*", 0.0)
    offered = [(wanted.get(coding, otherwise), coding) for coding in CODINGS]
    best, chosen = max(offered, key=lambda offer: offer[0])
    return chosen if best > 0.0 and best >= wanted.get("identity", 0.0) else IDENTITY


def negotiated(accepted: str) -> str:
    """Return the coding an `Accept-Encoding` likes best, `IDENTITY` if none of ours.

    >>> negotiated("gzip, deflate, br, zstd"), negotiated("gzip;q=1, zstd;q=0.5")
    ('zstd', 'gzip')
    >>> negotiated(""), negotiated("*;q=0"), negotiated("identity, gzip;q=0.9")
    ('', '', '')
    """
    if not accepted or len(accepted) > _HEADER_LENGTH_MAX:
        return IDENTITY
    return _negotiated(accepted)


def _weight(text: str) -> float:
    """Return a q-value; what is none counts as a refusal."""
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0
