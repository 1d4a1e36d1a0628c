"""Socket.IO: a snapshot on connect, then deltas to rooms, in one order for everybody.

Everything that leaves goes through one queue and one writer, so that a snapshot, a replay and
the deltas after it cannot overtake each other. Nothing is ever emitted to everybody: clients
get what they subscribed to, after their key was checked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import orjson
import socketio
import structlog

from callboard.delivery.auth import Gate
from callboard.delivery.board import BoardReads
from callboard.delivery.replica import Replica
from callboard.domain.stream import Delta, Position, coalesce
from callboard.errors import PositionLost, Unauthorized

__all__ = ["Sockets"]

_log = structlog.get_logger(__name__)

_MESSAGE_BYTES_MAX = 64 * 1024
_QUEUE_LENGTH_MAX = 10_000
_JOIN_TIMEOUT_S = 10
_CAMPAIGN_ID_LENGTH_MAX = 200

CALLS, CAMPAIGNS, SUMMARY = "calls_room", "campaigns_room", "summary_room"


class _Json:
    """orjson in the shape python-socketio takes a JSON module."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: Any) -> Any:
        return orjson.loads(text)


@dataclass(frozen=True, slots=True)
class _Channel:
    """What clients subscribe to: a room, the view behind it, and how its deltas are told."""

    name: str
    room: str
    replica: Replica
    publish: Callable[[list[Delta]], Awaitable[None]]

    def resync(self) -> dict[str, Any]:
        """Return the contract's `resync`."""
        return {"view": self.name, "position": self.replica.position.as_json()}


class Sockets:
    """The Socket.IO server and its one writer."""

    def __init__(self, reads: BoardReads, gate: Gate, origins: Sequence[str]) -> None:
        self._reads = reads
        self._gate = gate
        self._queue: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(
            _QUEUE_LENGTH_MAX
        )
        self._shown: dict[str, Position] = {}
        self.server = socketio.AsyncServer(
            async_mode="asgi",
            json=_Json,
            cors_allowed_origins=_origin_check(origins),
            async_handlers=False,
            max_http_buffer_size=_MESSAGE_BYTES_MAX,
            logger=False,
            engineio_logger=False,
        )
        self._channels = (
            _Channel("calls", CALLS, reads.live, self._calls),
            _Channel("campaigns", CAMPAIGNS, reads.campaigns, self._campaigns),
            _Channel("summary", SUMMARY, reads.summary, self._summary),
        )
        self._register()

    def _register(self) -> None:
        on = self.server.on
        on("connect", self._connect)
        on("disconnect", self._disconnect)
        on("get:active_calls", self._get_active_calls)
        on("page", self._page)
        for channel in self._channels:
            on(f"subscribe:{channel.name}", self._subscriber(channel))
            on(f"unsubscribe:{channel.name}", self._unsubscriber(channel))
            self._listen(channel)

    def _listen(self, channel: _Channel) -> None:
        """Queue a replica's deltas, and a `resync` when it had to start over."""

        def deltas_came(deltas: list[Delta]) -> None:
            self._put(lambda: channel.publish(deltas))

        def reset() -> None:
            resync = channel.resync()
            self._put(lambda: self._resync_all(channel, resync))

        channel.replica.on_deltas.append(deltas_came)
        channel.replica.on_reset.append(reset)

    def _put(self, send: Callable[[], Awaitable[None]]) -> None:
        try:
            self._queue.put_nowait(send)
        except asyncio.QueueFull:
            # Bounded on purpose: drop all that waits and have every client start over.
            while not self._queue.empty():
                self._queue.get_nowait()
            _log.error("sockets.overflow", dropped=_QUEUE_LENGTH_MAX)
            for channel in self._channels:
                send_resync = partial(self._resync_all, channel, channel.resync())
                self._queue.put_nowait(send_resync)

    async def _resync_all(self, channel: _Channel, resync: Mapping[str, Any]) -> None:
        """Tell everybody in a room or in one of its narrower ones to take a snapshot."""
        for room in list(self.server.manager.rooms.get("/", {})):
            if room is not None and room.partition(":")[0].partition("#")[0] == channel.room:
                await self._emit("resync", resync, room)

    async def run(self) -> None:
        """Send what is queued, in order, until cancelled."""
        while True:
            send = await self._queue.get()
            try:
                await send()
            except Exception:
                # One client's broken connection must not end everybody's updates.
                _log.exception("sockets.send_failed")

    async def _connect(
        self, sid: str, environ: Mapping[str, Any], auth: Mapping[str, Any] | None = None
    ) -> None:
        """Let a client in that may read, and send it the live calls."""
        token = auth.get("token") if isinstance(auth, Mapping) else None
        header = f"Bearer {token}" if token else environ.get("HTTP_AUTHORIZATION")
        try:
            self._gate.principal(header, environ.get("HTTP_COOKIE"), "read")
        except Unauthorized as error:
            _log.info("sockets.refused", reason=str(error))
            raise socketio.exceptions.ConnectionRefusedError("unauthorized") from error
        self._greet(sid)

    def _greet(self, sid: str) -> None:
        """Queue the live calls as of now: deltas queued before are in it, later ones follow."""
        payload = self._reads.active_payload()
        self._shown[sid] = self._reads.live.position
        self._put(lambda: self._emit("active_calls", payload, sid))

    async def _disconnect(self, sid: str, *_: Any) -> None:
        self._shown.pop(sid, None)

    async def _get_active_calls(self, sid: str, *_: Any) -> None:
        """Answer with the live calls as of now, not as of the last look."""
        await self._reads.refresh(self._reads.live)
        self._greet(sid)

    async def _page(self, sid: str, *_: Any) -> None:
        """Take note of what a person looks at; predictive warming will use it."""

    def _subscriber(self, channel: _Channel) -> Callable[..., Awaitable[dict[str, Any]]]:
        async def subscribe(sid: str, options: Any = None, *_: Any) -> dict[str, Any]:
            wish = options if isinstance(options, Mapping) else {}
            since = Position.from_json(wish.get("since"))
            if channel.name == "calls":
                since = since or self._shown.get(sid)
            # Decided now, sent in turn: every delta is either missed and replayed here, or
            # queued behind the join.
            missed = self._missed(channel, since)
            position = channel.replica.position
            joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()

            async def join() -> None:
                for event, payload in missed:
                    await self._emit(event, payload, sid)
                await self.server.enter_room(sid, _room_of(channel.room, wish))
                if not joined.done():
                    joined.set_result(None)

            self._put(join)
            async with asyncio.timeout(_JOIN_TIMEOUT_S):
                await joined
            return {"position": position.as_json()}

        return subscribe

    def _unsubscriber(self, channel: _Channel) -> Callable[..., Awaitable[dict[str, Any]]]:
        async def unsubscribe(sid: str, options: Any = None, *_: Any) -> dict[str, Any]:
            wish = options if isinstance(options, Mapping) else {}
            await self.server.leave_room(sid, _room_of(channel.room, wish))
            return {}

        return unsubscribe

    def _missed(self, channel: _Channel, since: Position | None) -> list[tuple[str, Any]]:
        """Return what brings a client from a position to now: updates, or a `resync`."""
        if since is None or since == channel.replica.position:
            return []
        try:
            deltas = channel.replica.since(since)
        except PositionLost:
            return [("resync", channel.resync())]
        if channel.name != "calls":
            # Absolute and small: reading it again is simplest.
            return [("resync", channel.resync())]
        return [("call_update", _update(delta)) for delta in deltas]

    async def _calls(self, deltas: list[Delta]) -> None:
        if not self._anybody_in(CALLS):
            return
        for update in map(_update, deltas):
            await self._emit("call_update", update, CALLS)
            campaign_id = update["document"].get("campaignId")
            if campaign_id:
                await self._emit("call_update", update, f"{CALLS}:{campaign_id}")
        batch = f"{CALLS}#batch"
        if self._has_members(batch):
            kept = [_update(delta) for delta in coalesce(deltas)]
            position = deltas[-1].position.as_json()
            await self._emit("call_updates", {"updates": kept, "position": position}, batch)

    async def _campaigns(self, deltas: list[Delta]) -> None:
        if not self._anybody_in(CAMPAIGNS):
            return
        for delta in coalesce(deltas):
            status = orjson.loads(delta.value)
            payload = {**status, "last_updated": delta.at, "position": delta.position.as_json()}
            await self._emit("campaign_update", payload, CAMPAIGNS)
            await self._emit("campaign_update", payload, f"{CAMPAIGNS}:{delta.key}")

    async def _summary(self, deltas: list[Delta]) -> None:
        if not self._has_members(SUMMARY):
            return
        delta = deltas[-1]
        payload = {
            "summary": orjson.loads(delta.value),
            "period": delta.key,
            "last_updated": delta.at,
            "position": delta.position.as_json(),
        }
        await self._emit("summary_update", payload, SUMMARY)

    def _anybody_in(self, room: str) -> bool:
        """Tell whether anybody is in a room or in one of its narrower ones."""
        rooms = self.server.manager.rooms.get("/", {})
        return any(isinstance(name, str) and name.startswith(room) for name in rooms)

    def _has_members(self, room: str) -> bool:
        return bool(self.server.manager.rooms.get("/", {}).get(room))

    async def _emit(self, event: str, payload: Any, room: str) -> None:
        if self._has_members(room):
            await self.server.emit(event, payload, room=room)


def _update(delta: Delta) -> dict[str, Any]:
    """Return the contract's `call_update`."""
    return {
        "type": delta.change,
        "document": orjson.loads(delta.value),
        "position": delta.position.as_json(),
    }


def _room_of(room: str, wish: Mapping[str, Any]) -> str:
    """Return the room for what a client asked: all, one campaign's, or batches."""
    campaign_id = wish.get("campaignId")
    if isinstance(campaign_id, str) and 0 < len(campaign_id) <= _CAMPAIGN_ID_LENGTH_MAX:
        return f"{room}:{campaign_id}"
    return f"{room}#batch" if room == CALLS and wish.get("batch") is True else room


def _origin_check(origins: Sequence[str]) -> Callable[[str, Mapping[str, Any]], bool]:
    """Return a check that lets the page's own origin in, and the listed ones.

    Only the host is compared for our own: behind a proxy that ends TLS we cannot know the
    scheme the browser used, and no other site can make a browser send our host as its origin.
    """
    listed = frozenset(origins)

    def allowed(origin: str, environ: Mapping[str, Any]) -> bool:
        return origin in listed or urlsplit(origin).netloc == environ.get("HTTP_HOST")

    return allowed
