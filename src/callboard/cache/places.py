"""Where servers are: reading URLs, and naming keys to them literally."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

__all__ = ["Places", "literally", "read_urls"]

_DEFAULT_PORT = 6379


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What URLs say."""

    nodes: tuple[tuple[str, int], ...]
    username: str | None
    password: str | None
    database: int
    tls: bool


def read_urls(urls: str, password: str | None = None) -> Places:
    """Read `redis://` or `rediss://` URLs, comma-separated; the first tells all but the hosts.

    Raises:
        ValueError: one cannot be understood; its password is not repeated.

    >>> read_urls("redis://:a%40b@one/2, redis://two:7").nodes
    (('one', 6379), ('two', 7))
    """
    message = "a URL reads redis://host:port/number or rediss://host:port/number"
    try:
        parsed = [urlsplit(url.strip()) for url in urls.split(",") if url.strip()]
        nodes = tuple((p.hostname or "", p.port or _DEFAULT_PORT) for p in parsed)
        database = int(parsed[0].path.strip("/") or 0)
    except (ValueError, IndexError) as error:
        raise ValueError(message) from error
    if any(p.scheme not in ("redis", "rediss") or not p.hostname for p in parsed):
        raise ValueError(message)
    first = parsed[0]
    return Places(
        nodes=nodes,
        username=unquote(first.username) if first.username else None,
        password=password or (unquote(first.password) if first.password else None),
        database=database,
        tls=first.scheme == "rediss",
    )


def literally(prefix: bytes) -> bytes:
    r"""Escape what a glob pattern would read as anything but itself.

    >>> literally(b"a*[b]")
    b'a\\*\\[b\\]'
    """
    return b"".join(b"\\%c" % c if c in b"*?[]\\^-" else b"%c" % c for c in prefix)
