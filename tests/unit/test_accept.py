"""What becomes of a webhook: signature first, then its meaning, then the store."""

import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from support.builders import (
    CONVERSATION,
    SECRET,
    START,
    TOKEN,
    a_cloud_event,
    a_form,
    an_event,
    sample_bytes,
    sid,
)
from support.desk import NOW_S, PUBLIC, Desk, a_webhook

from callboard.domain.webhooks import CALL_STATUS, ELEVENLABS, INITIATION, TWILIO_EVENTS
from callboard.errors import BadSignature, MalformedPayload, PayloadTooLarge, StoreUnavailable
from callboard.ingest import accept
from callboard.ingest.accept import TwilioKeys
from callboard.vendors.twilio import signature as twilio

AWAY = StoreUnavailable("no primary")


async def test_a_signed_callback_is_kept_raw_and_understood() -> None:
    desk = Desk()
    await desk.post(a_form(), query="campaignId=spring&contactName=Ada+%C3%89")
    (entry,) = desk.kept
    assert entry.kept.body == urlencode(a_form()).encode()
    assert entry.kept.query == "campaignId=spring&contactName=Ada+%C3%89"
    assert (entry.kept.path, entry.kept.received_at) == (CALL_STATUS, START)
    assert (entry.vendor, entry.kind, entry.problem) == ("twilio", "status", None)
    assert entry.fact is not None
    assert entry.fact.most["contactName"] == "Ada É"
    assert entry.event_key == f"twilio:{sid()}:status:1:ringing"
    assert desk.noted == [entry.fact]


@pytest.mark.parametrize("signature", ["", "junk", "RSOYDt4T1cUTdK1PDd93/VVr8B8="])
async def test_nothing_unsigned_is_stored(signature: str) -> None:
    desk = Desk()
    with pytest.raises(BadSignature):
        await desk.post(a_form(), x_twilio_signature=signature)
    with pytest.raises(BadSignature):
        await desk.post(a_form(), token="another token")
    assert not desk.kept


async def test_a_missing_signature_is_refused_before_the_body_is_read() -> None:
    for send in (Desk().twilio.callback, Desk().twilio.events):
        with pytest.raises(BadSignature, match="missing"):
            await send(a_webhook(CALL_STATUS, b"\xff\xfe"))


async def test_without_a_token_twilio_is_refused() -> None:
    desk = Desk(keys=TwilioKeys(None, {}))
    with pytest.raises(BadSignature, match="TWILIO_AUTH_TOKEN"):
        await desk.post(a_form(), token="")
    assert not desk.kept


async def test_a_refusal_says_what_to_check_and_not_the_token() -> None:
    with pytest.raises(BadSignature, match="CALLBOARD_PUBLIC_URL") as caught:
        await Desk().post(a_form(), x_twilio_signature="junk")
    assert TOKEN not in str(caught.value)


async def test_a_shared_key_signs_too_and_an_unknown_one_is_named() -> None:
    desk = Desk(keys=TwilioKeys(TOKEN, {"SK1": "shared"}))
    signed = twilio.sign(PUBLIC + CALL_STATUS, a_form(), "shared", "HMAC_SHA256")
    header = {"x_twilio_signature": signed}
    settings = "key={},algorithm=HMAC_SHA256"
    name = "x_twilio_webhooks_signature_settings"
    await desk.post(a_form(), **header, **{name: settings.format("SK1")})
    assert len(desk.kept) == 1
    with pytest.raises(BadSignature, match="'SK2'"):
        await desk.post(a_form(), **header, **{name: settings.format("SK2")})
    with pytest.raises(BadSignature):
        await desk.post(a_form(), **header)


async def test_what_is_signed_but_not_understood_is_kept_with_the_reason() -> None:
    desk = Desk()
    with pytest.raises(MalformedPayload) as caught:
        await desk.post(a_form(CallStatus="levitating"))
    assert caught.value.field == "CallStatus"
    (entry,) = desk.kept
    assert (entry.fact, entry.kind, entry.problem) == (None, "unknown", str(caught.value))
    assert entry.kept.body == urlencode(a_form(CallStatus="levitating")).encode()
    assert desk.noted == []


async def test_a_signed_query_that_cannot_be_read_is_kept_too() -> None:
    desk = Desk()
    for query in ("contactName=%FF", "contactName=%FE"):
        with pytest.raises(MalformedPayload) as caught:
            await desk.post(a_form(), query=query)
        assert caught.value.field == "query"
    assert len({entry.event_key for entry in desk.kept}) == 2


@pytest.mark.parametrize("body", [b"\xff", b"a=%FF", b"&".join([b"a=1"] * 201)])
async def test_a_body_that_is_no_form_is_refused_and_not_kept(body: bytes) -> None:
    desk = Desk()
    with pytest.raises(MalformedPayload) as caught:
        await desk.post_raw(body, x_twilio_signature="junk")
    assert caught.value.field == "body"
    assert not desk.kept


async def test_signatures_are_checked_against_the_public_url_behind_a_proxy() -> None:
    desk = Desk(public_url=lambda: "https://proxy.example/callboard/")
    await desk.post(a_form(), base="https://proxy.example/callboard", query="a=b")
    assert len(desk.kept) == 1
    with pytest.raises(BadSignature):
        await desk.post(a_form(), base="http://127.0.0.1:8700")


async def test_the_public_url_is_asked_for_at_each_webhook() -> None:
    urls = iter(["http://127.0.0.1:1", PUBLIC])
    read: Callable[[], str] = lambda: next(urls)  # noqa: E731  (a stand-in for a late binding)
    desk = Desk(public_url=read)
    with pytest.raises(BadSignature):
        await desk.post(a_form())
    await desk.post(a_form())


async def test_with_signatures_off_anything_understood_is_kept() -> None:
    desk = Desk(check_signatures=False, keys=TwilioKeys(None, {}), secrets=[])
    await desk.post_raw(urlencode(a_form()).encode())
    await desk.elevenlabs.event(a_webhook(ELEVENLABS, an_event()))
    await desk.stream(a_cloud_event(dict(a_form())))
    await desk.ask()
    assert [entry.problem for entry in desk.kept] == [None] * 4


async def test_what_could_not_be_stored_is_not_acknowledged() -> None:
    desk = Desk(failure=AWAY)
    for status in ("ringing", "levitating"):
        with pytest.raises(StoreUnavailable):
            await desk.post(a_form(CallStatus=status))
    with pytest.raises(StoreUnavailable):
        await desk.report(an_event())
    assert desk.noted == []


async def test_the_same_fact_has_the_same_key_however_often_it_comes() -> None:
    desk = Desk()
    await desk.post(a_form())
    await desk.post(a_form(ToCity="OLYMPIA"))
    await desk.post(a_form(SequenceNumber="2"))
    first, again, other = (entry.event_key for entry in desk.kept)
    assert first == again != other


async def test_a_delivery_of_events_is_kept_event_by_event() -> None:
    desk = Desk(check_signatures=False)
    body = sample_bytes("twilio_event_streams_batch.json")
    await desk.twilio.events(a_webhook(TWILIO_EVENTS, body))
    assert [entry.event_key[-2:] for entry in desk.kept] == ["07", "05"]
    assert {entry.kept.path for entry in desk.kept} == {TWILIO_EVENTS}
    assert all(json.loads(entry.kept.body)["id"] in entry.event_key for entry in desk.kept)
    assert len(desk.noted) == 2


async def test_a_batch_is_acknowledged_if_any_of_it_makes_sense() -> None:
    desk = Desk(check_signatures=False)
    broken = a_cloud_event({"CallSid": "junk"}, id="EZ2")
    await desk.stream(a_cloud_event(dict(a_form())), broken)
    await desk.stream(broken, a_cloud_event({}, id="EZ3", type="com.twilio.other"))
    assert [entry.problem is None for entry in desk.kept] == [True, False, False, True]
    with pytest.raises(MalformedPayload) as caught:
        await desk.stream(broken)
    assert caught.value.field == "CallSid"
    assert len(desk.kept) == 5


@pytest.mark.parametrize("body", [b"[]", b"{", b"7"])
async def test_a_delivery_that_is_none_is_kept_raw(body: bytes) -> None:
    desk = Desk(check_signatures=False)
    with pytest.raises(MalformedPayload):
        await desk.twilio.events(a_webhook(TWILIO_EVENTS, body))
    (entry,) = desk.kept
    assert (entry.kept.body, entry.fact) == (body, None)


async def test_events_are_signed_by_their_url_and_the_bodys_hash() -> None:
    desk = Desk()
    signed = twilio.sign(f"{PUBLIC}{TWILIO_EVENTS}?bodySHA256=00", [], TOKEN)
    body = json.dumps(a_cloud_event(dict(a_form()))).encode()
    webhook = a_webhook(TWILIO_EVENTS, body, "bodySHA256=00", x_twilio_signature=signed)
    with pytest.raises(BadSignature):
        await desk.twilio.events(webhook)
    assert not desk.kept


async def test_a_signed_event_of_elevenlabs_is_kept_and_noted() -> None:
    desk = Desk()
    await desk.report(an_event())
    (entry,) = desk.kept
    assert entry.fact is not None
    assert (entry.fact.orphan, entry.kept.body) == (True, an_event())
    assert [fact.conversation_id for fact in desk.noted] == [CONVERSATION]


async def test_an_orphan_whose_call_is_known_is_stored_in_its_call() -> None:
    desk = Desk()
    desk.calls[CONVERSATION] = sid(4)
    await desk.report(an_event("post_call_audio", full_audio="AAAA"))
    (entry,) = desk.kept
    assert entry.fact is not None
    assert (entry.fact.key, entry.fact.orphan) == (sid(4), False)
    assert b"full_audio_bytes" in entry.kept.body


async def test_an_event_is_refused_by_a_wrong_or_old_signature() -> None:
    desk = Desk()
    with pytest.raises(BadSignature):
        await desk.report(an_event(), secret="another")
    for drift_s in (-1_900, 1_900):
        with pytest.raises(BadSignature):
            await desk.report(an_event(), at_s=NOW_S + drift_s)
    with pytest.raises(BadSignature):
        await desk.elevenlabs.event(a_webhook(ELEVENLABS, an_event()))
    with pytest.raises(BadSignature, match="ELEVENLABS_WEBHOOK_SECRET"):
        await Desk(secrets=[]).report(an_event())
    assert not desk.kept
    await Desk(tolerance_s=4_000.0).report(an_event(), at_s=NOW_S - 1_900)
    await Desk(secrets=["old", SECRET]).report(an_event())


async def test_an_event_too_large_for_a_document_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accept, "_KEPT_BYTES_MAX", 2_000)
    desk = Desk()
    with pytest.raises(PayloadTooLarge):
        await desk.report(an_event(summary="x" * 2_000))
    await desk.report(an_event("post_call_audio", full_audio="x" * 3_000))
    assert len(desk.kept) == 1


async def test_an_unknown_event_is_kept_and_acknowledged() -> None:
    desk = Desk()
    await desk.report(sample_bytes("elevenlabs_unknown_event_type.json"))
    assert [entry.kind for entry in desk.kept] == ["answering_machine_detection"]
    with pytest.raises(MalformedPayload):
        await desk.report(b'{"type": "post_call_audio"}')
    assert len(desk.kept) == 2


async def test_a_personalization_request_is_answered_and_kept() -> None:
    desk = Desk()
    answer = await desk.ask(x_callboard_secret=SECRET)
    assert answer == {
        "type": "conversation_initiation_client_data",
        "dynamic_variables": {"shop": "Northside", "callboard_call_id": sid()},
    }
    (entry,) = desk.kept
    assert (entry.kind, entry.kept.path) == ("initiation", INITIATION)
    assert entry.fact is not None
    assert entry.fact.key == sid()


async def test_our_own_id_wins_over_a_variable_of_its_name() -> None:
    desk = Desk(variables={"callboard_call_id": "theirs"})
    answer = await desk.ask(x_callboard_secret=SECRET)
    assert answer["dynamic_variables"]["callboard_call_id"] == sid()


@pytest.mark.parametrize(
    "headers",
    [
        {"x_callboard_secret": "new"},
        {"x_callboard_secret": SECRET},
        {"authorization": f"Bearer {SECRET}"},
    ],
)
async def test_either_header_may_carry_any_of_the_secrets(headers: dict[str, str]) -> None:
    assert await Desk(secrets=[SECRET, "new"]).ask(**headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_callboard_secret": ""},
        {"x_callboard_secret": "wrong"},
        {"authorization": "Bearer "},
        {"authorization": "Basic " + SECRET},
        {"x_callboard_secret": SECRET + "é"},
    ],
)
@pytest.mark.parametrize("secrets", [[SECRET], []])
async def test_a_request_without_the_secret_is_refused(
    headers: dict[str, str], secrets: list[str]
) -> None:
    desk = Desk(secrets=secrets)
    sentence = "^X-Callboard-Secret must be set to ELEVENLABS_WEBHOOK_SECRET$"
    with pytest.raises(BadSignature, match=sentence):
        await desk.ask(**headers)
    assert not desk.kept


async def test_a_caller_is_answered_though_the_store_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accept, "_CALLER_WAITS_S", 0)
    hanging = Desk()
    hanging.hangs = True
    for desk in (Desk(failure=AWAY), hanging):
        answer = await desk.ask(x_callboard_secret=SECRET)
        assert answer["dynamic_variables"]["callboard_call_id"] == sid()


async def test_a_request_about_a_call_that_is_not_twilios_is_answered_and_kept_raw() -> None:
    desk = Desk()
    answer = await desk.ask(b'{"call_sid": "d8e7f6a5"}', x_callboard_secret=SECRET)
    assert "callboard_call_id" not in answer["dynamic_variables"]
    assert [entry.problem_field for entry in desk.kept] == ["call_sid"]
