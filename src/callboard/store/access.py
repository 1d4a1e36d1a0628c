"""Who may come in: the session secret, API keys and one-time links. Only hashes are stored.

All of it is in `state`, under `access:`. Times are MongoDB's own (`$$NOW`), so that processes
with different clocks agree about what has run out.
"""

import contextlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from callboard.errors import StoreUnavailable
from callboard.store.database import MongoDatabase
from callboard.store.faults import unavailable

__all__ = ["LINK_PREFIX", "MADE_KEY", "AccessStore", "Grant"]

_ACCESS = "access:"
_KEY = "access:key:"
_LINK = "access:link:"
_MADE = "access:admin-key"
_END = ";"
"""The character after `:`, so that a range of ids ends before it."""

MADE_KEY = "admin"
"""The name of the key that the first start makes."""
LINK_PREFIX = "link-"
_LINK_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Grant:
    """A stored key or one-time link."""

    name: str
    scopes: frozenset[str]
    hashed: str
    is_link: bool = False
    is_made: bool = False
    """Whether the first start made it."""
    created_at: datetime | None = None
    used_at: datetime | None = None
    ends_at: datetime | None = None
    """When a link can no longer be used, once used: when its session ends."""
    session_s: float | None = None
    """How long a link's session lasts, if not as long as any other."""


class AccessStore:
    """Keeps what every process of one installation must agree on."""

    def __init__(self, database: MongoDatabase) -> None:
        self._state = database.state

    async def session_secret(self) -> bytes:
        """Return the secret that signs session cookies, made at first use."""
        found = await self._once("session", {"secret": secrets.token_bytes(32)})
        return bytes(found["secret"])

    async def admin_key_hash(self, hashed: str) -> tuple[str, bool]:
        """Return the stored admin key's hash and whether it is the one just offered.

        The hash is empty when the key was revoked: it is not made again.
        """
        found = await self._once("admin-key", {"hash": hashed})
        return str(found["hash"]), found["hash"] == hashed

    async def grants(self) -> list[Grant]:
        """Return every key and link that is stored, also links that have ended."""
        ids = {"_id": {"$gte": _ACCESS, "$lt": f"access{_END}"}}
        try:
            found = await self._state.find(ids, {"secret": False}).to_list()
        except PyMongoError as error:
            raise unavailable(error) from error
        return [grant for document in found if (grant := _grant(document)) is not None]

    async def add_key(self, name: str, scopes: Iterable[str], hashed: str) -> bool:
        """Store a key; False when its name is taken."""
        fields = {"hash": hashed, "scopes": sorted(scopes), "createdAt": "$$NOW"}
        return await self._insert(_KEY + name, hashed, fields)

    async def add_link(
        self,
        scopes: Iterable[str],
        hashed: str,
        *,
        lives_s: float,
        session_s: float | None = None,
    ) -> str:
        """Store a one-time link and return its name; links that have ended are removed.

        `session_s` is how long the session it opens lasts, if not as long as any other.
        """
        name = LINK_PREFIX + hashed[:_LINK_DIGITS]
        fields = {
            "hash": hashed,
            "scopes": sorted(scopes),
            "createdAt": "$$NOW",
            "endsAt": _in(lives_s),
            **({"sessionS": session_s} if session_s is not None else {}),
        }
        ended = {
            "_id": {"$gte": _LINK, "$lt": _LINK[:-1] + _END},
            "$expr": {"$lte": ["$endsAt", "$$NOW"]},
        }
        try:
            await self._state.delete_many(ended)
        except PyMongoError as error:
            raise unavailable(error) from error
        if not await self._insert(_LINK + name, hashed, fields):
            message = f"the link '{name}' exists already: try again"
            raise StoreUnavailable(message)
        return name

    async def redeem(self, hashed: str, *, session_s: float) -> Grant | None:
        """Use a link up; None when there is none, or it was used, or is too old.

        One document is changed by one command, so of any number of processes one is first.
        """
        unused = {
            "_id": f"{_LINK}{LINK_PREFIX}{hashed[:_LINK_DIGITS]}",
            "hash": hashed,
            "usedAt": {"$exists": False},
            "$expr": {"$gt": ["$endsAt", "$$NOW"]},
        }
        used = [{"$set": {"usedAt": "$$NOW", "endsAt": _later(session_s)}}]
        try:
            found = await self._state.find_one_and_update(
                unused, used, return_document=ReturnDocument.AFTER
            )
        except PyMongoError as error:
            raise unavailable(error) from error
        return _grant(found) if found is not None else None

    async def revoke(self, name: str) -> bool:
        """Take a key or link away; False when there is none of this name."""
        try:
            removed = await self._state.delete_many({"_id": {"$in": [_KEY + name, _LINK + name]}})
            if removed.deleted_count or name != MADE_KEY:
                return bool(removed.deleted_count)
            # What the first start made is remembered, or the next start would make another.
            made = await self._state.update_one(
                {"_id": _MADE, "hash": {"$ne": ""}}, {"$set": {"hash": ""}}
            )
        except PyMongoError as error:
            raise unavailable(error) from error
        return bool(made.modified_count)

    async def _insert(self, key: str, hashed: str, fields: dict[str, Any]) -> bool:
        """Store a new document; an upsert, since an insert knows no `$$NOW`."""
        try:
            # A document with another hash does not match, and stands in the way.
            await self._state.update_one(
                {"_id": key, "hash": hashed}, [{"$set": fields}], upsert=True
            )
        except DuplicateKeyError:
            return False
        except PyMongoError as error:
            raise unavailable(error) from error
        return True

    async def _once(self, name: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Return a document, creating it if nobody did before."""
        key = _ACCESS + name
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


def _in(seconds: float) -> dict[str, Any]:
    """Return an expression for an instant so many seconds from now."""
    return {"$add": ["$$NOW", int(seconds * 1000)]}


def _later(session_s: float) -> dict[str, Any]:
    """Return an expression for when a session ends that begins now."""
    lasts_s = {"$ifNull": ["$sessionS", session_s]}
    return {"$add": ["$$NOW", {"$multiply": [lasts_s, 1000]}]}


def _grant(document: dict[str, Any]) -> Grant | None:
    """Return what a document of `access:` grants; None for those that grant nothing.

    A document that somebody edited by hand must not end the server: it grants less, or nothing.
    """
    key = str(document["_id"])
    hashed = str(document.get("hash") or "")
    if key == _MADE and hashed:
        return Grant(MADE_KEY, frozenset({"admin"}), hashed, is_made=True)
    scopes = document.get("scopes")
    for prefix in (_KEY, _LINK):
        if key.startswith(prefix) and hashed and isinstance(scopes, list):
            return Grant(
                key.removeprefix(prefix),
                frozenset(map(str, scopes)),
                hashed,
                is_link=prefix == _LINK,
                created_at=_instant(document, "createdAt"),
                used_at=_instant(document, "usedAt"),
                ends_at=_instant(document, "endsAt"),
                session_s=_seconds(document, "sessionS"),
            )
    return None


def _seconds(document: dict[str, Any], name: str) -> float | None:
    found = document.get(name)
    return float(found) if isinstance(found, (int, float)) else None


def _instant(document: dict[str, Any], name: str) -> datetime | None:
    found = document.get(name)
    return found if isinstance(found, datetime) else None
