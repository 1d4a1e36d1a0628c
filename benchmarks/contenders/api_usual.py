"""The usual way: FastAPI, MongoDB, and cashews in Redis before every read.

A webhook is written to its call (majority-committed, no signature checked, no inbox) and deletes
what it may have changed; a read is an aggregation behind `@cache`. No ETag, no 304, no positions.
"""

import asyncio
import socket
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
import uvloop
from cashews import Cache
from fastapi import FastAPI, Request, Response
from pymongo import AsyncMongoClient, WriteConcern

__all__ = ["serve"]

_ALIVE = ["initiated", "ringing", "in-progress"]
_FIELDS = ("CallSid", "CallStatus", "From", "To", "Direction", "CallDuration", "AnsweredBy")


def application(mongo_url: str, redis_url: str) -> FastAPI:
    """Return the application."""
    app = FastAPI()
    cache = Cache()
    cache.setup(redis_url, pickle_type="json")
    calls = (
        AsyncMongoClient[dict[str, Any]](mongo_url)
        .get_default_database()
        .get_collection("usual_calls", write_concern=WriteConcern(w="majority"))
    )

    @app.post("/webhook/call-status")
    async def webhook(request: Request) -> Response:
        """Write a call, and delete what it may have changed."""
        form = dict(parse_qsl((await request.body()).decode()))
        said = {name: form[name] for name in _FIELDS if name in form}
        campaign = request.query_params.get("campaignId")
        update = {"$set": {**said, "campaignId": campaign}}
        await calls.update_one({"_id": form["CallSid"]}, update, upsert=True)
        for key in ("summary", "active", "calls", f"campaign:{campaign}"):
            await cache.delete(key)
        return Response(status_code=200)

    async def counted(match: dict[str, Any]) -> dict[str, int]:
        stages = [{"$match": match}, {"$group": {"_id": "$CallStatus", "n": {"$sum": 1}}}]
        return {row["_id"]: row["n"] async for row in await calls.aggregate(stages)}

    @app.get("/api/dashboard/summary")
    @cache(ttl="60s", key="summary")  # type: ignore[untyped-decorator]  # ships no types
    async def summary() -> dict[str, Any]:
        """Return counters."""
        by_status = await counted({})
        return {"summary": {"totalCalls": sum(by_status.values()), "byStatus": by_status}}

    @app.get("/api/campaigns/{campaign_id}/status")
    @cache(ttl="30s", key="campaign:{campaign_id}")  # type: ignore[untyped-decorator]  # ships no types
    async def campaign(campaign_id: str) -> dict[str, Any]:
        """Return a campaign's counters."""
        return {"status": await counted({"campaignId": campaign_id})}

    @app.get("/api/calls/active")
    @cache(ttl="15s", key="active")  # type: ignore[untyped-decorator]  # ships no types
    async def active() -> dict[str, Any]:
        """Return the live calls."""
        found = await calls.find({"CallStatus": {"$in": _ALIVE}}).to_list()
        return {"active_calls": found}

    @app.get("/api/calls")
    @cache(ttl="30s", key="calls")  # type: ignore[untyped-decorator]  # ships no types
    async def listed() -> dict[str, Any]:
        """Return the newest calls."""
        return {"calls": await calls.find().sort("_id", -1).limit(50).to_list()}

    app.state.listed = (summary, campaign, active, listed)  # they are routes, not unused
    return app


def serve(mongo_url: str, redis_url: str, pipe: Connection) -> None:
    """Be the server's process; tell the port, then serve until killed."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(2_048)
    app = application(mongo_url, redis_url)
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")

    async def run() -> None:
        server = uvicorn.Server(config)
        task = asyncio.ensure_future(server.serve(sockets=[listening]))
        pipe.send(listening.getsockname()[1])
        await task

    uvloop.run(run())
