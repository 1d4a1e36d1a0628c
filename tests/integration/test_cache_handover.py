"""What is cached survives no projector that died owing its word: the next one makes it all old."""

from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr
from support.builders import a_call, sid
from support.engines import Engines
from support.server import LocalServer
from support.waiting import eventually

from callboard.app.invalidation import Invalidator
from callboard.clock import SystemClock
from callboard.domain.changes import Change

PATH = f"/api/calls/{sid(1)}"


async def seen_by(server: LocalServer) -> tuple[Any, str]:
    """Return who the call is with, and where the answer came from."""
    answer = await server.client.get(PATH)
    return answer.json().get("contactName"), answer.headers["x-cache"]


async def test_a_successor_makes_good_what_was_never_told(
    server: LocalServer, engines: Engines, monkeypatch: Any
) -> None:
    other = LocalServer(engines, mongodb_url=SecretStr(server.mongo_url))
    await other.start()
    await other.ready()
    try:
        now = SystemClock().now()
        call = a_call(1, status="completed", startTime=now, contactName="Ada")
        await server.database.calls.insert_one(call)
        await eventually(lambda: seen_by(other), lambda seen: seen == ("Ada", "HIT"))

        told: list[Change] = []

        async def die_owing(_: Invalidator, changes: Sequence[Change]) -> None:
            told.extend(changes)

        monkeypatch.setattr(Invalidator, "changed", die_owing)
        change = {"$set": {"contactName": "Grace"}}
        await server.database.calls.update_one({"_id": sid(1)}, change)

        async def was_told() -> int:
            return len(told)

        await eventually(was_told, lambda count: count == 1)
        assert await seen_by(other) == ("Ada", "HIT")  # nobody has said that it is old
        assert server.server is not None
        await server.server.stop()
        await eventually(lambda: seen_by(other), lambda seen: seen[0] == "Grace")
        monkeypatch.undo()
        change = {"$set": {"contactName": "Edith"}}
        await server.database.calls.update_one({"_id": sid(1)}, change)
        await eventually(lambda: seen_by(other), lambda seen: seen[0] == "Edith")
    finally:
        await other.stop()


async def test_redis_may_lose_its_memory(server: LocalServer) -> None:
    now = SystemClock().now()
    call = a_call(1, status="completed", startTime=now, contactName="Ada")
    await server.database.calls.insert_one(call)
    await eventually(lambda: seen_by(server), lambda seen: seen == ("Ada", "HIT"))
    await server.redis.flushall()
    change = {"$set": {"contactName": "Grace"}}
    await server.database.calls.update_one({"_id": sid(1)}, change)
    await eventually(lambda: seen_by(server), lambda seen: seen[0] == "Grace")
    await eventually(lambda: seen_by(server), lambda seen: seen == ("Grace", "HIT"))
