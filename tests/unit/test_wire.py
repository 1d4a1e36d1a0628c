"""Messages framed once: what stands on the wire is what a WebSocket library reads."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.wires import packets_of

from callboard.delivery.realtime.server import event_message
from callboard.delivery.realtime.wire import Message


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_frame_tells_its_length(length: int) -> None:
    text = "x" * length
    assert packets_of(Message(text).frame) == [text]


def test_a_binary_message_says_so() -> None:
    assert Message(b"\x00\x01").frame == b"\x82\x02\x00\x01"


def inflated(frame: bytes) -> str:
    """Return the text of a frame as a client reads it that negotiated deflate."""
    assert frame[0] in (0x81, 0xC1)
    if frame[0] == 0x81:
        return packets_of(frame)[0]
    plain = bytes([0x81]) + frame[1:]
    begin = {126: 4, 127: 10}.get(plain[1], 2)
    payload = plain[begin:]
    return zlib.decompressobj(wbits=-15).decompress(payload + b"\x00\x00\xff\xff").decode()


@given(st.text(max_size=2_000), st.integers(1, 400))
def test_a_deflated_frame_says_the_same_and_is_never_longer(text: str, times: int) -> None:
    message = Message((text * times)[:100_000])
    assert len(message.deflated) <= len(message.frame)
    assert inflated(message.deflated) == message.packet


def test_what_repeats_itself_is_deflated_without_the_tail() -> None:
    deflated = Message("ab" * 1_000).deflated
    assert len(deflated) < 100
    # RFC 7692 section 7.2.1: the empty block at the end is left out.
    assert not deflated.endswith(b"\x00\x00\xff\xff")


def test_an_event_is_told_in_the_words_of_the_protocol() -> None:
    message = event_message("resync", b'{"view":"calls"}')
    assert packets_of(message.frame) == ['42["resync",{"view":"calls"}]']
