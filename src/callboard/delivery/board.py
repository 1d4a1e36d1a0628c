"""What the API and the sockets read: replicas when somebody vouches for them, else MongoDB.

One method per thing people ask for, each answering body, tag and where it came from.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import orjson

from callboard.clock import Clock, isoformat_z
from callboard.delivery.conditional import Answer, content_tag, position_tag, read_through
from callboard.delivery.replica import Replica
from callboard.domain.buckets import Bucket, day_of
from callboard.domain.calls import shown_call
from callboard.domain.metrics import campaign_status, summary, total_of
from callboard.domain.stream import Position
from callboard.errors import CampaignNotFound, ViewsUnavailable

__all__ = [
    "ACTIVE_MAX_AGE_S",
    "CAMPAIGN_ID_LENGTH_MAX",
    "STATUS_MAX_AGE_S",
    "SUMMARY_MAX_AGE_S",
    "TICK_S",
    "BoardReads",
    "Truth",
]

SUMMARY_MAX_AGE_S = 60
STATUS_MAX_AGE_S = 30
ACTIVE_MAX_AGE_S = 15
CAMPAIGN_ID_LENGTH_MAX = 200

Document = dict[str, Any]

BYPASS = "BYPASS"

TICK_S = 0.05
"""A view that moves all the time is rendered once a tick, not for every reader in between."""

_NOWHERE = Position(0, 0)

_PERIOD_DAYS = {"yesterday": (1, 1), "7d": (6, 0), "30d": (29, 0)}
"""First and last day of a period, in days back from today; both included."""


class Truth(Protocol):
    """MongoDB, for what no view holds and for when nobody vouches for one."""

    async def active_calls(self) -> list[Document]:
        """Return the calls alive now."""

    async def campaign(self, campaign_id: str) -> Document:
        """Return a campaign document; raises CampaignNotFound."""

    async def campaigns(self) -> tuple[Any, AsyncIterator[Document]]:
        """Return every campaign document."""

    async def days(self, first: str, last: str, campaign_id: str | None) -> list[Document]:
        """Return daily figures, oldest first."""

    async def campaign_figures(self) -> dict[str, Document]:
        """Return every campaign's all-time counters."""

    async def figures(self, buckets: Sequence[Bucket]) -> dict[Bucket, Document]:
        """Return stored figures by bucket."""


class _Kept(NamedTuple):
    """A body of a view."""

    position: Position
    until_s: float
    """Until when, by the steady clock, it is good enough for who does not ask for the newest."""
    answer: Answer


class BoardReads:
    """Reads of the board. `kept_…` look in memory alone, and find nothing if nobody vouches."""

    def __init__(
        self, replicas: Mapping[str, Replica], truth: Truth, zone: ZoneInfo, clock: Clock
    ) -> None:
        self.live = replicas["live"]
        self.campaigns = replicas["campaign"]
        self.summary = replicas["summary"]
        self._truth = truth
        self._zone = zone
        self._clock = clock
        self._kept: dict[tuple[str, str | None], _Kept] = {}
        self._newest: dict[str, Position] = {}
        """Where each view stood for who asked for the newest: nobody is shown less later."""

    def today(self) -> str:
        """Return the local date it is now."""
        return day_of(self._clock.now(), self._zone)

    async def refresh(self, replica: Replica) -> None:
        """Bring a replica up to what its projector has published by now (`no-cache`)."""
        with contextlib.suppress(ViewsUnavailable):  # the read itself then goes to MongoDB
            await replica.sync()
        self._newest[replica.name] = replica.position

    def active_payload(self, campaign_id: str | None = None) -> Document:
        """Return the live calls of the replica, newest first, at its position."""
        calls = [
            call
            for call in self.live.items.values()
            if campaign_id is None or call["campaignId"] == campaign_id
        ]
        return _active(calls, self.live.at, self.live.position.as_json())

    def kept_active(self, campaign_id: str | None) -> Answer | None:
        """Return the live calls of the replica."""
        return self._keep(
            ("active", campaign_id),
            self.live,
            lambda: orjson.dumps(self.active_payload(campaign_id)),
        )

    async def active(self, campaign_id: str | None) -> Answer:
        """Return the live calls."""
        if (kept := self.kept_active(campaign_id)) is not None:
            return kept
        found = [shown_call(document) for document in await self._truth.active_calls()]
        calls = [call for call in found if campaign_id in (None, call["campaignId"])]
        return read_through(_active(calls, isoformat_z(self._clock.now()), None), BYPASS)

    async def summary_of(self, period: str) -> Answer:
        """Return the summary of today, yesterday, 7d or 30d."""
        if period == "today":
            return await self._today()
        first, last = _PERIOD_DAYS[period]
        now = self._clock.now()
        days = await self._truth.days(
            day_of(now, self._zone, days_back=first), day_of(now, self._zone, days_back=last), None
        )
        body = summary(total_of(days), await self._active_count())
        return read_through({"summary": body, "period": period, "last_updated": None})

    def today_payload(self) -> Document:
        """Return today's summary of the replica at its position."""
        return {
            "summary": self.summary.items["today"],
            "period": "today",
            "last_updated": self.summary.at,
            "position": self.summary.position.as_json(),
        }

    def kept_today(self) -> Answer | None:
        """Return today's summary of the replica."""
        if "today" not in self.summary.items:
            return None
        return self._keep(
            ("today", None), self.summary, lambda: orjson.dumps(self.today_payload())
        )

    async def _today(self) -> Answer:
        if (kept := self.kept_today()) is not None:
            return kept
        today = Bucket(day_of(self._clock.now(), self._zone), None)
        counted = await self._truth.figures([today])
        body = summary(total_of(counted.values()), await self._active_count())
        at = isoformat_z(self._clock.now())
        named = {"day": today.day, "timezone": self._zone.key, **body}
        payload = {"summary": named, "period": "today", "last_updated": at, "position": None}
        return read_through(payload, BYPASS)

    async def _active_count(self) -> int:
        if self.live.vouched:
            return len(self.live.items)
        return len(await self._truth.active_calls())

    def kept_campaigns(self) -> Answer | None:
        """Return the statuses of the replica."""
        return self._keep(
            ("campaigns", None), self.campaigns, lambda: orjson.dumps(self._campaigns_payload())
        )

    async def campaign_list(self) -> Answer:
        """Return the status of every campaign, by name."""
        if (kept := self.kept_campaigns()) is not None:
            return kept
        counted = await self._truth.campaign_figures()
        _, found = await self._truth.campaigns()
        documents = {str(document["_id"]): document async for document in found}
        known = counted.keys() | documents.keys()
        rows = [campaign_status(key, counted.get(key), documents.get(key)) for key in known]
        return read_through(_campaigns(rows, isoformat_z(self._clock.now())), BYPASS)

    def _campaigns_payload(self) -> Document:
        return _campaigns(list(self.campaigns.items.values()), self.campaigns.at)

    def campaign_payload(self, campaign_id: str) -> Document:
        """Return one campaign's status of the replica at its position."""
        return {
            **self.campaigns.items[campaign_id],
            "last_updated": self.campaigns.at,
            "position": self.campaigns.position.as_json(),
        }

    def kept_campaign(self, campaign_id: str) -> Answer | None:
        """Return one campaign's status of the replica, None also if it has none."""
        if campaign_id not in self.campaigns.items:
            return None
        return self._keep(
            ("campaign", campaign_id),
            self.campaigns,
            lambda: orjson.dumps(self.campaign_payload(campaign_id)),
        )

    async def campaign(self, campaign_id: str) -> Answer:
        """Return one campaign's status.

        Raises:
            CampaignNotFound: no document and no call knows it.
        """
        if (kept := self.kept_campaign(campaign_id)) is not None:
            return kept
        bucket = Bucket(None, campaign_id)
        counted = (await self._truth.figures([bucket])).get(bucket)
        document: Document | None = None
        try:
            document = await self._truth.campaign(campaign_id)
        except CampaignNotFound:
            if counted is None:
                raise
        status = campaign_status(campaign_id, counted, document)
        at = isoformat_z(self._clock.now())
        return read_through({**status, "last_updated": at, "position": None}, BYPASS)

    def _keep(
        self, name: tuple[str, str | None], replica: Replica, render: Callable[[], bytes]
    ) -> Answer | None:
        """Return the bytes of this position, rendered at most once, and once a tick."""
        if not replica.vouched:
            return None
        kept, position = self._kept.get(name), replica.position
        if kept is not None:
            if kept.position == position:
                return kept.answer
            good = kept.position >= self._newest.get(replica.name, _NOWHERE)
            if good and self._clock.monotonic_s() < kept.until_s:
                return kept.answer
        elif len(self._kept) >= _KEPT_MAX:
            self._kept.clear()
        body = render()
        # Of all campaigns together the body does not name the position, so only its bytes tell.
        tag = content_tag(body) if name[0] == "campaigns" else position_tag(position)
        answer = Answer(body, tag, "HIT")
        self._kept[name] = _Kept(position, self._clock.monotonic_s() + TICK_S, answer)
        return answer


_KEPT_MAX = 500
"""Campaign ids come from clients: what they make us keep is bounded."""


def _active(calls: list[Document], at: str, position: Document | None) -> Document:
    newest_first = sorted(calls, key=lambda call: (_text(call["startTime"]), call["sid"]))
    newest_first.reverse()
    return {
        "active_calls": newest_first,
        "active_calls_count": len(newest_first),
        "last_updated": at,
        "position": position,
    }


def _text(value: object) -> str:
    """Return an instant as written; other programs may have stored anything there."""
    return value if isinstance(value, str) else ""


def _campaigns(rows: list[Document], at: str) -> Document:
    ordered = sorted(rows, key=lambda row: (row["name"], row["campaignId"]))
    return {"campaigns": [{**row, "last_updated": at} for row in ordered], "last_updated": at}
