"""Every setting, its default and its reason. The only reader of the environment.

Names are the contract's: most begin with `CALLBOARD_`, the vendors' and engines' own do not.
A `.env` file in the working directory is read too; the environment wins.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings.sources import DotEnvSettingsSource, EnvSettingsSource

from callboard.errors import ConfigurationError
from callboard.settings_text import (
    Network,
    http_url,
    is_loopback,
    listed,
    networks_of,
    without_password,
)

__all__ = ["Settings", "given", "is_loopback", "load_settings", "name_of"]

_SECRETS = frozenset({"mongodb_url", "redis_url"})
"""URLs may hold passwords, so they are shown without."""

Switch = Literal["on", "off"]


def _own(name: str, default: Any, description: str, **limits: Any) -> Any:
    """Declare a setting under the exact name the contract gives it."""
    return Field(default, validation_alias=name, description=description, **limits)


class Settings(BaseSettings):
    """What an operator may set."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        # `NAME=` of a copied .env means unset.
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
    )

    mongodb_url: SecretStr | None = _own(
        "MONGODB_URL", None, "A replica set's URL with the database name; embedded if unset."
    )
    redis_url: SecretStr | None = _own(
        "REDIS_URL", None, "Redis ≥ 7 or Valkey, comma-separated for Cluster; embedded if unset."
    )
    redis_password: SecretStr | None = _own("REDIS_PASSWORD", None, "Password of `REDIS_URL`.")
    frontend_url: str = _own(
        "FRONTEND_URL", "", "Origins that may read us from a browser, comma-separated."
    )
    twilio_account_sid: str | None = _own("TWILIO_ACCOUNT_SID", None, "Twilio account; backfill.")
    twilio_auth_token: SecretStr | None = _own(
        "TWILIO_AUTH_TOKEN", None, "Checks Twilio's signatures; unset: its webhooks are refused."
    )
    twilio_shared_keys: SecretStr | None = _own(
        "TWILIO_SHARED_KEYS", None, "Twilio's shared signing keys: `id:secret`, comma-separated."
    )
    elevenlabs_api_key: SecretStr | None = _own("ELEVENLABS_API_KEY", None, "Backfill.")
    elevenlabs_webhook_secret: SecretStr | None = _own(
        "ELEVENLABS_WEBHOOK_SECRET", None, "Checks ElevenLabs' signatures; unset: refused."
    )
    elevenlabs_tolerance_s: Annotated[float, Field(gt=0)] = _own(
        "ELEVENLABS_TOLERANCE_S", 1_800.0, "How far a signature's time may be from ours."
    )
    elevenlabs_dynamic_variables: Annotated[dict[str, Any], NoDecode] = _own(
        "ELEVENLABS_DYNAMIC_VARIABLES", {}, "JSON object that personalization requests get."
    )
    public_url: str | None = _own(
        "CALLBOARD_PUBLIC_URL", None, "Base URL the vendors call; default: where we listen."
    )
    api_keys: SecretStr | None = _own(
        "CALLBOARD_API_KEYS", None, "`name:scope:key` list; unset: one admin key is made once."
    )
    requests_per_s: Annotated[float, Field(ge=0)] = _own(
        "CALLBOARD_REQUESTS_PER_S", 200.0, "API requests of one key; 0: no limit."
    )
    trusted_proxies: str = _own(
        "CALLBOARD_TRUSTED_PROXIES", "", "Proxies whose `X-Forwarded-For` counts, comma-separated."
    )
    timezone: str = _own("CALLBOARD_TIMEZONE", "UTC", "IANA zone of `today` and the hours.")
    auth: Switch = _own("CALLBOARD_AUTH", "on", "`off` only on a loopback address.")
    webhook_signatures: Switch = _own(
        "CALLBOARD_WEBHOOK_SIGNATURES", "on", "`off` only on a loopback address."
    )
    data_dir: Path = _own(
        "CALLBOARD_DATA_DIR", Path(".callboard"), "Where embedded engines keep their files."
    )
    log_format: Literal["auto", "console", "json"] = _own(
        "CALLBOARD_LOG_FORMAT", "auto", "`auto`: readable on a terminal, JSON elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = _own(
        "CALLBOARD_LOG_LEVEL", "info", "Least severe event that is logged."
    )
    webhook_bytes_max: Annotated[int, Field(ge=1_024, le=12 * 1024 * 1024)] = _own(
        "CALLBOARD_WEBHOOK_BYTES_MAX", 256 * 1024, "Larger webhook bodies get 413."
    )
    elevenlabs_bytes_max: Annotated[int, Field(ge=1_024)] = _own(
        "CALLBOARD_ELEVENLABS_BYTES_MAX", 32 * 1024 * 1024, "The same for ElevenLabs' events."
    )
    receiving_bytes_max: Annotated[int, Field(ge=1_024)] = _own(
        "CALLBOARD_RECEIVING_BYTES_MAX", 128 * 1024 * 1024, "Bodies in memory; beyond it 503."
    )
    webhooks_kept_days: Annotated[int, Field(ge=1, le=20_000)] | None = _own(
        "CALLBOARD_WEBHOOKS_KEPT_DAYS", None, "Raw webhooks are deleted after it; unset: never."
    )
    calls_kept_days: Annotated[int, Field(ge=1, le=20_000)] | None = _own(
        "CALLBOARD_CALLS_KEPT_DAYS", None, "Calls are deleted after it; unset: never."
    )
    stale_ringing_s: Annotated[float, Field(gt=0)] = _own(
        "CALLBOARD_STALE_RINGING_S", 120.0, "Dialing or ringing this long without news: stale."
    )
    stale_connected_s: Annotated[float, Field(gt=0)] = _own(
        "CALLBOARD_STALE_CONNECTED_S", 1_800.0, "Connected, at least so long: 3 x p95 of talks."
    )
    unconfirmed_ringing_s: Annotated[float, Field(gt=0)] = _own(
        "CALLBOARD_UNCONFIRMED_RINGING_S", 900.0, "Dialing or ringing so long: `unconfirmed`."
    )
    unconfirmed_s: Annotated[float, Field(gt=0)] = _own(
        "CALLBOARD_UNCONFIRMED_S", 14_400.0, "Connected this long without news: `unconfirmed`."
    )
    batch_length_max: Annotated[int, Field(ge=1, le=10_000)] = _own(
        "CALLBOARD_BATCH_LENGTH_MAX", 500, "Webhooks committed together; bounds a command's size."
    )
    waiting_max: Annotated[int, Field(ge=1)] = _own(
        "CALLBOARD_WAITING_MAX", 5_000, "Webhooks waiting for a commit; beyond it they get 503."
    )
    delta_log_length: Annotated[int, Field(ge=1)] = _own(
        "CALLBOARD_DELTA_LOG_LENGTH", 2_000, "Deltas kept for clients that come back."
    )
    lease_ms: Annotated[int, Field(ge=3_000)] = _own(
        "CALLBOARD_LEASE_MS", 5_000, "A dead projector is replaced after this long."
    )
    drift_check_s: Annotated[float, Field(ge=1)] = _own(
        "CALLBOARD_DRIFT_CHECK_S", 900.0, "How often a day is counted anew and compared."
    )
    cache: Switch = _own(
        "CALLBOARD_CACHE", "on", "`off`: every read asks MongoDB; to compare, and in an emergency."
    )
    cache_ttls: Annotated[dict[str, float], NoDecode] = _own(
        "CALLBOARD_CACHE_TTLS", {}, "TTLs of cached things in seconds: `call=120,recent=10`."
    )
    cache_windows: Annotated[dict[str, float], NoDecode] = _own(
        "CALLBOARD_CACHE_WINDOWS", {}, "How far lists may be behind, in seconds: `calls=30`."
    )
    calls_per_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = _own(
        "CALLBOARD_CALLS_PER_S", 1.0, "Calls Twilio begins in a second (CPS); for the forecast."
    )
    concurrency: Annotated[int, Field(ge=1)] | None = _own(
        "CALLBOARD_CONCURRENCY", None, "Calls that may go on at one time; unset: no limit known."
    )
    alerts: str = _own("CALLBOARD_ALERTS", "", "Alert rules that differ from ours, as JSON.")
    alert_urls: SecretStr | None = _own(
        "CALLBOARD_ALERT_URLS", None, "Where alerts are sent: apprise URLs, comma-separated."
    )
    predictive_warming: Switch = _own(
        "CALLBOARD_PREDICTIVE_WARMING", "on", "Guess what people open next, and load it."
    )
    drain_s: Annotated[float, Field(gt=0)] = _own(
        "CALLBOARD_DRAIN_S", 10.0, "How long stopping may take before it is forced."
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            message = f"'{name}' is no IANA time zone, e.g. Europe/Madrid"
            raise ValueError(message) from error
        return name

    @field_validator("public_url")
    @classmethod
    def _http_url(cls, url: str | None) -> str | None:
        return http_url(url)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, given: str) -> str:
        networks_of(given)
        return given

    @field_validator("twilio_shared_keys")
    @classmethod
    def _shared_keys(cls, given: SecretStr | None) -> SecretStr | None:
        for part in listed(given):
            if not all(part.partition(":")[::2]):
                message = "must be `id:secret` pairs, comma-separated"
                raise ValueError(message)
        return given

    @field_validator("elevenlabs_dynamic_variables", mode="before")
    @classmethod
    def _json_object(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        try:
            return orjson.loads(given)
        except orjson.JSONDecodeError as error:
            message = 'must be a JSON object, e.g. {"shop": "Northside"}'
            raise ValueError(message) from error

    @field_validator("cache_ttls", "cache_windows", mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        return dict(part.strip().partition("=")[::2] for part in given.split(",") if part.strip())

    @model_validator(mode="after")
    def _one_body_fits(self) -> Self:
        if self.receiving_bytes_max < max(self.elevenlabs_bytes_max, self.webhook_bytes_max):
            message = "CALLBOARD_RECEIVING_BYTES_MAX must be at least as large as one body may be"
            raise ValueError(message)
        return self

    @property
    def shared_keys(self) -> dict[str, str]:
        """Return Twilio's shared signing keys by their id."""
        pairs = (part.partition(":")[::2] for part in listed(self.twilio_shared_keys))
        return dict(pairs)

    @property
    def elevenlabs_secrets(self) -> list[str]:
        """Return the secrets ElevenLabs may sign with: two while one replaces the other."""
        return listed(self.elevenlabs_webhook_secret)

    @property
    def proxies(self) -> list[Network]:
        """Return the networks of `CALLBOARD_TRUSTED_PROXIES`."""
        return networks_of(self.trusted_proxies)

    @property
    def zone(self) -> ZoneInfo:
        """Return the reporting zone."""
        return ZoneInfo(self.timezone)

    @property
    def origins(self) -> list[str]:
        """Return the origins of `FRONTEND_URL`."""
        return [part.strip().rstrip("/") for part in self.frontend_url.split(",") if part.strip()]

    def require_safe_for(self, host: str) -> None:
        """Refuse to be open on an address that others can reach.

        Raises:
            ConfigurationError: `CALLBOARD_AUTH` or `CALLBOARD_WEBHOOK_SIGNATURES` is off there.
        """
        for name, value in (
            ("CALLBOARD_AUTH", self.auth),
            ("CALLBOARD_WEBHOOK_SIGNATURES", self.webhook_signatures),
        ):
            if value == "off" and not is_loopback(host):
                message = (
                    f"{name}=off is only allowed on a loopback address, not on {host}: "
                    f"listen on 127.0.0.1 or switch it on"
                )
                raise ConfigurationError(message)

    def described(self) -> list[tuple[str, str, str]]:
        """Return name, value as it may be shown, and description of every setting."""
        rows = []
        for field_name, field in type(self).model_fields.items():
            value = getattr(self, field_name)
            if isinstance(value, SecretStr):
                shown = without_password(value) if field_name in _SECRETS else "(set)"
            elif isinstance(value, dict):
                shown = "(set)" if value else "(unset)"
            else:
                shown = "(unset)" if value is None else str(value)
            rows.append((str(field.validation_alias), shown, field.description or ""))
        return rows


def load_settings(**overrides: Any) -> Settings:
    """Read the environment and `.env`; overrides win.

    Raises:
        ConfigurationError: names every setting that is wrong, all at once.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}"
            for found in error.errors()
        )
        message = f"settings cannot be used: {wrong}"
        raise ConfigurationError(message) from None


def given() -> tuple[dict[str, str], dict[str, str]]:
    """Return what the environment and `.env` say, by upper-case name; empty values are unset."""
    sources = (EnvSettingsSource(Settings).env_vars, DotEnvSettingsSource(Settings).env_vars)
    env, file = ({name.upper(): text for name, text in vars_.items() if text} for vars_ in sources)
    return env, file


def name_of(field_name: str) -> str:
    """Return the environment name of a setting."""
    return str(Settings.model_fields[field_name].validation_alias)
