"""What is remembered from look to look."""

from datetime import timedelta

import pytest
from support.alerting import NOON

from callboard.alerts.memory import Memory
from callboard.alerts.readings import Readings

MINUTE = timedelta(minutes=1)


def remembering(*minutes: float, keep_s: float = 600.0) -> Memory:
    """Return a memory of one event at each of some minutes after noon."""
    memory = Memory()
    for minute in minutes:
        memory.take(Readings(NOON + minute * MINUTE, {"calls_ended": {"": 1.0}}), keep_s)
    return memory


@pytest.mark.parametrize(
    ("at", "window_s", "total"),
    [
        (10, 600, 6),
        (10, 599, 4),
        (10, 60, 4),
        (10, 59, 3),
        (11, 600, 4),
        (20, 600, 3),
        (21, 600, 0),
    ],
)
def test_a_window_is_whole_minutes(at: int, window_s: float, total: float) -> None:
    memory = remembering(0.0, 0.5, 9.2, 10.0, 10.5, 10.9)
    assert memory.total("calls_ended", "", NOON + at * MINUTE, window_s) == total


def test_sums_are_by_minute_and_old_ones_go() -> None:
    memory = remembering(0.0, 0.5, 1.0, 2.0, 2.5, 3.0, keep_s=60.0)
    (row,) = memory.as_document()["slots"]
    minutes = [minute - int(NOON.timestamp()) // 60 for minute, _ in row[2]]
    assert (minutes, [value for _, value in row[2]]) == ([2, 3], [2.0, 1.0])


def test_nothing_and_the_unknown_leave_no_trace() -> None:
    memory = Memory()
    look = Readings(NOON, {"calls_ended": {"": 0.0, "x": None}, "lag_s": {"": 5.0}})
    memory.take(look, 600.0)
    assert memory.as_document() == Memory().as_document()


def test_still_since_it_last_changed() -> None:
    memory = Memory()
    assert memory.still_s("a", 1.0, NOON) == 0.0
    assert memory.still_s("a", 1.0, NOON + MINUTE) == 60.0
    assert memory.still_s("a", 2.0, NOON + 2 * MINUTE) == 0.0
    assert memory.still_s("a", 2.0, NOON + 5 * MINUTE) == 180.0
    memory.restart("a")
    assert memory.still_s("a", 2.0, NOON + 6 * MINUTE) == 0.0


def test_what_has_gone_is_forgotten_unless_it_is_only_not_known() -> None:
    memory = Memory()
    for key in ("x|a", "x|b", "x|c", "y|a"):
        memory.still_s(key, 1.0, NOON)
    later = memory.copy()
    later.still_s("x|a", 1.0, NOON + MINUTE)
    later.keep("x|b")
    later.forget_untouched("x|")
    assert [key for key, _, _ in later.as_document()["still"]] == ["x|a", "x|b", "y|a"]
    assert len(memory.as_document()["still"]) == 4  # a copy is by itself


def test_a_blink_forgets_since_when_and_no_sums() -> None:
    memory = remembering(0.0)
    memory.still_s("a", 1.0, NOON)
    memory.unseen["a|"] = NOON
    memory.blink()
    assert memory.as_document()["still"] == memory.as_document()["unseen"] == []
    assert memory.total("calls_ended", "", NOON, 60.0) == 1.0


def test_it_comes_back_as_it_was_stored() -> None:
    memory = remembering(0.0, 3.0)
    memory.still_s("a", 1.5, NOON)
    memory.unseen["a|"] = NOON
    assert Memory.of(memory.as_document()).as_document() == memory.as_document()
