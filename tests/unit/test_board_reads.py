"""What the API reads: the replicas while somebody vouches for them, MongoDB otherwise."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from support.builders import AT, a_call, sid
from support.reads_desk import ReadsDesk

from callboard.delivery.board import TICK_S
from callboard.delivery.conditional import Answer
from callboard.domain.buckets import Bucket
from callboard.domain.calls import shown_call
from callboard.domain.figures import empty_counters
from callboard.domain.metrics import campaign_status
from callboard.errors import CampaignNotFound

Document = dict[str, Any]
TODAY = Bucket("2026-03-26", None)


def counted(completed: int) -> Document:
    """Return counters with so many completed calls."""
    document = empty_counters()
    document["callVolume"]["total"] = document["callVolume"]["byStatus"]["completed"] = completed
    return document


def sids(answer: Answer) -> list[str]:
    """Return the SIDs of an answer's live calls in their order."""
    body = orjson.loads(answer.body)
    assert body["active_calls_count"] == len(body["active_calls"])
    return [call["sid"] for call in body["active_calls"]]


async def test_live_calls_come_from_the_replica_at_its_position() -> None:
    desk = ReadsDesk()
    desk.live(a_call())
    answer = await desk.reads.active(None)
    body = orjson.loads(answer.body)
    assert (answer.cache, answer.tag, desk.truth.asked) == ("HIT", '"1-7-1"', [])
    assert body["position"] == {"epoch": "7", "offset": 1}
    assert body["last_updated"] == AT


async def test_live_calls_come_from_mongodb_when_nobody_vouches() -> None:
    desk = ReadsDesk()
    desk.truth.calls = [a_call(1), a_call(2, campaignId="autumn")]
    answer = await desk.reads.active(None)
    assert (answer.cache, sids(answer)) == ("BYPASS", [sid(2), sid(1)])
    assert orjson.loads(answer.body)["position"] is None
    assert sids(await desk.reads.active("autumn")) == [sid(2)]


async def test_both_ways_show_the_same_calls_in_the_same_order() -> None:
    calls = [a_call(3), a_call(1, startTime="2026-03-26T09:00:00.000Z"), a_call(2, startTime=None)]
    warm, cold = ReadsDesk(), ReadsDesk()
    warm.live(*calls)
    cold.truth.calls = calls
    for campaign in (None, "spring", "nobody's"):
        hit, bypass = await warm.reads.active(campaign), await cold.reads.active(campaign)
        assert sids(hit) == sids(bypass)
    assert sids(await warm.reads.active(None)) == [sid(1), sid(3), sid(2)]


async def test_a_body_is_rendered_once_per_position() -> None:
    desk = ReadsDesk()
    desk.live(a_call())
    first = await desk.reads.active("spring")
    assert await desk.reads.active("spring") is first
    desk.live(a_call(), a_call(2), offset=2)
    desk.clock.advance(timedelta(seconds=TICK_S))
    second = await desk.reads.active("spring")
    assert (sids(first), sids(second)) == ([sid(1)], [sid(2), sid(1)])
    assert first.tag != second.tag


async def test_a_view_that_moves_all_the_time_is_rendered_once_a_tick() -> None:
    desk = ReadsDesk()
    desk.live(a_call())
    first = await desk.reads.active(None)
    desk.live(a_call(), a_call(2), offset=2)
    assert await desk.reads.active(None) is first
    desk.clock.advance(timedelta(seconds=TICK_S))
    assert sids(await desk.reads.active(None)) == [sid(2), sid(1)]


async def test_who_asks_for_the_newest_has_it_and_nobody_is_shown_less_later() -> None:
    desk = ReadsDesk()
    desk.live(a_call())
    for campaign in (None, "spring"):
        await desk.reads.active(campaign)
    desk.live(a_call(), a_call(2), offset=2)
    await desk.reads.refresh(desk.reads.live)
    for campaign in (None, "spring"):
        assert sids(await desk.reads.active(campaign)) == [sid(2), sid(1)]


async def test_what_clients_make_us_keep_is_bounded() -> None:
    desk = ReadsDesk()
    desk.live(a_call())
    for number in range(1_200):
        await desk.reads.active(f"made-up-{number}")
    assert len(desk.reads._kept) <= 500


async def test_todays_summary_comes_from_the_replica_or_from_the_figures() -> None:
    desk = ReadsDesk()
    desk.truth.counted[TODAY] = counted(3)
    desk.truth.calls = [a_call()]
    bypass = await desk.reads.summary_of("today")
    shown = orjson.loads(bypass.body)["summary"]
    assert bypass.cache == "BYPASS"
    assert (shown["totalCalls"], shown["activeCalls"], shown["day"]) == (3, 1, "2026-03-26")
    desk.vouch("summary", {"today": {**shown, "totalCalls": 4}})
    hit = await desk.reads.summary_of("today")
    body = orjson.loads(hit.body)
    assert (hit.cache, body["summary"]["totalCalls"], body["period"]) == ("HIT", 4, "today")
    assert set(body["summary"]) == set(shown)


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("yesterday", "2026-03-25", "2026-03-25"),
        ("7d", "2026-03-20", "2026-03-26"),
        ("30d", "2026-02-25", "2026-03-26"),
    ],
)
async def test_longer_periods_are_summed_from_days(period: str, first: str, last: str) -> None:
    desk = ReadsDesk()
    desk.live(a_call())
    desk.truth.counted = {Bucket(first, None): counted(2), Bucket("2026-01-01", None): counted(9)}
    answer = await desk.reads.summary_of(period)
    shown = orjson.loads(answer.body)
    assert desk.truth.asked == [(first, last, None)]
    assert (shown["summary"]["totalCalls"], shown["summary"]["activeCalls"]) == (2, 1)
    assert (shown["period"], answer.cache) == (period, "BYPASS")
    assert (await desk.reads.summary_of(period)).tag == answer.tag


async def test_campaigns_are_listed_by_name_either_way() -> None:
    desk = ReadsDesk()
    desk.truth.documents = [{"_id": "b", "name": "Alpha"}, {"_id": "a", "name": "Beta"}]
    desk.truth.counted = {Bucket(None, "calls-only"): counted(1)}
    bypass = await desk.reads.campaign_list()
    statuses = {d["_id"]: campaign_status(d["_id"], None, d) for d in desk.truth.documents}
    statuses["calls-only"] = campaign_status("calls-only", counted(1), None)
    desk.vouch("campaign", statuses)
    hit = await desk.reads.campaign_list()
    assert (bypass.cache, hit.cache) == ("BYPASS", "HIT")
    for answer in (bypass, hit):
        rows = orjson.loads(answer.body)["campaigns"]
        assert [row["campaignId"] for row in rows] == ["b", "a", "calls-only"]
        assert all("last_updated" in row for row in rows)


async def test_one_campaign_is_looked_up_in_the_replica_then_in_mongodb() -> None:
    desk = ReadsDesk()
    desk.vouch("campaign", {"spring": campaign_status("spring", counted(1), None)})
    desk.truth.documents = [{"_id": "new", "name": "New"}]
    desk.truth.counted = {Bucket(None, "calls-only"): counted(2)}
    hit = await desk.reads.campaign("spring")
    assert (hit.cache, orjson.loads(hit.body)["completedCalls"]) == ("HIT", 1)
    for campaign_id, name in (("new", "New"), ("calls-only", "calls-only")):
        answer = await desk.reads.campaign(campaign_id)
        assert (answer.cache, orjson.loads(answer.body)["name"]) == ("BYPASS", name)
    with pytest.raises(CampaignNotFound):
        await desk.reads.campaign("nobody's")


async def test_a_forced_refresh_without_redis_is_no_error() -> None:
    desk = ReadsDesk()
    await desk.reads.refresh(desk.replicas["live"])


async def test_a_campaign_may_be_called_none() -> None:
    desk = ReadsDesk()
    desk.live(a_call())
    assert sids(await desk.reads.active("None")) == []
    assert sids(await desk.reads.active(None)) == [sid(1)]


@pytest.mark.parametrize("started", [1_774_512_900, 1.5, {"$date": 0}, ["x"]])
async def test_a_foreign_start_time_does_not_take_the_live_calls_away(started: object) -> None:
    desk = ReadsDesk()
    desk.live(a_call(1), a_call(2, startTime=started))
    assert set(sids(await desk.reads.active(None))) == {sid(1), sid(2)}


async def test_a_tag_of_all_campaigns_stays_while_the_body_does() -> None:
    desk = ReadsDesk()
    rows = {"a": campaign_status("a", None, None)}
    answers = []
    for offset in (1, 2):  # it names no position: moved there and back, it is the same
        desk.vouch("campaign", rows, offset)
        desk.clock.advance(timedelta(seconds=TICK_S))
        answers.append(await desk.reads.campaign_list())
    assert answers[0] is not answers[1]
    assert (answers[0].body, answers[0].tag) == (answers[1].body, answers[1].tag)


async def test_a_call_that_goes_on_is_the_replicas_and_one_that_is_over_is_not() -> None:
    desk = ReadsDesk()
    desk.live(a_call(1))
    found = desk.reads.kept_call(sid(1))
    assert found is not None
    assert (found.cache, found.body) == ("HIT", orjson.dumps(shown_call(a_call(1))))
    assert desk.reads.kept_call(sid(1)) is found  # tagged once
    assert desk.reads.kept_call(sid(2)) is None
    desk.live(a_call(1, contactName="Ada"), offset=2)
    changed = desk.reads.kept_call(sid(1))
    assert changed is not None
    assert orjson.loads(changed.body)["contactName"] == "Ada"
    assert changed.tag != found.tag
    desk.replicas["live"]._vouched = False
    assert desk.reads.kept_call(sid(1)) is None
