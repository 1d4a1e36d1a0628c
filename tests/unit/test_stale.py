"""When a silent call is flagged and when it is given up, and what takes either back."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from support.builders import START, a_call, a_form, an_event, sid
from support.merging import applied, merged

from callboard.domain.calls import last_news, shown_call, silence_flagged
from callboard.domain.lattice import CallFact
from callboard.domain.stale import StaleRule, Word, percentile_95, word_on
from callboard.store.merge import watch_statement
from callboard.vendors.elevenlabs.events import parse_event, parse_initiation
from callboard.vendors.twilio.callbacks import parse_callback

RULE = StaleRule()
Document = dict[str, Any]


def later(seconds: float) -> Any:
    """Return an instant so long after the call was last heard of."""
    return START + timedelta(seconds=seconds)


def said(document: Document, seconds: float, talk_p95_s: float | None = None) -> Word | None:
    """Return what the watch says about a call so long after `START`."""
    return word_on(document, RULE.limits(talk_p95_s), later(seconds))


def fact_of(document: Document, seconds: float) -> CallFact:
    """Return the fact of what the watch says, which must be something."""
    word = said(document, seconds)
    assert word is not None
    return word.fact


def heard(status: str, second: int, sequence: int) -> CallFact:
    """Return a status callback so long after `START`."""
    at = later(second).strftime("%a, %d %b %Y %H:%M:%S +0000")
    form = a_form(CallStatus=status, SequenceNumber=str(sequence), Timestamp=at)
    return parse_callback(form, [], START)


def given_up(*facts: CallFact) -> tuple[Document, list[CallFact]]:
    """Return the call after these facts and the watch's two, and all facts."""
    call = merged(facts)
    flag = fact_of(call, 90_000)
    close = fact_of(merged([flag], call), 180_000)
    return merged([flag, close], call), [*facts, flag, close]


@pytest.mark.parametrize(
    ("status", "flag_s", "close_s"),
    [
        ("initiated", 120, 900),
        ("ringing", 120, 900),
        ("in-progress", 1_800, 14_400),
        ("queued", 86_520, 87_300),
    ],
)
def test_a_silent_call_is_flagged_and_later_given_up(
    status: str, flag_s: int, close_s: int
) -> None:
    call = a_call(status=status)
    assert said(call, flag_s - 1) is None
    flag = said(call, flag_s)
    assert flag is not None
    assert (flag.identity, flag.closes) == (sid(), False)
    assert flag.fact.most == {"watch.flagged": {"v": START, "at": later(flag_s)}}
    flagged = merged([flag.fact], call)
    assert said(flagged, close_s - 1) is None
    close = said(flagged, close_s)
    assert close is not None
    assert close.closes
    assert close.fact.most == {"watch.closed": {"v": START, "at": later(close_s), "was": status}}
    assert said(merged([close.fact], flagged), 10**6) is None


def test_a_call_is_never_given_up_at_the_look_that_flags_it() -> None:
    word = said(a_call(), 10**6)
    assert word is not None
    assert not word.closes


@pytest.mark.parametrize(
    "status", ["completed", "busy", "unconfirmed", "", "on-hold", None, 7, ["ringing"]]
)
def test_no_other_call_is_spoken_of(status: Any) -> None:
    assert said(a_call(status=status), 10**6) is None


def test_long_talks_raise_the_limits() -> None:
    call = a_call(status="in-progress")
    assert said(call, 1_800, 600.0) is not None
    assert said(call, 1_801, 601.0) is None
    assert said(call, 1_803, 601.0) is not None
    flagged = merged([fact_of(call, 20_000)], call)
    assert said(flagged, 20_000, 8_000.0) is None
    assert said(flagged, 24_000, 8_000.0) is not None


@pytest.mark.parametrize(
    "news",
    [
        {"updatedAt": later(60)},
        {"answerTime": later(60)},
        {"twilio": {"seen": {"ringing": START, "in-progress": later(60)}}},
        {"elevenlabs": {"requestedAt": later(60)}},
        {"elevenlabs": {"conversation": {"startTime": later(60)}}},
    ],
)
def test_any_instant_is_news(news: Document) -> None:
    call = a_call(**news)
    assert last_news(call) == later(60)
    assert said(call, 179) is None
    assert said(call, 180) is not None


@pytest.mark.parametrize(
    "odd", [{}, {"twilio": None}, {"twilio": {"seen": "x"}}, {"updatedAt": "2026-03-26"}]
)
def test_an_undated_call_counts_as_heard_of_when_it_is_first_looked_at(odd: Document) -> None:
    call = {"_id": ObjectId(), "status": "ringing", **odd}
    flag = said(call, 5)
    assert flag is not None
    flagged = applied(call, watch_statement(flag.identity, flag.fact))
    assert said(flagged, 904) is None
    close = said(flagged, 905)
    assert close is not None
    closed = applied(flagged, watch_statement(close.identity, close.fact))
    assert (closed["status"], closed["endTime"], closed["_id"]) == (
        "unconfirmed",
        later(5),
        call["_id"],
    )
    assert "sid" not in closed


@pytest.mark.parametrize("watch", [None, "x", {}, {"flagged": 1}, {"flagged": {"v": 3}}])
def test_what_others_wrote_in_the_watchs_place_is_no_flag(watch: Any) -> None:
    assert silence_flagged(a_call(watch=watch)) is None
    assert "stale" not in shown_call(a_call(watch=watch))
    assert said(a_call(watch=watch), 120) is not None


def test_a_flagged_call_is_shown_as_stale_until_there_is_news() -> None:
    call = merged([heard("ringing", 0, 1)])
    flagged = merged([fact_of(call, 130)], call)
    assert "stale" not in shown_call(call)
    assert shown_call(flagged)["stale"] is True
    assert "watch" not in shown_call(flagged)
    # Also if the news is older than the flag, and was only late.
    assert "stale" not in shown_call(merged([heard("in-progress", 9, 2)], flagged))
    assert "stale" not in shown_call(merged([heard("busy", 9, 2)], flagged))


def test_a_flag_that_comes_after_the_news_does_not_show() -> None:
    ringing, answered = heard("ringing", 0, 1), heard("in-progress", 9, 2)
    flag = fact_of(merged([ringing]), 130)
    assert "stale" not in shown_call(merged([ringing, answered, flag]))


def test_a_call_that_is_given_up_is_over_and_unconfirmed() -> None:
    call, _ = given_up(heard("ringing", 0, 1), heard("in-progress", 9, 2))
    assert (call["status"], call["outcome"], call["endTime"]) == (
        "unconfirmed",
        "unconfirmed",
        later(9),
    )
    assert call["watch"]["closed"]["was"] == "in-progress"
    shown = shown_call(call)
    assert (shown["status"], shown["endTime"]) == ("unconfirmed", "2026-03-26T08:15:09.000Z")
    assert "stale" not in shown
    assert not {"watch", "stale"} & shown.keys()


def ended_by_elevenlabs(**data: Any) -> CallFact:
    """Return a conversation's event, two minutes after it began."""
    fact = parse_event(an_event(at=int(later(120).timestamp()), **data)).fact
    assert fact is not None
    return fact.of_call(sid())


@pytest.mark.parametrize(
    ("news", "status", "outcome"),
    [
        (heard("completed", 56, 3), "completed", "answered_unknown"),
        (heard("busy", 0, 3), "busy", "busy"),
        (ended_by_elevenlabs(status="done"), "completed", "answered_unknown"),
        (ended_by_elevenlabs(status="failed"), "failed", "failed"),
        (heard("in-progress", 9, 2), "in-progress", None),
        (heard("ringing", 1, 1), "ringing", None),
        (heard("ringing", 0, 1), "unconfirmed", "unconfirmed"),
        (heard("initiated", 0, 0), "unconfirmed", "unconfirmed"),
        (
            parse_callback([("CallSid", sid()), ("AnsweredBy", "human")], [], START),
            "unconfirmed",
            "unconfirmed",
        ),
    ],
)
def test_an_end_wins_newer_news_reopens_and_older_changes_nothing(
    news: CallFact, status: str, outcome: str | None
) -> None:
    _, facts = given_up(heard("ringing", 0, 1))
    for order in ([*facts, news], [news, *facts], [facts[0], news, *facts[1:]]):
        end = merged(order)
        assert (end["status"], end.get("outcome")) == (status, outcome)
        if status in ("ringing", "in-progress"):
            assert "endTime" not in end


def test_a_reopened_call_may_be_given_up_again() -> None:
    call, facts = given_up(heard("ringing", 0, 1))
    answered = merged([heard("in-progress", 9, 2)], call)
    assert said(answered, 1_800) is None
    flag = fact_of(answered, 1_809)
    close = fact_of(merged([flag], answered), 14_409)
    again = merged([flag, close], answered)
    assert (again["status"], again["endTime"]) == ("unconfirmed", later(9))
    assert merged([close, flag, heard("in-progress", 9, 2), *facts[::-1]]) == again


def test_a_conversation_without_twilio_is_given_up_and_corrected() -> None:
    request = parse_initiation(b'{"call_sid": "%s"}' % sid().encode(), START)
    call, facts = given_up(request)
    assert (call["status"], call["endTime"]) == ("unconfirmed", START)
    end = merged([ended_by_elevenlabs(status="done")], call)
    assert (end["status"], end["outcome"]) == ("completed", "answered_unknown")
    assert merged([ended_by_elevenlabs(status="done"), *facts]) == end


def test_a_conversation_that_ended_is_believed_once_twilio_is_given_up() -> None:
    talk = ended_by_elevenlabs(status="done", metadata={"call_duration_secs": 9})
    call, facts = given_up(heard("ringing", 0, 1), talk)
    assert merged(facts[:2])["status"] == "ringing"
    assert (call["status"], call["outcome"]) == ("completed", "answered_unknown")


THEIRS = {"_id": sid(), "status": "ringing", "startTime": START, "note": "x", "cost": 7}


def test_other_programs_calls_are_given_up_and_keep_what_else_they_say() -> None:
    flag = fact_of(THEIRS, 200)
    flagged = merged([flag], THEIRS)
    call = merged([fact_of(flagged, 901)], flagged)
    assert (call["status"], call["outcome"], call["endTime"]) == (
        "unconfirmed",
        "unconfirmed",
        START,
    )
    assert (call["note"], call["cost"]) == ("x", 7)
    # What they write later stands, and a webhook that says more recent things reopens it.
    theirs_later = {**call, "status": "completed", "endTime": later(50), "outcome": "human"}
    amd = parse_callback([("CallSid", sid()), ("AnsweredBy", "fax")], [], START)
    kept = merged([amd], theirs_later)
    assert (kept["status"], kept["endTime"]) == ("completed", later(50))
    recording = [("CallSid", sid()), ("RecordingSid", "RE1")]
    at = ("Timestamp", "Thu, 26 Mar 2026 09:15:00 +0000")
    reopened = merged([parse_callback([*recording, at], [], START)], call)
    assert reopened["status"] == "ringing"
    assert "outcome" not in reopened
    assert "endTime" not in reopened


def test_a_closing_that_comes_late_does_not_undo_another_programs_end() -> None:
    flagged = merged([fact_of(THEIRS, 200)], THEIRS)
    close = fact_of(flagged, 901)
    ended = {**flagged, "status": "completed", "endTime": later(50), "outcome": "human"}
    call = merged([close], ended)
    assert (call["status"], call["outcome"], call["endTime"]) == ("completed", "human", later(50))


def test_too_few_talks_tell_no_tail() -> None:
    assert percentile_95([]) is None
    assert percentile_95([9.0] * 19) is None
    assert percentile_95([1.0] * 19 + [90.0]) == 1.0
    assert percentile_95([1.0] * 18 + [90.0] * 2) == 90.0
