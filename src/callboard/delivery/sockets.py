"""Socket.IO: a snapshot on connect, then deltas to rooms, in one order for everybody.

Nothing here waits between looking at a view and writing what it says, so a snapshot, a replay
and the deltas after them cannot overtake each other. Nothing is ever sent to everybody: clients
get what they subscribed to, after their key was checked.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from callboard.clock import Clock
from callboard.delivery.auth import Gate
from callboard.delivery.board import BoardReads
from callboard.delivery.doorman import Doorman, origin_check
from callboard.delivery.guard import Limits
from callboard.delivery.realtime.connection import Connection
from callboard.delivery.realtime.server import RealtimeServer, event_message
from callboard.delivery.realtime.wire import Message
from callboard.delivery.replica import Replica
from callboard.delivery.updates import (
    CALLS,
    CAMPAIGNS,
    SUMMARY,
    CallUpdate,
    Room,
    pack_of,
    resync_message,
)
from callboard.domain.stream import Delta, Position
from callboard.errors import PositionLost

__all__ = ["SocketFigures", "Sockets"]

_MESSAGE_BYTES_MAX = 64 * 1024
_CAMPAIGN_ID_LENGTH_MAX = 200
_PAGE_LENGTH_MAX = 260
_ROOMS_MAX = 50
"""How many campaigns one client may follow one by one."""
_MOVES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class _Channel:
    """What clients subscribe to: a room, and the view behind it."""

    name: str
    room: str
    replica: Replica

    def resync(self) -> Message:
        """Return the contract's `resync`."""
        return resync_message(self.name, self.replica.position)


class SocketFigures(NamedTuple):
    """What the sockets of one process have done."""

    clients: int
    writes: int
    """To clients, of what their rooms were told."""
    left_out: int
    """Because the client was too slow; it gets a snapshot instead."""


class Sockets:
    """The Socket.IO server of the board."""

    def __init__(
        self,
        reads: BoardReads,
        gate: Gate,
        limits: Limits,
        origins: Sequence[str],
        clock: Clock,
    ) -> None:
        self._reads = reads
        self._doorman = Doorman(gate, limits, clock)
        self.on_page: Callable[[str, str, str], None] | None = None
        """Told who, from which address, looks at what; must not wait. None: nobody is told."""
        self._moves: deque[tuple[Position, str]] = deque(maxlen=_MOVES_MAX)
        """Deltas by which a call left a campaign, and which."""
        self._shown: dict[str, Position] = {}
        """Where the live calls stood that a client was sent last."""
        self._snapshot: tuple[Position, Message] | None = None
        self.server = RealtimeServer(
            pack_of=pack_of,
            cors_allowed_origins=origin_check(origins),
            max_http_buffer_size=_MESSAGE_BYTES_MAX,
            logger=False,
            engineio_logger=False,
        )
        self._calls = _Channel("calls", CALLS, reads.live)
        self._channels = (
            self._calls,
            _Channel("campaigns", CAMPAIGNS, reads.campaigns),
            _Channel("summary", SUMMARY, reads.summary),
        )
        self._register()

    def _register(self) -> None:
        server = self.server
        server.on("connect", self._connect)
        server.on("disconnect", self._disconnect)
        server.on("get:active_calls", self._checked(self._get_active_calls))
        server.on("page", self._checked(self._page))
        server.on_connected = self._greet
        server.on_lagging = self._bring_up_to_date
        publishers = (self._publish_calls, self._publish_campaigns, self._publish_summary)
        for channel, publish in zip(self._channels, publishers, strict=True):
            server.on(f"subscribe:{channel.name}", self._checked(self._subscriber(channel)))
            server.on(f"unsubscribe:{channel.name}", self._checked(self._unsubscriber(channel)))
            channel.replica.on_deltas.append(publish)
            channel.replica.on_reset.append(self._resetter(channel))

    # -- views

    def _publish_calls(self, deltas: list[Delta]) -> None:
        updates = [CallUpdate(delta) for delta in deltas]
        self._note_moves(updates)
        rooms = self.server.rooms
        for name in rooms.names():
            room = Room.named(name)
            if room.base == CALLS:
                rooms.publish(name, self._of_campaign(updates, room.campaign_id))

    def _note_moves(self, updates: list[CallUpdate]) -> None:
        """Remember which calls left a campaign for another."""
        for update, item in zip(updates, self._calls.replica.before, strict=True):
            before = _campaign_of(item)
            if before is not None and _campaign_of(update.document) != before:
                self._moves.append((update.delta.position, before))

    def _of_campaign(self, updates: list[CallUpdate], campaign_id: str | None) -> list[CallUpdate]:
        """Return the updates of one campaign's calls; a call that has left it is deleted there."""
        if campaign_id is None:
            return updates
        left = {position for position, before in self._moves if before == campaign_id}
        found = []
        for update in updates:
            if _campaign_of(update.document) == campaign_id:
                found.append(update)
            elif update.delta.position in left:
                found.append(CallUpdate(update.delta, "delete"))
        return found

    def _publish_campaigns(self, deltas: list[Delta]) -> None:
        rooms = self.server.rooms
        rooms.publish(CAMPAIGNS, deltas)
        for delta in deltas:
            rooms.publish(f"{CAMPAIGNS}:{delta.key}", (delta,))

    def _publish_summary(self, deltas: list[Delta]) -> None:
        self.server.rooms.publish(SUMMARY, deltas)

    def _resetter(self, channel: _Channel) -> Callable[[], None]:
        """Return what tells everybody who follows a view that it began anew."""

        def reset() -> None:
            resync = (channel.resync(),)
            for name in self.server.rooms.names():
                if Room.named(name).base == channel.room:
                    self.server.rooms.send(name, resync)

        return reset

    # -- clients

    def figures(self) -> SocketFigures:
        """Return what was done so far."""
        rooms = self.server.rooms
        return SocketFigures(len(self._shown), rooms.writes, rooms.left_out)

    async def _connect(
        self, sid: str, environ: Mapping[str, Any], auth: Mapping[str, Any] | None = None
    ) -> None:
        """Let a client in that may read."""
        self._doorman.let_in(sid, environ, auth)

    async def _disconnect(self, sid: str, *_: Any) -> None:
        self._doorman.forget(sid)
        self._shown.pop(sid, None)

    async def run(self) -> None:
        """See to it that only those are here who may be, until cancelled."""
        await self._doorman.look_around(self.server.connection)

    def _checked(self, handle: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Return a handler that serves who may still read, and does not ask too often."""

        async def checked(sid: str, *arguments: Any) -> Any:
            connection = self.server.connection(sid)
            if connection is None or not self._doorman.serves(sid, connection):
                return None
            options = arguments[0] if arguments and isinstance(arguments[0], Mapping) else {}
            return await handle(sid, connection, options)

        return checked

    def _greet(self, sid: str, connection: Connection) -> None:
        """Send the live calls as of now, after all that the client was told before."""
        self.server.rooms.flush_of(connection)
        connection.push(self._active_calls())
        self._shown[sid] = self._calls.replica.position

    def _active_calls(self) -> Message:
        """Return the snapshot of the live calls, rendered once per position."""
        position = self._calls.replica.position
        if self._snapshot is None or self._snapshot[0] != position:
            payload = orjson.dumps(self._reads.active_payload())
            self._snapshot = (position, event_message("active_calls", payload))
        return self._snapshot[1]

    def _bring_up_to_date(self, sid: str, connection: Connection) -> None:
        """Send a client that was too slow for the deltas what it follows as of now."""
        for channel in self._channels:
            if not self._followed(connection, channel):
                continue
            if channel is self._calls:
                self._greet(sid, connection)
            else:
                connection.push(channel.resync())

    async def _get_active_calls(self, sid: str, connection: Connection, _: Any) -> None:
        """Answer with the live calls as of now, not as of the last look."""
        await self._reads.refresh(self._reads.live)
        if not connection.closed:
            self._greet(sid, connection)

    async def _page(self, sid: str, _: Connection, options: Mapping[str, Any]) -> None:
        """Pass on what a person looks at; what is no short text is left out."""
        page = options.get("page")
        if self.on_page is not None and isinstance(page, str) and len(page) <= _PAGE_LENGTH_MAX:
            self.on_page(*self._doorman.person(sid), page)

    # -- subscriptions

    def _followed(self, connection: Connection, channel: _Channel) -> list[Room]:
        """Return by which rooms a client follows a view."""
        rooms = map(Room.named, self.server.rooms.of(connection))
        return [room for room in rooms if room.base == channel.room]

    def _subscriber(self, channel: _Channel) -> Callable[..., Awaitable[dict[str, Any]]]:
        async def subscribe(sid: str, connection: Connection, wish: Any) -> dict[str, Any]:
            rooms = self.server.rooms
            room, followed = _room_of(channel, wish), self._followed(connection, channel)
            if room not in followed and len(followed) >= _ROOMS_MAX:
                connection.kick("it follows too many campaigns")
                return {}
            # Decided and done in one step: every delta is either replayed here, or published
            # after the join.
            if room not in followed:
                self._lead_to(channel, sid, connection, room, wish)
            for other in followed:
                if other.is_replaced_by(room):
                    rooms.leave(connection, other.name)
            rooms.enter(connection, room.name)
            return {"position": channel.replica.position.as_json()}

        return subscribe

    def _lead_to(
        self, channel: _Channel, sid: str, connection: Connection, room: Room, wish: Any
    ) -> None:
        """Send a client what it lacks to follow a room."""
        since = Position.from_json(wish.get("since"))
        if channel is self._calls:
            if self._followed(connection, channel):
                # What this room was told while the client followed another one, it lacks.
                self._greet(sid, connection)
                return
            since = since or self._shown.get(sid)
        for message in self._missed(channel, since, room):
            connection.push(message)

    def _unsubscriber(self, channel: _Channel) -> Callable[..., Awaitable[dict[str, Any]]]:
        async def unsubscribe(sid: str, connection: Connection, wish: Any) -> dict[str, Any]:
            wanted = _room_of(channel, wish)
            for room in self._followed(connection, channel):
                if wanted.campaign_id in (None, room.campaign_id):
                    self.server.rooms.leave(connection, room.name)
            if channel is self._calls and not self._followed(connection, channel):
                self._shown[sid] = channel.replica.position
            return {}

        return unsubscribe

    def _missed(self, channel: _Channel, since: Position | None, room: Room) -> Sequence[Message]:
        """Return what brings a client from a position to now: updates, or a `resync`."""
        if since is None or since == channel.replica.position:
            return []
        try:
            deltas = channel.replica.since(since)
        except PositionLost:
            return [channel.resync()]
        if channel is not self._calls:
            # Absolute and small: reading it again is simplest.
            return [channel.resync()]
        updates = self._of_campaign([CallUpdate(delta) for delta in deltas], room.campaign_id)
        return pack_of(room.name)(updates) if updates else []


def _campaign_of(call: Any) -> str | None:
    found = call.get("campaignId") if isinstance(call, Mapping) else None
    return found if isinstance(found, str) else None


def _room_of(channel: _Channel, wish: Mapping[str, Any]) -> Room:
    """Return the room for what a client asked: all or one campaign's, one by one or batched."""
    campaign_id = wish.get("campaignId")
    narrow = isinstance(campaign_id, str) and 0 < len(campaign_id) <= _CAMPAIGN_ID_LENGTH_MAX
    return Room(
        channel.room,
        campaign_id if narrow else None,
        batch=channel.room == CALLS and wish.get("batch") is True,
    )
