"""What callers see while Redis is away: killed and started anew, or frozen and thawed."""

import time
from pathlib import Path
from typing import Any

from cache_jobs import UNANSWERED, Call, Endured, Fill, Outage
from cache_process import running
from cache_server import Server
from contenders import Entry

from callboard.clock import SystemClock

__all__ = ["MODES", "outage"]

MODES = ("killed", "frozen")
CALLERS = 64
KEYS = 50
LOAD_S = 0.005
BEFORE_S = 0.5
AFTER_S = 3.0
_CLOCK = SystemClock()


def outage(name: str, entry: Entry, mode: str, away_s: float, folder: Path) -> dict[str, Any]:
    """Return one contender's row for one kind of outage."""
    server = Server(folder)
    server.start()
    try:
        with running(entry, server.url) as runner:
            runner.ask(Fill(CALLERS))
            runner.tell(Outage(CALLERS, KEYS, LOAD_S))
            time.sleep(BEFORE_S)
            away_at_s = _CLOCK.monotonic_s()
            server.kill() if mode == "killed" else server.freeze()
            time.sleep(away_s)
            server.start() if mode == "killed" else server.thaw()
            back_at_s = _CLOCK.monotonic_s()
            time.sleep(AFTER_S)
            runner.tell("over")
            endured: Endured = runner.hear()
    finally:
        server.thaw() if mode == "frozen" else None
        server.stop()
    return {
        "contender": name,
        "Redis": mode,
        **_seen(endured, away_at_s, back_at_s),
    }


def _seen(endured: Endured, away_at_s: float, back_at_s: float) -> dict[str, Any]:
    calls = [call for call in endured.calls if call.ended_s > away_at_s]
    away_s = back_at_s - away_at_s
    answered = [c for c in calls if not c.error and c.ended_s < back_at_s]
    loads = sum(away_at_s < at_s < back_at_s for at_s in endured.loads)
    errors = sorted({c.error for c in calls if c.error and c.error != UNANSWERED})
    return {
        "worst block ms": round(max(c.ended_s - c.begun_s for c in calls) * 1e3),
        "answers/s": round(len(answered) / away_s),
        "errors": sum(c.error in errors for c in calls),
        "of kind": ", ".join(errors),
        "hung": endured.hung,
        "loads": loads,
        "loads/s": round(loads / away_s),
        "from Redis again after ms": _back_after_ms(calls, back_at_s),
    }


def _back_after_ms(calls: list[Call], back_at_s: float) -> int | str:
    served = [c.ended_s for c in calls if c.cached and c.begun_s >= back_at_s]
    return round((min(served) - back_at_s) * 1e3) if served else f"> {AFTER_S * 1e3:.0f}"
