"""Store and views in the shapes that projection and delivery ask for.

Packages on one level never import each other; what each needs of its neighbours is a protocol
of its own, and these few lines are where they meet.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from callboard.app.timeline import CallTimeline
from callboard.clock import Clock
from callboard.domain.buckets import Bucket
from callboard.domain.changes import ChangeBatch, ClusterTime
from callboard.domain.contacts import Contact, shown_contact
from callboard.domain.failures import Ended
from callboard.domain.forecast import Course
from callboard.domain.queries import CallPage, CallQuery
from callboard.store.changes import read_changes
from callboard.store.contacts import Contacts, cursor_of
from callboard.store.database import MongoDatabase, prepare
from callboard.store.failures import Endings
from callboard.store.figures import FigureStore
from callboard.store.forecast import Courses
from callboard.store.reads import Calls, Campaigns
from callboard.store.snapshots import newest_commit
from callboard.store.timeline import Timelines

__all__ = ["ProjectionSource", "StoreReads"]

Document = dict[str, Any]


class ProjectionSource:
    """What the projector reads: snapshots of the truth, and its changes."""

    def __init__(self, database: MongoDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._calls = Calls(database)
        self._campaigns = Campaigns(database)

    async def all_calls(self) -> tuple[ClusterTime, AsyncIterator[Document]]:
        """Return every call as of one cluster time.

        A collection that was dropped and made anew has lost its indexes and change images:
        what is folded from nothing is also prepared from nothing.
        """
        await prepare(self._database)
        return await self._calls.all_snapshot()

    async def calls_between(
        self, since: datetime, until: datetime
    ) -> tuple[ClusterTime, AsyncIterator[Document]]:
        """Return the calls that began in a stretch of time, as of one cluster time."""
        return await self._calls.begun_between(since, until)

    async def active_calls(self) -> tuple[ClusterTime, AsyncIterator[Document]]:
        """Return the calls alive at one cluster time."""
        return await self._calls.active_snapshot()

    async def campaigns(self) -> tuple[ClusterTime, AsyncIterator[Document]]:
        """Return every campaign as of one cluster time."""
        return await self._campaigns.snapshot()

    def changes(
        self, token: Mapping[str, Any] | None, after: ClusterTime | None
    ) -> AsyncIterator[ChangeBatch]:
        """Yield change batches."""
        return read_changes(self._database, self._clock, token=token, after=after)


class StoreReads:
    """What delivery reads and writes of MongoDB."""

    def __init__(self, database: MongoDatabase, figures: FigureStore, clock: Clock) -> None:
        self._database = database
        self._calls = Calls(database)
        self._campaigns = Campaigns(database)
        self._contacts = Contacts(database)
        self._courses = Courses(database)
        self._endings = Endings(database)
        self._timeline = CallTimeline(self._calls, Timelines(database))
        self._figures = figures
        self._clock = clock

    async def page(self, query: CallQuery, after: int = 0) -> CallPage:
        """Return one page of calls."""
        return await self._calls.page(query, after)

    async def call(self, sid: str, after: int = 0) -> tuple[Document | None, int]:
        """Return a call and as of when."""
        return await self._calls.find(sid, after)

    async def timeline(self, sid: str) -> Document:
        """Return a call's events, oldest first."""
        return await self._timeline.of(sid)

    async def active_calls(self) -> list[Document]:
        """Return the calls alive now."""
        return await self._calls.active()

    async def campaign(self, campaign_id: str) -> Document:
        """Return a campaign document."""
        return await self._campaigns.one(campaign_id)

    async def campaigns(self) -> tuple[Any, AsyncIterator[Document]]:
        """Return every campaign document."""
        return await self._campaigns.snapshot()

    async def campaign_document(
        self, campaign_id: str, after: int = 0
    ) -> tuple[Document | None, int]:
        """Return a campaign document and as of when."""
        return await self._campaigns.find(campaign_id, after)

    async def create_campaign(
        self, campaign_id: str, fields: Mapping[str, Any]
    ) -> tuple[Document, int]:
        """Store a new campaign."""
        return await self._campaigns.create(campaign_id, fields, self._clock.now())

    async def change_campaign(
        self, campaign_id: str, fields: Mapping[str, Any]
    ) -> tuple[Document, int]:
        """Change a campaign."""
        return await self._campaigns.change(campaign_id, fields, self._clock.now())

    async def contacts(
        self, campaign_id: str, limit: int, before: str | None, after: int = 0
    ) -> tuple[Document | None, int]:
        """Return a page of a campaign's contacts, None if there is no such campaign."""
        campaign, known_as_of = await self._campaigns.find(campaign_id, after)
        found, as_of = await self._contacts.page(campaign_id, limit + 1, before, after)
        if campaign is None and not found:
            return None, min(known_as_of, as_of)
        page = found[:limit]
        total = campaign.get("totalContacts") if campaign is not None else None
        shown = {
            "contacts": [shown_contact(contact) for contact in page],
            "next": cursor_of(page[-1]) if len(found) > limit else None,
            "total": total if isinstance(total, int) else None,
        }
        return shown, min(known_as_of, as_of)

    async def write_contacts(self, contacts: Sequence[Contact]) -> tuple[int, int]:
        """Add contacts or change them; return how many of each, when they are durable."""
        return await self._contacts.write(contacts, self._clock.now())

    async def tell_contacts(self, campaign_id: str) -> tuple[Document, int]:
        """Write down how many contacts a campaign has; return it and the commit time."""
        return await self._contacts.tell(campaign_id, self._clock.now())

    async def course(self, campaign_id: str, after: int = 0) -> tuple[Course | None, int]:
        """Return how a campaign has gone so far, None when nothing knows it, and as of when."""
        return await self._courses.of(campaign_id, self._clock.now(), after)

    async def days(
        self, first: str, last: str, campaign_id: str | None, after: int = 0
    ) -> tuple[Sequence[Document], int]:
        """Return daily figures and as of when."""
        return await self._figures.days_as_of("daily", first, last, campaign_id, after)

    async def durations(
        self, first: str, last: str, campaign_id: str | None, after: int = 0
    ) -> tuple[Sequence[Document], int]:
        """Return how many calls lasted each second, and as of when."""
        return await self._figures.days_as_of("durations", first, last, campaign_id, after)

    async def steps(
        self, day: str, campaign_id: str | None, after: int = 0
    ) -> tuple[Sequence[Document], int]:
        """Return a day's steps of concurrency, and as of when."""
        return await self._figures.days_as_of("steps", day, day, campaign_id, after)

    async def endings(
        self, now: datetime, campaign_id: str | None, after: int = 0
    ) -> tuple[Sequence[Ended], int]:
        """Return how the calls of the last 24 hours ended, and as of when."""
        return await self._endings.recent(now, campaign_id, after)

    async def newest(self) -> int:
        """Return a commit time that contains all that was committed before it was asked for."""
        return await newest_commit(self._database)

    async def campaign_figures(self) -> dict[str, Document]:
        """Return every campaign's counters."""
        return await self._figures.campaigns()

    async def figures(self, buckets: Sequence[Bucket]) -> dict[Bucket, Document]:
        """Return stored figures."""
        return await self._figures.read(buckets)
