"""What happens by the clock: figures are compared every night, and now and then."""

from collections.abc import Awaitable, Callable
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from callboard.projection.checks import NIGHTLY_AT, Checks

__all__ = ["Schedule"]


def _coroutine(due: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    """Return what runs on the event loop: the scheduler runs anything else in a thread."""

    async def tell() -> None:
        due()

    return tell


class Schedule:
    """Says in every process when something is due; only the one that projects does it."""

    name = "schedule"

    def __init__(self, checks: Checks, zone: ZoneInfo, sample_every_s: float) -> None:
        # Late or missed runs are one run: a machine that slept counts once when it wakes.
        self._scheduler = AsyncIOScheduler(
            timezone=zone, job_defaults={"coalesce": True, "misfire_grace_time": None}
        )
        nightly = CronTrigger(hour=NIGHTLY_AT.hour, minute=NIGHTLY_AT.minute, timezone=zone)
        self._scheduler.add_job(_coroutine(checks.night), nightly, id="nightly")
        often = IntervalTrigger(seconds=sample_every_s, timezone=zone)
        self._scheduler.add_job(_coroutine(checks.sample), often, id="sample")

    async def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    async def stop(self) -> None:
        """End; what was due is due again at the next start."""
        self._scheduler.shutdown(wait=False)
