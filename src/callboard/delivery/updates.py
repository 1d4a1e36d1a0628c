"""What subscribers are told of a view's deltas: the contract's events, as bytes.

A delta's value is JSON already; nothing is decoded to be told. What comes within a tick is packed
when it leaves: each update of a call by itself, or one message of the newest of each call for
those who asked for batches; of campaigns and the summary always the newest.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import orjson

from callboard.delivery.realtime.rooms import Pack
from callboard.delivery.realtime.server import event_message
from callboard.delivery.realtime.wire import Message
from callboard.domain.stream import Delta, Position

__all__ = [
    "CALLS",
    "CAMPAIGNS",
    "SUMMARY",
    "CallUpdate",
    "Room",
    "pack_of",
    "packed_batch",
    "resync_message",
]

CALLS, CAMPAIGNS, SUMMARY = "calls_room", "campaigns_room", "summary_room"
_BATCH = "#batch"


class Room(NamedTuple):
    """What a room is for, and its name."""

    base: str
    """`CALLS`, `CAMPAIGNS` or `SUMMARY`."""
    campaign_id: str | None = None
    """Whose campaign's; None: everything."""
    batch: bool = False
    """Whether updates of calls are coalesced."""

    @property
    def name(self) -> str:
        """Return the room's name; a campaign may be called anything.

        >>> Room(CALLS, "a:b#batch").name, Room(CALLS, batch=True).name
        ('calls_room:a:b#batch', 'calls_room#batch')
        """
        base = self.base + _BATCH if self.batch else self.base
        return base if self.campaign_id is None else f"{base}:{self.campaign_id}"

    @classmethod
    def named(cls, name: str) -> "Room":
        """Return the room of a name.

        >>> Room.named("calls_room#batch:c:d")
        Room(base='calls_room', campaign_id='c:d', batch=True)
        """
        base, colon, campaign_id = name.partition(":")
        return cls(
            base.removesuffix(_BATCH), campaign_id if colon else None, base.endswith(_BATCH)
        )

    def is_replaced_by(self, other: "Room") -> bool:
        """Tell whether who enters another room of the same view leaves this one.

        Of calls a client follows all, or one campaign's: rooms have ticks of their own, and two
        of them would tell their updates in no order. Statuses of campaigns stand for themselves,
        but nobody is told one twice.
        """
        narrow = self.campaign_id is not None and other.campaign_id is not None
        return self != other and (self.base == CALLS or not narrow)


class CallUpdate:
    """One delta of the live calls as the contract's `call_update`."""

    def __init__(self, delta: Delta, change: str | None = None) -> None:
        self.delta = delta
        self._change = change or delta.change

    @cached_property
    def json(self) -> bytes:
        """Return `{type, document, position}`."""
        position = _position(self.delta.position)
        return b'{"type":"%b","document":%b,"position":%b}' % (
            self._change.encode(),
            self.delta.value,
            position,
        )

    @cached_property
    def document(self) -> Any:
        """Return the call, decoded."""
        return orjson.loads(self.delta.value)

    @cached_property
    def message(self) -> Message:
        """Return the event, framed once for all rooms."""
        return event_message("call_update", self.json)


def _position(position: Position) -> bytes:
    return b'{"epoch":"%d","offset":%d}' % (position.epoch, position.offset)


def _each(updates: list[CallUpdate]) -> Sequence[Message]:
    return [update.message for update in updates]


def packed_batch(updates: list[CallUpdate]) -> Sequence[Message]:
    """Return `call_updates`: the newest update of each call, and where they lead."""
    newest = {update.delta.key: update for update in updates}
    kept = sorted(newest.values(), key=lambda update: update.delta.position)
    position = _position(updates[-1].delta.position)
    told = b",".join([update.json for update in kept])
    body = b'{"updates":[%b],"position":%b}' % (told, position)
    return [event_message("call_updates", body)]


def _campaigns(deltas: list[Delta]) -> Sequence[Message]:
    """Return the newest status of each campaign."""
    newest = {delta.key: delta for delta in deltas}
    return [
        event_message("campaign_update", _with_position(orjson.loads(delta.value), delta))
        for delta in sorted(newest.values(), key=lambda delta: delta.position)
    ]


def _summary(deltas: list[Delta]) -> Sequence[Message]:
    """Return the newest summary."""
    newest = deltas[-1]
    payload = {"summary": orjson.loads(newest.value), "period": newest.key}
    return [event_message("summary_update", _with_position(payload, newest))]


def _with_position(payload: dict[str, Any], delta: Delta) -> bytes:
    told = {**payload, "last_updated": delta.at, "position": delta.position.as_json()}
    return orjson.dumps(told)


def pack_of(name: str) -> Pack:
    """Return how what is published in a room is packed."""
    room = Room.named(name)
    if room.base == CALLS:
        return packed_batch if room.batch else _each
    return _campaigns if room.base == CAMPAIGNS else _summary


def resync_message(view: str, position: Position) -> Message:
    """Return the contract's `resync`: what a client has is of no use any more."""
    payload = {"view": view, "position": position.as_json()}
    return event_message("resync", orjson.dumps(payload))
