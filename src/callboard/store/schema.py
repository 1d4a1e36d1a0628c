"""What MongoDB is told about our collections: indexes, and what a document must look like.

Every index that a webhook touches costs ingest some 10 to 40 µs of mongod's time, so a call's
status is indexed by two partial indexes whose keys stay as they are while the call goes on.
Schemas are loose on purpose: other programs write `calls` too, and only what would break merging
is refused.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel

from callboard.domain.calls import TERMINAL_STATUSES
from callboard.domain.stale import UNENDED_STATUSES
from callboard.domain.webhooks import ELEVENLABS, TWILIO_EVENTS

__all__ = ["INDEXES", "OBSOLETE_INDEXES", "SCHEMAS"]

_NEWEST_FIRST = [("startTime", DESCENDING), ("_id", DESCENDING)]

INDEXES: dict[str, Sequence[IndexModel]] = {
    "calls": [
        IndexModel([("sid", ASCENDING)]),
        IndexModel(_NEWEST_FIRST),
        IndexModel([("campaignId", ASCENDING), *_NEWEST_FIRST]),
        IndexModel(
            [("status", ASCENDING), *_NEWEST_FIRST],
            name="over",
            partialFilterExpression={"status": {"$in": sorted(TERMINAL_STATUSES)}},
        ),
        IndexModel(
            _NEWEST_FIRST,
            name="open",
            partialFilterExpression={"status": {"$in": sorted(UNENDED_STATUSES)}},
        ),
        IndexModel([("conversationId", ASCENDING)], sparse=True),
        IndexModel([("context.callId", ASCENDING)], sparse=True),
        IndexModel(
            [("updatedAt", DESCENDING)],
            name="orphans",
            partialFilterExpression={"orphan": True},
        ),
    ],
    "analytics": [
        IndexModel([("type", ASCENDING), ("day", ASCENDING), ("campaignId", ASCENDING)])
    ],
    "webhooks": [
        IndexModel([("conversationId", ASCENDING)], sparse=True),
        # Twilio's callbacks are found by their `_id`, which begins with the call SID.
        IndexModel(
            [("callSid", ASCENDING)],
            name="timeline",
            partialFilterExpression={"path": {"$in": sorted([ELEVENLABS, TWILIO_EVENTS])}},
        ),
    ],
    "campaigns": [],
    "contacts": [IndexModel([("campaignId", ASCENDING), ("_id", ASCENDING)])],
    "state": [],
}

OBSOLETE_INDEXES: Mapping[str, Sequence[str]] = {
    "calls": ["status_1_startTime_-1__id_-1", "ended", "active"],
    "webhooks": ["callSid_1_receivedAt_1"],
}
"""Made by earlier versions. A partial index whose statuses change gets a new name: MongoDB makes
no index whose name is there with another filter, and an earlier version may be started again."""

_OBJECT_OR_NOTHING = {"bsonType": ["object", "null"]}

SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "calls": {
        "bsonType": "object",
        "properties": {
            "twilio": _OBJECT_OR_NOTHING,
            "elevenlabs": _OBJECT_OR_NOTHING,
            "context": _OBJECT_OR_NOTHING,
        },
    },
    "webhooks": {
        "bsonType": "object",
        "required": ["vendor", "kind", "path", "query", "body", "receivedAt"],
        "properties": {
            "_id": {"bsonType": "string"},
            "vendor": {"enum": ["twilio", "elevenlabs"]},
            "body": {"bsonType": "binData"},
            "receivedAt": {"bsonType": "date"},
            "deliveries": {"bsonType": "number"},
        },
    },
}
