"""Everything that may happen to `calls` and `campaigns`, at once and for as long as wanted."""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bson import ObjectId
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from support.deliveries import (
    amd_form,
    callback,
    entries_of,
    recording_form,
    status_form_at,
    transcript,
)
from support.figures_oracle import ACTIVE, TERMINAL

from callboard.clock import SystemClock
from callboard.domain.webhooks import InboxEntry
from callboard.store.database import MongoDatabase
from callboard.store.facts import FactStore

__all__ = ["CAMPAIGNS", "CallsLoad"]

CAMPAIGNS = ("spring", "autumn", "win:back", "c.4", "$gt")
_STATUSES = ("queued", *ACTIVE, *TERMINAL)
_STATUS_WEIGHTS = (2, 2, 4, 4, 8, 1, 2, 1, 1, 1)
_OUTCOMES = (
    *("human", "voicemail", "answered_unknown", "no_answer", "busy", "failed", "canceled"),
    *("unconfirmed", "lost"),
)
_CLOCK_CHANGES = (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC))
_LENGTH_MAX = 600
"""Calls known to the load at one time: the older ones may still be hit by a condition."""
_PAUSE_MAX_S = 0.04

Write = InsertOne[dict[str, Any]] | UpdateOne | UpdateMany | ReplaceOne[dict[str, Any]] | DeleteOne


class CallsLoad:
    """Writes until told to stop: some as any program does, some as our ingest does."""

    def __init__(self, database: MongoDatabase, zone: ZoneInfo, seed: int) -> None:
        self._database = database
        self._facts = FactStore(database)
        self._zone = zone
        self._rng = random.Random(seed)  # noqa: S311  (a seeded scenario)
        self._now = SystemClock().now()
        self._keys: list[Any] = []
        self._made = self._lasts = 0
        self._stop = False
        self._idle = asyncio.Event()
        self.writes = 0

    async def run(self) -> None:
        """Write burst after burst, until told to stop."""
        while not self._stop:
            self._now = SystemClock().now()
            await self._burst(self._rng.randrange(1, 40))
            await asyncio.sleep(self._rng.uniform(0, _PAUSE_MAX_S))
        self._idle.set()

    async def end(self) -> None:
        """Stop, and wait until the burst that is being written is."""
        self._stop = True
        async with asyncio.timeout(20):
            await self._idle.wait()

    async def _burst(self, length: int) -> None:
        """Write something of everything."""
        writes = [self._write() for _ in range(length)]
        await self._database.calls.bulk_write(writes, ordered=self._rng.random() < 0.5)
        if self._rng.random() < 0.3:
            entries = [entry for _ in range(self._rng.randrange(1, 10)) for entry in self._told()]
            assert [said for said in await self._facts.commit(entries) if said] == []
        if self._rng.random() < 0.2:
            await self._change_campaign()
        self.writes += length
        if len(self._keys) > _LENGTH_MAX:
            del self._keys[: _LENGTH_MAX // 2]

    async def last(self) -> str:
        """Make a last call, of a campaign of its own; where that is counted, all before is."""
        self._lasts += 1
        campaign_id = f"last-{self._lasts}"
        call = self._call(campaign_id) | {"startTime": self._now, "campaignId": campaign_id}
        call.pop("twilio", None)
        await self._database.calls.insert_one(call)
        return f"campaign:{campaign_id}"

    def _write(self) -> Write:
        """Return a write as any program may make it."""
        dice = self._rng.random()
        if dice < 0.35 or not self._keys:
            key: Any = self._new_key() if dice < 0.3 else ObjectId()
            self._keys.append(key)
            return InsertOne(self._call(key))
        key = self._rng.choice(self._keys)
        if dice < 0.80:
            return UpdateOne({"_id": key}, self._change())
        if dice < 0.87:
            return ReplaceOne({"_id": key}, self._call(key), upsert=self._rng.random() < 0.5)
        if dice < 0.95:
            return DeleteOne({"_id": key})
        few = {"_id": {"$in": self._rng.choices(self._keys, k=5)}}
        return UpdateMany(few, {"$set": {"campaignId": self._campaign()}})

    def _new_key(self) -> str:
        self._made += 1
        return f"CA{self._rng.getrandbits(64):016x}{self._made:016x}"

    def _call(self, key: Any) -> dict[str, Any]:
        """Return a whole call, whatever it has been through."""
        pick = self._rng.random
        call: dict[str, Any] = {
            "_id": key,
            "sid": key if isinstance(key, str) else f"CA{key}",
            "status": self._status(),
            "direction": self._rng.choice(["outbound", "outbound", "inbound", None, "up"]),
            "startTime": self._start(),
            "campaignId": self._campaign(),
        }
        for chance, more in ((0.5, self._end()), (0.3, self._late_fact()), (0.3, self._verdict())):
            if pick() < chance:
                call = _with(call, more)
        if pick() < 0.05:
            call = _with(call, {"twilio.parentCallSid": "CA" + "9" * 32})
        return call

    def _change(self) -> dict[str, Any]:
        """Return an update of one thing."""
        dice = self._rng.random()
        if dice < 0.35:
            return {"$set": {"status": self._status(), "answerTime": self._now}}
        if dice < 0.55:
            return {"$set": {"status": self._rng.choice(TERMINAL), **self._end()}}
        if dice < 0.75:
            return {"$set": self._late_fact()}
        if dice < 0.85:
            return {"$set": self._verdict()}
        name = self._rng.choice(
            ["endTime", "duration", "outcome", "success", "twilio", "campaignId"]
        )
        changes = [
            {"$set": {"campaignId": self._campaign()}},
            {"$set": {"startTime": self._start()}},
            {"$set": {"twilio.parentCallSid": self._rng.choice([None, "CA" + "9" * 32])}},
            {"$set": {"sid": self._new_key()}},
            {"$set": {"direction": self._rng.choice(["outbound", "inbound"])}},
            {"$unset": {name: ""}},
        ]
        return self._rng.choice(changes)

    def _status(self) -> str:
        if self._rng.random() < 0.02:
            return "teleported"
        return self._rng.choices(_STATUSES, _STATUS_WEIGHTS)[0]

    def _campaign(self) -> str | None:
        return self._rng.choice([*CAMPAIGNS, CAMPAIGNS[0], CAMPAIGNS[0], None, ""])

    def _start(self) -> Any:
        """Return when a call began: mostly now, some on other days, around midnight, or never."""
        dice = self._rng.random()
        now = self._now.replace(microsecond=self._now.microsecond // 1_000 * 1_000)
        if dice < 0.5:
            return now - timedelta(milliseconds=self._rng.randrange(90_000))
        midnight = datetime.combine(now.astimezone(self._zone), datetime.min.time(), self._zone)
        if dice < 0.75:
            days = timedelta(days=self._rng.randrange(-3, 1))
            return (
                midnight.astimezone(UTC) + days + timedelta(seconds=self._rng.randrange(-900, 300))
            )
        if dice < 0.9:
            changed = self._rng.choice(_CLOCK_CHANGES)
            return changed + timedelta(minutes=self._rng.randrange(-180, 26 * 60))
        if dice < 0.96:
            told = now - timedelta(days=self._rng.randrange(3), seconds=self._rng.randrange(3_600))
            return told.isoformat() if dice < 0.93 else told.replace(tzinfo=None).isoformat()
        return self._rng.choice([None, "yesterday", 7])

    def _end(self) -> dict[str, Any]:
        """Return how a call ended, told well or badly."""
        duration: Any = self._rng.choice([0, 9, 10, 29, 30, 59, 61, 119, 120, 179, 180, 7_300])
        duration += self._rng.choice([0, 0, self._rng.randrange(60), 0.7])
        ended = self._now + timedelta(milliseconds=self._rng.randrange(-80_000, 80_000))
        said = {
            "duration": self._rng.choice([duration, duration, duration, None, "47"]),
            "endTime": self._rng.choice([ended, ended, ended.isoformat(), None]),
            "outcome": self._rng.choice(_OUTCOMES),
        }
        if self._rng.random() < 0.3:
            del said["endTime"]
        return said

    def _late_fact(self) -> dict[str, Any]:
        """Return what is known only after a call: what it cost, why it failed."""
        price = self._rng.choice(["-0.0140", "-0.01350", -0.0085, 0, "free", None, 3])
        return self._rng.choice(
            [
                {"twilio.price": price, "twilio.priceUnit": self._rng.choice(["USD", "EUR", "x"])},
                {"status": "failed", "twilio.sipResponseCode": self._rng.choice([404, 486, 7])},
                {"status": "failed"},
                # Millionths of 4,200 need more than 32 bits: MongoDB stores those as another type.
                {"elevenlabs.conversation.cost": self._rng.choice([318, 41.5, 0, 4_200])},
                {"elevenlabs.conversation.costUsd": self._rng.choice([0.0641, 0.1 + 0.2, None])},
                {"answerTime": self._rng.choice([self._now, None])},
            ]
        )

    def _verdict(self) -> dict[str, Any]:
        """Return how a conversation was judged."""
        return self._rng.choice(
            [
                {"success": True},
                {"success": False},
                {"success": None, "elevenlabs.conversation.callSuccessful": "unknown"},
                {"outcome": self._rng.choice(_OUTCOMES)},
            ]
        )

    def _told(self) -> list[InboxEntry]:
        """Return some webhooks of one call, understood as ingest does."""
        sid = self._new_key()
        self._keys.append(sid)
        begun = self._now - timedelta(minutes=self._rng.choice([0, 0, 3, 24 * 60]))
        query = f"campaignId={self._rng.choice(CAMPAIGNS[:2])}"

        def status(name: str, sequence: int, after_s: int, **more: str) -> Any:
            stamp = (begun + timedelta(seconds=after_s)).strftime("%a, %d %b %Y %H:%M:%S +0000")
            form = status_form_at(sid, name, sequence, after_s, Timestamp=stamp, **more)
            return callback(form, query, after_s)

        end = self._rng.choice(["completed", "completed", "busy", "failed", "no-answer"])
        lasted = str(self._rng.randrange(200))
        said = [
            status("initiated", 0, 0),
            status("ringing", 1, 3),
            status("in-progress", 2, 9),
            callback(amd_form(sid, self._rng.choice(["human", "machine_start"]))),
            status(end, 3, 60, CallDuration=lasted, SipResponseCode="486"),
            callback(recording_form(sid, 50)),
            transcript(f"conv_{sid}", 70, sid=sid, analysis={"call_successful": "success"}),
        ]
        kept = self._rng.sample(said, self._rng.randrange(1, len(said) + 1))
        return [entry for webhook in kept for entry in entries_of(webhook)]

    async def _change_campaign(self) -> None:
        key = self._rng.choice([*CAMPAIGNS, "winter"])
        if self._rng.random() < 0.2:
            await self._database.campaigns.delete_one({"_id": key})
            return
        contacts = self._rng.choice([None, 10, 100_000])
        said = {
            "name": key.title(),
            "status": self._rng.choice(["active", "paused"]),
            "totalContacts": contacts,
            "updatedAt": self._now,
        }
        await self._database.campaigns.update_one({"_id": key}, {"$set": said}, upsert=True)


def _with(call: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call with these paths set."""
    for path, value in more.items():
        *parents, leaf = path.split(".")
        node = call
        for name in parents:
            node = node.setdefault(name, {})
        node[leaf] = value
    return call
