"""In front of API and page: how often who may ask, and whence writes by cookie may come.

A plain ASGI wrapper. Webhooks never get here: they have limits of their own, and vendors that
are told to wait give up.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callboard.clock import Clock
from callboard.delivery.addresses import Addresses, Network
from callboard.delivery.auth import ANYBODY, Gate, Principal, bearer_of
from callboard.delivery.limits import Guesses, Limiter, Rate
from callboard.delivery.methods import TABLES
from callboard.delivery.problems import problem

__all__ = ["ADDRESS", "PRINCIPAL", "Guard", "Limits"]

_log = structlog.get_logger(__name__)

ADDRESS = "callboard.address"
"""Where the ASGI scope says from which address a request comes."""

PRINCIPAL = "callboard.principal"
"""Where the guard leaves who is asking, in the ASGI scope, for those behind it."""

_OPEN = frozenset({"/healthz", "/readyz"})
_SIGN_IN = "/api/session"
_REFUSED = 4
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_ANONYMOUS = Rate(20, 100)
"""Of one address without a key: enough for an office that opens its boards at nine."""
_TELL = Rate(1 / 60, 1)
_FOREIGN = "a write by session cookie must come from the board's own page, or send a key"
_HEADERS = {
    b"authorization": "authorization",
    b"cookie": "cookie",
    b"x-forwarded-for": "forwarded",
}
_WRITE_HEADERS = {
    b"host": "host",
    b"origin": "origin",
    b"sec-fetch-site": "fetch_site",
    b"content-type": "content_type",
    b"content-length": "content_length",
    b"transfer-encoding": "transfer_encoding",
}


class Limits:
    """Everybody's limits. One for a process: the sockets count wrong keys in it too."""

    def __init__(
        self, clock: Clock, *, requests_per_s: float = 0.0, proxies: Iterable[Network] = ()
    ) -> None:
        self.addresses = Addresses(proxies)
        self.guesses = Guesses(clock)
        self.anonymous = Limiter(_ANONYMOUS, clock)
        self.keys = (
            Limiter(Rate(requests_per_s, max(1.0, 2 * requests_per_s)), clock)
            if requests_per_s
            else None
        )
        self.told = Limiter(_TELL, clock)
        """So that a flood of refusals is no flood of log lines."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """Somebody has to wait: how long, and by which rule."""

    wait_s: float
    rule: str
    rate: Rate
    who: str


class Guard:
    """Answers 429 to who asks too often, 403 and 415 to writes a foreign page may have made."""

    def __init__(self, app: ASGIApp, gate: Gate, limits: Limits, origins: Sequence[str]) -> None:
        self._app = app
        self._gate = gate
        self._limits = limits
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in _OPEN:
            await self._app(scope, receive, send)
            return
        headers = _picked(scope, _HEADERS)
        key = bearer_of(headers.get("authorization"))
        by_key = self._gate.by_key(key) if key else None
        asking = by_key or self._gate.by_cookie(headers.get("cookie"))
        scope[PRINCIPAL] = asking if self._gate.enabled else ANYBODY
        peer = scope.get("client")
        address = self._limits.addresses.of(peer[0] if peer else "", headers.get("forwarded", ""))
        scope[ADDRESS] = address
        signs_in = scope["path"] == _SIGN_IN and scope["method"] == "POST"
        answer = None
        if self._gate.enabled:
            # Before anything else is said: every answer tells whether the key was right.
            refused = self._wrong_key(address, by_key) if key else None
            if refused is None:
                asks = self._try if signs_in else self._too_often
                refused = asks(address, asking)
            answer = _too_many(self._told(refused)) if refused else None
        if answer is None and scope["method"] not in _READS:
            by_cookie = asking is not None and by_key is None
            answer = self._refused_write(scope, by_key=by_key is not None, by_cookie=by_cookie)
        if answer is None and signs_in:
            send = self._watched(address, send)
        await (answer or self._app)(scope, receive, send)

    def _wrong_key(self, address: str, by_key: Principal | None) -> _Refused | None:
        """Return why the sender of a key, right or wrong, has to wait."""
        guesses = self._limits.guesses
        wait_s = guesses.right(address, by_key.name) if by_key else guesses.wrong(address)
        return _Refused(wait_s, "wrong-keys", guesses.rate, address) if wait_s else None

    def _too_often(self, address: str, asking: Principal | None) -> _Refused | None:
        """Return why somebody who asks too often has to wait, None if they need not."""
        limits = self._limits
        if asking is None:
            limiter, rule, name = limits.anonymous, "address", address
        elif limits.keys is None:
            return None
        else:
            # Boards that were signed in by one key do not share one limit.
            is_session = asking.expires_at is not None
            name = f"{asking.name}@{address}" if is_session else asking.name
            limiter, rule = limits.keys, "key"
        wait_s = limiter.allow(name)
        return _Refused(wait_s, rule, limiter.rate, name) if wait_s else None

    def _try(self, address: str, asking: Principal | None) -> _Refused | None:
        """Return why somebody has to wait who signs in.

        Counted as wrong at first, so that no two attempts are made with one token.
        """
        del asking
        refused = self._too_often(address, None)
        guesses = self._limits.guesses
        if refused is None and (wait_s := guesses.begin(address)):
            return _Refused(wait_s, "wrong-keys", guesses.rate, address)
        return refused

    def _watched(self, address: str, send: Send) -> Send:
        """Return a `send` that takes the attempt back if it was no wrong key."""

        async def watch(message: Message) -> None:
            # What went wrong on our side was no guess either.
            if message["type"] == "http.response.start" and message["status"] // 100 != _REFUSED:
                self._limits.guesses.was_right(address)
            await send(message)

        return watch

    def _refused_write(self, scope: Scope, *, by_key: bool, by_cookie: bool) -> Response | None:
        """Return the answer to a write that another site's page may have made, else None.

        By a key none can be: a browser sends a key only for a page that has it. What is not
        authorised at all is refused only if it says that it comes from elsewhere.
        """
        headers = _picked(scope, _WRITE_HEADERS)
        if not by_key and not self._is_ours(headers, silent=not by_cookie):
            return _refused(scope, 403, _FOREIGN)
        has_body = headers.get("content_length", "0") != "0" or "transfer_encoding" in headers
        kind = headers.get("content_type", "").partition(";")[0].strip().lower()
        if has_body and scope["path"].endswith(TABLES):
            if kind != "text/csv":
                return _refused(scope, 415, "send a table, with 'Content-Type: text/csv'")
        elif has_body and kind != "application/json":
            return _refused(scope, 415, "send JSON, with 'Content-Type: application/json'")
        return None

    def _is_ours(self, headers: dict[str, str], *, silent: bool) -> bool:
        """Tell whether a write comes from our own page, or one that may act for it.

        `silent` is the answer for who does not say whence: no browser, or an old one.
        """
        origin, site = headers.get("origin"), headers.get("fetch_site")
        if site == "same-origin" or origin in self._origins:
            return True
        if site is None and origin is not None:
            # Only the host: behind a proxy that ends TLS we do not know the browser's scheme.
            return origin.partition("://")[2] == headers.get("host")
        return silent and site in (None, "none")

    def _told(self, refused: _Refused) -> _Refused:
        """Log a refusal, each kind of each name once a minute."""
        if not self._limits.told.allow(f"{refused.rule}:{refused.who}"):
            log = _log.warning if refused.rule == "wrong-keys" else _log.info
            log("http.limited", rule=refused.rule, who=refused.who)
        return refused


def _picked(scope: Scope, wanted: dict[bytes, str]) -> dict[str, str]:
    """Return some headers of a request by their short names, the first of each."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        short = wanted.get(name)
        if short is None:
            continue
        text = value.decode("latin-1")
        if short not in found:
            found[short] = text
        elif short == "forwarded":  # every proxy may add a line: together they are one list
            found[short] += f",{text}"
    return found


def _refused(scope: Scope, status: int, detail: str) -> Response:
    _log.info("http.refused", status=status, path=scope["path"], reason=detail)
    return problem(status, detail)


def _too_many(refused: _Refused) -> Response:
    """Return the answer to who has to wait."""
    wait_s = math.ceil(refused.wait_s)
    what = "wrong keys" if refused.rule == "wrong-keys" else "requests"
    answer = problem(429, f"too many {what}: try again in {wait_s} s")
    rate = refused.rate
    window_s = math.ceil(rate.window_s)
    answer.headers["Retry-After"] = str(wait_s)
    answer.headers["RateLimit-Policy"] = f'"{refused.rule}";q={int(rate.burst)};w={window_s}'
    answer.headers["RateLimit"] = f'"{refused.rule}";r=0;t={wait_s}'
    return answer
