"""What subscribers are told ends in what the view holds, whatever happens and however they follow.

Random deltas, and clients that come, follow everything or some campaigns, one by one or in
batches, stall, catch up, are cut off and come back with their position. Time is simulated; the
server, its rooms and its connections are the real ones.
"""

import asyncio
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.builders import AT
from support.reads_desk import Straight
from support.simloop import SimClock, SimLoop, simulated
from support.wires import WireClient

from callboard.delivery.auth import Gate
from callboard.delivery.board import BoardReads
from callboard.delivery.guard import Limits
from callboard.delivery.replica import Replica
from callboard.delivery.sockets import Sockets
from callboard.domain.stream import Delta, Position, Snapshot

CAMPAIGNS = ["a", "b"]
LOG_LENGTH = 12


class Follower:
    """A client that keeps its board by the contract's rules, and notes what breaks them."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self.board: dict[str, Any] = {}
        self.position: tuple[str, int] | None = None
        self.campaigns: set[str] | None = set()
        """Which it follows; None: all."""
        self.batch = False
        self.exact = False
        """Whether every offset is to be told; what a narrower room was told may be on its way."""
        self.wrong: list[str] = []
        self.client = WireClient(sockets.server)

    async def connect(self) -> None:
        """Come, or come back; who has a position keeps it."""
        self.client = WireClient(self._sockets.server)
        await self.client.connect()
        position, self.campaigns = self.position, set()
        if self.client.wire.packets and position is not None:
            # Who comes back keeps what it has, and asks for what it missed.
            self.client.told()
        else:
            self.read()

    def follow(self, campaign: str | None, *, batch: bool, silent: bool = False) -> None:
        """Subscribe from its position; `silent`: the server knows what it was shown."""
        wish: dict[str, Any] = {"batch": True} if batch else {}
        if campaign is not None:
            wish["campaignId"] = campaign
        if self.position is not None and not (silent and self.campaigns == set()):
            wish["since"] = {"epoch": self.position[0], "offset": self.position[1]}
        self.client.emit("subscribe:calls", wish)
        self.exact = campaign is None and not self.campaigns
        self.campaigns = None if campaign is None else {campaign}
        self.batch = batch

    def unfollow(self) -> None:
        """Unsubscribe; the server remembers up to where it was told."""
        self.client.emit("unsubscribe:calls")
        self.campaigns = set()

    def read(self) -> None:
        """Take what was told since the last look."""
        for event, payload in self.client.told():
            if event == "ack":
                self.exact = self.campaigns is None
            elif event == "active_calls":
                self.board = {call["sid"]: call for call in payload["active_calls"]}
                self.position = _position(payload)
            elif event == "call_update":
                self._take(payload, exact=self.exact)
                self.position = _position(payload)
            elif event == "call_updates":
                for update in payload["updates"]:
                    self._take(update, exact=False)
                self.position = _position(payload)
            elif event == "resync" and payload["view"] == "calls":
                self.position = None
                self.client.emit("get:active_calls")

    def _take(self, update: Any, *, exact: bool) -> None:
        position, mine = _position(update), self.position
        if mine is None:
            return
        follows = position[0] == mine[0] and position[1] > mine[1]
        if not follows or (exact and position[1] != mine[1] + 1):
            self.wrong.append(f"{position} after {mine}")
        document = update["document"]
        if update["type"] == "delete" or document.get("status") == "completed":
            self.board.pop(document["sid"], None)
        else:
            self.board[document["sid"]] = document

    def shown(self) -> dict[str, Any]:
        """Return the part of the board it follows."""
        followed = self.campaigns
        return {
            sid: call
            for sid, call in self.board.items()
            if followed is None or call["campaignId"] in followed
        }


def _position(payload: Any) -> tuple[str, int]:
    return payload["position"]["epoch"], payload["position"]["offset"]


class Board:
    """The live calls, moved by hand."""

    def __init__(self, clock: SimClock) -> None:
        self.replicas = {
            name: Replica(name, None, clock, LOG_LENGTH)  # type: ignore[arg-type]  # never read
            for name in ("live", "campaign", "summary")
        }
        self.live = self.replicas["live"]
        self.epoch = 0
        self.renew()
        reads = BoardReads(self.replicas, None, ZoneInfo("UTC"), clock, Straight())  # type: ignore[arg-type]  # never asked
        gate = Gate([], b"", clock, enabled=False)
        self.sockets = Sockets(reads, gate, Limits(clock), [], clock)

        async def refresh(replica: Replica) -> None:
            await asyncio.sleep(0)

        reads.refresh = refresh  # type: ignore[method-assign]  # no projector to ask

    def renew(self) -> None:
        """Begin a new epoch with what there is."""
        self.epoch += 1
        items = {key: orjson.dumps(item) for key, item in self.live.items.items()}
        self.live._take(Snapshot(items, Position(self.epoch, 0), AT))

    def move(self, changes: list[tuple[int, str | None, bool]]) -> None:
        """Apply one batch of deltas."""
        deltas = []
        for number, (call, campaign, keep) in enumerate(changes, 1):
            document = {
                "sid": f"CA{call}",
                "campaignId": campaign,
                "status": "ringing" if keep else "completed",
                "startTime": AT,
                "n": self.live.position.offset + number,
            }
            position = Position(self.epoch, self.live.position.offset + number)
            value = orjson.dumps(document)
            deltas.append(Delta(position, f"CA{call}", "update", value, keep=keep, at=AT))
        self.live._apply(deltas)

    def held_by(self, follower: Follower) -> dict[str, Any]:
        """Return what a follower should show."""
        return {
            sid: call
            for sid, call in self.live.items.items()
            if follower.campaigns is None or call["campaignId"] in follower.campaigns
        }


campaigns = st.sampled_from([*CAMPAIGNS, None])
changes = st.lists(st.tuples(st.integers(0, 3), campaigns, st.booleans()), min_size=1, max_size=3)
who = st.integers(0, 2)
follows = st.tuples(st.just("follow"), who, campaigns, st.booleans(), st.booleans())
moves = st.tuples(st.just("move"), changes)
steps = st.one_of(
    moves,
    moves,
    moves,
    follows,
    follows,
    st.tuples(st.just("unfollow"), who),
    st.tuples(st.just("stall"), who),
    st.tuples(st.just("drain"), who),
    st.tuples(st.just("cut"), who, st.booleans()),
    st.tuples(st.sampled_from(["renew", "wait"])),
    st.tuples(st.just("ask"), who),
)
histories = st.tuples(
    st.tuples(campaigns, campaigns, campaigns), st.lists(steps, min_size=5, max_size=40)
)


class Play:
    """One history as it is played."""

    def __init__(self, board: Board, followers: list[Follower]) -> None:
        self.board = board
        self.followers = followers

    async def step(self, name: str, *arguments: Any) -> None:
        """Play one step; everybody then reads."""
        await getattr(self, name)(*arguments)
        for follower in self.followers:
            follower.read()

    async def move(self, changed: list[tuple[int, str | None, bool]]) -> None:
        """Move the view."""
        self.board.move(changed)

    async def renew(self) -> None:
        """Begin a new epoch."""
        self.board.renew()

    async def wait(self) -> None:
        """Let ticks end."""
        await asyncio.sleep(0.1)

    async def follow(self, number: int, campaign: str | None, batch: bool, silent: bool) -> None:
        """Subscribe; deltas in hand come before: the position is the one it asks from."""
        follower = self.followers[number]
        follower.read()
        follower.follow(campaign, batch=batch, silent=silent)
        await follower.client.settle()

    async def unfollow(self, number: int) -> None:
        """Unsubscribe."""
        follower = self.followers[number]
        follower.unfollow()
        await follower.client.settle()

    async def stall(self, number: int) -> None:
        """Stop reading."""
        self.followers[number].client.wire.pause()

    async def drain(self, number: int) -> None:
        """Go on reading."""
        wire = self.followers[number].client.wire
        if wire.paused:
            wire.resume()

    async def ask(self, number: int) -> None:
        """Ask for a snapshot."""
        self.followers[number].client.emit("get:active_calls")
        await self.followers[number].client.settle()

    async def cut(self, number: int, forget: bool) -> None:
        """Break the connection; come back with the position of the same room, or with none."""
        follower = self.followers[number]
        follower.read()
        followed = follower.campaigns
        await follower.client.cut()
        if followed is None and not forget:
            await follower.connect()
            follower.follow(None, batch=follower.batch)
        else:
            follower.position = None
            await follower.connect()
        await follower.client.settle()


async def _play(loop: SimLoop, history: tuple[Any, Any]) -> None:
    first, played = history
    board = Board(SimClock(loop))
    followers = [Follower(board.sockets) for _ in first]
    for follower, campaign in zip(followers, first, strict=True):
        await follower.connect()
        follower.follow(campaign, batch=False, silent=True)
        await follower.client.settle()
    play = Play(board, followers)
    for name, *arguments in played:
        await play.step(name, *arguments)
    for number in range(len(followers)):
        await play.drain(number)
    for _ in range(4):
        await play.step("wait")
        await followers[0].client.settle()
    for follower in followers:
        assert follower.wrong == []
        assert follower.shown() == board.held_by(follower)
        await follower.client.cut()


_ALL = ((None, None, None), [("move", [(1, "a", True)]), ("move", [(2, "b", True)])])
_AGAIN = ("follow", 0, None, False, True)


@settings(max_examples=300, deadline=None)
@given(histories)
@example(((*_ALL[0],), [("unfollow", 0), *_ALL[1], _AGAIN, *_ALL[1]]))
@example(((*_ALL[0],), [*_ALL[1], ("unfollow", 0), _AGAIN, *_ALL[1]]))
@example(((*_ALL[0],), [("cut", 0, True), *_ALL[1], _AGAIN, *_ALL[1]]))
def test_every_follower_ends_with_what_the_view_holds(history: tuple[Any, Any]) -> None:
    simulated(lambda loop: _play(loop, history))
