"""Positions on the wire, and what a log does at its edges."""

import pytest
from support.builders import AT, a_delta

from callboard.domain.stream import DeltaLog, Position, Snapshot, diff
from callboard.errors import PositionLost


def test_the_epoch_travels_as_text_and_is_read_as_number_too() -> None:
    position = Position(1_774_512_900, 14)
    assert position.as_json() == {"epoch": "1774512900", "offset": 14}
    assert Position.from_json({"epoch": 1_774_512_900, "offset": 14}) == position


@pytest.mark.parametrize(
    "sent",
    [
        None,
        14,
        "1-14",
        [],
        ["1", 14],
        {},
        {"epoch": "1"},
        {"offset": 14},
        {"epoch": "", "offset": 14},
        {"epoch": "-1", "offset": 14},
        {"epoch": "1.0", "offset": 14},
        {"epoch": None, "offset": 14},
        {"epoch": "1", "offset": "14"},
        {"epoch": "1", "offset": 14.0},
        {"epoch": {"$gt": 0}, "offset": 14},
    ],
)
def test_anything_else_is_no_position(sent: object) -> None:
    assert Position.from_json(sent) is None


def test_positions_of_one_epoch_are_ordered_by_their_offset() -> None:
    assert Position(1, 9) < Position(1, 10) < Position(2, 0)


def test_a_snapshot_does_not_share_the_items_it_was_made_of() -> None:
    items = {"a": b"1"}
    snapshot = Snapshot(items, Position(1, 0), AT)
    assert snapshot.apply(a_delta(1, "b"))
    assert items == {"a": b"1"}


def test_removing_what_is_not_there_moves_the_position_all_the_same() -> None:
    snapshot = Snapshot({}, Position(1, 0), "")
    assert snapshot.apply(a_delta(1, "a", keep=False))
    assert (snapshot.items, snapshot.position, snapshot.at) == ({}, Position(1, 1), AT)


def test_a_difference_names_what_happened_to_each_item() -> None:
    old = Snapshot({"a": b"1", "b": b"1", "c": b"1"}, Position(3, 7), AT)
    deltas = diff(old, {"b": b"2", "c": b"1", "d": b"1"}, AT)
    told = [(delta.key, delta.change, delta.keep, delta.position.offset) for delta in deltas]
    assert told == [("a", "delete", False, 8), ("b", "update", True, 9), ("d", "insert", True, 10)]


def test_a_cleared_log_sends_everybody_back_for_a_snapshot() -> None:
    log = DeltaLog(10)
    log.append(a_delta(1))
    log.append(a_delta(2))
    assert [delta.position.offset for delta in log] == [1, 2]
    log.clear()
    assert log.since(Position(1, 2), Position(1, 2)) == []
    with pytest.raises(PositionLost):
        log.since(Position(1, 1), Position(1, 2))


def test_an_epoch_of_any_length_is_no_error() -> None:
    assert Position.from_json({"epoch": "9" * 5_000, "offset": 14}) is None


def test_true_is_no_offset() -> None:
    assert Position.from_json({"epoch": "1", "offset": True}) is None
