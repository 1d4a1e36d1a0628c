"""What predictive warming has learned: one small document in `state`.

It is kept as it was written, not as fields: its names are ids and paths, with dots and dollars.
"""

from pymongo.errors import PyMongoError

from callboard.errors import StoreUnavailable
from callboard.store.database import MongoDatabase
from callboard.store.faults import unavailable

__all__ = ["LearnedHabits"]

_ID = "warming-model"
_BYTES_MAX = 4 << 20


class LearnedHabits:
    """The document, as bytes."""

    def __init__(self, database: MongoDatabase) -> None:
        self._state = database.state

    async def load(self) -> bytes | None:
        """Return what was saved last, None if nothing was.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        try:
            found = await self._state.find_one({"_id": _ID})
        except PyMongoError as error:
            raise unavailable(error) from error
        document = found.get("model") if found is not None else None
        return bytes(document) if isinstance(document, bytes) else None

    async def save(self, document: bytes) -> None:
        """Replace it; the server says when.

        Raises:
            StoreUnavailable: MongoDB does not answer, or it is too large to be kept.
        """
        if len(document) > _BYTES_MAX:
            message = f"what was learned is {len(document)} bytes, more than is kept"
            raise StoreUnavailable(message)
        written = [{"$set": {"model": document, "savedAt": "$$NOW"}}]
        try:
            await self._state.update_one({"_id": _ID}, written, upsert=True)
        except PyMongoError as error:
            raise unavailable(error) from error
