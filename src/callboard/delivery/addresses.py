"""Whose address a request comes from: the peer's, unless the peer is a proxy we trust."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

__all__ = ["Addresses", "Network"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_CACHED_MAX = 4_096
_FORWARDED_LENGTH_MAX = 200
_IPV6_SITE_BITS = 64


class Addresses:
    """Names the address that is limited: IPv4 as it is, IPv6 by its /64."""

    def __init__(self, trusted: Iterable[Network] = ()) -> None:
        self._trusted = tuple(trusted)
        self._of = lru_cache(_CACHED_MAX)(self._name)
        self._is_proxy = lru_cache(_CACHED_MAX)(self._is_trusted_text)

    def of(self, peer: str, forwarded: str) -> str:
        """Return the name of the address behind a connection.

        `forwarded` is `X-Forwarded-For`. Everybody may write what they like to its left, so it
        is read from the right, for as long as it was our own proxies that wrote it.
        """
        if not self._trusted or not forwarded or not self._is_proxy(peer):
            return self._of(peer, "")
        if len(forwarded) > _FORWARDED_LENGTH_MAX:
            # The cut may have left half an address at its beginning.
            forwarded = forwarded[-_FORWARDED_LENGTH_MAX:].partition(",")[2]
        return self._of(peer, forwarded)

    def _name(self, peer: str, forwarded: str) -> str:
        found = _parsed(peer)
        if found is None:
            return peer
        for text in reversed(forwarded.split(",") if forwarded else []):
            before = _parsed(text.strip())
            if before is None:
                break
            found = before
            if not self._trusts(found):
                break
        if isinstance(found, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((found, _IPV6_SITE_BITS), strict=False))
        return str(found)

    def _is_trusted_text(self, peer: str) -> bool:
        address = _parsed(peer)
        return address is not None and self._trusts(address)

    def _trusts(self, address: _Address) -> bool:
        return any(
            address.version == network.version and address in network for network in self._trusted
        )


def _parsed(text: str) -> _Address | None:
    """Return an address, also one with a port; None for anything else."""
    host = text
    if text.startswith("["):
        host = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
