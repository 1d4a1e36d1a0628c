"""The three views in the projector's memory, and the deltas a batch of changes makes.

A live call makes one delta for each batch in which it changed; a campaign's status and today's
summary are rendered at most once per batch, however many of its calls changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from callboard.clock import Clock, isoformat_z
from callboard.domain.buckets import day_of, instant_of
from callboard.domain.calls import call_key, is_active, shown_call
from callboard.domain.changes import Change
from callboard.domain.contributions import Contribution, movement
from callboard.domain.figures import Document, empty_counters
from callboard.domain.metrics import campaign_status, summary
from callboard.projection.book import Book, Scope
from callboard.projection.ports import ViewPublisher

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
    """What the figures in the book and the campaigns' documents look like."""

    def __init__(
        self,
        publishers: Publishers,
        book: Book,
        zone: ZoneInfo,
        clock: Clock,
        calls_kept: timedelta | None = None,
    ) -> None:
        self.publishers = publishers
        self.book = book
        self.zone = zone
        self._clock = clock
        self._calls_kept = calls_kept
        self._campaigns: dict[str, Document] = {}
        self._day = ""

    def today(self) -> Scope:
        """Return the local day it is now, of all campaigns."""
        return day_of(self._clock.now(), self.zone), None

    def restart(
        self,
        epoch: int,
        day: str,
        active: Mapping[str, Document],
        campaigns: Mapping[str, Document],
    ) -> None:
        """Begin an epoch from what MongoDB says; `day` is the one that the book has read.

        Midnight may have passed since: `day_turned` then says so, and the new day is read too.
        """
        at = isoformat_z(self._clock.now())
        self._campaigns = dict(campaigns)
        self._day = day
        live = {key: orjson.dumps(shown_call(document)) for key, document in active.items()}
        self.publishers.live.reset(live, epoch, at)
        known = self._campaigns.keys() | self.book.campaigns()
        statuses = {key: self._campaign_json(key) for key in sorted(known)}
        self.publishers.campaigns.reset(statuses, epoch, at)
        self.publishers.summary.reset({TODAY: self._summary_json()}, epoch, at)

    def contribution_of(self, change: Change) -> Contribution:
        """Return what one change of a call adds to and takes from the narrowest buckets.

        A call older than calls are kept did take place, and is settled: its deletion takes
        nothing, and one that is made anew, by a replay, adds nothing.
        """
        if self._has_expired(change.after if change.after is not None else change.before):
            return {}
        return movement(change.before, change.after, self.zone)

    def keeps(self, since_s: int, now: datetime) -> bool:
        """Tell whether calls that began at this Unix second are still kept."""
        return self._calls_kept is None or now.timestamp() - since_s < (
            self._calls_kept.total_seconds()
        )

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
            known = key in self._campaigns or self.book.figures(None, key) is not None
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
        """Tell once that a new local day has begun, and show it from now on."""
        day = day_of(self._clock.now(), self.zone)
        if day == self._day:
            return False
        self._day = day
        return True

    def _campaign_json(self, key: str) -> bytes:
        counted = self.book.figures(None, key)
        return orjson.dumps(campaign_status(key, counted, self._campaigns.get(key)))

    def _summary_json(self) -> bytes:
        counted = self.book.figures(self._day, None) or empty_counters()
        active = len(self.publishers.live.items)
        body = summary(counted, active)
        return orjson.dumps({"day": self._day, "timezone": self.zone.key, **body})
