"""The earlier calls a demo begins with: over, plausible, the same for the same seed."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from callboard.domain.calls import TERMINAL_STATUSES, shown_call
from callboard.simulator.history import History, past_calls

NOW = datetime(2026, 11, 24, 9, 40, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Madrid")
HISTORY = History(seed=3, days=7, calls_a_day=200, campaigns=3, contacts_per_campaign=900)


def test_every_call_is_over_and_whole() -> None:
    calls = list(past_calls(HISTORY, NOW, ZONE))
    assert len({call["_id"] for call in calls}) == len(calls)
    for call in calls:
        assert call["status"] in TERMINAL_STATUSES
        assert NOW - timedelta(days=8) < call["startTime"] <= call["endTime"] < NOW
        assert (call["duration"] > 0) == (call["answerTime"] is not None)
        assert shown_call(call)["sid"] == call["_id"]
    outcomes = Counter(call["outcome"] for call in calls)
    assert set(outcomes) >= {"human", "voicemail", "no_answer", "busy", "failed"}


def test_weekends_are_quiet_and_nobody_is_called_at_night() -> None:
    began = [call["startTime"].astimezone(ZONE) for call in past_calls(HISTORY, NOW, ZONE)]
    by_day = Counter(at.date().isoformat() for at in began)
    assert by_day["2026-11-21"] == by_day["2026-11-22"] == 60  # Saturday and Sunday
    assert by_day["2026-11-23"] == 200
    assert 0 < by_day["2026-11-24"] < 200  # the hours until now
    assert all(8 <= at.hour < 20 for at in began)


def test_the_same_seed_tells_the_same_story() -> None:
    assert list(past_calls(HISTORY, NOW, ZONE)) == list(past_calls(HISTORY, NOW, ZONE))
