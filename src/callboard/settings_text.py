"""What a setting's text means: lists, networks, addresses, URLs that may hold a password.

Nothing here reads the environment; `callboard.settings` does.
"""

import ipaddress
from urllib.parse import urlsplit

from pydantic import SecretStr

__all__ = ["Network", "http_url", "is_loopback", "listed", "networks_of", "without_password"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks_of(text: str) -> list[Network]:
    """Return the networks of a comma-separated list; an address is a network of one.

    Raises:
        ValueError: a part is neither.
    """
    try:
        return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]
    except ValueError as error:
        message = "must be addresses or networks, e.g. 10.0.0.5,192.168.0.0/16"
        raise ValueError(message) from error


def listed(given: SecretStr | None) -> list[str]:
    """Return the parts of a comma-separated secret."""
    text = given.get_secret_value() if given is not None else ""
    return [part.strip() for part in text.split(",") if part.strip()]


def http_url(url: str | None) -> str | None:
    """Return a base URL others call us by, None for an empty one.

    Raises:
        ValueError: it is no URL with `http` or `https` and a host.
    """
    if not url:
        return None
    message = "must be like https://board.example.com"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError as error:
        raise ValueError(message) from error
    if not usable:
        raise ValueError(message)
    return url


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without_password(url: SecretStr) -> str:
    """Show where a URL leads: no user, no password, no options."""
    shown = []
    for part in url.get_secret_value().split(","):
        scheme, separator, rest = part.strip().rpartition("://")
        shown.append(scheme + separator + rest.rpartition("@")[2].partition("?")[0])
    return ",".join(shown)
