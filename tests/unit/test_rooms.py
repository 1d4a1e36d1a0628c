"""Rooms: the first leaves at once, the rest of a tick together; nobody slow holds others up."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from support.simloop import simulated
from support.wires import FakeWire

from callboard.delivery.realtime.rooms import Rooms, as_they_are
from callboard.delivery.realtime.wire import Message


class Member:
    """What a room wants of a connection."""

    def __init__(self, *, polls: bool = False) -> None:
        self.writer = FakeWire()
        self.wire: Any = None if polls else self.writer
        self.lagging = False
        self.pushed: list[str | bytes] = []

    @property
    def slow(self) -> bool:
        """Tell whether it does not read."""
        return self.writer.paused

    def push(self, message: Message) -> None:
        """Take one message of a poll."""
        self.pushed.append(message.packet)


def played(play: Callable[[Rooms], Coroutine[Any, Any, None]]) -> None:
    """Play with rooms in simulated time."""

    async def run() -> None:
        await play(Rooms(lambda _: as_they_are, tick_s=0.05))

    simulated(lambda _: run())


def entered(rooms: Rooms, count: int, name: str = "r") -> list[Any]:
    """Return so many new members of a room."""
    members: list[Any] = [Member() for _ in range(count)]
    for member in members:
        rooms.enter(member, name)
    return members


def test_the_first_leaves_at_once_and_what_follows_with_the_tick() -> None:
    async def play(rooms: Rooms) -> None:
        members = entered(rooms, 2_000)
        await asyncio.sleep(1)
        rooms.publish("r", [Message("a"), Message("b")])
        assert members[0].wire.packets == ["a", "b"]
        rooms.publish("r", [Message("c")])
        rooms.publish("r", [Message("d")])
        assert members[0].wire.packets == ["a", "b"]
        await asyncio.sleep(0.06)
        assert members[-1].wire.packets == ["a", "b", "c", "d"]
        assert members[-1].wire.writes == 2
        assert rooms.writes == 4_000

    played(play)


def test_ticks_are_short_for_few_and_never_longer_than_allowed() -> None:
    async def play(rooms: Rooms) -> None:
        entered(rooms, 10, "few")
        entered(rooms, 3_000, "many")
        ticks = {name: room.tick_s for name, room in rooms._rooms.items()}
        assert ticks["few"] < 0.001
        assert ticks["many"] == 0.05

    played(play)


def test_who_does_not_read_is_left_out_and_others_are_not_held_up() -> None:
    async def play(rooms: Rooms) -> None:
        quick, slow = entered(rooms, 2)
        slow.wire.pause()
        rooms.publish("r", [Message("a")])
        assert quick.wire.packets == ["a"]
        assert slow.wire.packets == []
        assert slow.lagging
        slow.wire.resume()
        await asyncio.sleep(1)
        # It lacks "a": until it was brought up to date, "b" would be a gap.
        rooms.publish("r", [Message("b")])
        assert slow.wire.packets == []
        assert rooms.left_out == 2

    played(play)


def test_who_polls_gets_messages_one_by_one() -> None:
    async def play(rooms: Rooms) -> None:
        member: Any = Member(polls=True)
        rooms.enter(member, "r")
        rooms.publish("r", [Message("a"), Message("b")])
        assert member.pushed == ["a", "b"]

    played(play)


def test_who_enters_is_told_nothing_that_was_published_before() -> None:
    async def play(rooms: Rooms) -> None:
        (first,) = entered(rooms, 1)
        rooms.publish("r", [Message("a")])
        rooms.publish("r", [Message("b")])
        (second,) = entered(rooms, 1)
        assert first.wire.packets == ["a", "b"]
        await asyncio.sleep(1)
        assert second.wire.packets == []

    played(play)


def test_who_leaves_has_been_told_all_and_is_told_nothing_more() -> None:
    async def play(rooms: Rooms) -> None:
        stays, leaves = entered(rooms, 2)
        rooms.publish("r", [Message("a")])
        rooms.publish("r", [Message("b")])
        rooms.leave(leaves, "r")
        rooms.send("r", [Message("c")])
        assert leaves.wire.packets == ["a", "b"]
        assert stays.wire.packets == ["a", "b", "c"]

    played(play)


def test_an_empty_room_is_forgotten_with_its_timer() -> None:
    async def play(rooms: Rooms) -> None:
        (member,) = entered(rooms, 1)
        rooms.publish("r", [Message("a")])
        rooms.publish("r", [Message("b")])
        rooms.leave_all(member)
        assert "r" not in rooms
        assert rooms.names() == []
        assert rooms.of(member) == set()
        rooms.publish("r", [Message("c")])
        await asyncio.sleep(1)
        assert member.wire.packets == ["a"]
        assert rooms.writes == 1

    played(play)


def test_members_that_take_deflated_frames_get_them() -> None:
    async def play(rooms: Rooms) -> None:
        plain, small = entered(rooms, 2)
        small.wire.deflates = True
        taken: list[bytes] = []
        small.wire.write = taken.append
        message = Message("ab" * 500)
        rooms.publish("r", [message, message])
        assert plain.wire.packets == ["ab" * 500] * 2
        assert taken == [message.deflated * 2]

    played(play)
