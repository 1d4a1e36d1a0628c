"""The three views in the projector's memory, and the deltas a batch of changes makes.

Live calls change with every change of a call; a campaign's status and today's summary are
rendered at most once per batch, however many of its calls changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from callboard.clock import Clock, isoformat_z
from callboard.domain.calls import call_key, is_active, shown_call
from callboard.domain.changes import Change
from callboard.domain.contributions import (
    Bucket,
    Contribution,
    day_of,
    empty_counters,
    increments,
    instant_of,
    movement,
)
from callboard.domain.metrics import campaign_status, summary
from callboard.projection.ports import Document, ViewPublisher

__all__ = ["Board", "Publishers"]

TODAY = "today"


@dataclass(frozen=True, slots=True)
class Publishers:
    """The pens of the three views."""

    live: ViewPublisher
    campaigns: ViewPublisher
    summary: ViewPublisher

    def all(self) -> tuple[ViewPublisher, ...]:
        """Return them in the order they are written."""
        return (self.live, self.campaigns, self.summary)


class Board:
    """Counters and campaign documents in memory, and what they look like."""

    def __init__(
        self,
        publishers: Publishers,
        zone: ZoneInfo,
        clock: Clock,
        calls_kept: timedelta | None = None,
    ) -> None:
        self.publishers = publishers
        self.zone = zone
        self._clock = clock
        self._calls_kept = calls_kept
        self._counted: dict[Bucket, Document] = {}
        self._campaigns: dict[str, Document] = {}
        self._day = ""

    def today(self) -> Bucket:
        """Return the bucket of the local day it is now."""
        return Bucket(day_of(self._clock.now(), self.zone), None)

    def restart(
        self,
        epoch: int,
        today: Bucket,
        active: Mapping[str, Document],
        campaigns: Mapping[str, Document],
        counted: Mapping[Bucket, Document],
    ) -> None:
        """Begin an epoch from what MongoDB says; `today` is the day `counted` was read for.

        Midnight may have passed since: `day_turned` then says so, and the new day is read too.
        """
        at = isoformat_z(self._clock.now())
        self._campaigns = dict(campaigns)
        self._counted = dict(counted)
        self._day = today.day or ""
        live = {key: orjson.dumps(shown_call(document)) for key, document in active.items()}
        self.publishers.live.reset(live, epoch, at)
        known = self._campaigns.keys() | {
            bucket.campaign_id
            for bucket in counted
            if bucket.day is None and bucket.campaign_id and self._counts(bucket)
        }
        statuses = {key: self._campaign_json(key) for key in sorted(known)}
        self.publishers.campaigns.reset(statuses, epoch, at)
        self.publishers.summary.reset({TODAY: self._summary_json()}, epoch, at)

    def apply(self, moved: Contribution) -> None:
        """Take over committed increments."""
        for bucket, steps in moved.items():
            if bucket.day is None or bucket == Bucket(self._day, None):
                document = self._counted.setdefault(bucket, empty_counters())
                increments(document, steps.items())

    def contribution_of(self, change: Change) -> Contribution:
        """Return what one change of a call adds to and takes from the figures.

        A call older than calls are kept did take place, and is settled: its deletion takes
        nothing, and one that is made anew, by a replay, adds nothing.
        """
        if self._has_expired(change.after if change.after is not None else change.before):
            return {}
        return movement(change.before, change.after, self.zone)

    def _has_expired(self, call: Mapping[str, Any] | None) -> bool:
        started = instant_of(call.get("startTime")) if call is not None else None
        if self._calls_kept is None or started is None:
            return False
        return self._clock.now() - started >= self._calls_kept

    def stage_call(self, change: Change) -> None:
        """Stage the delta of one changed call."""
        document = change.after if change.after is not None else change.before
        if document is None:
            return
        if change.before is not None and change.after is not None:
            earlier, later = call_key(change.before), call_key(change.after)
            if earlier != later and is_active(change.before):
                self._remove_live(earlier, change.before)
        value = orjson.dumps(shown_call(document))
        self.publishers.live.stage(
            call_key(document),
            change.kind,
            value,
            keep=is_active(change.after),
            at=isoformat_z(self._clock.now()),
        )

    def _remove_live(self, key: str, document: Mapping[str, Any]) -> None:
        """Drop a live call whose shown id was changed under it."""
        value = orjson.dumps(shown_call(document))
        at = isoformat_z(self._clock.now())
        self.publishers.live.stage(key, "delete", value, keep=False, at=at)

    def take_campaign(self, change: Change) -> str:
        """Remember a changed campaign document and return its id."""
        document = change.after if change.after is not None else change.before or {}
        key = str(document["_id"])
        if change.after is None:
            self._campaigns.pop(key, None)
        else:
            self._campaigns[key] = dict(change.after)
        return key

    def stage_campaigns(self, changed: set[str]) -> None:
        """Stage the status of every campaign that now looks different."""
        at = isoformat_z(self._clock.now())
        view = self.publishers.campaigns
        for key in sorted(changed):
            known = key in self._campaigns or self._counts(Bucket(None, key))
            if not known and key in view.items:
                view.stage(key, "delete", self._campaign_json(key), keep=False, at=at)
                continue
            value = self._campaign_json(key)
            if known and view.items.get(key) != value:
                change = "update" if key in view.items else "insert"
                view.stage(key, change, value, keep=True, at=at)

    def stage_summary(self) -> None:
        """Stage today's summary if it now looks different."""
        value = self._summary_json()
        view = self.publishers.summary
        if view.items.get(TODAY) != value:
            view.stage(TODAY, "update", value, keep=True, at=isoformat_z(self._clock.now()))

    def day_turned(self) -> bool:
        """Tell once that a new local day has begun, and start counting it."""
        day = self.today().day or ""
        if day == self._day:
            return False
        self._counted.pop(Bucket(self._day, None), None)
        self._day = day
        return True

    def load_day(self, document: Document | None) -> None:
        """Take over what was already counted for the day that has begun."""
        if document is not None:
            self._counted[Bucket(self._day, None)] = document

    def _counts(self, bucket: Bucket) -> bool:
        counted = self._counted.get(bucket)
        return counted is not None and counted["callVolume"]["total"] > 0

    def _campaign_json(self, key: str) -> bytes:
        counted = self._counted.get(Bucket(None, key))
        return orjson.dumps(campaign_status(key, counted, self._campaigns.get(key)))

    def _summary_json(self) -> bytes:
        counted = self._counted.get(Bucket(self._day, None)) or empty_counters()
        active = len(self.publishers.live.items)
        body = summary(counted, active)
        return orjson.dumps({"day": self._day, "timezone": self.zone.key, **body})
