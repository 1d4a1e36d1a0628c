"""ElevenLabs' webhook signature.

Header `ElevenLabs-Signature: t=<unix seconds>,v0=<hex>`, where
`hex = HMAC_SHA256(secret, "<t>.<raw body>")`:
https://elevenlabs.io/docs/eleven-api/resources/webhooks, as implemented by `elevenlabs` 2.78.0
`webhooks_custom.py`. Where we differ from that package is listed, with reasons, in
`tests/property/test_signature_differential.py`.
"""

import hashlib
import hmac
import math
import re
from collections.abc import Sequence

__all__ = ["check", "sign"]

_SECONDS = re.compile(r"[0-9]{1,12}")
"""Digits alone: `int()` also reads signs, underscores and digits of other scripts."""


def sign(body: bytes, secret: str, timestamp: int) -> str:
    """Return the value of `ElevenLabs-Signature` for a raw body sent at a unix time in seconds.

    >>> sign(b'{"type":"post_call_audio"}', "wsec_made_up", 1760454300)[:30]
    't=1760454300,v0=2f213881869097'
    """
    return f"t={timestamp},v0={_hex(str(timestamp), body, secret)}"


def check(
    header: str | None, body: bytes, secrets: Sequence[str], *, now_s: float, tolerance_s: float
) -> str | None:
    """Return None if the header is ElevenLabs' for this raw body, else why not, in a sentence.

    `now_s` is unix time. Its distance from the header's `t`, in either direction, may be
    `tolerance_s` at most. Any `v0` of the header may match, with any of the secrets, so that
    secrets can be changed without a gap. Empty secrets, which anybody could sign with, never
    match. Nothing raises, whatever the header.
    """
    if not header:
        return "the ElevenLabs-Signature header is missing"
    parts = [part.strip(" \t") for part in header.split(",")]
    times = [part[2:] for part in parts if part.startswith("t=")]
    signatures = [part[3:] for part in parts if part.startswith("v0=")]
    if len(times) != 1 or not signatures or _SECONDS.fullmatch(times[0]) is None:
        return "the ElevenLabs-Signature header is malformed; it must be t=<unix seconds>,v0=<hex>"
    age_s = now_s - int(times[0])
    if abs(age_s) > tolerance_s:
        excess_s = math.ceil(abs(age_s) - tolerance_s)
        direction = "old" if age_s > 0 else "far in the future"
        return (
            f"the time of the ElevenLabs-Signature is {excess_s} s too {direction}; "
            f"{tolerance_s:g} s are tolerated"
        )
    wanted = [_hex(times[0], body, secret).encode() for secret in secrets if secret]
    given = [_bytes(signature) for signature in signatures]
    matches = [hmac.compare_digest(one, other) for one in wanted for other in given]
    if not any(matches):
        return "no v0 of the ElevenLabs-Signature matches; check ELEVENLABS_WEBHOOK_SECRET"
    return None


def _hex(time_text: str, body: bytes, secret: str) -> str:
    """Return the signature for a time as it was sent."""
    # Fed in two parts: a body with audio has megabytes and would be copied otherwise.
    code = hmac.new(_bytes(secret), digestmod=hashlib.sha256)
    code.update(time_text.encode() + b".")
    code.update(body)
    return code.hexdigest()


def _bytes(text: str) -> bytes:
    """Return UTF-8, also for half a surrogate pair: junk must fail without an error."""
    return text.encode("utf-8", "surrogatepass")
