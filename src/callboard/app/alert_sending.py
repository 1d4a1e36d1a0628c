"""Brings alerts to people through `apprise`, one URL each: mail, chat, pager, webhook.

A URL holds secrets: it is never logged, and what a service answers is masked. `apprise` blocks,
so it runs in a thread, and it is imported when there is a URL at all.
"""

import asyncio
import hashlib
import logging
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

import structlog

from callboard.alerts.engine import Transition
from callboard.alerts.messages import message_of
from callboard.clock import Clock
from callboard.errors import ConfigurationError, StoreUnavailable
from callboard.store.alerts import AlertStore, Outgoing

__all__ = ["AppriseTarget", "Sending", "Target", "targets_of"]

_log = structlog.get_logger(__name__)

_TIMEOUT_S = 20.0
_FIRST_RETRY_S = 5.0
_RETRY_S_MAX = 600.0
_GIVE_UP_AFTER = timedelta(hours=24)
_SECRET_LENGTH_MIN = 4
_ERROR_LENGTH_MAX = 300
_DIRECT_MAX = 100


class Target(Protocol):
    """Somewhere to send to."""

    @property
    def name(self) -> str:
        """Tell it from others; nothing secret."""

    async def send(self, title: str, body: str) -> str | None:
        """Send; return what was wrong, None when it was taken."""


class AppriseTarget:
    """One apprise URL."""

    def __init__(self, url: str) -> None:
        self._url = url
        # The scheme says what it is; the digest, which one, also after a restart.
        digest = hashlib.blake2b(url.encode(), digest_size=4).hexdigest()
        self.name = f"{url.partition('://')[0].lower()}-{digest}"

    async def send(self, title: str, body: str) -> str | None:
        """Send; return what was wrong, None when it was taken."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                said = await asyncio.to_thread(self._notify, title, body)
        except TimeoutError:
            return f"it took longer than {_TIMEOUT_S:.0f} s"
        except Exception as error:
            return self._masked(f"{type(error).__name__}: {error}")
        return said

    def _notify(self, title: str, body: str) -> str | None:
        apprise = _apprise()
        sender = apprise.Apprise()
        sender.add(self._url)
        with _capture(apprise, "WARNING") as heard:
            if sender.notify(title=title, body=body):
                return None
            return self._masked(heard.getvalue().strip() or "the service did not take it")

    def _masked(self, text: str) -> str:
        """Return a text without any part of the URL."""
        parts = set(re.split(r"[:/?&=@#+,]+", self._url.partition("://")[2]))
        for part in sorted(parts, key=len, reverse=True):
            if len(part) >= _SECRET_LENGTH_MIN:
                text = text.replace(part, "***")
        return " ".join(text.split())[:_ERROR_LENGTH_MAX]


@lru_cache(maxsize=1)
def _apprise() -> Any:
    """Return the library with all its services, of which some import what Python will drop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import apprise  # noqa: PLC0415  (a hundred modules that who sends nothing needs not)

        apprise.Apprise.instantiate("json://localhost")
    # What it logs may quote a URL: nobody hears it but who captures it, and masks it.
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    return apprise


def _capture(apprise: Any, level: str) -> Any:
    """Return a context that takes what apprise logs; it is typed nowhere."""
    return apprise.LogCapture(level=getattr(apprise.logging, level), fmt="%(message)s")


def targets_of(text: str) -> list[Target]:
    """Return the targets of `CALLBOARD_ALERT_URLS`.

    Raises:
        ConfigurationError: an entry is no URL that apprise knows; it is never quoted.
    """
    urls = [
        part.strip() for part in re.split(r",\s*(?=[A-Za-z][\w+.-]*://)", text) if part.strip()
    ]
    if not urls:
        return []
    apprise = _apprise()
    for number, url in enumerate(urls, 1):
        with _capture(apprise, "CRITICAL"):
            known = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if known is None:
            message = (
                f"CALLBOARD_ALERT_URLS, entry {number}: apprise knows no such URL; write e.g. "
                "mailto://user:password@example.com or json://hooks.example.com/path"
            )
            raise ConfigurationError(message)
    return [AppriseTarget(url) for url in dict.fromkeys(urls)]


@dataclass(slots=True)
class _Direct:
    """A message that could not be stored first: MongoDB is away."""

    document: dict[str, Any]
    due_at: datetime
    is_under_way: bool = False


class Sending:
    """Takes messages from the outbox, and sends those that MongoDB could not take."""

    def __init__(
        self, store: AlertStore, targets: Sequence[Target], clock: Clock, board_url: str = ""
    ) -> None:
        self._store = store
        self._targets = {target.name: target for target in targets}
        self._clock = clock
        self._board_url = board_url
        self._direct: list[_Direct] = []
        self.results: Counter[str] = Counter()
        """How often sending ended how: sent, retried, failed."""

    @property
    def targets(self) -> Mapping[str, Target]:
        """Return where is sent to, by name."""
        return self._targets

    def outgoing(self, transitions: Sequence[Transition]) -> list[dict[str, Any]]:
        """Return the messages that transitions mean, one for each target, to be stored."""
        return [
            {
                "_id": f"{transition.identity}|{name}",
                "alert": transition.identity,
                "target": name,
                "at": transition.at,
                "title": title,
                "body": body,
                "state": "waiting",
                "attempts": 0,
                "dueAt": transition.at,
            }
            for transition in transitions
            for title, body in [message_of(transition, self._board_url)]
            for name in self._targets
        ]

    def send_directly(self, messages: Sequence[dict[str, Any]]) -> None:
        """Send without storing first; what is not sent when the process ends is lost."""
        now = self._clock.now()
        self._direct.extend(_Direct(message, now) for message in messages)
        del self._direct[:-_DIRECT_MAX]

    def withdraw(self) -> list[dict[str, Any]]:
        """Return what was to be sent directly, with what came of it; it is forgotten here.

        What is being sent this very moment stays.
        """
        done = [each.document for each in self._direct if not each.is_under_way]
        self._direct = [each for each in self._direct if each.is_under_way]
        return done

    async def pump(self) -> None:
        """Send what is due of the outbox."""
        try:
            await asyncio.gather(*(self._pump(target) for target in self._targets.values()))
        except StoreUnavailable:
            return  # it stays in the outbox

    async def pump_direct(self) -> None:
        """Send what is due of what could not be stored."""
        now = self._clock.now()
        for each in list(self._direct):
            if each.document["state"] != "waiting" or each.due_at > now:
                continue
            each.is_under_way = True
            try:
                await self._send_direct(each)
            finally:
                each.is_under_way = False

    async def _send_direct(self, each: _Direct) -> None:
        message = each.document
        message["attempts"] += 1
        target = self._targets[message["target"]]
        error = await target.send(message["title"], message["body"])
        now = self._clock.now()
        self._count(target.name, message["alert"], error, final=False)
        if error is None:
            message |= {"state": "sent", "sentAt": now, "error": None}
        else:
            each.due_at = now + _pause(message["attempts"])
            message |= {"dueAt": each.due_at, "error": error}

    async def _pump(self, target: Target) -> None:
        while (message := await self._store.take(target.name, self._clock.now())) is not None:
            error = await target.send(message.title, message.body)
            await self._settle(message, error)
            if error is not None:
                return

    async def _settle(self, message: Outgoing, error: str | None) -> None:
        now = self._clock.now()
        final = now - message.at > _GIVE_UP_AFTER
        self._count(message.target, message.identity, error, final=final)
        if error is None:
            await self._store.sent(message, now)
        else:
            due_at = None if final else now + _pause(message.attempts)
            await self._store.failed(message, error, due_at)

    def _count(self, target: str, identity: str, error: str | None, *, final: bool) -> None:
        if error is None:
            self.results["sent"] += 1
            _log.info("alert.sent", target=target, alert=identity)
        else:
            self.results["failed" if final else "retried"] += 1
            _log.warning("alert.not_sent", target=target, reason=error, retrying=not final)


def _pause(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts."""
    return timedelta(seconds=min(_FIRST_RETRY_S * 2.0 ** (attempts - 1), _RETRY_S_MAX))
