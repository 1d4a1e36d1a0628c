"""ElevenLabs' request signature: the published vectors, the window, and junk."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from support.builders import sample

from callboard.vendors.elevenlabs.signature import check, sign

VECTORS: list[dict[str, Any]] = sample("signature_vectors.json")["elevenlabs"]
BODY = b'{"type":"post_call_transcription"}'
SECRET = "wsec_made_up"
SENT = 1_760_454_300
HEADER = sign(BODY, SECRET, SENT)
HEX = HEADER.partition("v0=")[2]
TOLERANCE_S = 1_800.0


def problem(
    header: str | None,
    body: bytes = BODY,
    secrets: Sequence[str] = (SECRET,),
    now_s: float = SENT,
) -> str | None:
    """Check a header within half an hour."""
    return check(header, body, secrets, now_s=now_s, tolerance_s=TOLERANCE_S)


@pytest.mark.parametrize("vector", VECTORS, ids=["plain", "not ASCII"])
def test_every_published_vector_holds(vector: dict[str, Any]) -> None:
    body, sent = vector["body"].encode(), vector["timestamp"]
    assert sign(body, vector["secret"], sent) == vector["header"]
    assert problem(vector["header"], body, [vector["secret"]], sent) is None
    assert problem(vector["header"], body, [vector["secret"] + "6"], sent) is not None
    assert problem(vector["header"], body + b" ", [vector["secret"]], sent) is not None


@pytest.mark.parametrize("header", [None, ""])
def test_a_missing_header_is_named(header: str | None) -> None:
    assert problem(header) == "the ElevenLabs-Signature header is missing"


@pytest.mark.parametrize(
    "header",
    [
        "junk",
        ",",
        f"v0={HEX}",
        f"t=,v0={HEX}",
        f"t={SENT}",
        f"t={SENT},{HEX}",
        f"t={SENT},v1={HEX}",
        f"T={SENT},V0={HEX}",
        f"t={SENT};v0={HEX}",
        f"t={SENT},t={SENT},v0={HEX}",
        f"t=yesterday,v0={HEX}",
        f"t=-{SENT},v0={HEX}",
        f"t=+{SENT},v0={HEX}",
        f"t={SENT}.0,v0={HEX}",
        f"t=1_760_454_300,v0={HEX}",
        f"t= {SENT},v0={HEX}",
        f"t=\u0661{str(SENT)[1:]},v0={HEX}",
        f"t=1e9,v0={HEX}",
        f"t={'9' * 13},v0={HEX}",
        f"t={'9' * 10_000},v0={HEX}",
        f"t=\ud800,v0={HEX}",
    ],
)
def test_a_malformed_header_is_named_without_an_error(header: str) -> None:
    assert "malformed" in (problem(header) or "")


@pytest.mark.parametrize(
    ("late_s", "said"),
    [
        (0, None),
        (1_800, None),
        (-1_800, None),
        (1_800.25, "is 1 s too old; 1800 s are tolerated"),
        (1_801, "is 1 s too old; 1800 s are tolerated"),
        (-1_801, "is 1 s too far in the future; 1800 s are tolerated"),
        (86_400, "is 84600 s too old; 1800 s are tolerated"),
        (-86_400, "is 84600 s too far in the future; 1800 s are tolerated"),
    ],
)
def test_the_window_has_two_sides_and_its_bounds_are_inside(
    late_s: float, said: str | None
) -> None:
    found = problem(HEADER, now_s=SENT + late_s)
    assert found == (said and f"the time of the ElevenLabs-Signature {said}")


def test_the_oldest_and_the_furthest_time_are_outside_the_window() -> None:
    assert "too old" in (problem(sign(BODY, SECRET, 0)) or "")
    assert "too far in the future" in (problem(sign(BODY, SECRET, 999_999_999_999)) or "")


def test_the_time_is_signed_as_it_was_sent() -> None:
    digits = f"0{SENT}"
    header = sign(BODY, SECRET, SENT).replace(str(SENT), digits)
    assert "no v0" in (problem(header) or "")
    signed = sign(f"{SENT}.".encode() + BODY, SECRET, 0).replace("t=0", f"t=0.{SENT}")
    assert "malformed" in (problem(signed) or "")


@pytest.mark.parametrize(
    "header",
    [
        f"v0={HEX},t={SENT}",
        f"t={SENT}, v0={HEX}",
        f" t={SENT} ,\tv0={HEX} ",
        f"t={SENT},v0={HEX},v0={'0' * 64}",
        f"t={SENT},v0={'0' * 64},v0={HEX}",
        f"t={SENT},v0=,v0={HEX}",
        f"t={SENT},v1=later,v0={HEX},",
    ],
)
def test_parts_come_in_any_order_and_any_v0_may_match(header: str) -> None:
    assert problem(header) is None


@pytest.mark.parametrize(
    "signature",
    ["", "0" * 64, HEX.upper(), HEX[:-1], HEX + "0", f"0x{HEX}", "\xff", "\ud800", "a" * 10_000],
)
def test_a_v0_that_does_not_match_is_named(signature: str) -> None:
    assert re.match("no v0 of the .* matches; check", problem(f"t={SENT},v0={signature}") or "")


def test_any_secret_may_match_while_secrets_change() -> None:
    assert problem(HEADER, secrets=["wsec_new", SECRET]) is None
    assert problem(HEADER, secrets=[SECRET, "wsec_new"]) is None
    assert problem(HEADER, secrets=["wsec_new"]) is not None


def test_no_secret_and_an_empty_one_match_nothing() -> None:
    assert problem(HEADER, secrets=[]) is not None
    assert problem(sign(BODY, "", SENT), secrets=[""]) is not None


def test_a_body_that_is_no_text_is_checked_as_it_came() -> None:
    body = b"\xff\x00\r\n"
    assert problem(sign(body, SECRET, SENT), body) is None
