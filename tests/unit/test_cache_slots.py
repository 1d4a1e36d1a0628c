"""Slots of a cluster: hash tags, the map, and where a redirect points."""

from binascii import crc_hqx

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.crc import key_slot

from callboard.cache.slots import SLOTS, address_in, owners, slot_of

ASKED = ("asked", 1)

keys = st.one_of(
    st.binary(max_size=40), st.text("{}ab", max_size=12).map(str.encode), st.just(b"")
)


@settings(max_examples=200, deadline=None)
@given(keys)
def test_slots_are_those_of_redis_py(key: bytes) -> None:
    assert slot_of(key) == key_slot(key)


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"{user}:a", b"user"),
        (b"a{user}b{other}", b"user"),
        (b"{}user", b"{}user"),
        (b"a{}{user}", b"a{}{user}"),
        (b"{{user}}", b"{user"),
        (b"a{user", b"a{user"),
        (b"a}user{", b"a}user{"),
        (b"}{x}", b"x"),
        (b"{\x00}", b"\x00"),
    ],
)
def test_odd_hash_tags_are_read_as_the_specification_says(key: bytes, hashed: bytes) -> None:
    assert slot_of(key) == crc_hqx(hashed, 0) % SLOTS == key_slot(key)


def test_the_map_names_the_primary_of_every_slot() -> None:
    reply = [
        [0, 99, [b"10.0.0.1", 7000, b"id1", []], [b"10.0.0.9", 7009, b"id9", []]],
        [100, 100, [b"host.name", 7001, b"id2", [b"hostname", b"x"]]],
        [16_383, 16_383, [b"::1", 7002, b"id3"]],
    ]
    found = owners(reply, ASKED)
    assert len(found) == SLOTS
    assert found[0] == found[99] == ("10.0.0.1", 7000)
    assert found[100] == ("host.name", 7001)
    assert found[101] is None
    assert found[16_383] == ("::1", 7002)


@pytest.mark.parametrize("unknown", [b"", None])
def test_a_node_that_does_not_know_its_address_is_the_one_asked(unknown: bytes | None) -> None:
    assert owners([[0, 1, [unknown, 7000, b"id"]]], ASKED)[:3] == [("asked", 7000)] * 2 + [None]


def test_nobody_serves_anything() -> None:
    assert owners([], ASKED) == [None] * SLOTS


@pytest.mark.parametrize(
    ("error", "address"),
    [
        ("MOVED 3999 127.0.0.1:6381", ("127.0.0.1", 6381)),
        ("ASK 3999 127.0.0.1:6381", ("127.0.0.1", 6381)),
        ("MOVED 1 node.example:7", ("node.example", 7)),
        ("MOVED 1 :7", ("asked", 7)),
        ("MOVED 1 ::1:7", ("::1", 7)),
        ("MOVED 1 2001:db8::9:6379", ("2001:db8::9", 6379)),
    ],
)
def test_a_redirect_names_an_address(error: str, address: tuple[str, int]) -> None:
    assert address_in(error, ASKED) == address
