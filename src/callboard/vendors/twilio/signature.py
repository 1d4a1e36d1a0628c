"""Twilio's request signature.

Algorithm: https://www.twilio.com/docs/usage/webhooks/webhooks-security, as implemented by
`twilio` 9.13.0 `request_validator.py`: the URL Twilio was told to call (no fragment, no user
info), then every form parameter sorted by name, its distinct values sorted, name and value
appended without separator (empty values count), HMAC with the auth token or a shared key,
Base64. Where we differ from that package is listed, with reasons, in
`tests/property/test_signature_differential.py`.

A signature carries no time: a captured request stays valid for ever, so that repeating one must
do no harm. That is what the call document's merge rules are for. Nor does the signed text tell
where a name, a value or the URL ends: whoever holds a captured request can shift these ends.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

__all__ = ["SignatureSettings", "sign", "signature_settings", "verify", "verify_body"]

_HASHES = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
_UNREADABLE = "unreadable"
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]+)([^#]*)")
_PORT = re.compile(r":[0-9]*$")


class SignatureSettings(NamedTuple):
    """Which key signed a request, and how."""

    key_id: str | None
    """Id of a shared key; None means the account's auth token."""
    algorithm: str
    """What to hand to `verify`: `HMAC_SHA1`, `HMAC_SHA256`, or a word that never verifies."""


_LEGACY = SignatureSettings(None, "HMAC_SHA1")


def sign(
    url: str, params: Iterable[tuple[str, str]], token: str, algorithm: str = "HMAC_SHA1"
) -> str:
    """Return the value of `X-Twilio-Signature` for a form POST.

    The URL is signed as given: Twilio itself leaves out user info and fragment.

    >>> sign(
    ...     "https://example.com/myapp.php?foo=1&bar=2",
    ...     [("Digits", "1234"), ("To", "+18005551212"), ("From", "+14158675310"),
    ...      ("Caller", "+14158675310"), ("CallSid", "CA1234567890ABCDE")],
    ...     "12345",
    ... )
    'L/OH5YylLD5NRKLltdqwSvS0BnU='

    Raises:
        ValueError: the algorithm is neither `HMAC_SHA1` nor `HMAC_SHA256`.
    """
    if (hash_name := _HASHES.get(algorithm)) is None:
        raise ValueError("the algorithm must be HMAC_SHA1 or HMAC_SHA256")
    text = _bytes(url + _text(params))
    return base64.b64encode(hmac.digest(_bytes(token), text, hash_name)).decode()


def verify(
    url: str,
    params: Iterable[tuple[str, str]],
    token: str,
    signature: str,
    algorithm: str = "HMAC_SHA1",
) -> bool:
    """Tell whether `signature` is Twilio's for this request, in constant time.

    Twilio signs HTTPS voice callbacks without the port and HTTP ones with it; as its own
    library does, both spellings of the URL are accepted. Nothing raises: a URL that cannot be
    taken apart, an unknown algorithm and an empty token, which anybody could sign with, are
    False.
    """
    hash_name = _HASHES.get(algorithm)
    found = _URL.match(url)
    if hash_name is None or found is None or not token:
        return False
    key, given = _bytes(token), _bytes(signature)
    scheme, netloc, tail = found.groups()
    path, _, query = tail.partition("?")
    # A bare `?` never reaches an ASGI server, and Twilio may have signed it.
    tails = (tail,) if query else (path, path + "?")
    text = _text(params)
    bases = _spellings(scheme, netloc)
    for end in tails:
        rest = _bytes(end + text)
        for base in bases:
            digest = hmac.digest(key, base + rest, hash_name)
            # Leaving at the first match tells no more than the answer does.
            if hmac.compare_digest(base64.b64encode(digest), given):
                return True
    return False


def verify_body(
    url: str, body: bytes, token: str, signature: str, algorithm: str = "HMAC_SHA1"
) -> bool:
    """Tell whether `signature` is Twilio's for this raw body that is not a form.

    Such a signature covers the URL alone. The URL's query names the body: exactly one
    `bodySHA256`, its SHA-256 in lower-case hexadecimal digits. Nothing raises.
    """
    if not verify(url, (), token, signature, algorithm):
        return False
    query = url.partition("#")[0].partition("?")[2]
    fields = parse_qsl(query, keep_blank_values=True)
    hashes = [value for name, value in fields if name == "bodySHA256"]
    if len(hashes) != 1:
        return False
    return hmac.compare_digest(hashlib.sha256(body).hexdigest().encode(), _bytes(hashes[0]))


def signature_settings(header: str | None) -> SignatureSettings:
    """Read `X-Twilio-Webhooks-Signature-Settings`; without it, the auth token and HMAC_SHA1.

    Parts of other names are passed over, and the first of one name counts, as in Twilio's
    library. A header that is not made of `name=value` parts never verifies.

    >>> signature_settings("key=webhooks_sharedkey_1,algorithm=HMAC_SHA256")
    SignatureSettings(key_id='webhooks_sharedkey_1', algorithm='HMAC_SHA256')
    >>> signature_settings(None)
    SignatureSettings(key_id=None, algorithm='HMAC_SHA1')
    """
    if header is None:
        return _LEGACY
    found: dict[str, str] = {}
    for part in header.split(","):
        name, separator, value = (piece.strip() for piece in part.partition("="))
        if name and value:
            found.setdefault(name, value)
        elif name or separator:
            return SignatureSettings(None, _UNREADABLE)
    return SignatureSettings(found.get("key"), found.get("algorithm", "HMAC_SHA1").upper())


def _text(params: Iterable[tuple[str, str]]) -> str:
    """Return the signed text's part that is made of a form's fields."""
    return "".join([name + value for name, value in sorted(set(params))])


def _bytes(text: str) -> bytes:
    """Return UTF-8, also for half a surrogate pair: junk must fail without an error."""
    return text.encode("utf-8", "surrogatepass")


@lru_cache(maxsize=64)
def _spellings(scheme: str, netloc: str) -> tuple[bytes, ...]:
    """Return `scheme://host` with and without port, never with user info, likeliest first.

    Empty for an address without a host or a readable port.
    """
    try:
        parts = urlsplit(f"{scheme}://{netloc}")
        port = parts.port
    except ValueError:
        return ()
    # Not `parts.hostname`: it lowers the host, and Twilio signs it as it was written.
    address = netloc.rpartition("@")[2]
    host = _PORT.sub("", address)
    if not host or parts.netloc != netloc:  # urlsplit drops tabs and line ends
        return ()
    spellings = [host, address] if parts.scheme == "https" else [address, host]
    if port is None:
        spellings.append(f"{host}:{443 if parts.scheme == 'https' else 80}")
    return tuple(_bytes(f"{parts.scheme}://{spelling}") for spelling in dict.fromkeys(spellings))
