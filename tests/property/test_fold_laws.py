"""Law of the fold: incremental retract-and-add equals a refold from nothing, after any history.

Calls are inserted, changed, replaced by other programs' garbage and deleted in any order; the
differences of their contributions, added one by one or batch by batch, always leave what folding
the calls that are left would give. Nothing from outside ever becomes part of a counter's path.
"""

import re
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import sid
from support.figures import pick

from callboard.domain.buckets import Bucket, day_of
from callboard.domain.calls import STATUS_RANK
from callboard.domain.contributions import (
    Contribution,
    add,
    contribution,
    difference,
    expanded,
    movement,
)
from callboard.domain.counting import OUTCOMES
from callboard.domain.figures import empty_document, moved
from callboard.domain.metrics import campaign_status, summary, total_of

ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Madrid", "Asia/Kolkata", "America/Santiago")]
MADRID_SPRING = datetime(2026, 3, 28, 20, tzinfo=UTC)

odd = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.sampled_from(["", ".", "a.b", "$inc", "x", "sNaN", "Infinity", "-1e400"])
    | st.text(max_size=3)
    | st.lists(st.integers(0, 9), max_size=2)
    | st.dictionaries(st.sampled_from(["v", "price"]), st.integers(0, 9), max_size=1)
)
instants = st.builds(
    lambda minutes: MADRID_SPRING + timedelta(minutes=minutes), st.integers(0, 60 * 50)
)
starts = (
    instants | instants.map(datetime.isoformat) | instants.map(lambda at: at.replace(tzinfo=None))
)
calls = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from([*STATUS_RANK]) | odd,
        "direction": st.sampled_from(["inbound", "outbound"]) | odd,
        "campaignId": st.sampled_from(["spring", "a.b", "$c"]) | odd,
        "startTime": starts | odd,
        "duration": st.integers(0, 5_000) | st.floats(0, 5_000) | odd,
        "endTime": starts | odd,
        "outcome": st.sampled_from(OUTCOMES) | odd,
        "success": odd,
        "twilio": st.fixed_dictionaries(
            {},
            optional={
                "parentCallSid": st.just("CA9") | odd,
                "sipResponseCode": st.sampled_from([404, 487]) | odd,
                "price": st.sampled_from(["-0.014", -0.02]) | odd,
                "priceUnit": st.sampled_from(["USD", "EUR"]) | odd,
            },
        )
        | odd,
        "elevenlabs": st.fixed_dictionaries(
            {
                "conversation": st.fixed_dictionaries(
                    {"cost": st.floats(0, 90) | odd, "costUsd": st.floats() | odd}
                )
                | odd
            }
        )
        | odd,
    },
)
histories = st.lists(st.tuples(st.integers(0, 4), st.none() | calls), max_size=25)
zones = st.sampled_from(ZONES)
Document = dict[str, Any]


def refolded(documents: list[Document], zone: ZoneInfo) -> Contribution:
    """Fold calls from nothing."""
    total: Contribution = {}
    for document in documents:
        add(total, contribution(document, zone))
    return total


def documented(found: list[Document], zone: ZoneInfo) -> dict[Bucket, Document]:
    """Return the documents of these calls."""
    documents: dict[Bucket, Document] = {}
    for call in found:
        for bucket, steps in contribution(call, zone).items():
            moved(documents.setdefault(bucket, empty_document(bucket, zone)), steps)
    return documents


def nonzero(total: Contribution) -> Contribution:
    """Leave out what cancelled out."""
    kept = {
        bucket: {path: step for path, step in steps.items() if step}
        for bucket, steps in total.items()
    }
    return {bucket: steps for bucket, steps in kept.items() if steps}


@settings(max_examples=48, deadline=None)
@given(histories, zones, st.integers(1, 5))
def test_adding_differences_equals_folding_what_is_left(
    history: list[tuple[int, Document | None]], zone: ZoneInfo, batch_length: int
) -> None:
    stored: dict[int, Document] = {}
    total: Contribution = {}
    for start in range(0, len(history), batch_length):
        batch: Contribution = {}
        for number, after in history[start : start + batch_length]:
            before = stored.pop(number, None)
            if after is not None:
                stored[number] = {"_id": sid(number), **after}
            after_it = contribution(stored.get(number), zone)
            add(batch, difference(contribution(before, zone), after_it))
        add(total, batch)
    assert nonzero(total) == nonzero(refolded(list(stored.values()), zone))


@settings(max_examples=64, deadline=None)
@given(st.none() | calls, st.none() | calls, zones)
def test_a_movement_spread_out_is_the_difference_of_contributions(
    before: Document | None, after: Document | None, zone: ZoneInfo
) -> None:
    there = difference(contribution(before, zone), contribution(after, zone))
    assert nonzero(expanded(movement(before, after, zone))) == there


@settings(max_examples=32, deadline=None)
@given(calls, zones)
def test_a_leg_counts_nowhere_whatever_else_it_holds(call: Document, zone: ZoneInfo) -> None:
    leg = {**call, "twilio": {"parentCallSid": sid(9)}}
    assert contribution(leg, zone) == {}
    alone = contribution({**call, "twilio": None}, zone)
    back = difference(alone, contribution(leg, zone))
    add(back, alone)
    assert nonzero(back) == {}


@settings(max_examples=32, deadline=None)
@given(st.lists(calls, max_size=12), zones)
def test_increments_do_what_the_sums_say(found: list[Document], zone: ZoneInfo) -> None:
    documents = documented(found, zone)
    for bucket, sums in refolded(found, zone).items():
        for path, expected in sums.items():
            if expected:
                assert pick(documents[bucket], path) == expected
        if bucket.figures != bucket:
            continue
        volume = documents[bucket]["callVolume"]
        for parts in (volume["byHour"], volume["byStatus"].values()):
            assert sum(parts) == volume["total"]
        assert sum(volume["byDirection"].values()) == volume["total"]
        contact = documents[bucket]["contact"]
        assert sum(volume["attemptsByHour"]) == contact["attempts"]
        assert sum(volume["humanByHour"]) == contact["human"]


@settings(max_examples=32, deadline=None)
@given(st.lists(calls, max_size=10), zones)
def test_a_days_campaigns_never_exceed_the_day(found: list[Document], zone: ZoneInfo) -> None:
    total = refolded(found, zone)
    for bucket, sums in total.items():
        if bucket.day is not None and bucket.figures == bucket:
            assert sums["callVolume.total"] <= total[Bucket(bucket.day, None)]["callVolume.total"]


@settings(max_examples=48, deadline=None)
@given(calls, zones)
def test_no_word_from_outside_becomes_part_of_a_path(call: Document, zone: ZoneInfo) -> None:
    path = re.compile(
        r"callVolume\.(total|(by|attemptsBy|humanBy)Hour\.(1?\d|2[0-3]))"
        r"|callVolume\.(byStatus\.[a-z-]+|byDirection\.[a-z]+)"
        r"|duration\.(total|count|buckets\.[0-9+-]+)|outcomes\.[a-z_]+"
        r"|contact\.(attempts|answered|human|voicemail)|failures\.(total|bySipCode\.[a-z0-9]+)"
        r"|evaluation\.(success|failure|unknown)|net\.\d+|seconds\.\d+|base"
        r"|cost\.(twilio\.[A-Z]{3}|elevenlabs\.(credits|USD))"
    )
    for steps in contribution(call, zone).values():
        for name, step in steps.items():
            assert path.fullmatch(name)
            status = name.partition("byStatus.")[2]
            assert not status or status in {*STATUS_RANK, "unknown"}
            assert isinstance(step, int)


@settings(max_examples=24, deadline=None)
@given(calls, calls, calls, zones)
def test_adding_is_commutative_and_a_difference_undoes_itself(
    first: Document, second: Document, third: Document, zone: ZoneInfo
) -> None:
    parts = [contribution(call, zone) for call in (first, second, third)]
    forwards: Contribution = {}
    backwards: Contribution = {}
    for part in parts:
        add(forwards, part)
    for part in reversed(parts):
        add(backwards, deepcopy(part))
    assert forwards == backwards
    there = difference(parts[0], parts[1])
    add(there, difference(parts[1], parts[0]))
    assert nonzero(there) == {}
    assert difference(parts[0], parts[0]) == {}


@settings(max_examples=24, deadline=None)
@given(instants, zones)
def test_a_call_belongs_to_the_local_day_and_hour_it_began_in(
    at: datetime, zone: ZoneInfo
) -> None:
    local = at.astimezone(zone)
    counted = contribution({"startTime": at, "status": "queued"}, zone)
    (bucket,) = counted
    assert bucket.day == local.date().isoformat() == day_of(at, zone)
    assert counted[bucket][f"callVolume.byHour.{local.hour}"] == 1
    begins = bucket.starts_at(zone)
    assert begins is not None
    assert begins <= at
    assert day_of(begins, zone) == bucket.day
    assert day_of(begins - timedelta(seconds=1), zone) < bucket.day


@settings(max_examples=24, deadline=None)
@given(st.lists(calls, max_size=10))
def test_figures_of_any_history_stay_within_reason(found: list[Document]) -> None:
    documents = documented(found, ZONES[0])
    days = [d for b, d in documents.items() if b.campaign_id is None and b.figures == b]
    shown = summary(total_of(days), 0)
    assert shown["completedCalls"] + shown["failedCalls"] <= shown["totalCalls"]
    rates = [shown["successRate"], campaign_status("c", total_of(days), None)["successRate"]]
    assert all(rate is None or 0 <= rate <= 100 for rate in rates)
