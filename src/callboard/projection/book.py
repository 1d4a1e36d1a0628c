"""The figures the projector moves, held in memory so that what it writes are whole truths.

Its unit is a day of one campaign, or of all: the figures and the two series that make their
maxima exact. A day is read once, and again when it was not moved for long. All-time figures of
campaigns stay. Values are absolute: a write may be repeated, and the stored document is what is
held here, always.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from callboard.domain.buckets import DURATIONS, FIGURES, Bucket, midnight_s
from callboard.domain.contributions import Contribution
from callboard.domain.extremes import Extremes
from callboard.domain.figures import (
    Document,
    FigureWrite,
    average_of,
    empty_document,
    is_empty,
    moved,
)

__all__ = ["Book", "FigureReads", "Scope", "bucket_of", "derive"]

Scope = tuple[str | None, str | None]
"""A day and a campaign; None is all time, and all campaigns."""

_SCOPES_MAX = 1_000


class FigureReads(Protocol):
    """Where the figures are stored."""

    async def documents(self, scopes: Iterable[Scope]) -> list[Document]:
        """Return every stored document of these scopes, series included."""

    async def campaign_documents(self) -> list[Document]:
        """Return the all-time figures of every campaign."""


class _Page:
    """The documents of one scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.documents: dict[str, Document] = {}
        """By series."""
        self.stored: set[str] = set()
        self.extremes = Extremes()


def bucket_of(document: Mapping[str, Any]) -> Bucket:
    """Return the bucket a stored document is of."""
    series, _, _ = document["_id"].partition(":")
    if series in ("daily", "campaign"):
        series = FIGURES
    return Bucket(document["day"], document["campaignId"], series)


class Book:
    """Documents by scope; moved by contributions."""

    def __init__(self, store: FigureReads, zone: ZoneInfo) -> None:
        self._store = store
        self._zone = zone
        self._days: OrderedDict[Scope, _Page] = OrderedDict()
        self._campaigns: dict[Scope, _Page] = {}

    async def open(self, scopes: Iterable[Scope]) -> None:
        """Forget everything, then read the campaigns' all-time figures and these scopes."""
        self._days.clear()
        self._campaigns.clear()
        for document in await self._store.campaign_documents():
            self._put(document, self._page((None, document["campaignId"])))
        await self.load(scopes)

    async def load(self, scopes: Iterable[Scope]) -> None:
        """Read the days that are not held yet.

        Raises:
            StoreUnavailable: the store does not answer; nothing has changed here.
        """
        missing = {scope for scope in scopes if scope[0] is not None and scope not in self._days}
        if not missing:
            return
        found = await self._store.documents(missing)
        pages = {scope: self._page(scope) for scope in missing}
        for document in found:
            page = pages.get((document["day"], document["campaignId"]))
            if page is not None:
                self._put(document, page)

    def trim(self) -> None:
        """Let go of the days that were moved longest ago."""
        while len(self._days) > _SCOPES_MAX:
            self._days.popitem(last=False)

    def _put(self, document: Document, page: _Page) -> None:
        series = bucket_of(document).series
        page.documents[series] = document
        page.stored.add(series)

    def _page(self, scope: Scope) -> _Page:
        if scope[0] is None:
            return self._campaigns.setdefault(scope, _Page(scope))
        page = self._days.get(scope)
        if page is None:
            page = self._days[scope] = _Page(scope)
        else:
            self._days.move_to_end(scope)
        return page

    def figures(self, day: str | None, campaign_id: str | None) -> Document | None:
        """Return a scope's figures; None when nothing is counted. Do not change them."""
        pages: Mapping[Scope, _Page] = self._campaigns if day is None else self._days
        page = pages.get((day, campaign_id))
        return page.documents.get(FIGURES) if page is not None else None

    def campaigns(self) -> set[str]:
        """Return the campaigns for which anything is counted."""
        return {
            str(campaign_id)
            for (_, campaign_id), page in self._campaigns.items()
            if FIGURES in page.documents
        }

    def take(self, contribution: Contribution) -> list[FigureWrite]:
        """Move the documents, and return how to write them; their days have been loaded."""
        changes: dict[tuple[Scope, str], dict[str, Any]] = {}
        touched: dict[Scope, _Page] = {}
        for bucket, steps in contribution.items():
            scope = (bucket.day, bucket.campaign_id)
            page = touched[scope] = self._page(scope)
            document = page.documents.get(bucket.series)
            if document is None:
                document = page.documents[bucket.series] = empty_document(bucket, self._zone)
            changes[scope, bucket.series] = moved(document, steps)
            if bucket.series != FIGURES:
                page.extremes.moved(bucket.series, steps)
        for scope, page in touched.items():
            if FIGURES in page.documents:
                derived = derive(page.documents, page.extremes, self._zone)
                if derived:
                    changes.setdefault((scope, FIGURES), {}).update(derived)
        return [
            write
            for (scope, series), changed in changes.items()
            if (write := self._write(touched[scope], series, changed)) is not None
        ]

    @staticmethod
    def _write(page: _Page, series: str, changed: Mapping[str, Any]) -> FigureWrite | None:
        """Return what becomes of a moved document, and remember that it will be so."""
        document = page.documents[series]
        key = document["_id"]
        if is_empty(document):
            del page.documents[series]
            if series not in page.stored:
                return None
            page.stored.remove(series)
            return FigureWrite(key, None)
        if series in page.stored:
            return FigureWrite(key, document, changed)
        page.stored.add(series)
        return FigureWrite(key, document)

    def held(self, day: str) -> dict[Bucket, Document]:
        """Return every document held of a day."""
        return {
            Bucket(day, campaign_id, series): document
            for (of_day, campaign_id), page in self._days.items()
            if of_day == day
            for series, document in page.documents.items()
        }

    def replace(self, counted: Mapping[Bucket, Document | None]) -> list[FigureWrite]:
        """Put what was counted anew in the place of what is held; return how to write it."""
        writes = []
        for bucket, document in counted.items():
            page = self._page((bucket.day, bucket.campaign_id))
            page.extremes.forget()
            if document is None:
                page.documents.pop(bucket.series, None)
                page.stored.discard(bucket.series)
            else:
                self._put(document, page)
            writes.append(FigureWrite(bucket.key, document))
        return writes


def derive(
    documents: Mapping[str, Document], extremes: Extremes, zone: ZoneInfo
) -> dict[str, Any]:
    """Bring what follows from a scope's counters up to date; return the paths that changed."""
    figures = documents[FIGURES]
    duration = figures["duration"]
    now: dict[str, Any] = {"duration.average": average_of(duration)}
    if figures["day"] is not None:
        now["duration.max"] = extremes.longest(documents.get(DURATIONS))
        midnight = midnight_s(date.fromisoformat(figures["day"]), zone)
        peak = extremes.peak(documents, midnight)
        now["concurrency.peak"] = peak.height if peak is not None else None
        now["concurrency.at"] = peak.at if peak is not None else None
    changed = {}
    for path, value in now.items():
        section, _, name = path.partition(".")
        if figures[section][name] != value:
            figures[section][name] = changed[path] = value
    return changed
