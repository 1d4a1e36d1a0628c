"""Settings: the contract's names, all errors at once, safe on loopback only, secrets unseen."""

from pathlib import Path

import pytest

from callboard.errors import ConfigurationError
from callboard.settings import Settings, is_loopback, load_settings, name_of

CONTRACT = {
    "mongodb_url": "MONGODB_URL",
    "redis_url": "REDIS_URL",
    "redis_password": "REDIS_PASSWORD",
    "frontend_url": "FRONTEND_URL",
    "twilio_account_sid": "TWILIO_ACCOUNT_SID",
    "twilio_auth_token": "TWILIO_AUTH_TOKEN",
    "elevenlabs_api_key": "ELEVENLABS_API_KEY",
    "elevenlabs_webhook_secret": "ELEVENLABS_WEBHOOK_SECRET",
    "twilio_shared_keys": "TWILIO_SHARED_KEYS",
    "elevenlabs_tolerance_s": "ELEVENLABS_TOLERANCE_S",
    "elevenlabs_dynamic_variables": "ELEVENLABS_DYNAMIC_VARIABLES",
    "public_url": "CALLBOARD_PUBLIC_URL",
    "api_keys": "CALLBOARD_API_KEYS",
    "timezone": "CALLBOARD_TIMEZONE",
    "auth": "CALLBOARD_AUTH",
    "webhook_signatures": "CALLBOARD_WEBHOOK_SIGNATURES",
    "data_dir": "CALLBOARD_DATA_DIR",
}
SECRETS = {
    "REDIS_PASSWORD": "hunter-redis",
    "TWILIO_AUTH_TOKEN": "hunter-twilio",
    "TWILIO_SHARED_KEYS": "SK1:hunter-shared",
    "ELEVENLABS_API_KEY": "hunter-eleven",
    "ELEVENLABS_WEBHOOK_SECRET": "hunter-webhook",
    "CALLBOARD_API_KEYS": "board:read:hunter-0123456789",
    "MONGODB_URL": "mongodb://me:hunter-mongo@h1:27017,h2:27017/calls?replicaSet=rs0",
    "REDIS_URL": "rediss://me:hunter-redis@cache.example:6380",
}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let neither this machine's environment nor a `.env` have a say."""
    for field in Settings.model_fields:
        monkeypatch.delenv(name_of(field), raising=False)
    monkeypatch.chdir(tmp_path)


def test_every_setting_of_the_contract_has_its_name() -> None:
    assert {field: name_of(field) for field in CONTRACT} == CONTRACT


def test_every_other_setting_is_ours_by_name_and_every_one_is_described() -> None:
    names = {name_of(field) for field in Settings.model_fields}
    assert all(name.startswith("CALLBOARD_") for name in names - set(CONTRACT.values()))
    assert len(names) == len(Settings.model_fields)
    assert all(description for _, _, description in load_settings().described())


def test_the_defaults_are_the_contracts() -> None:
    found = load_settings()
    assert (found.mongodb_url, found.redis_url, found.twilio_auth_token) == (None, None, None)
    assert (found.timezone, found.auth, found.webhook_signatures) == ("UTC", "on", "on")
    assert (found.origins, found.public_url) == ([], None)


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("CALLBOARD_TIMEZONE=Europe/Madrid\nCALLBOARD_AUTH=off\nOTHER=1\n")
    monkeypatch.setenv("CALLBOARD_TIMEZONE", "Asia/Tokyo")
    found = load_settings()
    assert (found.timezone, found.auth) == ("Asia/Tokyo", "off")
    assert found.zone.key == "Asia/Tokyo"


def test_an_error_names_every_setting_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "CALLBOARD_TIMEZONE": "Mars/Olympus",
        "CALLBOARD_AUTH": "maybe",
        "CALLBOARD_PUBLIC_URL": "ftp://calls.example.com",
        "CALLBOARD_BATCH_LENGTH_MAX": "0",
        "CALLBOARD_LEASE_MS": "soon",
        "CALLBOARD_DRAIN_S": "-1",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert all(name in str(caught.value) for name in wrong)


@pytest.mark.parametrize("zone", ["", "../etc/passwd", "/etc/localtime", "UTC+25", "\x00"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(ConfigurationError, match=r"timezone|CALLBOARD_TIMEZONE"):
        load_settings(timezone=zone)


def test_origins_are_listed_without_blanks_and_trailing_slashes() -> None:
    assert load_settings(frontend_url=" https://a.example/, ,http://b.example ").origins == [
        "https://a.example",
        "http://b.example",
    ]


@pytest.mark.parametrize("field", ["auth", "webhook_signatures"])
def test_off_is_refused_where_others_can_reach_us(field: str) -> None:
    opened = load_settings(**{field: "off"})
    for host in ("127.0.0.1", "127.8.9.1", "::1", "localhost"):
        opened.require_safe_for(host)
    for host in ("0.0.0.0", "::", "", "192.168.1.4", "calls.example.com", "127.0.0.1.example"):
        with pytest.raises(ConfigurationError, match=name_of(field)):
            opened.require_safe_for(host)
        load_settings().require_safe_for(host)


def test_what_is_no_address_is_not_loopback() -> None:
    assert not any(
        is_loopback(host) for host in ("", "local", "localhost.example", "::ffff:1.2.3.4")
    )


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    found = load_settings()
    shown = {name: value for name, value, _ in found.described()}
    assert "hunter" not in repr(shown)
    assert "hunter" not in repr(found) + str(found)
    assert shown["MONGODB_URL"] == "mongodb://h1:27017,h2:27017/calls"
    assert shown["TWILIO_AUTH_TOKEN"] == "(set)"
    assert shown["TWILIO_ACCOUNT_SID"] == "(unset)"


def test_an_error_never_quotes_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CALLBOARD_AUTH", "maybe")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "me:hunter@cache.example:6379",
        "redis://cache.example:6379?password=hunter",
        "mongodb://h1/calls?tls=true&tlsCertificateKeyFilePassword=hunter",
    ],
)
def test_a_password_is_not_shown_wherever_in_a_url_it_stands(url: str) -> None:
    shown = {name: value for name, value, _ in load_settings(redis_url=url).described()}
    assert "hunter" not in shown["REDIS_URL"]


@pytest.mark.parametrize("name", ["CALLBOARD_PUBLIC_URL", "MONGODB_URL", "REDIS_URL"])
def test_an_empty_setting_counts_as_unset(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "")
    assert {row[0]: row[1] for row in load_settings().described()}[name] == "(unset)"


@pytest.mark.parametrize("url", ["https://", "http://host:port", "https://h:99999", "http://[::1"])
def test_a_public_url_without_a_host_or_port_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        load_settings(public_url=url)


def test_ingest_has_the_vendors_defaults() -> None:
    found = load_settings()
    assert found.elevenlabs_tolerance_s == 1_800
    assert (found.shared_keys, found.elevenlabs_secrets) == ({}, [])
    assert found.elevenlabs_dynamic_variables == {}
    assert (found.webhooks_kept_days, found.calls_kept_days) == (None, None)
    assert found.webhook_bytes_max < found.elevenlabs_bytes_max < found.receiving_bytes_max


def test_shared_keys_are_listed_by_id_and_may_hold_colons() -> None:
    found = load_settings(twilio_shared_keys=" SK1:a:b , ,SK2:c ")
    assert found.shared_keys == {"SK1": "a:b", "SK2": "c"}


@pytest.mark.parametrize("keys", ["hunter", "SK1:", ":hunter", "SK1:a,hunter"])
def test_a_shared_key_without_id_or_secret_is_refused_and_not_quoted(keys: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"TWILIO_SHARED_KEYS|twilio_shared_keys"
    ) as caught:
        load_settings(twilio_shared_keys=keys)
    assert "hunter" not in str(caught.value)


def test_elevenlabs_may_have_two_secrets_while_one_replaces_the_other() -> None:
    assert load_settings(elevenlabs_webhook_secret="a, b,").elevenlabs_secrets == ["a", "b"]


def test_dynamic_variables_are_a_json_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELEVENLABS_DYNAMIC_VARIABLES", '{"shop": "Northside", "open": true}')
    assert load_settings().elevenlabs_dynamic_variables == {"shop": "Northside", "open": True}
    for wrong in ("[]", "7", '"x"'):
        monkeypatch.setenv("ELEVENLABS_DYNAMIC_VARIABLES", wrong)
        with pytest.raises(ConfigurationError, match="ELEVENLABS_DYNAMIC_VARIABLES"):
            load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ELEVENLABS_TOLERANCE_S", "0"),
        ("ELEVENLABS_TOLERANCE_S", "nan"),
        ("CALLBOARD_ELEVENLABS_BYTES_MAX", "10"),
        ("CALLBOARD_RECEIVING_BYTES_MAX", "-1"),
        ("CALLBOARD_WEBHOOKS_KEPT_DAYS", "0"),
        ("CALLBOARD_CALLS_KEPT_DAYS", "20001"),
    ],
)
def test_a_bound_is_refused_by_its_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        load_settings()


def test_dynamic_variables_that_are_no_json_are_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ELEVENLABS_DYNAMIC_VARIABLES", "{shop: Northside}")
    with pytest.raises(ConfigurationError, match="ELEVENLABS_DYNAMIC_VARIABLES"):
        load_settings()


def test_dynamic_variables_are_not_shown() -> None:
    found = load_settings(elevenlabs_dynamic_variables={"secret__token": "hunter"})
    assert "hunter" not in repr(found.described())


def test_trusted_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().proxies == []
    monkeypatch.setenv("CALLBOARD_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8,fd00::/8,")
    assert [str(network) for network in load_settings().proxies] == [
        "127.0.0.1/32",
        "10.0.0.0/8",
        "fd00::/8",
    ]


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.1/8", "10.0.0.1;10.0.0.2"])
def test_a_proxy_that_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CALLBOARD_TRUSTED_PROXIES", text)
    with pytest.raises(ConfigurationError, match="CALLBOARD_TRUSTED_PROXIES"):
        load_settings()


def test_no_rate_is_below_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBOARD_REQUESTS_PER_S", "0")
    assert load_settings().requests_per_s == 0
    monkeypatch.setenv("CALLBOARD_REQUESTS_PER_S", "-1")
    with pytest.raises(ConfigurationError, match="CALLBOARD_REQUESTS_PER_S"):
        load_settings()


def test_what_the_account_may_do_is_told_or_twilios_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (load_settings().calls_per_s, load_settings().concurrency) == (1.0, None)
    monkeypatch.setenv("CALLBOARD_CALLS_PER_S", "2.5")
    monkeypatch.setenv("CALLBOARD_CONCURRENCY", "30")
    assert (load_settings().calls_per_s, load_settings().concurrency) == (2.5, 30)
    for name, wrong in {
        "CALLBOARD_CALLS_PER_S": ("0", "-1", "nan", "inf", "fast"),
        "CALLBOARD_CONCURRENCY": ("0", "1.5", "many"),
    }.items():
        for value in wrong:
            with monkeypatch.context() as there:
                there.setenv(name, value)
                with pytest.raises(ConfigurationError, match=name):
                    load_settings()
