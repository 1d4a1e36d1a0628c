"""What the settings say: where each comes from, what is half said, what cannot be meant."""

import difflib
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import SecretStr

from callboard.app.doctor.findings import Finding, Level
from callboard.app.keys import parse_keys
from callboard.errors import ConfigurationError
from callboard.settings import Settings, is_loopback, name_of

__all__ = ["Given", "configuration", "source_of"]

_OURS = "CALLBOARD_"
_HOW_NEAR = 0.75
_EVERYBODY = 0
"""Prefix length of a network that everybody is in."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was set, and where; names are upper-case."""

    environment: Mapping[str, str] = field(default_factory=dict)
    file: Mapping[str, str] = field(default_factory=dict)
    also_known: Collection[str] = ()
    """Names that are no settings, but that our commands read."""


def source_of(name: str, given: Given) -> str:
    """Return where a setting's value comes from."""
    if name in given.environment:
        return "environment"
    return ".env" if name in given.file else "default"


async def configuration(settings: Settings, given: Given) -> AsyncIterator[Finding]:
    """Look at the settings alone; nobody is asked."""
    for findings in (
        _sources(settings, given),
        _unknown(given),
        _vendors(settings),
        _open_doors(settings),
        _public_url(settings),
        _browsers_and_proxies(settings),
        _store_url(settings),
        _keys(settings),
    ):
        for finding in findings:
            yield finding


def _sources(settings: Settings, given: Given) -> Iterator[Finding]:
    shown = {name: value for name, value, _ in settings.described()}
    names = list(shown)
    by_source: dict[str, list[str]] = {}
    for name in names:
        by_source.setdefault(source_of(name, given), []).append(f"{name}={shown[name]}")
    told = [
        f"from {where}: {', '.join(by_source[source])}"
        for source, where in (("environment", "the environment"), (".env", ".env"))
        if source in by_source
    ]
    rest = len(by_source.get("default", ()))
    told.append(f"{rest if told else 'all'} of {len(names)} by default")
    yield Finding("ok", "settings.sources", "; ".join(told))
    for name in names:
        here, there = given.environment.get(name), given.file.get(name)
        if here is not None and there is not None and here != there:
            what = f"{name} is set twice, and differently: the environment wins, .env is ignored"
            yield Finding("note", "settings.twice", what, "take one of them out")


def _unknown(given: Given) -> Iterator[Finding]:
    known = {name_of(name) for name in Settings.model_fields}
    meant = [*known, *given.also_known]
    for where, names in (("environment", given.environment), (".env", given.file)):
        for name in sorted(names):
            if name in meant:
                continue
            near = difflib.get_close_matches(name, sorted(known), 1, _HOW_NEAR)
            # Other programs have settings of their own; only what nearly is one of ours is odd.
            if not name.startswith(_OURS) and not (near and not near[0].startswith(_OURS)):
                continue
            what = f"{name} in the {where} is no setting, and has no effect"
            advice = f"did you mean {near[0]}?" if near else "see `callboard settings`"
            level: Level = "warning" if name.startswith(_OURS) else "note"
            yield Finding(level, "settings.unknown", what, advice)


def _vendors(settings: Settings) -> Iterator[Finding]:
    twilio = settings.twilio_auth_token is not None or bool(settings.shared_keys)
    elevenlabs = bool(settings.elevenlabs_secrets)
    if settings.webhook_signatures == "off":
        return
    if settings.twilio_account_sid and not twilio:
        what = "TWILIO_ACCOUNT_SID is set, TWILIO_AUTH_TOKEN is not: Twilio's webhooks get 403"
        advice = "set TWILIO_AUTH_TOKEN to the auth token of Twilio's console, and restart"
        yield Finding("fault", "settings.twilio", what, advice)
    elif twilio and not settings.twilio_account_sid:
        what = "TWILIO_AUTH_TOKEN is set without TWILIO_ACCOUNT_SID"
        advice = "none needed: webhooks are checked; the SID will be needed for backfill"
        yield Finding("note", "settings.twilio", what, advice)
    if settings.elevenlabs_api_key and not elevenlabs:
        what = (
            "ELEVENLABS_API_KEY is set, ELEVENLABS_WEBHOOK_SECRET is not: "
            "ElevenLabs' webhooks get 403"
        )
        advice = "set ELEVENLABS_WEBHOOK_SECRET to the webhook's secret, and restart"
        yield Finding("fault", "settings.elevenlabs", what, advice)
    if twilio and elevenlabs:
        yield Finding("ok", "settings.vendors", "both vendors' webhooks can be checked")
    elif not twilio and not elevenlabs:
        what = "no vendor's secret is set: every webhook gets 403"
        advice = "set TWILIO_AUTH_TOKEN, ELEVENLABS_WEBHOOK_SECRET, or both, and restart"
        yield Finding("warning", "settings.vendors", what, advice)
    else:
        missing, name = (
            ("ElevenLabs", "ELEVENLABS_WEBHOOK_SECRET")
            if twilio
            else ("Twilio", "TWILIO_AUTH_TOKEN")
        )
        what = f"{name} is not set: webhooks of {missing} get 403"
        yield Finding("note", "settings.vendors", what, f"set it if {missing} is to call us")


def _open_doors(settings: Settings) -> Iterator[Finding]:
    for name, value, consequence in (
        ("CALLBOARD_AUTH", settings.auth, "reads and changes everything without a key"),
        ("CALLBOARD_WEBHOOK_SIGNATURES", settings.webhook_signatures, "can make up webhooks"),
    ):
        if value != "off":
            continue
        public = _parts(settings.public_url)
        if public is not None and not is_loopback(public.hostname or ""):
            # The address we listen on may be loopback; what a tunnel or proxy brings is not.
            what = f"{name}=off, and {public.hostname} is public: whoever finds it {consequence}"
            yield Finding("fault", "settings.open", what, f"switch {name} on, and restart")
        else:
            what = f"{name}=off: whoever reaches this machine's loopback {consequence}"
            yield Finding("note", "settings.open", what, "for a trusted machine only")


def _public_url(settings: Settings) -> Iterator[Finding]:
    name = "settings.public-url"
    url = _parts(settings.public_url)
    keyed = settings.twilio_auth_token is not None or bool(settings.shared_keys)
    if url is None:
        if keyed:
            what = "CALLBOARD_PUBLIC_URL is not set: Twilio's signatures are checked against the"
            what += " address we listen on, which Twilio cannot call"
            advice = "set it to the base URL that Twilio calls, such as https://board.example.com"
            yield Finding("warning", name, what, advice)
        return
    wrong = list(_wrong_in(url))
    if is_loopback(url.hostname or "") and keyed:
        wrong.append("leads to this machine only, so that no vendor can call it")
    if url.scheme != "https" and not is_loopback(url.hostname or ""):
        wrong.append("is not https: webhooks and session cookies travel in the clear")
    if url.path.strip("/"):
        what = f"CALLBOARD_PUBLIC_URL has the path {url.path}"
        advice = "right if Twilio calls it with that path, and your proxy takes it away"
        yield Finding("note", name, what, advice)
    for problem in wrong:
        advice = "set it to scheme and host of the URL that Twilio calls, and restart"
        yield Finding("warning", name, f"CALLBOARD_PUBLIC_URL {problem}", advice)
    if not wrong:
        yield Finding("ok", name, f"vendors call {url.scheme}://{url.netloc.rpartition('@')[2]}")


def _wrong_in(url: SplitResult) -> Iterator[str]:
    if "/webhook" in url.path:
        yield "ends in a webhook's path; it must be the base of it"
    if url.query or url.fragment:
        yield "has a query or fragment, which no webhook's URL will match"
    if "@" in url.netloc:
        yield "holds a user or password, which Twilio leaves out before it signs"


def _browsers_and_proxies(settings: Settings) -> Iterator[Finding]:
    for origin in settings.origins:
        parts = _parts(origin)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            problem = "is no origin"
        elif parts.path or parts.query:
            problem = "has a path, which no browser's origin has"
        else:
            continue
        what = f"FRONTEND_URL: '{origin}' {problem}, and lets nobody in"
        advice = "write scheme, host and port: https://crm.example.com; comma-separated"
        yield Finding("warning", "settings.frontend-url", what, advice)
    public = settings.public_url or ""
    if public.startswith("https://") and not settings.proxies:
        what = "something in front of us speaks https, and CALLBOARD_TRUSTED_PROXIES is empty: "
        what += "everybody has its address, and shares its limits"
        advice = "set it to the address that requests come from, e.g. 127.0.0.1 for a tunnel"
        yield Finding("warning", "settings.proxies", what, advice)
    if any(network.prefixlen == _EVERYBODY for network in settings.proxies):
        what = "CALLBOARD_TRUSTED_PROXIES holds every address: anybody may claim any address"
        yield Finding("warning", "settings.proxies", what, "name your proxies' addresses only")


def _store_url(settings: Settings) -> Iterator[Finding]:
    if settings.mongodb_url is not None and settings.redis_url is None:
        what = "MONGODB_URL is set, REDIS_URL is not: the views live in this machine's own Valkey"
        advice = "set REDIS_URL before a second callboard runs on this MongoDB"
        yield Finding("note", "settings.engines", what, advice)
    url = _parts(_text(settings.mongodb_url))
    options = (
        {name.lower(): values[-1] for name, values in parse_qs(url.query).items()} if url else {}
    )
    preferred = options.get("readpreference", "primary")
    if preferred != "primary":
        what = f"MONGODB_URL has readPreference={preferred}: reads may be older than what was sent"
        advice = "take readPreference out of MONGODB_URL, and restart"
        yield Finding("warning", "settings.mongodb-url", what, advice)


def _keys(settings: Settings) -> Iterator[Finding]:
    try:
        keys = parse_keys(_text(settings.api_keys))
    except ConfigurationError as error:
        yield Finding("fault", "settings.api-keys", str(error), "mend the entry: serve ends on it")
        return
    if keys:
        yield Finding("ok", "settings.api-keys", f"CALLBOARD_API_KEYS names {len(keys)} keys")


def _text(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""


def _parts(url: str | None) -> SplitResult | None:
    """Return a URL's parts; None when it is unset or cannot be taken apart."""
    try:
        return urlsplit(url) if url else None
    except ValueError:
        return None
