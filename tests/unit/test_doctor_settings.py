"""What settings alone tell the doctor: sources, typos, halves, open doors, addresses."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from callboard.app.doctor.configuration import Given, configuration, source_of
from callboard.app.doctor.findings import Finding
from callboard.app.doctor.signatures import Outcomes, refusals, signatures
from callboard.clock import SystemClock
from callboard.settings import Settings, given, name_of

TOKEN = SecretStr("0123456789abcdef0123456789abcdef")
SECRET = SecretStr("wsec_0123456789")
BOTH: dict[str, Any] = {"twilio_auth_token": TOKEN, "elevenlabs_webhook_secret": SECRET}
PROXIED: dict[str, Any] = {
    **BOTH,
    "twilio_account_sid": "AC1",
    "public_url": "https://board.example.com",
    "trusted_proxies": "10.0.0.5",
}


async def found(told: Given | None = None, **values: Any) -> list[Finding]:
    """Return what is found in settings with these values, beside what is well."""
    settings = Settings(_env_file=None).model_copy(update=values)
    looked = [finding async for finding in configuration(settings, told or Given())]
    return [finding for finding in looked if finding.level != "ok"]


def names(findings: list[Finding]) -> set[tuple[str, str]]:
    """Return level and name of each."""
    assert all(finding.what_to_do for finding in findings)
    return {(finding.level, finding.name) for finding in findings}


async def test_nothing_is_found_in_good_settings() -> None:
    assert await found(**PROXIED) == []


def test_each_value_has_its_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(name_of(field), raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("CALLBOARD_TIMEZONE=Europe/Madrid\nREDIS_URL=\nMONGODB_URL=x\n")
    monkeypatch.setenv("CALLBOARD_DATA_DIR", "/data")
    monkeypatch.setenv("MONGODB_URL", "y")
    environment, file = given()
    told = Given(environment, file)
    sources = {name: source_of(name, told) for name in ("CALLBOARD_TIMEZONE", "MONGODB_URL")}
    assert sources == {"CALLBOARD_TIMEZONE": ".env", "MONGODB_URL": "environment"}
    assert source_of("REDIS_URL", told) == "default"
    assert source_of("CALLBOARD_DATA_DIR", told) == "environment"


async def test_sources_are_told_and_no_secret() -> None:
    told = Given(
        {"REDIS_PASSWORD": "hunter", "CALLBOARD_TIMEZONE": "Europe/Madrid"},
        {"REDIS_PASSWORD": "hunted", "MONGODB_URL": "mongodb://me:hunt@db/calls"},
    )
    values = {
        "redis_password": SecretStr("hunter"),
        "timezone": "Europe/Madrid",
        "mongodb_url": SecretStr("mongodb://me:hunt@db/calls"),
    }
    settings = Settings(_env_file=None).model_copy(update=values)
    looked = [finding async for finding in configuration(settings, told)]
    assert looked[0].what.startswith(
        "from the environment: REDIS_PASSWORD=(set), CALLBOARD_TIMEZONE=Europe/Madrid; "
        "from .env: MONGODB_URL=mongodb://db/calls; "
    )
    assert ("note", "settings.twice") in {(f.level, f.name) for f in looked}
    assert not any("hunt" in finding.what for finding in looked)


@pytest.mark.parametrize(
    ("name", "level", "near"),
    [
        ("CALLBOARD_TIMEZON", "warning", "CALLBOARD_TIMEZONE"),
        ("CALLBOARD_PUBLIC_URI", "warning", "CALLBOARD_PUBLIC_URL"),
        ("CALLBOARD_NOTHING_LIKE_IT", "warning", None),
        ("TWILIO_AUTHTOKEN", "note", "TWILIO_AUTH_TOKEN"),
        ("ELEVENLABS_WEBHOOKSECRET", "note", "ELEVENLABS_WEBHOOK_SECRET"),
    ],
)
async def test_a_name_that_is_no_setting(name: str, level: str, near: str | None) -> None:
    for told in (Given({name: "x"}), Given({}, {name: "x"})):
        (finding,) = await found(told, **PROXIED)
        assert (finding.level, finding.name) == (level, "settings.unknown")
        assert name in finding.what
        assert (f"did you mean {near}?" if near else "callboard settings") in finding.what_to_do


@pytest.mark.parametrize("name", ["PATH", "MONGO_URL_OF_ANOTHER", "TZ", "CALLBOARD_API_KEY"])
async def test_other_programs_variables_are_left_alone(name: str) -> None:
    assert await found(Given({name: "x"}, also_known=["CALLBOARD_API_KEY"]), **PROXIED) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {("warning", "settings.vendors")}),
        ({"twilio_account_sid": "AC1"}, {("fault", "settings.twilio"),
                                         ("warning", "settings.vendors")}),
        ({"elevenlabs_api_key": SECRET}, {("fault", "settings.elevenlabs"),
                                          ("warning", "settings.vendors")}),
        ({"elevenlabs_webhook_secret": SECRET}, {("note", "settings.vendors")}),
        (BOTH, {("note", "settings.twilio"), ("warning", "settings.public-url")}),
        ({**PROXIED, "twilio_account_sid": None}, {("note", "settings.twilio")}),
        ({**PROXIED, "public_url": "http://board.example.com"},
         {("warning", "settings.public-url")}),
        ({**PROXIED, "public_url": "https://localhost"}, {("warning", "settings.public-url")}),
        ({**PROXIED, "public_url": "https://a.example/webhook/call-status"},
         {("note", "settings.public-url"), ("warning", "settings.public-url")}),
        ({**PROXIED, "public_url": "https://a.example/cb/"}, {("note", "settings.public-url")}),
        ({**PROXIED, "public_url": "https://me:pw@a.example"},
         {("warning", "settings.public-url")}),
        ({**PROXIED, "trusted_proxies": ""}, {("warning", "settings.proxies")}),
        ({**PROXIED, "trusted_proxies": "0.0.0.0/0"}, {("warning", "settings.proxies")}),
        ({**PROXIED, "frontend_url": "crm.example.com"}, {("warning", "settings.frontend-url")}),
        ({**PROXIED, "frontend_url": "https://crm.example.com/app"},
         {("warning", "settings.frontend-url")}),
        ({**PROXIED, "frontend_url": "*"}, {("warning", "settings.frontend-url")}),
        ({**PROXIED, "frontend_url": "https://a.example, http://b.example:81/"}, set()),
        ({**PROXIED, "auth": "off"}, {("fault", "settings.open")}),
        ({**PROXIED, "webhook_signatures": "off"}, {("fault", "settings.open")}),
        ({**PROXIED, "auth": "off", "public_url": "http://127.0.0.1:8000"},
         {("note", "settings.open"), ("warning", "settings.public-url")}),
        ({**PROXIED, "mongodb_url": SecretStr("mongodb://a/b?readPreference=nearest")},
         {("note", "settings.engines"), ("warning", "settings.mongodb-url")}),
        ({**PROXIED, "api_keys": SecretStr("board:reed:0123456789abcdef")},
         {("fault", "settings.api-keys")}),
    ],
)  # fmt: skip
async def test_what_cannot_be_meant(
    values: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    assert names(await found(**values)) == expected


async def signed(**values: Any) -> list[Finding]:
    """Return what the self-test of signatures finds."""
    settings = Settings(_env_file=None).model_copy(update=values)
    return [finding async for finding in signatures(settings, SystemClock())]


@pytest.mark.parametrize(
    "url",
    ["https://board.example.com", "https://a.example:8443/", "http://1.2.3.4:80", None,
     "https://me:pw@a.example", "https://a.example/prefix/"],
)  # fmt: skip
async def test_our_own_acceptors_take_what_the_vendors_would_sign(url: str | None) -> None:
    findings = await signed(**BOTH, public_url=url)
    assert {(f.level, f.name) for f in findings} == {
        ("ok", "signatures.twilio"),
        ("ok", "signatures.elevenlabs"),
    }


async def test_an_address_that_no_signature_matches() -> None:
    findings = await signed(**BOTH, public_url="https://a.example/?from=twilio")
    assert ("fault", "signatures.twilio") in names([f for f in findings if f.level != "ok"])


@pytest.mark.parametrize(
    ("values", "level"),
    [
        ({"twilio_auth_token": SecretStr("AC" + "0" * 32)}, "fault"),
        ({"twilio_auth_token": SecretStr("made-up")}, "note"),
        ({"elevenlabs_tolerance_s": 30.0}, "warning"),
    ],
)
async def test_secrets_that_hardly_can_be_right(values: dict[str, Any], level: str) -> None:
    findings = await signed(**{**BOTH, **values})
    assert [f.level for f in findings if f.level != "ok"] == [level]


@pytest.mark.parametrize(
    ("outcomes", "values", "level", "why"),
    [
        ({("twilio", "accepted"): 5.0}, {}, "ok", ""),
        ({("twilio", "bad_signature"): 2.0}, {"twilio_auth_token": None}, "fault", "is not set"),
        ({("twilio", "bad_signature"): 2.0}, {"public_url": None}, "fault", "PUBLIC_URL"),
        ({("twilio", "bad_signature"): 2.0}, {}, "fault", "another URL than https://board"),
        ({("twilio", "bad_signature"): 2.0, ("twilio", "accepted"): 9.0}, {}, "warning",
         "sub-account"),
        ({("twilio", "bad_signature"): 1.0, ("twilio", "accepted"): 999.0}, {}, "note",
         "stranger"),
        ({("elevenlabs", "bad_signature"): 1.0}, {}, "fault", "another webhook's secret"),
        ({("elevenlabs", "bad_signature"): 1.0}, {"clock_is_off": True}, "fault", "our clock"),
        ({("elevenlabs", "bad_signature"): 1.0}, {"elevenlabs_webhook_secret": None}, "fault",
         "is not set"),
    ],
)  # fmt: skip
def test_why_webhooks_were_refused(
    outcomes: Outcomes, values: dict[str, Any], level: str, why: str
) -> None:
    changed = dict(values)
    clock_is_off = bool(changed.pop("clock_is_off", False))
    settings = Settings(_env_file=None).model_copy(update={**PROXIED, **changed})
    (finding,) = refusals(outcomes, settings, clock_is_off=clock_is_off)
    assert finding.level == level
    assert why in finding.what_to_do
