"""Twilio's request signature: the published vectors, and every spelling of a URL."""

import hashlib
from typing import Any

import pytest
from support.builders import TOKEN, sample

from callboard.vendors.twilio.signature import (
    SignatureSettings,
    sign,
    signature_settings,
    verify,
    verify_body,
)

VECTORS: list[dict[str, Any]] = sample("signature_vectors.json")["twilio"]
URL = "https://h.example/a?x=1"
BODY = b'{"type":"com.twilio.voice.status-callback.call.completed"}'
HASH = hashlib.sha256(BODY).hexdigest()
PARAMS = [("CallSid", "CA1"), ("To", "+18005551212")]


def checked(vector: dict[str, Any], token: str, signature: str) -> bool:
    """Check a vector's request with another token or signature."""
    algorithm = vector.get("algorithm", "HMAC_SHA1")
    if "body" in vector:
        return verify_body(vector["url"], vector["body"].encode(), token, signature, algorithm)
    params = [(name, value) for name, value in vector["params"]]
    return verify(vector["url"], params, token, signature, algorithm)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_every_published_vector_holds(vector: dict[str, Any]) -> None:
    assert checked(vector, vector["token"], vector["signature"])
    assert not checked(vector, vector["token"] + "6", vector["signature"])
    assert not checked(vector, vector["token"], vector["signature"].swapcase())


def test_the_order_of_parameters_does_not_matter() -> None:
    signature = sign("https://calls.example.com/a", PARAMS, TOKEN)
    assert verify("https://calls.example.com/a", reversed(PARAMS), TOKEN, signature)


def test_an_empty_value_counts() -> None:
    url = "https://calls.example.com/a"
    signature = sign(url, [*PARAMS, ("ToCity", "")], TOKEN)
    assert verify(url, [*PARAMS, ("ToCity", "")], TOKEN, signature)
    assert not verify(url, PARAMS, TOKEN, signature)


def test_a_missing_or_added_parameter_fails() -> None:
    url = "https://calls.example.com/a"
    signature = sign(url, PARAMS, TOKEN)
    assert not verify(url, PARAMS[:1], TOKEN, signature)
    assert not verify(url, [*PARAMS, ("More", "x")], TOKEN, signature)


def test_a_request_without_any_parameter_is_signed_by_its_url() -> None:
    signature = sign("https://calls.example.com/a?b=c", [], TOKEN)
    assert verify("https://calls.example.com/a?b=c", [], TOKEN, signature)
    assert not verify("https://calls.example.com/a?b=d", [], TOKEN, signature)


def test_equal_values_of_a_repeated_parameter_count_once_and_others_in_order() -> None:
    url = "https://calls.example.com/a"
    signature = sign(url, [("D", "1"), ("D", "2")], TOKEN)
    assert verify(url, [("D", "2"), ("D", "1"), ("D", "2")], TOKEN, signature)
    assert not verify(url, [("D", "2")], TOKEN, signature)


@pytest.mark.parametrize(
    ("signed", "requested"),
    [
        ("https://h.example/a", "https://h.example:8443/a"),
        ("https://h.example:443/a", "https://h.example/a"),
        ("https://h.example/a", "https://h.example:443/a"),
        ("http://h.example:80/a", "http://h.example/a"),
        ("http://h.example:8700/a", "http://h.example:8700/a"),
        ("http://h.example/a?x=1", "http://h.example:80/a?x=1"),
        ("https://[2001:db8::1]/a", "https://[2001:db8::1]:8443/a"),
        ("https://[2001:db8::1]:443/a", "https://[2001:db8::1]/a"),
        ("https://h.example/a", "https://user:secret@h.example/a"),
        ("https://h.example/a", "https://user:secret@h.example:8443/a"),
        ("https://h.example/a", "https://h.example/a#rc=5&rp=5xx,ct,rt"),
        ("https://h.example/a?x=1", "https://h.example/a?x=1#rc=5?#"),
        ("https://[2001:db8::1]/a", "https://user:se:cr@et@[2001:db8::1]:8443/a"),
        ("https://h.example/a", "HTTPS://h.example/a"),
        ("https://h.example/a", "https://h.example:/a"),
        ("https://h.example:/a", "https://h.example:/a"),
        ("https://h.example:0443/a", "https://h.example:0443/a"),
        ("https://h.example/a?", "https://h.example/a"),
        ("https://h.example/a", "https://h.example/a?"),
        ("https://h.example:443/a?", "https://h.example/a?"),
        ("https://h.example/a;", "https://h.example/a;"),
        ("https://h.example//a/../b", "https://h.example//a/../b"),
        ("https://h.example/caf%C3%A9?q=%20+", "https://h.example/caf%C3%A9?q=%20+"),
        ("https://h.example", "https://h.example"),
        ("https://h.example?x=1", "https://h.example:443?x=1"),
    ],
)
def test_a_url_is_accepted_however_twilio_spells_it(signed: str, requested: str) -> None:
    assert verify(requested, PARAMS, TOKEN, sign(signed, PARAMS, TOKEN))


@pytest.mark.parametrize(
    "requested",
    [
        "http://h.example/a",
        "https://h.example/b",
        "https://other.example/a",
        "https://h.example/a?x=1",
        "https://h.example/a/",
        "https://H.example/a",
        "https://h.example/A",
        "https://h.example/%61",
        "https://h.example/a??",
        "https://h.example/\ta",
        "https://h.example@other.example/a",
    ],
)
def test_another_url_fails(requested: str) -> None:
    assert not verify(requested, PARAMS, TOKEN, sign("https://h.example/a", PARAMS, TOKEN))


@pytest.mark.parametrize("signature", ["", "=", "x", "ÿ", "a" * 10_000, "RSOYDt4T1cUTdK1PDd93"])
def test_junk_for_a_signature_fails_without_an_error(signature: str) -> None:
    assert not verify("https://h.example/a", PARAMS, TOKEN, signature)


def test_a_host_written_with_capitals_is_checked_as_it_is_written() -> None:
    url = "https://Calls.Example.com/a"
    assert verify(url, PARAMS, TOKEN, sign(url, PARAMS, TOKEN))


@pytest.mark.parametrize(
    "url",
    [
        "https://h.example:abc/a",
        "https://h.example:99999/a",
        "https://h.example:" + "9" * 5_000 + "/a",
        "https://h.example:\u0663/a",
        "https://[2001:db8::1/a",
        "https://[h.example]/a",
        "https://2001:db8::1/a",
        "https://\u2100.example/a",
        "https://h\t.example/a",
        "https://user@/a",
        "https://:443/a",
        "https:///a",
        "ht tp://h.example/a",
        "h.example/a",
        "/a",
        "",
    ],
)
def test_a_url_that_cannot_be_taken_apart_fails_without_an_error(url: str) -> None:
    assert not verify(url, PARAMS, TOKEN, sign(url, PARAMS, TOKEN))
    assert not verify_body(url, BODY, TOKEN, sign(url, [], TOKEN))


def test_half_a_surrogate_pair_raises_nothing() -> None:
    half = "\ud800"
    assert not verify(URL, PARAMS, TOKEN, half)
    assert not verify(URL + half, [(half, half)], TOKEN, "x")
    assert not verify_body(f"{URL}&bodySHA256={half}", BODY, TOKEN, half)


def test_an_empty_token_which_anybody_could_sign_with_fails() -> None:
    assert not verify(URL, PARAMS, "", sign(URL, PARAMS, ""))


def test_each_algorithm_accepts_its_own_signature_only() -> None:
    for algorithm, other in [("HMAC_SHA1", "HMAC_SHA256"), ("HMAC_SHA256", "HMAC_SHA1")]:
        signature = sign(URL, PARAMS, TOKEN, algorithm)
        assert verify(URL, PARAMS, TOKEN, signature, algorithm)
        assert not verify(URL, PARAMS, TOKEN, signature, other)


@pytest.mark.parametrize("algorithm", ["", "HMAC_MD5", "sha1", "unreadable"])
def test_an_unknown_algorithm_fails_and_cannot_be_signed_with(algorithm: str) -> None:
    assert not verify(URL, PARAMS, TOKEN, sign(URL, PARAMS, TOKEN), algorithm)
    with pytest.raises(ValueError, match="HMAC_SHA1 or HMAC_SHA256"):
        sign(URL, PARAMS, TOKEN, algorithm)


@pytest.mark.parametrize("algorithm", ["HMAC_SHA1", "HMAC_SHA256"])
@pytest.mark.parametrize(
    "base", ["https://h.example/a?", "https://h.example/a?x=1&", "https://h.example:8443/a?"]
)
def test_a_body_is_checked_by_the_hash_in_the_query(base: str, algorithm: str) -> None:
    url = f"{base}bodySHA256={HASH}"
    signature = sign(url, [], TOKEN, algorithm)
    assert verify_body(url, BODY, TOKEN, signature, algorithm)
    assert verify_body(url + "#rc=5", BODY, TOKEN, signature, algorithm)
    assert not verify_body(url, BODY + b" ", TOKEN, signature, algorithm)
    assert not verify_body(url, b"", TOKEN, signature, algorithm)
    assert not verify_body(url, BODY, TOKEN + "6", signature, algorithm)


@pytest.mark.parametrize(
    "query",
    [
        "x=1",
        "bodySHA256",
        "bodySHA256=",
        f"bodySHA256={HASH.upper()}",
        f"bodySHA256={HASH[:-1]}",
        f"bodySHA256={HASH}&bodySHA256={HASH}",
        f"bodySHA256=&bodySHA256={HASH}",
        f"bodySHA256={'0' * 64}",
        f"bodysha256={HASH}",
        "bodySHA256=%FF",
        f"x=1#bodySHA256={HASH}",
    ],
)
def test_a_body_that_the_query_does_not_name_once_and_rightly_fails(query: str) -> None:
    url = f"https://h.example/a?{query}"
    assert not verify_body(url, BODY, TOKEN, sign(url.partition("#")[0], [], TOKEN))


def test_a_body_that_is_no_text_is_checked_as_it_came() -> None:
    body = b"\xff\x00\r\n"
    url = f"https://h.example/a?bodySHA256={hashlib.sha256(body).hexdigest()}"
    assert verify_body(url, body, TOKEN, sign(url, [], TOKEN))


@pytest.mark.parametrize(
    ("header", "settings"),
    [
        (None, (None, "HMAC_SHA1")),
        ("", (None, "HMAC_SHA1")),
        ("key=SK1,algorithm=HMAC_SHA256", ("SK1", "HMAC_SHA256")),
        (" algorithm = hmac_sha256 , key = SK1 ,", ("SK1", "HMAC_SHA256")),
        ("key=SK1", ("SK1", "HMAC_SHA1")),
        ("algorithm=HMAC_SHA512", (None, "HMAC_SHA512")),
        ("key=SK=1,version=2", ("SK=1", "HMAC_SHA1")),
        ("key=SK1,key=SK2,algorithm=HMAC_SHA256,algorithm=HMAC_SHA1", ("SK1", "HMAC_SHA256")),
        ("junk", (None, "unreadable")),
        ("key=SK1,junk", (None, "unreadable")),
        ("key=SK1,algorithm=", (None, "unreadable")),
        ("=HMAC_SHA1", (None, "unreadable")),
        ("\x00\xff;\ud800", (None, "unreadable")),
    ],
)
def test_the_settings_header_names_key_and_algorithm(
    header: str | None, settings: tuple[str | None, str]
) -> None:
    assert signature_settings(header) == SignatureSettings(*settings)
