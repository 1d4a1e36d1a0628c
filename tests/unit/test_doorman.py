"""Who may be on the sockets: nobody is told anything before, nobody stays whose right ended."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from zoneinfo import ZoneInfo

from support.builders import AT
from support.reads_desk import Straight
from support.simloop import SimClock, SimLoop, simulated
from support.wires import WireClient

from callboard.delivery.auth import ApiKey, Gate, hash_key
from callboard.delivery.board import BoardReads
from callboard.delivery.guard import Limits
from callboard.delivery.replica import Replica
from callboard.delivery.sockets import Sockets
from callboard.domain.stream import Position, Snapshot

KEY = "a-key-that-may-read"
REFUSED = '44{"message":"unauthorized"}'


class Site:
    """Sockets before views that stand still, and a gate with one key."""

    def __init__(self, loop: SimLoop) -> None:
        clock = SimClock(loop)
        replicas = {
            name: Replica(name, None, clock, 10)  # type: ignore[arg-type]  # never read
            for name in ("live", "campaign", "summary")
        }
        replicas["live"]._take(Snapshot({}, Position(1, 0), AT))
        reads = BoardReads(replicas, None, ZoneInfo("UTC"), clock, Straight())  # type: ignore[arg-type]  # never asked
        self.key = ApiKey("screen", frozenset({"read"}), hash_key(KEY))
        self.gate = Gate([self.key], b"secret", clock, enabled=True)
        self.sockets = Sockets(reads, self.gate, Limits(clock), [], clock)

    async def client(self, token: str = KEY) -> WireClient:
        """Return a client that has tried to come in."""
        client = WireClient(self.sockets.server, token)
        await client.connect()
        return client


def played(play: Callable[[Site], Coroutine[Any, Any, None]]) -> None:
    """Play in simulated time."""
    simulated(lambda loop: play(Site(loop)))


def test_who_has_no_key_is_told_nothing_but_that() -> None:
    async def play(site: Site) -> None:
        for token in ("", "wrong"):
            client = await site.client(token)
            opened, *others = client.wire.packets
            assert opened.startswith("0{")
            assert others == [REFUSED]
            client.emit("subscribe:calls")
            await client.settle()
            assert client.wire.ended.is_set()

    played(play)


def test_who_has_one_is_greeted_and_followed_by_name_only() -> None:
    async def play(site: Site) -> None:
        client = await site.client()
        assert [event for event, _ in client.told()] == ["active_calls"]
        assert site.sockets.figures().clients == 1
        assert site.sockets.server.rooms.names() == []
        client.emit("subscribe:calls")
        await client.settle()
        assert site.sockets.server.rooms.names() == ["calls_room"]
        await client.cut()
        await client.settle()
        assert site.sockets.figures().clients == 0
        assert site.sockets.server.rooms.names() == []

    played(play)


def test_a_request_after_the_key_was_revoked_ends_the_connection() -> None:
    async def play(site: Site) -> None:
        client = await site.client()
        site.gate.replace([])
        client.told()
        client.emit("subscribe:calls")
        await client.settle()
        assert client.wire.ended.is_set()
        assert client.told() == []

    played(play)


def test_who_only_listens_is_shown_out_as_well() -> None:
    async def play(site: Site) -> None:
        watch = asyncio.get_running_loop().create_task(site.sockets.run())
        client = await site.client()
        await asyncio.sleep(11)
        assert not client.wire.ended.is_set()
        site.gate.replace([])
        await asyncio.sleep(6)
        assert client.wire.ended.is_set()
        watch.cancel()

    played(play)


def test_who_asks_too_often_is_ended() -> None:
    async def play(site: Site) -> None:
        client = await site.client()
        for _ in range(60):
            client.emit("page", {"page": "dashboard"})
        await client.settle()
        await asyncio.sleep(0)
        for _ in range(100):
            await client.settle()
        assert not client.wire.ended.is_set()
        client.emit("page")
        await client.settle()
        assert client.wire.ended.is_set()

    played(play)


def test_ten_wrong_keys_from_one_address_and_a_right_one_is_not_believed() -> None:
    async def play(site: Site) -> None:
        for _ in range(10):
            await site.client("wrong")
        late = await site.client()
        assert late.wire.packets[1:] == [REFUSED]

    played(play)
