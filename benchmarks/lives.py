"""Whole Twilio calls as request bytes, built and signed before the clock starts.

The forms are those of the captured samples, every field of them; what differs from call to call
is put into templates, so that a request costs a few microseconds to build. The signature is
made here and not by callboard's own code: two readings of Twilio's algorithm have to agree.
"""

import base64
import hashlib
import hmac
import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlencode

__all__ = ["LIFE_LENGTH", "Calls", "Life"]

Life = list[bytes]
"""The requests of one call, in order."""

CAMPAIGNS = 20
LIFE_LENGTH = 6
ALIVE_LENGTH = 3
"""How many of a life's requests leave the call standing: initiated, ringing, in-progress."""
REPEAT_EVERY = 50

_FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures"
_SPAN_S = 3_600
_QUERY = (
    ("campaignId", "camp_{campaign}"),
    ("contactId", "contact_{number}"),
    ("contactName", "Ada Okafor {number}"),
    ("agentName", "Agent {campaign}"),
)
_VARIED = {
    "CallSid": "CA{sid}",
    "To": "+1360{to}",
    "Called": "+1360{to}",
    "Timestamp": "{at}",
    "AnsweredBy": "{answered_by}",
    "RecordingSid": "RE{sid}",
    "RecordingUrl": "https://api.twilio.com/2010-04-01/Accounts/AC0/Recordings/RE{sid}",
    "RecordingStartTime": "{at}",
}


@dataclass(frozen=True, slots=True)
class _Template:
    """One request of a life; `{…}` is what differs."""

    after_s: int
    form: str
    """Names and values in the order in which they are signed."""
    body: str


def _template(form: dict[str, str], after_s: int) -> _Template:
    pairs = {name: _VARIED.get(name, value) for name, value in form.items()}
    signed = "".join(name + pairs[name] for name in sorted(pairs))
    return _Template(after_s, signed, urlencode(pairs, safe="{}"))


@cache
def _templates() -> list[_Template]:
    """Return a life in order: initiated, ringing, in-progress, AMD, completed, recording."""
    outbound = json.loads((_FIXTURES / "twilio_outbound_full_lifecycle.json").read_text())
    amd = json.loads((_FIXTURES / "twilio_amd_async.json").read_text())
    recording = json.loads((_FIXTURES / "twilio_recording_completed.json").read_text())
    forms = [*outbound[:3], amd, outbound[3], recording]
    seconds = (0, 3, 11, 16, 58, 60)
    templates = [_template(form, after_s) for form, after_s in zip(forms, seconds, strict=True)]
    assert len(templates) == LIFE_LENGTH
    return templates


class Calls:
    """Makes the calls of one load; no two of them are the same call."""

    def __init__(
        self, url: str, token: str, start: datetime, seed: int, campaigns: int = CAMPAIGNS
    ) -> None:
        self._host = url.partition("://")[2]
        self._url = url
        self._key = token.encode()
        self._moments = [
            format_datetime(start + timedelta(seconds=second)) for second in range(_SPAN_S + 60)
        ]
        self._quoted = [quote(moment, safe="").replace("%20", "+") for moment in self._moments]
        query = urlencode(_QUERY, safe="{}", quote_via=quote)
        self._target = "/webhook/call-status?" + query
        self._random = random.Random(seed)  # noqa: S311  (repeatable, not secret)
        self._number = 0
        self._campaigns = campaigns

    def standing(self) -> Life:
        """Return the requests of a call that stays alive."""
        return self._life(ALIVE_LENGTH)

    def whole(self) -> Life:
        """Return the requests of a call from its beginning to its recording, some twice."""
        return [
            copy
            for request in self._life(LIFE_LENGTH)
            for copy in (request,) * (1 + (self._random.randrange(REPEAT_EVERY) == 0))
        ]

    def _life(self, length: int) -> Life:
        self._number += 1
        number = self._number
        values = {
            "sid": f"{self._random.getrandbits(64):016x}{number:016x}",
            "to": f"{number % 10_000_000:07d}",
            "number": str(number),
            "campaign": str(number % self._campaigns),
            "answered_by": "machine_end_beep" if number % 4 == 0 else "human",
        }
        second = number % (_SPAN_S - 60)
        return [self._request(template, values, second) for template in _templates()[:length]]

    def _request(self, template: _Template, values: dict[str, str], second: int) -> bytes:
        moment = second + template.after_s
        target = self._target.format_map(values)
        values["at"] = self._moments[moment]
        signed = self._url + target + template.form.format_map(values)
        digest = hmac.digest(self._key, signed.encode(), hashlib.sha1)
        values["at"] = self._quoted[moment]
        body = template.body.format_map(values)
        return (
            f"POST {target} HTTP/1.1\r\n"
            f"Host: {self._host}\r\n"
            "User-Agent: TwilioProxy/1.1\r\n"
            "Accept: */*\r\n"
            "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\n"
            f"I-Twilio-Idempotency-Token: {values['sid']}-{template.after_s}\r\n"
            f"X-Twilio-Signature: {base64.b64encode(digest).decode()}\r\n"
            f"\r\n{body}"
        ).encode()
