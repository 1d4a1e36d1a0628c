"""Who may read, write or administer: API keys, and the board's signed session cookie.

Only hashes of keys are kept, compared in constant time. The cookie is HttpOnly and
SameSite=Strict, names the key it came from and runs out; it carries no secret.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

import orjson

from callboard.clock import Clock
from callboard.errors import Unauthorized

__all__ = ["ALL_SCOPES", "COOKIE", "ApiKey", "Gate", "Principal", "hash_key"]

ALL_SCOPES = frozenset({"read", "write", "admin"})
COOKIE = "callboard_session"
SESSION_S = 12 * 3600


def hash_key(key: str) -> str:
    """Return what is kept of a key. Keys are long and random, so no slow hash is needed."""
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key's name, what it may do, and the hash of its secret."""

    name: str
    scopes: frozenset[str]
    hashed: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request or connection comes from."""

    name: str
    scopes: frozenset[str]


ANYBODY = Principal("anybody", ALL_SCOPES)


class Gate:
    """Tells who is asking and whether they may."""

    def __init__(
        self, keys: Sequence[ApiKey], session_secret: bytes, clock: Clock, *, enabled: bool
    ) -> None:
        self._keys = {key.name: key for key in keys}
        self._secret = session_secret
        self._clock = clock
        self.enabled = enabled

    def principal(self, authorization: str | None, cookies: str | None, scope: str) -> Principal:
        """Return who is asking.

        Raises:
            Unauthorized: nobody we know, or somebody without this scope.
        """
        if not self.enabled:
            return ANYBODY
        found = self._from_header(authorization) or self._from_cookie(cookies)
        if found is None:
            message = "sign in, or send 'Authorization: Bearer KEY'"
            raise Unauthorized(message)
        if scope not in found.scopes and "admin" not in found.scopes:
            message = f"the key '{found.name}' has no scope '{scope}'"
            raise Unauthorized(message, known=True)
        return found

    def by_key(self, key: str) -> Principal | None:
        """Return whose key this is, None for nobody's. Every key is compared, always."""
        hashed = hash_key(key)
        found = None
        for candidate in self._keys.values():
            if hmac.compare_digest(candidate.hashed, hashed):
                found = Principal(candidate.name, candidate.scopes)
        return found

    def session(self, principal: Principal) -> str:
        """Return the cookie value of a new session."""
        payload = orjson.dumps([principal.name, int(self._clock.now().timestamp()) + SESSION_S])
        key = self._keys[principal.name]
        return f"{_text(payload)}.{_text(self._signature(payload, key))}"

    def _signature(self, payload: bytes, key: ApiKey) -> bytes:
        """Sign for one key: a session ends with the very key it came from."""
        return hmac.new(self._secret + key.hashed.encode(), payload, hashlib.sha256).digest()

    def _from_header(self, authorization: str | None) -> Principal | None:
        scheme, _, key = (authorization or "").partition(" ")
        return self.by_key(key.strip()) if scheme.lower() == "bearer" and key else None

    def _from_cookie(self, cookies: str | None) -> Principal | None:
        """Return the session's principal while its key still exists."""
        try:
            morsel = SimpleCookie(cookies or "").get(COOKIE)
            if morsel is None:
                return None
            payload, signature = (_bytes(part) for part in morsel.value.split("."))
            name, expires = orjson.loads(payload)
            key = self._keys.get(name)
            if key is None or not hmac.compare_digest(signature, self._signature(payload, key)):
                return None
        except (CookieError, ValueError, TypeError):
            return None
        if expires < self._clock.now().timestamp():
            return None
        return Principal(key.name, key.scopes)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
