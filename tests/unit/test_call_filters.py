"""What a list of calls may be asked for, and what MongoDB is asked then."""

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from callboard.delivery.api.calls import ListParameters, Outcome
from callboard.domain.calls import ACTIVE_STATUSES, TERMINAL_STATUSES
from callboard.domain.counting import OUTCOMES
from callboard.domain.queries import CallQuery
from callboard.store.reads import Calls


class Asked:
    """A database without a call that remembers what it was asked."""

    def __init__(self) -> None:
        self.filters: list[Any] = []

    async def command(self, command: Any) -> Any:
        """Answer a `find`."""
        self.filters.append(command["filter"])
        return {"cursor": {"firstBatch": []}}


async def filter_of(**wanted: Any) -> Any:
    """Return the filter of a page."""
    database: Any = Asked()
    await Calls(database).page(CallQuery(limit=10, **wanted))
    (found,) = database.filters
    return found


def asked(**parameters: Any) -> CallQuery:
    """Return the query of a request's parameters."""
    return ListParameters.model_validate(parameters).as_query(50)


def test_a_plain_request_is_the_plain_query() -> None:
    assert asked() == CallQuery(limit=50)


def test_statuses_are_listed_each_once_in_one_order() -> None:
    assert asked(status="busy").statuses == ("busy",)
    assert asked(status="failed,busy,failed") == asked(status="busy,failed")


def test_every_parameter_is_passed_on() -> None:
    query = asked(
        number="+34600000001",
        conversationId="conv_1",
        outcome="human",
        sipCode=486,
        minDuration=10,
        maxDuration=60,
        success="false",
    )
    assert query == CallQuery(
        limit=50,
        number="+34600000001",
        conversation_id="conv_1",
        outcome="human",
        sip_code=486,
        min_duration_s=10,
        max_duration_s=60,
        success=False,
    )
    assert asked(success="true").success is True


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"status": "busy,bussy"}, "there is no status 'bussy'"),
        ({"status": ""}, "there is no status ''"),
        ({"status": "busy, failed"}, "there is no status ' failed'"),
        ({"outcome": "happy"}, "outcome"),
        ({"sipCode": 99}, "sipCode"),
        ({"sipCode": "busy"}, "sipCode"),
        ({"minDuration": -1}, "minDuration"),
        ({"maxDuration": "long"}, "maxDuration"),
        ({"success": "yes"}, "success"),
        ({"number": "+" * 101}, "number"),
    ],
)
def test_what_cannot_be_meant_is_named(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        asked(**parameters)


def test_the_outcomes_are_those_that_are_counted() -> None:
    assert get_args(Outcome) == OUTCOMES


async def test_nothing_asked_is_no_filter() -> None:
    assert await filter_of() == {}
    assert await filter_of(statuses=("ringing",)) == {"status": "ringing"}


async def test_a_number_is_either_sides() -> None:
    either = [{"from": "+1"}, {"to": "+1"}]
    assert await filter_of(number="+1", campaign_id="c") == {"campaignId": "c", "$or": either}


async def test_several_ends_are_asked_in_the_words_of_their_index() -> None:
    rest = sorted(TERMINAL_STATUSES - {"busy", "failed"})
    wanted = {"$in": sorted(TERMINAL_STATUSES), "$nin": rest}
    assert await filter_of(statuses=("busy", "failed")) == {"status": wanted}
    assert await filter_of(statuses=("busy", "queued")) == {"status": {"$in": ["busy", "queued"]}}


async def test_durations_are_completed_calls() -> None:
    wanted = {"status": "completed", "duration": {"$gte": 0, "$lt": 60}}
    assert await filter_of(min_duration_s=0, max_duration_s=60) == wanted
    assert await filter_of(
        min_duration_s=0, max_duration_s=60, statuses=("busy", "completed")
    ) == (wanted)
    assert (await filter_of(min_duration_s=5, statuses=("busy",)))["status"] == {"$in": []}


async def test_outcomes_are_of_calls_that_are_over() -> None:
    over = {"$nin": sorted(ACTIVE_STATUSES)}
    assert await filter_of(outcome="human") == {"status": over, "outcome": "human"}
    only = await filter_of(outcome="human", statuses=("completed", "ringing"))
    assert only["status"] == "completed"


async def test_the_cursor_bounds_what_is_filtered() -> None:
    wanted = await filter_of(number="+1", before="WzEwMDAsIkNBMSJd")  # [1000, "CA1"]
    filtered, earlier = wanted["$and"]
    assert filtered == {"$or": [{"from": "+1"}, {"to": "+1"}]}
    assert len(earlier["$or"]) == 2
