"""The first tier: who stays when room is short, what tags reach, and what distrust leaves."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.cache import TEXT, Answer, Keyspace, Outcome, Record, Source
from callboard.cache.entry import Seen
from callboard.cache.memory import Memory, Node

OVERHEAD = 500
ROOM = 3 * (OVERHEAD + 100)
"""For three entries of the size used here, and not for a fourth."""
A = Keyspace(name="a", codec=TEXT, ttl_s=60, l1_bytes=ROOM)
B = Keyspace(name="b", codec=TEXT, ttl_s=60, l1_bytes=ROOM)
HIT = Record(Outcome.HIT_L1, "a")


def node(id_: str, space: Keyspace[str] = A, size: int = 50, *tags: str, **more: Any) -> Node:
    """Return an entry."""
    figures: dict[str, Any] = {
        "raw": space.key(id_).raw,
        "space": space,
        "answer": Answer("x", 1, False, Source.L1),
        "payload": None,
        "as_of": 1,
        "soft_s": 50.0,
        "hard_s": 60.0,
        "loaded_s": 0.0,
        "tags": dict.fromkeys(tags, Seen(1, 0, 0)),
        "hit": HIT,
        "size": size,
    }
    return Node(**figures | more)


def raw(id_: str, space: Keyspace[str] = A) -> bytes:
    """Return a key."""
    return space.key(id_).raw


def memory() -> tuple[Memory, list[str]]:
    """Return an empty memory, and what it says of evictions."""
    evicted: list[str] = []
    return Memory(evicted.append), evicted


def held(memory: Memory) -> set[str]:
    """Return the ids that may be hits."""
    keys = memory.keys()
    return {key.rpartition(b":")[2].decode() for key in keys}


def test_an_entry_is_there_until_its_hard_ttl() -> None:
    kept, _ = memory()
    kept.put(node("1"))
    assert kept.get(raw("1"), 59.9) is not None
    assert kept.get(raw("1"), 60.0) is None
    assert kept.get(raw("2"), 0.0) is None


def test_the_oldest_that_was_not_used_goes_first() -> None:
    kept, evicted = memory()
    for id_ in "123":
        kept.put(node(id_))
    assert kept.get(raw("1"), 0.0) is not None
    kept.put(node("4"))
    assert held(kept) == {"1", "3", "4"}
    kept.put(node("5"))
    assert held(kept) == {"1", "4", "5"}, "a second chance is one chance"
    kept.put(node("6"))
    assert held(kept) == {"4", "5", "6"} or held(kept) == {"1", "5", "6"}
    assert evicted == ["a"] * 3


def test_if_all_were_used_somebody_goes_all_the_same() -> None:
    kept, _ = memory()
    for id_ in "123":
        kept.put(node(id_))
        assert kept.get(raw(id_), 0.0) is not None
    kept.put(node("4"))
    assert len(held(kept)) == 3
    assert kept.bytes <= ROOM


def test_what_is_larger_than_the_room_is_not_kept_and_replaces_what_was() -> None:
    kept, evicted = memory()
    kept.put(node("1"))
    kept.put(node("1", A, ROOM))
    assert held(kept) == set()
    assert kept.bytes == 0
    assert evicted == []


def test_each_keyspace_has_room_of_its_own() -> None:
    kept, evicted = memory()
    for id_ in "123":
        kept.put(node(id_, A))
        kept.put(node(id_, B))
    assert len(list(kept.keys())) == 6
    kept.put(node("4", B))
    assert evicted == ["b"]
    assert held(kept) >= {"1", "2", "3"}


def test_an_entry_that_is_put_again_is_counted_once() -> None:
    kept, _ = memory()
    for _ in range(5):
        kept.put(node("1"))
    assert kept.bytes == node("1").size


def test_a_tag_reaches_its_entries_and_no_others() -> None:
    kept, _ = memory()
    kept.put(node("1", A, 1, "x"))
    kept.put(node("2", A, 1, "x", "y"))
    kept.put(node("3", A, 1, "y"))
    kept.drop_tag("x")
    assert held(kept) == {"3"}
    kept.drop_tag("x")
    kept.drop_tag("unknown")
    kept.drop_tag("y")
    assert kept._tagged == {}
    assert kept.bytes == 0


def test_distrust_ends_every_hit_and_leaves_what_may_be_remembered() -> None:
    kept, _ = memory()
    kept.put(node("1"))
    kept.distrust()
    assert kept.get(raw("1"), 0.0) is None
    assert held(kept) == set()
    remembered = kept.remembered(raw("1"))
    assert remembered is not None
    assert remembered.answer.value == "x"
    kept.put(node("1"))
    assert kept.get(raw("1"), 0.0) is not None
    kept.drop(raw("1"))
    kept.drop(raw("1"))
    assert kept.remembered(raw("1")) is None


def test_what_is_distrusted_goes_even_if_it_was_used() -> None:
    kept, _ = memory()
    kept.put(node("1"))
    assert kept.get(raw("1"), 0.0) is not None
    kept.distrust()
    for id_ in "234":
        kept.put(node(id_))
    assert kept.remembered(raw("1")) is None
    assert held(kept) == {"2", "3", "4"}


moves = st.lists(
    st.tuples(
        st.sampled_from(["put", "get", "drop", "distrust", "tag"]),
        st.sampled_from("12345678"),
        st.integers(0, ROOM),
        st.sampled_from([A, B]),
    ),
    max_size=40,
)


@settings(max_examples=50, deadline=None)
@given(moves)
def test_the_room_is_never_exceeded_and_always_counted(
    moves: list[tuple[str, str, int, Keyspace[str]]],
) -> None:
    kept, _ = memory()
    for move, id_, size, space in moves:
        if move == "put":
            kept.put(node(id_, space, size, id_))
        elif move == "get":
            kept.get(raw(id_, space), 0.0)
        elif move == "drop":
            kept.drop(raw(id_, space))
        elif move == "tag":
            kept.drop_tag(id_)
        else:
            kept.distrust()
        for room in kept._rooms.values():
            assert room.bytes == sum(node.size for node in room.queue.values()) <= ROOM
        assert {n.raw for r in kept._rooms.values() for n in r.queue.values()} == set(kept.nodes)
        tagged = {key for keys in kept._tagged.values() for key in keys}
        assert tagged == {n.raw for n in kept.nodes.values() if n.tags}
