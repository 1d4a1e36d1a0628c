"""Secrets made by callboard itself: the session secret and the first admin key's hash."""

import contextlib
import secrets
from typing import Any

from pymongo.errors import DuplicateKeyError, PyMongoError

from callboard.errors import StoreUnavailable
from callboard.store.database import MongoDatabase
from callboard.store.faults import unavailable

__all__ = ["AccessStore"]

_ACCESS = "access"


class AccessStore:
    """Keeps what every process of one installation must agree on."""

    def __init__(self, database: MongoDatabase) -> None:
        self._state = database.state

    async def session_secret(self) -> bytes:
        """Return the secret that signs session cookies, made at first use."""
        found = await self._once("session", {"secret": secrets.token_bytes(32)})
        return bytes(found["secret"])

    async def admin_key_hash(self, hashed: str) -> tuple[str, bool]:
        """Return the stored admin key's hash and whether it is the one just offered."""
        found = await self._once("admin-key", {"hash": hashed})
        return str(found["hash"]), found["hash"] == hashed

    async def _once(self, name: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Return a document, creating it if nobody did before."""
        key = f"{_ACCESS}:{name}"
        try:
            found = await self._state.find_one({"_id": key})
            if found is None:
                # When another process was first, theirs counts.
                with contextlib.suppress(DuplicateKeyError):
                    await self._state.insert_one({"_id": key, **fields})
                found = await self._state.find_one({"_id": key})
        except PyMongoError as error:
            raise unavailable(error) from error
        if found is None:
            message = f"the state document '{key}' vanished"
            raise StoreUnavailable(message)
        return found
