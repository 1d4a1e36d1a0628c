"""Causes of failed calls, as people read them."""

from support.builders import AT, START

from callboard.domain.failures import WINDOWS, Ended, shown_failures


def ended(status: str, code: int | None, *counts: int, last: str = "CA1") -> Ended:
    """Return alike endings, by window."""
    return Ended(status, code, counts, last, START)


def test_windows_grow() -> None:
    lengths = list(WINDOWS.values())
    assert lengths == sorted(lengths)
    assert [*WINDOWS] == ["1m", "5m", "15m", "1h", "6h", "24h"]


def test_a_cause_is_the_sip_code_or_else_the_status() -> None:
    shown = shown_failures(
        [ended("busy", 486, 0, 0, 1, 1, 1, 2), ended("failed", None, 1, 1, 1, 1, 1, 1)], START
    )
    assert shown["now"] == AT
    assert shown["causes"] == [
        {
            "cause": "sip:486",
            "status": "busy",
            "sipCode": 486,
            "counts": [0, 0, 1, 1, 1, 2],
            "lastSid": "CA1",
            "lastAt": AT,
        },
        {
            "cause": "failed",
            "status": "failed",
            "sipCode": None,
            "counts": [1, 1, 1, 1, 1, 1],
            "lastSid": "CA1",
            "lastAt": AT,
        },
    ]


def test_the_most_frequent_of_a_day_come_first_and_all_that_ended_is_counted() -> None:
    shown = shown_failures(
        [
            ended("completed", None, 1, 2, 3, 4, 5, 60),
            ended("no-answer", 487, 0, 0, 0, 0, 0, 3),
            ended("canceled", 487, 0, 0, 0, 0, 0, 3),
            ended("failed", 503, 2, 2, 2, 2, 2, 2),
            ended("busy", None, 0, 0, 0, 0, 0, 9),
        ],
        START,
    )
    assert [(cause["cause"], cause["status"]) for cause in shown["causes"]] == [
        ("busy", "busy"),
        ("sip:487", "canceled"),
        ("sip:487", "no-answer"),
        ("sip:503", "failed"),
    ]
    assert shown["ended"] == [3, 4, 5, 6, 7, 77]


def test_where_nothing_ended_every_window_has_none() -> None:
    assert shown_failures([], START) == {
        "windows": [*WINDOWS],
        "now": AT,
        "ended": [0] * 6,
        "causes": [],
    }
