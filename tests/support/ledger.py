"""Whole lives of calls, sent until each webhook is acknowledged; and what must then be there."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
from support.deliveries import amd_form, audio, recording_form, transcript
from support.server import SECRET, TOKEN, status_form
from support.truth import day_truth
from support.waiting import eventually

from callboard.clock import SystemClock
from callboard.store.database import MongoDatabase
from callboard.vendors.elevenlabs import signature as elevenlabs
from callboard.vendors.twilio import signature as twilio

__all__ = ["Ledger", "check", "check_figures", "play"]

_CALLS, _EVENTS = "/webhook/call-status", "/webhook/elevenlabs"
_QUERY = "campaignId=spring&contactName=Ada"
_PATIENCE_S = 90


@dataclass
class Ledger:
    """What was sent, and what was acknowledged."""

    url: str
    rng: random.Random
    lives: int = 0
    acknowledged: int = 0
    other: dict[int, int] = field(default_factory=dict)
    """Answers that were not 200."""
    without_retry_after: int = 0
    """Refusals that did not say when to come again."""
    told: dict[str, set[str]] = field(default_factory=dict)
    """Fields that a call must show, because the webhook that tells them was acknowledged."""
    stop: bool = False

    def life(self, number: int) -> Iterator[tuple[str, str, bytes]]:
        """Yield a life's webhooks: the field it tells, path, body; a little out of order."""
        sid, conversation = sid_of(number), f"conv_{number}"
        second = number % 20
        forms = [
            ("startTime", status_form(sid, "initiated", second)),
            ("from", status_form(sid, "ringing", second + 3)),
            ("answerTime", status_form(sid, "in-progress", second + 9)),
            ("answeredBy", amd_form(sid, "human")),
            ("duration", status_form(sid, "completed", second + 30, CallDuration="21")),
            ("sid", recording_form(sid, 21)),
        ]
        webhooks = [(tells, f"{_CALLS}?{_QUERY}", urlencode(f).encode()) for tells, f in forms]
        if number % 4 == 0:
            analysis = {"call_successful": "success"}
            said = transcript(conversation, 50, sid=sid, analysis=analysis)
            webhooks.append(("conversationId", _EVENTS, audio(conversation, 60).body))
            webhooks.append(("success", _EVENTS, said.body))
        for index in sorted(range(len(webhooks)), key=lambda i: i + self.rng.uniform(0, 1.5)):
            yield webhooks[index]
            if self.rng.random() < 0.03:
                yield webhooks[index]


def sid_of(number: int) -> str:
    """Return the call SID of a life."""
    return f"CA{number:032x}"


async def play(ledger: Ledger) -> None:
    """Play one life after the other until told to stop; the last is played to its end."""
    async with httpx.AsyncClient(base_url=ledger.url, trust_env=False, timeout=30) as client:
        while not ledger.stop:
            number = ledger.lives
            ledger.lives += 1
            for tells, path, body in ledger.life(number):

                async def once(path: str = path, body: bytes = body) -> bool:
                    return await _is_acknowledged(ledger, client, path, body)

                await eventually(once, within_s=_PATIENCE_S)
                ledger.acknowledged += 1
                ledger.told.setdefault(sid_of(number), set()).add(tells)


async def _is_acknowledged(
    ledger: Ledger, client: httpx.AsyncClient, path: str, body: bytes
) -> bool:
    """Send a webhook once, signed now."""
    if path == _EVENTS:
        stamp = int(SystemClock().now().timestamp())
        headers = {"ElevenLabs-Signature": elevenlabs.sign(body, SECRET, stamp)}
    else:
        form = httpx.QueryParams(body.decode()).multi_items()
        headers = {
            "X-Twilio-Signature": twilio.sign(ledger.url + path, form, TOKEN),
            "Content-Type": "application/x-www-form-urlencoded",
        }
    try:
        answer = await client.post(path, content=body, headers=headers)
    except httpx.HTTPError:
        return False
    if answer.status_code != 200:
        ledger.other[answer.status_code] = ledger.other.get(answer.status_code, 0) + 1
        ledger.without_retry_after += "Retry-After" not in answer.headers
    return answer.status_code == 200


async def check(ledger: Ledger, database: MongoDatabase) -> None:
    """Check that every acknowledged fact is there, and nothing twice."""

    async def orphans() -> int:
        return await database.calls.count_documents({"orphan": True})

    await eventually(orphans, lambda count: count == 0, within_s=20)
    calls: dict[str, dict[str, Any]] = {c["_id"]: c async for c in database.calls.find()}
    missing = {
        sid: gone
        for sid, told in ledger.told.items()
        if (gone := {name for name in told if calls.get(sid, {}).get(name) is None})
    }
    assert missing == {}
    assert len(calls) == ledger.lives
    assert {call["status"] for call in calls.values()} == {"completed"}
    assert {call["outcome"] for call in calls.values()} == {"human"}
    kept = [webhook async for webhook in database.webhooks.find()]
    assert len(kept) == 6 * ledger.lives + 2 * -(-ledger.lives // 4)
    assert not [webhook for webhook in kept if webhook.get("problem")]
    assert (set(ledger.other) <= {503}, ledger.without_retry_after) == (True, 0)


async def check_figures(database: MongoDatabase, client: httpx.AsyncClient) -> None:
    """Wait until the summary shows today's truth, and check the stored figures against it."""
    day = SystemClock().now().date().isoformat()
    truth = await day_truth(database, day)
    names = ("totalCalls", "activeCalls", "completedCalls", "failedCalls", "totalDuration")
    expected = {name: truth[name] for name in names}

    async def shown() -> dict[str, Any]:
        answer = await client.get("/api/dashboard/summary")
        summary = answer.json().get("summary", {})
        return {name: summary.get(name) for name in names}

    await eventually(shown, lambda seen: seen == expected, within_s=30)
    stored = await database.analytics.find_one({"_id": f"daily:{day}"})
    assert stored is not None
    assert stored["callVolume"]["total"] == truth["totalCalls"]
    assert stored["duration"]["total"] == truth["totalDuration"]
