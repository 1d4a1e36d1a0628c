"""What cannot be stored is not acknowledged: 503 says when to come again."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from support.engines import Engines
from support.relay import Relay
from support.samples import BY_FILE
from support.server import LocalServer, status_form
from support.waiting import eventually

from callboard.store import database as mongo

SID = "CA" + "1" * 32


async def test_more_than_may_wait_are_told_to_come_again(engines: Engines) -> None:
    server = LocalServer(engines, waiting_max=2, batch_length_max=1)
    await server.redis.flushall()
    await server.start()
    try:
        sids = [f"CA{number:032x}" for number in range(40)]
        answers = await asyncio.gather(
            *(server.webhook(status_form(sid, "ringing")) for sid in sids)
        )
        refused = [answer for answer in answers if answer.status_code == 503]
        taken = {
            sid for sid, answer in zip(sids, answers, strict=True) if answer.status_code == 200
        }
        assert len(refused) + len(taken) == len(sids)
        assert refused
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert "waiting" in refused[0].json()["detail"]
        stored = await server.database.calls.distinct("_id")
        assert set(stored) == taken
        # What was refused is taken when it comes again.
        assert (await server.webhook(status_form(sids[-1], "ringing"))).status_code == 200
    finally:
        await server.stop()


@pytest.fixture
async def relay(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Relay, LocalServer]]:
    """A server that reaches MongoDB by a relay, and does not wait long for it."""
    monkeypatch.setattr(mongo, "connect", partial(mongo.connect, timeout_ms=300))
    direct = urlsplit(engines.mongo_url())
    assert direct.port is not None
    relay = Relay(direct.port)
    await relay.open()
    url = direct._replace(netloc=f"127.0.0.1:{relay.port}").geturl()
    server = LocalServer(engines, mongodb_url=SecretStr(url))
    await server.redis.flushall()
    await server.start()
    await server.ready()
    yield relay, server
    assert server.server is not None
    await server.server.stop()
    # A transaction whose connection was cut holds its locks for a minute.
    await server.database.client.admin.command({"killAllSessions": []})
    await server.stop()
    await relay.cut()


async def test_without_mongodb_webhooks_come_again_and_callers_are_not_held(
    relay: tuple[Relay, LocalServer],
) -> None:
    way, server = relay
    form = status_form(SID, "ringing")
    events = BY_FILE["twilio_event_streams_batch.json"].body
    audio = BY_FILE["elevenlabs_post_call_audio.json"].body
    request = BY_FILE["elevenlabs_conversation_initiation_request.json"].body
    assert (await server.webhook(form)).status_code == 200
    await eventually(
        lambda: server.read("/api/dashboard/summary"),
        lambda seen: seen["summary"]["totalCalls"] == 1,
    )
    await way.cut()
    answers = await asyncio.gather(
        server.webhook(form), server.events(events), server.elevenlabs(audio)
    )
    assert [answer.status_code for answer in answers] == [503] * 3
    assert {answer.headers["retry-after"] for answer in answers} == {"1"}
    # ElevenLabs holds a caller while it waits: it gets its answer all the same.
    answer = await server.initiation(request)
    assert answer.status_code == 200
    assert answer.json()["type"] == "conversation_initiation_client_data"
    await way.open()

    async def comes_again() -> list[int]:
        return [
            (await server.webhook(form)).status_code,
            (await server.events(events)).status_code,
            (await server.elevenlabs(audio)).status_code,
        ]

    await eventually(comes_again, lambda statuses: statuses == [200] * 3)
    assert await server.database.webhooks.count_documents({}) == 4
