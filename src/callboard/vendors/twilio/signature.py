"""Twilio's request signature.

Algorithm: https://www.twilio.com/docs/usage/webhooks/webhooks-security, as implemented by
`twilio` 9.13.0 `request_validator.py`: the URL Twilio was told to call (no fragment, no user
info), then every form parameter sorted by name, its distinct values sorted, name and value
appended without separator (empty values count), HMAC-SHA1 with the auth token, Base64.

A signature carries no time: a captured request stays valid for ever, so that repeating one must
do no harm. That is what the call document's merge rules are for.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

__all__ = ["sign", "verify"]

_PORT = re.compile(r":\d*$")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def sign(url: str, params: Iterable[tuple[str, str]], token: str) -> str:
    """Return the value of `X-Twilio-Signature` for a form POST.

    >>> sign(
    ...     "https://example.com/myapp.php?foo=1&bar=2",
    ...     [("Digits", "1234"), ("To", "+18005551212"), ("From", "+14158675310"),
    ...      ("Caller", "+14158675310"), ("CallSid", "CA1234567890ABCDE")],
    ...     "12345",
    ... )
    'L/OH5YylLD5NRKLltdqwSvS0BnU='
    """
    signed = url + "".join(name + value for name, value in sorted(set(params)))
    digest = hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def verify(url: str, params: Iterable[tuple[str, str]], token: str, signature: str) -> bool:
    """Tell whether `signature` is Twilio's for this request, in constant time.

    Twilio signs HTTPS voice callbacks without the port and HTTP ones with it; as its own
    library does, both spellings of the URL are accepted.
    """
    pairs = list(params)
    given = signature.encode()
    matches = [
        hmac.compare_digest(sign(candidate, pairs, token).encode(), given)
        for candidate in _spellings(url)
    ]
    return any(matches)


def _spellings(url: str) -> list[str]:
    """Return the URL without port and with one, never with user info or fragment."""
    parts = urlsplit(url)
    # Not `parts.hostname`: it lowers the host, and Twilio signs it as it was written.
    address = parts.netloc.rpartition("@")[2]
    host = _PORT.sub("", address)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 443)
    return [
        urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))
        for netloc in (host, f"{host}:{port}")
    ]
