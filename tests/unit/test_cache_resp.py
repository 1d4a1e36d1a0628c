"""One connection: replies in pieces, pushes between them, garbage, and how much may wait."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from callboard.cache import TierUnavailable, TooManyRequests
from callboard.cache.resp import PENDING_MAX, UNSENT_BYTES_MAX, Command, Connection, pack

PUSH = b">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"
FLUSHED = b">2\r\n$10\r\ninvalidate\r\n_\r\n"
SPOKEN: list[tuple[bytes, Any]] = [
    (b"$5\r\nhe\r\no\r\n", b"he\r\no"),
    (b"_\r\n", None),
    (b":-42\r\n", -42),
    (b"+OK\r\n", b"OK"),
    (b"$0\r\n\r\n", b""),
    (b"*0\r\n", []),
    (b"*2\r\n$1\r\nV\r\n*2\r\n:1\r\n_\r\n", [b"V", [1, None]]),
]


class Wire(asyncio.Transport):
    """The other end."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self.sent: list[bytes] = []
        self.unsent = 0
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take what is sent."""
        self.sent.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        """Return what was not read yet."""
        return self.unsent

    def abort(self) -> None:
        """Break it, as asyncio does: a turn later."""
        self.aborted = True
        asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)


class Talk:
    """A connection and all it told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.now_s = 0.0
        self.connection = Connection(
            on_push=lambda words: self.told.append(("push", words[1])),
            on_error=self._error,
            on_lost=lambda _, why: self.told.append(("lost", why)),
            now=lambda: self.now_s,
        )
        self.wire = Wire(self.connection)
        self.connection.connection_made(self.wire)

    def _error(self, command: Command, error: Exception) -> None:
        self.told.append(("error", str(error)))
        command.future.set_exception(RuntimeError(str(error)))

    def ask(self, on_reply: Callable[[Any, int], Any] | None = None) -> "asyncio.Future[Any]":
        """Send a command."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        command = Command(future, on_reply or self._reply, b"", None, (), 0)
        self.connection.send(pack(b"PING"), command)
        return future

    def _reply(self, reply: Any, _: int) -> Any:
        self.told.append(("reply", reply))
        return reply

    def hear(self, *pieces: bytes) -> None:
        """Receive."""
        for piece in pieces:
            self.connection.data_received(piece)


def everything() -> tuple[bytes, list[Any]]:
    """Return one stream with every kind of reply and pushes between, and what it tells."""
    stream, told = b"", []
    for raw, value in SPOKEN:
        stream += raw + PUSH
        told += [("reply", value), ("push", [b"a", b"b"])]
    stream += b"-ERR no\r\n" + FLUSHED
    return stream, [*told, ("error", "ERR no"), ("push", None)]


async def test_a_stream_may_be_cut_anywhere() -> None:
    stream, told = everything()
    cuts: list[Sequence[bytes]] = [[stream[:at], stream[at:]] for at in range(len(stream) + 1)]
    cuts.append([stream[at : at + 1] for at in range(len(stream))])
    for pieces in cuts:
        talk = Talk()
        futures = [talk.ask() for _ in range(len(SPOKEN) + 1)]
        talk.hear(*pieces)
        assert talk.told == told
        assert [future.result() for future in futures[:-1]] == [value for _, value in SPOKEN]
        with pytest.raises(RuntimeError, match="ERR no"):
            await futures[-1]
        assert not talk.wire.aborted


async def test_a_push_before_and_a_push_after_a_reply_stay_there() -> None:
    talk = Talk()
    talk.ask()
    talk.hear(PUSH + b":1\r\n" + PUSH)
    assert [kind for kind, _ in talk.told] == ["push", "reply", "push"]


async def test_an_error_within_an_array_is_part_of_the_reply() -> None:
    talk = Talk()
    future, after = talk.ask(), talk.ask()
    talk.hear(b"*2\r\n-ERR inner\r\n:1\r\n:2\r\n")
    inner, one = future.result()
    assert isinstance(inner, Exception)
    assert one == 1
    assert after.result() == 2


async def test_what_is_asked_in_one_turn_leaves_in_one_write() -> None:
    talk = Talk()
    futures = [talk.ask() for _ in range(3)]
    assert talk.wire.sent == []
    await asyncio.sleep(0)
    assert talk.wire.sent == [pack(b"PING") * 3]
    talk.ask()
    await asyncio.sleep(0)
    assert len(talk.wire.sent) == 2
    assert not any(future.done() for future in futures)


@pytest.mark.parametrize("garbage", [b"!garbage\r\n", b"HTTP/1.1 400\r\n\r\n", b":1\r\n:2\r\n"])
async def test_who_does_not_speak_the_protocol_is_given_up(garbage: bytes) -> None:
    """The last one answers what was never asked."""
    talk = Talk()
    first = talk.ask()
    talk.hear(garbage)
    assert talk.wire.aborted
    assert not talk.connection.alive
    with pytest.raises(TierUnavailable, match="does not speak RESP3"):
        talk.ask()
    await talk.connection.gone.wait()
    if not first.done() or first.exception():
        with pytest.raises(TierUnavailable, match="does not speak RESP3"):
            await first
    assert talk.told[-1][0] == "lost"


async def test_whatever_waits_fails_when_the_connection_is_lost() -> None:
    talk = Talk()
    futures = [talk.ask() for _ in range(3)]
    futures[1].cancel()
    talk.connection.connection_lost(ConnectionResetError("reset"))
    for future in (futures[0], futures[2]):
        with pytest.raises(TierUnavailable, match="reset"):
            await future
    assert talk.told == [("lost", "reset")]
    await asyncio.sleep(0)
    assert talk.wire.sent == [], "nothing leaves afterwards"
    with pytest.raises(TierUnavailable, match="reset"):
        talk.ask()


async def test_only_so_much_may_wait() -> None:
    talk = Talk()
    for _ in range(PENDING_MAX):
        talk.ask()
    with pytest.raises(TooManyRequests):
        talk.ask()
    talk.hear(b":1\r\n")
    talk.ask()
    assert talk.connection.alive


async def test_a_server_that_does_not_read_is_given_up() -> None:
    talk = Talk()
    future = talk.ask()
    talk.wire.unsent = UNSENT_BYTES_MAX + 1
    await asyncio.sleep(0)
    assert talk.wire.aborted
    with pytest.raises(TierUnavailable, match="does not read"):
        await future


async def test_a_reply_is_taken_in_though_its_caller_has_gone() -> None:
    talk = Talk()
    talk.ask().cancel()
    after = talk.ask()
    talk.hear(b":1\r\n:2\r\n")
    assert talk.told == [("reply", 1), ("reply", 2)]
    assert after.result() == 2


async def test_an_error_in_on_reply_is_its_callers_alone() -> None:
    talk = Talk()

    def fail(reply: Any, _: int) -> None:
        raise KeyError(reply)

    wrong, right = talk.ask(fail), talk.ask()
    gone = talk.ask(fail)
    gone.cancel()
    talk.hear(b":1\r\n:2\r\n:3\r\n")
    with pytest.raises(KeyError):
        await wrong
    assert right.result() == 2
    assert talk.connection.alive


async def test_it_is_known_since_when_a_reply_is_owed() -> None:
    talk = Talk()
    assert talk.connection.waiting_since_s is None
    talk.now_s = 1.0
    talk.ask()
    talk.ask()
    await asyncio.sleep(0)
    assert talk.connection.waiting_since_s == 1.0
    talk.now_s = 2.0
    talk.hear(b":1")
    talk.now_s = 3.0
    talk.hear(b"\r\n")
    assert talk.connection.waiting_since_s == 3.0, "there was progress, and one is owed still"
    talk.hear(b":1\r\n")
    assert talk.connection.waiting_since_s is None
    assert talk.connection.heard_at_s == 3.0
