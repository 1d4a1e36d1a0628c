"""What the API and the sockets read: replicas when somebody vouches for them, else MongoDB.

One method per thing people ask for, each answering body, tag and where it came from.
"""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from callboard.cache import Loaded
from callboard.clock import Clock, isoformat_z
from callboard.delivery.cached import CachedReads, Wanted
from callboard.delivery.conditional import Answer, content_tag, position_tag, read_through
from callboard.delivery.replica import Replica
from callboard.delivery.truth import Truth
from callboard.domain.buckets import Bucket, day_of
from callboard.domain.calls import jsonable, shown_call
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
    "details_body",
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


class _Kept(NamedTuple):
    """A body of a view."""

    position: Position
    until_s: float
    """Until when, by the steady clock, it is good enough for who does not ask for the newest."""
    answer: Answer


class BoardReads:
    """Reads of the board. `kept_…` look in memory alone, and find nothing if nobody vouches."""

    def __init__(
        self,
        replicas: Mapping[str, Replica],
        truth: Truth,
        zone: ZoneInfo,
        clock: Clock,
        cached: CachedReads,
    ) -> None:
        self.live = replicas["live"]
        self.campaigns = replicas["campaign"]
        self.summary = replicas["summary"]
        self.cached = cached
        self._truth = truth
        self._zone = zone
        self._clock = clock
        self._written = 0
        """Up to which commit this process has written campaigns: its views must have got there."""
        self._calls: dict[str, tuple[Document, Answer]] = {}
        self._details: dict[str, tuple[Answer, Answer | None, Answer]] = {}
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

    def kept_call(self, sid: str) -> Answer | None:
        """Return one call of the replica: a call that goes on changes too often to be cached."""
        if not self.live.vouched or not self.cached.enabled:
            return None
        call = self.live.items.get(sid)
        if call is None:
            return None
        kept = self._calls.get(sid)
        if kept is not None and kept[0] is call:
            return kept[1]
        if len(self._calls) >= _KEPT_MAX:
            self._calls.clear()
        body = orjson.dumps(call)
        answer = Answer(body, content_tag(body), "HIT")
        self._calls[sid] = call, answer
        return answer

    async def active(self, campaign_id: str | None) -> Answer:
        """Return the live calls."""
        if (kept := self.kept_active(campaign_id)) is not None:
            return kept
        found = [shown_call(document) for document in await self._truth.active_calls()]
        calls = [call for call in found if campaign_id in (None, call["campaignId"])]
        return read_through(_active(calls, isoformat_z(self._clock.now()), None), BYPASS)

    async def summary_of(self, period: str, *, fresh: bool = False) -> Answer:
        """Return the summary of today, yesterday, 7d or 30d."""
        if period == "today":
            return await self._today()
        first, last = (
            day_of(self._clock.now(), self._zone, days_back=back) for back in _PERIOD_DAYS[period]
        )

        async def load(after: int) -> Loaded[bytes]:
            days, as_of = await self._truth.days(first, last, None, after)
            return Loaded(orjson.dumps(summary(total_of(days), 0)), as_of)

        found = await self.cached.read(Wanted("period", f"|{first}|{last}", load), fresh=fresh)
        body = orjson.loads(found.body) if found is not None else {}
        # How many are alive now is no figure of the period, and changes all the time.
        counted = {**body, "activeCalls": await self._active_count()}
        answer = {"summary": counted, "period": period, "last_updated": None}
        return read_through(answer, found.cache if found is not None else BYPASS)

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
        if self.live.vouched and self.cached.enabled:
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

    async def campaign_details(self, campaign_id: str, *, fresh: bool = False) -> Answer:
        """Return one campaign's status, and its own document as `details`.

        Raises:
            CampaignNotFound: no document and no call knows it.
        """
        status = await self.campaign(campaign_id)

        async def load(after: int) -> Loaded[bytes]:
            found, as_of = await self._truth.campaign_document(campaign_id, after)
            return Loaded(None if found is None else details_body(found), as_of)

        details = await self.cached.read(Wanted("details", campaign_id, load), fresh=fresh)
        made = self._details.get(campaign_id)
        if made is not None and made[0] is status and made[1] is details:
            return made[2]
        body = b'%b,"details":%b}' % (status.body[:-1], details.body if details else b"null")
        kept = status.cache == "HIT" and (details is None or details.cache == "HIT")
        said = "HIT" if kept else (details or status).cache
        answer = Answer(body, content_tag(body), said)
        if kept:
            if len(self._details) >= _KEPT_MAX:
                self._details.clear()
            self._details[campaign_id] = status, details, answer
        return answer

    async def wrote_campaign(self, document: Document, committed: int) -> None:
        """Write a campaign through: whoever asks this process from now on sees it."""
        campaign_id = str(document["_id"])
        self._written = max(self._written, committed)
        await self.cached.put("details", campaign_id, details_body(document), committed)

    @property
    def _shows_campaigns(self) -> bool:
        """Whether the replica has all campaigns that were written here."""
        if not self._written:
            return True
        if self.campaigns.watermark.commit < self._written:
            return False
        self._written = 0
        return True

    def _keep(
        self, name: tuple[str, str | None], replica: Replica, render: Callable[[], bytes]
    ) -> Answer | None:
        """Return the bytes of this position, rendered at most once, and once a tick."""
        if not replica.vouched or not self.cached.enabled:
            return None
        if replica is self.campaigns and not self._shows_campaigns:
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


def details_body(document: Mapping[str, Any]) -> bytes:
    """Return a stored campaign as JSON, whatever another program has put into it."""
    return orjson.dumps({name: jsonable(value) for name, value in document.items()})


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
