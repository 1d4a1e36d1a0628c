"""What Engine.IO's protocol, version 4, asks of a server: handshakes and messages."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from support.eio_client import (
    SEPARATOR,
    Polling,
    by_hand,
    event,
    is_refused,
    message,
    target,
    websocket,
)
from support.realtime import MESSAGE_BYTES_MAX, SLOW, Site, serving
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory


@pytest.fixture
async def slow() -> AsyncIterator[Site]:
    """A server whose timers end nothing while a test runs."""
    async with serving(**SLOW) as site:
        yield site


@pytest.fixture
async def polling(slow: Site) -> Polling:
    """A session by polling with the main namespace open."""
    client = Polling(slow.http)
    await client.enter()
    return client


ATTACHED = '["message",{"_placeholder":true,"num":0}]'

# -- handshake


@pytest.mark.parametrize(("interval_s", "timeout_s"), [(25, 20), (0.3, 0.2), (1.001, 0.25)])
async def test_a_session_is_told_its_terms(interval_s: float, timeout_s: float) -> None:
    timers = {"ping_interval": interval_s, "ping_timeout": timeout_s}
    async with serving(**timers) as site:
        answer = await site.http.get(target("polling"))
        assert answer.status_code == 200
        assert answer.headers["content-type"].lower() == "text/plain; charset=utf-8"
        polling = Polling(site.http)
        await polling.open()
        async with websocket(site.url) as socket:
            told = await socket.opened()
        assert set(told) == {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
        assert told["sid"] != polling.sid
        terms = {
            "pingInterval": round(interval_s * 1000),
            "pingTimeout": round(timeout_s * 1000),
            "maxPayload": MESSAGE_BYTES_MAX,
        }
        assert told == {"sid": told["sid"], "upgrades": [], **terms}
        assert polling.told == {"sid": polling.sid, "upgrades": ["websocket"], **terms}


@pytest.mark.parametrize("version", [None, "", "abc", "3", "5"])
async def test_another_version_is_refused(slow: Site, version: str | None) -> None:
    answer = await slow.http.get(target("polling", version=version))
    assert answer.status_code == 400
    assert await is_refused(slow.url, target("websocket", version=version))


@pytest.mark.parametrize("transport", [None, "", "abc", "websocket"])
async def test_a_request_without_its_transport_is_refused(
    slow: Site, transport: str | None
) -> None:
    assert (await slow.http.get(target(transport))).status_code == 400


@pytest.mark.parametrize("transport", [None, "", "abc", "polling"])
async def test_a_websocket_without_its_transport_is_refused(
    slow: Site, transport: str | None
) -> None:
    assert await is_refused(slow.url, target(transport))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_session_begins_with_get_alone(slow: Site, method: str) -> None:
    assert (await slow.http.request(method, target("polling"))).status_code == 400


async def test_an_unknown_session_is_refused(slow: Site) -> None:
    polling = Polling(slow.http)
    polling.sid = "nobody"
    assert (await polling.poll()).status_code == 400
    assert (await polling.post(message("message"))).status_code == 400
    assert await is_refused(slow.url, target("websocket", "nobody"))


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_another_method_leaves_a_session_alone(
    slow: Site, polling: Polling, method: str
) -> None:
    answer = await slow.http.request(method, target("polling", polling.sid), content="41")
    assert answer.status_code == 400
    await polling.echo()


async def test_a_request_without_transport_leaves_a_session_alone(
    slow: Site, polling: Polling
) -> None:
    assert (await slow.http.get(target(None, polling.sid))).status_code == 400
    await polling.echo()


# -- messages by long-polling


async def test_a_payload_is_taken_with_ok(polling: Polling) -> None:
    answer = await polling.post(message("message", "hello"))
    assert (answer.status_code, answer.text) == (200, "ok")
    answer = await polling.poll()
    assert answer.status_code == 200
    assert answer.headers["content-type"].lower() == "text/plain; charset=utf-8"
    assert answer.text == message("message-back", "hello")


async def test_a_payload_of_several_packets_keeps_their_order(polling: Polling) -> None:
    sent = [message("message", number, "naïve 😀 \\x1e") for number in range(16)]
    assert (await polling.post(*sent)).status_code == 200
    answer = await polling.poll()
    assert [event(packet)[1] for packet in answer.text.split(SEPARATOR)] == list(range(16))


async def test_binary_packets_are_base64_in_a_payload(polling: Polling) -> None:
    placeholder = {"_placeholder": True, "num": 0}
    head = "451-" + message("message", placeholder).removeprefix("42")
    assert (await polling.post(head, "bAQIDBA==")).status_code == 200
    answer, attachment = await polling.receive(), await polling.receive()
    assert event(answer.replace("451-", "42", 1)) == ["message-back", placeholder]
    assert attachment == "bAQIDBA=="


async def test_a_long_answer_comes_whole(slow: Site, polling: Polling) -> None:
    # httpx takes compressed answers, as browsers do.
    await polling.echo("naïve 😀" * 1_000)


INVALID = {
    "no packet": b"abc",
    "empty": b"",
    "unknown type": b"9",
    "an empty packet at the end": message("message").encode() + b"\x1e",
    "two empty packets": b"\x1e",
    "no UTF-8": b"\xff\xfe",
    "half a base64": b"b4",
    "no base64": f"451-{ATTACHED}\x1ebAQID*BA==".encode(),
}


@pytest.mark.parametrize("payload", INVALID.values(), ids=INVALID)
async def test_an_invalid_payload_ends_the_session(
    slow: Site, polling: Polling, payload: bytes
) -> None:
    answer = await slow.http.post(target("polling", polling.sid), content=payload)
    assert answer.status_code == 400
    assert await polling.is_over()
    assert len(slow.lines) == 1, slow.lines


async def test_two_polls_at_once_end_the_session(slow: Site, polling: Polling) -> None:
    async with asyncio.timeout(2), asyncio.TaskGroup() as group:
        first = group.create_task(polling.poll())
        await slow.waiting("GET")
        second = await polling.poll()
    assert (first.result().status_code, first.result().text) == (200, "1")
    assert second.status_code == 400
    assert await polling.is_over()


async def test_two_payloads_at_once_end_the_session(slow: Site, polling: Polling) -> None:
    body = message("message").encode()
    where = target("polling", polling.sid)
    async with by_hand(slow.url, "POST", where, f"Content-Length: {len(body)}") as first:
        first.send(body[:3])
        await slow.waiting("POST")
        assert (await polling.post(message("message"))).status_code == 400
    assert await polling.is_over()


async def test_a_payload_cut_short_is_not_taken(slow: Site, polling: Polling) -> None:
    body = message("message", "cut short").encode()
    where = target("polling", polling.sid)
    async with by_hand(slow.url, "POST", where, f"Content-Length: {len(body) + 10}") as post:
        post.send(body)
        await slow.waiting("POST")
        post.abort()
        await slow.waiting("POST", 0)
    # Whether the session goes on is left open.
    if (await polling.post(message("message", "whole"))).status_code == 200:
        assert event(await polling.receive()) == ["message-back", "whole"]


async def test_a_cancelled_poll_ends_the_session(slow: Site, polling: Polling) -> None:
    async with by_hand(slow.url, "GET", target("polling", polling.sid)) as poll:
        await slow.waiting("GET")
        poll.abort()
        await slow.waiting("GET", 0)
    assert await polling.is_over()


@pytest.mark.parametrize("told", [True, False])
async def test_too_big_a_payload_is_refused(slow: Site, polling: Polling, told: bool) -> None:
    body = message("message", "x" * MESSAGE_BYTES_MAX).encode()

    async def pieces() -> AsyncIterator[bytes]:
        yield body[:1_000]
        yield body[1_000:]

    content = body if told else pieces()
    answer = await slow.http.post(target("polling", polling.sid), content=content)
    assert answer.status_code in (400, 413)


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_the_biggest_message_is_taken(slow: Site, transport: str) -> None:
    text = "x" * (MESSAGE_BYTES_MAX - len(message("message", "")))
    if transport == "polling":
        polling = Polling(slow.http)
        await polling.enter()
        await polling.echo(text)
        return
    async with websocket(slow.url, max_size=None) as socket:
        await socket.opened()
        await socket.enter()
        await socket.echo(text)


# -- messages by WebSocket


LONG = "".join(f"{number:x}-" for number in range(2_000)) * 8
"""Text that repeats itself farther back than a small window reaches."""
OFFERS = {
    "no compression": None,
    "any": ClientPerMessageDeflateFactory(client_max_window_bits=True),
    "a small window": ClientPerMessageDeflateFactory(server_max_window_bits=9),
    "small windows": ClientPerMessageDeflateFactory(
        server_max_window_bits=12, client_max_window_bits=12
    ),
    "no context": ClientPerMessageDeflateFactory(
        server_no_context_takeover=True, client_no_context_takeover=True
    ),
}


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
async def test_frames_of_every_length_are_read(
    slow: Site, offer: ClientPerMessageDeflateFactory | None
) -> None:
    head = len(message("message-back", ""))
    offers = [offer] if offer else None
    async with websocket(slow.url, compression=None, extensions=offers, max_size=None) as socket:
        await socket.opened()
        await socket.enter()
        for length in (head, 125, 126, 127, 199, 200, 201, 2_000, 60_000, 65_530):
            await socket.echo(LONG[: length - head])
        await socket.send(f'451-[{message("message")[3:-1]},{{"_placeholder":true,"num":0}}]')
        await socket.send(bytes(range(256)))
        assert str(await socket.receive()).startswith("451-")
        assert await socket.receive() == bytes(range(256))


async def test_a_message_in_fragments_is_one_packet(slow: Site) -> None:
    packet = message("message", "naïve 😀")
    async with websocket(slow.url) as socket:
        await socket.opened()
        await socket.enter()
        await socket.connection.send(list(packet))
        assert event(await socket.receive()) == ["message-back", "naïve 😀"]


async def test_a_websocket_ping_is_answered_in_between(slow: Site) -> None:
    async with websocket(slow.url) as socket:
        await socket.opened()
        await socket.enter()
        async with asyncio.timeout(2):
            await (await socket.connection.ping())
        await socket.echo()


@pytest.mark.parametrize("packet", ["abc", "", "9", "😀", "²"])
async def test_an_invalid_packet_closes_the_websocket(slow: Site, packet: str) -> None:
    async with websocket(slow.url) as socket:
        await socket.opened()
        await socket.send(packet)
        assert await socket.ended() == []
    assert len(slow.lines) == 1, slow.lines


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("pieces", [1, 10])
async def test_too_big_a_packet_closes_the_websocket(
    slow: Site, compression: str | None, pieces: int
) -> None:
    packet = message("message", "x" * MESSAGE_BYTES_MAX)
    length = len(packet) // pieces + 1
    async with websocket(slow.url, compression=compression) as socket:
        await socket.opened()
        await socket.enter()
        # Fragments that come after the server has closed are not sent any more.
        with contextlib.suppress(ConnectionClosed):
            await socket.connection.send(
                [packet[at : at + length] for at in range(0, len(packet), length)]
            )
        assert await socket.ended() == []
    assert [namespace for namespace, _ in await slow.departures()] == ["/"]


NO_MASK = bytes(4)
NO_FRAMES = {
    "not masked": b"\x81\x01x",
    "reserved bits": b"\xb1\x81" + NO_MASK + b"4",
    "unknown opcode": b"\x83\x81" + NO_MASK + b"4",
    "nothing to continue": b"\x80\x81" + NO_MASK + b"4",
    "one message within another": b"\x01\x81" + NO_MASK + b"4\x81\x81" + NO_MASK + b"4",
    "ping too long": b"\x89\xfe\x00\x80" + NO_MASK + bytes(128),
    "ping in fragments": b"\x09\x80" + NO_MASK,
    "longer than anything": b"\x81\xff\x7f" + bytes(7) + NO_MASK,
    "no UTF-8": b"\x81\x81" + NO_MASK + b"\xff",
    "no UTF-8 in the end": b"\x01\x81" + NO_MASK + b"4\x80\x81" + NO_MASK + b"\xff",
    "not deflated": b"\xc1\x84" + NO_MASK + b"\xff\xff\xff\xff",
    "half a close code": b"\x88\x81" + NO_MASK + b"x",
    "no close code": b"\x88\x82" + NO_MASK + b"\x00\x01",
    "no UTF-8 as reason": b"\x88\x83" + NO_MASK + b"\x03\xe8\xff",
}


@pytest.mark.parametrize("frame", NO_FRAMES.values(), ids=NO_FRAMES)
async def test_what_is_no_frame_closes_the_websocket(slow: Site, frame: bytes) -> None:
    async with websocket(slow.url) as socket:
        await socket.opened()
        await socket.enter()
        socket.connection.transport.write(frame)
        assert await socket.ended() == []
    assert len(await slow.departures()) == 1
    assert len(slow.lines) <= 1, slow.lines
