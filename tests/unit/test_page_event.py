"""The `page` event: who looks at what is passed on; whatever else clients send is not."""

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


def sockets_of(loop: SimLoop) -> Sockets:
    """Return sockets before views that stand still, and a gate with one key."""
    clock = SimClock(loop)
    replicas = {
        name: Replica(name, None, clock, 10)  # type: ignore[arg-type]  # never read
        for name in ("live", "campaign", "summary")
    }
    replicas["live"]._take(Snapshot({}, Position(1, 0), AT))
    reads = BoardReads(replicas, None, ZoneInfo("UTC"), clock, Straight())  # type: ignore[arg-type]  # never asked
    key = ApiKey("screen", frozenset({"read"}), hash_key(KEY))
    gate = Gate([key], b"secret", clock, enabled=True)
    return Sockets(reads, gate, Limits(clock), [], clock)


async def sent(loop: SimLoop, *payloads: Any, token: str = KEY) -> list[tuple[str, str, str]]:
    """Return what is passed on of some `page` events of one client."""
    sockets = sockets_of(loop)
    told: list[tuple[str, str, str]] = []
    sockets.on_page = lambda *said: told.append(said)
    client = WireClient(sockets.server, token)
    await client.connect()
    for payload in payloads:
        client.emit("page", payload)
    await client.settle()
    return told


def test_who_looks_at_what_is_passed_on() -> None:
    async def play(loop: SimLoop) -> None:
        told = await sent(loop, {"page": "dashboard"}, {"page": "campaign/c1"})
        assert told == [("screen", "", "dashboard"), ("screen", "", "campaign/c1")]

    simulated(play)


def test_what_is_no_short_text_is_not() -> None:
    async def play(loop: SimLoop) -> None:
        odd: list[Any] = [
            None,
            "dashboard",
            7,
            [],
            {},
            {"page": 7},
            {"page": ["x"]},
            {"page": "x" * 261},
        ]
        assert await sent(loop, *odd) == []
        assert await sent(loop, {"page": "x" * 260}) == [("screen", "", "x" * 260)]

    simulated(play)


def test_who_may_not_read_is_not_heard() -> None:
    async def play(loop: SimLoop) -> None:
        assert await sent(loop, {"page": "dashboard"}, token="wrong") == []

    simulated(play)


def test_where_nobody_listens_nothing_happens() -> None:
    async def play(loop: SimLoop) -> None:
        sockets = sockets_of(loop)
        client = WireClient(sockets.server, KEY)
        await client.connect()
        client.emit("page", {"page": "dashboard"})
        await client.settle()
        assert not client.wire.ended.is_set()

    simulated(play)


def test_of_who_is_gone_nothing_is_kept() -> None:
    async def play(loop: SimLoop) -> None:
        sockets = sockets_of(loop)
        client = WireClient(sockets.server, KEY)
        await client.connect()
        doorman = sockets._doorman
        (sid,) = doorman._inside
        assert doorman.person(sid) == ("screen", "")
        doorman._addresses[sid] = "192.0.2.7"
        assert doorman.person(sid) == ("screen", "192.0.2.7")
        doorman.forget(sid)
        assert doorman.person(sid) == ("", "")
        assert doorman._addresses == {}

    simulated(play)
