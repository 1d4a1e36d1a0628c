"""What the inbox holds of one call, whatever names the call in it.

Twilio's callbacks have the call SID in their event key, which is the `_id`. What only says it in
`callSid` (Event Streams, ElevenLabs) has a partial index, so that callbacks pay for none.
"""

from typing import Any

from pymongo.errors import PyMongoError

from callboard.domain.webhooks import ELEVENLABS, TWILIO_EVENTS
from callboard.store.database import MongoDatabase
from callboard.store.faults import unavailable
from callboard.store.inbox import Stored, stored_webhook

__all__ = ["Timelines"]

_EVENTS_MAX = 500
"""A call has a dozen webhooks; somebody's loop may have sent more."""


class Timelines:
    """Reads of the `webhooks` collection by call."""

    def __init__(self, database: MongoDatabase) -> None:
        self._webhooks = database.webhooks

    async def of(self, sid: str, conversation_id: str | None) -> list[Stored]:
        """Return the webhooks about a call in no order, a bounded number.

        Raises:
            StoreUnavailable: MongoDB does not answer.
        """
        ways: list[dict[str, Any]] = [
            {"_id": {"$gte": f"twilio:{sid}:", "$lt": f"twilio:{sid};"}},  # ';' follows ':'
            {"_id": f"elevenlabs:{sid}:initiation"},
            # The very words of the partial index.
            {"callSid": sid, "path": {"$in": [ELEVENLABS, TWILIO_EVENTS]}},
        ]
        if conversation_id is not None:
            ways.append({"conversationId": conversation_id})
        try:
            found = await self._webhooks.find({"$or": ways}).limit(_EVENTS_MAX).to_list()
        except PyMongoError as error:
            raise unavailable(error) from error
        return [stored_webhook(document) for document in found]
