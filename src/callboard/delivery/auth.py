"""Who may read, write or administer: API keys, one-time links, the board's session cookie.

Only hashes of keys and links are kept, compared in constant time. The cookie is HttpOnly and
SameSite=Strict, names the key or link it came from and runs out; it carries no secret.
"""

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import orjson

from callboard.clock import Clock
from callboard.errors import Unauthorized

__all__ = [
    "ALL_SCOPES",
    "ANYBODY",
    "COOKIE",
    "SESSION_S",
    "ApiKey",
    "Gate",
    "Principal",
    "bearer_of",
    "hash_key",
]

ALL_SCOPES = frozenset({"read", "write", "admin"})
COOKIE = "callboard_session"
SESSION_S = 12 * 3600
_SESSIONS_MAX = 10_000

Redeem = Callable[[str], Awaitable["ApiKey | None"]]


def hash_key(key: str) -> str:
    """Return what is kept of a key. Keys are long and random, so no slow hash is needed."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key's name, what it may do, and the hash of its secret; or a one-time link's."""

    name: str
    scopes: frozenset[str]
    hashed: str
    expires_at: float | None = None
    """When the sessions that came from it end, in Unix seconds; None: each by its own age."""
    is_link: bool = False
    """Whether it is a one-time link: good for its session, never as a bearer key."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request or connection comes from."""

    name: str
    scopes: frozenset[str]
    expires_at: float | None = field(default=None, compare=False)
    """When its session ends, in Unix seconds; None for who sent a key."""
    hashed: str = field(default="", compare=False, repr=False)
    """Of the very key or link: another one of the same name is somebody else."""


ANYBODY = Principal("anybody", ALL_SCOPES)


class Gate:
    """Tells who is asking and whether they may."""

    def __init__(
        self,
        keys: Iterable[ApiKey],
        session_secret: bytes,
        clock: Clock,
        *,
        enabled: bool,
        redeem: Redeem | None = None,
    ) -> None:
        self._keys: dict[str, ApiKey] = {}
        self._by_hash: dict[str, Principal] = {}
        self._sessions: dict[str, Principal] = {}
        """Cookies that were checked since the keys last changed."""
        self._secret = session_secret
        self._clock = clock
        self._redeem = redeem
        self.enabled = enabled
        self.replace(keys)

    def replace(self, keys: Iterable[ApiKey]) -> None:
        """Let in these keys and links, and the sessions that came from them; nobody else."""
        given = {key.name: key for key in keys}
        if given != self._keys:
            self._take(given)

    def _take(self, keys: dict[str, ApiKey]) -> None:
        self._keys = keys
        self._sessions.clear()
        self._by_hash = {
            key.hashed: Principal(key.name, key.scopes, None, key.hashed)
            for key in keys.values()
            if not key.is_link
        }

    def principal(self, authorization: str | None, cookies: str | None, scope: str) -> Principal:
        """Return who is asking.

        Raises:
            Unauthorized: nobody we know, or somebody without this scope.
        """
        if not self.enabled:
            return ANYBODY
        return self.require(self.by_header(authorization) or self.by_cookie(cookies), scope)

    def require(self, found: Principal | None, scope: str) -> Principal:
        """Return who was found, if they may do this.

        Raises:
            Unauthorized: nobody was found, or somebody without this scope.
        """
        if found is None:
            message = "sign in, or send 'Authorization: Bearer KEY'"
            raise Unauthorized(message)
        if scope not in found.scopes and "admin" not in found.scopes:
            message = f"the key '{found.name}' has no scope '{scope}'"
            raise Unauthorized(message, known=True)
        return found

    def recheck(self, principal: Principal, scope: str) -> bool:
        """Tell whether somebody let in before may still do this: nothing revoked or run out."""
        if not self.enabled:
            return True
        key = self._keys.get(principal.name)
        if key is None or not hmac.compare_digest(key.hashed, principal.hashed):
            return False
        ends = principal.expires_at
        if ends is not None and ends < self._clock.now().timestamp():
            return False
        return scope in key.scopes or "admin" in key.scopes

    def by_key(self, key: str) -> Principal | None:
        """Return whose key this is, None for nobody's.

        The look-up by hash tells nothing by its time: nobody can aim at a SHA-256.
        """
        hashed = hash_key(key)
        found = self._by_hash.get(hashed)
        if found is None or not hmac.compare_digest(found.hashed, hashed):
            return None
        return found

    async def by_link(self, link: str) -> Principal | None:
        """Use a one-time link up; None when it is unknown, used or too old.

        Raises:
            StoreUnavailable: nobody can tell now.
        """
        key = await self._redeem(hash_key(link)) if self._redeem is not None else None
        if key is None:
            return None
        # Its session is known here at once; other processes have read the link before.
        self._take({**self._keys, key.name: key})
        return Principal(key.name, key.scopes, key.expires_at, key.hashed)

    def session(self, principal: Principal) -> str:
        """Return the cookie value of a new session."""
        key = self._keys[principal.name]
        payload = orjson.dumps([principal.name, int(self.ends_at(principal))])
        return f"{_text(payload)}.{_text(self._signature(payload, key))}"

    def ends_at(self, principal: Principal) -> float:
        """Return when a session that begins now ends, in Unix seconds: a link's as it says."""
        return principal.expires_at or self._clock.now().timestamp() + SESSION_S

    def _signature(self, payload: bytes, key: ApiKey) -> bytes:
        """Sign for one key: a session ends with the very key it came from."""
        return hmac.digest(self._secret + key.hashed.encode(), payload, "sha256")

    def by_header(self, authorization: str | None) -> Principal | None:
        """Return who an `Authorization` header says is asking."""
        key = bearer_of(authorization)
        return self.by_key(key) if key else None

    def by_cookie(self, cookies: str | None) -> Principal | None:
        """Return the session's principal while its key still exists.

        Without the standard library's parser: it costs ten times as much as all the rest.
        """
        for part in (cookies or "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == COOKIE and (found := self._from_session(value)) is not None:
                return found
        return None

    def _from_session(self, value: str) -> Principal | None:
        """Return whose session this is. Its signature is checked once, its age every time."""
        found = self._sessions.get(value) or self._signed(value)
        if found is None or (found.expires_at or 0.0) < self._clock.now().timestamp():
            return None
        if value not in self._sessions:
            if len(self._sessions) >= _SESSIONS_MAX:
                self._sessions.clear()
            self._sessions[value] = found
        return found

    def _signed(self, value: str) -> Principal | None:
        try:
            payload, signature = (_bytes(part) for part in value.split("."))
            name, ends = orjson.loads(payload)
            key = self._keys.get(name)
            if key is None or not hmac.compare_digest(signature, self._signature(payload, key)):
                return None
        except (ValueError, TypeError):
            return None
        if key.expires_at is not None:
            ends = min(ends, key.expires_at)
        return Principal(key.name, key.scopes, float(ends), key.hashed)


def bearer_of(authorization: str | None) -> str:
    """Return the key that an `Authorization` header carries, empty if none.

    >>> bearer_of("Bearer abc"), bearer_of("Basic abc"), bearer_of(None)
    ('abc', '', '')
    """
    scheme, _, key = (authorization or "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
