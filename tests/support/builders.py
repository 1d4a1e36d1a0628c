"""Made-up calls, webhooks, changes and deltas, and the recorded samples, for every test."""

import json
from asyncio import sleep as turn
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from callboard.domain.changes import Change, ClusterTime
from callboard.domain.lattice import CallFact, state
from callboard.domain.stream import Delta, Position, Snapshot, Watermark
from callboard.domain.webhooks import ELEVENLABS, KeptWebhook

START = datetime(2026, 3, 26, 8, 15, tzinfo=UTC)
AT = "2026-03-26T08:15:00.000Z"
TOKEN = "made-up-token"
SECRET = "wsec_made-up"
CONVERSATION = "conv_1"
FIXTURES = Path(__file__).parent.parent / "fixtures"

Pairs = list[tuple[str, str]]


def sid(number: int = 1) -> str:
    """Return a made-up call SID."""
    return f"CA{number:032x}"


def sample(name: str) -> Any:
    """Return a recorded sample as it is."""
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def sample_bytes(name: str) -> bytes:
    """Return a recorded sample's bytes."""
    return (FIXTURES / name).read_bytes()


def sample_forms(name: str) -> list[Pairs]:
    """Return a sample's forms in the order they were delivered, each as sent: pairs."""
    found = sample(name)
    if isinstance(found, dict) and "deliveries" in found:
        found = [delivery["form"] for delivery in found["deliveries"]]
    forms = found if isinstance(found, list) else [found]
    return [list(form.items()) for form in forms]


def a_form(**fields: str | None) -> Pairs:
    """Return a status callback's form; None leaves a field out."""
    form: dict[str, str | None] = {
        "CallSid": sid(),
        "Direction": "outbound-api",
        "From": "+14155550100",
        "To": "+13605550142",
        "CallStatus": "ringing",
        "SequenceNumber": "1",
        "Timestamp": "Thu, 26 Mar 2026 08:14:58 +0000",
        **fields,
    }
    return [(name, value) for name, value in form.items() if value is not None]


def a_fact(**fields: Any) -> CallFact:
    """Return what a ringing callback says."""
    said: dict[str, Any] = {
        "key": sid(),
        "event_key": f"twilio:{sid()}:status:1:ringing",
        "kind": "status",
        "most": {
            "updatedAt": START,
            "twilio.state": state("ringing", 1),
            "twilio.direction": "outbound",
            "campaignId": "spring",
            "contactName": "Ada",
        },
        "least": {"twilio.seen.ringing": START, "twilio.startedAt": START},
    }
    return CallFact(**{**said, **fields})


def an_event(kind: str = "post_call_transcription", at: Any = 1_774_512_960, **data: Any) -> bytes:
    """Return an ElevenLabs event's body; None leaves a field of its data out."""
    said = {"conversation_id": CONVERSATION, "agent_id": "agent_1", **data}
    present = {name: value for name, value in said.items() if value is not None}
    return json.dumps({"type": kind, "event_timestamp": at, "data": present}).encode()


def a_cloud_event(parameters: Any, **fields: Any) -> dict[str, Any]:
    """Return an Event Streams event that repeats a callback."""
    request = {"method": "POST", "url": "https://calls.example.com/cb", "parameters": parameters}
    return {
        "specversion": "1.0",
        "id": "EZ1",
        "type": "com.twilio.voice.status-callback.call.ringing",
        "data": {"request": request},
        **fields,
    }


def a_kept(body: bytes, path: str = ELEVENLABS, query: str = "") -> KeptWebhook:
    """Return a webhook as it is kept, received at `START`."""
    return KeptWebhook(path, query, body, START)


def a_call(number: int = 1, **fields: Any) -> dict[str, Any]:
    """Return a stored call that rings for the campaign `spring`."""
    return {
        "_id": sid(number),
        "sid": sid(number),
        "status": "ringing",
        "direction": "outbound",
        "startTime": START,
        "campaignId": "spring",
        **fields,
    }


def a_change(
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    at: ClusterTime = (100, 1),
    collection: str = "calls",
) -> Change:
    """Return a change; its kind follows from which of the two is missing."""
    kind = "insert" if before is None else "delete" if after is None else "update"
    return Change(collection, kind, before, after, at)


def a_delta(
    offset: int, key: str = "a", value: bytes = b"1", *, keep: bool = True, epoch: int = 1
) -> Delta:
    """Return a delta of a view."""
    change = "update" if keep else "delete"
    return Delta(Position(epoch, offset), key, change, value, keep=keep, at=AT)


async def settle(turns: int = 20) -> None:
    """Let everything that can go on without the clock do so."""
    for _ in range(turns):
        await turn(0)


async def until(holds: Callable[[], object], turns: int = 500) -> None:
    """Let others go on until something holds; no time passes."""
    for _ in range(turns):
        if holds():
            return
        await turn(0)
    message = "it never came to hold"
    raise AssertionError(message)


class MemoryView:
    """A view's pen that writes to memory: `flushed` is what readers would see."""

    def __init__(self, name: str, seen: list[tuple[str, Any]] | None = None) -> None:
        self.name = name
        self.seen = seen if seen is not None else []
        self.snapshot = Snapshot({}, Position(0, 0), "")
        self.deltas: list[Delta] = []
        self.flushed: dict[str, bytes] = {}
        self.failure: Exception | None = None
        self.watermark = Watermark()

    @property
    def items(self) -> Mapping[str, bytes]:
        """Return the items, staged deltas included."""
        return self.snapshot.items

    @property
    def position(self) -> Position:
        """Return the position, staged deltas included."""
        return self.snapshot.position

    def reset(self, items: Mapping[str, bytes], epoch: int, at: str) -> None:
        """Begin an epoch."""
        self.snapshot = Snapshot(items, Position(epoch, 0), at)
        self.deltas.clear()

    def stage(self, key: str, change: str, value: bytes, *, keep: bool, at: str) -> None:
        """Move on by one delta."""
        position = Position(self.position.epoch, self.position.offset + 1)
        delta = Delta(position, key, change, value, keep=keep, at=at)
        self.snapshot.apply(delta)
        self.deltas.append(delta)

    async def flush(self, watermark: Watermark, *, vouch: bool = False) -> None:
        """Write what is staged, unless it is made to fail."""
        del vouch  # in memory nothing expires
        self.watermark = watermark
        await turn(0)
        self.seen.append(("flush", self.name))
        if self.failure is not None:
            raise self.failure
        self.flushed = dict(self.items)

    def shown(self) -> dict[str, Any]:
        """Return what readers see, decoded."""
        return {key: json.loads(value) for key, value in self.flushed.items()}

    def changes(self) -> list[tuple[str, str]]:
        """Return what was staged since the epoch began: key and change."""
        return [(delta.key, delta.change) for delta in self.deltas]
