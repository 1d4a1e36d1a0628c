"""Checks are bounded, independent and told well; no secret is ever shown."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from callboard.app.doctor.configuration import Given, configuration
from callboard.app.doctor.examination import diagnose
from callboard.app.doctor.findings import BUG, Check, Finding, examine, exit_code
from callboard.app.doctor.rendering import as_json, as_text, secrets_of, without_secrets
from callboard.app.doctor.signatures import signatures
from callboard.app.doctor.web import Answer, Target
from callboard.clock import SystemClock
from callboard.errors import StoreUnavailable, Unavailable
from callboard.settings import Settings

OK = Finding("ok", "a.b", "it is well")
NOTE = Finding("note", "a.b", "it is odd")
WARNING = Finding("warning", "a.b", "it is bad", "mend it")
FAULT = Finding("fault", "a.b", "it is broken", "mend it at once")
UNSEEN = Finding("note", "a.b", "it is dark", "make light", unseen=True)


async def test_a_check_that_hangs_is_a_finding_and_keeps_what_it_found() -> None:
    async def hangs() -> AsyncIterator[Finding]:
        yield OK
        await asyncio.Event().wait()

    async def quick() -> AsyncIterator[Finding]:
        yield NOTE

    checks = [Check("slow", hangs, 0.05, advice="wake it"), Check("quick", quick)]
    first, hung, second = await examine(checks)
    assert (first, second) == (OK, NOTE)
    assert (hung.level, hung.name, hung.what_to_do) == ("fault", "slow", "wake it")
    assert "no answer within 0.05 s" in hung.what


async def test_a_check_that_fails_is_a_finding_and_holds_nobody_up() -> None:
    async def away() -> AsyncIterator[Finding]:
        message = "MongoDB is away"
        raise StoreUnavailable(message)
        yield OK

    async def broken() -> AsyncIterator[Finding]:
        yield OK
        raise KeyError("x")

    async def quick() -> AsyncIterator[Finding]:
        yield OK

    found = await examine([Check("a", away), Check("b", broken), Check("c", quick)])
    assert [finding.level for finding in found] == ["fault", "ok", "warning", "ok"]
    assert found[0].what == "MongoDB is away"
    assert found[2].what_to_do == BUG
    assert exit_code(found[1:]) == 2


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([], 0),
        ([OK, NOTE, WARNING], 0),
        ([OK, FAULT, UNSEEN], 1),
        ([OK, UNSEEN], 2),
    ],
)
def test_the_exit_code(findings: list[Finding], code: int) -> None:
    assert exit_code(findings) == code
    assert orjson.loads(as_json(findings))["exitCode"] == code


def test_people_read_what_needs_them_last_and_what_to_do() -> None:
    text = as_text([FAULT, OK, WARNING, NOTE])
    levels = [line.split()[0] for line in text.splitlines() if "a.b" in line]
    assert [level.strip("\x1b[0123456789m") for level in levels] == [
        "ok",
        "note",
        "warning",
        "fault",
    ]
    assert "→ mend it at once" in text
    assert text.endswith("something is broken: 1 ok, 1 note, 1 warning, 1 fault")
    assert as_text([OK, OK]).endswith("all is well: 2 ok")
    assert as_text([WARNING]).endswith("it works, but see the warnings: 1 warning")
    assert as_text([UNSEEN]).endswith("not everything could be looked at: 1 note")


def test_programs_read_json() -> None:
    document = orjson.loads(as_json([FAULT, OK]))
    assert document["counts"] == {"ok": 1, "note": 0, "warning": 0, "fault": 1}
    assert document["findings"][0] == {
        "level": "fault",
        "name": "a.b",
        "what": "it is broken",
        "whatToDo": "mend it at once",
    }


SECRETS = [
    name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)
]
WORDS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_characters=",:/@?#[]%&"),
    min_size=8,
    max_size=40,
).map("s~{}".format)
"""No word of ours, of which hypothesis knows every one: `findings` stands in each document."""


def settings_with(name: str, secret: str) -> Settings:
    """Return settings of which one secret is this, in the shape that its setting has."""
    shapes = {
        "mongodb_url": f"mongodb://me:{secret}@db.example:27017/calls?replicaSet=rs0",
        "redis_url": f"redis://me:{secret}@cache.example:6379/0",
        "twilio_shared_keys": f"SK1:{secret}",
        "api_keys": f"board:read:{secret}",
    }
    given_to = {name: SecretStr(shapes.get(name, secret))}
    return Settings(_env_file=None).model_copy(update=given_to)


def test_every_secret_of_the_settings_is_known_here() -> None:
    assert {"mongodb_url", "redis_url", "redis_password", "twilio_auth_token"} <= set(SECRETS)
    assert len(SECRETS) >= 8


@pytest.mark.parametrize("name", SECRETS)
@given(secret=WORDS)
async def test_no_secret_is_ever_shown(name: str, secret: str) -> None:
    settings = settings_with(name, secret)
    whole = getattr(settings, name).get_secret_value()
    findings = [
        Finding("fault", "x", f"the driver says: cannot use {whole}", f"mend {secret}"),
        *[finding async for finding in configuration(settings, Given({name.upper(): whole}))],
        *[finding async for finding in signatures(settings, SystemClock())],
    ]
    shown = without_secrets(findings, secrets_of(settings))
    assert secret not in as_text(shown)
    assert secret not in as_json(shown)


class _Telltale:
    """A network whose errors repeat what they were given."""

    async def get(self, url: str, key: str | None = None) -> Answer:
        """Reach nobody."""
        message = f"cannot reach {url} with {key}"
        raise Unavailable(message)


async def test_an_examination_without_engines_shows_no_secret_and_says_what_to_do() -> None:
    secrets: dict[str, Any] = {
        "mongodb_url": SecretStr("mongodb://me:hunter-mongo@127.0.0.1:1/calls?retryreadz=1"),
        "redis_url": SecretStr("redis://me:hunter-redis@127.0.0.1:1"),
        "redis_password": SecretStr("hunter-password"),
        "api_keys": SecretStr("board:read:hunter"),
        "public_url": "https://board.example.com",
    }
    settings = Settings(_env_file=None).model_copy(update=secrets)
    target = Target("http://127.0.0.1:1", "hunter-key", is_named=True)
    found = await diagnose(settings, Given(), target, _Telltale(), SystemClock())
    assert "hunter" not in as_text(found) + as_json(found)
    faults = {finding.name for finding in found if finding.level == "fault"}
    assert faults == {
        *("mongodb.reachable", "redis.reachable", "server.reachable", "settings.api-keys")
    }
    assert "Unknown option: retryreadz" in as_text(found)
    assert all(finding.what_to_do for finding in found if finding.level != "ok")
