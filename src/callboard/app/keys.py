"""API keys from the settings, or one admin key made at the first start."""

import secrets

from callboard.delivery.auth import ALL_SCOPES, ApiKey, hash_key
from callboard.errors import ConfigurationError
from callboard.store.access import AccessStore

__all__ = ["first_admin_key", "parse_keys"]

_PARTS = 3
_KEY_LENGTH_MIN = 16


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


async def first_admin_key(access: AccessStore) -> tuple[ApiKey, str | None]:
    """Return the stored admin key, and its text if it was made just now."""
    made = "cb_" + secrets.token_urlsafe(32)
    hashed, is_new = await access.admin_key_hash(hash_key(made))
    return ApiKey("admin", frozenset({"admin"}), hashed), made if is_new else None
