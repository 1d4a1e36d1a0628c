"""Laws of the signatures: the vendor's true bytes pass, any one changed byte fails.

Whatever the parameters, however ordered; a change anywhere in the host, the path, the query, a
name, a value, the body, the time, the secret or the signature itself is noticed. The port alone
is not: Twilio signs HTTPS callbacks without it.
"""

import hashlib
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.vendors.elevenlabs import signature as elevenlabs
from callboard.vendors.twilio.signature import sign, verify, verify_body

URL = "https://calls.example.com/webhook/call-status?campaignId=spring"
AUTHORITY = len("https://")
TOKEN = "0123456789abcdef0123456789abcdef"
SENT = 1_760_454_300

words = st.text(st.characters(codec="utf-8"), max_size=12)
pairs = st.lists(st.tuples(words.filter(bool), words), min_size=1, max_size=8, unique=True)
algorithms = st.sampled_from(["HMAC_SHA1", "HMAC_SHA256"])
positions = st.integers(0, 500)
steps = st.integers(1, 93)


def altered(text: str, at: int, by: int, start: int = 0) -> str:
    """Return a text with one character from `start` on replaced by another printable one."""
    at = start + at % (len(text) - start)
    other = chr((ord(text[at]) - 33 + by) % 94 + 33)
    return text[:at] + other + text[at + 1 :]


@settings(max_examples=24, deadline=None)
@given(pairs, algorithms, st.randoms(use_true_random=False))
def test_the_true_bytes_pass_in_any_order(
    params: list[tuple[str, str]], algorithm: str, chance: random.Random
) -> None:
    signature = sign(URL, params, TOKEN, algorithm)
    shuffled = [*params, params[0]]
    chance.shuffle(shuffled)
    assert verify(URL, shuffled, TOKEN, signature, algorithm)


@settings(max_examples=96, deadline=None)
@given(
    pairs,
    algorithms,
    st.sampled_from(["name", "value", "url", "token", "signature"]),
    positions,
    steps,
)
def test_one_changed_character_of_a_form_anywhere_fails(
    params: list[tuple[str, str]], algorithm: str, where: str, at: int, by: int
) -> None:
    url, token, signature = URL, TOKEN, sign(URL, params, TOKEN, algorithm)
    index = at % len(params)
    name, value = params[index]
    changed = list(params)
    if where == "value" and value:
        changed[index] = (name, altered(value, at, by))
    elif where in {"name", "value"}:
        changed[index] = (altered(name, at, by), value)
    elif where == "url":
        url = altered(URL, at, by, AUTHORITY)
    elif where == "token":
        token = altered(TOKEN, at, by)
    else:
        signature = altered(signature, at, by)
    assert verify(URL, params, TOKEN, sign(URL, params, TOKEN, algorithm), algorithm)
    assert not verify(url, changed, token, signature, algorithm)


@settings(max_examples=24, deadline=None)
@given(pairs, st.data())
def test_a_parameter_cannot_be_left_out(
    params: list[tuple[str, str]], data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(params))
    left = [pair for pair in params if pair != gone]
    assert not verify(URL, left, TOKEN, sign(URL, params, TOKEN))


@settings(max_examples=64, deadline=None)
@given(
    st.binary(min_size=1, max_size=40),
    algorithms,
    st.sampled_from(["body", "url", "token", "signature"]),
    positions,
    steps,
)
def test_one_changed_byte_of_a_body_or_its_url_fails(
    body: bytes, algorithm: str, where: str, at: int, by: int
) -> None:
    whole = f"{URL}&bodySHA256={hashlib.sha256(body).hexdigest()}"
    url, token, signature = whole, TOKEN, sign(whole, [], TOKEN, algorithm)
    assert verify_body(url, body, token, signature, algorithm)
    if where == "body":
        body = changed_byte(body, at, by)
    elif where == "url":
        url = altered(whole, at, by, AUTHORITY)
    elif where == "token":
        token = altered(TOKEN, at, by)
    else:
        signature = altered(signature, at, by)
    assert not verify_body(url, body, token, signature, algorithm)


@settings(max_examples=64, deadline=None)
@given(
    st.binary(min_size=1, max_size=40),
    st.sampled_from(["body", "header", "time", "secret"]),
    positions,
    steps,
)
def test_one_changed_byte_of_an_elevenlabs_request_fails(
    body: bytes, where: str, at: int, by: int
) -> None:
    header, secret = elevenlabs.sign(body, TOKEN, SENT), TOKEN
    assert elevenlabs.check(header, body, [secret], now_s=SENT, tolerance_s=0) is None
    if where == "body":
        body = changed_byte(body, at, by)
    elif where == "header":
        header = altered(header, at, by)
    elif where == "time":
        digit = str((int(str(SENT)[at % 10]) + by % 9 + 1) % 10)
        header = f"t={str(SENT)[: at % 10]}{digit}{header[3 + at % 10 :]}"
    else:
        secret = altered(TOKEN, at, by)
    # Any time is tolerated: the signature alone has to notice.
    assert elevenlabs.check(header, body, [secret], now_s=SENT, tolerance_s=1e12) is not None


def changed_byte(body: bytes, at: int, by: int) -> bytes:
    """Return a body with one byte replaced by another."""
    at %= len(body)
    return body[:at] + bytes([(body[at] + by) % 256]) + body[at + 1 :]
