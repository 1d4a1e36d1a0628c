"""What becomes of a webhook: signature first, then its meaning, then the store."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from support.builders import START, TOKEN, Pairs, a_form, sid

from callboard.clock import FixedClock
from callboard.domain.webhooks import InboxEntry
from callboard.errors import BadSignature, MalformedPayload, StoreUnavailable
from callboard.ingest.accept import TwilioAcceptor, Webhook
from callboard.vendors.twilio.signature import sign

PATH = "/webhook/call-status"
PUBLIC = "https://calls.example.com"


class Desk:
    """An acceptor before a store that remembers what it was asked to keep."""

    def __init__(self, *, failure: Exception | None = None, **options: Any) -> None:
        self.kept: list[InboxEntry] = []
        self._failure = failure
        given: dict[str, Any] = {
            "auth_token": TOKEN,
            "check_signatures": True,
            "public_url": lambda: PUBLIC,
        }
        self._acceptor = TwilioAcceptor(self._submit, FixedClock(START), **{**given, **options})

    async def _submit(self, entry: InboxEntry) -> None:
        self.kept.append(entry)
        if self._failure is not None:
            raise self._failure

    async def post(
        self,
        form: Pairs,
        *,
        query: str = "",
        base: str = PUBLIC,
        signature: str | None = "",
        token: str = TOKEN,
    ) -> None:
        """Post a form, signed for `base` unless a signature is given."""
        if signature == "":
            url = f"{base}{PATH}?{query}" if query else f"{base}{PATH}"
            signature = sign(url, form, token)
        await self._acceptor.accept(Webhook(PATH, query, urlencode(form).encode(), signature))

    async def post_raw(self, body: bytes, signature: str | None) -> None:
        """Post any bytes."""
        await self._acceptor.accept(Webhook(PATH, "", body, signature))


async def test_a_signed_callback_is_kept_raw_and_understood() -> None:
    desk = Desk()
    await desk.post(a_form(), query="campaignId=spring&contactName=Ada+%C3%89")
    (entry,) = desk.kept
    assert entry.body == urlencode(a_form()).encode()
    assert entry.query == "campaignId=spring&contactName=Ada+%C3%89"
    assert (entry.vendor, entry.kind, entry.problem) == ("twilio", "status", None)
    assert entry.received_at == START
    assert entry.fact is not None
    assert entry.fact.context.contact_name == "Ada É"
    assert entry.event_key == f"twilio:{sid()}:status:1:ringing"


@pytest.mark.parametrize("signature", [None, "junk", "RSOYDt4T1cUTdK1PDd93/VVr8B8="])
async def test_nothing_unsigned_is_stored(signature: str | None) -> None:
    desk = Desk()
    with pytest.raises(BadSignature):
        await desk.post(a_form(), signature=signature)
    assert not desk.kept


async def test_a_missing_signature_is_refused_before_the_body_is_read() -> None:
    desk = Desk()
    with pytest.raises(BadSignature, match="missing"):
        await desk.post_raw(b"\xff\xfe", None)
    with pytest.raises(BadSignature):
        await desk.post(a_form(), signature=sign(PUBLIC + PATH, a_form(), "another token"))


async def test_without_a_token_twilio_is_refused() -> None:
    desk = Desk(auth_token=None)
    with pytest.raises(BadSignature, match="TWILIO_AUTH_TOKEN"):
        await desk.post(a_form(), token="")
    assert not desk.kept


async def test_a_refusal_says_what_to_check_and_not_the_token() -> None:
    with pytest.raises(BadSignature, match="CALLBOARD_PUBLIC_URL") as caught:
        await Desk().post(a_form(), signature="junk")
    assert TOKEN not in str(caught.value)


async def test_what_is_signed_but_not_understood_is_kept_with_the_reason() -> None:
    desk = Desk()
    with pytest.raises(MalformedPayload) as caught:
        await desk.post(a_form(CallStatus="levitating"))
    assert caught.value.field == "CallStatus"
    (entry,) = desk.kept
    assert (entry.fact, entry.kind, entry.problem) == (None, "unknown", str(caught.value))
    assert entry.body == urlencode(a_form(CallStatus="levitating")).encode()
    assert entry.event_key.startswith("twilio:raw:")


async def test_a_signed_query_that_cannot_be_read_is_kept_too() -> None:
    desk = Desk()
    with pytest.raises(MalformedPayload) as caught:
        await desk.post(a_form(), query="contactName=%FF")
    assert caught.value.field == "query"
    assert [entry.query for entry in desk.kept] == ["contactName=%FF"]


@pytest.mark.parametrize("body", [b"\xff", b"a=%FF", b"&".join([b"a=1"] * 201)])
async def test_a_body_that_is_no_form_is_refused_and_not_kept(body: bytes) -> None:
    desk = Desk()
    with pytest.raises(MalformedPayload) as caught:
        await desk.post_raw(body, "junk")
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
    desk = Desk(check_signatures=False, auth_token=None)
    await desk.post(a_form(), signature=None)
    assert len(desk.kept) == 1


async def test_what_could_not_be_stored_is_not_acknowledged() -> None:
    desk = Desk(failure=StoreUnavailable("no primary"))
    with pytest.raises(StoreUnavailable):
        await desk.post(a_form())
    with pytest.raises(StoreUnavailable):
        await desk.post(a_form(CallStatus="levitating"))


async def test_the_same_fact_has_the_same_key_however_often_it_comes() -> None:
    desk = Desk()
    await desk.post(a_form())
    await desk.post(a_form(ToCity="OLYMPIA"))
    await desk.post(a_form(SequenceNumber="2"))
    first, again, other = (entry.event_key for entry in desk.kept)
    assert first == again != other


async def test_two_webhooks_that_differ_in_their_query_are_both_kept() -> None:
    desk = Desk()
    for query in ("contactName=%FF", "contactName=%FE"):
        with pytest.raises(MalformedPayload):
            await desk.post(a_form(), query=query)
    assert len({entry.event_key for entry in desk.kept}) == 2
