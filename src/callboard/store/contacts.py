"""The `contacts` collection: written in groups, majority-committed, then told by the campaign.

`contacts` is not in the change stream: a hundred thousand rows would pass through the projector
for one number. Whoever has written contacts writes that number and the instant into the campaign
afterwards, and that is what makes every process' cache old.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from bson import ObjectId, Timestamp
from pymongo import ReturnDocument
from pymongo.errors import PyMongoError

from callboard.domain.contacts import Contact
from callboard.errors import CampaignNotFound, MalformedPayload, StoreUnavailable
from callboard.store.database import MongoDatabase, MongoDocument
from callboard.store.faults import unavailable
from callboard.store.reads import ids_of
from callboard.store.snapshots import commit_time, find_as_of

__all__ = ["Contacts", "Written", "cursor_of"]


class Written(NamedTuple):
    """What a group of rows came to."""

    added: int
    changed: int


class Contacts:
    """Reads and writes contacts."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database

    async def page(
        self, campaign_id: str, limit: int, before: str | None, after: int = 0
    ) -> tuple[Sequence[MongoDocument], int]:
        """Return up to `limit` contacts in the order of their keys, and as of when.

        `before` is the cursor after the last one of the page before; `after` is what the answer
        must contain.
        """
        wanted: dict[str, Any] = {"campaignId": {"$in": ids_of(campaign_id)}}
        if before is not None:
            wanted |= _after(before)
        options = {"sort": {"_id": 1}}
        return await find_as_of(
            self._database, "contacts", wanted, after=after, limit=limit, options=options
        )

    async def write(self, contacts: Sequence[Contact], now: datetime) -> Written:
        """Add contacts, or change those of the same number; returns when they are durable.

        Raises:
            StoreUnavailable: MongoDB does not answer; some may have been written.
        """
        if not contacts:
            return Written(0, 0)
        command = {
            "update": "contacts",
            # A raw command costs a third of the driver's bulk writes.
            "updates": [_upsert(contact, now) for contact in contacts],
            "ordered": False,
            "writeConcern": {"w": "majority"},
        }
        try:
            done = await self._database.command(command)
        except PyMongoError as error:
            raise unavailable(error) from error
        failed = done.get("writeErrors", []) or done.get("writeConcernError")
        if failed:
            message = f"contacts were not written: {failed}"
            raise StoreUnavailable(message)
        return Written(len(done.get("upserted", [])), done["nModified"])

    async def tell(self, campaign_id: str, now: datetime) -> tuple[MongoDocument, int]:
        """Count a campaign's contacts and write it down; return the campaign and the commit time.

        Raises:
            CampaignNotFound: it is gone.
            StoreUnavailable: MongoDB does not answer.
        """
        try:
            of_campaign = {"campaignId": {"$in": ids_of(campaign_id)}}
            total = await self._database.contacts.count_documents(of_campaign)
            async with self._database.client.start_session() as session:
                campaign = await self._database.campaigns.find_one_and_update(
                    {"_id": {"$in": ids_of(campaign_id)}},
                    {"$set": {"totalContacts": total, "contactsUpdatedAt": now}},
                    return_document=ReturnDocument.AFTER,
                    session=session,
                )
                committed = commit_time(session.operation_time or Timestamp(0, 0))
        except PyMongoError as error:
            raise unavailable(error) from error
        if campaign is None:
            message = f"no campaign '{campaign_id}'"
            raise CampaignNotFound(message)
        return campaign, committed


def cursor_of(contact: MongoDocument) -> str:
    """Return where a page ends: ours have texts as keys, other programs the driver's own."""
    key = contact["_id"]
    return f"o{key}" if isinstance(key, ObjectId) else f"s{key}"


def _after(cursor: str) -> dict[str, Any]:
    """Return the filter of what follows a cursor: all texts come before the driver's keys."""
    kind, key = cursor[:1], cursor[1:]
    if kind == "o" and ObjectId.is_valid(key):
        return {"_id": {"$gt": ObjectId(key)}}
    if kind == "s":
        return {"$or": [{"_id": {"$gt": key}}, {"_id": {"$type": "objectId"}}]}
    message = "'before' must be the 'next' of an earlier answer"
    raise MalformedPayload(message, field="before")


def _upsert(contact: Contact, now: datetime) -> MongoDocument:
    """Return a statement; what is the same stays untouched, so importing twice says so."""
    said = {
        "campaignId": contact.campaign_id,
        "contactId": contact.contact_id,
        "number": contact.number,
        "name": contact.name,
        "timezone": contact.timezone,
        "notes": contact.notes,
        "variables": contact.variables,
    }
    update = {"$set": said, "$setOnInsert": {"createdAt": now}}
    return {"q": {"_id": contact.key}, "u": update, "upsert": True}
