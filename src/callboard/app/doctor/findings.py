"""What a check finds, and running many of them at once, each within its time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from callboard.errors import CallboardError

__all__ = ["BUG", "Check", "Finding", "Level", "Look", "examine", "exit_code"]

Level = Literal["ok", "note", "warning", "fault"]
Look = Callable[[], AsyncIterator["Finding"]]

BUG = "this is a bug of callboard doctor: please report it"
_HEALTHY, _FAULTY, _UNSEEN = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    name: str
    """What was looked at, as docs/operating.md lists it."""
    what: str
    what_to_do: str = ""
    unseen: bool = False
    """Whether this tells that something could not be looked at."""


@dataclass(frozen=True, slots=True)
class Check:
    """A look at one thing; what it has found when its time is over is kept."""

    name: str
    look: Look
    within_s: float = 5.0
    hangs: Level = "fault"
    """How bad it is when there is no answer in time."""
    advice: str = "see whether it hangs or is overloaded, and look again"


async def examine(checks: Iterable[Check]) -> list[Finding]:
    """Run checks side by side; their findings come in the checks' order."""
    found = await asyncio.gather(*(_run(check) for check in checks))
    return [finding for findings in found for finding in findings]


async def _run(check: Check) -> list[Finding]:
    findings: list[Finding] = []
    try:
        async with asyncio.timeout(check.within_s):
            async for finding in check.look():
                findings.append(finding)  # noqa: PERF401  (what was found before the end is kept)
    except TimeoutError:
        what = f"no answer within {check.within_s:g} s"
        findings.append(Finding(check.hangs, check.name, what, check.advice, unseen=True))
    except CallboardError as error:
        findings.append(Finding(check.hangs, check.name, str(error), check.advice, unseen=True))
    except Exception as error:
        what = f"the check itself failed: {type(error).__name__}: {error}"
        findings.append(Finding("warning", check.name, what, BUG, unseen=True))
    return findings


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 1 when there is a fault, else 2 when something could not be looked at, else 0."""
    if any(finding.level == "fault" for finding in findings):
        return _FAULTY
    return _UNSEEN if any(finding.unseen for finding in findings) else _HEALTHY
