"""What is owed while Redis is away, and what is served then."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.cache import JSON, TEXT, Answer, Keyspace, Source
from callboard.cache.outage import Debt, Owed
from callboard.cache.refuge import Refuge

SPACE = Keyspace(name="s", codec=TEXT, ttl_s=60, degraded_ttl_s=1, stale_if_error_s=10)
LISTS = Keyspace(name="l", codec=JSON, ttl_s=60)


# -- debts ----------------------------------------------------------------------------------


def test_the_latest_commit_time_stands_for_those_before() -> None:
    debt = Debt().and_also(5).and_also(3)
    assert list(debt.instants()) == [5]
    assert list(debt.and_also(9).instants()) == [9]


def test_an_invalidation_without_a_time_is_told_beside_one_with_it() -> None:
    assert list(Debt().and_also(None).and_also(None).instants()) == [None]
    assert list(Debt().and_also(5).and_also(None).instants()) == [None, 5]
    assert list(Debt().instants()) == []


def test_a_debt_that_has_grown_is_not_settled_by_the_old_payment() -> None:
    owed = Owed()
    owed.add("s", b"k", 5)
    paid = owed.of("s")[b"k"]
    owed.add("s", b"k", 6)
    owed.settle("s", b"k", paid)
    assert owed.floor(b"k") == 6
    owed.settle("s", b"k", owed.of("s")[b"k"])
    assert len(owed) == 0
    assert owed.servers() == []
    owed.settle("s", b"k", paid)  # twice does no harm


def test_each_server_is_owed_its_own() -> None:
    owed = Owed()
    owed.add("a", b"k", 5)
    owed.add("b", b"k", 7)
    owed.add("b", b"other", None, is_tag=True)
    assert owed.servers() == ["a", "b"]
    assert owed.floor(b"k") == 7
    assert owed.floor(b"other") == owed.floor(b"none") == 0
    assert owed.concerns(b"other")
    assert not owed.concerns(b"none")
    assert owed.of("b")[b"other"].is_tag
    assert len(owed) == 3


def test_beyond_the_bound_keys_are_given_up_for_one_floor_over_all() -> None:
    owed = Owed(3)
    owed.add("s", b"tag", 1, is_tag=True)
    owed.add("s", b"1", 9)
    owed.add("s", b"2", None)
    assert owed.everything_of("s") is None
    owed.add("s", b"3", 4)
    assert owed.of("s") == {b"tag": Debt(1, is_tag=True)}, "no walk finds a tag: it stays"
    assert owed.everything_of("s") == Debt(9, purge=True)
    assert owed.concerns(b"whatever")
    assert owed.floor(b"whatever") == 9
    owed.add("s", b"4", 12)
    assert owed.of("s")[b"4"] == Debt(12)
    whole = owed.everything_of("s")
    assert whole is not None
    owed.settle_everything("s", Debt(1))
    assert owed.everything_of("s") == whole, "it has grown since"
    owed.settle_everything("s", whole)
    assert not owed.concerns(b"whatever")


def test_a_key_that_is_owed_already_needs_no_more_room() -> None:
    owed = Owed(1)
    owed.add("s", b"1", 1)
    owed.add("s", b"1", 2)
    assert owed.everything_of("s") is None
    assert owed.floor(b"1") == 2


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([b"1", b"2", b"3", b"4"]), st.none() | st.integers(1, 9)),
        max_size=20,
    ),
    st.integers(1, 3),
)
def test_whatever_overflows_every_key_is_told_at_least_what_it_was_owed(
    added: list[tuple[bytes, int | None]], limit: int
) -> None:
    owed = Owed(limit)
    for raw, at in added:
        owed.add("s", raw, at)
    assert len(owed) <= limit + 1
    for raw, at in added:
        told = [owed.of("s").get(raw, Debt()), owed.everything_of("s") or Debt()]
        if at is None:
            assert any(debt.purge for debt in told)
        else:
            assert max(debt.at or 0 for debt in told) >= at
            assert owed.floor(raw) >= at
        assert owed.concerns(raw)


# -- refuge ---------------------------------------------------------------------------------


class Time:
    """A time that is set."""

    now_s = 0.0

    def __call__(self) -> float:
        """Return it."""
        return self.now_s


def answer(value: Any = "x", as_of: int = 5, *, stale: bool = False) -> Answer[Any]:
    """Return an answer of the loader."""
    return Answer(value, as_of, stale, Source.DEGRADED)


def test_an_answer_is_kept_for_a_moment_and_remembered_longer() -> None:
    time = Time()
    refuge, key = Refuge(time), SPACE.key("1")
    assert refuge.get(key, 0) is refuge.remembered(key) is None
    refuge.put(key, answer())
    time.now_s = 0.9
    assert refuge.get(key, 0) == answer()
    time.now_s = 1.0
    assert refuge.get(key, 0) is None
    assert refuge.remembered(key) == answer(stale=True)
    time.now_s = 10.1
    assert refuge.remembered(key) is None


def test_who_needs_more_gets_only_what_says_that_it_is_stale() -> None:
    refuge, key = Refuge(Time()), SPACE.key("1")
    refuge.put(key, answer(as_of=5))
    assert refuge.get(key, 5) is not None
    assert refuge.get(key, 6) is None
    refuge.put(key, answer(as_of=5, stale=True))
    assert refuge.get(key, 6) == answer(stale=True)


def test_nobody_can_change_what_is_kept() -> None:
    refuge, key = Refuge(Time()), LISTS.key("1")
    mine = [1]
    refuge.put(key, answer(mine))
    mine.append(2)
    for _ in range(2):
        kept = refuge.get(key, 0)
        assert kept is not None
        assert kept.value == [1]
        kept.value.append(3)


def test_nothing_is_an_answer_too() -> None:
    refuge, key = Refuge(Time()), SPACE.key("1")
    refuge.put(key, answer(None))
    assert refuge.get(key, 0) == answer(None)


@pytest.mark.parametrize("clear", [True, False])
def test_what_is_dropped_is_gone_and_its_room_free(clear: bool) -> None:
    refuge, key = Refuge(Time()), SPACE.key("1")
    refuge.put(key, answer())
    if clear:
        refuge.clear()
    else:
        refuge.drop(key.raw)
        refuge.drop(key.raw)
    assert refuge.get(key, 0) is None
    assert refuge._bytes == 0


def test_the_oldest_goes_when_room_is_short() -> None:
    refuge = Refuge(Time(), bytes_max=1_300)
    for id_ in "123":
        refuge.put(SPACE.key(id_), answer())
    assert [refuge.get(SPACE.key(id_), 0) is not None for id_ in "123"] == [False, True, True]
    refuge.put(SPACE.key("4"), answer("x" * 2_000))
    assert refuge._kept == {}
    assert refuge._bytes == 0
