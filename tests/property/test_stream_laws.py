"""Laws of the stream: a snapshot plus the deltas after it equals the later snapshot.

`apply(s, diff(s, t)) == t`; offsets grow by one within an epoch; what lies behind is ignored and
what does not follow is a visible loss, never a silent gap; coalescing is idempotent and changes
no end state; a log answers a position with every delta since it, or says that it cannot.
"""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import AT

from callboard.domain.stream import Delta, DeltaLog, Position, Snapshot, coalesce, diff
from callboard.errors import PositionLost

Items = dict[str, bytes]
states = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([b"1", b"2", b"3"]))
histories = st.lists(states, min_size=1, max_size=8)
starts = st.builds(Position, st.integers(1, 3), st.integers(0, 1_000))


def played(first: Items, states: Iterable[Items], at: Position) -> list[Delta]:
    """Return every delta of a history of states."""
    here = Snapshot(first, at, AT)
    deltas = []
    for state in states:
        following = diff(here, state, AT)
        for delta in following:
            assert here.apply(delta)
        deltas += following
    return deltas


def end_state(first: Items, deltas: Iterable[Delta]) -> Items:
    """Apply deltas without minding their positions, as a browser does with a coalesced batch."""
    items = dict(first)
    for delta in deltas:
        if delta.keep:
            items[delta.key] = delta.value
        else:
            items.pop(delta.key, None)
    return items


@settings(max_examples=40, deadline=None)
@given(states, states, starts)
def test_applying_the_difference_gives_the_later_state(
    old: Items, new: Items, at: Position
) -> None:
    snapshot = Snapshot(old, at, "")
    deltas = diff(snapshot, new, AT)
    assert [delta.position.offset for delta in deltas] == [
        at.offset + step for step in range(1, len(deltas) + 1)
    ]
    assert all(snapshot.apply(delta) for delta in deltas)
    assert snapshot.items == new
    assert snapshot.position.offset == at.offset + len(deltas)
    assert snapshot.at == (AT if deltas else "")
    assert diff(snapshot, new, AT) == []


@settings(max_examples=32, deadline=None)
@given(states, histories, starts, st.data())
def test_a_reader_that_joins_anywhere_and_hears_things_twice_ends_equal(
    first: Items, later: list[Items], at: Position, data: st.DataObject
) -> None:
    deltas = played(first, later, at)
    joined = data.draw(st.integers(0, len(deltas)))
    heard_from = data.draw(st.integers(0, joined))
    reader = Snapshot(
        end_state(first, deltas[:joined]), Position(at.epoch, at.offset + joined), AT
    )
    moved = [reader.apply(delta) for delta in deltas[heard_from:]]
    assert moved == [False] * (joined - heard_from) + [True] * (len(deltas) - joined)
    assert not any(reader.apply(delta) for delta in deltas)
    assert reader.items == later[-1]


@settings(max_examples=32, deadline=None)
@given(states, histories, starts, st.data())
def test_a_gap_or_another_epoch_is_never_silent(
    first: Items, later: list[Items], at: Position, data: st.DataObject
) -> None:
    deltas = played(first, later, at)
    reader = Snapshot(first, at, "")
    for delta in deltas[1:]:
        with pytest.raises(PositionLost):
            reader.apply(delta)
    for epoch in (at.epoch - 1, at.epoch + 1):
        strange = Position(epoch, data.draw(st.integers(0, 1_010)))
        with pytest.raises(PositionLost):
            reader.apply(Delta(strange, "a", "update", b"9", keep=True, at=AT))
    assert (reader.items, reader.position, reader.at) == (first, at, "")


@settings(max_examples=40, deadline=None)
@given(states, histories, starts)
def test_coalescing_changes_no_end_state_and_does_so_once(
    first: Items, later: list[Items], at: Position
) -> None:
    deltas = played(first, later, at)
    fewer = coalesce(deltas)
    assert end_state(first, fewer) == later[-1]
    assert coalesce(fewer) == fewer
    assert len({delta.key for delta in fewer}) == len(fewer) <= len(deltas)
    assert [d.position for d in fewer] == sorted(d.position for d in fewer)
    if deltas:
        assert fewer[-1] == deltas[-1]


@settings(max_examples=24, deadline=None)
@given(states, histories, starts, st.integers(0, 30))
def test_coalescing_in_two_goes_is_coalescing_at_once(
    first: Items, later: list[Items], at: Position, cut: int
) -> None:
    deltas = played(first, later, at)
    assert coalesce([*coalesce(deltas[:cut]), *coalesce(deltas[cut:])]) == coalesce(deltas)


@settings(max_examples=32, deadline=None)
@given(states, histories, starts, st.integers(1, 12))
def test_a_log_answers_with_everything_or_says_that_it_cannot(
    first: Items, later: list[Items], at: Position, length_max: int
) -> None:
    deltas = played(first, later, at)
    log = DeltaLog(length_max)
    for delta in deltas:
        log.append(delta)
    current = Position(at.epoch, at.offset + len(deltas))
    for behind in range(len(deltas) + 2):
        wanted = Position(at.epoch, current.offset - behind)
        if behind <= min(length_max, len(deltas)):
            assert log.since(wanted, current) == deltas[len(deltas) - behind :]
        else:
            with pytest.raises(PositionLost):
                log.since(wanted, current)
    for strange in (
        Position(at.epoch + 1, current.offset),
        Position(at.epoch, current.offset + 1),
    ):
        with pytest.raises(PositionLost):
            log.since(strange, current)


@settings(max_examples=24, deadline=None)
@given(st.builds(Position, st.integers(0, 2**62), st.integers(0, 2**53)))
def test_a_position_survives_the_wire(position: Position) -> None:
    assert Position.from_json(position.as_json()) == position


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=4,
)


@settings(max_examples=32, deadline=None)
@given(junk, junk, junk)
def test_whatever_a_client_sends_for_a_position_is_one_or_none(
    whole: object, epoch: object, offset: object
) -> None:
    assert Position.from_json(whole) is None or isinstance(whole, dict)
    found = Position.from_json({"epoch": epoch, "offset": offset})
    assert found is None or isinstance(found, Position)
