"""Twilio's request signature: the published vectors, and every spelling of a URL."""

from typing import Any

import pytest
from support.builders import TOKEN, sample

from callboard.vendors.twilio.signature import sign, verify

VECTORS: list[dict[str, Any]] = sample("signature_vectors.json")["twilio"]
PARAMS = [("CallSid", "CA1"), ("To", "+18005551212")]


def later(vector: dict[str, Any]) -> str | None:
    """Name the issue a vector waits for."""
    if "body" in vector:
        return "JSON bodies (bodySHA256) come with Event Streams"
    if "algorithm" in vector:
        return "HMAC_SHA256 comes with shared keys"
    return None


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_every_published_vector_holds(vector: dict[str, Any]) -> None:
    if reason := later(vector):
        pytest.skip(reason)
    params = [(name, value) for name, value in vector["params"]]
    assert verify(vector["url"], params, vector["token"], vector["signature"])
    assert not verify(vector["url"], params, vector["token"] + "6", vector["signature"])


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
