"""Law of the session: the cookie we gave is accepted, one that says anything else is not.

Any one changed, added or lost character that changes what the cookie says, or its signature,
makes it nobody's. (Base64 has a few spellings of the same bytes; those say the same.)
"""

import base64
import binascii

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import START

from callboard.clock import FixedClock
from callboard.delivery.auth import COOKIE, ApiKey, Gate, Principal, hash_key
from callboard.errors import Unauthorized

SCOPES = frozenset({"read"})
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
secrets = st.binary(min_size=1, max_size=40)


def gate(name: str, secret: bytes) -> Gate:
    """Return a gate that knows one key."""
    return Gate([ApiKey(name, SCOPES, hash_key("k"))], secret, FixedClock(START), enabled=True)


def said(value: str) -> list[bytes] | None:
    """Return the bytes a cookie's parts stand for, None if they are none."""
    try:
        return [
            base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in value.split(".")
        ]
    except (binascii.Error, ValueError):
        return None


@settings(max_examples=20, deadline=None)
@given(names, secrets)
def test_the_cookie_we_gave_is_accepted(name: str, secret: bytes) -> None:
    opened = gate(name, secret)
    value = opened.session(Principal(name, SCOPES))
    assert opened.principal(None, f"{COOKIE}={value}", "read") == Principal(name, SCOPES)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 500),
    st.sampled_from("ABCXYZabcxyz0189-_.=+/"),
    st.sampled_from(["change", "insert", "drop"]),
)
def test_one_changed_byte_makes_it_nobodys(at: int, other: str, how: str) -> None:
    opened = gate("board", b"secret")
    value = opened.session(Principal("board", SCOPES))
    at %= len(value)
    tail = value[at:] if how == "insert" else value[at + 1 :]
    forged = value[:at] + (other if how != "drop" else "") + tail
    if said(forged) == said(value):
        return
    with pytest.raises(Unauthorized):
        opened.principal(None, f"{COOKIE}={forged}", "read")


@settings(max_examples=24, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_no_header_of_a_client_is_an_error_of_ours(authorization: str, cookies: str) -> None:
    for header in (cookies, f"{COOKIE}={cookies}", f'{COOKIE}="{cookies}"'):
        with pytest.raises(Unauthorized):
            gate("board", b"secret").principal(authorization, header, "read")
