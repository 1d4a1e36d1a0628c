"""Entries as bytes, and the policies' figures: what fits, what is refused and why."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.cache import BYTES, JSON, TEXT, Keyspace
from callboard.cache.entry import (
    HEADER,
    NO_TOKEN,
    Entry,
    Seen,
    checked_tags,
    decode,
    encode,
    stamp,
)
from callboard.cache.policy import NAMESPACE, untagged

STAMP_MAX = 2**64 - 1
stamps = st.integers(0, STAMP_MAX)
seen = st.builds(Seen, st.integers(0, 2**32 - 1), stamps, stamps)
names = st.text(min_size=1, max_size=60).filter(lambda name: len(name.encode()) <= 255)
entries = st.builds(
    Entry,
    st.sampled_from([b"V", b"N", b"-", b"v", b"n"]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
    stamps,
    stamps,
    st.just(NO_TOKEN),
    stamps,
    stamps,
    stamps,
    st.dictionaries(names, seen, max_size=3),
    st.binary(max_size=100),
    st.just(0),
)


def entry(**changes: Any) -> Entry:
    """Return an entry."""
    return Entry(b"V", False, 1, 2, 2, NO_TOKEN, 3, 4, 0, {}, b"x")._replace(**changes)


@settings(max_examples=50, deadline=None)
@given(entries)
def test_an_entry_comes_back_as_it_was(entry: Entry) -> None:
    assert decode(encode(entry)) == entry


def test_the_header_is_64_bytes_and_less_is_no_entry() -> None:
    assert HEADER.size == 64
    assert decode(None) is None
    assert decode(encode(entry())[:63]) is None
    assert decode(encode(entry())[:64]) == entry(payload=b"")


def test_a_lease_is_read_though_it_is_never_written() -> None:
    raw = bytearray(encode(entry()))
    raw[22:30] = b"token--1"
    found = decode(bytes(raw))
    assert found is not None
    assert found.token == b"token--1"
    assert encode(found)[22:38] == NO_TOKEN + bytes(8)


def test_the_mark_of_a_fill_is_read_where_a_lease_would_end() -> None:
    raw = bytearray(encode(entry()))
    raw[30:38] = (2**64 - 2).to_bytes(8, "big")
    found = decode(bytes(raw))
    assert found is not None
    assert found.mark == 2**64 - 2


def test_stamps_are_eight_bytes_in_network_order() -> None:
    assert stamp(0) == bytes(8)
    assert stamp(STAMP_MAX) == b"\xff" * 8
    assert stamp(2**53 + 1) > stamp(2**53)


@pytest.mark.parametrize("wrong", [-1, STAMP_MAX + 1, 1.5, "1"])
def test_what_is_no_stamp_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="a stamp is an integer from 0 to"):
        stamp(wrong)


def test_tags_that_do_not_fit_are_refused() -> None:
    some = {f"{n:0255}": Seen(1, 2, 3) for n in range(240)}
    with pytest.raises(ValueError, match="65535 fit"):
        encode(entry(tags=some))
    fewer = dict(list(some.items())[:237])
    assert decode(encode(entry(tags=fewer))) == entry(tags=fewer)


def test_tags_are_told_once_and_have_a_length() -> None:
    assert checked_tags(["b", "a", "b"]) == ("b", "a")
    assert checked_tags(["x" * 255]) == ("x" * 255,)
    for wrong in ("", "x" * 256, "ä" * 128):
        with pytest.raises(ValueError, match="a tag has 1 to 255 bytes"):
            checked_tags([wrong])


# -- policies -------------------------------------------------------------------------------


def space(**figures: Any) -> Keyspace[Any]:
    """Return a keyspace."""
    return Keyspace(**{"name": "calls", "codec": TEXT, "ttl_s": 60.0, **figures})


CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name must not"),
    ({"name": "a:b"}, "name must not hold : or #"),
    ({"name": "a#b"}, "name must not hold : or #"),
    ({"ttl_s": 0}, "ttl_s must be positive"),
    ({"soft_ttl_s": 0}, "soft_ttl_s"),
    ({"soft_ttl_s": 60}, "soft_ttl_s"),
    ({"jitter": 1}, "jitter"),
    ({"jitter": -0.1}, "jitter"),
    ({"loader_timeout_s": 0}, "a lease and a load take time"),
    ({"lease_s": 0}, "a lease and a load take time"),
    ({"loader_timeout_s": 60, "floor_ttl_s": 60}, "floor_ttl_s must outlive"),
    ({"lease_s": 61}, "floor_ttl_s must outlive"),
    ({"negative_ttl_s": -1}, "must not be negative"),
    ({"coalesce_s": -1}, "must not be negative"),
]


@pytest.mark.parametrize(("figures", "why"), CONTRADICTIONS)
def test_a_policy_that_contradicts_itself_says_so(figures: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        space(**figures)
    assert repr(figures.get("name", "calls")) in str(caught.value)


def test_keys_are_named_by_namespace_keyspace_and_id() -> None:
    key = space().key("CA:1#ä{x}")
    assert key.raw == "cb:c:calls:CA:1#ä{x}".encode()
    assert key.raw.startswith(NAMESPACE.encode())
    assert "CA:1" in repr(key)
    assert space(namespace="mine:").key("1").raw == b"mine:calls:1"


def test_ids_have_a_length() -> None:
    assert space().key("x" * 512).id == "x" * 512
    for wrong in ("", "x" * 513):
        with pytest.raises(ValueError, match="1 to 512 characters"):
            space().key(wrong)


def test_a_keyspace_knows_whether_it_has_tags() -> None:
    assert not space().tagged
    assert not space(tags=untagged).tagged
    assert space(tags=lambda id_: (id_,)).tagged


@pytest.mark.parametrize(
    ("codec", "value", "payload"),
    [(BYTES, b"\xff", b"\xff"), (TEXT, "ä", b"\xc3\xa4"), (JSON, {"a": [1]}, b'{"a":[1]}')],
)
def test_codecs_give_back_what_they_were_given(codec: Any, value: Any, payload: bytes) -> None:
    assert codec.encode(value) == payload
    assert codec.decode(payload) == value
    assert codec.immutable is (codec is not JSON)
