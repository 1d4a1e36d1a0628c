"""Keys and links: from the settings, from the store, and one admin key made at the first start."""

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta

import structlog

from callboard.app.lifecycle import Lifecycle, Service
from callboard.app.replay import running_url
from callboard.clock import Clock
from callboard.delivery.auth import ALL_SCOPES, SESSION_S, ApiKey, Gate, hash_key
from callboard.embedded.folder import DataFolder
from callboard.embedded.mongod import EmbeddedMongo
from callboard.errors import ConfigurationError, StoreUnavailable
from callboard.settings import Settings
from callboard.store import database as mongo
from callboard.store.access import LINK_PREFIX, MADE_KEY, AccessStore, Grant

__all__ = [
    "NOTICED_S",
    "WALL_SESSION_S",
    "KeyRing",
    "access_store",
    "add_wall_link",
    "check_name",
    "first_admin_key",
    "made_secret",
    "parse_keys",
    "parse_scopes",
]

_log = structlog.get_logger(__name__)

_PARTS = 3
_KEY_LENGTH_MIN = 16
_READ_EVERY_S = 1.0
NOTICED_S = 1.5
"""After this long every running server has seen what was stored, if MongoDB answers it."""

WALL_SESSION_S = 30 * 24 * 3600

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def made_secret() -> str:
    """Return a new key's text: 256 random bits."""
    return "cb_" + secrets.token_urlsafe(32)


def parse_scopes(text: str) -> frozenset[str]:
    """Read scopes joined by `+`.

    >>> sorted(parse_scopes("read+write"))
    ['read', 'write']

    Raises:
        ConfigurationError: a scope is none of `read`, `write` and `admin`.
    """
    scopes = frozenset(text.split("+"))
    if not scopes <= ALL_SCOPES:
        message = "a scope is read, write or admin; several are joined by +, e.g. read+write"
        raise ConfigurationError(message)
    return scopes


def check_name(name: str, named: Iterable[ApiKey]) -> None:
    """Refuse a name that nobody can tell from another's.

    Raises:
        ConfigurationError: it is malformed, or a key of the settings has it.
    """
    if _NAME.fullmatch(name) is None or name.startswith(LINK_PREFIX):
        message = (
            "a key's name has letters, digits, '.', '_' and '-', at most 64, "
            f"and does not begin with '{LINK_PREFIX}'"
        )
        raise ConfigurationError(message)
    if any(name == key.name for key in named):
        message = f"CALLBOARD_API_KEYS names a key '{name}' already"
        raise ConfigurationError(message)


def parse_keys(text: str) -> list[ApiKey]:
    """Read `CALLBOARD_API_KEYS`: `name:scope:key`, comma-separated; scopes joined by `+`.

    >>> [key.name for key in parse_keys("board:read:0123456789abcdef")]
    ['board']

    Raises:
        ConfigurationError: an entry is not of that form; the key itself is never quoted.
    """
    keys: list[ApiKey] = []
    for number, entry in enumerate(filter(None, map(str.strip, text.split(","))), start=1):
        parts = entry.split(":", _PARTS - 1)
        scopes = frozenset(parts[1].split("+")) if len(parts) == _PARTS else frozenset[str]()
        if len(parts) != _PARTS or not parts[0] or not scopes <= ALL_SCOPES:
            message = (
                f"CALLBOARD_API_KEYS, entry {number}: write name:scope:key "
                f"with scope read, write or admin"
            )
            raise ConfigurationError(message)
        if len(parts[2]) < _KEY_LENGTH_MIN:
            message = (
                f"CALLBOARD_API_KEYS, entry {number}: the key must have at least "
                f"{_KEY_LENGTH_MIN} characters"
            )
            raise ConfigurationError(message)
        if any(parts[0] == key.name for key in keys):
            message = f"CALLBOARD_API_KEYS, entry {number}: its name is given to an earlier key"
            raise ConfigurationError(message)
        keys.append(ApiKey(parts[0], scopes, hash_key(parts[2])))
    return keys


async def first_admin_key(access: AccessStore) -> tuple[ApiKey | None, str | None]:
    """Return the stored admin key, None if it was revoked, and its text if it was made now."""
    made = made_secret()
    hashed, is_new = await access.admin_key_hash(hash_key(made))
    key = ApiKey(MADE_KEY, frozenset({"admin"}), hashed) if hashed else None
    return key, made if is_new else None


class KeyRing:
    """Keeps the gate's keys and links as the store has them."""

    def __init__(self, access: AccessStore, named: Iterable[ApiKey]) -> None:
        self._access = access
        self._named = list(named)
        self._away = False

    async def keys(self) -> list[ApiKey]:
        """Return who may come in now: the settings' keys win over stored ones of their name.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        found = {
            grant.name: _api_key(grant)
            for grant in await self._access.grants()
            if not (grant.is_made and self._named)
        }
        return list((found | {key.name: key for key in self._named}).values())

    async def redeem(self, hashed: str) -> ApiKey | None:
        """Use a one-time link up."""
        grant = await self._access.redeem(hashed, session_s=SESSION_S)
        return _api_key(grant) if grant is not None else None

    async def watch(self, gate: Gate) -> None:
        """Read the store again and again, until cancelled.

        While MongoDB does not answer, who could come in still can.
        """
        while True:
            await asyncio.sleep(_READ_EVERY_S)
            try:
                gate.replace(await self.keys())
            except StoreUnavailable as error:
                if not self._away:
                    _log.warning("access.unavailable", reason=str(error))
                self._away = True
            else:
                self._away = False


def _api_key(grant: Grant) -> ApiKey:
    """Return what a grant means to the gate."""
    ends = grant.ends_at.timestamp() if grant.ends_at is not None else None
    if ends is not None and grant.used_at is None:
        # It may be used in another process at any moment until then.
        ends += grant.session_s or SESSION_S
    return ApiKey(grant.name, grant.scopes, grant.hashed, ends, grant.is_link)


async def add_wall_link(access: AccessStore, clock: Clock, minutes: int) -> tuple[str, datetime]:
    """Make a one-time link to look only; return its token, and until when it can be used.

    The screen it opens hangs on a wall: its session lasts for weeks.

    Raises:
        StoreUnavailable: MongoDB does not answer.
    """
    secret, lives_s = made_secret(), minutes * 60
    until = clock.now() + timedelta(seconds=lives_s)
    await access.add_link(["read"], hash_key(secret), lives_s=lives_s, session_s=WALL_SESSION_S)
    return secret, until


@contextlib.asynccontextmanager
async def access_store(settings: Settings, clock: Clock) -> AsyncIterator[AccessStore]:
    """Open the store of the settings; the embedded one also beside the server that runs it.

    Raises:
        ConfigurationError: there is no such store.
        StoreUnavailable: MongoDB does not answer.
    """
    services: list[Service] = []
    if settings.mongodb_url is not None:
        url = settings.mongodb_url.get_secret_value()
    elif (running := running_url(settings.data_dir)) is not None:
        url = running
    else:
        embedded = EmbeddedMongo(settings.data_dir, clock)
        services = [DataFolder(settings.data_dir), embedded]
    lifecycle = Lifecycle(services, drain_s=settings.drain_s)
    await lifecycle.start()
    try:
        database = mongo.connect(embedded.url if services else url)
        try:
            yield AccessStore(database)
        finally:
            await database.client.close()
    finally:
        await lifecycle.stop()
