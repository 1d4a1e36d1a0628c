"""Which days are to be counted anew, on whose wish, and how far that has come.

A wish is a document, so that it survives whoever asked and whoever counts: another projector goes
on where the last one stopped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pymongo.errors import DuplicateKeyError, PyMongoError

from callboard.errors import MalformedPayload
from callboard.store.database import MongoDatabase
from callboard.store.faults import unavailable

__all__ = ["Reaggregation", "Reaggregations"]

_WISH = "reaggregation"
_NIGHTLY = "nightly"
_LEASE = "projector-lease"
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reaggregation:
    """A range of local days, both ends included, and how far it has been counted."""

    first: date
    last: date
    following: date
    """The next day to count; beyond `last` when all are done."""
    drifted: int
    """Documents that were wrong, and are right now."""
    skipped: int
    """Days of which calls are no longer kept."""

    @property
    def days(self) -> int:
        """Return how many days there are."""
        return (self.last - self.first).days + 1

    @property
    def counted(self) -> int:
        """Return how many of them are done."""
        return (self.following - self.first).days

    @property
    def finished(self) -> bool:
        """Tell whether nothing is left to count."""
        return self.following > self.last


class Reaggregations:
    """The wish in `state`: one at a time."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._state = database.state

    async def ask(self, first: date, last: date) -> Reaggregation:
        """Wish for days to be counted anew; the same wish again goes on where it was.

        Raises:
            MalformedPayload: other days are being counted.
            StoreUnavailable: MongoDB does not answer.
        """
        found = await self.progress()
        if found is not None and not found.finished:
            if (found.first, found.last) == (first, last):
                return found
            message = (
                f"{found.first} to {found.last} is being counted: {found.counted} of {found.days} "
                "days are done"
            )
            raise MalformedPayload(message, field="from")
        wish = _document(Reaggregation(first, last, first, 0, 0))
        try:
            await self._state.replace_one({"_id": _WISH}, wish, upsert=True)
        except DuplicateKeyError:
            return await self.ask(first, last)
        except PyMongoError as error:
            raise unavailable(error) from error
        return _read(wish)

    async def progress(self) -> Reaggregation | None:
        """Return the wish and how far it has come; None when nobody ever had one."""
        try:
            found = await self._state.find_one({"_id": _WISH})
        except PyMongoError as error:
            raise unavailable(error) from error
        return _read(found) if found is not None else None

    async def advance(self, day: date, *, drifted: int, skipped: bool) -> None:
        """Say that a day is done; a day that is done already changes nothing."""
        moved = {
            "$set": {"next": (day + _ONE_DAY).isoformat()},
            "$inc": {"drifted": drifted, "skipped": int(skipped)},
        }
        try:
            await self._state.update_one({"_id": _WISH, "next": day.isoformat()}, moved)
        except PyMongoError as error:
            raise unavailable(error) from error

    async def counted_nightly(self) -> str | None:
        """Return the last day that was closed by the nightly count."""
        try:
            found = await self._state.find_one({"_id": _NIGHTLY})
        except PyMongoError as error:
            raise unavailable(error) from error
        return found["day"] if found is not None else None

    async def close(self, day: str, at: datetime) -> None:
        """Remember that the nightly count is done up to a day."""
        try:
            await self._state.update_one(
                {"_id": _NIGHTLY}, {"$set": {"day": day, "at": at}}, upsert=True
            )
        except PyMongoError as error:
            raise unavailable(error) from error

    async def anybody_counts(self) -> bool:
        """Tell whether a server holds the projector's lease now."""
        held = {"_id": _LEASE, "$expr": {"$gt": ["$expiresAt", "$$NOW"]}}
        try:
            return await self._state.find_one(held) is not None
        except PyMongoError as error:
            raise unavailable(error) from error


def _document(wish: Reaggregation) -> dict[str, Any]:
    return {
        "_id": _WISH,
        "from": wish.first.isoformat(),
        "to": wish.last.isoformat(),
        "next": wish.following.isoformat(),
        "drifted": wish.drifted,
        "skipped": wish.skipped,
    }


def _read(document: Mapping[str, Any]) -> Reaggregation:
    first, last, following = (
        date.fromisoformat(document[name]) for name in ("from", "to", "next")
    )
    return Reaggregation(first, last, following, document["drifted"], document["skipped"])
