"""Laws of understanding: any bytes on any route are a fact or a reason, never an exception.

The same bytes always mean the same, and whatever was understood can be stored: BSON takes it,
and no number, name or text in it is one that MongoDB refuses.
"""

from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import bson
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.builders import START, a_kept, sid

from callboard.domain.webhooks import (
    CALL_STATUS,
    ELEVENLABS,
    INITIATION,
    TWILIO_EVENTS,
    InboxEntry,
)
from callboard.errors import MalformedPayload
from callboard.ingest.understand import read_form, understand
from callboard.store.merge import update_statement
from callboard.vendors.elevenlabs.events import parse_event as parse_elevenlabs
from callboard.vendors.elevenlabs.events import without_audio
from callboard.vendors.twilio.callbacks import parse_callback
from callboard.vendors.twilio.events import split_events

ROUTES = [CALL_STATUS, TWILIO_EVENTS, ELEVENLABS, INITIATION]
LOOSE = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.sampled_from(
        [sid(), "completed", "busy", "success", "voicemail", "outbound", "$gt", "\x00"]
    )
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def objects(**fields: Any) -> st.SearchStrategy[Any]:
    """Return objects whose known fields are right, wrong or missing."""
    return (
        st.fixed_dictionaries({}, optional={k: v | anything for k, v in fields.items()}) | anything
    )


numbers = st.integers(0, 2**63) | st.floats(0, 1e12)
variables = objects(system__call_sid=texts, callboard_call_id=texts, campaignId=texts)
metadata = objects(
    phone_call=objects(call_sid=texts, direction=texts, external_number=texts, call_result=texts),
    start_time_unix_secs=numbers,
    accepted_time_unix_secs=numbers,
    call_duration_secs=numbers,
    cost=numbers,
    charging=objects(llm_price=numbers),
    features_usage=objects(voicemail_detection=objects(used=st.booleans())),
    error=objects(code=numbers),
    body=objects(
        CallSid=st.just(sid()), CallStatus=st.just("busy"), Timestamp=texts, sip_status_code=texts
    ),
)
verdicts = st.dictionaries(texts, objects(result=texts, value=anything), max_size=3)
datas = objects(
    conversation_id=texts,
    metadata=metadata,
    analysis=objects(
        call_successful=texts,
        evaluation_criteria_results=verdicts,
        data_collection_results=verdicts,
    ),
    transcript=st.lists(objects(role=texts), max_size=3),
    full_audio=texts,
    full_audio_bytes=numbers,
    conversation_initiation_client_data=objects(dynamic_variables=variables),
)
kinds = st.sampled_from(["post_call_transcription", "post_call_audio", "call_initiation_failure"])
events = st.fixed_dictionaries(
    {"type": kinds, "data": datas.filter(lambda data: isinstance(data, dict))},
    optional={"event_timestamp": numbers | anything},
)
NAMES = [
    "CallStatus", "AnsweredBy", "RecordingSid", "Timestamp", "SequenceNumber", "CallDuration",
    "Direction", "From", "ParentCallSid", "SipResponseCode", "MachineDetectionDuration",
]  # fmt: skip
forms = st.lists(st.tuples(st.sampled_from(NAMES) | texts, texts | st.just("7")), max_size=9)


def must_be_storable(value: Any) -> None:
    """Assert that MongoDB takes a value."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            assert "\x00" not in name
            assert name
            assert not name.startswith("$")
            must_be_storable(inner)
    elif isinstance(value, list):
        for inner in value:
            must_be_storable(inner)
    elif isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, int):
        assert -(2**63) <= value < 2**63
    elif isinstance(value, float):
        assert isfinite(value)
    else:
        assert isinstance(value, datetime)
        assert value.tzinfo is not None


def assert_named(problem: MalformedPayload, field: str | None = None) -> None:
    """Assert that a refusal names its field."""
    assert problem.field
    assert field is None or problem.field == field


def check(entry: InboxEntry) -> None:
    """Assert what holds of every entry."""
    assert (entry.problem is None) == (entry.problem_field is None)
    assert entry.event_key
    assert entry.fact is None or entry.problem is None
    if entry.fact is not None:
        for leaves in (entry.fact.most, entry.fact.least):
            must_be_storable(leaves)
            assert None not in leaves.values()
        assert not entry.fact.most.keys() & entry.fact.least.keys()
        bson.encode(update_statement(entry.fact))
        bson.encode({"_id": entry.event_key, "kind": entry.kind})


@LOOSE
@given(events)
def test_any_conversation_is_understood_and_can_be_stored(event: dict[str, Any]) -> None:
    body = orjson.dumps(event)
    entry = understand(a_kept(body))
    check(entry)
    assert understand(a_kept(body)) == entry
    slim = without_audio(body)
    assert understand(a_kept(slim)).fact == entry.fact


@LOOSE
@given(anything, st.sampled_from(ROUTES))
def test_any_json_on_any_route_is_a_fact_or_a_reason(said: Any, path: str) -> None:
    body = orjson.dumps(said)
    entry = understand(a_kept(body, path))
    check(entry)
    for parse in (parse_elevenlabs, split_events):
        try:
            parse(body)
        except MalformedPayload as problem:
            assert_named(problem)


@LOOSE
@given(st.binary(max_size=40), st.sampled_from(ROUTES), st.text(max_size=20))
def test_any_bytes_on_any_route_are_a_fact_or_a_reason(body: bytes, path: str, query: str) -> None:
    check(understand(a_kept(body, path, quote(query, safe="&=+%", errors="replace"))))


@LOOSE
@given(forms, st.lists(st.tuples(texts, texts), max_size=3))
def test_any_form_is_a_fact_or_a_reason(
    form: list[tuple[str, str]], query: list[tuple[str, str]]
) -> None:
    pairs = [("CallSid", sid()), *form]
    entry = understand(a_kept(urlencode(pairs).encode(), CALL_STATUS, urlencode(query)))
    check(entry)
    try:
        fact = parse_callback(pairs, query, START)
    except MalformedPayload as problem:
        said: tuple[str | None, str | None] = (str(problem), problem.field)
    else:
        said = (None, None)
        assert entry.fact == fact
    assert (entry.problem, entry.problem_field) == said


@LOOSE
@given(st.dictionaries(st.sampled_from(NAMES) | texts, scalars, max_size=6), objects(url=texts))
def test_any_cloud_event_is_a_fact_or_a_reason(parameters: dict[str, Any], request: Any) -> None:
    said = {**request} if isinstance(request, dict) else {}
    said["parameters"] = {"CallSid": sid(), **parameters}
    event = {
        "id": "EZ1",
        "type": "com.twilio.voice.status-callback.call.ringing",
        "data": {"request": said},
    }
    (found,) = split_events(orjson.dumps(event))
    check(understand(a_kept(found.body, TWILIO_EVENTS), event_key=found.event_key))


@settings(max_examples=100, deadline=None)
@given(st.text("ab=&+%2cC3é;# ", max_size=24))
def test_a_form_is_read_as_the_standard_library_reads_it(text: str) -> None:
    try:
        expected = parse_qsl(
            text.encode("ascii").decode(), keep_blank_values=True, errors="strict"
        )
    except UnicodeError:
        with pytest.raises(MalformedPayload):
            read_form(text.encode())
    else:
        assert read_form(text.encode()) == expected


@LOOSE
@given(st.text(max_size=40))
def test_any_timestamp_is_an_instant_or_refused(text: str) -> None:
    form = [("CallSid", sid()), ("CallStatus", "ringing"), ("Timestamp", text)]
    try:
        fact = parse_callback(form, [], START)
    except MalformedPayload as problem:
        assert_named(problem, "Timestamp")
    else:
        assert fact.least["twilio.startedAt"].tzinfo is not None
