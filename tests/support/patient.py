"""An installation that the doctor looks at, and what it says of it."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from support.server import ADMIN_KEY, LocalServer

from callboard.app.doctor.configuration import Given
from callboard.app.doctor.examination import diagnose
from callboard.app.doctor.findings import Finding
from callboard.app.doctor.web import Answer, HttpOutside, Target
from callboard.clock import Clock, SystemClock
from callboard.errors import Unavailable

__all__ = ["HEALTHY", "PUBLIC", "Detour", "ShiftedClock", "examined", "of", "sick"]

PUBLIC = "https://board.example.com"
HEALTHY: dict[str, Any] = {"public_url": PUBLIC, "trusted_proxies": "127.0.0.1"}
"""What an installation behind a proxy sets beside the secrets."""


class Detour(HttpOutside):
    """The network, in which the public URL leads to the server of a test, or nowhere."""

    def __init__(self, leads_to: str | None) -> None:
        self._leads_to = leads_to

    async def get(self, url: str, key: str | None = None) -> Answer:
        """Ask, where the public URL is asked for, the one it leads to."""
        if url.startswith(PUBLIC):
            if self._leads_to is None:
                message = "[Errno -2] Name or service not known"
                raise Unavailable(message)
            url = self._leads_to + url.removeprefix(PUBLIC)
        return await super().get(url, key)


class ShiftedClock:
    """The machine's clock, wrong by so much."""

    def __init__(self, by: timedelta) -> None:
        self._by = by
        self._clock: Clock = SystemClock()

    def now(self) -> datetime:
        """Return the wrong time."""
        return self._clock.now() + self._by

    def monotonic_s(self) -> float:
        """Return seconds, which go at the right speed."""
        return self._clock.monotonic_s()


async def examined(
    server: LocalServer, *, clock: Clock | None = None, leads_to: str | None = None, **changed: Any
) -> list[Finding]:
    """Examine a running server with its own settings, or some that were changed."""
    settings = server.settings().model_copy(update=changed)
    target = Target(server.url, ADMIN_KEY, is_named=True)
    outside = Detour(leads_to or server.url)
    return await diagnose(settings, Given(), target, outside, clock or SystemClock())


def sick(findings: Iterable[Finding]) -> dict[str, str]:
    """Return every warning and fault by its name; each says what to do."""
    bad = [finding for finding in findings if finding.level in ("warning", "fault")]
    assert all(finding.what_to_do for finding in bad), bad
    return {finding.name: f"{finding.level}: {finding.what}" for finding in bad}


def of(findings: Iterable[Finding], names: Collection[str]) -> list[Finding]:
    """Return the findings with these names."""
    return [finding for finding in findings if finding.name in names]
