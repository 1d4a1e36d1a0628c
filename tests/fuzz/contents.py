"""What vendors send, what they would never send, and what lies between: targets and bodies.

Ids come from small pools that move on: calls meet their conversations, begin and end, and a
server whose memory grows does not do it because it has ever more calls to show.
"""

import base64
import hashlib
import json
import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fuzz.shapes import Pairs, Shapes
from support.builders import FIXTURES, sample

from callboard.clock import SystemClock
from callboard.domain.webhooks import CALL_STATUS, ELEVENLABS, INITIATION, TWILIO_EVENTS

__all__ = ["Content", "Contents", "Vendor"]

CALLS, CONVERSATIONS, CAMPAIGNS = 1_500, 800, 60
_MOVES_ON_EVERY = 2
_KB, _MB = 1024, 1024 * 1024
_STATUSES = ("queued", "initiated", "ringing", "in-progress", "completed", "busy", "no-answer",
             "failed", "canceled")  # fmt: skip


@dataclass(frozen=True)
class Vendor:
    """What a request is signed for."""

    url: str
    token: str
    shared: tuple[str, str]
    secret: str


@dataclass(frozen=True)
class Content:
    """A request before it is signed and framed."""

    kind: str
    path: str
    body: bytes
    query: str = ""
    good: bool = False
    """Whether it is taken if nothing else is wrong with it."""


def _forms() -> list[Pairs]:
    found: list[Pairs] = []
    for path in sorted(FIXTURES.glob("twilio_*.json")):
        said = sample(path.name)
        if isinstance(said, dict) and "deliveries" in said:
            said = [delivery["form"] for delivery in said["deliveries"]]
        forms = said if isinstance(said, list) else [said]
        found += [list(form.items()) for form in forms if "CallSid" in form]
    return found


class Contents:
    """Makes one content after the other."""

    def __init__(self, chance: random.Random) -> None:
        self._shapes = Shapes(chance)
        self._chance = chance
        self._clock = SystemClock()
        self._made = 0
        self._callbacks = _forms()
        self._events = sample("twilio_event_streams_batch.json")
        names = sorted(FIXTURES.glob("elevenlabs_*.json"))
        said = [sample(path.name) for path in names]
        self._reports = [one for one in said if isinstance(one, dict) and "type" in one]
        self._request = sample("elevenlabs_conversation_initiation_request.json")
        self._makers: dict[Callable[[], Content], float] = {
            self._callback: 22,
            self._odd_callback: 20,
            self._junk_form: 5,
            self._batch: 4,
            self._odd_batch: 6,
            self._report: 9,
            self._odd_report: 16,
            self._junk_json: 8,
            self._audio: 1,
            self._initiation: 4,
            self._odd_initiation: 5,
            self._at_a_limit: 0.7,
            self._huge: 0.03,
        }

    def make(self) -> Content:
        """Return the next one."""
        self._made += 1
        (maker,) = self._chance.choices([*self._makers], [*self._makers.values()])
        return maker()

    def _sid(self) -> str:
        return f"CA{self._call():032x}"

    def _call(self) -> int:
        return self._made // _MOVES_ON_EVERY + self._chance.randrange(CALLS)

    def _conversation(self) -> str:
        number = self._made // _MOVES_ON_EVERY + self._chance.randrange(CONVERSATIONS)
        return f"conv_{number:04d}"

    def _query(self) -> str:
        number = self._chance.randrange(CAMPAIGNS)
        odd = self._shapes.pick(["", "$gt", "a.b", "é", "😀", "\x00"])
        said = {
            "campaignId": f"c{number}{odd}",
            "contactId": f"lead-{number}",
            "contactName": f"{odd}Ada {number}",
            "agentName": f"Nova {number % 7}",
            "agentId": odd,
            "callId": f"own-{self._call()}",
        }
        names = self._chance.sample([*said], self._chance.randrange(len(said) + 1))
        return urlencode({name: said[name] for name in names})

    def _instant(self) -> str:
        second = timedelta(seconds=self._chance.randrange(3 * 86_400))
        return format_datetime(self._clock.now() - second)

    def _form(self) -> Pairs:
        """Return a callback as Twilio sends it, about one of our calls."""
        fields = dict(self._shapes.pick(self._callbacks))
        fields["CallSid"] = self._sid()
        if "CallStatus" in fields:
            fields["CallStatus"] = self._shapes.pick(_STATUSES)
            fields["Timestamp"] = self._instant()
            fields["SequenceNumber"] = str(self._chance.randrange(5))
        if "RecordingSid" in fields:
            fields["RecordingSid"] = "RE" + fields["CallSid"][2:]
        if self._shapes.often(0.03):
            fields["ParentCallSid"] = self._sid()
        return list(fields.items())

    def _callback(self) -> Content:
        body = urlencode(self._form()).encode()
        return Content("callback", CALL_STATUS, body, self._query(), good=True)

    def _odd_callback(self) -> Content:
        body = self._shapes.encoded(self._shapes.form(self._form()))
        if self._shapes.often(0.05):
            body = self._shapes.spoiled(body)
        query = self._query()
        if self._shapes.often(0.2):
            pairs = self._shapes.form(parse_qsl(query))
            query = self._shapes.encoded(pairs).decode("ascii").replace(" ", "+")
        return Content("odd callback", CALL_STATUS, body, query)

    def _junk_form(self) -> Content:
        if self._shapes.often(0.3):
            body = self._chance.randbytes(self._chance.randrange(200))
        else:
            fields = self._chance.choice([0, 3, 199, 200, 201, 5_000])
            body = self._shapes.encoded([(self._shapes.text()[:9], "1")] * fields)
        return Content("junk form", CALL_STATUS, body)

    def _event(self) -> dict[str, Any]:
        event: dict[str, Any] = deepcopy(self._shapes.pick(self._events))
        # Some ids come again, in the same batch and in others.
        event["id"] = f"EZ{self._chance.randrange(40_000):032x}"
        form = dict(self._form())
        kind = "call.completed" if "CallStatus" in form else "amd.detected"
        event["type"] = f"com.twilio.voice.status-callback.{kind}"
        event["data"]["request"]["parameters"] = form
        event["data"]["request"]["url"] = "https://calls.example.com/cb?" + self._query()
        return event

    def _batch(self) -> Content:
        (size,) = self._chance.choices([1, 3, 40, 300, 1_000, 1_001], [60, 25, 10, 4, 1, 1])
        events = [self._event() for _ in range(min(size, 60))]
        events = [
            {**events[number % len(events)], "id": f"EZ{self._chance.randrange(40_000):032x}"}
            for number in range(size)
        ]
        body = json.dumps(events[0] if size == 1 and self._shapes.often(0.5) else events).encode()
        return Content("batch", TWILIO_EVENTS, body, good=size <= 1_000)

    def _odd_batch(self) -> Content:
        events = [self._event() for _ in range(self._chance.randrange(1, 6))]
        body = self._shapes.written(self._shapes.mutated(events))
        return Content("odd batch", TWILIO_EVENTS, body)

    def _told(self) -> dict[str, Any]:
        """Return an event as ElevenLabs sends it, about one of our conversations."""
        report: dict[str, Any] = deepcopy(self._shapes.pick(self._reports))
        report["event_timestamp"] = int(self._clock.now().timestamp()) - self._chance.randrange(9)
        data = report["data"]
        if "conversation_id" in data:
            data["conversation_id"] = self._conversation()
        metadata = data.get("metadata") or {}
        if phone := metadata.get("phone_call"):
            phone["call_sid"] = self._sid()
        if (body := metadata.get("body")) and "CallSid" in body:
            body["CallSid"] = self._sid()
        if client := data.get("conversation_initiation_client_data"):
            own_id = f"own-{self._call()}"
            client["dynamic_variables"] = {"callboard_call_id": own_id}
            if self._shapes.often(0.3) and (phone := metadata.get("phone_call")):
                del phone["call_sid"]
        return report

    def _report(self) -> Content:
        return Content("report", ELEVENLABS, json.dumps(self._told()).encode(), good=True)

    def _odd_report(self) -> Content:
        body = self._shapes.written(self._shapes.mutated(self._told()))
        return Content("odd report", ELEVENLABS, body)

    def _junk_json(self) -> Content:
        path = self._shapes.pick([TWILIO_EVENTS, ELEVENLABS, INITIATION])
        return Content("junk json", path, self._shapes.written(self._shapes.tree()))

    def _sound(self, size: int) -> bytes:
        encoded = base64.b64encode(b"ID3\x04" * (size // 4)).decode()
        said = {"agent_id": "a", "conversation_id": self._conversation(), "full_audio": encoded}
        at = int(self._clock.now().timestamp())
        report = {"type": "post_call_audio", "event_timestamp": at, "data": said}
        return json.dumps(report).encode()

    def _audio(self) -> Content:
        size = self._shapes.pick([0, 4, 40_000, 400_000])
        return Content("audio", ELEVENLABS, self._sound(size), good=True)

    def _initiation(self) -> Content:
        body = json.dumps({**self._request, "call_sid": self._sid()}).encode()
        return Content("initiation", INITIATION, body, good=True)

    def _odd_initiation(self) -> Content:
        request = {**self._request, "call_sid": self._sid()}
        body = self._shapes.written(self._shapes.mutated(request))
        return Content("odd initiation", INITIATION, body)

    def _at_a_limit(self) -> Content:
        """Return a body as large as may be, or by a little larger."""
        limit, path = self._shapes.pick(
            [(256 * _KB, CALL_STATUS), (256 * _KB, INITIATION), (4 * _MB, TWILIO_EVENTS)]
        )
        size = limit + self._shapes.pick([-1, 0, 1, 5_000, 70_000])
        if path == CALL_STATUS:
            begin, end = urlencode(self._form()).encode() + b"&Long=", b""
        elif path == INITIATION:
            begin, end = b'{"call_sid":"%s","x":"' % self._sid().encode(), b'"}'
        else:
            begin, end = json.dumps(self._event()).encode()[:-1] + b',"x":"', b'"}'
        body = begin + b"x" * (size - len(begin) - len(end)) + end
        return Content("at a limit", path, body, good=size <= limit)

    def _huge(self) -> Content:
        """Return what is larger than a document may be, with audio and without."""
        act = self._shapes.pick(["audio", "too much audio", "report"])
        if act == "report":
            report = self._told()
            report["data"]["transcript"] = [{"role": "user", "message": "x" * 13 * _MB}]
            return Content("huge report", ELEVENLABS, json.dumps(report).encode())
        size = (22 if act == "audio" else 26) * _MB
        return Content(f"huge {act}", ELEVENLABS, self._sound(size), good=act == "audio")


def body_hash(body: bytes) -> str:
    """Return the query by which Twilio names a body that is no form."""
    return "bodySHA256=" + hashlib.sha256(body).hexdigest()
