"""Figures and the calls they count, both as of the projector's own position.

The position is a cluster time, and MongoDB still reads the calls as of it for some minutes: so
the two can be compared exactly while calls go on.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo.errors import PyMongoError

from callboard.domain.changes import ClusterTime
from callboard.store.database import MongoDatabase, MongoDocument
from callboard.store.diagnosis import reached_by
from callboard.store.faults import unavailable
from callboard.store.figures import snapshot_of

__all__ = ["Counted", "calls_as_of", "counted"]


@dataclass(frozen=True, slots=True)
class Counted:
    """Documents of `analytics` as of one moment."""

    reached: ClusterTime
    """Every change up to it is in them."""
    timezone: str
    of_days: Sequence[MongoDocument]
    """Every document of the days asked for, series included."""
    campaigns: Sequence[MongoDocument]
    """Every campaign's all-time figures."""
    campaigns_days: Sequence[MongoDocument]
    """What those are the sums of."""


async def counted(database: MongoDatabase, days: Sequence[str]) -> Counted | None:
    """Read figures and their position at once; None when nothing was ever counted.

    Raises:
        StoreUnavailable: MongoDB does not answer.
    """
    analytics = database.analytics
    series = {"type": {"$in": ["daily", "durations", "steps"]}, "day": {"$in": list(days)}}
    each = {"type": "daily", "campaignId": {"$ne": None}}
    try:
        async with database.client.start_session(snapshot=True) as session:
            checkpoint = await database.state.find_one({"_id": "projection"}, session=session)
            reached = reached_by(checkpoint) if checkpoint is not None else None
            if checkpoint is None or reached is None:
                return None
            return Counted(
                reached,
                str(checkpoint.get("timezone")),
                await analytics.find(series, session=session).to_list(),
                await analytics.find({"type": "campaign"}, session=session).to_list(),
                await analytics.find(each, session=session).to_list(),
            )
    except PyMongoError as error:
        raise unavailable(error) from error


async def calls_as_of(
    database: MongoDatabase, at: ClusterTime, since: datetime, until: datetime
) -> AsyncIterator[MongoDocument]:
    """Return the calls that began in a stretch of time, as they were at a cluster time.

    Raises:
        StoreUnavailable: MongoDB does not answer, or no longer knows that time.
    """
    begun = [{"startTime": {"$gte": since, "$lt": until}}, {"startTime": {"$gte": ""}}]
    _, documents = await snapshot_of(database, "calls", {"$or": begun}, at)
    return documents
